"""Figures with matplotlib, in the style of the reports. Every function returns the axes; `ax` draws on given ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._arguments import refuse, whole
from ._networks import Activity, Evaluation, LifNetwork, Network, RateNetwork, SpikingNetwork, Trials

BLUE, RED, GREY = "#2a6fb0", "#c0392b", "#8a8a8a"


def _axes(ax: Any) -> Any:
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(5.0, 3.0), layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def output(source: Activity | Evaluation, *, trial: int = 0, channel: int = 0, ax: Any = None) -> Any:
    """Draw an output of a trial, with its target if there is one.

    Parameters
    ----------
    source : Activity or Evaluation
        Recording with outputs.
    trial, channel : int
        Trial among the recorded ones, and output.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    values = source.output
    whole("trial", trial, 0, len(values) - 1)
    whole("channel", channel, 0, values.shape[2] - 1)
    ax = _axes(ax)
    if "target" in source.tensors:
        ax.plot(source.time_ms, source.target[trial, :, channel], color=GREY, linestyle="--", label="target")
    ax.plot(source.time_ms, values[trial, :, channel], color=BLUE, label="output")
    ax.set(xlabel="time (ms)", ylabel="output", title=f"{source.name}, trial {trial}")
    ax.legend(frameon=False)
    return ax


def raster(activity: Activity, *, trial: int = 0, ax: Any = None) -> Any:
    """Draw the spikes of a trial.

    Parameters
    ----------
    activity : Activity
        Recording with spikes.
    trial : int
        Trial among the recorded ones.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    spikes = activity.spikes
    whole("trial", trial, 0, len(spikes) - 1)
    ax = _axes(ax)
    steps, units = np.nonzero(spikes[trial])
    ax.plot(activity.time_ms[steps], activity.units[units], "|", color="black", markersize=2)
    ax.set(xlabel="time (ms)", ylabel="unit", title=f"{activity.name}, trial {trial}")
    return ax


def search(network: LifNetwork, *, ax: Any = None) -> Any:
    """Draw the search curve: performance over the scaling factor.

    Parameters
    ----------
    network : LifNetwork
        Network with its search.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    if not isinstance(network, LifNetwork):
        raise refuse("network", f"a {type(network).__name__}", "a LifNetwork")
    ax = _axes(ax)
    curve = network.search
    ax.plot(curve["scaling_factor"], curve["correct"] / curve["trials"], ".-", color=BLUE)
    ax.axvline(network.scaling_factor, color=RED, linestyle="--", label=f"chosen: {network.scaling_factor:g}")
    ax.set(xlabel="scaling factor", ylabel="performance", ylim=(-0.02, 1.02), title=network.name)
    ax.legend(frameon=False)
    return ax


def training(network: RateNetwork | SpikingNetwork, *, ax: Any = None) -> Any:
    """Draw the learning curve: performance over updates.

    Parameters
    ----------
    network : RateNetwork or SpikingNetwork
        Trained network.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    if not isinstance(network, Network) or not network.history:
        raise refuse("network", repr(network), "a network that was trained here")
    ax = _axes(ax)
    ax.plot(network.history["update"], network.history["performance"], color=BLUE)
    ax.set(xlabel="update", ylabel="performance", ylim=(-0.02, 1.02), title=network.name)
    return ax


def trajectory(activity: Activity, *, trials: Any = None, ax: Any = None) -> Any:
    """Draw trajectories in the plane of two modes, or of two principal components of the rates.

    Parameters
    ----------
    activity : Activity
        Recording with modes (two or more), or with rates.
    trials : sequence of int, optional
        Trials among the recorded ones (default: all).
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    ax = _axes(ax)
    if "mode_activity" in activity.tensors and activity.modes.shape[2] > 1:
        states, labels = activity.modes[:, :, :2], ("mode 1", "mode 2")
    else:
        rates = activity.rate
        flat = rates.reshape(-1, rates.shape[2])
        centred = flat - flat.mean(axis=0)
        axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
        states, labels = (centred @ axes.T).reshape(*rates.shape[:2], -1), ("component 1", "component 2")
    for trial in range(len(states)) if trials is None else trials:
        ax.plot(states[trial, :, 0], states[trial, :, 1], color=BLUE, alpha=0.6, linewidth=0.8)
        ax.plot(*states[trial, 0, :2], ".", color="black")
    ax.set(xlabel=labels[0], ylabel=labels[1], title=activity.name)
    return ax


def trial(trials: Trials, *, trial: int = 0, ax: Any = None) -> Any:
    """Draw inputs and targets of a trial.

    Parameters
    ----------
    trials : Trials
        The trials.
    trial : int
        Index of the trial.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    whole("trial", trial, 0, len(trials) - 1)
    ax = _axes(ax)
    time_ms = np.arange(trials.inputs.shape[1]) * trials.step_ms
    for channel, values in enumerate(trials.inputs[trial].T):
        ax.plot(time_ms, values, color=BLUE, alpha=0.7, label="input" if channel == 0 else None)
    for channel, values in enumerate(trials.targets[trial].T):
        ax.plot(time_ms, values, color=RED, label="target" if channel == 0 else None)
    ax.set(xlabel="time (ms)", ylabel="signal", title=f"{trials.name}, trial {trial}")
    ax.legend(frameon=False)
    return ax
