//! The artifact of a recording, to which trials are added in any order.

use super::layout::Layout;
use super::quantity::Quantity;
use mdl_artifact::output::OutputError;
use mdl_artifact::{Artifact, ArtifactStream, Outline};
use mdl_data::field::InvalidField;
use mdl_data::tasks::{Evaluated, Task, Trials};
use std::ops::Range;
use std::path::Path;

/// Recording of one trial: a value per recorded step and unit, mode or channel, `[R, width]`.
#[derive(Debug, Default)]
pub(crate) struct TrialRecord {
    /// True if the answer was correct.
    pub correct: bool,
    /// All recorded quantities except spikes.
    pub values: Vec<(Quantity, Vec<f32>)>,
    /// Spikes, if they are recorded.
    pub spike_count: Option<Vec<u8>>,
}

/// Trials as they are needed.
pub(crate) trait Inputs: Sync {
    /// Some of the trials, side by side.
    ///
    /// # Errors
    /// An input that is not finite.
    fn part(&self, trials: Range<usize>) -> Result<Trials, InvalidField>;
}

impl Inputs for Trials {
    fn part(&self, trials: Range<usize>) -> Result<Trials, InvalidField> {
        Ok(Trials::part(self, trials))
    }
}

/// Place of the records.
pub(crate) trait Records {
    /// Adds the `index`-th recorded trial.
    ///
    /// # Errors
    /// [`OutputError::Write`].
    fn add(&mut self, index: usize, record: TrialRecord) -> Result<(), OutputError>;
}

/// The artifact, written trial by trial.
pub(crate) struct Sink<'a> {
    layout: &'a Layout,
    trials: &'a Trials,
    step_ms: f64,
    time_ms: Vec<f64>,
    stream: ArtifactStream,
    correct: Vec<u8>,
}

impl<'a> Sink<'a> {
    /// Creates the file with `artifact`, to which everything known beforehand is added. `trials` are all trials of
    /// `task`, on which a network of this kind runs, and `time_ms` the times of the recorded steps.
    ///
    /// # Errors
    /// Any [`OutputError`].
    pub fn create(
        layout: &'a Layout,
        trials: &'a Trials,
        (task, evaluated): (&dyn Task, Evaluated),
        time_ms: Vec<f64>,
        mut artifact: Artifact,
        (path, force): (&Path, bool),
    ) -> Result<Self, OutputError> {
        let (count, step_ms) = (layout.trials.len(), task.step_ms());
        describe_trials(layout, trials, (task, evaluated), &mut artifact);
        describe(layout, &time_ms, &mut artifact);
        let mut outline = Outline::new(artifact);
        outline.declare::<u8>("correct", &[count]);
        for quantity in &layout.quantities {
            let shape = [count, layout.times, layout.width(*quantity)];
            match (tensor(layout, *quantity), quantity) {
                (name, Quantity::Spikes) => outline.declare::<u8>(name, &shape),
                (name, _) => outline.declare::<f32>(name, &shape),
            }
        }
        if layout.has(Quantity::Output) {
            outline.declare::<f32>("target", &[count, layout.times, layout.sizes.outputs]);
        }
        let correct = vec![0; count];
        Ok(Self { layout, trials, step_ms, time_ms, stream: outline.create(path, force)?, correct })
    }

    /// Completes the file; returns which of the recorded trials were answered correctly, 0 or 1 each.
    ///
    /// # Errors
    /// Any [`OutputError`].
    pub fn finish(mut self) -> Result<Vec<u8>, OutputError> {
        self.stream.write("correct", 0, self.correct.clone())?;
        self.stream.finish()?;
        Ok(self.correct)
    }
}

impl Records for Sink<'_> {
    fn add(&mut self, index: usize, record: TrialRecord) -> Result<(), OutputError> {
        self.correct[index] = u8::from(record.correct);
        for (quantity, values) in record.values {
            if quantity == Quantity::Output {
                let trial = self.layout.trials[index];
                let target = target(self.trials, trial, &self.time_ms, self.step_ms);
                self.stream.write("target", index * target.len(), target)?;
            }
            self.stream.write(tensor(self.layout, quantity), index * values.len(), values)?;
        }
        if let Some(counts) = record.spike_count {
            self.stream.write(tensor(self.layout, Quantity::Spikes), index * counts.len(), counts)?;
        }
        Ok(())
    }
}

/// Adds the conditions, lengths and response windows of the recorded trials of a task.
pub(crate) fn describe_trials(
    layout: &Layout,
    trials: &Trials,
    (task, evaluated): (&dyn Task, Evaluated),
    artifact: &mut Artifact,
) {
    let count = layout.trials.len();
    let condition = layout.trials.iter().map(|trial| trials.condition[*trial] as u32).collect();
    artifact.insert("condition", &[count], condition);
    if let Some(length_ms) = trials.length_ms(task.step_ms()) {
        artifact.insert("length_ms", &[count], layout.trials.iter().map(|trial| length_ms[*trial]).collect());
    }
    if let Some(response_ms) = task.response_ms(trials, evaluated) {
        let of_trial = |trial: &usize| [response_ms[2 * trial], response_ms[2 * trial + 1]];
        artifact.insert("response_ms", &[count, 2], layout.trials.iter().flat_map(of_trial).collect());
    }
}

/// Targets of the recorded trial `trial` of `trials` at the recorded times.
pub(crate) fn target(trials: &Trials, trial: usize, time_ms: &[f64], step_ms: f64) -> Vec<f32> {
    Trials::part(trials, trial..trial + 1).target_at(time_ms, step_ms)
}

/// Adds the numbers of the recorded trials and units and the times of the recorded steps.
pub(super) fn describe(layout: &Layout, time_ms: &[f64], artifact: &mut Artifact) {
    let numbers = |values: &[usize]| values.iter().map(|value| *value as u32).collect::<Vec<u32>>();
    artifact.insert("trial", &[layout.trials.len()], numbers(&layout.trials));
    artifact.insert("time_ms", &[time_ms.len()], time_ms.to_vec());
    artifact.insert("recorded_unit", &[layout.units.len()], numbers(&layout.units));
}

/// Name of the tensor of a recorded quantity.
pub(super) fn tensor(layout: &Layout, quantity: Quantity) -> &'static str {
    quantity.tensor(layout.sizes.network).expect("a layout has only quantities of its network")
}
