//! Recordings of LIF networks: every trial as in an evaluation, some of them at the same time.

use super::layout::Layout;
use super::quantity::Quantity;
use super::sink::{Inputs, Records, TrialRecord};
use crate::status::with_status;
use crate::watch::Watch;
use mdl_convert::lif::{LifNetwork, Recording, Run, Timing, Traces};
use mdl_convert::lif_task::LifTask;
use mdl_convert::search::trials::TrialSet;
use rayon::prelude::*;

/// Runs the recorded trials, as many at a time as there are threads; calls `done` after each.
///
/// # Errors
/// Errors of the simulation and of writing.
pub(crate) fn run(
    network: &LifNetwork,
    lif_task: &LifTask,
    scaling_factor: f64,
    layout: &Layout,
    trials: &dyn Inputs,
    sink: &mut dyn Records,
    watch: &Watch,
) -> anyhow::Result<()> {
    let recording = recording(layout);
    let record = |trial: &usize| {
        if (watch.stopped)() {
            return Err(mdl_convert::Error::Interrupted);
        }
        let given = trials.part(*trial..*trial + 1).map_err(mdl_convert::Error::from)?;
        let draw = TrialSet::Evaluation.draw(*trial as u32);
        let mut outcomes = lif_task.trial(&given.get(0), draw, &[scaling_factor], &recording)?;
        let outcome = outcomes.remove(0);
        let mut record = of_run(network, layout, &outcome.run);
        record.correct = outcome.correct;
        if layout.has(Quantity::Input) {
            let input = given.input_of(0);
            record.values.push((Quantity::Input, input_at_steps(layout, lif_task.timing(), &input)));
        }
        (watch.done)(1);
        Ok(record)
    };
    let mut index = 0;
    for some in layout.trials.chunks(rayon::current_num_threads()) {
        let records: mdl_convert::Result<Vec<TrialRecord>> = some.par_iter().map(record).collect();
        for record in with_status(records)? {
            sink.add(index, record)?;
            index += 1;
        }
    }
    Ok(())
}

fn recording(layout: &Layout) -> Recording {
    let any = |quantities: &[Quantity]| quantities.iter().any(|quantity| layout.has(*quantity));
    let traces = || Traces { units: layout.units.clone(), every: layout.every };
    Recording {
        out_every: any(&[Quantity::Output]).then_some(layout.every),
        spikes: any(&[Quantity::Spikes]),
        rate_every: any(&[Quantity::Rate, Quantity::Modes]).then_some(layout.every),
        traces: any(&[Quantity::Potential, Quantity::Current]).then(traces),
        ..Recording::default()
    }
}

/// What is recorded of a run.
fn of_run(network: &LifNetwork, layout: &Layout, run: &Run) -> TrialRecord {
    let single = |values: &[f64]| values.iter().map(|x| *x as f32).collect::<Vec<f32>>();
    let rows = || run.rate.chunks_exact(network.units);
    let mut record = TrialRecord::default();
    for quantity in &layout.quantities {
        let values = match quantity {
            Quantity::Potential => single(&run.v_mv),
            Quantity::Current => single(&run.ipsc_mv),
            Quantity::Output => single(&run.out),
            Quantity::Rate => rows().flat_map(|r| layout.units.iter().map(|unit| r[*unit] as f32)).collect(),
            Quantity::Modes => rows().flat_map(|r| single(&network.mode_variables(r))).collect(),
            Quantity::Spikes => {
                record.spike_count = Some(spike_counts(layout, run));
                continue;
            }
            Quantity::Input => continue,
        };
        record.values.push((*quantity, values));
    }
    record
}

/// Spikes since the recorded step before, `[R, U]`, at most 255; those after the last recorded step are left out.
fn spike_counts(layout: &Layout, run: &Run) -> Vec<u8> {
    let mut column = vec![None; layout.sizes.units];
    layout.units.iter().enumerate().for_each(|(index, unit)| column[*unit] = Some(index));
    let mut counts = vec![0u8; layout.times * layout.units.len()];
    for spike in &run.spikes {
        let row = (spike.step as usize - 1) / layout.every;
        if let (true, Some(column)) = (row < layout.times, column[spike.unit as usize]) {
            let count = &mut counts[row * layout.units.len() + column];
            *count = count.saturating_add(1);
        }
    }
    counts
}

/// Input that each recorded step reads, `[R, K]`, from the input of the trial `[T, K]`.
fn input_at_steps(layout: &Layout, timing: &Timing, input: &[f32]) -> Vec<f32> {
    let rows: Vec<&[f32]> = input.chunks_exact(layout.sizes.channels).collect();
    let row = |step: usize| rows[(timing.kept_sample(step) * timing.downsample).min(rows.len() - 1)];
    layout.steps().flat_map(|step| row(step).iter().copied()).collect()
}
