#!/usr/bin/env python3
"""Times this project on a GPU against eager PyTorch and JAX on the same GPU, in turn on the same work, and prints tables.

usage: bench/cuda.py [--rate RATE.safetensors] [--rounds R] [--peers torch,jax] [--device cpu --sizes N,P,B,T ...]

Needs the programs of `make cuda`, CUDA's libraries on LD_LIBRARY_PATH (docs/cuda.md) and, for the peers, torch, or jax with its
CUDA plugin, in the Python that runs this file. Each time is the median of 20 synchronised updates, or of 20 runs without
gradients, after two warm-up runs; the table gives the median over R rounds. With `--rate`, a trained Go-NoGo network, it also
times the search for the scaling factor, with 12 factors and 100 trials each, including start and end of the program.
`--device cpu` with small sizes checks on any machine that everything runs.
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
SIZES = ["100,3,100,500", "100,3,1024,500", "100,3,4096,500", "256,10,256,500", "1024,30,256,500", "4096,128,64,100"]
SIGNALS, OUTPUTS = 4, 1


def ours(device, what, n, p, b, t):
    fields = {"network.neurons": n, "network.modes": p, "training.batch_size": b, "task.parameters.trial_ms": 2 * t}
    # Times of the task, scaled to the length of the trial.
    ms = {"stimulus_ms": [t // 5, t], "response_from_ms": t * 6 // 5, "lif_response_from_ms": t}
    fields |= {f"task.parameters.{name}": value for name, value in ms.items()}
    command = [PROGRAMS / "bench-step", what, "--device", device, "--config", ROOT / "configs" / "mante-spiking.json"]
    return command + ["--updates", UPDATES] + [part for f, v in fields.items() for part in ("--set", f"{f}={v}")]


def peer(name):
    script = ROOT / "bench" / "peers" / f"spiking_step_{name}.py"
    return lambda device, what, n, p, b, t: [sys.executable, script, n, p, b, t, os.cpu_count(), UPDATES]


def answer(command, **environment):
    """The JSON line that a program prints, or None if it fails."""
    command, environment = [str(part) for part in command], os.environ | environment
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def measure(command, device, what):
    # JAX silently falls back to the CPU if it finds no GPU.
    where = {"BENCH_DEVICE": device, "JAX_PLATFORMS": device}
    found = answer(command, BENCH_PASS={"train": "both", "run": "forward"}[what], **where)
    return found and found["median_s"]


def bytes_moved(what, n, p, b, t):
    """Bytes that a step must read and write. Training: U and a both ways, x twice, y and its gradient. Without gradients: x and y."""
    return 4 * t * b * (2 * n + 2 * p + 2 * SIGNALS + 2 * OUTPUTS if what == "train" else SIGNALS + OUTPUTS)


def steps(what, device, sizes, peers, rounds, limit):
    whos = {"mdl-rnn": ours} | {name: peer(name) for name in peers}
    print("", f"| N | P | B | T | program | {what} (ms) | against mdl-rnn | MB moved | GB/s | share of copy rate |", sep="\n")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for size in sizes:
        results = {who: [] for who in whos}
        for _ in range(rounds):
            for who, command in whos.items():
                results[who].append(measure(command(device, what, *size), device, what))
        mine = None if None in results["mdl-rnn"] else statistics.median(results["mdl-rnn"])
        for who, measured in results.items():
            row = [*size, who]
            if None in measured:
                row += ["failed", "", "", "", ""]
            else:
                seconds = statistics.median(measured)
                row += [f"{seconds * 1e3:.2f}", f"{seconds / mine:.1f}×" if mine else "", "", "", ""]
                if who == "mdl-rnn":
                    moved = bytes_moved(what, *size)
                    row[-3:] = [f"{moved / 1e6:.2f}", f"{moved / seconds / 1e9:.1f}", f"{moved / seconds / limit:.0%}" if limit else ""]
            print("|", " | ".join(map(str, row)), "|", flush=True)


def search(rate, devices, rounds):
    print("", "| search of 12 factors × 100 trials on | s |", "|---|---|", sep="\n")
    for device in devices:
        seconds = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as directory:
                command = [PROGRAMS / "lambda-search", rate, "--device", device, "--quiet", "-o", f"{directory}/lif.safetensors"]
                begin = time.perf_counter()
                done = subprocess.run(list(map(str, command)), stdout=subprocess.DEVNULL)
                seconds.append(time.perf_counter() - begin)
                # Status 4: a factor was found, but the criterion was not met.
                if done.returncode not in (0, 4):
                    sys.exit(f"lambda-search on {device} failed")
        print(f"| {device} | {statistics.median(seconds):.2f} |", flush=True)


def size(text):
    n, p, b, t = map(int, text.split(","))
    return n, p, b, t


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=pathlib.Path, help="rate artifact of a trained Go-NoGo network")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="torch,jax", type=lambda text: [name for name in text.split(",") if name])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--sizes", nargs="+", type=size, default=[size(text) for text in SIZES], metavar="N,P,B,T")
    arguments = parser.parse_args()
    device = arguments.device
    if not (PROGRAMS / "bench-step").exists():
        parser.error(f"{PROGRAMS}: no programs there; `make cuda` builds them")
    if device == "cuda":
        query = "nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader"
        print("GPU:", subprocess.run(query, shell=True, stdout=subprocess.PIPE, text=True).stdout.strip() or "unknown")
    limit = None
    if "torch" in arguments.peers:
        copied = answer([sys.executable, ROOT / "bench" / "peers" / "copy_rate_torch.py", device])
        limit = copied and copied["bytes_per_s"]
        print("copying in memory:", f"{limit / 1e9:.0f} GB/s" if limit else "failed")
    for what in ("train", "run"):
        steps(what, device, arguments.sizes, arguments.peers, arguments.rounds, limit)
    if arguments.rate:
        search(arguments.rate, ["cuda", "cpu"] if device == "cuda" else ["cpu"], arguments.rounds)


if __name__ == "__main__":
    main()
