"""Examples in docstrings and documents run."""

import doctest
import importlib
import importlib.util
import pathlib
import re
import runpy

import pytest

import mdl_rnn

ROOT = pathlib.Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["mdl_rnn", "mdl_rnn._networks", "mdl_rnn._functions", "mdl_rnn._tasks", "mdl_rnn._interchange", "mdl_rnn.torch", "mdl_rnn.jax"])
def test_docstrings(name):
    if name.split(".")[-1] in ("torch", "jax"):
        pytest.importorskip(name.split(".")[-1])
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


def script_of(document):
    return "\n".join(re.findall(r"^```python\n(.*?)^```$", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE))


def test_from_pytorch(tmp_path, capsys):
    """The page is one script: a network is trained by PyTorch, and a layer of snnTorch has the same potentials here."""
    pytest.importorskip("torch")
    text = script_of("docs/from-pytorch.md")
    if importlib.util.find_spec("snntorch") is None:
        text = text.split("import snntorch", 1)[0].rsplit("\nimport math", 1)[0]
    script = tmp_path / "from_pytorch.py"
    script.write_text(text)
    names = runpy.run_path(str(script))
    assert names["evaluation"].performance > 0.9
    if "difference" in names:
        assert names["spikes"].sum() > 100 and names["difference"] < 1e-4
        counts = names["activity"].spikes.transpose(1, 0, 2)
        assert (counts == names["spikes"]).mean() > 0.999
