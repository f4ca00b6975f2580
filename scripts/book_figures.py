#!/usr/bin/env python3
"""Draws the figures of the book and of the README into docs/images, from networks that it trains for them.

usage: book_figures.py PROGRAMS [FIGURE...]      PROGRAMS: their folder, such as target/release; FIGURE: see the list at the end

Needs the packages of examples/python/requirements.txt. Networks are kept in artifacts/book, so that a figure can be drawn again
without them; remove the folder to train them again.
"""

import json
import math
import os
import pathlib
import shutil
import subprocess
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from safetensors import safe_open

ROOT = pathlib.Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs/images"
WORK = ROOT / "artifacts/book"
WRITTEN = (0, 4)
# The colours of the programs' own figures.
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, INK, GREY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#222222", "#808080"
# Of conditions, in their order.
CONDITIONS = ("#332288", "#e69f00", "#56b4e9", "#cc79a7")

plt.rcParams.update({
    "font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.spines.top": False,
    "axes.spines.right": False, "axes.edgecolor": "#444444", "axes.linewidth": 0.8, "legend.frameon": False, "savefig.dpi": 160,
})


def run(program, *arguments, output, settings=()):
    """Runs a program unless its output is there; returns the output."""
    output = WORK / output
    if not output.exists():
        output.parent.mkdir(parents=True, exist_ok=True)
        command = [PROGRAMS / program, *arguments, *(word for field in settings for word in ("--set", field)), "-o", output]
        done = subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, cwd=ROOT)
        if done.returncode not in WRITTEN:
            sys.exit(f"{program} ended with status {done.returncode}")
    return output


def read(path):
    with safe_open(path, framework="numpy") as artifact:
        tensors = {name: artifact.get_tensor(name) for name in artifact.keys()}
        return tensors, json.loads(artifact.metadata()["config"])


def config(name, *more):
    return ["--config", f"configs/{name}.json", "--seed", "1", *more]


def save(figure, name):
    figure.savefig(IMAGES / f"{name}.png", bbox_inches="tight", pad_inches=0.06)
    plt.close(figure)


def three_views():
    """Rates, spikes, and both in mode space, of one network of the contextual task."""
    rate = run("train-rate", *config("mante-modes"), output="mante-modes/rate.safetensors")
    lif = run("lambda-search", rate, "--select", "fidelity", output="mante-modes/lif.safetensors")
    trials = run("make-trials", *config("mante-modes", "--trials", "80"), output="mante-modes/trials.safetensors")
    rates, about = read(run("run", rate, "--trials", trials, "--record", "rate,modes,output", output="mante-modes/rates.safetensors"))
    # One sample of the rate network is 100 steps of the simulation.
    spikes, _ = read(run("run", lif, "--trials", trials, "--record", "spikes,modes,output", "--every", "100", output="mante-modes/spikes.safetensors"))
    network, _ = read(lif)
    factor = network["scaling_factor"][0]
    condition, time = rates["condition"], rates["time_ms"]
    names = sorted(set(condition.tolist()))

    # Trials that both networks answer correctly: in the others, one of them has gone to the other answer.
    both = (rates["correct"] == 1) & (spikes["correct"] == 1)
    shown = int(np.flatnonzero(both & (condition == names[-1]))[0])
    own = rates["rate"][shown]
    # Units in the order in which they change most, from up to down.
    late, early = own[time > 1500].mean(axis=0), own[time < 250].mean(axis=0)
    order = np.argsort(late - early)

    figure = plt.figure(figsize=(9.6, 3.1))
    left, middle, right = figure.subplots(1, 3, gridspec_kw={"width_ratios": [1, 1, 1.1], "wspace": 0.36})
    left.imshow(own.T[order], aspect="auto", origin="lower", extent=(time[0], time[-1], 0, own.shape[1]), cmap="Blues", vmin=0, vmax=1)
    left.set(title="Rate network", xlabel="Time (ms)", ylabel="Unit")
    rank = np.argsort(order)
    counts = spikes["spike_count"][shown]
    step, unit = np.nonzero(counts)
    middle.plot(spikes["time_ms"][step], rank[unit], ".", color=INK, markersize=0.9)
    middle.set(title="Spiking network", xlabel="Time (ms)", ylim=(0, own.shape[1]), xlim=(time[0], time[-1]))
    middle.tick_params(labelleft=False)

    # Filtered spikes are in Hz; a rate of 1 is `factor` of them.
    of_rates, of_spikes = rates["mode_activity"], spikes["mode_activity"] / factor
    # Without the start, when all units leave their initial states at once.
    mean = lambda values, name: values[both & (condition == name)][:, time >= 100].mean(axis=0)
    ends = np.array([mean(of_rates, name)[-1] for name in names])
    first, second = np.argsort(ends.std(axis=0))[::-1][:2]
    for name, colour in zip(names, CONDITIONS):
        for values, style in ((of_rates, "-"), (of_spikes, ":")):
            path = mean(values, name)
            right.plot(path[:, first], path[:, second], style, color=colour, linewidth=1.6)
            right.plot(*path[-1, [first, second]], "o", color=colour, markersize=3.5)
    right.plot([], [], "-", color=INK, label="rates")
    right.plot([], [], ":", color=INK, label="spikes")
    right.legend(loc="best", handlelength=1.6)
    right.set(title="Both in mode space", xlabel=f"Mode variable {first + 1}", ylabel=f"Mode variable {second + 1}")
    save(figure, "three-views")


