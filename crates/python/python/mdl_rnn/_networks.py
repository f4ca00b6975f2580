"""Artifacts in memory: networks, trials, activities, evaluations."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _mdl_rnn
from ._arguments import (
    Manner,
    PathLike,
    Progress,
    Settings,
    as_json,
    changes,
    config_of,
    existing,
    names_of,
    numbers_of,
    passed,
    refuse,
    whole,
)
from ._errors import ArgumentError

Array = NDArray[Any]


class Tensors(Mapping[str, Array]):
    """Tensors of an artifact by name, read-only arrays on its memory."""

    def __init__(self, artifact: _mdl_rnn.Artifact) -> None:
        self._artifact = artifact

    def __getitem__(self, name: str) -> Array:
        tensor = self._artifact.tensor(name)
        if tensor is None:
            raise KeyError(name)
        return np.asarray(tensor)

    def __iter__(self) -> Iterator[str]:
        return iter(self._artifact.names)

    def __len__(self) -> int:
        return len(self._artifact.names)

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {tensor.dtype} {tensor.shape}" for name, tensor in self.items())


class Artifact:
    """What a stage made: tensors with the config and the provenance they were made with.

    `load` reads one from a file. Two artifacts are equal if kind, config and tensors are. docs/artifacts.md describes
    every tensor.

    Attributes
    ----------
    kind : str
        Kind, as in the file.
    result : dict
        What the program prints: the result of the stage. Empty for an artifact that was read from a file.
    """

    kind: ClassVar[str] = ""
    _figures: ClassVar[list[str]] = []

    def __init__(self, artifact: _mdl_rnn.Artifact, result: dict[str, Any] | None = None) -> None:
        self._artifact = artifact
        self.result: dict[str, Any] = result or {}

    @property
    def tensors(self) -> Tensors:
        """All tensors by name; read-only arrays, no copies."""
        return Tensors(self._artifact)

    @property
    def config(self) -> dict[str, Any]:
        """The whole resolved config, a copy."""
        found: dict[str, Any] = json.loads(self._artifact.config)
        return found

    @property
    def provenance(self) -> dict[str, Any]:
        """Program, version, seed, inputs with their SHA-256, parent; a copy."""
        found: dict[str, Any] = json.loads(self._artifact.provenance)
        return found

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return str(self.config["name"])

    @property
    def task(self) -> str:
        """Name of the task or data set."""
        section = self.config["task"]
        named: str = section.get("kind") or section.get("file") or section.get("trials", "")
        return os.path.splitext(os.path.basename(named))[0]

    def save(self, path: PathLike, *, force: bool = False) -> None:
        """Write the artifact to a file, atomically.

        Parameters
        ----------
        path : str or os.PathLike
            The file, usually ``.safetensors``.
        force : bool
            Replace an existing file.
        """
        name = os.fspath(path)
        self._artifact.write(name, force)
        self._artifact = self._artifact.named(name)

    def summary(self) -> str:
        """Contents and provenance in words, as the program ``inspect`` prints."""
        return self._artifact.summary()

    def figure(self, name: str) -> str | None:
        """A figure of the report as SVG; `None` if the artifact has no such figure.

        Parameters
        ----------
        name : str
            Name of the figure, such as ``"output"``, ``"raster"``, ``"search"`` or ``"training"``.
        """
        return self._artifact.figure([name])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Artifact) and self._artifact.same(other._artifact)

    __hash__ = None  # type: ignore[assignment]

    def _described(self) -> str:
        return ""

    def __repr__(self) -> str:
        described = self._described()
        return f"<mdl_rnn.{type(self).__name__} {self.name!r}{', ' if described else ''}{described}>"

    def _repr_html_(self) -> str:
        provenance = self.provenance
        rows = {
            "name": self.name,
            "task": self.task,
            "content": self._described(),
            "made by": f"{provenance['program']} {provenance['version']}, seed {provenance['seed']}",
            "inputs": ", ".join(each["file"] for each in provenance["inputs"]) or "none",
        }
        cells = "".join(
            f"<tr><th style='text-align:left'>{html.escape(key)}</th><td style='text-align:left'>{html.escape(value)}</td></tr>"
            for key, value in rows.items()
            if value
        )
        figure = self._artifact.figure(self._figures) if self._figures else None
        drawing = f"<div style='max-width:420px'>{figure}</div>" if figure else ""
        return f"<div><b>{html.escape(type(self).__name__)}</b><table>{cells}</table>{drawing}</div>"


class Trials(Artifact):
    """A set of trials.

    Examples
    --------
    >>> import mdl_rnn
    >>> trials = mdl_rnn.draw_trials("go-nogo", count=4, seed=1)
    >>> trials.inputs.shape, trials.targets.shape
    ((4, 200, 1), (4, 200, 1))
    """

    kind = "trials"

    @property
    def inputs(self) -> Array:
        """Inputs, float32 of shape (trials, steps, channels)."""
        return self.tensors["input"].transpose(1, 0, 2)

    @property
    def targets(self) -> Array:
        """Targets, float32 of shape (trials, steps, outputs)."""
        return self.tensors["target"].transpose(1, 0, 2)

    @property
    def condition(self) -> Array:
        """Index of each trial's condition, uint32 of shape (trials,)."""
        return self.tensors["condition"]

    @property
    def conditions(self) -> list[str]:
        """Name of each trial's condition, if the text of the task lists the names."""
        names = _condition_names(self.config)
        return [names[index] if names else str(index) for index in self.condition.tolist()]

    @property
    def step_ms(self) -> float:
        """Duration of a step (ms)."""
        return float(self.config["task"]["step_ms"])

    def __len__(self) -> int:
        return len(self.condition)

    def _described(self) -> str:
        steps, count, channels = self.tensors["input"].shape
        return f"{count} trials, {steps} steps, {channels} channels"


