#!/usr/bin/env python3
"""Times LIF trials of a trained network here and in peers, in turn, each on one core, and prints ratios of medians.

usage: bench/lif.py [TASK ...] [--rounds R] [--trials B]      tasks: go-nogo, mante; none: both

Needs the programs (`make build`), Octave on the PATH, and the packages of bench/peers/lif-requirements.txt in the Python
that runs this file; `make bench-lif` sees to the packages. Ours is the whole program: start, files, search and figure.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import scipy.io

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN, PEERS = ROOT / "target" / "release", ROOT / "bench" / "peers"
sys.path.insert(0, str(PEERS))
import lif_network  # noqa: E402

CRITERION_NOT_MET = 4


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, text=True, **options)
    if done.returncode not in (0, CRITERION_NOT_MET):
        raise SystemExit(f"{command[0]} ended with status {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def search(rate, scratch, factors, trials, threads):
    """Seconds of a whole search, and its result."""
    begin = time.perf_counter()
    result = run(BIN / "lambda-search", rate, "--force", "--quiet", "--threads", threads, "-o", scratch / "lif.st",
                 "--set", f"search.trials={trials}", "--set", f"search.factors={json.dumps(factors)}")
    return time.perf_counter() - begin, result


def ours(rate, scratch, factors, trials):
    """Seconds a trial and factor on one core."""
    seconds, result = search(rate, scratch, factors, trials, 1)
    return {"median_s": seconds / (trials * len(factors)), "performance": result["performance"],
            "rate_hz": result["rate_hz"]}


def compare(task, scratch, rounds, trials):
    rate, drawn, mat = scratch / f"{task}.rate", scratch / f"{task}.trials", scratch / f"{task}.mat"
    config = ROOT / "configs" / f"{task}.json"
    run(BIN / "train-rate", "--config", config, "--quiet", "-o", rate)
    run(BIN / "make-trials", "--config", config, "--trials", trials, "-o", drawn)
    grid = [20.0 + 5 * k for k in range(12)]
    factor = search(rate, scratch, grid, 100, 2)[1]["scaling_factor"]
    scipy.io.savemat(mat, lif_network.load(rate, drawn, factor))
    python = lambda script, count: run(sys.executable, PEERS / script, rate, drawn, factor, count)
    commands = {
        "mdl-rnn, one factor": lambda: ours(rate, scratch, [factor], 10 * trials),
        "mdl-rnn, grid of 12": lambda: ours(rate, scratch, grid, trials),
        "ANNarchy": lambda: python("lif_annarchy.py", trials),
        "numba": lambda: python("lif_numba.py", trials),
        "Octave": lambda: run("octave-cli", "-q", PEERS / "lif_octave.m", mat, max(3, trials // 4)),
    }
    results = {who: [] for who in commands}
    for _ in range(rounds):
        for who, command in commands.items():
            results[who].append(command())
    middle = {who: statistics.median(r["median_s"] for r in measured) for who, measured in results.items()}
    for who, measured in results.items():
        performance = measured[0]["performance"]
        performance = "–" if performance is None else f"{performance:.2f}"
        print(f"| {task} | {who} | {middle[who] * 1e3:.2f} | {middle[who] / middle['mdl-rnn, grid of 12']:.1f}× | "
              f"{middle[who] / middle['mdl-rnn, one factor']:.1f}× | {performance} | {measured[0]['rate_hz']:.1f} |",
              flush=True)
    whole = statistics.median(search(rate, scratch, grid, 100, os.cpu_count())[0] for _ in range(rounds))
    print(f"{task}: the whole search, 12 factors × 100 trials, on {os.cpu_count()} threads: {whole:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=["go-nogo", "mante"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=20)
    arguments = parser.parse_args()
    if shutil.which("octave-cli") is None:
        parser.error("octave-cli is not on the PATH: install Octave")
    os.environ.update(OMP_NUM_THREADS="1", PATH=f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}")
    print("| task | who | ms a trial | against the grid | against one factor | performance | rate (Hz) |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for task in arguments.tasks:
            compare(task, pathlib.Path(scratch), arguments.rounds, arguments.trials)


if __name__ == "__main__":
    main()
