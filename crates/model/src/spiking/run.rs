//! Runs of a spiking network: one operator per sequence, on the CPU or on a GPU.

#[cfg(feature = "cuda")]
use super::gpu;
use super::input::{FEW_SIGNALS, Input, States};
use super::neurons::{Neuron, NeuronModel, with_neuron};
use super::operator::{Kind, Output, Sequence};
use super::population::Population;
use crate::modes::{ModeParameters, ModeSizes};
use crate::readout::Readout;
use candle_core::{DType, Result, Tensor};
use mdl_kernels::real::Real;

/// The output of a network: `[T, B, O]` for [`Readout::PerStep`], `[B, O]` for [`Readout::MaxOverTime`].
///
/// Differentiable with respect to the parameters, and to the tensor in `input`.
///
/// # Errors
/// Tensors of mismatched shapes, or of a type other than `f32` or `f64`.
pub fn run(population: &Population, parameters: &ModeParameters, input: &Input, readout: Readout) -> Result<Tensor> {
    match readout {
        Readout::PerStep => sequence(population, parameters, input, Output::Readout, None),
        Readout::MaxOverTime => {
            sequence(population, parameters, input, Output::Peaks, None)?.matmul(&parameters.w_out.t()?)
        }
    }
}

/// The synaptic trace r of every neuron, `[T, B, N]`, differentiable like [`run`].
///
/// # Errors
/// As for [`run`].
pub fn synapses(population: &Population, parameters: &ModeParameters, input: &Input) -> Result<Tensor> {
    sequence(population, parameters, input, Output::Synapses, None)
}

/// The states of every step, for figures and tests; without gradients.
///
/// # Errors
/// As for [`run`].
pub fn states(population: &Population, parameters: &ModeParameters, input: &Input) -> Result<States> {
    let (first, weights) = operands(population, parameters, input, Output::Synapses)?;
    let sizes = parameters.sizes()?;
    #[cfg(feature = "cuda")]
    if let Some(device) = mdl_device::Gpu::of(&weights) {
        let network = gpu::Network::new(population, &sizes, input, Output::Synapses);
        return gpu::states(&device, &network, &first, &weights);
    }
    let (kind, modes) = (Kind::of(input, sizes.inputs), sizes.modes);
    let (model, shared) = (population.neuron().model, population.shares_membrane());
    match weights.dtype() {
        DType::F64 => {
            with_neuron!(model, shared, f64, N => observe::<f64, N>(population, kind, modes, &first, &weights))
        }
        _ => with_neuron!(model, shared, f32, N => observe::<f32, N>(population, kind, modes, &first, &weights)),
    }
}

/// The operator; `interval`, if given, replaces the number of steps between two checkpoints.
pub(super) fn sequence(
    population: &Population,
    parameters: &ModeParameters,
    input: &Input,
    output: Output,
    interval: Option<usize>,
) -> Result<Tensor> {
    let (first, weights) = operands(population, parameters, input, output)?;
    let sizes = parameters.sizes()?;
    #[cfg(feature = "cuda")]
    if let Some(device) = mdl_device::Gpu::of(&weights) {
        let network = gpu::Network::new(population, &sizes, input, output);
        return gpu::run(&device, network, &first, &weights);
    }
    let kind = Kind::of(input, sizes.inputs);
    let interval = interval.unwrap_or(kind.interval(sizes.neurons));
    let (modes, model, shared) = (sizes.modes, population.neuron().model, population.shares_membrane());
    match weights.dtype() {
        DType::F64 => with_neuron!(model, shared, f64, N => {
            apply::<f64, N>(population, kind, output, modes, interval, &first, &weights)
        }),
        _ => with_neuron!(model, shared, f32, N => {
            apply::<f32, N>(population, kind, output, modes, interval, &first, &weights)
        }),
    }
}

fn apply<R: Real, N: Neuron<R>>(
    population: &Population,
    kind: Kind,
    output: Output,
    modes: usize,
    interval: usize,
    first: &Tensor,
    weights: &Tensor,
) -> Result<Tensor> {
    let differentiable = first.track_op() || weights.track_op();
    first.apply_op2(weights, Sequence::<R, N>::new(population, kind, output, modes, interval, differentiable))
}

fn observe<R: Real, N: Neuron<R>>(
    population: &Population,
    kind: Kind,
    modes: usize,
    first: &Tensor,
    weights: &Tensor,
) -> Result<States> {
    let interval = kind.interval(weights.dims()[1]);
    Sequence::<R, N>::new(population, kind, Output::Synapses, modes, interval, false).observe(first, weights)
}

