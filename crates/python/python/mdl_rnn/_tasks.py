"""Tasks: those that come with the package, files, Python functions, arrays, and NeuroGym's environments."""

from __future__ import annotations

import ast
import inspect
import json
import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np

from . import _mdl_rnn
from ._arguments import PathLike, existing, refuse
from ._errors import ArgumentError

# Texts of the configs and tasks of the package, by name such as `tasks/xor.star`.
_SHIPPED = dict(_mdl_rnn.shipped())


class Task:
    """A task in the language of docs/tasks.md, a subset of Python.

    Parameters
    ----------
    source : str
        Text of the task.
    file : str, optional
        Name of its file, for messages and artifacts.
    parameters : dict, optional
        Parameters that differ from the text's own.
    step_ms : float, optional
        Duration of a step (ms), if it differs from the text's own.
    rules : {"published", "strict"}, optional
        Rules that answers are judged by.

    Examples
    --------
    >>> import mdl_rnn
    >>> task = mdl_rnn.Task.named("go-nogo", parameters={"go_probability": 1.0})
    >>> trials = mdl_rnn.draw_trials(task, count=3, seed=1)
    >>> trials.conditions
    ['Go', 'Go', 'Go']
    """

    def __init__(
        self,
        source: str,
        *,
        file: str = "task.star",
        parameters: Mapping[str, Any] | None = None,
        step_ms: float | None = None,
        rules: str | None = None,
    ) -> None:
        self.source = source
        self.file = file
        self.parameters = dict(parameters or {})
        self.step_ms = step_ms
        self.rules = rules

    @classmethod
    def named(cls, name: str, **options: Any) -> Task:
        """A task that comes with the package; `task_names` lists them.

        Parameters
        ----------
        name : str
            Name, such as ``"go-nogo"``.
        **options
            Options of `Task`, such as ``parameters``.
        """
        if name not in task_names():
            raise refuse("task", repr(name), "one of " + ", ".join(task_names()))
        return cls(_SHIPPED[f"tasks/{name}.star"], file=f"{name}.star", **options)

    @classmethod
    def from_file(cls, path: PathLike, **options: Any) -> Task:
        """A task in a file.

        Parameters
        ----------
        path : str or os.PathLike
            The file, in Starlark.
        **options
            Options of `Task`, such as ``parameters``.
        """
        name = existing("task", path)
        return cls(Path(name).read_text("utf-8"), file=os.path.basename(name), **options)

    def section(self) -> dict[str, Any]:
        """The section ``task`` of a config."""
        section: dict[str, Any] = {"file": self.file, "source": self.source, "parameters": self.parameters}
        if self.step_ms is not None:
            section["step_ms"] = self.step_ms
        if self.rules is not None:
            section["rules"] = self.rules
        return section

    def __repr__(self) -> str:
        return f"<mdl_rnn.Task {self.file}>"


