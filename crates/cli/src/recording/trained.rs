//! Recordings of rate and spiking networks, in the batches of an evaluation, so that noise and outputs are the same.

use super::layout::Layout;
use super::quantity::Quantity;
use super::sink::{Inputs, Records, TrialRecord};
use crate::status::{OrExit, Status};
use crate::trained::{BATCH, Trained, noise};
use crate::watch::Watch;
use candle_core::{Device, Result, Tensor};
use mdl_data::tasks::RuleSet;
use mdl_model::rate::network::NoiseKey;
use mdl_model::readout::Readout;
use mdl_model::spiking::Input;

/// Runs the batches of `trials` that contain recorded ones; calls `done` after each recorded trial.
///
/// # Errors
/// Errors of the network and of writing.
pub(crate) fn run(
    network: &Trained,
    layout: &Layout,
    trials: &dyn Inputs,
    (seed, rules): (u64, RuleSet),
    sink: &mut dyn Records,
    watch: &Watch,
) -> anyhow::Result<()> {
    let mut index = 0;
    while let Some(first) = layout.trials.get(index) {
        watch.check()?;
        let start = first / BATCH * BATCH;
        let end = (start + BATCH).min(layout.sizes.trials);
        let batch = trials.part(start..end).or_exit(Status::Usage)?;
        let input = Tensor::from_slice(&batch.input, (batch.steps, batch.count, batch.channels), &Device::Cpu)?;
        let states = States::new(network, layout, &input, noise(seed, start))?;
        let correct = batch.evaluate(&states.output.flatten_all()?.to_vec1::<f32>()?, rules);
        while let Some(trial) = layout.trials.get(index).filter(|trial| **trial < end) {
            let mut record = states.of_trial(layout, &input, trial - start)?;
            record.correct = correct[trial - start];
            sink.add(index, record)?;
            index += 1;
            (watch.done)(1);
        }
    }
    Ok(())
}

/// States of a batch, `[T, B, …]`.
struct States {
    output: Tensor,
    spikes: Option<Tensor>,
    /// The other recorded quantities, of all units.
    values: Vec<(Quantity, Tensor)>,
}

impl States {
    fn new(network: &Trained, layout: &Layout, input: &Tensor, noise: NoiseKey) -> Result<Self> {
        let with_currents = layout.has(Quantity::Current);
        let mut values = Vec::new();
        let mut add = |quantity, tensor: Option<Tensor>| {
            values.extend(tensor.filter(|_| layout.has(quantity)).map(|tensor| (quantity, tensor)));
        };
        match network {
            Trained::Rate(network) => {
                let states = network.states(input, noise, with_currents)?;
                let (steps, trials, _) = states.rates.dims3()?;
                let output = network.read(&states.read.flatten_to(1)?)?.reshape((steps, trials, ()))?;
                if let Some(mode_out) = network.mode_out() {
                    add(Quantity::Modes, Some(modes(&states.rates, mode_out)?));
                }
                add(Quantity::Current, states.currents);
                add(Quantity::Potential, Some(states.potential));
                add(Quantity::Rate, Some(states.rates));
                Ok(Self { output, spikes: None, values })
            }
            Trained::Spiking(network) => {
                let signals = Input::Signals(input.clone());
                let output = network.run(&signals, Readout::PerStep)?;
                let states = network.states(&signals)?;
                if with_currents {
                    add(Quantity::Current, Some(network.currents(input, &states.synapses)?));
                }
                add(Quantity::Modes, Some(modes(&states.synapses, &network.parameters().mode_out)?));
                add(Quantity::Potential, Some(states.potential));
                add(Quantity::Rate, Some(states.synapses));
                Ok(Self { output, spikes: Some(states.spikes), values })
            }
        }
    }

    /// What is recorded of one trial of the batch.
    fn of_trial(&self, layout: &Layout, input: &Tensor, trial: usize) -> Result<TrialRecord> {
        let rows = |tensor: &Tensor| tensor.narrow(1, trial, 1)?.squeeze(1)?.to_vec2::<f32>();
        let whole = |tensor: &Tensor| -> Result<Vec<f32>> {
            let rows = rows(tensor)?;
            Ok(layout.steps().flat_map(|step| rows[step].iter().copied()).collect())
        };
        let of_units = |tensor: &Tensor| -> Result<Vec<f32>> {
            let rows = rows(tensor)?;
            Ok(layout
                .steps()
                .flat_map(|step| layout.units.iter().map(|unit| rows[step][*unit]).collect::<Vec<_>>())
                .collect())
        };
        let mut record = TrialRecord::default();
        for (quantity, tensor) in &self.values {
            let values = if *quantity == Quantity::Modes { whole(tensor)? } else { of_units(tensor)? };
            record.values.push((*quantity, values));
        }
        for (quantity, tensor) in [(Quantity::Output, &self.output), (Quantity::Input, input)] {
            if layout.has(quantity) {
                record.values.push((quantity, whole(tensor)?));
            }
        }
        if let Some(spikes) = self.spikes.as_ref().filter(|_| layout.has(Quantity::Spikes)) {
            record.spike_count = Some(spike_counts(layout, &rows(spikes)?));
        }
        Ok(record)
    }
}

/// Ξ_outᵀ r `[T, B, P]` of rates `[T, B, N]`.
fn modes(rates: &Tensor, mode_out: &Tensor) -> Result<Tensor> {
    let (steps, trials, _) = rates.dims3()?;
    rates.flatten_to(1)?.matmul(mode_out)?.reshape((steps, trials, ()))
}

/// Spikes since the recorded step before, `[R, U]`, at most 255.
fn spike_counts(layout: &Layout, spikes: &[Vec<f32>]) -> Vec<u8> {
    let count = |step: usize, unit: usize| {
        let first = (step + 1).saturating_sub(layout.every);
        let fired = spikes[first..=step].iter().filter(|row| row[unit] > 0.0).count();
        u8::try_from(fired).unwrap_or(u8::MAX)
    };
    let units = &layout.units;
    layout.steps().flat_map(|step| units.iter().map(move |unit| count(step, *unit))).collect()
}
