"""Spiking and rate networks as modules of PyTorch, on CPU tensors.

A whole sequence is one operator with a hand-derived backward pass, so that losses, optimizers and data loaders stay those of
PyTorch. Inputs have the shape (steps, trials, channels), as PyTorch's recurrent layers do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise ImportError("mdl_rnn.torch needs PyTorch: pip install torch") from error

from . import _mdl_rnn
from ._arguments import as_json, passed, refuse
from ._networks import RateNetwork, SpikingNetwork

_MANNER: dict[str, Any] = {"threads": None, "progress": None, "cancel": None}


def _array(tensor: Tensor) -> np.ndarray[Any, Any]:
    return tensor.detach().contiguous().numpy()


def _tensor(memory: _mdl_rnn.Memory) -> Tensor:
    return torch.from_numpy(np.asarray(memory))


def _check(module: nn.Module, inputs: Any, channels: int) -> None:
    if not isinstance(inputs, Tensor):
        raise refuse("inputs", f"a {type(inputs).__name__}", "a tensor of shape (steps, trials, channels)")
    weight = next(module.parameters())
    for what, tensor in (("inputs", inputs), ("parameters", weight)):
        if tensor.device.type != "cpu":
            raise refuse(what, f"a tensor on {tensor.device}", "a tensor on the CPU")
    if inputs.ndim != 3 or inputs.shape[2] != channels or 0 in inputs.shape or inputs.dtype != weight.dtype:
        found = f"{inputs.dtype} of shape {tuple(inputs.shape)}"
        raise refuse("inputs", found, f"{weight.dtype} of shape (steps, trials, {channels})")


class _Sequence(torch.autograd.Function):
    """The operator: `run` makes a tape, which is differentiated with respect to the tensors of these names."""

    @staticmethod
    def forward(ctx: Any, run: Any, names: list[str], *tensors: Tensor) -> Tensor:
        arrays = {name: passed(_array(tensor)) for name, tensor in zip(names, tensors)}
        ctx.tape = run(arrays, ctx.needs_input_grad[2 + names.index("inputs")])
        ctx.names, ctx.shapes = names, [tensor.shape for tensor in tensors]
        return _tensor(ctx.tape.output())

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        found = ctx.tape.backward(passed(_array(gradient)), _MANNER)
        gradients: list[Tensor | None] = []
        for index, (name, shape) in enumerate(zip(ctx.names, ctx.shapes)):
            wanted = ctx.needs_input_grad[2 + index] and name in found
            gradients.append(_tensor(found[name]).reshape(shape) if wanted else None)
        return (None, None, *gradients)


class SpikingModes(nn.Module):
    """A spiking network with recurrent weights of a few modes, W_rec = Ξ_in diag(λ) Ξ_outᵀ (Lin & Huang 2023).

    The parameters have the names and layouts of the published files: ``Win`` (N, inputs), ``Wout`` (outputs, N), ``pin``
    and ``pout`` (N, modes), ``l`` (modes).

    Parameters
    ----------
    inputs, neurons, modes, outputs : int
        Sizes.
    neuron : dict, optional
        Constants of the neuron, as in the section ``network.neuron`` of a config; docs/fields.md lists them.
    readout : {"every-step", "max-over-time"}
        Outputs at every step, of shape (steps, trials, outputs), or W_out of the largest rates, (trials, outputs).
    seed : int
        Seed of the initial parameters, with the published spread.

    Examples
    --------
    >>> import torch, mdl_rnn.torch
    >>> network = mdl_rnn.torch.SpikingModes(2, 50, 3, 1, neuron={"dt_ms": 2})
    >>> outputs = network(torch.randn(100, 8, 2))
    >>> outputs.shape
    torch.Size([100, 8, 1])
    >>> outputs.pow(2).mean().backward()
    >>> network.pin.grad.shape
    torch.Size([50, 3])
    """

    _NAMES = {"w_in": "Win", "mode_in": "pin", "score": "l", "mode_out": "pout", "w_out": "Wout"}

    def __init__(
        self,
        inputs: int,
        neurons: int,
        modes: int,
        outputs: int,
        *,
        neuron: Mapping[str, Any] | None = None,
        readout: str = "every-step",
        seed: int = 1,
    ) -> None:
        super().__init__()
        if readout not in ("every-step", "max-over-time"):
            raise refuse("readout", repr(readout), "every-step or max-over-time")
        for name, size in {"inputs": inputs, "neurons": neurons, "modes": modes, "outputs": outputs}.items():
            if not isinstance(size, int) or size < 1:
                raise refuse(name, repr(size), "1 or more")
        self.neuron = dict(neuron or {})
        self.readout = readout
        generator = torch.Generator().manual_seed(seed)

        def normal(fan: int, *shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator) / fan**0.5)

        self.Win = normal(inputs, neurons, inputs)
        self.pin = normal(modes, neurons, modes)
        self.l = normal(neurons, modes)
        self.pout = normal(modes, neurons, modes)
        self.Wout = normal(outputs, outputs, neurons)

    @classmethod
    def from_network(cls, network: SpikingNetwork) -> SpikingModes:
        """The module of a network.

        Parameters
        ----------
        network : SpikingNetwork
            Network with leaky neurons.
        """
        if not isinstance(network, SpikingNetwork):
            raise refuse("network", f"a {type(network).__name__}", "a SpikingNetwork")
        section = network.config["network"]
        sizes = (network.w_in.shape[1], network.N, int(section["modes"]), network.w_out.shape[0])
        module = cls(*sizes, neuron=section["neuron"])
        module.load_state_dict({own: torch.tensor(network.tensors[name]) for name, own in cls._NAMES.items()})
        return module

    def to_network(self, config: Any) -> SpikingNetwork:
        """The network of this module, in single precision.

        Parameters
        ----------
        config : dict, str or os.PathLike
            Config of the network, as for `mdl_rnn.SpikingNetwork.from_arrays`.
        """
        arrays = {name: _array(getattr(self, own)) for name, own in self._NAMES.items()}
        network: SpikingNetwork = SpikingNetwork.from_arrays(config, **arrays)
        return network

    def forward(self, inputs: Tensor) -> Tensor:
        """Run the network.

        Parameters
        ----------
        inputs : torch.Tensor, shape (steps, trials, inputs)
            Signals, of the type of the parameters, float32 or float64.

        Returns
        -------
        torch.Tensor
            Outputs.
        """
        _check(self, inputs, self.Win.shape[1])
        neuron, readout = as_json("neuron", self.neuron), self.readout

        def run(arrays: dict[str, Any], differentiate_inputs: bool) -> _mdl_rnn.SpikingTape:
            signals = arrays.pop("inputs")
            return _mdl_rnn.SpikingTape.run(neuron, arrays, signals, readout, differentiate_inputs, _MANNER)

        parameters = [getattr(self, own) for own in self._NAMES.values()]
        outputs: Tensor = _Sequence.apply(run, [*self._NAMES, "inputs"], *parameters, inputs)
        return outputs

    def extra_repr(self) -> str:
        """Sizes."""
        neurons, inputs = self.Win.shape
        return f"inputs={inputs}, neurons={neurons}, modes={len(self.l)}, outputs={len(self.Wout)}, readout={self.readout!r}"


class RateRNN(nn.Module):
    """A rate network, dense or with modes, as described by the section ``network`` of a config.

    The parameters have the names of the tensors in artifacts, such as ``w_rec``. Single precision only.

    Parameters
    ----------
    network : RateNetwork
        Network that gives the sizes and the initial parameters, such as ``RateNetwork.draw("go-nogo")``.
    seed : int, optional
        Seed of initial states and noise (default: the config's). Every call of the module in training mode draws others.

    Examples
    --------
    >>> import torch, mdl_rnn.torch
    >>> network = mdl_rnn.torch.RateRNN(mdl_rnn.RateNetwork.draw("go-nogo", set={"network.neurons": 30}))
    >>> network(torch.zeros(200, 4, 1)).shape
    torch.Size([200, 4, 1])
    """

    w_in: Tensor

    def __init__(self, network: RateNetwork, *, seed: int | None = None) -> None:
        super().__init__()
        if not isinstance(network, RateNetwork):
            raise refuse("network", f"a {type(network).__name__}", "a RateNetwork")
        config = network.config
        self._config = {key: value for key, value in config["network"].items() if key != "kind"}
        self._step_ms = _step_ms(config)
        self._seed, self._calls = config["seed"] if seed is None else seed, 0
        dense = self._config["recurrence"]["kind"] == "dense"
        frozen = ["sign", "mask"]
        if not self._config["train_input"]:
            frozen.append("w_in")
        if not dense and not self._config["recurrence"]["train_scores"]:
            frozen.append("score")
        self._names = []
        for name in ("w_in", "w_rec", "mode_in", "score", "mode_out", "sign", "mask", "theta", "w_out", "b_out"):
            if name not in network.tensors:
                continue
            self._names.append(name)
            value = torch.tensor(network.tensors[name])
            if name in frozen:
                self.register_buffer(name, value)
            else:
                self.register_parameter(name, nn.Parameter(value))

    def forward(self, inputs: Tensor) -> Tensor:
        """Run the network.

        Parameters
        ----------
        inputs : torch.Tensor, shape (steps, trials, inputs)
            Inputs, float32.

        Returns
        -------
        torch.Tensor, shape (steps, trials, outputs)
            Outputs.
        """
        _check(self, inputs, self.w_in.shape[1])
        config, noise = json.dumps(self._config), (self._seed, self._calls)
        if self.training:
            self._calls += 1

        def run(arrays: dict[str, Any], differentiate_inputs: bool) -> _mdl_rnn.RateTape:
            signals = arrays.pop("inputs")
            return _mdl_rnn.RateTape.run(config, self._step_ms, arrays, signals, noise, differentiate_inputs, _MANNER)

        tensors = [getattr(self, name) for name in self._names]
        outputs: Tensor = _Sequence.apply(run, [*self._names, "inputs"], *tensors, inputs)
        return outputs


def _step_ms(config: dict[str, Any]) -> float:
    section = config["task"]
    return float(section.get("step_ms") or section.get("contents", {}).get("step_ms") or 1.0)