def _text_of(function: Callable[..., Any], name: str) -> str:
    """Text of a function under another name, without its decorators."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError):
        raise refuse(name, repr(function), "a function of this program whose text can be read, no lambda") from None
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise refuse(name, "a " + type(definition).__name__, "a function defined by def")
    body = "\n".join(text.splitlines()[definition.lineno - 1 : definition.end_lineno])
    return body.replace(f"def {definition.name}", f"def {name}", 1) + "\n"


def task(
    *,
    step_ms: float,
    inputs: Sequence[str],
    outputs: Sequence[str],
    conditions: Sequence[str],
    duration_ms: float | Callable[..., Any],
    parameters: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., Any]], Task]:
    """Make a task of a Python function that draws a trial.

    The text of the function is the function ``trial(t, p)`` of a file of the same task, and draws the same trials, on any
    number of threads. It may use what the language of docs/tasks.md has: ``t``, ``p``, and Python without imports,
    classes, exceptions and variables from outside.

    Parameters
    ----------
    step_ms : float
        Duration of a step (ms).
    inputs, outputs, conditions : sequence of str
        Names of the input channels, output channels and conditions.
    duration_ms : float or function of p
        Duration of the longest trial (ms).
    parameters : dict, optional
        Parameters with their values, the attributes of ``p``.

    Examples
    --------
    >>> import mdl_rnn
    >>> @mdl_rnn.task(step_ms=10, inputs=["cue"], outputs=["answer"], conditions=["left", "right"],
    ...               duration_ms=500, parameters={"height": 1.0})
    ... def side(t, p):
    ...     left = t.coin(0.5)
    ...     t.pulse("cue", 100, 200, p.height if left else -p.height)
    ...     t.pulse("answer", 200, height=1 if left else -1)
    ...     t.near("answer", 0.5, from_ms=300)
    ...     return "left" if left else "right"
    >>> side.file
    'side.star'
    """

    def make(function: Callable[..., Any]) -> Task:
        stated = {"step_ms": step_ms, "inputs": list(inputs), "outputs": list(outputs), "conditions": list(conditions)}
        lines = [f"{name} = {value!r}" for name, value in stated.items()]
        if parameters:
            lines.append(f"parameters = {dict(parameters)!r}")
        if callable(duration_ms):
            lines.append(_text_of(duration_ms, "duration_ms"))
        else:
            lines.append(f"duration_ms = {duration_ms!r}")
        source = "\n".join([*lines, "", _text_of(function, "trial")])
        return Task(source, file=f"{function.__name__}.star")

    return make


def task_section(value: Any) -> Any:
    """The section ``task`` of a config for a task of any kind."""
    if isinstance(value, Task):
        return value.section()
    if isinstance(value, (str, os.PathLike)):
        if isinstance(value, str) and value in task_names():
            return Task.named(value).section()
        if str(value).endswith((".npz", ".safetensors")):
            raise refuse("task", repr(value), "a file of trials in a dict with its step: {'trials': ..., 'step_ms': ...}")
        if str(value).endswith(".star"):
            return Task.from_file(value).section()
        raise refuse("task", repr(value), "a .star file, or one of " + ", ".join(task_names()))
    if isinstance(value, Mapping):
        return dict(value)
    raise refuse("task", f"a {type(value).__name__}", "a name, a .star file, a Task or a dict")


def _names(folder: str) -> list[str]:
    return sorted(os.path.splitext(name)[0][len(folder) + 1 :] for name in _SHIPPED if name.startswith(f"{folder}/"))


def task_names() -> list[str]:
    """Names of the tasks that come with the package.

    Examples
    --------
    >>> import mdl_rnn
    >>> "go-nogo" in mdl_rnn.task_names()
    True
    """
    return _names("tasks")


def config_names() -> list[str]:
    """Names of the configs that come with the package.

    Examples
    --------
    >>> import mdl_rnn
    >>> "mante-spiking" in mdl_rnn.config_names()
    True
    """
    return [name for name in _names("configs") if name != "schema"]


def config(name: str) -> dict[str, Any]:
    """A config that comes with the package, as a dict to change and to train with.

    Parameters
    ----------
    name : str
        Name, such as ``"go-nogo"``; `config_names` lists them.

    Examples
    --------
    >>> import mdl_rnn
    >>> mdl_rnn.config("go-nogo")["network"]["neurons"]
    200
    """
    if name not in config_names():
        raise refuse("config", repr(name), "one of " + ", ".join(config_names()))
    found: dict[str, Any] = json.loads(_SHIPPED[f"configs/{name}.json"])
    found.pop("$schema", None)
    section = found["task"]
    if isinstance(section, dict) and "file" in section:
        section["source"] = _SHIPPED[section["file"].removeprefix("../")]
    return found


def task_from_arrays(
    path: PathLike,
    inputs: Any,
    targets: Any,
    *,
    step_ms: float,
    weights: Any = None,
    conditions: Any = None,
    force: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Make a task of trials in arrays, which are written to a file.

    Parameters
    ----------
    path : str or os.PathLike
        File to write, ``.npz``.
    inputs : array_like, shape (trials, steps, channels)
        Inputs.
    targets : array_like, shape (trials, steps, outputs)
        Targets.
    step_ms : float
        Duration of a step (ms).
    weights : array_like, shape (trials, steps, outputs), optional
        Weight of each error in the loss.
    conditions : array_like, shape (trials,), optional
        Condition of each trial.
    force : bool
        Replace an existing file.
    **options
        Other fields of the section, such as ``rule``; see docs/trials.md.

    Returns
    -------
    dict
        The section ``task`` of a config.
    """
    name = os.fspath(path)
    if not name.endswith(".npz"):
        raise refuse("path", repr(name), "a name that ends in .npz")
    if os.path.exists(name) and not force:
        raise ArgumentError(f"path: {name} exists; use force=True to replace it")
    arrays = {"inputs": _three("inputs", inputs), "targets": _three("targets", targets)}
    if weights is not None:
        arrays["weights"] = _three("weights", weights)
    if conditions is not None:
        arrays["conditions"] = np.asarray(conditions)
    trials = len(arrays["inputs"])
    for argument, array in arrays.items():
        if len(array) != trials:
            raise refuse(argument, f"{len(array)} trials", f"{trials}, as inputs has")
    names = {"inputs": "input", "targets": "target", "weights": "weight", "conditions": "condition"}
    np.savez(name, **{names[argument]: array for argument, array in arrays.items()})  # type: ignore[arg-type]
    return {"trials": os.path.abspath(name), "step_ms": step_ms, **options}


