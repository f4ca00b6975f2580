"""Numbers of the runs of a sweep, for reproduce.py: from the table of `gather`, the records of the workflow, learning curves,
analyses and tensors.

A measure is a mapping. One key says where the number is:

  column: performance               the table of gather
  record: lambda-search, path: …    the result that a program printed
  analysis: lif, path: …            the result of an analysis, by its name
  crossing: 1.7                     first update with a training loss below this
  loss_at: 150, over: 3             mean training loss of so many records around this update (last: at the end)
  tensor: tau_ms, of: rate          a tensor of an artifact: its mean, or with `take: p95` that share of the sorted values

A path has keys and indices, joined by slashes; `factor=25` picks the entry of a list by a value, and `*` adds up all entries.
"""

import array
import csv
import json
import math
import statistics

CELLS = {"F64": "d", "F32": "f", "U32": "I", "U8": "B", "I32": "i"}
WORDS = {"true": True, "false": False, "yes": True, "no": False}


class Unreadable(Exception):
    """A result that is not as it is described."""


class Run:
    """An evaluation of a sweep: its folder, its settings as values, its row of the table."""

    def __init__(self, place, planned, settings, row):
        self.place, self.folder = place, place / planned["run"]
        self.name, self.seed, self.kind = planned["name"], planned["seed"], planned["kind"]
        self.settings = {"name": self.name, **settings}
        self.row = row

    def value(self, field):
        """A setting, or a cell of the table; none if it is neither."""
        if field in self.settings:
            return self.settings[field]
        return cell((self.row or {}).get(field, ""))

    def agrees(self, where):
        return all(self.value(field) in (wanted if isinstance(wanted, list) else [wanted]) for field, wanted in where.items())


def cell(text):
    """Value of a cell: a number, true or false, a text; none if it is empty."""
    if text in WORDS:
        return WORDS[text]
    try:
        return float(text) if text else None
    except ValueError:
        return text


def parsed(pairs):
    """Settings `field=value` as values."""
    found = {}
    for field, text in (pair.split("=", 1) for pair in pairs):
        try:
            found[field] = json.loads(text)
        except ValueError:
            found[field] = text
    return found


def runs(place, networks):
    """Runs of a sweep in the order of its plan; those that are not in the table have no row."""
    rows = {}
    table = place / "table.csv"
    if table.exists():
        with table.open(newline="") as file:
            for row in csv.DictReader(file):
                rows[row["run"]] = row
    found = []
    for network in networks:
        for search in network["searches"]:
            for evaluation in search["evaluations"]:
                settings = parsed(network["train"] + search["search"] + evaluation["evaluate"])
                planned = {**network, "run": evaluation["run"]}
                row = rows.get(str(place / evaluation["run"])) or rows.get(evaluation["run"])
                found.append(Run(place, planned, settings, row))
    return found


def measured(run, measure):
    """The number of a run; none if the run does not have it (yet)."""
    if "column" in measure:
        value = cell((run.row or {}).get(measure["column"], ""))
        return None if value is None else float(value)
    if "record" in measure:
        return reached(result(run.folder / f"{measure['record']}.json"), measure["path"])
    if "analysis" in measure:
        return reached(result(run.folder / f"analysis-{measure['analysis']}" / "analyze.json"), measure["path"])
    if "crossing" in measure:
        return crossing(curve(run), measure["crossing"])
    if "loss_at" in measure:
        return around(curve(run), measure["loss_at"], measure.get("over", 1))
    if "tensor" in measure:
        values = tensor(run.folder / f"{measure['of']}.safetensors", measure["tensor"])
        return None if values is None else taken(values, measure.get("take", "mean"))
    raise Unreadable(f"{measure}: expected one of column, record, analysis, crossing, loss_at, tensor")


def bounds(measure):
    """Smallest and largest possible value of a measure."""
    name = measure.get("column") or measure.get("path") or ""
    if "performance" in name:
        return 0.0, 1.0
    return (-1.0, 1.0) if "correlation" in name else (-math.inf, math.inf)


def result(path):
    """Result in the record of a program that wrote its artifact; none if there is none."""
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return record["result"] if record.get("status") in (0, 4) else None


def reached(content, path):
    """The number at a path; none if there is none."""
    for part in path.split("/"):
        if content is None:
            return None
        if part == "*":
            rest = path.split("*/", 1)[1]
            numbers = [reached(each, rest) for each in content]
            return None if None in numbers else float(sum(numbers))
        if isinstance(content, list):
            content = picked(content, part)
        else:
            content = content.get(part)
    return None if content is None else float(content)


def picked(entries, part):
    """An entry of a list, by its index or by a value."""
    if "=" not in part:
        return entries[int(part)] if int(part) < len(entries) else None
    key, wanted = part.split("=", 1)
    return next((entry for entry in entries if str(entry[key]) == wanted or entry[key] == cell(wanted)), None)


def curve(run):
    """Training loss at each recorded update, of a network that is trained."""
    if result(run.folder / f"train-{run.kind}.json") is None:
        return None
    # Evaluations that vary have a folder of their own, inside that of the network.
    folder = run.folder
    while folder != run.place and not (folder / "metrics.jsonl").exists():
        folder = folder.parent
    try:
        lines = (folder / "metrics.jsonl").read_text().splitlines()
    except OSError:
        return None
    rows = [json.loads(line) for line in lines if line]
    return [(row["update"], row["training_loss"]) for row in rows if row.get("update", 0) > 0]


def crossing(losses, limit):
    """First update with a loss below a limit; none if there is none."""
    return next((float(update) for update, loss in losses or () if loss < limit), None)


def around(losses, update, over):
    """Mean loss of the records nearest to an update, or to the last one."""
    if losses and update == "last":
        update = losses[-1][0]
    if not losses or losses[-1][0] < update:
        return None
    nearest = sorted(losses, key=lambda row: abs(row[0] - update))[:over]
    return statistics.fmean(loss for _, loss in nearest)


def taken(values, take):
    ordered = sorted(values)
    if take == "mean":
        return statistics.fmean(ordered)
    if take == "sd":
        return statistics.stdev(ordered)
    if take.startswith("p") and take[1:].isdigit():
        return ordered[min(len(ordered) - 1, int(take[1:]) * len(ordered) // 100)]
    raise Unreadable(f"take: found {take}, expected mean, sd or a percentage such as p95")


def tensor(path, name):
    """Values of a tensor of a safetensors file; none without the file or the tensor."""
    try:
        with path.open("rb") as file:
            head = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            if name not in head:
                return None
            start = file.tell()
            first, last = head[name]["data_offsets"]
            file.seek(start + first)
            values = array.array(CELLS[head[name]["dtype"]])
            values.frombytes(file.read(last - first))
    except (OSError, ValueError, KeyError):
        return None
    return values.tolist()
