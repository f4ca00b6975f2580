#!/usr/bin/env python3
"""Sweeps: many networks from one YAML file.

usage: sweep.py plan SWEEP [OPTIONS]     write the plan, one network per line, and print its name
       sweep.py run SWEEP [OPTIONS]      run the networks with Snakemake, then make the table
       sweep.py slurm SWEEP [OPTIONS]    submit them as a Slurm array, then make the table
       sweep.py table SWEEP [OPTIONS]    make the table of what there is

A sweep is written to OUTPUT/NAME, NAME being that of the YAML file. docs/sweeps.md describes the file, which can also be JSON
(.json). YAML needs PyYAML, and `run` needs Snakemake (workflow/requirements.txt); `make sweep SWEEP=FILE` installs both.
"""
import argparse
import hashlib
import itertools
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CONFIGS = HERE.parent / "configs"
STAGES = ("train", "search", "evaluate")
KEYS = {"description", "configs", "seeds", "threads", "calibrate", *STAGES}
OWN_KEYS = {"config", "name", "seeds", "calibrate", *STAGES}
# Largest index of an array task that Slurm accepts by default (MaxArraySize).
MOST_TASKS = 1000
# Bytes of a name of a folder before it is cut.
LONGEST = 150
INTERRUPTED = 75


class Refused(Exception):
    """A sweep that cannot be run."""


def refuse(where, found, expected):
    raise Refused(f"{where}: found {found}, expected {expected}")


def read(path):
    """Content of a sweep's file: YAML, or JSON if its name ends in .json."""
    if path.suffix == ".json":
        return checked(path, read_json(path))
    try:
        import yaml
    except ImportError as error:
        remedy = "install it (pip install pyyaml), or write the sweep as JSON in a file that ends in .json"
        raise Refused(f"{path}: {error}; {remedy}") from error

    class Loader(yaml.SafeLoader):
        """Refuses duplicate keys, of which YAML otherwise keeps the last."""

        def construct_mapping(self, node, deep=False):
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = [key for index, key in enumerate(keys) if key in keys[:index]]
            if twice:
                refuse(f"{path}: line {node.start_mark.line + 1}", f"{twice[0]} twice", "every key once")
            return super().construct_mapping(node, deep)

    try:
        content = yaml.load(path.read_text(), Loader)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}; name the YAML file of a sweep") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: not a text in UTF-8") from error
    except yaml.YAMLError as error:
        raise Refused(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    return checked(path, content)


def read_json(path):
    def once(pairs):
        keys = [key for key, _ in pairs]
        twice = [key for index, key in enumerate(keys) if key in keys[:index]]
        if twice:
            refuse(path, f"{twice[0]} twice", "every key once")
        return dict(pairs)

    try:
        return json.loads(path.read_text(), object_pairs_hook=once)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}; name the file of a sweep") from error
    except ValueError as error:
        raise Refused(f"{path}: not JSON: {error}") from error


def checked(path, content):
    """Content of a sweep's file, if it is a mapping with known keys."""
    if not isinstance(content, dict):
        refuse(path, type(content).__name__, "a mapping with configs and seeds")
    check_keys(path, content, KEYS)
    return content


def check_keys(where, mapping, known):
    for key in mapping:
        if key not in known:
            refuse(where, f"the key {key}", "one of " + ", ".join(sorted(known)))


def seeds(where, given):
    """Seeds: a list, or a range with its first and last seed."""
    if isinstance(given, dict):
        check_keys(f"{where}: seeds", given, {"from", "to"})
        first, last = given.get("from"), given.get("to")
        if not (is_seed(first) and is_seed(last) and first <= last):
            refuse(f"{where}: seeds", given, "{from: FIRST, to: LAST}")
        return list(range(first, last + 1))
    if not isinstance(given, list) or not given or not all(map(is_seed, given)):
        refuse(f"{where}: seeds", given, "a list of whole numbers, or {from: FIRST, to: LAST}")
    if len(set(given)) < len(given):
        refuse(f"{where}: seeds", given, "different seeds")
    return given


def is_seed(number):
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0


