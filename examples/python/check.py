#!/usr/bin/env python3
"""Runs the scripts in this directory on a small network, and reads files of `export-network` with SciPy, NumPy and nir.

usage: check.py PROGRAMS      PROGRAMS: their directory, such as target/release
"""
import ast
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import nir
import numpy as np
import scipy.io
from safetensors.numpy import load_file

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = pathlib.Path(sys.argv[1])
CONFIG = HERE.parent.parent / "configs" / "go-nogo.json"
CRITERION_NOT_MET = 4


def run(*command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, CRITERION_NOT_MET):
        raise SystemExit(f"{command[0]} ended with status {done.returncode}")
    return done.stdout


def script(name, *arguments):
    return run(sys.executable, HERE / name, *arguments)


def check_events_of_a_killed_training(scratch):
    """TensorBoard shows each evaluation once, although the checkpoint of a killed training run is behind its events."""
    metrics, events = scratch / "killed.jsonl", scratch / "killed"
    command = [PROGRAMS / "train-rate", "--config", CONFIG, "--quiet", "--resume", "--checkpoint-every", "0"]
    command += ["--metrics", metrics, "--tensorboard", events, "-o", scratch / "killed.safetensors"]
    for field in ("network.neurons=20", "training.max_updates=400", "training.evaluate_every=1", "training.stop=null"):
        command += ["--set", field]
    for lines in (60, 120, 180):
        training = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
        while not metrics.exists() or metrics.read_bytes().count(b"\n") < lines:
            assert training.poll() is None, "it ended before it was killed"
        training.kill()
        training.wait()
    run(*command)
    expected = [json.loads(line)["update"] for line in metrics.read_text().splitlines()]
    printed = script("events.py", events).splitlines()
    loss = next(line for line in printed if line.startswith("loss/evaluation"))
    assert [step for step, _ in ast.literal_eval(loss.removeprefix("loss/evaluation "))] == expected


def check_exports(lif, scratch):
    tensors = load_file(lif)
    for ending in ("mat", "npz", "nir"):
        run(PROGRAMS / "export-network", lif, "-o", scratch / f"lif.{ending}")
    npz = np.load(scratch / "lif.npz")
    assert set(npz.files) == set(tensors) | {"kind", "config", "provenance"}
    assert all(npz[name].dtype == t.dtype and np.array_equal(npz[name], t) for name, t in tensors.items())
    assert json.loads(str(npz["config"]))["task"]["file"].endswith("go-nogo.star")

    mat = scipy.io.loadmat(scratch / "lif.mat")
    assert np.array_equal(mat["w"], np.maximum(tensors["w_rec"], 0))
    assert np.array_equal(np.diag(mat["m"]), tensors["sign"])
    assert np.array_equal(mat["w_in"], tensors["w_in"]) and np.array_equal(mat["taus_gaus"][:, 0], tensors["theta"])
    assert ("exc", (60, 1), "logical") in scipy.io.whosmat(scratch / "lif.mat") and mat["activation"] == ["sigmoid"]
    assert mat["opt_scaling_factor"] == tensors["scaling_factor"]

    # Read, written and read back by the nir package.
    graph = nir.read(scratch / "lif.nir")
    nir.write(scratch / "again.nir", graph)
    again = nir.read(scratch / "again.nir")
    assert again.nodes.keys() == graph.nodes.keys() and set(again.edges) == set(graph.edges)
    for name, node in graph.nodes.items():
        fields = {key: value for key, value in vars(node).items() if isinstance(value, np.ndarray)}
        assert all(np.array_equal(value, getattr(again.nodes[name], key)) for key, value in fields.items()), name
    assert again.nodes["lif"].metadata["refractory"] == 0.002 and again.metadata["dt"] == 0.00005


def page(name, word, scratch):
    """Output of the code of a page of docs/ that has this word."""
    text = (HERE.parent.parent / "docs" / name).read_text()
    code = next(block for block in re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE) if word in block)
    return subprocess.run([sys.executable, "-c", code], cwd=scratch, stdout=subprocess.PIPE, text=True, check=True).stdout


def check_pages(networks, lif, scratch):
    """The code of docs/, on networks of different sizes."""
    evaluations = []
    for network in networks:
        evaluations.append(network.with_name(f"{network.stem}-eval.safetensors"))
        run(PROGRAMS / "eval-rate", network, "--quiet", "--set", "evaluation.trials=10", "-o", evaluations[-1])
    for name, table in (("paper-figure.md", "sizes.csv"), ("sweeps.md", "artifacts/sweeps/example/table.csv")):
        (scratch / table).parent.mkdir(parents=True, exist_ok=True)
        run(PROGRAMS / "gather", *evaluations, "-o", scratch / table)
        assert len(page(name, table, scratch).splitlines()) > len(networks)
    run(PROGRAMS / "run", lif, "--count", "4", "--record", "rate,spikes,output", "--every", "20", "-o", scratch / "activity.safetensors")
    page("artifacts.md", "safe_open", scratch)
    page("artifacts.md", "activity.safetensors", scratch)
    page("export.md", "lif.npz", scratch)


with tempfile.TemporaryDirectory() as directory:
    scratch = pathlib.Path(directory)
    rate, lif, trials, evaluation = (scratch / f"{name}.safetensors" for name in ("rate", "lif", "trials", "eval"))
    small = ["--set", "network.neurons=60", "--tensorboard", scratch / "events"]
    run(PROGRAMS / "train-rate", "--config", CONFIG, "--quiet", *small, "-o", rate)
    search = ["--set", "search.trials=5", "--set", "search.factors=[20]"]
    run(PROGRAMS / "lambda-search", rate, "--quiet", *search, "-o", lif)
    run(PROGRAMS / "eval-lif", lif, "--quiet", "--set", "evaluation.trials=10", "-o", evaluation)
    run(PROGRAMS / "make-trials", "--config", CONFIG, "--trials", "200", "-o", trials)

    listed = json.loads(script("events.py", scratch / "events").splitlines()[0])
    assert "loss/evaluation" in listed["scalars"] and "weights/w_rec" in listed["histograms"], listed
    assert listed["images"] == ["figures/training", "figures/output"], listed
    assert "w_rec: float32 [60, 60]" in script("load.py", rate)
    result = json.loads(script("run_rate.py", rate, trials))
    assert abs(result["performance"] - result["performance_in_training"]) < 0.15, result
    other = scratch / "other.safetensors"
    fields = ["network.start={\"kind\":\"zero\"}", "network.integration=exponential", "network.output_bias=false",
              "network.neurons=40", "training.max_updates=300", "training.stop=null"]
    run(PROGRAMS / "train-rate", "--config", CONFIG, "--quiet", "-o", other, *(part for f in fields for part in ("--set", f)))
    result = json.loads(script("run_rate.py", other, trials))
    assert abs(result["performance"] - result["performance_in_training"]) < 0.15, result
    spikes = load_file(evaluation)["spike_step"].size
    assert script("raster.py", evaluation, scratch / "raster.png").startswith(f"{spikes} spikes of 4 trials")
    assert (scratch / "raster.png").read_bytes().startswith(b"\x89PNG")
    run(PROGRAMS / "gather", evaluation, "-o", scratch / "table.csv")
    row = script("table.py", scratch / "table.csv", "name", "performance").splitlines()[-1].split()
    assert row[0] == "go-nogo" and row[1] == "1", row
    assert "performance" in script("evaluation.py", evaluation)
    check_exports(lif, scratch)
    check_pages([rate, other], lif, scratch)
    check_events_of_a_killed_training(scratch)
print("the scripts of examples/python run, and SciPy, NumPy and nir read what is exported")
