#!/usr/bin/env python3
"""Times this project on a GPU against eager PyTorch and JAX on the same GPU, in turn on the same work, and prints tables.

usage: bench/cuda.py [--rate RATE.safetensors] [--rounds R] [--peers torch,jax]

Needs the programs of `make cuda`, CUDA's libraries on LD_LIBRARY_PATH (docs/cuda.md), and for the peers torch, or jax with its
CUDA plugin, in the Python that runs this file. Every time is the median of 20 synchronised updates, or runs
without gradients, after the first two, and of R rounds over that. With `--rate`, a trained Go-NoGo network, the search for its scaling factor is timed too, start and end of the
program included: 12 factors, 100 trials each.
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
PROGRAMS = ROOT / "target" / "cuda" / "x86_64-unknown-linux-gnu" / "release"
UPDATES = 20
# N, P, B, T of a spiking network on the contextual task
SIZES = [(100, 3, 100, 500), (100, 3, 1024, 500), (100, 3, 4096, 500), (256, 10, 256, 500), (1024, 30, 256, 500), (4096, 128, 64, 100)]
SIGNALS, OUTPUTS = 4, 1


def ours(what, n, p, b, t):
    fields = {"network.neurons": n, "network.modes": p, "training.batch_size": b, "task.steps": t}
    command = [PROGRAMS / "bench-step", what, "--device", "cuda", "--config", ROOT / "configs" / "mante-spiking.json"]
    return command + ["--updates", UPDATES + 2] + [part for f, v in fields.items() for part in ("--set", f"{f}={v}")]


def peer(name):
    script = ROOT / "bench" / "peers" / f"spiking_step_{name}.py"
    return lambda what, n, p, b, t: [sys.executable, script, n, p, b, t, 1, UPDATES]


def measure(command, what):
    environment = dict(os.environ, BENCH_DEVICE="cuda", BENCH_PASS={"train": "both", "run": "forward"}[what])
    done = subprocess.run([str(part) for part in command], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])["median_s"] if done.returncode == 0 else None


def bytes_moved(what, n, p, b, t):
    """What a step must read and write. Training: U and a both ways, x twice, y and its gradient. Without gradients: x and y."""
    return 4 * t * b * (2 * n + 2 * p + 2 * SIGNALS + 2 * OUTPUTS if what == "train" else SIGNALS + OUTPUTS)


def steps(what, peers, rounds):
    whos = {"mdl-rnn": ours} | {name: peer(name) for name in peers}
    print("", f"| N | P | B | T | who | {what} (ms) | against mdl-rnn | GB/s |", "|---|---|---|---|---|---|---|---|", sep="\n")
    for size in SIZES:
        results = {who: [] for who in whos}
        for _ in range(rounds):
            for who, command in whos.items():
                results[who].append(measure(command(what, *size), what))
        mine = None
        for who, measured in results.items():
            if None in measured:
                print(f"| {' | '.join(map(str, size))} | {who} | failed | | |", flush=True)
                continue
            seconds = statistics.median(measured)
            mine = mine or seconds
            rate = f"{bytes_moved(what, *size) / seconds / 1e9:.0f}" if who == "mdl-rnn" else ""
            print(f"| {' | '.join(map(str, size))} | {who} | {seconds * 1e3:.2f} | {seconds / mine:.1f}× | {rate} |", flush=True)


def search(rate, rounds):
    print("", "| search of 12 factors × 100 trials on | s |", "|---|---|", sep="\n")
    for device in ("cuda", "cpu"):
        seconds = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as directory:
                command = [PROGRAMS / "lambda-search", rate, "--device", device, "--quiet", "-o", f"{directory}/lif.safetensors"]
                begin = time.perf_counter()
                subprocess.run(list(map(str, command)), check=False, stdout=subprocess.DEVNULL)
                seconds.append(time.perf_counter() - begin)
        print(f"| {device} | {statistics.median(seconds):.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=pathlib.Path, help="rate artifact of a trained Go-NoGo network")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="torch,jax", type=lambda text: [name for name in text.split(",") if name])
    arguments = parser.parse_args()
    if not (PROGRAMS / "bench-step").exists():
        parser.error(f"{PROGRAMS}: no programs there; `make cuda` builds them")
    names = subprocess.run(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"], capture_output=True, text=True)
    print("GPU:", names.stdout.strip() or "unknown", "\n")
    for what in ("train", "run"):
        steps(what, arguments.peers, arguments.rounds)
    if arguments.rate:
        search(arguments.rate, arguments.rounds)


if __name__ == "__main__":
    main()
