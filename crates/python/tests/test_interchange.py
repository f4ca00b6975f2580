"""Spikes, traces and networks as objects and graphs of other tools."""

import json
import subprocess
import sys

import numpy as np
import pytest

import mdl_rnn

RECORD = ["output", "rate", "potential", "spikes", "input"]


@pytest.fixture(scope="module")
def activities(lif, spiking):
    return [lif.run(trials=3, record=RECORD, every=20), spiking.run(trials=3, record=RECORD)]


def test_neo(activities):
    neo = pytest.importorskip("neo")
    for activity, unit in zip(activities, ("mV", "dimensionless")):
        block = mdl_rnn.to_neo(activity)
        assert isinstance(block, neo.Block) and len(block.segments) == 3
        for trial, segment in enumerate(block.segments):
            counts = activity.spikes[trial].sum(0)
            assert [len(train) for train in segment.spiketrains] == counts.tolist()
            traces = {trace.name: trace for trace in segment.analogsignals}
            assert set(traces) == {"output", "input", "rate", "potential"}
            assert np.array_equal(traces["potential"].magnitude, activity.potential[trial])
            assert str(traces["potential"].units.dimensionality) == unit
            assert np.allclose(traces["output"].times.rescale("ms").magnitude, activity.time_ms)
    assert sum(activity.spikes.sum() for activity in activities) > 0


def test_nir_data(activities, tmp_path):
    nir = pytest.importorskip("nir")
    for activity in activities:
        data = mdl_rnn.to_nir(activity)
        nir.write_data(tmp_path / "data.h5", data)
        read = nir.read_data(tmp_path / "data.h5")
        assert sorted(read.nodes) == ["input", "lif", "output"]
        spikes = read.nodes["lif"].observables["spikes"]
        for trial in range(3):
            valid = spikes.idx[trial] >= 0
            found = np.bincount(spikes.idx[trial][valid], minlength=activity.spikes.shape[2])
            assert np.array_equal(found, activity.spikes[trial].sum(0))
            first = activity.spike_times(trial)
            unit = spikes.idx[trial][valid][0] if valid.any() else None
            assert unit is None or np.isclose(spikes.time[trial][valid][0] * 1e3, min(t[0] for t in first if len(t)))
        assert np.array_equal(read.nodes["output"].observables["output"].data, activity.output)


def test_nwb(activities):
    pytest.importorskip("pynwb")
    for activity in activities:
        file = mdl_rnn.to_nwb(activity, session_description="mine")
        assert file.session_description == "mine" and len(file.trials) == 3
        trains = [np.asarray(times) for times in file.units["spike_times"]]
        assert [len(times) for times in trains] == activity.spikes.sum((0, 1)).tolist()
        assert file.acquisition["potential"].data.shape == (activity.potential.shape[0] * activity.potential.shape[1], activity.potential.shape[2])


def test_other_objects_are_refused(lif):
    for convert in (mdl_rnn.to_neo, mdl_rnn.to_nir, mdl_rnn.to_nwb):
        with pytest.raises(mdl_rnn.ArgumentError, match="activity: found a LifNetwork, expected an Activity"):
            convert(lif)


def test_nir_graphs_come_back(lif, spiking, tmp_path):
    for network in (lif, spiking):
        path = tmp_path / f"{network.kind}.nir"
        mdl_rnn.export_network(network, path)
        back = mdl_rnn.import_network(path)
        assert type(back) is type(network)
        names = [name for name in network.tensors if "." not in name and name in back.tensors]
        assert {"w_in", "w_out"} < set(names)
        assert all(np.array_equal(back.tensors[name], network.tensors[name]) for name in names)


def test_graphs_written_again_by_nir_come_back(lif, tmp_path):
    nir = pytest.importorskip("nir")
    mdl_rnn.export_network(lif, tmp_path / "a.nir")
    graph = nir.read(tmp_path / "a.nir")
    nir.write(tmp_path / "b.nir", graph)
    assert np.array_equal(mdl_rnn.import_network(tmp_path / "b.nir").tensors["w_rec"], lif.tensors["w_rec"])
    graph.nodes["w_out"].weight *= 2
    nir.write(tmp_path / "c.nir", graph)
    with pytest.warns(mdl_rnn.MdlRnnWarning, match="changed after its export"):
        changed = mdl_rnn.import_network(tmp_path / "c.nir")
    assert np.allclose(changed.w_out, 2 * lif.w_out, rtol=1e-6)
    assert changed.scaling_factor == lif.scaling_factor