/// The operator's two tensors.
pub(super) fn operands(
    population: &Population,
    parameters: &ModeParameters,
    input: &Input,
    output: Output,
) -> Result<(Tensor, Tensor)> {
    let sizes = parameters.sizes()?;
    fits(input, &sizes, parameters.w_in.dtype())?;
    population.fits(sizes.neurons)?;
    let mut columns = vec![parameters.scored_mode_in()?.t()?];
    let first = match input {
        Input::Signals(x) if sizes.inputs <= FEW_SIGNALS => {
            columns.push(parameters.w_in.t()?);
            x.clone()
        }
        Input::Signals(x) => x.broadcast_matmul(&parameters.w_in.t()?)?,
        Input::Currents(drive) => drive.clone(),
        Input::Spikes(_) | Input::Intensities(_) => parameters.w_in.clone(),
    };
    columns.push(parameters.mode_out.t()?);
    if output == Output::Readout {
        columns.push(parameters.w_out.clone());
    }
    for row in population.rows(sizes.neurons, &parameters.w_in)? {
        columns.push(row.unsqueeze(0)?);
    }
    Ok((first.contiguous()?, Tensor::cat(&columns, 0)?))
}

fn fits(input: &Input, sizes: &ModeSizes, dtype: DType) -> Result<()> {
    if !matches!(dtype, DType::F32 | DType::F64) {
        candle_core::bail!("a spiking network of {dtype:?}, expected f32 or f64")
    }
    if sizes.modes == 0 || sizes.neurons == 0 || sizes.outputs == 0 {
        candle_core::bail!("a spiking network needs neurons, modes and outputs, found {sizes:?}")
    }
    let spiking = |channels: usize| match channels == sizes.inputs {
        true => Ok(()),
        false => candle_core::bail!("spikes on {channels} channels for a network of {} inputs", sizes.inputs),
    };
    let (what, tensor, width) = match input {
        Input::Spikes(spikes) => return spiking(spikes.channels()),
        Input::Intensities(intensities) => return spiking(intensities.channels()),
        Input::Signals(x) => ("signals", x, sizes.inputs),
        Input::Currents(drive) => ("currents", drive, sizes.neurons),
    };
    match tensor.dims() {
        [_, _, found] if *found == width && tensor.dtype() == dtype => Ok(()),
        dims => candle_core::bail!("{what} {dims:?} {:?}, expected [T, B, {width}] {dtype:?}", tensor.dtype()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::neuron::SpikingNeuron;
    use super::*;
    use candle_core::{Device, Var};
    use mdl_kernels::random::{Purpose, fill_normal};

    /// 50,000 steps, output and gradients, with different numbers of steps between checkpoints: the same bits.
    #[test]
    fn checkpoints_change_no_bit() -> Result<()> {
        let start = ModeParameters::initial(&ModeSizes { neurons: 20, modes: 2, inputs: 2, outputs: 1 }, 1)?;
        let w_in = Var::from_tensor(&(&start.w_in * 2.0)?)?;
        let mode_out = Var::from_tensor(&start.mode_out)?;
        let parameters =
            ModeParameters { w_in: w_in.as_tensor().clone(), mode_out: mode_out.as_tensor().clone(), ..start };
        let mut x = vec![0f32; 50_000 * 5 * 2];
        fill_normal(1, Purpose::TrainingTrial, 0, 0, 1.0, &mut x);
        let input = Input::Signals(Tensor::from_vec(x, (50_000, 5, 2), &Device::Cpu)?);
        let bits = |population: &Population, interval| -> Result<Vec<u32>> {
            let y = sequence(population, &parameters, &input, Output::Readout, interval)?;
            let gradients = y.sqr()?.sum_all()?.backward()?;
            let tensors = [&y, gradients.get(&w_in).expect("gradient"), gradients.get(&mode_out).expect("gradient")];
            let values = tensors.map(|tensor| tensor.flatten_all()?.to_vec1::<f32>());
            Ok(values.into_iter().collect::<Result<Vec<_>>>()?.concat().into_iter().map(f32::to_bits).collect())
        };
        let neuron = |refractory_steps| SpikingNeuron { refractory_steps, ..SpikingNeuron::default() };
        let tau_decay_ms = (20u8..40).map(f32::from).collect();
        let diverse = Population::new(neuron(5), None, Some(tau_decay_ms)).expect("positive time constants");
        for population in [neuron(0).into(), neuron(5).into(), diverse] {
            let kept_whole = bits(&population, Some(50_048))?;
            assert!(kept_whole == bits(&population, None)?);
            assert!(kept_whole == bits(&population, Some(1024))?);
        }
        Ok(())
    }
}
