#!/usr/bin/env python3
"""Runs the stages of networks of a sweep, one network after another.

usage: network.py [--programs DIR] [--threads N] [--requeue] PLAN LINES
       network.py [--programs DIR] [--threads N] PLAN --run NAME

PLAN is runs.jsonl of a sweep, which sweep.py writes: one network per line. LINES is a line or a range of lines, such as 7 or
1-20; lines beyond the end are ignored. Files go to the folder of PLAN.

A stage is skipped if its artifact is there, has the config that the stage would run with, and was made from the artifacts before
it. Otherwise it is run with --resume, so that it continues where it was stopped. Status 4, "written, but the criterion was not
met", is a result like any other. Each stage leaves a record, PROGRAM.json, and the messages of the program in PROGRAM.log.

Signals are passed on to the running program. It saves its state, and this script ends with status 75. With --requeue it requeues
its Slurm job first if the signal was USR1, the warning of the time limit. Other statuses: 0 all networks are complete, 1 a stage
failed, 2 usage.

Needs Python 3.8 or newer, and no packages.
"""
import argparse
import fcntl
import hashlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

WRITTEN = (0, 4)
INTERRUPTED = (75, 130)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

# Signals that were received, and the program that is running.
received = []
running = None


class Stopped(Exception):
    """A signal asked to stop."""


class Failed(Exception):
    """A stage failed."""


def pass_on(number, _frame):
    received.append(number)
    if running is not None:
        try:
            running.send_signal(number)
        except ProcessLookupError:
            pass


def write(path, text):
    """Writes a file atomically."""
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    part.write_text(text)
    part.replace(path)


