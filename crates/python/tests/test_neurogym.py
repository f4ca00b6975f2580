"""Trials of a NeuroGym environment as a task."""

import numpy as np
import pytest

pytest.importorskip("neurogym")

import mdl_rnn
from conftest import SMALL


def test_trials_of_neurogym_train(tmp_path):
    import neurogym

    make = lambda: neurogym.make("PerceptualDecisionMaking-v0", dt=20)
    section = mdl_rnn.from_neurogym(make(), tmp_path / "trials.npz", trials=60, seed=3)
    stored = np.load(tmp_path / "trials.npz")
    environment = make().unwrapped
    environment.seed(3)
    environment.reset(seed=3)
    environment.new_trial()
    inputs = [array for array in (stored[name] for name in stored.files) if array.ndim == 3 and array.shape[2] == 3]
    assert any(np.allclose(array[0, : len(environment.ob)], environment.ob) for array in inputs)
    network = mdl_rnn.train("go-nogo", task=section, seed=1, set=SMALL)
    assert network.w_in.shape[1] == environment.observation_space.shape[0]
    assert network.w_out.shape[0] == environment.action_space.n and network.result["updates"] == 40
