"""Wrong arguments: each an exception that names the argument, what was found and what is expected."""

import numpy as np
import pytest

import mdl_rnn
from mdl_rnn import ArgumentError, ConfigError, DamagedFileError, SpikingNetwork

TINY = {
    "name": "tiny",
    "task": "mante",
    "network": {"kind": "spiking", "neurons": 3, "modes": 1, "neuron": {"dt_ms": 5, "tau_rise_ms": 10}},
}


def tiny(**other):
    tensors = {
        "w_in": np.zeros((3, 4)),
        "mode_in": np.zeros((3, 1)),
        "score": [1.0],
        "mode_out": np.zeros((3, 1)),
        "w_out": np.zeros((1, 3)),
    }
    return SpikingNetwork.from_arrays(TINY, **{**tensors, **other})


def run(inputs, **options):
    return tiny().run(inputs, **options)


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


def with_nan():
    inputs = zeros(2, 10, 4)
    inputs[1, 7, 2] = np.nan
    return inputs


CASES = [
    # (call, exception, name of the argument, found, expected)
    (lambda: run(zeros(2, 10, 3)), ArgumentError, "inputs", "(2, 10, 3)", "4 channels"),
    (lambda: run(zeros(10, 4)), ArgumentError, "inputs", "shape (10, 4)", "(trials, steps, channels)"),
    (lambda: run(zeros(0, 10, 4)), ArgumentError, "inputs", "(0, 10, 4)", "1 or more trials"),
    (lambda: run(zeros(2, 0, 4)), ArgumentError, "inputs", "(2, 0, 4)", "1 or more steps"),
    (lambda: run(zeros(2, 10, 4, dtype=complex)), ArgumentError, "inputs", "complex128", "real numbers"),
    (lambda: run([["a"]]), ArgumentError, "inputs", "<U1", "real numbers"),
    (lambda: run(with_nan()), ArgumentError, "inputs", "NaN at [1, 7, 2]", "finite"),
    (lambda: run(np.full((1, 10, 4), np.inf)), ArgumentError, "inputs", "inf at [0, 0, 0]", "finite"),
    (lambda: run(np.full((1, 10, 4), 1e300)), ArgumentError, "inputs", "at [0, 0, 0]", "single precision"),
    (lambda: run(np.broadcast_to(zeros(1), (10**9, 50, 4))), ArgumentError, "memory", "", "needs"),
    (lambda: run(zeros(2, 10, 4), record="voltage"), ArgumentError, "record", "voltage", "potential"),
    (lambda: run(zeros(2, 10, 4), record=[1]), ArgumentError, "record", "1", "names"),
    (lambda: run(zeros(2, 10, 4), units=[3]), ArgumentError, "units", "3", "units below 3"),
    (lambda: run(zeros(2, 10, 4), units=-1), ArgumentError, "units", "-1", "0"),
    (lambda: run(zeros(2, 10, 4), only=[2]), ArgumentError, "only", "2", "trials below 2"),
    (lambda: run(zeros(2, 10, 4), every=11), ArgumentError, "every", "11", "at most the 10 steps"),
    (lambda: run(zeros(2, 10, 4), every=0), ArgumentError, "every", "0", "1"),
    (lambda: run(zeros(2, 10, 4), seed=-1), ArgumentError, "seed", "-1", "at least 0"),
    (lambda: run(zeros(2, 10, 4), seed=1.5), ArgumentError, "seed", "1.5", "whole number"),
    (lambda: run(zeros(2, 10, 4), threads=0), ArgumentError, "threads", "0", "1"),
    (lambda: run(zeros(2, 10, 4), progress="yes"), ArgumentError, "progress", "yes", "True"),
    (lambda: run(zeros(2, 10, 4), trials=3), ArgumentError, "trials", "both", "one of them"),
    (lambda: run(None, trials=0), ArgumentError, "trials", "0", "1"),
    (lambda: run(zeros(2, 10, 4), set={"network.neurons": 5}), ArgumentError, "network", "cannot be changed", "task"),
    (lambda: tiny(w_in=np.zeros((3, 5))), ArgumentError, "w_in", "[3, 5]", "[3, 4]"),
    (lambda: tiny(w_in=np.full((3, 4), np.nan)), ArgumentError, "w_in", "not finite", "finite"),
    (lambda: tiny(score=["x"]), ArgumentError, "score", "<U1", "real numbers"),
    (lambda: SpikingNetwork.from_arrays(TINY, w_in=np.zeros((3, 4))), ArgumentError, "", "no such tensor", ""),
    (lambda: mdl_rnn.train({"name": "a", "task": "go-nogo"}), ConfigError, "network", "missing", ""),
    (lambda: mdl_rnn.train({**TINY, "extra": 1}), ConfigError, "extra", "", ""),
    (lambda: mdl_rnn.train({**TINY, "task": "no-such"}), ArgumentError, "task", "no-such", "go-nogo"),
    (lambda: mdl_rnn.train(TINY, set={"training.learning_rate": -1}), ConfigError, "training.learning_rate", "-1", ""),
    (lambda: mdl_rnn.train({"name": float("nan")}), ArgumentError, "config", "", "dict"),
    (lambda: mdl_rnn.train(7), ArgumentError, "config", "int", "dict"),
    (lambda: mdl_rnn.train(TINY, start="network"), ArgumentError, "start", "str", "RateNetwork"),
    (lambda: mdl_rnn.train(TINY, callbacks=3), (ArgumentError, TypeError), "", "", ""),
    (lambda: mdl_rnn.find_scaling_factor(tiny()), ArgumentError, "network", "SpikingNetwork", "RateNetwork"),
    (lambda: mdl_rnn.calibrate(tiny()), ArgumentError, "network", "SpikingNetwork", "LifNetwork"),
    (lambda: mdl_rnn.evaluate(tiny(), trials=True), ArgumentError, "trials", "True", "whole number"),
    (lambda: mdl_rnn.draw_trials("go-nogo", count=0), ArgumentError, "count", "0", "1"),
    (lambda: mdl_rnn.load("/no/such/file"), FileNotFoundError, "path", "/no/such/file", ""),
    (lambda: mdl_rnn.load(__file__), DamagedFileError, "test_wrong_inputs.py", "", "expected an artifact"),
    (lambda: mdl_rnn.import_network(__file__), DamagedFileError, "test_wrong_inputs.py", "", ""),
    (lambda: tiny().save(f"{__file__}/file"), ArgumentError, "test_wrong_inputs.py", "", ""),
    (lambda: mdl_rnn.export_network(tiny(), "file.txt"), ArgumentError, "file.txt", "", ".npz"),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_wrong(case):
    call, exception, *parts = CASES[case]
    with pytest.raises(exception) as caught:
        call()
    for part in parts:
        assert part in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    "view",
    [
        lambda full: full[:, ::2, :],
        lambda full: full[::-1, :, ::-1],
        lambda full: np.asfortranarray(full),
        lambda full: full.transpose(1, 0, 2).copy().transpose(1, 0, 2),
        lambda full: full.astype(np.float64),
        lambda full: full.astype(">f4"),
        lambda full: full.astype(np.float16).astype(np.float32),
        lambda full: np.frombuffer(b"\0" + full.tobytes(), np.uint8)[1:].view(np.float32).reshape(full.shape),
    ],
)
def test_strides_types_and_alignment_change_nothing(view):
    network = SpikingNetwork.draw("mante-spiking", set={"network.neurons": 20})
    full = np.random.default_rng(1).normal(size=(6, 40, 4)).astype(np.float16).astype(np.float32)
    given = view(full)
    given.flags.writeable = False
    expected = network.run(np.ascontiguousarray(given, np.float32))
    assert np.array_equal(network.run(given).output, expected.output)
    assert expected.spikes.any()


def test_a_task_that_fails_is_named_with_its_line():
    @mdl_rnn.task(step_ms=10, inputs=["a"], outputs=["b"], conditions=["c"], duration_ms=100)
    def broken(t, p):
        t.pulse("a", 10, 20)
        return unknown  # noqa: F821

    with pytest.raises(mdl_rnn.MdlRnnError, match=r"broken\.star.*unknown"):
        mdl_rnn.draw_trials(broken)


def test_a_lambda_is_no_task():
    with pytest.raises(ArgumentError, match="duration_ms"):
        mdl_rnn.task(step_ms=1, inputs=["a"], outputs=["b"], conditions=["c"], duration_ms=eval("lambda p: 1"))(run)
