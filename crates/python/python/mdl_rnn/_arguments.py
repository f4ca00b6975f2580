"""Conversion of arguments."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Union

import numpy as np

from . import _mdl_rnn
from ._errors import ArgumentError

#: A file name.
PathLike = Union[str, "os.PathLike[str]"]
#: Overrides of config fields.
Settings = Union[Mapping[str, Any], Iterable[str], None]
#: Callback with the numbers of finished and of all steps, or True for a progress bar.
Progress = Union[bool, Callable[[int, int], Any], None]


def refuse(argument: str, found: object, expected: str) -> ArgumentError:
    """Error of a wrong argument."""
    return ArgumentError(f"{argument}: found {found}, expected {expected}")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "section"):
        return value.section()
    raise TypeError(f"found a {type(value).__name__}, expected what JSON can hold")


def as_json(argument: str, value: Any) -> str:
    """The value as JSON."""
    try:
        return json.dumps(value, default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise refuse(argument, error, "a dict of numbers, texts, lists and dicts") from None


def whole(argument: str, value: Any, least: int, most: int = 2**64 - 1) -> int:
    """A whole number within bounds."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or not least <= value <= most:
        bound = f"a whole number from {least} to {most}" if most < 2**63 else f"a whole number of at least {least}"
        raise refuse(argument, repr(value), bound)
    return int(value)


def existing(argument: str, path: Any) -> str:
    """The name of a file that exists."""
    try:
        name = os.fsdecode(path)
    except TypeError:
        raise refuse(argument, f"a {type(path).__name__}", "the name of a file") from None
    if not os.path.exists(name):
        raise FileNotFoundError(f"{argument}: {name}: no such file")
    return str(name)


def config_of(config: Any, **sections: Any) -> dict[str, str | None]:
    """The config as the extension module takes it. Sections that are not `None` replace those of the config."""
    sections = {name: value for name, value in sections.items() if value is not None}
    if config is None and not sections:
        return {"path": None, "json": None}
    if isinstance(config, (str, os.PathLike)):
        name = existing("config", config)
        if not sections:
            return {"path": name, "json": None}
        config = json.loads(_mdl_rnn.resolve({"path": name, "json": None}, ([], None)))
    if not isinstance(config, Mapping):
        raise refuse("config", f"a {type(config).__name__}", "a dict with the sections of a config, or the name of a file")
    from ._tasks import task_section

    whole_config = {**config, **sections}
    if "task" in whole_config:
        whole_config["task"] = task_section(whole_config["task"])
    return {"path": None, "json": as_json("config", whole_config)}


def changes(settings: Settings, seed: Any, **extra: Any) -> tuple[list[str], int | None]:
    """Overrides and seed as the extension module takes them."""
    texts: list[str] = []
    if isinstance(settings, Mapping):
        texts = [f"{key}={as_json('set', value)}" for key, value in settings.items()]
    elif isinstance(settings, str) or (settings is not None and not isinstance(settings, Iterable)):
        raise refuse("set", repr(settings), "a dict such as {'lif.refractory_ms': 4}")
    elif settings is not None:
        texts = [str(text) for text in settings]
    texts += [f"{key}={as_json(key, value)}" for key, value in extra.items() if value is not None]
    return texts, None if seed is None else whole("seed", seed, 0)


class Bar:
    """Progress bar of tqdm, in terminals and notebooks."""

    def __init__(self, label: str) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise ImportError("progress=True needs tqdm: pip install tqdm") from None
        self.bar = tqdm(desc=label, unit="step")

    def __call__(self, done: int, total: int) -> None:
        self.bar.total = max(total, done)
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        """Leave the finished bar as it is."""
        self.bar.close()


class Manner:
    """How a job runs: a context manager whose value is what the extension module takes."""

    def __init__(self, label: str, threads: Any, progress: Progress, cancel: Any = None) -> None:
        self.bar = Bar(label) if progress is True else None
        call = self.bar or (progress if callable(progress) else None)
        if progress not in (None, False, True) and call is None:
            raise refuse("progress", repr(progress), "True, or a function of two numbers")
        self.manner = {
            "threads": None if threads is None else whole("threads", threads, 1, 1024),
            "progress": call,
            "cancel": cancel,
        }

    def __enter__(self) -> dict[str, Any]:
        return self.manner

    def __exit__(self, *error: object) -> None:
        if self.bar:
            self.bar.close()


def names_of(argument: str, names: str | Sequence[str] | None) -> list[str]:
    """Names given as a list, or as one text."""
    if names is None:
        return []
    listed = [names] if isinstance(names, str) else list(names)
    for name in listed:
        if not isinstance(name, str):
            raise refuse(argument, repr(name), "names")
    return listed


def numbers_of(argument: str, numbers: Any) -> list[int] | None:
    """Indices given as a range, list, array or single number."""
    if numbers is None:
        return None
    try:
        listed = [numbers] if isinstance(numbers, (int, np.integer)) else list(numbers)
    except TypeError:
        raise refuse(argument, repr(numbers), "indices") from None
    return [whole(argument, number, 0, 2**32 - 1) for number in listed]


def passed(array: np.ndarray[Any, Any]) -> _mdl_rnn._Array:
    """An array as the extension module takes it: address, shape, strides, type, and the array itself."""
    interface = array.__array_interface__
    return interface["data"][0], array.shape, array.strides, interface["typestr"], array
