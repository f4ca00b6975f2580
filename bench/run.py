#!/usr/bin/env python3
"""Times steps of this project and of its peers in turn on the same work, and prints the ratios of the medians; then times steps
of this project for several sizes, and prints the time per unit of work; then what drawing trials costs the updates of every config
of a cognitive task.

usage: bench/run.py [NAME ...] [--rounds R] [--write]      names: see CASES, SCALING and `drawing`; default: all

Needs the programs (`make build`), MNIST (`make data`) and, for the peers, the packages of bench/peers/requirements.txt in the
Python that runs this file. `make bench` provides all three. `--write` updates the tables in docs/benchmarks.md. Absolute times
on a shared machine mean little: compare the ratios.
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
PAGE = ROOT / "docs" / "benchmarks.md"
MARKS = "<!-- bench/run.py writes from here -->\n", "<!-- to here -->\n"
DRAWING_MARKS = "<!-- bench/run.py drawing writes from here -->\n", "<!-- to here: drawing -->\n"


def training(config, updates, what="train", **settings):
    """Command for updates of mdl-rnn on a config, or for drawing their trials, with some of its settings replaced."""
    command = [OURS, what, "--config", ROOT / "configs" / f"{config}.json", "--updates", updates]
    for field, value in settings.items():
        command += ["--set", f"{field.replace('__', '.')}={value}"]
    return [str(part) for part in command]


def peer(script, *arguments):
    return [sys.executable, str(ROOT / "bench" / "peers" / script), *map(str, arguments)]


def spiking(config, updates, neurons, modes, batch, **settings):
    sizes = {"network__neurons": neurons, "network__modes": modes, "training__batch_size": batch}
    return training(config, updates, **sizes, **settings)


def rate_case(config, neurons, steps, channels, batch, updates):
    return {
        "threads": [1],
        "ours": training(config, updates, training__batch_size=batch),
        "peers": {"JAX": lambda threads: peer("rate_step_jax.py", neurons, steps, channels, batch, updates)},
    }


def spiking_case(script, ours, neurons, modes, batch, steps, updates):
    sizes = (neurons, modes, batch, steps)
    return {
        "threads": [1, 2],
        "ours": ours,
        "peers": {
            "PyTorch": lambda threads: peer(f"{script}_torch.py", *sizes, threads, updates),
            "JAX": lambda threads: peer(f"{script}_jax.py", *sizes, threads, updates),
        },
    }


def digits_case(neurons, modes):
    ours = spiking("mnist", 15, neurons, modes, 256, task__augmentation="{}")
    return spiking_case("digits_step", ours, neurons, modes, 256, 50, 5)


# name -> numbers of threads, our command, the peers' commands
CASES = {
    "rate-go-nogo": rate_case("go-nogo", 200, 200, 1, 1, 300),
    "rate-go-nogo-8": rate_case("go-nogo", 200, 200, 1, 8, 150),
    "rate-mante": rate_case("mante", 250, 500, 4, 1, 150),
    "rate-mante-8": rate_case("mante", 250, 500, 4, 8, 50),
    "spiking-mante": spiking_case("spiking_step", spiking("mante-spiking", 30, 100, 3, 100), 100, 3, 100, 500, 7),
    "digits-100-3": digits_case(100, 3),
    "digits-200-10": digits_case(200, 10),
}

# name -> sizes (N, P, B, T) of a spiking network on the contextual task
SCALING = {
    "neurons": [(neurons, 3, 16, 500) for neurons in (128, 256, 512, 1024, 2048, 4096)],
    "modes": [(256, modes, 16, 500) for modes in (1, 3, 10, 30, 100)],
    "batch": [(100, 3, batch, 500) for batch in (4, 16, 64, 256)],
    "steps": [(100, 3, 100, steps) for steps in (500, 5000, 50000)],
}
# Neurons × trials × steps to time per size, within bounds on the number of updates.
TIMED = 10**8


def measure(command, threads):
    environment = dict(os.environ, RAYON_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(name, threads, rounds):
    """Runs mdl-rnn and the peers in turn, `rounds` times; yields medians over the rounds as rows of a table."""
    case = CASES[name]
    commands = {"mdl-rnn": case["ours"]} | {who: command(threads) for who, command in case["peers"].items()}
    results = {who: [] for who in commands}
    for _ in range(rounds):
        for who, command in commands.items():
            results[who].append(measure(command, threads))
    mine = statistics.median(r["median_s"] for r in results["mdl-rnn"])
    for who, measured in results.items():
        seconds = statistics.median(r["median_s"] for r in measured)
        peak = max(r.get("peak_bytes") or 0 for r in measured)
        yield f"| {name} | {threads} | {who} | {seconds * 1e3:.2f} | {seconds / mine:.1f}× | {peak / 2**20:.0f} |"


def scale(name, rounds):
    """Runs updates of all sizes in turn, `rounds` times; yields medians over the rounds as rows of a table."""
    sizes = SCALING[name]
    updates = [min(40, max(5, TIMED // (n * b * t))) for n, _, b, t in sizes]
    commands = [
        spiking("mante-spiking", count, n, p, b, task__parameters__trial_ms=2 * t) for count, (n, p, b, t) in zip(updates, sizes)
    ]
    rounds = [[measure(command, 1) for command in commands] for _ in range(rounds)]
    for place, (n, p, b, t) in enumerate(sizes):
        seconds = statistics.median(results[place]["median_s"] for results in rounds)
        peak = max(results[place]["peak_bytes"] or 0 for results in rounds)
        cost = seconds * 1e9 / (n * p * b * t)
        yield f"| {name} | {n} | {p} | {b} | {t} | {seconds * 1e3:.1f} | {cost:.3f} | {peak / 2**20:.0f} |"


def drawing(rounds):
    """Times drawing and updates of every config of a cognitive task in turn, as rows of a table."""
    for path in sorted((ROOT / "configs").glob("*.json")):
        config = json.loads(path.read_text())
        if "file" not in config.get("task", {}):
            continue
        batch = config["training"].get("batch_size", 1)
        commands = training(path.stem, 200, "draw"), training(path.stem, 100)
        measured = [[measure(command, 1) for command in commands] for _ in range(rounds)]
        drawn, updated = (statistics.median(round[place]["median_s"] for round in measured) for place in (0, 1))
        share = statistics.median(draws["median_s"] / updates["median_s"] for draws, updates in measured)
        waited = statistics.median(updates["waiting_share"] for _, updates in measured)
        yield f"| {path.stem} | {batch} | {drawn * 1e3:.3f} | {updated * 1e3:.2f} | {share:.1%} | {waited:.1%} |"


def table(head, rows):
    """Prints a table row by row and returns it."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    print(*lines, sep="\n")
    for row in rows:
        print(row, flush=True)
        lines.append(row)
    return "\n".join(lines) + "\n"


