"""Networks that several tests use."""

import signal

import pytest

import mdl_rnn

SMALL = {
    "network.neurons": 30,
    "training.max_updates": 40,
    "training.evaluate_every": 20,
    "training.evaluation_trials": 20,
    "training.stop": None,
    "search.trials": 10,
    "evaluation.trials": 20,
}


@pytest.fixture(scope="session", autouse=True)
def ctrl_c():
    """Ctrl-C interrupts, also where this Python was started in the background, with the signal ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def rate():
    return mdl_rnn.train("go-nogo", seed=3, set=SMALL)


@pytest.fixture(scope="session")
def lif(rate):
    return mdl_rnn.find_scaling_factor(rate)


@pytest.fixture(scope="session")
def spiking():
    return mdl_rnn.train("mante-spiking", seed=3, set={**SMALL, "training.max_updates": 5})