def text(value):
    """Value of a field, as --set takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def grid(where, settings):
    """Combinations of settings: each is a list of `field=value`, and the part of it that varies."""
    if not isinstance(settings, dict):
        refuse(where, json.dumps(settings), "fields with their values")
    for field in settings:
        if not isinstance(field, str) or not re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*", field):
            refuse(where, field, "a field of a config, such as network.neurons")
        if isinstance(settings[field], list) and not settings[field]:
            refuse(f"{where}: {field}", "an empty list", "a value, or a list of values to vary")
    values = [value if isinstance(value, list) else [value] for value in settings.values()]
    for combination in itertools.product(*values):
        pairs = [(field, text(value)) for field, value in zip(settings, combination)]
        varied = [f"{field}={value}" for field, value in pairs if isinstance(settings[field], list) and len(settings[field]) > 1]
        yield [f"{field}={value}" for field, value in pairs], varied


def folder(parts):
    """Name of a folder for settings, from which they can be read."""
    name = ",".join(parts)
    plain = re.sub(r"[^A-Za-z0-9._=,+-]", "_", name)[:LONGEST]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def below(run, varied):
    """Folder inside another for settings that vary; the other one if none does."""
    return f"{run}/{folder(varied)}" if varied else run


def calibrations(where, given):
    """Calibrations of a network: None for the network as converted, else settings, and the part of them that varies."""
    listed = given if isinstance(given, list) else [given]
    found = []
    for settings in listed:
        if settings is False:
            found.append(None)
        elif isinstance(settings, dict):
            own = [(pairs, pairs if len(listed) > 1 else varied) for pairs, varied in grid(where, settings)]
            found.extend((pairs, ["calibrated", *varied]) for pairs, varied in own)
        else:
            refuse(where, json.dumps(settings), "fields with their values, false, or a list of these")
    if not found:
        refuse(where, "an empty list", "fields with their values, false, or a list of these")
    return found


def entry(where, given):
    """An entry of `configs`: a name, or a mapping with the settings of this config."""
    own = {"config": given} if isinstance(given, str) else given
    if not isinstance(own, dict) or not isinstance(own.get("config"), str):
        refuse(f"{where}: configs", json.dumps(given), "the name or file of a config, or a mapping with config")
    check_keys(f"{where}: configs: {own['config']}", own, OWN_KEYS)
    name = own.get("name", pathlib.Path(own["config"]).stem)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name):
        refuse(f"{where}: configs: name", name, "letters, digits, dots and dashes")
    return {**own, "name": name}


def find(path, name):
    """The file of a config: a name in configs/, or a file, relative to the sweep."""
    known = CONFIGS / f"{name}.json"
    candidates = [known] if known.exists() and "/" not in name else [path.parent / name, pathlib.Path(name)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    raise Refused(f"{path}: configs: found {name}, expected a config of {CONFIGS} or a file; make configs lists them")


def kind_of(config):
    """Kind of network in a config, and whether it is converted."""
    try:
        content = json.loads(config.read_text())
        kind, task = content["network"]["kind"], content["task"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{config}: not a config: {error!r}") from error
    if kind not in ("rate", "spiking"):
        refuse(f"{config}: network.kind", kind, "rate or spiking")
    return kind, kind == "rate" and "dataset" not in task, task.get("trials")


def networks(path, content):
    """The plan of a sweep: every network with its stages."""
    if "configs" not in content or not isinstance(content["configs"], list) or not content["configs"]:
        refuse(f"{path}: configs", content.get("configs"), "a list of configs")
    found, converted_any = {}, False
    for given in content["configs"]:
        own = entry(path, given)
        where = f"{path}: {own['name']}"
        config = find(path, own["config"])
        kind, converted, trials = kind_of(config)
        converted_any |= converted
        merged = {}
        for stage in STAGES:
            settings = {}
            for level in (content, own):
                if not isinstance(level.get(stage) or {}, dict):
                    refuse(f"{where}: {stage}", json.dumps(level[stage]), "fields with their values")
                settings.update(level.get(stage) or {})
            merged[stage] = settings
        if own["name"] != config.stem:
            merged["train"] = {"name": own["name"], **merged["train"]}
        if isinstance(trials, str):
            # The config names the file relative to itself; later stages start from the artifact.
            for stage in ("search", "evaluate"):
                merged[stage] = {"task.trials": str((config.parent / trials).resolve()), **merged[stage]}
        calibrate = own.get("calibrate", content.get("calibrate", False))
        if "seeds" not in own and "seeds" not in content:
            refuse(f"{where}: seeds", "none", "a list of whole numbers, or {from: FIRST, to: LAST}")
        for train, varied in grid(f"{where}: train", merged["train"]):
            for seed in seeds(where, own.get("seeds", content.get("seeds"))):
                run = "/".join([own["name"], *([folder(varied)] if varied else []), str(seed)])
                searches = []
                for search, by_search in grid(f"{where}: search", merged["search"]) if converted else [([], [])]:
                    searches.append(converted_network(where, below(run, by_search), search, calibrate, merged["evaluate"]))
                places = [calibration["run"] for search in searches for calibration in search.get("calibrations", [])]
                if run in found or len(set(places)) < len(places):
                    raise Refused(f"{where}: two networks would be in {run}; give one of the entries another name")
                found[run] = {
                    "run": run, "name": own["name"], "config": str(config), "kind": kind, "converted": converted,
                    "seed": seed, "train": train, "searches": searches,
                }
    for stage in ("search", "calibrate"):
        if content.get(stage) and not converted_any:
            refuse(f"{path}: {stage}", "settings", "none, because no network of this sweep is converted")
    return list(found.values())


def converted_network(where, place, search, calibrate, evaluate):
    """The plan of a search, with its calibrations and the evaluations of each."""
    def evaluations(place):
        settings = grid(f"{where}: evaluate", evaluate)
        return [{"run": below(place, varied), "evaluate": pairs} for pairs, varied in settings]

    planned = {"run": place, "search": search, "evaluations": []}
    for calibration in calibrations(f"{where}: calibrate", calibrate):
        if calibration is None:
            planned["evaluations"] = evaluations(place)
        else:
            pairs, varied = calibration
            own = below(place, varied)
            planned.setdefault("calibrations", []).append({"run": own, "calibrate": pairs, "evaluations": evaluations(own)})
    return planned


def evaluations_of(network):
    """All evaluations in the plan of a network."""
    for search in network["searches"]:
        yield from search["evaluations"]
        for calibration in search.get("calibrations", []):
            yield from calibration["evaluations"]


def plan(options):
    """Writes the plan of a sweep unless it is already there; returns its file and the number of networks."""
    content = read(options.sweep)
    threads = content.get("threads", 1)
    if not is_seed(threads) or threads < 1:
        refuse(f"{options.sweep}: threads", threads, "a whole number from 1")
    options.threads = threads
    found = networks(options.sweep, content)
    written = "".join(json.dumps(network) + "\n" for network in found)
    options.place.mkdir(parents=True, exist_ok=True)
    file = options.place / "runs.jsonl"
    if not file.exists() or file.read_text() != written:
        part = file.with_name(f".runs.{os.getpid()}.tmp")
        part.write_text(written)
        part.replace(file)
    return file, len(found)


def run(options):
    """Runs a sweep with Snakemake; returns its status, 75 if it was interrupted."""
    file, count = plan(options)
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", HERE / "Snakefile", "--directory", options.place,
        "--profile", HERE / "profiles" / options.profile, *(["--cores", options.cores] if options.cores else []),
        "--config", f"plan={file.resolve()}", f"programs={options.programs.resolve()}", f"threads={options.threads}",
    ]
    print(f"{options.sweep}: {count} networks, in {options.place}", file=sys.stderr)
    # Snakemake and its jobs get every signal from here, once: as a group of their own, they do not get those of the terminal.
    snakemake = subprocess.Popen([str(part) for part in command], stdout=sys.stderr, start_new_session=True)
    stopped = []

    def stop(number, _frame):
        stopped.append(number)
        try:
            os.killpg(snakemake.pid, signal.SIGINT)
        except ProcessLookupError:
            pass

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    status = snakemake.wait()
    if stopped:
        print("interrupted; the same command continues the sweep", file=sys.stderr)
        return INTERRUPTED
    return status


def table(options):
    """Makes the table of the runs that have begun; returns the status of gather."""
    file = options.place / "runs.jsonl"
    if not file.exists():
        raise Refused(f"{file}: no such file; sweep.py plan writes it")
    found = [json.loads(line) for line in file.read_text().splitlines()]
    runs = [options.place / evaluation["run"] for network in found for evaluation in evaluations_of(network)]
    begun = [run for run in runs if (run / "run.json").exists()]
    if not begun:
        raise Refused(f"{options.place}: none of {len(runs)} runs has begun")
    if len(begun) < len(runs):
        print(f"{len(runs) - len(begun)} of {len(runs)} runs have not begun and are not in the table", file=sys.stderr)
    command = [options.programs / "gather", *begun, "--force", "-o", options.place / "table.csv"]
    return subprocess.run([str(part) for part in command], check=False).returncode


def slurm(options):
    """Submits a sweep as an array, and its table as a job after it."""
    file, count = plan(options)
    per_task = options.per_task or -(-count // MOST_TASKS)
    tasks = -(-count // per_task)
    if tasks > MOST_TASKS:
        raise Refused(f"--per-task {per_task}: {tasks} tasks, expected at most {MOST_TASKS}; run more networks per task")
    own = shlex.split(options.sbatch or "")
    submit = ["sbatch", "--parsable", f"--output={options.place}/slurm-%A_%a.log", f"--cpus-per-task={options.threads}"]
    array = [f"--array=1-{tasks}%{options.at_once}", *own, HERE / "sweep.sbatch", HERE, options.programs.resolve(), file.resolve()]
    job = submitted([*submit, *array, per_task])
    make = [HERE / "sweep.py", "table", options.sweep.resolve(), "--output", options.output.resolve(), "--programs", options.programs.resolve()]
    make = shlex.join(["python3", *(str(part) for part in make)])
    after = [f"--dependency=afterany:{job}", "--job-name=table", *own, "--wrap", make]
    print(json.dumps({"networks": count, "tasks": tasks, "array": job, "table": submitted([*submit, *after]), "output": str(options.place)}))


def submitted(command):
    """Number of a job."""
    try:
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError as error:
        raise Refused("sbatch: not found; run this where jobs are submitted") from error
    if done.returncode != 0:
        raise Refused(f"sbatch ended with status {done.returncode}")
    return done.stdout.strip().split(";")[0]


def count(given):
    number = int(given) if given.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"found {given}, expected a whole number from 1")
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["plan", "run", "slurm", "table"])
    parser.add_argument("sweep", metavar="SWEEP", type=pathlib.Path, help="YAML file")
    parser.add_argument("--output", metavar="DIR", type=pathlib.Path, default=pathlib.Path("artifacts/sweeps"))
    parser.add_argument("--programs", metavar="DIR", type=pathlib.Path, default=pathlib.Path("target/release"))
    parser.add_argument("--profile", default="local", choices=["local", "slurm"], help="how Snakemake runs jobs")
    parser.add_argument("--cores", metavar="N", help="cores to use on this machine (default: all)")
    parser.add_argument("--sbatch", metavar="OPTIONS", help="options of sbatch, such as '--partition=short --time=120'")
    parser.add_argument("--per-task", metavar="N", type=count, help="networks per array task (default: 1, more for large sweeps)")
    parser.add_argument("--at-once", metavar="N", type=count, default=20, help="array tasks at a time")
    options = parser.parse_args()
    options.place = (options.output / options.sweep.stem).resolve()
    try:
        if options.action == "plan":
            file, number = plan(options)
            print(json.dumps({"networks": number, "output": str(file)}))
        elif options.action == "slurm":
            slurm(options)
        elif options.action == "table":
            sys.exit(table(options))
        else:
            status = run(options)
            # Networks that failed are rows of the table.
            sys.exit(status if status == INTERRUPTED else table(options) or (1 if status else 0))
    except Refused as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
