#!/usr/bin/env python3
"""Gain and price of a calibration: a Markdown table from the table of a sweep such as workflow/calibration.yaml.

usage: calibration.py TABLE.csv

Each row is the networks of one config and one search, as converted or calibrated: means and ranges of their results on the trials
of the evaluation, and how many of them reach a strict performance of 0.95.
"""
import csv
import pathlib
import sys

COLUMNS = [
    ("performance", 3),
    ("strict_performance", 3),
    ("output_error", 3),
    ("rate_network_error", 3),
    ("rate_hz", 1),
]


def number(row, column):
    """Number in a cell; none if it is empty."""
    return float(row[column]) if row[column] else None


def described(rows, column, digits):
    """Mean and range of a column."""
    numbers = [number(row, column) for row in rows]
    numbers = [each for each in numbers if each is not None]
    if not numbers:
        return "–"
    mean, low, high = sum(numbers) / len(numbers), min(numbers), max(numbers)
    return f"{mean:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def groups(rows, columns):
    """Rows with the same values of these columns, in the order in which they occur."""
    found = {}
    for row in rows:
        found.setdefault(tuple(row.get(column, "") for column in columns), []).append(row)
    return found


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with pathlib.Path(sys.argv[1]).open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["state"] == "complete"]
    for row in rows:
        # The first version of a calibrated network is the one as converted; other rows have none.
        row["calibrated"] = "calibrated" if row["calibration"] else "converted"
    varied = ["name", *(column for column in rows[0] if column.startswith("search.")), "calibrated"]
    print("| networks | " + " | ".join(column.replace("_", " ") for column, _ in COLUMNS) + " | strict ≥ 0.95 |")
    print("|" + "---|" * (len(COLUMNS) + 2))
    for values, own in groups(rows, varied).items():
        cells = [described(own, column, digits) for column, digits in COLUMNS]
        strict = [number(row, "strict_performance") for row in own]
        enough = sum(value is not None and value >= 0.95 for value in strict)
        print(f"| {', '.join(values)} | {' | '.join(cells)} | {enough} of {len(own)} |")


if __name__ == "__main__":
    main()