def _three(argument: str, value: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(value)
    if array.ndim != 3 or array.dtype.kind not in "fiub" or 0 in array.shape:
        raise refuse(argument, f"an array of {array.dtype} of shape {array.shape}", "numbers of shape (trials, steps, channels)")
    if not np.isfinite(array).all():
        raise refuse(argument, "numbers that are not finite", "finite numbers")
    return array.astype(np.float32, copy=False)


def from_neurogym(environment: Any, path: PathLike, *, trials: int, seed: int = 0, force: bool = False) -> dict[str, Any]:
    """Make a task of trials of a NeuroGym environment, which are written to a file.

    Each trial has the environment's observations as inputs; the target of the correct action's output is 1.

    Parameters
    ----------
    environment : neurogym.TrialEnv or str
        The environment, or its name, such as ``"PerceptualDecisionMaking-v0"``.
    path : str or os.PathLike
        File to write, ``.npz``.
    trials : int
        Number of trials.
    seed : int
        Seed of the environment.
    force : bool
        Replace an existing file.

    Returns
    -------
    dict
        The section ``task`` of a config.
    """
    if isinstance(environment, str):
        import neurogym

        environment = neurogym.make(environment)
    environment = environment.unwrapped
    # `reset` seeds Gymnasium's generator alone; trials come from NeuroGym's.
    environment.seed(seed)
    environment.reset(seed=seed)
    drawn = []
    for _ in range(trials):
        environment.new_trial()
        drawn.append((np.array(environment.ob, np.float32), np.array(environment.gt, np.int64)))
    steps = max(len(observations) for observations, _ in drawn)
    channels, outputs = drawn[0][0].shape[1], int(environment.action_space.n)
    inputs = np.zeros((trials, steps, channels), np.float32)
    targets = np.zeros((trials, steps, outputs), np.float32)
    weights = np.zeros((trials, steps, outputs), np.float32)
    for trial, (observations, truth) in enumerate(drawn):
        length = len(observations)
        inputs[trial, :length] = observations
        targets[trial, np.arange(length), truth] = 1
        weights[trial, :length] = 1
    return task_from_arrays(path, inputs, targets, step_ms=float(environment.dt), weights=weights, force=force)


#: A task of any kind: a name, a ``.star`` file, a `Task`, or the section of a config.
TaskLike = Union[str, "os.PathLike[str]", Task, Mapping[str, Any]]