def _condition_names(config: dict[str, Any]) -> list[str]:
    import ast

    section = config["task"]
    if section.get("contents"):
        return list(section["contents"]["conditions"])
    try:
        tree = ast.parse(section.get("source", ""))
    except SyntaxError:
        return []
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "conditions":
            try:
                return list(ast.literal_eval(node.value))
            except ValueError:
                return []
    return []


class Activity(Artifact):
    """States of a network on trials: every recorded quantity as an array of shape (trials, steps, width).

    Quantities that were not recorded are missing: their properties raise `AttributeError`.

    Examples
    --------
    >>> import mdl_rnn, numpy as np
    >>> network = mdl_rnn.SpikingNetwork.draw("mante-spiking", set={"network.neurons": 20})
    >>> activity = network.run(np.zeros((2, 50, 4), np.float32), record=["output", "spikes"])
    >>> activity.output.shape, activity.spikes.shape, activity.spikes.dtype
    ((2, 50, 1), (2, 50, 20), dtype('uint8'))
    """

    kind = "activity"
    _figures = ["raster", "output"]

    def _recorded(self, quantity: str, *names: str) -> Array:
        for name in names:
            if name in self.tensors:
                return self.tensors[name]
        raise AttributeError(f"{quantity} was not recorded: run(…, record=[{quantity!r}])")

    @property
    def output(self) -> Array:
        """Outputs, float32 of shape (trials, steps, outputs)."""
        return self._recorded("output", "output")

    @property
    def target(self) -> Array:
        """Targets, float32 of shape (trials, steps, outputs); not of runs on inputs alone."""
        return self._recorded("output", "target")

    @property
    def rate(self) -> Array:
        """Rates r, float32 of shape (trials, steps, units)."""
        return self._recorded("rate", "rate")

    @property
    def potential(self) -> Array:
        """Membrane potentials, float32 of shape (trials, steps, units); in mV for LIF networks."""
        return self._recorded("potential", "v_mv", "potential")

    @property
    def current(self) -> Array:
        """Currents, float32 of shape (trials, steps, units); in mV for LIF networks."""
        return self._recorded("current", "ipsc_mv", "current")

    @property
    def modes(self) -> Array:
        """Activity of each mode, float32 of shape (trials, steps, modes)."""
        return self._recorded("modes", "mode_activity")

    @property
    def input(self) -> Array:
        """Inputs, float32 of shape (trials, steps, channels)."""
        return self._recorded("input", "input")

    @property
    def spikes(self) -> Array:
        """Spikes of each unit since the recorded step before, uint8 of shape (trials, steps, units)."""
        return self._recorded("spikes", "spike_count")

    @property
    def time_ms(self) -> Array:
        """Times of the recorded steps (ms), float64 of shape (steps,)."""
        return self.tensors["time_ms"]

    @property
    def units(self) -> Array:
        """Recorded units, uint32 of shape (units,)."""
        return self.tensors["recorded_unit"]

    def spike_times(self, trial: int) -> list[Array]:
        """Times of the spikes of each recorded unit in a trial (ms), as for Neo's ``SpikeTrain``.

        Parameters
        ----------
        trial : int
            Index among the recorded trials.

        Returns
        -------
        list of numpy.ndarray
            Times in ms for each unit, ascending.
        """
        counts = self.spikes
        whole("trial", trial, 0, len(counts) - 1)
        times = self.time_ms
        return [np.repeat(times, counts[trial, :, unit]) for unit in range(counts.shape[2])]

    def sparse_spikes(self, trial: int) -> Any:
        """Spikes of a trial as a ``scipy.sparse.csr_array`` of shape (steps, units).

        Parameters
        ----------
        trial : int
            Index among the recorded trials.
        """
        from scipy.sparse import csr_array

        counts = self.spikes
        whole("trial", trial, 0, len(counts) - 1)
        return csr_array(counts[trial])

    def _described(self) -> str:
        return f"{len(self.tensors['trial'])} trials, {len(self.time_ms)} steps, {len(self.units)} units"


