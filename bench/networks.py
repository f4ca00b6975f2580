"""Stages of a network and statistics over networks, for results.py and spiking.py."""

import json
import math
import os
import pathlib
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"
KEPT = ROOT / "artifacts" / "results"
PROGRAMS = pathlib.Path(os.environ.get("PROGRAMS", ROOT / "target" / "release"))
CRITERION_NOT_MET = 4


def stage(program, *arguments):
    """Runs one stage on one thread; returns its JSON result and its CPU time in seconds."""
    command = [PROGRAMS / program, *arguments, "--threads", "1", "--quiet"]
    with subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        result = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, CRITERION_NOT_MET):
        raise SystemExit(f"{program} {' '.join(map(str, arguments))} ended with status {process.returncode}")
    return json.loads(result), usage.ru_utime + usage.ru_stime


def keep(path, result):
    """Writes a result atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(result) + "\n")
    partial.rename(path)


def overrides(settings):
    """Settings as command-line arguments."""
    return [part for setting in settings for part in ("--set", setting)]


def wilson(count, n):
    """Wilson's 95 % interval of a proportion."""
    z = statistics.NormalDist().inv_cdf(0.975)
    p, scale = count / n, 1 + z * z / n
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max((centre - half) / scale, 0.0), min((centre + half) / scale, 1.0)


def count(flags):
    """Number of networks that are true, of all networks, with the interval of the fraction."""
    low, high = wilson(sum(flags), len(flags))
    return f"{sum(flags)} of {len(flags)} ({low:.2f}–{high:.2f})"


def spread(values, form):
    """Mean ± standard deviation over networks, or the value of a single network."""
    mean = form.format(statistics.mean(values))
    return f"{mean} ± {form.format(statistics.stdev(values))}" if len(values) > 1 else mean


def replaced(page, begin, end, text):
    """The page, with the text between two lines replaced."""
    before, rest = page.split(begin + "\n")
    return f"{before}{begin}\n\n{text}\n\n{end}\n{rest.split(end + chr(10))[1]}"
