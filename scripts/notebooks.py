#!/usr/bin/env python3
"""Runs the notebooks of examples/notebooks, and compares the printed text of every cell with the stored one.

usage: scripts/notebooks.py [--write] [NAME ...]      NAME: part of a file name; --write: store the outputs

Cells with the tag `varies` print times or numbers of other libraries, and are run without a comparison; figures are not
compared. Needs the packages of examples/notebooks/requirements.txt and mdl_rnn in the Python that runs this file.
"""

import argparse
import pathlib
import sys
import time

import nbformat
from nbclient import NotebookClient

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "examples" / "notebooks"


def printed(cell):
    """Text that a cell printed and showed, without the drawings of figures."""
    streams = "".join(output["text"] for output in cell.outputs if output.output_type == "stream" and output["name"] == "stdout")
    shown = [output["data"].get("text/plain", "") for output in cell.outputs if output.output_type == "execute_result"]
    return streams + "".join(text for text in shown if not text.startswith(("<Figure", "<Axes", "[<")))


def without_figures(cell):
    """Outputs that are stored: text."""
    kept = []
    for output in cell.outputs:
        if output.output_type == "stream" and output["name"] == "stdout":
            kept.append(output)
        elif output.output_type == "execute_result" and not output["data"].get("text/plain", "").startswith(("<Figure", "<Axes", "[<")):
            output["data"] = {"text/plain": output["data"]["text/plain"]}
            kept.append(output)
    return kept


def run(path, write):
    stored = nbformat.read(path, as_version=4)
    notebook = nbformat.from_dict(stored)
    expected = [printed(cell) if cell.cell_type == "code" else "" for cell in stored.cells]
    begin = time.perf_counter()
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}).execute()
    wrong = 0
    for cell, text in zip(notebook.cells, expected):
        if cell.cell_type != "code":
            continue
        if not write and "varies" not in cell.metadata.get("tags", []) and printed(cell) != text:
            wrong += 1
            print(f"{path.name}, {cell['id']}: printed\n{printed(cell)}expected\n{text}", file=sys.stderr)
        cell.outputs = without_figures(cell)
        cell.metadata.pop("execution", None)
        cell.execution_count = None
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output["execution_count"] = None
    if write:
        path.write_text(nbformat.writes(notebook) + "\n")
    print(f"{path.name}: {'wrong' if wrong else 'passed'}, {time.perf_counter() - begin:.0f} s", flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    paths = [path for path in sorted(FOLDER.glob("*.ipynb")) if not arguments.names or any(n in path.name for n in arguments.names)]
    if not paths:
        sys.exit(f"no notebook named {' or '.join(arguments.names)}")
    wrong = 0
    for path in paths:
        try:
            import torch  # noqa: F401
        except ImportError:
            if "pytorch" in path.name:
                print(f"skipped: {path.name}, without PyTorch")
                continue
        wrong += run(path, arguments.write)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
