"""The library itself: arrays, tasks, callbacks, Ctrl-C, memory, stubs."""

import gc
import inspect
import os
import pathlib
import resource
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import mdl_rnn
from conftest import SMALL

ROOT = pathlib.Path(__file__).parents[3]
PACKAGE = pathlib.Path(mdl_rnn.__file__).parent


def test_tensors_are_views_that_keep_the_artifact_alive():
    network = mdl_rnn.RateNetwork.draw("go-nogo")
    first, second = network.w_rec, network.w_rec
    assert np.shares_memory(first, second) and not first.flags.writeable
    with pytest.raises(ValueError):
        first[0, 0] = 1
    copy = first.copy()
    del network, second
    gc.collect()
    assert np.array_equal(first, copy)


def test_networks_round_trip(rate, lif, spiking, tmp_path):
    for network in (rate, lif, spiking):
        path = tmp_path / f"{network.kind}.safetensors"
        network.save(path)
        read = mdl_rnn.load(path)
        assert type(read) is type(network) and read == network
        arrays = {name: array for name, array in read.tensors.items() if "." not in name}
        again = type(network).from_arrays(read.config, **arrays)
        assert set(again.tensors) == set(arrays)
        assert all(np.array_equal(again.tensors[name], array) for name, array in arrays.items())
        assert again == type(network).from_arrays(read.config, **arrays)
        changed = {**arrays, "w_out": read.w_out + 1}
        assert type(network).from_arrays(read.config, **changed) != again
        with pytest.raises(mdl_rnn.ArgumentError, match="exist"):
            network.save(path)
        network.save(path, force=True)


def test_descriptions(rate, lif):
    assert repr(lif) == f"<mdl_rnn.LifNetwork 'go-nogo', N = 30, task go-nogo, scaling factor {lif.scaling_factor:g}>"
    html = lif._repr_html_()
    assert all(part in html for part in ("LifNetwork", "N = 30", "lambda-search", "rate.safetensors", "<svg"))
    assert "w_rec" in rate.summary()


def test_the_text_of_a_function_draws_the_bits_of_the_file():
    parameters = {
        "trial_ms": 1000,
        "stimulus_ms": [250, 375],
        "go_probability": 0.5,
        "go_threshold": 0.7,
        "nogo_threshold": 0.3,
    }

    def duration(p):
        return p.trial_ms

    @mdl_rnn.task(
        step_ms=5,
        inputs=["cue"],
        outputs=["answer"],
        conditions=["NoGo", "Go"],
        duration_ms=duration,
        parameters=parameters,
    )
    def go_nogo(t, p):
        start, end = p.stimulus_ms
        go = t.coin(p.go_probability)
        if go:
            t.pulse("cue", start, end)
            t.pulse("answer", end)
            t.reach("answer", above=p.go_threshold, from_ms=end)
        else:
            t.keep("answer", -p.nogo_threshold, p.nogo_threshold, end)
        t.noise(["cue"], 0.1)
        return "Go" if go else "NoGo"

    text = go_nogo.source
    assert text.startswith("step_ms = 5\n") and "\ndef trial(t, p):\n    start, end = p.stimulus_ms\n" in text
    own = mdl_rnn.draw_trials(go_nogo, count=50, seed=9)
    shipped = mdl_rnn.draw_trials("go-nogo", count=50, seed=9)
    assert np.array_equal(own.condition, shipped.condition) and np.array_equal(own.targets, shipped.targets)
    # The published task without noise: the same cues.
    assert np.abs(own.inputs - shipped.inputs).max() < 1 and np.array_equal(own.inputs > 0.5, shipped.inputs > 0.5)


def test_the_same_text_in_a_file_draws_the_same_bits(tmp_path):
    source = mdl_rnn.Task.named("mante").source
    (tmp_path / "mine.star").write_text(source)
    expected = mdl_rnn.draw_trials("mante", count=5, seed=2)
    for task in (tmp_path / "mine.star", mdl_rnn.Task(source), {"file": "a.star", "source": source}):
        assert np.array_equal(mdl_rnn.draw_trials(task, count=5, seed=2).inputs, expected.inputs)