def write(tables, marks):
    before, rest = PAGE.read_text().split(marks[0])
    PAGE.write_text(before + marks[0] + "\n" + "\n".join(tables) + "\n" + marks[1] + rest.split(marks[1])[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*CASES, *SCALING, "drawing"]
    parser.add_argument("names", nargs="*", default=known, help=f"cases: {', '.join(known)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="update the tables in docs/benchmarks.md")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(known)
    if unknown:
        parser.error(f"unknown case {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    steps = set(arguments.names) - {"drawing"}
    if arguments.write and steps and steps != {*CASES, *SCALING}:
        parser.error("--write replaces whole tables: name no cases, or `drawing` alone")
    runs = [(name, threads) for name in CASES if name in arguments.names for threads in CASES[name]["threads"]]
    rows = (row for name, threads in runs for row in compare(name, threads, arguments.rounds))
    head = ["step", "threads", "program", "median (ms)", "against mdl-rnn", "peak memory (MiB)"]
    tables = [table(head, rows)] if runs else []
    sizes = [name for name in SCALING if name in arguments.names]
    if sizes:
        print()
        rows = (row for name in sizes for row in scale(name, arguments.rounds))
        head = ["varied", "N", "P", "B", "T", "update (ms)", "ns per neuron, mode, trial and step", "peak memory (MiB)"]
        tables.append(table(head, rows))
    if "drawing" in arguments.names:
        print()
        head = ["config", "batch", "drawing of a batch (ms)", "update (ms)", "drawing, of the update", "waiting for trials, of the update"]
        drawn = table(head, drawing(arguments.rounds))
        if arguments.write:
            write([drawn], DRAWING_MARKS)
    if arguments.write and tables:
        write(tables, MARKS)


if __name__ == "__main__":
    main()
