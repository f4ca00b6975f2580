"""Spikes and traces as objects of other tools: Neo, NIR, NWB."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._arguments import refuse
from ._networks import Activity, Array

#: Recorded quantities, their names in NIR graphs of `export_network`, and their units in LIF networks.
_TRACES = [("output", "output", ""), ("input", "input", ""), ("potential", "lif", "mV"), ("rate", "lif", ""), ("current", "lif", "mV")]


def _activity(activity: Any) -> Activity:
    if not isinstance(activity, Activity):
        raise refuse("activity", f"a {type(activity).__name__}", "an Activity, as network.run returns")
    return activity


def _recorded(activity: Activity, quantity: str) -> Array | None:
    try:
        found: Array = getattr(activity, quantity)
    except AttributeError:
        return None
    return found


def _step_ms(activity: Activity) -> float:
    times = activity.time_ms
    if len(times) < 2:
        raise refuse("activity", f"{len(times)} recorded steps", "at least 2, which tell the time between them")
    return float(times[1] - times[0])


def _in_mv(activity: Activity) -> bool:
    return "v_mv" in activity.tensors or "ipsc_mv" in activity.tensors


def to_neo(activity: Activity) -> Any:
    """Spikes and traces as a ``neo.Block`` with a segment per trial.

    Parameters
    ----------
    activity : Activity
        Recorded states of a network.

    Returns
    -------
    neo.Block
        In each segment a ``SpikeTrain`` per recorded unit, if spikes were recorded, and an ``AnalogSignal`` of shape
        (steps, width) per recorded quantity. Times are in ms, potentials and currents of LIF networks in mV, other
        quantities without unit.

    Examples
    --------
    >>> import mdl_rnn, numpy as np
    >>> network = mdl_rnn.SpikingNetwork.draw("mante-spiking", set={"network.neurons": 20})
    >>> activity = network.run(np.zeros((2, 50, 4), np.float32), record=["output", "spikes"])
    >>> block = mdl_rnn.to_neo(activity)  # doctest: +SKIP
    >>> [len(segment.spiketrains) for segment in block.segments]  # doctest: +SKIP
    [20, 20]
    """
    step_ms = _step_ms(_activity(activity))
    import neo
    import quantities as pq

    times, units = activity.time_ms, activity.units.tolist()
    span = {"t_start": float(times[0]) * pq.ms, "t_stop": (float(times[-1]) + step_ms) * pq.ms}
    block = neo.Block(name=activity.name, task=activity.task)
    for trial in range(len(activity.tensors["trial"])):
        segment = neo.Segment(name=f"trial {int(activity.tensors['trial'][trial])}", index=trial)
        if _recorded(activity, "spikes") is not None:
            for unit, spikes in zip(units, activity.spike_times(trial)):
                segment.spiketrains.append(neo.SpikeTrain(spikes * pq.ms, name=f"unit {unit}", unit=unit, **span))
        for quantity, _, unit in _TRACES:
            values = _recorded(activity, quantity)
            if values is not None:
                measured = getattr(pq, unit) if unit and _in_mv(activity) else pq.dimensionless
                period = {"sampling_period": step_ms * pq.ms, "t_start": span["t_start"]}
                segment.analogsignals.append(neo.AnalogSignal(values[trial], units=measured, name=quantity, **period))
        block.segments.append(segment)
    return block


def to_nir(activity: Activity) -> Any:
    """Spikes and traces as ``nir.NIRGraphData``, by the nodes of the graph that `export_network` writes.

    Parameters
    ----------
    activity : Activity
        Recorded states of a network, of all of its units.

    Returns
    -------
    nir.NIRGraphData
        Node ``lif`` with the observables ``spikes`` (``EventData``), ``potential``, ``rate`` and ``current``, nodes
        ``input`` and ``output``, as far as recorded: ``TimeGriddedData`` of shape (trials, steps, width), times in s.

    Examples
    --------
    >>> import mdl_rnn, numpy as np
    >>> network = mdl_rnn.SpikingNetwork.draw("mante-spiking", set={"network.neurons": 20})
    >>> activity = network.run(np.zeros((2, 50, 4), np.float32), record=["output", "spikes"])
    >>> data = mdl_rnn.to_nir(activity)  # doctest: +SKIP
    >>> sorted(data.nodes), data.nodes["lif"].observables["spikes"].n_samples  # doctest: +SKIP
    (['lif', 'output'], 2)
    """
    dt = _step_ms(_activity(activity)) / 1e3
    import nir

    nodes: dict[str, dict[str, Any]] = {}
    for quantity, node, _ in _TRACES:
        values = _recorded(activity, quantity)
        if values is not None:
            nodes.setdefault(node, {})[quantity] = nir.TimeGriddedData(np.asarray(values), dt)
    counts = _recorded(activity, "spikes")
    if counts is not None:
        counts = counts.astype(np.intp)
        events = [(np.repeat(np.tile(np.arange(c.shape[1]), len(c)), c.ravel()), np.repeat(activity.time_ms, c.sum(1)) / 1e3) for c in counts]
        most = max(len(index) for index, _ in events)
        idx, time = np.full((len(events), most), -1), np.full((len(events), most), np.inf)
        for sample, (index, when) in enumerate(events):
            idx[sample, : len(index)], time[sample, : len(when)] = index, when
        spikes = nir.EventData(idx, time, counts.shape[2], counts.shape[1] * dt)
        nodes.setdefault("lif", {})["spikes"] = spikes
    return nir.NIRGraphData({name: nir.NIRNodeData(observables) for name, observables in nodes.items()})


def to_nwb(activity: Activity, **metadata: Any) -> Any:
    """Spikes and traces as a ``pynwb.NWBFile``, with the trials one after another.

    Parameters
    ----------
    activity : Activity
        Recorded states of a network.
    **metadata
        Fields of the file in place of the default ones, such as ``session_description``, ``identifier`` and
        ``session_start_time``.

    Returns
    -------
    pynwb.NWBFile
        Trials with start and stop time, a unit with its spike times per recorded unit, and a ``TimeSeries`` per recorded
        quantity; times are in s.
    """
    step_s = _step_ms(_activity(activity)) / 1e3
    import datetime

    import pynwb

    steps = len(activity.time_ms)
    count = len(activity.tensors["trial"])
    offsets = np.arange(count) * steps * step_s
    start = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
    fields = {"session_description": f"{activity.name}, simulated", "identifier": activity._artifact.sha256, "session_start_time": start}
    file = pynwb.NWBFile(**{**fields, **metadata})
    for offset in offsets:
        file.add_trial(start_time=float(offset), stop_time=float(offset + steps * step_s))
    if _recorded(activity, "spikes") is not None:
        of_trials = [activity.spike_times(trial) for trial in range(count)]
        first = float(activity.time_ms[0])
        for column, unit in enumerate(activity.units.tolist()):
            times = [(of_trials[trial][column] - first) / 1e3 + offsets[trial] for trial in range(count)]
            file.add_unit(id=unit, spike_times=np.concatenate(times))
    for quantity, _, unit in _TRACES:
        values = _recorded(activity, quantity)
        if values is not None:
            data = np.asarray(values).reshape(count * steps, -1)
            measured = unit if unit and _in_mv(activity) else "a.u."
            file.add_acquisition(
                pynwb.TimeSeries(name=quantity, data=data, unit=measured, rate=1 / step_s, starting_time=0.0)
            )
    return file
