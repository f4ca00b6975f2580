"""Examples in docstrings and documents run."""

import doctest
import importlib
import pathlib
import re

import pytest

import mdl_rnn

ROOT = pathlib.Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["mdl_rnn", "mdl_rnn._networks", "mdl_rnn._functions", "mdl_rnn._tasks", "mdl_rnn.torch"])
def test_docstrings(name):
    if name.endswith("torch"):
        pytest.importorskip("torch")
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module)
    assert tried > 0 and failed == 0


def code_of(document, section):
    text = (ROOT / document).read_text()
    after = text.split(section, 1)[1]
    return re.search(r"```python\n(.*?)```", after, re.DOTALL)[1]


@pytest.mark.parametrize("document, section", [("README.md", "## From Python"), ("docs/python.md", "## A first network")])
def test_documents(document, section, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib").use("agg")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code_of(document, section), names)
    assert isinstance(names["lif"], mdl_rnn.LifNetwork)
    assert names["evaluation"].performance > 0.8
