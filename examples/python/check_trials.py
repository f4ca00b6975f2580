#!/usr/bin/env python3
"""Writes trials by the scripts of NeuroGym, PsychRNN and MNIST-1D in this directory, and trains and evaluates networks on them.

usage: check_trials.py PROGRAMS      PROGRAMS: their directory, such as target/release

PsychRNN 1.0.0 cannot be installed by recent versions of pip. Without it, its trials are made here, as it documents them.
"""
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = pathlib.Path(sys.argv[1]).resolve()
PAGES = {name: (HERE.parent.parent / "docs" / name).read_text() for name in ("trials.md", "data.md")}
# Page that shows the script, and the performance of the network.
SCRIPTS = {"neurogym": ("trials.md", 0.85), "psychrnn": ("trials.md", 0.85), "mnist1d": ("data.md", 0.4)}


def run(folder, *command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, cwd=folder)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} ended with status {done.returncode}")
    return done.stdout


def write_as_psychrnn(path, trials=2000, steps=50):
    """Arrays of PsychRNN's perceptual discrimination: `[batch, time, channels]`, targets 0.2 and 1, a mask of 0 and 1."""
    draw = np.random.default_rng(1)
    direction, onset = draw.integers(2, size=trials), draw.integers(steps // 2, size=trials)
    duration = draw.integers(steps // 8, 3 * steps // 8, size=trials)
    time = np.arange(steps)
    shown = (time > onset[:, None]) & (time < (onset + duration)[:, None])
    inputs = 0.1 * draw.standard_normal((trials, steps, 2)) + shown[..., None]
    inputs[np.arange(trials), :, direction] += 0.5 * shown
    answered = time > (onset + duration)[:, None] + 1
    targets = np.full((trials, steps, 2), 0.2)
    targets[np.arange(trials), :, direction] += 0.8 * answered
    mask = np.repeat((answered | (time < onset[:, None]))[..., None], 2, axis=2).astype(float)
    np.savez(path, input=inputs, target=targets, weight=mask, condition=[f"direction {d}" for d in direction])


for name, (page, least) in SCRIPTS.items():
    with tempfile.TemporaryDirectory() as directory:
        folder = pathlib.Path(directory)
        script, config = HERE / f"{name}_trials.py", HERE / f"{name}.json"
        lines = script.read_text().split('"""\n', 1)[1].strip()
        task = json.loads(config.read_text())
        assert lines in PAGES[page], f"docs/{page} does not show {script.name}"
        assert json.dumps(task["task"]) in PAGES[page], f"docs/{page} does not show {config.name}"
        if importlib.util.find_spec(name):
            run(folder, sys.executable, script)
        else:
            assert name == "psychrnn", f"{name} is not installed"
            print("PsychRNN is not installed: its trials are made as it documents them", file=sys.stderr)
            write_as_psychrnn(folder / "psychrnn.npz")
        (folder / config.name).write_text(config.read_text())
        kind = task["network"]["kind"]
        run(folder, PROGRAMS / f"train-{kind}", "--config", config.name, "--quiet", "-o", "network.safetensors")
        judged = run(folder, PROGRAMS / f"eval-{kind}", "network.safetensors", "--quiet", "-o", "eval.safetensors")
        result = json.loads(judged)
        print(f"{name}: performance {result['performance']:.2f} on {result['trials']} test trials")
        assert result["performance"] > least, result
