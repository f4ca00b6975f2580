#!/usr/bin/env python3
"""Makes the figures and tables of both papers again and compares them, number by number, with what is published.

usage: reproduce.py plan [OPTIONS]    print the networks of each sweep
       reproduce.py run [OPTIONS]     run what is missing, then write the page
       reproduce.py page [OPTIONS]    write the page from what there is

configs/reproduce/figures.yaml lists the figures: the sweep and the analyses that each needs, how its numbers are measured, what is
published and which difference counts as none. Networks are run by workflow/network.py, the first seed of all points first, so that
a run can be stopped at any time; the same command continues it, and nothing complete is run again. `make reproduce` calls this.

Needs the programs (make build), PyYAML, and for networks on digits the data (make data). Exit status: 0, 1 if a network failed,
2 usage, 75 interrupted.
"""

import argparse
import concurrent.futures
import fcntl
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

import curves
import measure
import page
import verdict
from networks import ROOT

sys.path.insert(0, str(ROOT / "workflow"))
import network as stages  # noqa: E402
import sweep as sweeps  # noqa: E402

HERE = ROOT / "configs" / "reproduce"
QUICK = ROOT / "target" / "reproduce"
PAPERS = ("pnas", "modes")
FIGURE_KEYS = {"id", "paper", "title", "sweep", "analyze", "numbers", "plot", "note", "unavailable"}
NUMBER_KEYS = {"what", "sweep", "where", "each", "mean", "share", "at_least", "contrast", "published", "tolerance", "why", "stored"}

# Programs that run, to which signals are passed on, and whether one was received.
running = set()
stopping = threading.Event()


class Refused(Exception):
    """A table of figures or an option that cannot be used."""


def catalogue(path=HERE / "figures.yaml"):
    """Figures by their names, such as pnas-1C, and the thinning of their sweeps."""
    try:
        import yaml
    except ImportError as error:
        raise Refused(f"{error}; install it (pip install pyyaml), or call make reproduce, which does") from error
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise Refused(f"{path}: {' '.join(str(error).split())}") from error
    figures = {}
    for figure in content["figures"]:
        name = f"{figure.get('paper')}-{figure.get('id')}"
        check(f"{path}: {name}", figure, FIGURE_KEYS)
        if figure["paper"] not in PAPERS or name in figures:
            raise Refused(f"{path}: {name}: expected a figure of {' or '.join(PAPERS)}, once")
        for number in figure.get("numbers", []):
            check(f"{path}: {name}: {number.get('what')}", number, NUMBER_KEYS)
            if ("mean" in number) == ("share" in number):
                raise Refused(f"{path}: {name}: {number.get('what')}: expected either mean or share")
        if not figure.get("sweep") and "unavailable" not in figure:
            raise Refused(f"{path}: {name}: expected a sweep, or the reason that it is unavailable")
        figures[name] = figure
    return figures, content.get("quick", {})


def check(where, mapping, known):
    for key in mapping:
        if key not in known:
            raise Refused(f"{where}: found the key {key}, expected one of {', '.join(sorted(known))}")


def chosen(figures, options):
    """Figures that were asked for."""
    found = {name: figure for name, figure in figures.items() if options.paper in (None, figure["paper"])}
    if options.figure:
        wanted = options.figure.split(",")
        for one in wanted:
            if not any(one in (name, figure["id"]) for name, figure in found.items()):
                raise Refused(f"--figure {one}: no such figure, expected one of {', '.join(found)}")
        found = {name: figure for name, figure in found.items() if name in wanted or figure["id"] in wanted}
    return found


def names_of_sweeps(figures):
    """Sweeps that figures need, in their order, each once."""
    found = {}
    for figure in figures.values():
        for number in [figure, *figure.get("numbers", [])]:
            if number.get("sweep"):
                found.setdefault(number["sweep"])
    return list(found)


def thinned(content, thin):
    """Content of a sweep with other values of its fields, in all of its configs."""
    configs = []
    for given in content["configs"]:
        own = {"config": given} if isinstance(given, str) else dict(given)
        for stage in sweeps.STAGES:
            if thin.get(stage):
                own[stage] = {**(own.get(stage) or {}), **thin[stage]}
        configs.append(own)
    return {**content, "configs": configs}


