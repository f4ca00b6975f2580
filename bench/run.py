#!/usr/bin/env python3
"""Runs this project's steps and its peers' in turn on the same work, and prints ratios of medians.

usage: bench/run.py [NAME ...] [--rounds R] [--json FILE]      names: see CASES; none: all of them

Needs the programs (`make build`) and, for the peers, the packages of bench/peers/requirements.txt in the Python that runs
this file. `make bench` sees to both. Absolute times of a shared machine mean little: read the ratios.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = ROOT / "target" / "release" / "bench-step"


def ours(*arguments):
    return [str(OURS), *map(str, arguments)]


def peer(script, *arguments):
    return [sys.executable, str(ROOT / "bench" / "peers" / script), *map(str, arguments)]


def training(config, updates, *overrides):
    """Our updates of a config."""
    sets = [part for override in overrides for part in ("--set", override)]
    return lambda threads: ours("train", "--config", ROOT / "configs" / f"{config}.json", "--updates", updates, *sets)


def rate_case(config, neurons, steps, channels, updates):
    return {
        "threads": [1],
        "ours": training(config, updates, "training.batch_size=1"),
        "peers": {"JAX": lambda threads: peer("rate_step_jax.py", neurons, steps, channels, 1, updates)},
    }


def spiking_case(neurons, modes, batch):
    sizes = (f"network.neurons={neurons}", f"network.modes={modes}", f"training.batch_size={batch}")
    return {
        "threads": [1, 2],
        "ours": training("mante-spiking", 30, *sizes),
        "peers": {
            "PyTorch": lambda threads: peer("spiking_step_torch.py", neurons, modes, batch, 500, threads, 7),
            "JAX": lambda threads: peer("spiking_step_jax.py", neurons, modes, batch, 500, threads, 7),
        },
    }


# name -> threads to run with, our command, the peers' commands
CASES = {
    "rate-go-nogo": rate_case("go-nogo", 200, 200, 1, 300),
    "rate-mante": rate_case("mante", 250, 500, 4, 150),
    "spiking-mante": spiking_case(100, 3, 100),
}


def measure(command, threads):
    environment = dict(os.environ, RAYON_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def compare(name, threads, case, rounds):
    """Ours and the peers in turn, `rounds` times; medians over the rounds."""
    commands = {"mdl-rnn": case["ours"](threads)} | {k: v(threads) for k, v in case["peers"].items()}
    results = {who: [] for who in commands}
    for _ in range(rounds):
        for who, command in commands.items():
            results[who].append(measure(command, threads))
    rows = []
    mine = statistics.median(r["median_s"] for r in results["mdl-rnn"])
    for who, measured in results.items():
        seconds = statistics.median(r["median_s"] for r in measured)
        peak = max(r.get("peak_bytes") or 0 for r in measured)
        rows.append({"case": name, "threads": threads, "who": who, "ms": seconds * 1e3,
                     "ratio": seconds / mine, "peak_mib": peak / 2**20})
        print(f"{name:22} {threads} thread(s)  {who:10} {seconds * 1e3:10.3f} ms  {seconds / mine:7.1f} x  "
              f"{peak / 2**20:7.0f} MiB", flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"cases: {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(CASES)
    if unknown:
        parser.error(f"unknown case {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    rows = []
    for name in arguments.names or CASES:
        for threads in CASES[name]["threads"]:
            rows += compare(name, threads, CASES[name], arguments.rounds)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
