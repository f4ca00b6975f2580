#!/usr/bin/env python3
"""Trains a rate and a spiking network for every task of the library and writes its part of docs/results.md.

usage: bench/library.py [--jobs J] [TASK ...]      names of files in tasks/, for example  bench/library.py xor flip-flop

Needs the programs (`make build`; the environment variable PROGRAMS names a folder other than target/release). Rate networks are
trained, converted to LIF networks and evaluated in both forms; spiking networks are trained and evaluated. Each result is kept
in artifacts/results/ and reused, so an interrupted run continues where it stopped; the table has all tasks with results there.
Results are a function of config and seed. Means and standard deviations are over networks.
"""

import argparse
import concurrent.futures
import json
import tempfile

from networks import KEPT, PAGE, ROOT, keep, overrides, replaced, spread, stage

MARKS = "<!-- bench/library.py writes from here -->", "<!-- to here: library -->"
TASKS = sorted(path.stem for path in (ROOT / "tasks").glob("*.star"))
SEEDS = 1, 2, 3
EVALUATION_TRIALS = 400
RULES = "published", "strict"


def judged(program, network, scratch):
    """Performance of a network by each set of rules, on the same fresh trials, and the CPU time."""
    performance, seconds = {}, 0
    for rules in RULES:
        settings = overrides([f"evaluation.trials={EVALUATION_TRIALS}", f"task.rules={rules}"])
        result, took = stage(program, network, *settings, "-o", f"{scratch}/{program}-{rules}.safetensors")
        performance[rules] = result["performance"]
        seconds += took
    return performance, seconds


def run(config, seed):
    """Trains and evaluates one network, unless its result exists."""
    path = KEPT / f"library-{config}-{seed}.json"
    if path.exists():
        return
    kind = "spiking" if config.endswith("-spiking") else "rate"
    with tempfile.TemporaryDirectory() as scratch:
        network, lif = (f"{scratch}/{name}.safetensors" for name in ("network", "lif"))
        trained, t1 = stage(f"train-{kind}", "--config", f"configs/{config}.json", "--seed", seed, "-o", network)
        performance, t2 = judged(f"eval-{kind}", network, scratch)
        record = {"success": trained.get("success"), "updates": trained["updates"], kind: performance, "seconds": t1 + t2}
        if kind == "rate":
            found, t3 = stage("lambda-search", network, "-o", lif)
            record["lif"], t4 = judged("eval-lif", lif, scratch)
            record |= {"factor": found["scaling_factor"], "seconds": record["seconds"] + t3 + t4}
    keep(path, record)
    print(config, seed, json.dumps(record), flush=True)


def records_of(config):
    paths = [KEPT / f"library-{config}-{seed}.json" for seed in SEEDS]
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def met(records):
    """Number of networks that met their training criterion; a dash if the config has none."""
    flags = [r["success"] for r in records]
    return "–" if None in flags else f"{sum(flags)} of {len(flags)}"


def performances(records, form):
    return " / ".join(spread([r[form][rules] for r in records], "{:.3f}") for rules in RULES)


def row(task):
    rate, spiking = records_of(task), records_of(f"{task}-spiking")
    cells = [task]
    for records, form in (rate, "rate"), (rate, "lif"), (spiking, "spiking"):
        cells.append(performances(records, form) if records else "–")
    cells += [met(records) if records else "–" for records in (rate, spiking)]
    return f"| {' | '.join(cells)} |"


def table():
    lines = ["| task | rate | LIF | spiking | rate: criterion met | spiking: criterion met |", "|---|---|---|---|---|---|"]
    return "\n".join([*lines, *map(row, TASKS)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=TASKS)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    if unknown := set(arguments.tasks) - set(TASKS):
        parser.error(f"unknown task {', '.join(sorted(unknown))}; there are {', '.join(TASKS)}")
    jobs = [(config, seed) for seed in SEEDS for task in arguments.tasks for config in (task, f"{task}-spiking")]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda job: run(*job), jobs))
    PAGE.write_text(replaced(PAGE.read_text(), *MARKS, table()))


if __name__ == "__main__":
    main()