class Sweep:
    """A sweep with its plan: all networks, and those to run now."""

    def __init__(self, name, options, thin):
        self.name, self.options = name, options
        file = HERE / f"{name}.yaml"
        content = thinned(sweeps.read(file), thin)
        self.place = (options.output / name).resolve()
        self.planned = sweeps.networks(file, content)
        self.seeds = list(dict.fromkeys(network["seed"] for network in self.planned))
        self.description = content.get("description", "")
        self.keep = {**thin.get("keep", {}), **options.keep}
        self.most = options.seeds or thin.get("seeds") or len(self.seeds)
        self.digits = any("digits" in pathlib.Path(network["config"]).read_text() for network in self.planned)

    def kept(self, pairs):
        settings = measure.parsed(pairs)
        return all(field not in settings or settings[field] in values for field, values in self.keep.items())

    def to_run(self):
        """Networks to run now, with their place among the seeds; searches and evaluations that are not wanted are left out."""
        found = []
        for network in self.planned:
            searches = []
            for search in network["searches"]:
                evaluations = [each for each in search["evaluations"] if self.kept(each["evaluate"])]
                if evaluations and self.kept(search["search"]):
                    searches.append({**search, "evaluations": evaluations})
            place = self.seeds.index(network["seed"])
            named = self.kept([f"name={network['name']}"])
            if place < self.most and searches and named and self.kept(network["train"]):
                found.append((place, {**network, "searches": searches}))
        return found

    @property
    def now(self):
        """File with the plan of this run, because another run may have another one."""
        return self.place / f".now.{os.getpid()}.tmp"

    def write(self):
        self.place.mkdir(parents=True, exist_ok=True)
        stages.write(self.now, "".join(json.dumps(network) + "\n" for _, network in self.to_run()))

    def gather(self):
        """Makes the table of what is evaluated; until then, runs that share a network are the same one for gather."""
        runs = [evaluation["run"] for network in self.planned for evaluation in sweeps.evaluations_of(network)]
        evaluated = [run for run in runs if (self.place / run / "eval.safetensors").exists()]
        if evaluated:
            command = [self.options.programs / "gather", *evaluated, "--force", "--quiet", "-o", "table.csv"]
            try:
                done = subprocess.run([str(part) for part in command], cwd=self.place, stdout=subprocess.DEVNULL, check=False)
            except OSError as error:
                raise Refused(f"{command[0]}: {error.strerror}; build the programs (make build), or name their folder") from error
            if done.returncode:
                raise Refused(f"{self.place}: gather ended with status {done.returncode}")


def analyses_of(figures, sweep):
    """Analyses that figures make of the networks of a sweep, by their names."""
    found = {}
    for figure in figures.values():
        for analysis in figure.get("analyze", []):
            if analysis.get("sweep", figure.get("sweep")) == sweep:
                found[analysis["name"]] = analysis
    return list(found.values())


def passed_on(number, _frame):
    stopping.set()
    for process in list(running):
        try:
            process.send_signal(number)
        except ProcessLookupError:
            pass


def train(sweep, network):
    """Trains, converts and evaluates a network; true if it is complete."""
    command = [
        sys.executable, ROOT / "workflow" / "network.py", "--programs", sweep.options.programs, "--threads",
        sweep.options.threads, sweep.now, "--run", network["run"],
    ]
    process = subprocess.Popen([str(part) for part in command], cwd=ROOT, start_new_session=True)
    running.add(process)
    status = process.wait()
    running.discard(process)
    if status == sweeps.INTERRUPTED:
        stopping.set()
    return status == 0