class Evaluation(Artifact):
    """Result of a network on a set of trials."""

    kind = "evaluation"
    _figures = ["output", "confusion"]

    @property
    def performance(self) -> float:
        """Fraction of correct answers."""
        return float(self.correct.mean())

    @property
    def correct(self) -> Array:
        """1 for each trial answered correctly, else 0, uint8 of shape (trials,)."""
        return self.tensors["correct"]

    @property
    def output(self) -> Array:
        """Outputs, float32 of shape (trials, times, outputs); not of data sets."""
        return self.tensors["output"]

    @property
    def target(self) -> Array:
        """Targets, float32 of shape (trials, times, outputs); not of data sets."""
        return self.tensors["target"]

    @property
    def time_ms(self) -> Array:
        """Times of the outputs (ms), float64 of shape (times,)."""
        return self.tensors["time_ms"]

    def _described(self) -> str:
        return f"{len(self.correct)} trials, {self.performance:.3f} correct"


class Network(Artifact):
    """A network of any kind."""

    def __init__(self, artifact: _mdl_rnn.Artifact, result: dict[str, Any] | None = None) -> None:
        if artifact.kind != self.kind:
            raise refuse("network", f"a {artifact.kind} artifact", f"a {self.kind} network")
        super().__init__(artifact, result)

    @classmethod
    def from_arrays(cls, config: Any, **tensors: ArrayLike) -> Any:
        """A network with these parameters.

        Parameters
        ----------
        config : dict, str or os.PathLike
            Config with the sections ``name``, ``task`` and ``network``, as a dict or a file.
        **tensors : array_like
            The tensors of docs/artifacts.md by name, such as ``w_in`` of shape (N, K). Numbers are converted to single
            precision.

        Examples
        --------
        >>> import mdl_rnn
        >>> config = {"name": "tiny", "task": "mante",
        ...           "network": {"kind": "spiking", "neurons": 3, "modes": 1,
        ...                       "neuron": {"dt_ms": 5, "tau_rise_ms": 10}}}
        >>> import numpy as np
        >>> zeros = np.zeros
        >>> network = mdl_rnn.SpikingNetwork.from_arrays(
        ...     config, w_in=zeros((3, 4)), mode_in=zeros((3, 1)), score=[1.0], mode_out=zeros((3, 1)), w_out=zeros((1, 3)))
        >>> network.N, network.P
        (3, 1)
        """
        text = _mdl_rnn.resolve(config_of(config), ([], None))
        return cls(_mdl_rnn.Artifact.network(cls.kind, text, {name: passed(array) for name, array in _numbers(tensors).items()}))

    @property
    def N(self) -> int:
        """Number of units."""
        return int(self.config["network"]["neurons"])

    @property
    def P(self) -> int | None:
        """Number of modes; `None` for a network without modes."""
        section = self.config["network"]
        modes = section.get("modes", section.get("recurrence", {}).get("modes"))
        return None if modes is None else int(modes)

    @property
    def w_in(self) -> Array:
        """Input weights, float32 of shape (N, inputs)."""
        return self.tensors["w_in"]

    @property
    def w_out(self) -> Array:
        """Output weights, float32 of shape (outputs, N)."""
        return self.tensors["w_out"]

    @property
    def mode_in(self) -> Array | None:
        """Ξ_in, float32 of shape (N, P); `None` for a network without modes."""
        return self.tensors.get("mode_in")

    @property
    def mode_out(self) -> Array | None:
        """Ξ_out, float32 of shape (N, P); `None` for a network without modes."""
        return self.tensors.get("mode_out")

    @property
    def score(self) -> Array | None:
        """λ, float32 of shape (P,); `None` for a network without modes."""
        return self.tensors.get("score")

    @property
    def history(self) -> dict[str, Array]:
        """Learning curve: arrays of shape (evaluations,) by name, such as ``update`` and ``loss``."""
        prefix = "history."
        return {name[len(prefix) :]: values for name, values in self.tensors.items() if name.startswith(prefix)}

    def run(
        self,
        inputs: ArrayLike | None = None,
        *,
        trials: Trials | int | None = None,
        record: str | Sequence[str] | None = None,
        units: Any = None,
        only: Any = None,
        every: int = 1,
        seed: int | None = None,
        threads: int | None = None,
        set: Settings = None,
        accept_other_trials: bool = False,
        progress: Progress = False,
        cancel: _mdl_rnn.Cancel | None = None,
    ) -> Activity:
        """Run the network and record its states.

        Parameters
        ----------
        inputs : array_like, shape (trials, steps, channels), optional
            Inputs. Arrays of float32 and float64 are read in place, with any strides. They must not change during the
            run.
        trials : Trials or int, optional
            Trials in place of inputs, or the number of fresh ones (default: the config's).
        record : sequence of str, optional
            Quantities: ``potential``, ``rate``, ``current``, ``spikes``, ``modes``, ``output``, ``input``. Default:
            ``output`` and ``rate`` for rate networks, ``output`` and ``spikes`` for others.
        units, only : sequence of int, optional
            Units and trials to record (default: all).
        every : int
            Record every so many steps of the task, for LIF networks of the simulation.
        seed : int, optional
            Seed of noise and fresh trials (default: the config's).
        threads : int, optional
            Threads to compute on (default: all cores). Results do not depend on it.
        set : dict, optional
            Other values of config fields, such as ``{"lif.refractory_ms": 4}``.
        accept_other_trials : bool
            Accept trials of another task.
        progress : bool or function of two int
            Show a progress bar (tqdm), or call a function with the numbers of finished and of all trials.
        cancel : Cancel, optional
            Stops the run from another thread.

        Returns
        -------
        Activity
            The recorded arrays, of shape (trials, steps, width).

        Examples
        --------
        >>> import mdl_rnn, numpy as np
        >>> network = mdl_rnn.RateNetwork.draw("go-nogo", set={"network.neurons": 30})
        >>> activity = network.run(np.zeros((5, 100, 1)), record="rate", units=range(10), every=10)
        >>> activity.rate.shape, activity.time_ms[:3].tolist()
        ((5, 10, 10), [0.0, 50.0, 100.0])
        """
        if inputs is not None and trials is not None:
            raise refuse("trials", "both trials and inputs", "one of them")
        array = None if inputs is None else passed(_inputs(inputs))
        count = None
        if trials is not None and not isinstance(trials, Trials):
            count = whole("trials", trials, 1, 1_000_000_000)
        given = trials._artifact if isinstance(trials, Trials) else None
        what = (names_of("record", record), numbers_of("units", units), numbers_of("only", only), whole("every", every, 1, 2**32 - 1))
        changed = changes(set, seed, **{"evaluation.trials": count})
        with Manner(self.name, threads, progress, cancel) as manner:
            found, result = _mdl_rnn.run(self._artifact, array, given, accept_other_trials, what, changed, manner)
        return Activity(found, json.loads(result))

    def _described(self) -> str:
        modes = f", P = {self.P}" if self.P is not None else ""
        return f"N = {self.N}{modes}, task {self.task}"


