"""The library gives the bytes that the programs write for the same config and seed."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import mdl_rnn
from conftest import SMALL

BIN = pathlib.Path(sys.executable).parent


def program(name, *arguments):
    done = subprocess.run([str(BIN / name), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode in (0, 4), done.stderr
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None


def settings():
    return [part for key, value in SMALL.items() for part in ("--set", f"{key}={json.dumps(value)}")]


def written(artifact, path):
    artifact.save(path)
    return path.read_bytes()


def test_every_program_is_installed_and_knows_its_version():
    for name in [*mdl_rnn._mdl_rnn.program_names(), "mdl-rnn"]:
        assert (BIN / name).exists(), name
    done = subprocess.run([str(BIN / "train-rate"), "--version"], capture_output=True, text=True)
    assert mdl_rnn.__version__ in done.stdout


def test_usage_errors_have_their_status():
    done = subprocess.run([str(BIN / "eval-lif"), "/nowhere"], capture_output=True, text=True)
    assert done.returncode == 3 and "/nowhere" in done.stderr
    assert subprocess.run([str(BIN / "eval-lif"), "--wrong"], capture_output=True).returncode == 2


def test_rate_pipeline(rate, lif, tmp_path):
    path = {name: tmp_path / f"{name}.safetensors" for name in ("rate", "lif", "eval", "eval-rate")}
    printed = program("train-rate", "--config", "configs/go-nogo.json", "--seed", 3, *settings(), "-o", path["rate"])
    assert printed.pop("output") == str(path["rate"]) and printed == rate.result
    program("lambda-search", path["rate"], "-o", path["lif"])
    printed = program("eval-lif", path["lif"], "-o", path["eval"])
    program("eval-rate", path["rate"], "-o", path["eval-rate"])
    evaluation = mdl_rnn.evaluate(lif)
    assert {**printed, "output": None, "report": None} == {**evaluation.result, "output": None, "report": None}
    (tmp_path / "own").mkdir()
    assert written(rate, tmp_path / "own" / "rate.safetensors") == path["rate"].read_bytes()
    assert written(lif, tmp_path / "own" / "lif.safetensors") == path["lif"].read_bytes()
    assert written(evaluation, tmp_path / "own" / "eval.safetensors") == path["eval"].read_bytes()
    own = mdl_rnn.evaluate(rate)
    assert written(own, tmp_path / "own" / "eval-rate.safetensors") == path["eval-rate"].read_bytes()


def test_spiking_pipeline(spiking, tmp_path):
    network, evaluation = tmp_path / "spiking.safetensors", tmp_path / "eval.safetensors"
    arguments = [*settings(), "--set", "training.max_updates=5"]
    program("train-spiking", "--config", "configs/mante-spiking.json", "--seed", 3, *arguments, "-o", network)
    program("eval-spiking", network, "-o", evaluation)
    (tmp_path / "own").mkdir()
    assert written(mdl_rnn.evaluate(spiking), tmp_path / "own" / "eval.safetensors") == evaluation.read_bytes()
    assert written(spiking, tmp_path / "own" / "spiking.safetensors") == network.read_bytes()


@pytest.mark.parametrize("name", ["rate", "lif", "spiking"])
def test_runs(name, request, tmp_path):
    network = request.getfixturevalue(name)
    file, trials, activity = (tmp_path / f"{each}.safetensors" for each in (name, "trials", "activity"))
    network.save(file)
    drawn = mdl_rnn.draw_trials(network, count=7)
    drawn.save(trials)
    recorded = ["output", "input", "potential", "rate"]
    program("run", file, "--trials", trials, "--record", ",".join(recorded), "--every", 5, "-o", activity)
    own = network.run(trials=drawn, record=recorded, every=5)
    expected = mdl_rnn.load(activity)
    assert own == expected
    assert written(own, tmp_path / "own.safetensors") == activity.read_bytes()
    # The same inputs without targets.
    bare = network.run(drawn.inputs, record=recorded, every=5)
    for quantity in recorded:
        assert np.array_equal(getattr(bare, quantity), getattr(expected, quantity)), quantity
    assert "correct" not in bare.tensors


@pytest.mark.parametrize("name", ["rate", "lif", "spiking"])
def test_analyses(name, request, tmp_path):
    network = request.getfixturevalue(name)
    file, trials, analysis = (tmp_path / f"{each}.safetensors" for each in (name, "trials", "analysis"))
    network.save(file)
    drawn = mdl_rnn.draw_trials(network, count=20)
    drawn.save(trials)
    only = ["mode_space", "components", "rates", "removal"] + (["fixed_points"] if name == "rate" else ["intervals"])
    arguments = ["--trials", trials, "--starts", 30, "--only", ",".join(only)]
    printed = program("analyze", file, *arguments, "-o", analysis)
    own = mdl_rnn.analyze(network, trials=drawn, starts=30, only=only)
    assert {**printed, "output": None, "report": None} == {**own.result, "output": None, "report": None}
    assert written(own, tmp_path / "own.safetensors") == analysis.read_bytes()
    assert own == mdl_rnn.load(analysis) and own == mdl_rnn.analyze(network, trials=drawn, starts=30, only=only, threads=1)
    assert own.part("rates")["mean"].shape == own["rates.mean"].shape


def test_comparison(rate, lif, tmp_path):
    files = [tmp_path / "rate.safetensors", tmp_path / "lif.safetensors", tmp_path / "comparison.safetensors"]
    rate.save(files[0])
    lif.save(files[1])
    program("analyze", files[0], files[1], "--count", 8, "-o", files[2])
    own = mdl_rnn.analyze(rate, lif, trials=8)
    assert written(own, tmp_path / "own.safetensors") == files[2].read_bytes()
    same = mdl_rnn.analyze(rate, rate, trials=8).result["comparison"]
    assert abs(same["cka"] - 1) < 1e-9 and same["procrustes"] < 1e-9 and same["dynamics"] < 1e-9
    with pytest.raises(mdl_rnn.ArgumentError, match="nothing"):
        mdl_rnn.analyze(rate, only="nothing")
def test_calibration(lif, tmp_path):
    file, calibrated = tmp_path / "lif.safetensors", tmp_path / "calibrated.safetensors"
    lif.save(file)
    settings = {"calibration.trials": 8, "calibration.held_out_trials": 4, "calibration.iterations": 1}
    program("calibrate", file, "-o", calibrated, *(part for item in settings.items() for part in ("--set", "%s=%s" % item)))
    own = mdl_rnn.calibrate(lif, set=settings, threads=1)
    assert written(own, tmp_path / "own.safetensors") == calibrated.read_bytes()
    assert own == mdl_rnn.load(calibrated) and own.result["version"] != "converted"


def test_threads_change_no_bit(rate, lif):
    again = mdl_rnn.train("go-nogo", seed=3, set=SMALL, threads=1)
    assert again == rate
    assert mdl_rnn.find_scaling_factor(rate, threads=1) == lif


def test_sweep_trains_on_all_cores_with_the_same_bits(rate):
    networks = mdl_rnn.sweep(["go-nogo"] * 3, seed=3, set=SMALL, workers=2)
    assert [network == rate for network in networks] == [True] * 3


def test_import_and_export(lif, tmp_path):
    mdl_rnn.export_network(lif, tmp_path / "network.mat")
    imported = mdl_rnn.import_network(tmp_path / "network.mat", task="go-nogo")
    assert isinstance(imported, mdl_rnn.LifNetwork) and imported.scaling_factor == lif.scaling_factor
    assert np.array_equal(imported.w_in, lif.w_in)
    with pytest.raises(mdl_rnn.ArgumentError, match="exists"):
        mdl_rnn.export_network(lif, tmp_path / "network.mat")