def surrogates():
    x = np.linspace(-1.5, 1.5, 601)
    normal = lambda mean, sd: np.exp(-((x - mean) ** 2) / (2 * sd**2)) / (sd * math.sqrt(2 * math.pi))
    sigmoid = lambda k: k * np.exp(-k * abs(x)) / (1 + np.exp(-k * abs(x))) ** 2
    h, w, s, gamma = 0.15, 0.5, 6.0, 0.5
    curves = {
        "fast sigmoid, k = 25": 1 / (1 + 25 * abs(x)) ** 2,
        "fast sigmoid, k = 5": 1 / (1 + 5 * abs(x)) ** 2,
        "arctan, k = 2": 1 / (1 + (math.pi * x) ** 2),
        "sigmoid, k = 4": sigmoid(4),
        "triangular, k = 1": np.maximum(0, 1 - abs(x)),
        "multi-Gaussian": gamma * ((1 + h) * normal(0, w) - h * normal(w, s * w) - h * normal(-w, s * w)),
    }
    figure, axis = plt.subplots(figsize=(5.2, 2.7))
    for (name, curve), colour in zip(curves.items(), (BLUE, SKY, VERMILLION, GREEN, ORANGE, PURPLE)):
        axis.plot(x, curve, color=colour, label=name, linewidth=1.5)
    axis.axvline(0, color=GREY, linewidth=0.8, linestyle="--")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    axis.set(xlabel="Potential above threshold, x", ylabel="Derivative σ'(x)")
    save(figure, "surrogates")


def go_nogo():
    rate = run("train-rate", *config("go-nogo"), output="go-nogo/rate.safetensors")
    return rate, run("lambda-search", rate, output="go-nogo/lif.safetensors")


def go_nogo_figures():
    """Two figures of the first tutorial, as the report draws them."""
    _, lif = go_nogo()
    report = WORK / "go-nogo/report.html"
    evaluation = run("eval-lif", lif, "--report", report, "--force", output="go-nogo/eval.safetensors")
    for name in ("output", "raster"):
        shutil.copy(evaluation.parent / "figures" / f"eval-{name}.png", IMAGES / f"go-nogo-{name}.png")