def analyse(sweep, network, analyses):
    """Makes the analyses of a network that are missing."""
    for search in network["searches"]:
        for evaluation in search["evaluations"]:
            folder = sweep.place / evaluation["run"]
            for analysis in analyses:
                run = measure.Run(sweep.place, {**network, "run": evaluation["run"]}, measure.parsed(network["train"]), None)
                given = folder / f"{analysis['network']}.safetensors"
                if stopping.is_set() or not run.agrees(analysis.get("where", {})) or not given.exists():
                    continue
                own = folder / f"analysis-{analysis['name']}"
                own.mkdir(exist_ok=True)
                arguments = ["--only", ",".join(analysis["only"]), *map(str, analysis.get("options", []))]
                stage = stages.Stage(sweep.options, own, "analyze", arguments, "analysis.safetensors", given)
                with open(own / ".lock", "w") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    record = stages.read_json(stage.record) or {}
                    if record.get("arguments") != arguments or not stage.is_made():
                        stage.run(lock.fileno())


def run(figures, chosen_sweeps, options):
    """Runs what is missing, the first seed of all points first; returns the number of networks that failed."""
    for sweep in chosen_sweeps:
        sweep.write()
    todo = [(place, number, sweep, network) for number, sweep in enumerate(chosen_sweeps) for place, network in sweep.to_run()]
    todo.sort(key=lambda each: each[:2])
    analyses = {sweep.name: analyses_of(figures, sweep.name) for sweep in chosen_sweeps}
    done = []

    def work(each):
        _, _, sweep, network = each
        if stopping.is_set():
            return None
        try:
            complete = train(sweep, network)
            if complete:
                analyse(sweep, network, analyses[sweep.name])
        except stages.Failed as failure:
            print(f"error: {failure}", file=sys.stderr)
            complete = False
        except stages.Stopped:
            return None
        if stopping.is_set() and not complete:
            return None
        done.append(complete)
        print(f"{len(done)} of {len(todo)}: {sweep.name}: {network['run']}", file=sys.stderr, flush=True)
        return complete

    try:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            results = list(pool.map(work, todo))
    finally:
        for sweep in chosen_sweeps:
            sweep.now.unlink(missing_ok=True)
    return sum(result is False for result in results)


def values_of(runs, number):
    """Numbers of the runs that a number is about, with their seeds."""
    found = []
    for each in runs:
        if each.row is None or not each.agrees(number.get("where", {})):
            continue
        value = measure.measured(each, number.get("mean") or number.get("share"))
        if value is not None:
            found.append((each, value))
    return found


def estimate(runs, number):
    """Estimate of a number; none without a network."""
    if "contrast" in number:
        (field, (first, second)), = number["contrast"].items()
        groups = []
        for side in (first, second):
            own = {**number, "where": {**number.get("where", {}), field: side}}
            groups.append({each.seed: value for each, value in values_of(runs, own)})
        pairs = [groups[1][seed] - groups[0][seed] for seed in groups[0] if seed in groups[1]]
        return verdict.mean(pairs) if pairs else None
    values = [value for _, value in values_of(runs, number)]
    if not values:
        return None
    if "share" in number:
        return verdict.share([value >= number.get("at_least", 1) for value in values])
    return verdict.mean(values, *measure.bounds(number["mean"]))


def expanded(number, runs):
    """A number for each value of the field `each`, with what is published for it."""
    if "each" not in number:
        return [number]
    field, found = number["each"], []
    printed = number.get("published") or {}
    values = {json.dumps(run.value(field)): run.value(field) for run in runs if run.agrees(number.get("where", {}))}
    for value in sorted(values.values(), key=lambda value: (isinstance(value, str), value)):
        own = {key: content for key, content in number.items() if key not in ("each", "published")}
        own["where"] = {**number.get("where", {}), field: value}
        own["what"] = number["what"].replace("{}", f"{value:g}" if isinstance(value, (int, float)) else str(value))
        own["published"] = printed.get(value)
        found.append(own)
    return found


def judged(figure, chosen_sweeps, stored):
    """Rows of a figure: number, estimate, verdict, reason."""
    by_name, rows = {sweep.name: sweep for sweep in chosen_sweeps}, []
    for given in figure.get("numbers", []):
        sweep = by_name[given.get("sweep", figure.get("sweep"))]
        for number in expanded(given, sweep.runs):
            if "stored" in number and stored is not None:
                number = {**number, "published": curves.stored(stored, number) or number.get("published")}
            found = estimate(sweep.runs, number)
            sign, reason = verdict.judge(found, number.get("published"), number.get("tolerance", 0.0))
            rows.append({"number": number, "estimate": found, "verdict": sign, "reason": reason, "sweep": sweep})
    return rows


