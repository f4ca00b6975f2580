"""Page of reproduce.py: a table for each figure of both papers, between two marks of docs/reproduction.md."""

import json
import os
import pathlib
import statistics
import subprocess

from networks import ROOT, replaced
from verdict import DIFFERS, NOT_COMPARABLE, NOT_RUN, REPRODUCED

PAGE = ROOT / "docs" / "reproduction.md"
# Numbers that were not run are listed up to this many.
MOST_LISTED = 6
# Folder of the figures, beside the page.
FIGURES = "reproduction"
MARKS = "<!-- bench/reproduce.py writes from here -->", "<!-- to here -->"
TITLES = {"pnas": "Kim, Li & Sejnowski 2019", "modes": "Lin & Huang 2023"}


class Unreadable(Exception):
    """A page without its marks."""


def number(value):
    """A number with three digits, or all of those before the point."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}".replace("-", "−")


def ours(found):
    """An estimate with its interval."""
    if found.share:
        return f"{found.value * found.networks:.0f} of {found.networks} ({found.low:.2f}–{found.high:.2f})"
    if found.sd is None:
        return number(found.value)
    return f"{number(found.value)} ± {number(found.sd)} ({number(found.low)} to {number(found.high)})"


def theirs(given):
    """A published number."""
    if given is None:
        return "–"
    if "count" in given:
        return f"{given['count']} of {given['of']}"
    if "values" in given:
        return ", ".join(map(number, given["values"]))
    for key, sign in (("at_least", "≥"), ("at_most", "≤")):
        if key in given:
            return f"{sign} {number(given[key])}"
    return number(given["value"]) + (f" ± {number(given['sd'])}" if given.get("sd") else "")


def is_compared(row):
    """Points that are neither printed nor run are nothing to compare."""
    return row["estimate"] is not None or row["number"].get("published") is not None


def table(rows):
    lines = ["| number | published | here | networks | verdict |", "|---|---|---|---|---|"]
    for row in rows:
        given, found = row["number"], row["estimate"]
        sign = f"**{DIFFERS}**" if row["verdict"] == DIFFERS else row["verdict"]
        why = given.get("why") if row["verdict"] == DIFFERS else None
        verdict = "; ".join(filter(None, [": ".join(filter(None, [sign, row["reason"]])), why]))
        lines.append(f"| {given['what']} | {theirs(given.get('published'))} | {ours(found)} | {found.networks} | {verdict} |")
    return "\n".join(lines)


def records(folder):
    """CPU seconds of the stages in a folder, each once."""
    seconds = []
    for path in folder.rglob("*.json"):
        if not path.is_symlink():
            record = json.loads(path.read_text())
            if isinstance(record, dict) and "cpu_seconds" in record:
                seconds.append(record["cpu_seconds"])
    return seconds


def cost(sweep):
    """CPU seconds spent on a sweep, and those that all of its networks need (none before the first)."""
    spent, by_point = 0.0, {}
    for network in sweep.planned:
        folder = sweep.place / network["run"]
        used = sum(records(folder)) if folder.is_dir() else 0.0
        spent += used
        if (folder / "complete").exists():
            runs = [evaluation["run"] for search in network["searches"] for evaluation in search["evaluations"]]
            made = sum((sweep.place / run / "eval.safetensors").exists() for run in runs)
            by_point.setdefault((network["name"], *network["train"]), []).append(used * len(runs) / max(made, 1))
    if not by_point:
        return spent, None
    known = {point: statistics.fmean(seconds) for point, seconds in by_point.items()}
    other = statistics.fmean(known.values())
    return spent, sum(known.get((network["name"], *network["train"]), other) for network in sweep.planned)


def revision(sweeps):
    """Revisions of the programs that made the runs."""
    found = {run.row["revision"] for sweep in sweeps for run in sweep.runs if run.row and run.row.get("revision")}
    found = found or {os.environ.get("MDL_RNN_REVISION") or "unknown"}
    return " and ".join(sorted(each[:12] for each in found))


def command(options):
    parts = ["make reproduce"]
    if options.quick:
        parts.append("QUICK=1")
    return " ".join(parts)


def duration(seconds):
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.0f} min"


def head(found, sweeps, costs, options):
    """Revision, effort, and the number of verdicts of each paper."""
    complete = sum((sweep.place / network["run"] / "complete").exists() for sweep in sweeps for network in sweep.planned)
    planned = sum(len(sweep.planned) for sweep in sweeps)
    spent = sum(each[0] for each in costs.values())
    known = [each[1] for each in costs.values() if each[1] is not None]
    full = f"All would need about {duration(sum(known))}, by the cost of those made" if known else "The time for all is not known yet"
    if known and len(known) < len(costs):
        full += f", and without {', '.join(name for name, each in costs.items() if each[1] is None)}, of which none is made"
    thin = " This is the thinned version: fewer seeds, points, trials and updates." if options.quick else ""
    lines = [
        f"Written by `{command(options)}` from {complete} of {planned} networks, made by programs of revision {revision(sweeps)} in "
        f"{duration(spent)} of CPU time. {full}; the same command makes what is missing.{thin} Seeds are 1001 and up; "
        "where fewer networks than in a paper are behind a number, the interval shows what that costs.",
        "",
        f"| numbers of | {REPRODUCED} | {DIFFERS} | {NOT_COMPARABLE} | {NOT_RUN} |",
        "|---|---|---|---|---|",
    ]
    for paper, title in TITLES.items():
        rows = [row for name, own in found.items() if name.startswith(f"{paper}-") for row in filter(is_compared, own)]
        kinds = [NOT_RUN if row["reason"] == NOT_RUN else row["verdict"] for row in rows]
        counts = [kinds.count(kind) for kind in (REPRODUCED, DIFFERS, NOT_COMPARABLE, NOT_RUN)]
        if rows:
            lines.append(f"| {title} | {' | '.join(map(str, counts))} |")
    return lines


def seeds(rows):
    """Seeds per point of each sweep of a figure, as in `go-nogo-sizes` (4 of 100 seeds)."""
    parts = []
    for sweep in dict.fromkeys(row["sweep"] for row in rows):
        counts = [row["estimate"].networks for row in rows if row["sweep"] is sweep and row["estimate"]]
        most = max(counts, default=0)
        parts.append(f"`configs/reproduce/{sweep.name}.yaml`, {f'up to {most}' if most else 'none'} of {len(sweep.seeds)} seeds per point")
    return "; ".join(parts)


def draw(name, figure, sweep, options):
    """Draws the figure of a sweep with gather, if it has several points; returns its file."""
    plot = figure.get("plot")
    runs = [run for run in sweep.runs if run.row and run.row["state"] == "complete"]

    def varies(field):
        return len({json.dumps(run.value(field)) for run in runs}) > 1

    if not plot or not varies(plot["x"]):
        return None
    folder = options.page.parent / FIGURES
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.svg"
    more = [*(["--by", plot["by"]] if "by" in plot and varies(plot["by"]) else []), "--x", plot["x"], "--y", plot["y"], "--force", "--quiet"]
    paths = [os.path.relpath(run.folder, sweep.place) for run in runs]
    parts = [options.programs / "gather", *paths, "-o", ".figure.csv", "--figure", file.resolve(), *more]
    done = subprocess.run([str(part) for part in parts], cwd=sweep.place, stdout=subprocess.DEVNULL, check=False)
    (sweep.place / ".figure.csv").unlink(missing_ok=True)
    return file if done.returncode == 0 else None


def section(name, figure, rows, sweeps, options):
    """Heading, table and notes of a figure."""
    lines = [f"#### Figure {figure['id']}: {figure['title']}", ""]
    if "unavailable" in figure:
        return [*lines, f"Not comparable: {figure['unavailable']}.", ""]
    lines += [f"{seeds(rows)}. {figure.get('note', '')}".strip(), ""]
    made = [row for row in rows if row["estimate"]]
    missing = [row["number"]["what"] for row in rows if not row["estimate"] and is_compared(row)]
    if made:
        lines += [table(made), ""]
    if missing:
        listed = "; ".join(missing) if len(missing) <= MOST_LISTED else f"{len(missing)} of {len(missing) + len(made)} numbers"
        lines += [f"Not comparable, because not run yet: {listed}.", ""]
    elif not made:
        lines += ["Not comparable, because none of its networks is made yet.", ""]
    own = next(sweep for sweep in sweeps if sweep.name == figure["sweep"])
    drawn = draw(name, figure, own, options)
    if drawn:
        lines += [f"![Figure {figure['id']}: {figure['title']}]({FIGURES}/{drawn.name})", ""]
    return lines


def text(figures, found, sweeps, options):
    """What is between the marks."""
    costs = {sweep.name: cost(sweep) for sweep in sweeps}
    lines = head(found, sweeps, costs, options)
    for paper, title in TITLES.items():
        own = {name: figure for name, figure in figures.items() if figure["paper"] == paper}
        if own:
            lines += ["", f"### {title}", ""]
        for name, figure in own.items():
            lines += section(name, figure, found[name], sweeps, options)
    return "\n".join(lines).rstrip()


def write(figures, found, sweeps, options):
    """Writes the page: between the marks of one that is there, or a new one."""
    written = text(figures, found, sweeps, options)
    path = pathlib.Path(options.page)
    if path.exists():
        before = path.read_text()
        if not all(f"{mark}\n" in before for mark in MARKS):
            raise Unreadable(f"{path}: found no lines {' and '.join(MARKS)}, between which the page is written; name another --page")
        after = replaced(before, *MARKS, written)
    else:
        after = "\n".join(["# Figures of both papers", "", MARKS[0], "", written, "", MARKS[1], ""])
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    part.write_text(after)
    part.replace(path)
