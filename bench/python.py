#!/usr/bin/env python3
"""Times the Python package against its peers in turn on the same work, and prints the ratios of the medians: updates of a spiking
network in a PyTorch loop (N = 100, P = 3, B = 100, T = 500), and trials of a LIF network.

usage: bench/python.py [--rounds R] [--threads N]

Needs mdl_rnn and the packages of bench/peers/python-requirements.txt in the Python that runs this file, and `bench-step` (`make
build`); `make bench-python` provides all of them. Absolute times on a shared machine mean little: compare the ratios.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time


ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / "peers"
OURS = ROOT / "target" / "release" / "bench-step"
NAMES = {
    "modes": "`SpikingModes`, torch's Adam",
    "rust": "`train-spiking`, the whole update",
    "eager": "eager PyTorch, loop over steps",
    "compiled": "the same, a step compiled by `torch.compile`",
    "snntorch": "snnTorch `RSynaptic`, dense weights",
    "norse": "Norse `LIFRecurrentCell`, dense weights",
}


def say(line):
    print(line, flush=True)


def run(*command):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def update(kind, threads):
    """Seconds of an update."""
    if kind == "rust":
        os.environ["RAYON_NUM_THREADS"] = str(threads)
        config = ["--config", ROOT / "configs" / "mante-spiking.json", "--updates", 20, "--set", "network.neurons=100"]
        return run(OURS, "train", *config, "--set", "network.modes=3", "--set", "training.batch_size=100")["median_s"]
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    updates = 20 if kind == "modes" else 3
    return run(sys.executable, PEERS / "spiking_step_layers.py", kind, 100, 3, 100, 500, threads, updates)["median_s"]


def updates(rounds, threads):
    say(f"| update on {threads} threads | ms | of `SpikingModes` |\n|---|---|---|")
    measured = {kind: [] for kind in NAMES}
    for _ in range(rounds):
        for kind in NAMES:
            measured[kind].append(update(kind, threads))
    middle = {kind: statistics.median(times) for kind, times in measured.items()}
    for kind, name in NAMES.items():
        say(f"| {name} | {middle[kind] * 1e3:.0f} | {middle[kind] / middle['modes']:.1f}× |")


def trials(rounds):
    """Trials of a LIF network on one core: `LifNetwork.run` with outputs and spikes, Brian2 compiled to C++."""
    import mdl_rnn

    count = 20
    rate = mdl_rnn.train("go-nogo", seed=1)
    lif = mdl_rnn.find_scaling_factor(rate)
    drawn = mdl_rnn.draw_trials(rate, count=count, seed=2)
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder) / name for name in ("rate.safetensors", "trials.safetensors")]
        rate.save(files[0])
        drawn.save(files[1])

        def ours():
            begin = time.perf_counter()
            lif.run(trials=drawn, record=["output", "spikes"], every=100, threads=1)
            return (time.perf_counter() - begin) / count

        def brian():
            return run(sys.executable, PEERS / "lif_brian.py", *files, lif.scaling_factor, count)["median_s"]

        measured = {"`LifNetwork.run`": [], "Brian2, C++": []}
        for _ in range(rounds):
            for (name, times), command in zip(measured.items(), (ours, brian)):
                times.append(command())
    middle = {name: statistics.median(times) for name, times in measured.items()}
    say(f"\n| trial of Go-NoGo, N = {rate.N}, one core | ms | of `LifNetwork.run` |\n|---|---|---|")
    for name, seconds in middle.items():
        say(f"| {name} | {seconds * 1e3:.1f} | {seconds / middle['`LifNetwork.run`']:.1f}× |")


def start():
    """Import time of the package, apart from that of NumPy, and size of the wheel."""
    code = "import numpy, time; t = time.perf_counter(); import mdl_rnn; print(time.perf_counter() - t)"
    seconds = [float(subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout) for _ in range(7)]
    wheels = list((ROOT / "target" / "wheels").glob("*.whl"))
    size = f"; wheel {wheels[0].stat().st_size / 1e6:.1f} MB" if wheels else ""
    say(f"\n`import mdl_rnn` after NumPy: {statistics.median(seconds):.2f} s{size}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    updates(arguments.rounds, arguments.threads)
    trials(arguments.rounds)
    start()


if __name__ == "__main__":
    main()