def read_json(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def metadata(artifact):
    """Config and provenance of an artifact; none if it cannot be read."""
    try:
        with open(artifact, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            text = json.loads(file.read(size))["__metadata__"]
        return json.loads(text["config"]), json.loads(text["provenance"])
    except (OSError, ValueError, KeyError):
        return None


class Stage:
    """A program with its input, which writes `output` in `folder`."""

    def __init__(self, options, folder, program, arguments, output, given=None, extra=()):
        self.options, self.folder, self.program = options, folder, program
        self.arguments, self.output, self.given = list(arguments), folder / output, given
        self.extra = ["--threads", str(options.threads), "--force", *extra]
        self.record = folder / f"{program}.json"

    def command(self, *more):
        given = [str(self.given)] if self.given else []
        return [str(self.options.programs / self.program), *given, *self.arguments, *more]

    def is_made(self):
        """True if the artifact is what the stage would write."""
        found = metadata(self.output)
        if found is None:
            return False
        config, provenance = found
        shown = subprocess.run(self.command("--print-config"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if shown.returncode != 0 or json.loads(shown.stdout) != config:
            return False
        return self.given is None or provenance["inputs"][0]["sha256"] == hashlib.sha256(self.given.read_bytes()).hexdigest()

    def run(self, lock):
        global running
        if received:
            raise Stopped
        before = read_json(self.record) or {}
        again = before.get("status") not in WRITTEN and before.get("arguments") == self.arguments
        log = self.folder / f"{self.program}.log"
        command = self.command(*self.extra, "-o", str(self.output))
        begin, used = time.monotonic(), cpu_seconds()
        with open(log, "ab") as messages:
            start = messages.tell()
            try:
                # The program shares the lock, so that the network stays locked if this script alone is killed.
                running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=messages, pass_fds=[lock])
            except OSError as error:
                raise Failed(f"{command[0]}: {error.strerror}; build the programs (make build), or name their folder") from error
            if received:
                pass_on(received[-1], None)
            printed = running.stdout.read()
            status = running.wait()
            running = None
        status = status if status >= 0 else 128 - status
        message = last_error(log, start)
        record = {
            "program": self.program,
            "arguments": self.arguments,
            "status": status,
            "attempts": 1 + (before.get("attempts", 0) if again else 0),
            "seconds": round(time.monotonic() - begin + (before.get("seconds", 0) if again else 0), 3),
            "cpu_seconds": round(cpu_seconds() - used + (before.get("cpu_seconds", 0) if again else 0), 3),
            "message": message if status not in WRITTEN else None,
            "result": result(printed),
        }
        if status > 128 and record["message"] is None:
            record["message"] = f"ended by signal {status - 128}"
        write(self.record, json.dumps(record) + "\n")
        if status in INTERRUPTED or (received and status not in WRITTEN):
            raise Stopped
        if status not in WRITTEN:
            raise Failed(f"{self.folder}: {self.program} ended with status {status}: {record['message'] or 'see ' + str(log)}")


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def last_error(log, start):
    """The last error message in a log after a position."""
    with open(log, "rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    errors = [line[len("error: "):] for line in lines if line.startswith("error: ")]
    return errors[-1] if errors else None


def result(printed):
    try:
        return json.loads(printed)
    except ValueError:
        return None


def sets(settings):
    return [part for setting in settings for part in ("--set", setting)]


def prepare(root, network):
    """Makes the folders of all searches and evaluations, so that each is a run of its own even if the training fails."""
    folder, kind = root / network["run"], network["kind"]
    trained = [f"{kind}.safetensors", f"train-{kind}.json", "run.json"]
    converted = ["lif.safetensors", "lambda-search.json"] if network["converted"] else []
    for search in network["searches"]:
        share(root / search["run"], folder, trained)
        for evaluation in search["evaluations"]:
            share(root / evaluation["run"], root / search["run"], trained + converted)
        for calibration in search.get("calibrations", []):
            own = root / calibration["run"]
            # The calibrated network has the name of the one as converted, which is not here.
            share(own, root / search["run"], [*trained, "lambda-search.json"])
            for evaluation in calibration["evaluations"]:
                share(root / evaluation["run"], own, [*trained, *converted, "calibrate.json"])


def share(folder, origin, names):
    """Makes files of an earlier stage appear in the folder of a later one, unless it is the same."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names if folder != origin else []:
        link, target = folder / name, os.path.relpath(origin / name, folder)
        if not (link.is_symlink() and os.readlink(link) == target):
            link.unlink(missing_ok=True)
            link.symlink_to(target)


def stages(options, root, network):
    """Stages of a network: its training, its searches, their calibrations, and the evaluations of each."""
    folder, kind = root / network["run"], network["kind"]
    name, program = f"{kind}.safetensors", f"train-{kind}"
    arguments = ["--config", network["config"], "--seed", str(network["seed"]), *sets(network["train"])]
    yield Stage(options, folder, program, arguments, name, extra=["--resume", "--metrics", str(folder / "metrics.jsonl")])
    for search in network["searches"]:
        searched, evaluated = root / search["run"], kind
        if network["converted"]:
            evaluated, given = "lif", searched / name
            yield Stage(options, searched, "lambda-search", sets(search["search"]), "lif.safetensors", given, ["--resume"])
        evaluations = list(search["evaluations"])
        for calibration in search.get("calibrations", []):
            own, given = root / calibration["run"], searched / "lif.safetensors"
            yield Stage(options, own, "calibrate", sets(calibration["calibrate"]), "lif.safetensors", given)
            evaluations += calibration["evaluations"]
        for evaluation in evaluations:
            own = root / evaluation["run"]
            given = own / f"{evaluated}.safetensors"
            yield Stage(options, own, f"eval-{evaluated}", sets(evaluation["evaluate"]), "eval.safetensors", given)


def run(options, root, network):
    """Runs what is missing of a network."""
    folder = root / network["run"]
    folder.mkdir(parents=True, exist_ok=True)
    # Another process may work on this network, such as one whose scheduler was killed.
    with open(folder / ".network.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fields = dict(setting.split("=", 1) for setting in network["train"])
        about = {"name": network["name"], "seed": network["seed"], "fields": {key: value(text) for key, text in fields.items()}}
        write(folder / "run.json", json.dumps(about) + "\n")
        prepare(root, network)
        for stage in stages(options, root, network):
            if not stage.is_made():
                (folder / "complete").unlink(missing_ok=True)
                stage.run(lock.fileno())
        write(folder / "complete", "")


def value(text):
    """Value of an override, as the programs read it."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def requeue():
    """Requeues this Slurm job; an array task by its own name, because its job number may be that of the whole array."""
    job, array = os.environ.get("SLURM_JOB_ID"), os.environ.get("SLURM_ARRAY_JOB_ID")
    if array:
        job = f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    if job:
        subprocess.run(["scontrol", "requeue", job], check=False)


def lines(text):
    first, _, last = text.partition("-")
    try:
        first, last = int(first), int(last or first)
    except ValueError:
        first, last = 0, 0
    if not 1 <= first <= last:
        raise argparse.ArgumentTypeError(f"found {text}, expected a line or a range of lines, such as 7 or 1-20")
    return range(first - 1, last)


def count(text):
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected a whole number from 1")
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", metavar="PLAN", type=pathlib.Path)
    parser.add_argument("lines", metavar="LINES", type=lines, nargs="?")
    parser.add_argument("--run", metavar="NAME", help="run this network, by its folder")
    parser.add_argument("--programs", metavar="DIR", type=pathlib.Path, default=pathlib.Path("target/release"))
    parser.add_argument("--threads", metavar="N", type=count, default=1, help="threads of each program")
    parser.add_argument("--requeue", action="store_true", help="requeue the Slurm job after USR1")
    options = parser.parse_args()
    try:
        networks = [json.loads(line) for line in options.plan.read_text().splitlines()]
    except (OSError, ValueError) as error:
        parser.error(f"{options.plan}: {error}; sweep.py plan writes it")
    if (options.lines is None) == (options.run is None):
        parser.error("name either lines of the plan or a network (--run)")
    if options.run is not None:
        chosen = [network for network in networks if network["run"] == options.run]
    else:
        chosen = networks[options.lines.start:options.lines.stop]
    if not chosen:
        parser.error(f"{options.plan}: no such network among {len(networks)}")
    options.programs = options.programs.resolve()
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, pass_on)
    failures = 0
    for network in chosen:
        try:
            run(options, options.plan.resolve().parent, network)
        except Stopped:
            if options.requeue and signal.SIGUSR1 in received:
                requeue()
            print(f"{network['run']}: interrupted; the same command continues it", file=sys.stderr)
            sys.exit(75)
        except Failed as failure:
            print(f"error: {failure}", file=sys.stderr)
            failures += 1
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
