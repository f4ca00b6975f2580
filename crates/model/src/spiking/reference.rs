//! The same network in plain candle operations, step by step: short and slow, as a check of the operator.
//!
//! Gradients come from candle's autograd, whose recursion limits the number of steps to a few thousand.

use super::input::{Input, States};
use super::neuron::Synapse;
use super::neurons::ReferenceStep;
use super::population::Population;
use super::surrogate::Surrogate;
use crate::modes::ModeParameters;
use crate::readout::{Readout, max_over_time};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use mdl_data::spikes::SpikeInput;
use mdl_kernels::real::contiguous;

/// Output of a network, like [`super::run`].
///
/// # Errors
/// Tensors of mismatched shapes.
pub fn run(population: &Population, parameters: &ModeParameters, input: &Input, readout: Readout) -> Result<Tensor> {
    let r = states(population, parameters, input)?.synapses;
    match readout {
        Readout::PerStep => r.broadcast_matmul(&parameters.w_out.t()?),
        Readout::MaxOverTime => max_over_time(&r)?.matmul(&parameters.w_out.t()?),
    }
}

/// The states of every step.
///
/// # Errors
/// Tensors of mismatched shapes.
pub fn states(population: &Population, parameters: &ModeParameters, input: &Input) -> Result<States> {
    let drive = drive(parameters, input)?;
    let (steps, trials, neurons) = drive.dims3()?;
    let zero = Tensor::zeros((trials, neurons), drive.dtype(), drive.device())?;
    let w_rec = parameters.scored_mode_in()?.matmul(&parameters.mode_out.t()?)?;
    let neuron = population.neuron();
    let [alpha_s, alpha_r] = [neuron.tau_current_ms, neuron.tau_rise_ms].map(|tau_ms| neuron.alpha(tau_ms));
    let each = |constant: &dyn Fn(usize) -> f64| {
        let values: Vec<f64> = (0..neurons).map(constant).collect();
        Tensor::from_vec(values, neurons, drive.device())?.to_dtype(drive.dtype())?.broadcast_as((trials, neurons))
    };
    let threshold = each(&|i| population.threshold(i))?;
    let alpha_d = each(&|i| neuron.alpha(population.tau_decay_ms(i)))?;
    let kappa = each(&|i| neuron.gain_at(population.tau_decay_ms(i)))?;
    let (leak, model) = (population.leaks(neurons, &zero)?, neuron.model.section());
    let mut membrane = model.reference(neuron.membrane(), &leak, population.trained_of_model(), &zero)?;
    let [mut i, mut h, mut r, mut s] = std::array::from_fn(|_| zero.clone());
    let mut rows: [Vec<Tensor>; 5] = Default::default();
    for t in 0..steps {
        i = (((i * alpha_s)? + drive.get(t)?)? + r.matmul(&w_rec.t()?)?)?;
        let ReferenceStep { free_potential, potential, excess } = membrane.step(&i, &s, &threshold)?;
        r = match neuron.synapse {
            Synapse::Single => ((r * &alpha_d)? + (&s * &kappa)?)?,
            Synapse::Double => {
                h = ((h * alpha_r)? + &s)?;
                ((r * &alpha_d)? + (&h * &kappa)?)?
            }
        };
        s = excess.apply_op1(Spike(neuron.surrogate))?;
        let threshold = (&potential - excess)?;
        for (row, value) in rows.iter_mut().zip([&s, &potential, &free_potential, &r, &threshold]) {
            row.push(value.clone());
        }
    }
    let [spikes, potential, membrane, synapses, threshold] = rows.map(|row| Tensor::stack(&row, 0));
    let threshold = neuron.model.moves_threshold().then_some(threshold).transpose()?;
    Ok(States { spikes: spikes?, potential: potential?, membrane: membrane?, synapses: synapses?, threshold })
}

fn drive(parameters: &ModeParameters, input: &Input) -> Result<Tensor> {
    let w_in = parameters.w_in.t()?;
    match input {
        Input::Signals(x) => x.broadcast_matmul(&w_in),
        Input::Currents(drive) => Ok(drive.clone()),
        Input::Spikes(spikes) => driven_by_spikes(spikes, &w_in),
        Input::Intensities(intensities) => driven_by_spikes(&intensities.draw(), &w_in),
    }
}

fn driven_by_spikes(spikes: &SpikeInput, w_in: &Tensor) -> Result<Tensor> {
    let shape = (spikes.steps(), spikes.trials(), spikes.channels());
    let x = Tensor::from_vec(spikes.to_dense(), shape, w_in.device())?;
    x.to_dtype(w_in.dtype())?.broadcast_matmul(w_in)
}

/// H(x), with the surrogate's derivative written in tensor operations.
struct Spike(Surrogate);

impl CustomOp1 for Spike {
    fn name(&self) -> &'static str {
        "spike"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let spikes = match storage {
            CpuStorage::F32(_) => CpuStorage::F32(heaviside(contiguous::<f32>(storage, layout, "potential")?)),
            CpuStorage::F64(_) => CpuStorage::F64(heaviside(contiguous::<f64>(storage, layout, "potential")?)),
            _ => candle_core::bail!("potentials must be f32 or f64"),
        };
        Ok((spikes, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let derivative = self.0.tensor(x)?;
        gradient.mul(&derivative).map(Some)
    }
}

fn heaviside<R: num_traits::Float>(x: &[R]) -> Vec<R> {
    x.iter().map(|x| if *x > R::zero() { R::one() } else { R::zero() }).collect()
}