def _inputs(value: ArrayLike) -> Array:
    array = np.asarray(value)
    if array.dtype.kind in "iub":
        array = array.astype(np.float32)
    elif array.dtype.kind == "f" and (array.dtype.itemsize not in (4, 8) or not array.dtype.isnative):
        array = array.astype(np.float64)
    if array.dtype.kind != "f" or array.ndim != 3:
        found = f"an array of {array.dtype} of shape {array.shape}"
        raise refuse("inputs", found, "real numbers of shape (trials, steps, channels)")
    return array


def _numbers(tensors: Mapping[str, ArrayLike]) -> dict[str, Array]:
    converted: dict[str, Array] = {}
    for name, value in tensors.items():
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise refuse(name, f"an array of {array.dtype}", "real numbers")
        if not np.isfinite(array).all():
            raise refuse(name, "numbers that are not finite", "finite numbers")
        double = name == "importance" or name.endswith("scaling_factor")
        dtype = np.uint8 if name == "mask" else np.float64 if double else np.float32
        converted[name] = np.ascontiguousarray(array, dtype)
    return converted


class RateNetwork(Network):
    """A rate network, dense or with modes.

    Examples
    --------
    >>> import mdl_rnn
    >>> network = mdl_rnn.RateNetwork.draw("go-nogo", set={"network.neurons": 50}, seed=3)
    >>> network
    <mdl_rnn.RateNetwork 'go-nogo', N = 50, task go-nogo>
    >>> network.w_rec.shape, network.tau_ms.shape
    ((50, 50), (50,))
    """

    kind = "rate"
    _figures = ["training"]

    @classmethod
    def draw(cls, config: Any, *, seed: int | None = None, set: Settings = None) -> RateNetwork:
        """The network before its training: what training starts with for this config and seed.

        Parameters
        ----------
        config : dict, str or os.PathLike
            Config as for `train`, or the name of one that comes with the package.
        seed : int, optional
            Seed (default: the config's).
        set : dict, optional
            Other values of config fields.
        """
        return cls(_mdl_rnn.draw_network(_named(config), changes(set, seed)))

    @property
    def w_rec(self) -> Array | None:
        """Recurrent weights before rectification, float32 of shape (N, N); `None` for a network with modes."""
        return self.tensors.get("w_rec")

    @property
    def sign(self) -> Array | None:
        """Sign of each unit's outgoing weights, float32 of shape (N,); `None` without Dale's principle."""
        return self.tensors.get("sign")

    @property
    def tau_ms(self) -> Array | None:
        """Time constants (ms), float32 of shape (N,)."""
        return self.tensors.get("tau_ms")

    @property
    def b_out(self) -> Array | None:
        """Output bias, float32 of shape (outputs,); `None` without one."""
        return self.tensors.get("b_out")