def scaling_factors():
    rate, lif = go_nogo()
    found, _ = read(lif)
    factors, trials, correct = (found[f"search.{name}"] for name in ("scaling_factor", "trials", "correct"))
    chosen = float(found["scaling_factor"][0])
    p, z = correct / trials, 1.959964
    centre, half = p + z**2 / (2 * trials), z * np.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    low, high = (centre - half) / (1 + z**2 / trials), (centre + half) / (1 + z**2 / trials)
    best = p.argmax()
    on = np.flatnonzero(p >= low[best])
    # Neighbours of the best one, without a gap.
    first = best - next((k for k in range(best + 1) if best - k - 1 not in on), best)
    last = best + next(k for k in range(len(p) - best) if best + k + 1 not in on)

    figure, axes = plt.subplots(1, 4, figsize=(10.5, 2.6), gridspec_kw={"width_ratios": [1.25, 1, 1, 1], "wspace": 0.38})
    axes[0].axvspan(factors[first], factors[last], color="#ececec")
    axes[0].errorbar(factors, p, yerr=(p - low, high - p), fmt="o-", color=INK, markersize=3, linewidth=1.3, elinewidth=0.8)
    axes[0].axvline(chosen, color="#aa3377", linewidth=1.1)
    axes[0].text((factors[first] + factors[last]) / 2, 0.06, "plateau", ha="center", color=GREY, transform=axes[0].get_xaxis_transform())
    axes[0].set(title="Search", xlabel="Scaling factor", ylabel="Performance", ylim=(-0.03, 1.04))
    for axis, factor, title in zip(axes[1:], (10.0, chosen, 90.0), ("Too small", "On the plateau", "Too large")):
        forced = run("lambda-search", rate, output=f"go-nogo/{factor:g}/lif.safetensors", settings=[f"search.factors=[{factor}]", "search.extend=false"])
        values, _ = read(run("eval-lif", forced, output=f"go-nogo/{factor:g}/eval.safetensors"))
        time, output, target, condition = (values[name] for name in ("time_ms", "output", "target", "condition"))
        for name, colour, label in ((0, CONDITIONS[0], "NoGo"), (1, CONDITIONS[1], "Go")):
            own = output[condition == name][..., 0]
            axis.fill_between(time, own.mean(0) - own.std(0), own.mean(0) + own.std(0), color=colour, alpha=0.2, linewidth=0)
            axis.plot(time, own.mean(0), color=colour, linewidth=1.5, label=label)
            axis.plot(time, target[condition == name][0, :, 0], "--", color=colour, linewidth=0.9)
        axis.set(title=f"{title}: {factor:g}", xlabel="Time (ms)")
        axis.text(0.97, 0.03, f"performance {values['correct'].mean():.2f}", transform=axis.transAxes, ha="right")
    axes[1].set(ylabel="Output")
    axes[1].legend(loc="upper left")
    save(figure, "scaling-factors")


def trainings():
    """A training that works, and three that do not, as docs/training-succeeds.md runs them."""
    short = ["training.max_updates=100", "training.evaluate_every=10", "training.stop=null"]
    cases = [
        ("Works", "train-rate", "go-nogo", ["training.max_updates=600", "training.evaluate_every=50", "training.stop=null"]),
        ("Silent", "train-spiking", "go-nogo-spiking", ["network.neuron.threshold=50", *short]),
        ("Saturated", "train-rate", "go-nogo", ["network.recurrence.gain=60", *short]),
        ("Jumping", "train-rate", "go-nogo", [
            "training.learning_rate=0.3", "training.clip_norm=null", "training.batch_size=1", "training.max_updates=600",
            "training.evaluate_every=50", "training.stop=null",
        ]),
    ]
    figure, axes = plt.subplots(2, 4, figsize=(10.5, 4.2), gridspec_kw={"wspace": 0.35, "hspace": 0.5})
    for (above, below), (title, program, name, settings) in zip(axes.T, cases):
        network = run(program, *config(name), output=f"trainings/{title}.safetensors", settings=settings)
        history, _ = read(network)
        above.plot(history["history.update"], history["history.loss"], "o-", color=INK, markersize=2.5, linewidth=1.3)
        above.set(title=title, xlabel="Update", ylim=(0, None))
        kind = "spikes" if program == "train-spiking" else "rate"
        activity, _ = read(run("run", network, "--count", "8", "--units", "0..20", "--record", kind, output=f"trainings/{title}-activity.safetensors"))
        go = int(np.flatnonzero(activity["condition"] == 1)[0])
        values = activity["spike_count" if kind == "spikes" else "rate"][go]
        time = activity["time_ms"]
        picture = below.imshow(values.T, aspect="auto", origin="lower", extent=(time[0], time[-1], 0, 20), cmap="Blues", vmin=0, vmax=1)
        below.set(xlabel="Time (ms)")
        below.set_title("spikes" if kind == "spikes" else "rates", fontweight="normal", fontsize=9)
    axes[0, 0].set_ylabel("Loss")
    axes[1, 0].set_ylabel("Unit")
    figure.colorbar(picture, ax=axes[1], fraction=0.015, pad=0.01)
    save(figure, "trainings")


