"""The modules of PyTorch against the same equations in PyTorch's own operations."""

import io
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import mdl_rnn
from mdl_rnn.torch import RateRNN, SpikingModes


class Spike(torch.autograd.Function):
    """The step, with the default surrogate, a fast sigmoid of slope 25."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient / (1 + 25 * x.abs()) ** 2


def reference(module, x, neuron):
    """The equations of docs/dynamics.md, step by step."""
    decay = {name: math.exp(-neuron["dt_ms"] / neuron[f"tau_{name}_ms"]) for name in ("current", "membrane", "decay", "rise")}
    steps, trials, _ = x.shape
    zero = torch.zeros(trials, module.Win.shape[0], dtype=x.dtype)
    current, potential, rise, r, spike = zero, zero, zero, zero, zero
    outputs = []
    for t in range(steps):
        current = decay["current"] * current + x[t] @ module.Win.T + (r @ module.pout * module.l) @ module.pin.T
        potential = (decay["membrane"] * potential + (1 - decay["membrane"]) * current) * (1 - spike)
        rise = decay["rise"] * rise + spike
        r = decay["decay"] * r + (1 - decay["decay"]) * rise
        spike = Spike.apply(potential - neuron["threshold"])
        outputs.append(r @ module.Wout.T)
    return torch.stack(outputs)


def test_spiking_outputs_and_gradients_agree_with_pytorch():
    config = {"name": "a", "task": "mante", "network": {"kind": "spiking", "neurons": 2, "modes": 1, "neuron": {"dt_ms": 5, "tau_rise_ms": 10}}}
    neuron = mdl_rnn.resolve(config)["network"]["neuron"]
    neuron.update(refractory_steps=0, synapse="double", gain="one-minus-alpha-decay", threshold=0.5)
    module = SpikingModes(3, 20, 2, 2, neuron=neuron).double()
    x = torch.randn(60, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).requires_grad_()
    target = torch.randn(60, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    found, expected = module(x), reference(module, x, neuron)
    assert found.abs().max() > 0.01
    assert torch.allclose(found, expected, atol=1e-10)
    parameters = [x, *module.parameters()]
    of = lambda y: torch.autograd.grad((y - target).pow(2).sum(), parameters)
    for one, other in zip(of(found), of(expected)):
        assert torch.allclose(one, other, rtol=1e-6, atol=1e-8), (one - other).abs().max()


def test_gradcheck_where_the_outputs_are_smooth():
    """Outputs are linear in the readout, and the spikes do not depend on it."""
    module = SpikingModes(3, 12, 2, 2, neuron={"dt_ms": 5, "tau_rise_ms": 10, "threshold": 0.5}).double()
    x = torch.randn(30, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    rest = {name: value.detach() for name, value in module.named_parameters() if name != "Wout"}
    run = lambda readout: torch.func.functional_call(module, {**rest, "Wout": readout}, (x,))
    readout = module.Wout.detach().clone().requires_grad_()
    assert run(readout).abs().max() > 0.01
    assert torch.autograd.gradcheck(run, (readout,))


def test_state_dicts_round_trip_and_have_the_published_names():
    module = SpikingModes(4, 30, 3, 1, neuron={"dt_ms": 2})
    assert set(module.state_dict()) == {"Win", "Wout", "pin", "pout", "l"}
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other = SpikingModes(4, 30, 3, 1, neuron={"dt_ms": 2}, seed=2)
    other.load_state_dict(torch.load(file))
    x = torch.randn(50, 2, 4)
    assert torch.equal(module(x), other(x))


def test_a_published_file_is_imported(tmp_path):
    module = SpikingModes(4, 30, 3, 1)
    torch.save(module.state_dict(), tmp_path / "mante.pth")
    network = mdl_rnn.import_network(tmp_path / "mante.pth")
    assert np.array_equal(network.w_in, module.Win.detach().numpy())


def test_networks_and_modules_are_the_same():
    network = mdl_rnn.SpikingNetwork.draw("mante-spiking")
    module = SpikingModes.from_network(network)
    x = np.random.default_rng(1).normal(size=(5, 80, 4)).astype(np.float32)
    outputs = module(torch.from_numpy(x).transpose(0, 1)).transpose(0, 1)
    assert np.array_equal(outputs.detach().numpy(), network.run(x, record="output").output)
    again = module.to_network(network.config)
    for name in ("w_in", "mode_in", "score", "mode_out", "w_out"):
        assert np.array_equal(again.tensors[name], network.tensors[name]), name


def test_time_constants_per_neuron_are_refused():
    section = {"kind": "drawn"}
    network = mdl_rnn.SpikingNetwork.draw("mante-spiking", set={"network.neuron.membrane_time_constants": section})
    module = SpikingModes.from_network(network)
    with pytest.raises(mdl_rnn.MdlRnnError, match="membrane_time_constants"):
        module(torch.zeros(5, 2, 4))


def test_rate_gradients_agree_with_differences():
    network = mdl_rnn.RateNetwork.draw("go-nogo", set={"network.neurons": 10, "network.noise_sd": 0.0, "network.train_input": True})
    module = RateRNN(network).eval()
    x = torch.randn(30, 3, 1).requires_grad_()
    weight = torch.randn(30, 3, 1)
    loss = lambda: (module(x) * weight).double().sum()
    loss().backward()
    step = 1e-2
    for parameter in [x, *module.parameters()]:
        index = parameter.grad.abs().flatten().argmax()
        with torch.no_grad():
            flat = parameter.view(-1)
            value = flat[index].item()
            flat[index] = value + step
            above = loss().item()
            flat[index] = value - step
            below = loss().item()
            flat[index] = value
        difference = (above - below) / (2 * step)
        assert difference == pytest.approx(parameter.grad.flatten()[index].item(), rel=2e-2, abs=1e-4)


def test_wrong_tensors_are_named():
    module = SpikingModes(4, 30, 3, 1)
    for wrong, expected in [
        (torch.zeros(5, 4), "steps, trials, 4"),
        (torch.zeros(5, 2, 3), "steps, trials, 4"),
        (torch.zeros(5, 2, 4, dtype=torch.float64), "float32"),
        (np.zeros((5, 2, 4)), "tensor"),
    ]:
        with pytest.raises(mdl_rnn.ArgumentError, match=expected):
            module(wrong)