class SpikingNetwork(Network):
    """A spiking mode network, W_rec = Ξ_in diag(λ) Ξ_outᵀ.

    Examples
    --------
    >>> import mdl_rnn
    >>> network = mdl_rnn.SpikingNetwork.draw("mante-spiking")
    >>> network.N, network.P, network.mode_in.shape
    (100, 3, (100, 3))
    """

    kind = "spiking"
    _figures = ["training"]

    @classmethod
    def draw(cls, config: Any, *, seed: int | None = None, set: Settings = None) -> SpikingNetwork:
        """The network before its training: what training starts with for this config and seed.

        Parameters
        ----------
        config : dict, str or os.PathLike
            Config as for `train`, or the name of one that comes with the package.
        seed : int, optional
            Seed (default: the config's).
        set : dict, optional
            Other values of config fields.
        """
        return cls(_mdl_rnn.draw_network(_named(config), changes(set, seed)))

    @property
    def tau_membrane_ms(self) -> Array | None:
        """Membrane time constants (ms), float32 of shape (N,); `None` if all neurons have that of the config."""
        return self.tensors.get("tau_membrane_ms")


class LifNetwork(Network):
    """A leaky integrate-and-fire network made from a rate network, with its scaling factor."""

    kind = "lif"
    _figures = ["search"]

    @property
    def scaling_factor(self) -> float:
        """Scaling factor of the recurrent weights."""
        return float(self.tensors["scaling_factor"][0])

    @property
    def search(self) -> dict[str, Array]:
        """Search curve: arrays of shape (factors,) by name, such as ``scaling_factor``, ``trials`` and ``correct``."""
        prefix = "search."
        return {name[len(prefix) :]: values for name, values in self.tensors.items() if name.startswith(prefix)}

    def _described(self) -> str:
        return f"{super()._described()}, scaling factor {self.scaling_factor:g}"