def sweep_example():
    """The figure of the example of a sweep, from networks as workflow/example.yaml describes them."""
    runs = []
    for neurons in (40, 60):
        for seed in (1, 2):
            folder = f"sweep/go-nogo/{neurons}/{seed}"
            small = [f"network.neurons={neurons}", "training.max_updates=300", "training.evaluation_trials=40"]
            rate = run("train-rate", "--config", "configs/go-nogo.json", "--seed", str(seed), output=f"{folder}/rate.safetensors", settings=small)
            lif = run("lambda-search", rate, output=f"{folder}/lif.safetensors", settings=["search.trials=10"])
            run("eval-lif", lif, output=f"{folder}/eval.safetensors", settings=["evaluation.trials=40"])
            runs.append(rate.parent)
    for neurons in (20, 40):
        for seed in (1, 2):
            folder = f"sweep/go-nogo-spiking/{neurons}/{seed}"
            small = [f"network.neurons={neurons}", "training.max_updates=100", "training.evaluation_trials=40"]
            network = run("train-spiking", "--config", "configs/go-nogo-spiking.json", "--seed", str(seed), output=f"{folder}/spiking.safetensors", settings=small)
            run("eval-spiking", network, output=f"{folder}/eval.safetensors", settings=["evaluation.trials=40"])
            runs.append(network.parent)
    (WORK / "sweep/sizes.csv").unlink(missing_ok=True)
    run("gather", *runs, "--force", "--figure", IMAGES / "sweep-example.png", "--y", "performance,loss", "--x", "network.neurons", "--by", "name", output="sweep/sizes.csv")


def mnist():
    """Two figures of the tutorial on MNIST, as the report draws them."""
    data = ROOT / "artifacts/data/mnist"
    if not data.is_dir():
        run("get-data", "--dataset", "mnist", output=data)
    network = run("train-spiking", *config("mnist-published"), output="mnist/spiking.safetensors")
    evaluation = run("eval-spiking", network, "--report", WORK / "mnist/report.html", "--force", output="mnist/eval.safetensors")
    for name in ("confusion", "digits"):
        shutil.copy(evaluation.parent / "figures" / f"eval-{name}.png", IMAGES / f"mnist-{name}.png")


# Every file in docs/images, and the function that draws it.
FIGURES = {
    "three-views": three_views,
    "surrogates": surrogates,
    "go-nogo-output": go_nogo_figures,
    "go-nogo-raster": go_nogo_figures,
    "scaling-factors": scaling_factors,
    "trainings": trainings,
    "sweep-example": sweep_example,
    "mnist-confusion": mnist,
    "mnist-digits": mnist,
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or set(sys.argv[2:]) - set(FIGURES):
        sys.exit(f"{__doc__}\nfigures: {', '.join(FIGURES)}")
    PROGRAMS = pathlib.Path(os.path.abspath(sys.argv[1]))
    for function in dict.fromkeys(FIGURES[name] for name in sys.argv[2:] or FIGURES):
        print(function.__name__.replace("_", "-"), flush=True)
        function()