def results(figures, chosen_sweeps, options):
    """All rows by figure, after a new table of every sweep."""
    stored = curves.read(options.published) if options.published else None
    for sweep in chosen_sweeps:
        sweep.gather()
        sweep.runs = measure.runs(sweep.place, sweep.planned)
    return {name: judged(figure, chosen_sweeps, stored) for name, figure in figures.items()}


def fields(given):
    """--keep FIELD=VALUE,…: values of a field, as JSON where they are that."""
    field, equals, values = given.partition("=")
    if not equals or not field or not values:
        raise argparse.ArgumentTypeError(f"found {given}, expected FIELD=VALUE,…, such as network.neurons=10,250")
    return field, [measure.parsed([f"{field}={value}"])[field] for value in values.split(",")]


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["plan", "run", "page"])
    parser.add_argument("--paper", choices=PAPERS, help="only this paper")
    parser.add_argument("--figure", metavar="NAMES", help="only these figures, such as 1C,2C or pnas-1C")
    parser.add_argument("--quick", action="store_true", help="a thinned version, in 20 minutes on two cores, in target/reproduce/")
    parser.add_argument("--seeds", metavar="N", type=sweeps.count, help="only the first N seeds of each point")
    parser.add_argument("--keep", metavar="FIELD=VALUES", type=fields, action="append", default=[], help="only these values of a field")
    parser.add_argument("--jobs", metavar="N", type=sweeps.count, default=len(os.sched_getaffinity(0)), help="networks at a time")
    parser.add_argument("--threads", metavar="N", type=sweeps.count, default=1, help="threads of each program")
    parser.add_argument("--published", metavar="DIR", type=pathlib.Path, help="folder with the authors' curves (modes_curves.npz)")
    parser.add_argument("--programs", metavar="DIR", type=pathlib.Path, default=ROOT / "target" / "release")
    parser.add_argument("--output", metavar="DIR", type=pathlib.Path, help="folder of the runs (artifacts/reproduce)")
    parser.add_argument("--page", metavar="FILE", type=pathlib.Path, help="page to write (docs/reproduction.md)")
    options = parser.parse_args()
    options.keep = dict(options.keep)
    options.programs = options.programs.resolve()
    options.output = options.output or (QUICK if options.quick else ROOT / "artifacts" / "reproduce")
    options.page = options.page or (QUICK / "quick.md" if options.quick else page.PAGE)
    return options


def main():
    options = read_arguments()
    try:
        figures, quick = catalogue()
        wanted = chosen(figures, options)
        thin = quick if options.quick else {}
        chosen_sweeps = [Sweep(name, options, thin.get(name, {})) for name in names_of_sweeps(wanted)]
        if options.action == "plan":
            for sweep in chosen_sweeps:
                print(json.dumps({"sweep": sweep.name, "networks": len(sweep.to_run()), "of": len(sweep.planned)}))
            return 0
        data = ROOT / "artifacts" / "data" / "mnist"
        if options.action == "run" and any(sweep.digits for sweep in chosen_sweeps) and not data.exists():
            raise Refused(f"{data}: no such folder, which networks on digits need; run make data, or choose --paper pnas")
        failed = 0
        if options.action == "run":
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, passed_on)
            failed = run(wanted, chosen_sweeps, options)
        # A page about some figures only would lose the others.
        shown = figures if not options.quick else wanted
        shown_sweeps = [Sweep(name, options, thin.get(name, {})) for name in names_of_sweeps(shown)]
        found = results(shown, shown_sweeps, options)
        page.write(shown, found, shown_sweeps, options)
        if stopping.is_set():
            print("interrupted; the same command continues", file=sys.stderr)
            return sweeps.INTERRUPTED
        return 1 if failed else 0
    except (Refused, sweeps.Refused, measure.Unreadable, curves.Unreadable, page.Unreadable) as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