class Analysis(Artifact):
    """Results of the analyses of a network: ``analysis["fixed_points.state"]`` is an array, docs/artifacts.md describes each.

    Examples
    --------
    >>> import mdl_rnn
    >>> network = mdl_rnn.RateNetwork.draw("go-nogo-modes", set={"network.neurons": 20})
    >>> analysis = mdl_rnn.analyze(network, trials=4, only="importance")
    >>> analysis.part("importance")["value"].shape == analysis["importance.value"].shape
    True
    """

    kind = "analysis"
    _figures = ["fixed-points", "flow", "mode-space"]

    def __getitem__(self, name: str) -> Array:
        return self.tensors[name]

    def part(self, name: str) -> dict[str, Array]:
        """The arrays of one analysis, such as ``"fixed_points"``, by the rest of their names."""
        prefix = f"{name}."
        return {key[len(prefix) :]: values for key, values in self.tensors.items() if key.startswith(prefix)}

    def _described(self) -> str:
        return ", ".join(dict.fromkeys(name.split(".")[0] for name in self.tensors))


KINDS: dict[str, type[Artifact]] = {
    each.kind: each for each in (RateNetwork, SpikingNetwork, LifNetwork, Trials, Activity, Evaluation, Analysis)
}


def _named(config: Any) -> dict[str, str | None]:
    from . import _tasks

    if isinstance(config, str) and not os.path.exists(config) and config in _tasks.config_names():
        config = _tasks.config(config)
    return config_of(config)


def load(path: PathLike) -> Any:
    """Read an artifact.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Returns
    -------
    RateNetwork, SpikingNetwork, LifNetwork, Trials, Activity, Evaluation or Analysis
        By the kind of the artifact.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DamagedFileError
        If it is no artifact, or damaged.
    """
    artifact = _mdl_rnn.Artifact.read(existing("path", path))
    kind = KINDS.get(artifact.kind)
    if kind is None:
        raise ArgumentError(f"path: found a {artifact.kind} artifact, expected a network, trials, activity, evaluation or analysis")
    return kind(artifact)