def test_trials_in_arrays_train(tmp_path):
    generator = np.random.default_rng(5)
    inputs = generator.choice([-1.0, 1.0], (200, 1, 1)) * np.ones((200, 30, 1))
    section = mdl_rnn.task_from_arrays(tmp_path / "trials.npz", inputs, inputs, step_ms=10)
    network = mdl_rnn.train("go-nogo", task=section, seed=1, set=SMALL)
    assert network.task == "trials" and network.result["updates"] == 40
    with pytest.raises(mdl_rnn.ArgumentError, match="targets: found 3 trials, expected 200"):
        mdl_rnn.task_from_arrays(tmp_path / "b.npz", inputs, inputs[:3], step_ms=10)


def test_training_continues_from_a_network_and_tells_its_rows(rate):
    rows = []
    network = mdl_rnn.train(start=rate, set={"training.learning_rate": 0.001}, callbacks=rows.append, seed=4)
    assert [row["update"] for row in rows] == [20, 40] == network.history["update"].tolist()
    assert [row["loss"] for row in rows] == network.history["loss"].tolist()
    assert network.provenance["parent"]["program"] == "train-rate" and network != rate


def test_a_callback_stops_training_or_raises():
    with pytest.raises(mdl_rnn.Interrupted):
        mdl_rnn.train("go-nogo", set=SMALL, callbacks=lambda row: False)

    def fail(row):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        mdl_rnn.train("go-nogo", set=SMALL, callbacks=fail)


