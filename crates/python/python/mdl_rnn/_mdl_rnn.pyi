"""The extension module."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, final

from numpy.typing import NDArray

__version__: str

_Changes = tuple[list[str], int | None]
_Config = Mapping[str, str | None]
_Manner = Mapping[str, Any]
_What = tuple[list[str], list[int] | None, list[int] | None, int]
_Analyses = tuple[list[str], list[float], list[list[float]], int]
_Path = str | PathLike[str]
# Address, shape, strides, type, and the array that keeps the memory alive.
_Array = tuple[int, tuple[int, ...], tuple[int, ...], str, NDArray[Any]]

@final
class Cancel:
    """A flag that stops the work it is given to, from any thread."""

    def __new__(cls) -> Cancel: ...
    def set(self) -> None: ...

@final
class Memory:
    @property
    def __array_interface__(self) -> dict[str, Any]: ...

@final
class Artifact:
    @staticmethod
    def read(path: _Path) -> Artifact: ...
    @staticmethod
    def network(kind: str, config: str, tensors: dict[str, _Array]) -> Artifact: ...
    def write(self, path: _Path, force: bool) -> None: ...
    def named(self, path: _Path) -> Artifact: ...
    def same(self, other: Artifact) -> bool: ...
    @property
    def kind(self) -> str: ...
    @property
    def config(self) -> str: ...
    @property
    def provenance(self) -> str: ...
    @property
    def path(self) -> _Path: ...
    @property
    def sha256(self) -> str: ...
    @property
    def names(self) -> list[str]: ...
    def tensor(self, name: str) -> Memory | None: ...
    def summary(self) -> str: ...
    def figure(self, names: list[str]) -> str | None: ...

@final
class SpikingTape:
    @staticmethod
    def run(
        neuron: str,
        parameters: dict[str, _Array],
        inputs: _Array,
        readout: str,
        differentiate_inputs: bool,
        manner: _Manner,
    ) -> SpikingTape: ...
    def output(self) -> Memory: ...
    def backward(self, gradient: _Array, manner: _Manner) -> dict[str, Memory]: ...

@final
class RateTape:
    @staticmethod
    def run(
        config: str,
        step_ms: float,
        parameters: dict[str, _Array],
        inputs: _Array,
        noise: tuple[int, int],
        differentiate_inputs: bool,
        manner: _Manner,
    ) -> RateTape: ...
    def output(self) -> Memory: ...
    def backward(self, gradient: _Array, manner: _Manner) -> dict[str, Memory]: ...

def train(
    config: _Config,
    start: tuple[Artifact | None, bool, bool],
    changes: _Changes,
    checkpoint: tuple[_Path, bool, float] | None,
    rows: Callable[[str], bool] | None,
    manner: _Manner,
) -> tuple[Artifact, str]: ...
def find_scaling_factor(network: Artifact, changes: _Changes, manner: _Manner) -> tuple[Artifact, str]: ...
def calibrate(network: Artifact, changes: _Changes, manner: _Manner) -> tuple[Artifact, str]: ...
def evaluate(
    network: Artifact, trials: Artifact | None, accept_other: bool, changes: _Changes, manner: _Manner
) -> tuple[Artifact, str]: ...
def analyze(
    network: Artifact,
    other: Artifact | None,
    trials: Artifact | None,
    accept_other: bool,
    what: _Analyses,
    changes: _Changes,
    manner: _Manner,
) -> tuple[Artifact, str]: ...
def run(
    network: Artifact,
    inputs: _Array | None,
    trials: Artifact | None,
    accept_other: bool,
    what: _What,
    changes: _Changes,
    manner: _Manner,
) -> tuple[Artifact, str]: ...
def draw_trials(config: _Config, changes: _Changes, manner: _Manner) -> Artifact: ...
def draw_network(config: _Config, changes: _Changes) -> Artifact: ...
def resolve(config: _Config, changes: _Changes) -> str: ...
def import_network(
    path: _Path,
    name: str,
    kind: str | None,
    task: str | None,
    synapse: str | None,
    ignore: list[str],
    mapping: _Path | None,
    changes: _Changes,
    manner: _Manner,
) -> Artifact: ...
def export_network(
    artifact: Artifact, path: _Path, layout: str | None, force: bool, changes: _Changes, manner: _Manner
) -> None: ...
def shipped() -> list[tuple[str, str]]: ...
def program_names() -> list[str]: ...
def program(arguments: Sequence[str], share: _Path) -> int: ...
