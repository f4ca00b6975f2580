#!/usr/bin/env python3
"""Trains and judges spiking networks over configs and seeds, and digits over neurons and modes; writes their part of
docs/results.md.

usage: bench/spiking.py [--jobs J] [NAME ...]      names: configs, `table`; none: all of them

Needs the programs (`make build`) and the digits (`make data`, `make data DATASET=fashion-mnist`). Each result is kept in
artifacts/results/ and not made again: a run that was stopped goes on where it was. A row of the page without a result there
stays as it is. Results are a function of config and seed; the seconds are of the processor, for the training alone, on one
thread.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEPT = ROOT / "artifacts" / "results"
PAGE = ROOT / "docs" / "results.md"
MARKS = "<!-- bench/spiking.py writes from here -->\n", "<!-- to here -->\n"
CRITERION_NOT_MET = 4

# config -> seeds
CONFIGS = {
    "mante-spiking": (1, 2, 3),
    "mante-spiking-published": (1, 2, 3),
    "mnist": (1, 2, 3),
    "mnist-large": (1, 2, 3),
    "mnist-published": (1,),
    "mnist-rate": (1,),
    "fashion-mnist": (1,),
}
NEURONS, MODES, TABLE_UPDATES = (50, 100, 200), (1, 3, 10, 30), 1290
MANTE_TRIALS = 2000


def runs_of(name):
    """The runs of a name, each as (name of its result, config, seed, settings)."""
    if name != "table":
        return [(f"{name}-{seed}", name, seed, []) for seed in CONFIGS[name]]
    updates = [f"training.max_updates={TABLE_UPDATES}"]
    sizes = [(n, p) for n in NEURONS for p in MODES]
    return [(f"table-{n}-{p}", "mnist", 1, [*updates, f"network.neurons={n}", f"network.modes={p}"]) for n, p in sizes]


def stage(program, *arguments):
    """Runs one stage on one thread; returns its JSON result and its seconds of processor time."""
    command = [ROOT / "target" / "release" / program, *arguments, "--threads", "1", "--quiet"]
    with subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        result = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, CRITERION_NOT_MET):
        raise SystemExit(f"{program} {' '.join(map(str, arguments))} ended with status {process.returncode}")
    return json.loads(result), usage.ru_utime + usage.ru_stime


def run(result, config, seed, settings):
    """Trains and judges one network, unless its result is there."""
    path = KEPT / f"{result}.json"
    if path.exists():
        return
    sets = [part for setting in settings for part in ("--set", setting)]
    trials = ["--set", f"evaluation.trials={MANTE_TRIALS}"] if "mante" in config else []
    program = "train-rate" if config == "mnist-rate" else "train-spiking"
    with tempfile.TemporaryDirectory() as scratch:
        network, judged = (f"{scratch}/{name}.safetensors" for name in ("network", "eval"))
        config = f"configs/{config}.json"
        trained, seconds = stage(program, "--config", config, "--seed", seed, *sets, "-o", network)
        judgement, _ = stage("eval-spiking", network, *trials, "-o", judged)
    record = {"seconds": seconds, "updates": trained["updates"]} | judgement
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record) + "\n")
    partial.rename(path)
    told = ("accuracy", "performance", "mean_squared_error", "seconds")
    print(result, json.dumps({key: record[key] for key in told if key in record}), flush=True)


def records_of(name):
    paths = [KEPT / f"{result}.json" for result, *_ in runs_of(name)]
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def several(values, form):
    """A mean, and the values if there are several."""
    mean = form.format(statistics.mean(values))
    return mean if len(values) == 1 else f"{mean} ({', '.join(form.format(v) for v in values)})"


def row(config, page):
    network = json.loads((ROOT / "configs" / f"{config}.json").read_text())["network"]
    modes = network.get("modes") or network["recurrence"]["modes"]
    records = records_of(config)
    if not records:
        return next((line for line in page.splitlines() if line.startswith(f"| {config} |")), None)
    measure = "accuracy" if "accuracy" in records[0] else "performance"
    cells = [config, f"{network['neurons']}, {modes}", len(records), several([r[measure] for r in records], "{:.4f}")]
    errors = [r["mean_squared_error"] for r in records if "mean_squared_error" in r]
    cells += [several(errors, "{:.4f}") if errors else "–", records[0]["updates"]]
    cells.append(f"{statistics.mean(r['seconds'] for r in records):.0f}")
    return f"| {' | '.join(map(str, cells))} |"


def grid():
    """Accuracy over neurons and modes, if there is any."""
    if not any(KEPT.glob("table-*.json")):
        return ""
    lines = [f"| P | {' | '.join(f'N = {n}' for n in NEURONS)} |", "|" + "---|" * (len(NEURONS) + 1)]
    for modes in MODES:
        paths = [KEPT / f"table-{n}-{modes}.json" for n in NEURONS]
        cells = [f"{json.loads(p.read_text())['accuracy']:.4f}" if p.exists() else "–" for p in paths]
        lines.append(f"| {modes} | {' | '.join(cells)} |")
    head = f"Accuracy of `mnist` after {TABLE_UPDATES} updates, seed 1, over neurons N and modes P:"
    return f"\n{head}\n\n{chr(10).join(lines)}\n"


def part(page):
    head = "| config | N, P | networks | accuracy or performance (each seed) | mean squared error | updates | seconds |"
    rows = filter(None, (row(config, page) for config in CONFIGS))
    return f"""
{head}
|---|---|---|---|---|---|---|
{chr(10).join(rows)}
{grid()}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*CONFIGS, "table"]
    parser.add_argument("names", nargs="*", default=known, help=f"{', '.join(known)}")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(known):
        parser.error(f"unknown name {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    KEPT.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda job: run(*job), [job for name in arguments.names for job in runs_of(name)]))
    before, rest = PAGE.read_text().split(MARKS[0])
    present, after = rest.split(MARKS[1])
    PAGE.write_text(before + MARKS[0] + part(present) + MARKS[1] + after)


if __name__ == "__main__":
    main()