def test_progress_is_told_to_the_end(lif):
    told = []
    lif.run(trials=7, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (7, 7)


LONG = {**SMALL, "network.neurons": 200, "training.max_updates": 10**6}


@pytest.mark.parametrize("work", ["train", "run", "find", "calibrate"])
def test_ctrl_c_is_obeyed_within_a_fifth_of_a_second(work, rate, lif):
    large = mdl_rnn.RateNetwork.draw("go-nogo", set={"network.neurons": 1000})
    calls = {
        "train": lambda: mdl_rnn.train("go-nogo", set=LONG),
        "run": lambda: large.run(np.zeros((100, 4000, 1), np.float32), record="output"),
        "find": lambda: mdl_rnn.find_scaling_factor(rate, set={"search.trials": 100000}),
        "calibrate": lambda: mdl_rnn.calibrate(lif, set={"calibration.iterations": 1000}),
    }
    sent = []

    def interrupt():
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Timer(0.5, interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        calls[work]()
    assert time.monotonic() - sent[0] < 0.2 + 0.1 * (os.getloadavg()[0] > os.cpu_count())


def test_other_threads_run_meanwhile(rate):
    counted = 0
    stop = threading.Event()

    def count():
        nonlocal counted
        while not stop.is_set():
            counted += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    mdl_rnn.evaluate(rate, trials=3000)
    stop.set()
    thread.join()
    assert counted > 20


def test_large_inputs_are_not_copied():
    """In a process of its own, whose peak is known: inputs of 256 MB cost a few batches."""
    code = """
import resource, numpy as np, mdl_rnn
network = mdl_rnn.SpikingNetwork.draw("mante-spiking", set={"network.neurons": 10})
inputs = np.full((40000, 400, 4), 0.1, np.float32)
network.run(inputs[:200], every=400, record="output")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
network.run(inputs, every=400, record="output")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, inputs.nbytes / 2**20)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    grown, size = map(float, done.stdout.split())
    assert grown < 0.25 * size, (grown, size)


def test_calls_leak_nothing():
    """In a process of its own, where no interrupted call of another test still ends its work."""
    code = """
import pathlib, resource, weakref, numpy as np, mdl_rnn
network = mdl_rnn.SpikingNetwork.draw("mante-spiking", set={"network.neurons": 10})
inputs = np.zeros((2, 20, 4), np.float32)

def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

for _ in range(200):
    network.run(inputs)
before = resident()
for _ in range(1000):
    network.run(inputs)
print(resident() - before)
activity = network.run(inputs)
kept = weakref.ref(activity)
del activity
assert kept() is None
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 8 << 20, done.stdout


def test_warnings_are_pythons():
    network = mdl_rnn.SpikingNetwork.draw("mante-spiking", set={"network.neurons": 10})
    silent = mdl_rnn.SpikingNetwork.from_arrays(
        network.config, **{**network.tensors, "w_in": 0 * network.w_in, "mode_in": 0 * network.mode_in}
    )
    with pytest.warns(mdl_rnn.MdlRnnWarning, match="silent") as caught:
        mdl_rnn.evaluate(silent, trials=5)
    assert pathlib.Path(caught[0].filename).name == "test_library.py"


@pytest.mark.parametrize("kind", ["drawn", "trained"])
def test_membrane_time_constants_per_neuron(kind):
    section = {"kind": kind, "min_ms": 5, "max_ms": 60}
    settings = {"network.neurons": 10, "network.neuron.membrane_time_constants": section}
    network = mdl_rnn.SpikingNetwork.draw("mante-spiking", set=settings)
    assert network.tau_membrane_ms.shape == (10,) and len(set(network.tau_membrane_ms)) == 10
    assert ((network.tau_membrane_ms > 5) & (network.tau_membrane_ms < 60)).all()
    again = mdl_rnn.SpikingNetwork.from_arrays(network.config, **network.tensors)
    inputs = np.random.default_rng(1).normal(size=(3, 100, 4)).astype(np.float32)
    found, expected = again.run(inputs), network.run(inputs)
    assert expected.spikes.any() and np.array_equal(found.output, expected.output)
    assert mdl_rnn.SpikingNetwork.draw("mante-spiking", set={"network.neurons": 10}).tau_membrane_ms is None


def test_spikes_in_other_forms():
    pytest.importorskip("scipy")
    network = mdl_rnn.SpikingNetwork.draw("mante-spiking", set={"network.neurons": 20})
    inputs = np.random.default_rng(1).normal(size=(3, 100, 4)).astype(np.float32)
    activity = network.run(inputs)
    assert activity.spikes.sum() > 50
    assert np.array_equal(activity.sparse_spikes(1).toarray(), activity.spikes[1])
    times = activity.spike_times(2)
    assert [len(each) for each in times] == activity.spikes[2].sum(axis=0).tolist()
    unit = int(np.argmax(activity.spikes[2].sum(axis=0)))
    assert np.array_equal(times[unit], activity.time_ms[activity.spikes[2, :, unit] > 0])
    with pytest.raises(AttributeError, match="record="):
        activity.potential


def test_plots(rate, lif, spiking):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from mdl_rnn import plot

    activity = lif.run(trials=3, record=["output", "spikes", "rate"])
    drawn = [
        plot.output(activity),
        plot.output(mdl_rnn.evaluate(rate, trials=3), trial=2),
        plot.raster(activity, trial=1),
        plot.search(lif),
        plot.training(rate),
        plot.trajectory(activity),
        plot.trajectory(spiking.run(trials=3, record="modes")),
        plot.trial(mdl_rnn.draw_trials("go-nogo", count=2)),
    ]
    assert all(ax.lines and ax.get_xlabel() for ax in drawn)
    _, given = plt.subplots()
    assert plot.search(lif, ax=given) is given
    figure = given.lines[0]
    assert np.array_equal(figure.get_ydata(), lif.search["correct"] / lif.search["trials"])
    plt.close("all")


def test_the_stubs_are_those_of_the_module():
    """Names and parameters of the stubs and of the extension module are the same."""
    import ast

    def parameters(definition):
        arguments = definition.args
        return [argument.arg for argument in arguments.posonlyargs + arguments.args + arguments.kwonlyargs]

    def found(thing):
        return list(inspect.signature(thing).parameters)

    module = mdl_rnn._mdl_rnn
    tree = ast.parse((PACKAGE / "_mdl_rnn.pyi").read_text())
    stated = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            stated.add(node.name)
            assert parameters(node) == found(getattr(module, node.name)), node.name
        elif isinstance(node, ast.ClassDef):
            stated.add(node.name)
            cls = getattr(module, node.name)
            methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
            public = {name for name in vars(cls) if not name.startswith("_")}
            assert public == {name for name in methods if not name.startswith("_")}, node.name
            for name in public:
                member = inspect.getattr_static(cls, name)
                if not inspect.isgetsetdescriptor(member):
                    expected = parameters(methods[name])
                    assert [each for each in found(getattr(cls, name))] == expected, name
        elif isinstance(node, ast.AnnAssign) and not node.target.id.startswith("_Z"):
            stated.add(node.target.id)
    public = {name for name in dir(module) if not name.startswith("_")} | {"__version__"}
    assert public == stated


def test_types():
    """The package passes mypy in its strict mode."""
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "-p", "mdl_rnn"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_public_name_is_documented():
    for name in mdl_rnn.__all__:
        thing = getattr(mdl_rnn, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), name
            if inspect.isfunction(thing):
                text = inspect.getdoc(thing)
                missing = [each for each in inspect.signature(thing).parameters if each not in text]
                assert not missing, (name, missing)


def test_the_import_is_fast():
    """Of the package itself, without NumPy and the interpreter."""
    code = "import numpy, time; start = time.perf_counter(); import mdl_rnn; print(time.perf_counter() - start)"
    times = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5)]
    assert min(times) < 0.3