def cubalif(tmp_path):
    neuron = {"synapse": "single", "tau_decay_ms": 0, "gain": 1.0, "refractory_steps": 0}
    network = mdl_rnn.SpikingNetwork.draw("mante-spiking", set={"network.neurons": 20, "network.neuron": neuron})
    mdl_rnn.export_network(network, tmp_path / "cuba.nir", layout="cubalif")
    return network


def compare(network, inputs, spikes_there):
    """Spikes of another simulator, (steps, units): there a spike acts one step later, here two."""
    here = network.run(inputs[None], record=["spikes"]).spikes[0]
    # Until the first spike has acted, both are the same.
    first = int(np.flatnonzero(here.any(1))[0])
    assert np.array_equal(here[: first + 2], spikes_there[: first + 2])
    assert 0.5 < spikes_there.sum() / here.sum() < 2


def test_snntorch_reads_layers_of_cubalif(tmp_path):
    torch = pytest.importorskip("torch")
    import_nir = pytest.importorskip("snntorch.import_nir")
    nir = pytest.importorskip("nir")
    network = cubalif(tmp_path)
    inputs = np.random.default_rng(1).normal(1, 1, (100, 4)).astype(np.float32)
    # snnTorch 1.0 with nirtorch 2 makes a layer and its weights of a recurrent subgraph.
    modules = list(import_nir.import_from_nir(nir.read(tmp_path / "cuba.nir")).modules())
    layer = next(each for each in modules if type(each).__name__ == "Synaptic")
    recurrent = next(each for each in modules if getattr(each, "in_features", 0) == getattr(each, "out_features", 1))
    layer.reset_delay, layer.init_hidden = True, False
    current = torch.from_numpy(inputs @ network.w_in.T)
    spike, spikes, state = torch.zeros(1, 20), [], [torch.zeros(1, 20)] * 2
    for step in current:
        spike, *state = layer(step[None] + recurrent(spike), *state)
        spikes.append(spike.detach().numpy()[0])
    compare(network, inputs, np.array(spikes))


def test_spyx_reads_layers_of_cubalif(tmp_path):
    pytest.importorskip("spyx")
    nir = pytest.importorskip("nir")
    from spyx.nir import from_nir

    network = cubalif(tmp_path)
    inputs = np.random.default_rng(1).normal(1, 1, (100, 1, 4)).astype(np.float32)
    graph = nir.read(tmp_path / "cuba.nir")
    model, _ = from_nir(graph, inputs, dt=1e-4)
    layer = next(each for each in model.layers if type(each).__name__ == "RCuBaLIF")
    alpha, beta = np.asarray(layer.alpha[...]), np.asarray(layer.beta[...])
    neuron = network.config["network"]["neuron"]
    assert np.allclose(alpha, np.exp(-neuron["dt_ms"] / neuron["tau_current_ms"]), rtol=1e-4)
    assert np.allclose(beta, np.exp(-neuron["dt_ms"] / neuron["tau_membrane_ms"]), rtol=1e-4)
    weights = network.mode_in * network.score @ network.mode_out.T
    assert np.allclose(np.asarray(layer.recurrent_w[...]).T, weights, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name, ignore, step_ms", [("snntorch", None, 0.1), ("spyx", "r", 1)])
def test_graphs_of_other_tools_run(name, ignore, step_ms):
    import pathlib

    path = pathlib.Path(__file__).parents[2] / "exchange" / "tests" / "fixtures" / f"{name}.nir"
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = mdl_rnn.import_network(path, task="xor", ignore=ignore, set={"task.step_ms": step_ms})
    activity = network.run(np.ones((1, 100, 2), np.float32), record=["spikes", "output"])
    assert network.kind == "spiking" and activity.spikes.sum() > 0
