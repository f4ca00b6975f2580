"""The stages as functions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Union

from . import _mdl_rnn
from ._arguments import Manner, PathLike, Progress, Settings, changes, config_of, existing, names_of, refuse, whole
from ._networks import Analysis, Artifact, Evaluation, LifNetwork, Network, RateNetwork, SpikingNetwork, Trials, _named
from ._tasks import TaskLike

Trained = Union[RateNetwork, SpikingNetwork]


def _network(argument: str, network: Any, *kinds: type[Network]) -> _mdl_rnn.Artifact:
    if not isinstance(network, kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise refuse(argument, f"a {type(network).__name__}", f"a {names}")
    artifact: _mdl_rnn.Artifact = network._artifact
    return artifact


def _rows(callbacks: Any) -> Callable[[str], bool] | None:
    if callbacks is None:
        return None
    listed = [callbacks] if callable(callbacks) else list(callbacks)
    for each in listed:
        if not callable(each):
            raise refuse("callbacks", repr(each), "functions of a dict")

    def tell(text: str) -> bool:
        row = json.loads(text)
        return all([each(row) is not False for each in listed])

    return tell


def train(
    config: Mapping[str, Any] | PathLike | None = None,
    *,
    task: TaskLike | None = None,
    start: Trained | None = None,
    new_inputs: bool = False,
    new_outputs: bool = False,
    seed: int | None = None,
    set: Settings = None,
    threads: int | None = None,
    checkpoint: PathLike | None = None,
    resume: bool = False,
    checkpoint_every: float = 30.0,
    callbacks: Callable[[dict[str, Any]], Any] | Iterable[Callable[[dict[str, Any]], Any]] | None = None,
    progress: Progress = False,
    cancel: _mdl_rnn.Cancel | None = None,
) -> Any:
    """Train a network, as the programs ``train-rate`` and ``train-spiking`` do, with the same result.

    Parameters
    ----------
    config : dict, str or os.PathLike, optional
        Config of the experiment: a dict, a file, or the name of a config that comes with the package. May be left out
        with `start`.
    task : str, os.PathLike, Task or dict, optional
        Task in place of the config's.
    start : RateNetwork or SpikingNetwork, optional
        Network to start from.
    new_inputs, new_outputs : bool
        With `start`: draw new input or output weights.
    seed : int, optional
        Seed of every random number (default: the config's).
    set : dict, optional
        Other values of config fields, such as ``{"training.learning_rate": 0.005}``.
    threads : int, optional
        Threads to compute on (default: all cores). Results do not depend on it.
    checkpoint : str or os.PathLike, optional
        Name of a file for the network. The state of the training is kept beside it, in ``checkpoint.partial``, as the
        programs keep it: from time to time, and when the training is stopped (Ctrl-C, `cancel`, a callback). It is
        removed when the training is finished; save the network yourself.
    resume : bool
        With `checkpoint`: continue from the state, if there is one. The result is that of a training without a break.
    checkpoint_every : float
        Seconds between two saves.
    callbacks : function or sequence of functions, optional
        Called at every evaluation with a dict of ``update``, ``training_loss``, ``loss``, ``performance`` and
        ``learning_rate``. Training stops with `Interrupted` if one returns `False`.
    progress : bool or function of two int
        Show a progress bar (tqdm), or call a function with the numbers of finished and of all updates.
    cancel : Cancel, optional
        Stops the training from another thread.

    Returns
    -------
    RateNetwork or SpikingNetwork
        The trained network; its `result` has the loss, the performance and the number of updates.

    Examples
    --------
    >>> import mdl_rnn
    >>> network = mdl_rnn.train("go-nogo", seed=1, set={
    ...     "network.neurons": 20, "training.max_updates": 20, "training.evaluate_every": 10, "training.stop": None})
    >>> network.result["updates"], network.history["update"].tolist()
    (20, [10, 20])
    """
    if config is None and start is None:
        raise refuse("config", "None", "a dict, a file or a name; or start=network")
    artifact = None if start is None else _network("start", start, RateNetwork, SpikingNetwork)
    if task is not None:
        base = config if config is not None else start.config  # type: ignore[union-attr]
        argument = config_of(json.loads(_mdl_rnn.resolve(_named(base), ([], None))), task=task)
    else:
        argument = _named(config)
    rows, changed = _rows(callbacks), changes(set, seed)
    if checkpoint is None and resume:
        raise refuse("checkpoint", "None", "the name of a file; resume=True continues from its state")
    if not 0 <= checkpoint_every <= 31_536_000:
        raise refuse("checkpoint_every", repr(checkpoint_every), "0 to 31536000 seconds")
    kept = None if checkpoint is None else (os.fspath(checkpoint), resume, float(checkpoint_every))
    with Manner("training", threads, progress, cancel) as manner:
        found, result = _mdl_rnn.train(argument, (artifact, new_inputs, new_outputs), changed, kept, rows, manner)
    kind = RateNetwork if found.kind == "rate" else SpikingNetwork
    return kind(found, json.loads(result))


def find_scaling_factor(
    network: RateNetwork | LifNetwork,
    *,
    seed: int | None = None,
    set: Settings = None,
    threads: int | None = None,
    progress: Progress = False,
    cancel: _mdl_rnn.Cancel | None = None,
) -> LifNetwork:
    """Convert a rate network to a LIF network, as the program ``lambda-search`` does, with the same result.

    Parameters
    ----------
    network : RateNetwork or LifNetwork
        The network; a LIF network is searched again.
    seed : int, optional
        Seed of trials and noise (default: the config's).
    set : dict, optional
        Other values of the fields of ``task``, ``lif``, ``search`` and ``evaluation``, such as ``{"search.race": True}``.
    threads, progress, cancel
        As for `train`; the steps are trials.

    Returns
    -------
    LifNetwork
        The LIF network; its `result` has the factor, the performance and the search curve.
    """
    artifact = _network("network", network, RateNetwork, LifNetwork)
    with Manner("search", threads, progress, cancel) as manner:
        found, result = _mdl_rnn.find_scaling_factor(artifact, changes(set, seed), manner)
    return LifNetwork(found, json.loads(result))


def calibrate(
    network: LifNetwork,
    *,
    seed: int | None = None,
    set: Settings = None,
    threads: int | None = None,
    progress: Progress = False,
    cancel: _mdl_rnn.Cancel | None = None,
) -> LifNetwork:
    """Fit the units and the output weights of a LIF network, as the program ``calibrate`` does, with the same result.

    Parameters
    ----------
    network : LifNetwork
        The network; an earlier calibration is replaced.
    seed : int, optional
        Seed of trials and noise (default: the config's).
    set : dict, optional
        Other values of the fields of ``task``, ``lif`` and ``calibration``, such as ``{"calibration.iterations": 2}``.
    threads, progress, cancel
        As for `train`; the steps are trials.

    Returns
    -------
    LifNetwork
        The calibrated network; its `result` has the performance and the errors of every version on held-out trials,
        the first of which is the network as converted.

    Examples
    --------
    >>> import mdl_rnn
    >>> rate = mdl_rnn.RateNetwork.draw("go-nogo", set={"network.neurons": 20})
    >>> lif = mdl_rnn.find_scaling_factor(rate, set={"search.trials": 5, "search.factors": [50]})
    >>> calibrated = mdl_rnn.calibrate(lif, set={"calibration.trials": 8, "calibration.held_out_trials": 4})
    >>> [version["version"] for version in calibrated.result["versions"]][:3]
    ['converted', 'readout', 'units']
    """
    artifact = _network("network", network, LifNetwork)
    with Manner("calibration", threads, progress, cancel) as manner:
        found, result = _mdl_rnn.calibrate(artifact, changes(set, seed), manner)
    return LifNetwork(found, json.loads(result))


def evaluate(
    network: Network,
    *,
    trials: Trials | int | None = None,
    accept_other_trials: bool = False,
    seed: int | None = None,
    set: Settings = None,
    threads: int | None = None,
    progress: Progress = False,
    cancel: _mdl_rnn.Cancel | None = None,
) -> Evaluation:
    """Evaluate a network, as the programs ``eval-lif``, ``eval-rate`` and ``eval-spiking`` do, with the same result.

    Parameters
    ----------
    network : RateNetwork, SpikingNetwork or LifNetwork
        The network.
    trials : Trials or int, optional
        Trials, or the number of fresh ones (default: the config's). Networks trained on a data set are evaluated on its
        test examples.
    accept_other_trials : bool
        Accept trials of another task.
    seed : int, optional
        Seed of fresh trials and noise (default: the config's).
    set : dict, optional
        Other values of the fields of ``task``, ``evaluation`` and, for LIF networks, ``lif``.
    threads, progress, cancel
        As for `train`; the steps are trials.

    Returns
    -------
    Evaluation
        Outputs and answers; its `result` has the performance with its interval, and more.

    Examples
    --------
    >>> import mdl_rnn
    >>> network = mdl_rnn.RateNetwork.draw("go-nogo", set={"network.neurons": 20})
    >>> evaluation = mdl_rnn.evaluate(network, trials=10)
    >>> evaluation.output.shape[0], evaluation.result["trials"]
    (10, 10)
    """
    artifact = _network("network", network, RateNetwork, SpikingNetwork, LifNetwork)
    count = None if trials is None or isinstance(trials, Trials) else whole("trials", trials, 1, 1_000_000_000)
    given = trials._artifact if isinstance(trials, Trials) else None
    changed = changes(set, seed, **{"evaluation.trials": count})
    with Manner("evaluation", threads, progress, cancel) as manner:
        found, result = _mdl_rnn.evaluate(artifact, given, accept_other_trials, changed, manner)
    return Evaluation(found, json.loads(result))


def analyze(
    network: Network,
    other: Network | None = None,
    *,
    trials: Trials | int | None = None,
    accept_other_trials: bool = False,
    only: str | Sequence[str] | None = None,
    at: float | Sequence[float] | None = None,
    inputs: Sequence[Sequence[float]] | None = None,
    starts: int = 200,
    seed: int | None = None,
    set: Settings = None,
    threads: int | None = None,
    progress: Progress = False,
    cancel: _mdl_rnn.Cancel | None = None,
) -> Analysis:
    """Analyze the dynamics of a network, or compare two, as the program ``analyze`` does, with the same result.

    Parameters
    ----------
    network : RateNetwork, SpikingNetwork or LifNetwork
        The network.
    other : RateNetwork, SpikingNetwork or LifNetwork, optional
        Network to compare with on the same trials; then only the comparison is made, unless `only` names more.
    trials : Trials or int, optional
        Trials, or the number of fresh ones (default: the config's).
    accept_other_trials : bool
        Accept trials of another task.
    only : str or sequence of str, optional
        Names of the analyses (default: all that apply to the network); docs/analysis.md describes them.
    at : float or sequence of float, optional
        Fixed points under the mean input of each condition at these times in ms (default: the end of trials).
    inputs : sequence of sequences of float, optional
        Fixed points under these constant inputs, a number per channel each.
    starts : int
        Starts of the search for fixed points, per constant input.
    seed : int, optional
        Seed of fresh trials, noise and starts (default: the config's).
    set : dict, optional
        Other values of the fields of ``task``, ``evaluation`` and, for LIF networks, ``lif``.
    threads, progress, cancel
        As for `train`; the steps are analyses.

    Returns
    -------
    Analysis
        The results as arrays; its `result` has a summary of each analysis.

    Examples
    --------
    >>> import mdl_rnn
    >>> network = mdl_rnn.RateNetwork.draw("go-nogo", set={"network.neurons": 20})
    >>> analysis = mdl_rnn.analyze(network, trials=10, only=["fixed_points", "components"])
    >>> analysis["fixed_points.state"].shape[1], sorted(analysis.result)
    (20, ['components', 'fixed_points', 'trials'])
    """
    artifact = _network("network", network, RateNetwork, SpikingNetwork, LifNetwork)
    second = None if other is None else _network("other", other, RateNetwork, SpikingNetwork, LifNetwork)
    count = None if trials is None or isinstance(trials, Trials) else whole("trials", trials, 1, 1_000_000_000)
    given = trials._artifact if isinstance(trials, Trials) else None
    times = [] if at is None else [float(at)] if isinstance(at, (int, float)) else [float(each) for each in at]
    constant = [[float(u) for u in row] for row in inputs] if inputs is not None else []
    if times and constant:
        raise refuse("at", repr(at), "no time beside inputs")
    what = (names_of("only", only), times, constant, whole("starts", starts, 1, 1_000_000))
    changed = changes(set, seed, **{"evaluation.trials": count})
    with Manner("analysis", threads, progress, cancel) as manner:
        found, result = _mdl_rnn.analyze(artifact, second, given, accept_other_trials, what, changed, manner)
    return Analysis(found, json.loads(result))


def draw_trials(
    task: TaskLike | Network,
    *,
    count: int = 100,
    seed: int | None = None,
    set: Settings = None,
) -> Trials:
    """Draw trials of a task, as the program ``make-trials`` does.

    Parameters
    ----------
    task : str, os.PathLike, Task, dict or Network
        A task, or a network or config with one.
    count : int
        Number of trials.
    seed : int, optional
        Seed (default: the config's, or 1).
    set : dict, optional
        Other values of config fields, such as ``{"task.parameters.go_probability": 0.2}``.

    Returns
    -------
    Trials
        The trials.
    """
    if isinstance(task, Network):
        config: Any = task.config
    elif isinstance(task, Mapping) and "task" in task:
        config = task
    else:
        network = {"kind": "rate", "neurons": 1, "recurrence": {"kind": "dense"}, "integration": "exponential"}
        config = {"name": "trials", "task": task, "network": network}
    changed = changes(set, seed, **{"evaluation.trials": whole("count", count, 1, 1_000_000_000)})
    with Manner("trials", None, False) as manner:
        return Trials(_mdl_rnn.draw_trials(config_of(config), changed, manner))


def resolve(config: Mapping[str, Any] | PathLike, *, seed: int | None = None, set: Settings = None) -> dict[str, Any]:
    """The config with every field, checked.

    Parameters
    ----------
    config : dict, str or os.PathLike
        Config, as for `train`.
    seed : int, optional
        Seed in place of the config's.
    set : dict, optional
        Other values of config fields.

    Raises
    ------
    ConfigError
        Naming the field, what was found and what is expected.

    Examples
    --------
    >>> import mdl_rnn
    >>> mdl_rnn.resolve("go-nogo", set={"network.neurons": 0})
    Traceback (most recent call last):
        ...
    mdl_rnn._errors.ConfigError: config argument with set network.neurons=0: network.neurons: found 0, expected 1 to 100000 units
    """
    found: dict[str, Any] = json.loads(_mdl_rnn.resolve(_named(config), changes(set, seed)))
    return found


def sweep(
    configs: Iterable[Mapping[str, Any] | PathLike],
    *,
    stage: Callable[..., Any] = train,
    workers: int | None = None,
    progress: Progress = False,
    **options: Any,
) -> list[Any]:
    """Run a stage on each of many configs or networks, as many at a time as there are cores, each on one thread.

    Parameters
    ----------
    configs : iterable
        Configs to train, or the first arguments of another stage.
    stage : function
        `train` (default), `find_scaling_factor`, `calibrate`, `evaluate`, or a function of the same options that calls them.
    workers : int, optional
        Number of runs at a time (default: the number of cores).
    progress : bool or function of two int
        Show a progress bar (tqdm), or call a function with the numbers of finished and of all runs.
    **options
        Options of the stage.

    Returns
    -------
    list
        Results in the order of `configs`.

    Examples
    --------
    >>> import mdl_rnn
    >>> short = {"network.neurons": 10, "training.max_updates": 5, "training.stop": None}
    >>> [network.provenance["seed"] for network in mdl_rnn.sweep(["go-nogo"] * 2, set=short, seed=7)]
    [7, 7]
    """
    listed = list(configs)
    if workers is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    else:
        cores = whole("workers", workers, 1, 1024)
    cancel = _mdl_rnn.Cancel()
    results: list[Any] = [None] * len(listed)
    with Manner("sweep", None, progress) as manner:
        pool = ThreadPoolExecutor(max_workers=cores)
        try:
            runs = [pool.submit(stage, each, threads=1, cancel=cancel, **options) for each in listed]
            for index, run in enumerate(runs):
                results[index] = run.result()
                if manner["progress"]:
                    manner["progress"](index + 1, len(listed))
        except BaseException:
            cancel.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
    return results


def import_network(
    path: PathLike,
    *,
    kind: str | None = None,
    task: str | None = None,
    synapse: str | None = None,
    mapping: PathLike | None = None,
    ignore: str | Sequence[str] | None = None,
    seed: int | None = None,
    set: Settings = None,
) -> Any:
    """Import a network of another tool, as the program ``import-network`` does.

    Parameters
    ----------
    path : str or os.PathLike
        MATLAB (``.mat``), PyTorch (``.pth``), NIR, HDF5, NumPy (``.npz``) or safetensors file; see docs/import.md.
    kind : {"rate", "spiking", "lif"}, optional
        Kind of the network (default: as the layout says).
    task : str, optional
        Name of the task it was trained on (default: by the number of inputs).
    synapse : {"single", "double"}, optional
        Synapse of a spiking network.
    mapping : str or os.PathLike, optional
        JSON mapping of arrays to tensors.
    ignore : sequence of str, optional
        Arrays to ignore although they change the network.
    seed : int, optional
        Seed of the experiment.
    set : dict, optional
        Other values of config fields.

    Returns
    -------
    RateNetwork, SpikingNetwork or LifNetwork
        The network.
    """
    name = existing("path", path)
    stem = os.path.splitext(os.path.basename(name))[0]
    file = None if mapping is None else existing("mapping", mapping)
    with Manner("import", None, False) as manner:
        found = _mdl_rnn.import_network(
            name, stem, kind, task, synapse, names_of("ignore", ignore), file, changes(set, seed), manner
        )
    from ._networks import KINDS

    return KINDS[found.kind](found)


def export_network(
    artifact: Artifact,
    path: PathLike,
    *,
    layout: str | None = None,
    seed: int | None = None,
    set: Settings = None,
    force: bool = False,
) -> None:
    """Export an artifact to another tool, as the program ``export-network`` does.

    Parameters
    ----------
    artifact : Artifact
        Network, or any other artifact.
    path : str or os.PathLike
        File to write: ``.mat`` (MATLAB), ``.nir`` (NIR) or ``.npz`` (NumPy); see docs/export.md.
    layout : {"cubalif"}, optional
        Layout of a NIR graph for tools that only know layers of CubaLIF neurons.
    seed : int, optional
        Seed in the exported config.
    set : dict, optional
        Other values of the fields of ``task`` and ``lif``.
    force : bool
        Replace an existing file.
    """
    if not isinstance(artifact, Artifact):
        raise refuse("artifact", f"a {type(artifact).__name__}", "an artifact of mdl_rnn")
    with Manner("export", None, False) as manner:
        _mdl_rnn.export_network(artifact._artifact, os.fspath(path), layout, force, changes(set, seed), manner)