def test_a_stopped_training_continues_where_it_was(tmp_path):
    path = tmp_path / "rate.safetensors"
    state = tmp_path / "rate.safetensors.partial"
    expected = mdl_rnn.train("go-nogo", seed=3, set=SMALL)
    with pytest.raises(mdl_rnn.Interrupted, match="resume=True continues from it"):
        mdl_rnn.train("go-nogo", seed=3, set=SMALL, checkpoint=path, callbacks=lambda row: False)
    assert state.exists()
    with pytest.raises(mdl_rnn.ArgumentError, match="holds the state of an earlier training"):
        mdl_rnn.train("go-nogo", seed=3, set=SMALL, checkpoint=path)
    with pytest.raises(mdl_rnn.ArgumentError, match="holds the state of another training"):
        mdl_rnn.train("go-nogo", seed=4, set=SMALL, checkpoint=path, resume=True)
    rows = []
    network = mdl_rnn.train("go-nogo", seed=3, set=SMALL, checkpoint=path, resume=True, callbacks=rows.append)
    assert network == expected and [row["update"] for row in rows] == [40]
    assert not state.exists() and not path.exists()
    again = mdl_rnn.train("go-nogo", seed=3, set=SMALL, checkpoint=path, resume=True, checkpoint_every=0)
    assert again == expected
    with pytest.raises(mdl_rnn.ArgumentError, match="checkpoint: found None"):
        mdl_rnn.train("go-nogo", resume=True)


def huge(body):
    head = "step_ms = 5\nduration_ms = 100\ninputs = ['a']\noutputs = ['b']\nconditions = ['c']\n"
    return mdl_rnn.Task(f"{head}def trial(t, p):\n    {body}\n    t.reach('b', above=0.5)\n    return 'c'\n")


@pytest.mark.parametrize(
    "body",
    [
        "x = [0] * 1000000000",
        "x = 'a' * 1000000000",
        "x = ('a' * 1000000).join(['b'] * 1000000)",
        "x = ('a' * 1000000).replace('a', 'b' * 1000000)",
    ],
)
def test_a_task_that_asks_for_a_huge_value_raises(body):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for call in (lambda: mdl_rnn.draw_trials(huge(body), count=3), lambda: mdl_rnn.resolve("go-nogo", set={"task": huge(body).section()})):
        with pytest.raises(mdl_rnn.MdlRnnError, match=r"one value of \d+ bytes, expected at most 33554432 bytes"):
            call()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024
    # The library goes on.
    assert len(mdl_rnn.draw_trials("go-nogo", count=3)) == 3


def test_runs_on_one_thread_each_are_side_by_side(rate):
    """A job has threads of its own: one that waits does not hold up another."""
    waiting, entered = threading.Event(), threading.Event()

    def wait(row):
        entered.set()
        assert waiting.wait(60)

    first = threading.Thread(target=lambda: mdl_rnn.train("go-nogo", set=SMALL, threads=1, callbacks=wait))
    first.start()
    assert entered.wait(60)
    mdl_rnn.evaluate(rate, trials=3, threads=1)
    waiting.set()
    first.join()
