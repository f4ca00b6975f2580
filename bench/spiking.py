#!/usr/bin/env python3
"""Trains and evaluates spiking networks for several configs and seeds, and digits for several numbers of neurons and modes;
writes their part of docs/results.md.

usage: bench/spiking.py [--jobs J] [NAME ...]      names: those in NETWORKS, and `table`; default: all

Needs the programs (`make build`) and the digits (`make data`, `make data DATASET=fashion-mnist`). Each result is kept in
artifacts/results/ and reused, so an interrupted run continues where it stopped. Rows of the page without a result there are
left unchanged. Results are a function of config and seed; seconds are CPU time of the training alone, on one thread. Means and
standard deviations are over networks.
"""

import argparse
import concurrent.futures
import json
import statistics
import tempfile

from networks import KEPT, PAGE, ROOT, keep, overrides, replaced, spread, stage

MARKS = "<!-- bench/spiking.py writes from here -->", "<!-- to here -->"

# name -> config, settings, seeds
NETWORKS = {
    "mante-spiking": ("mante-spiking", [], (1, 2, 3)),
    "mante-spiking-published": ("mante-spiking-published", [], (1, 2, 3)),
    "mnist": ("mnist", [], (1, 2, 3)),
    "mnist-no-augmentation": ("mnist", ["task.augmentation={}"], (1,)),
    "mnist-large": ("mnist-large", [], (1, 2, 3)),
    "mnist-published": ("mnist-published", [], (1, 2, 3)),
    "mnist-rate": ("mnist-rate", [], (1,)),
    "mnist-rate-fixed-scores": ("mnist-rate", ["network.recurrence.train_scores=false"], (1,)),
    "fashion-mnist": ("fashion-mnist", [], (1,)),
}
NEURONS, MODES, TABLE_UPDATES = (50, 100, 200), (1, 3, 10, 30), 1290
MANTE_TRIALS = 2000


def runs_of(name):
    """Runs of a name, each as (name of its result, config, seed, settings)."""
    if name != "table":
        config, settings, seeds = NETWORKS[name]
        return [(f"{name}-{seed}", config, seed, settings) for seed in seeds]
    updates = [f"training.max_updates={TABLE_UPDATES}"]
    sizes = [(n, p) for n in NEURONS for p in MODES]
    return [(f"table-{n}-{p}", "mnist", 1, [*updates, f"network.neurons={n}", f"network.modes={p}"]) for n, p in sizes]


def run(result, config, seed, settings):
    """Trains and evaluates one network, unless its result exists."""
    path = KEPT / f"{result}.json"
    if path.exists():
        return
    sets = overrides(settings)
    trials = overrides([f"evaluation.trials={MANTE_TRIALS}"] if "mante" in config else [])
    program = "train-rate" if config == "mnist-rate" else "train-spiking"
    with tempfile.TemporaryDirectory() as scratch:
        network, judged = (f"{scratch}/{name}.safetensors" for name in ("network", "eval"))
        config = f"configs/{config}.json"
        trained, seconds = stage(program, "--config", config, "--seed", seed, *sets, "-o", network)
        judgement, _ = stage("eval-rate" if program == "train-rate" else "eval-spiking", network, *trials, "-o", judged)
    record = {"seconds": seconds, "updates": trained["updates"]} | judgement
    keep(path, record)
    told = ("accuracy", "performance", "output_error", "seconds")
    print(result, json.dumps({key: record[key] for key in told if key in record}), flush=True)


def records_of(name):
    paths = [KEPT / f"{result}.json" for result, *_ in runs_of(name)]
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def several(values, form):
    """Mean and standard deviation, and each value if there are several."""
    each = f" ({', '.join(form.format(v) for v in values)})" if len(values) > 1 else ""
    return spread(values, form) + each


def row(name, page):
    network = json.loads((ROOT / "configs" / f"{NETWORKS[name][0]}.json").read_text())["network"]
    modes = network.get("modes") or network["recurrence"]["modes"]
    records = records_of(name)
    if not records:
        return next((line for line in page.splitlines() if line.startswith(f"| {name} |")), None)
    measure = "accuracy" if "accuracy" in records[0] else "performance"
    cells = [name, f"{network['neurons']}, {modes}", len(records), several([r[measure] for r in records], "{:.4f}")]
    errors = [r["output_error"] for r in records if "output_error" in r]
    cells += [several(errors, "{:.4f}") if errors else "–", records[0]["updates"]]
    cells.append(f"{statistics.mean(r['seconds'] for r in records):.0f}")
    return f"| {' | '.join(map(str, cells))} |"


GRID = f"Accuracy of `mnist` after {TABLE_UPDATES} updates for N neurons and P modes, one network per cell (seed 1):"


def grid(page):
    """Accuracy for numbers of neurons and modes; the table on the page if there are no results."""
    if not any(KEPT.glob("table-*.json")):
        return GRID + page.partition(GRID)[2].partition(MARKS[1])[0]
    lines = [f"| P | {' | '.join(f'N = {n}' for n in NEURONS)} |", "|" + "---|" * (len(NEURONS) + 1)]
    for modes in MODES:
        paths = [KEPT / f"table-{n}-{modes}.json" for n in NEURONS]
        cells = [f"{json.loads(p.read_text())['accuracy']:.4f}" if p.exists() else "–" for p in paths]
        lines.append(f"| {modes} | {' | '.join(cells)} |")
    return "\n".join([GRID, "", *lines])


def part(page):
    head = "| config | N, P | networks | accuracy or performance (each network) | mean squared error | updates | seconds |"
    rows = filter(None, (row(name, page) for name in NETWORKS))
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows, "", grid(page)]).rstrip("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*NETWORKS, "table"]
    parser.add_argument("names", nargs="*", default=known, help=f"{', '.join(known)}")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(known):
        parser.error(f"unknown name {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda job: run(*job), [job for name in arguments.names for job in runs_of(name)]))
    page = PAGE.read_text()
    PAGE.write_text(replaced(page, *MARKS, part(page)))


if __name__ == "__main__":
    main()
