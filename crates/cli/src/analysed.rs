//! A network as its analyses see it: recorded on trials, and run again with changes.

use crate::programs::run::{Network, record};
use crate::recording::{Choice, Layout, Quantity, Records, Sizes, TrialRecord};
use crate::status::with_status;
use crate::trained::Trained;
use crate::watch::Watch;
use crate::{OrExit, Status};
use candle_core::Device;
use mdl_analysis::{Change, Recording, Spike, Subject};
use mdl_artifact::output::OutputError;
use mdl_artifact::{Artifact, Kind};
use mdl_data::tasks::{RuleSet, Task, TaskError, Trials};
use mdl_experiment::Experiment;
use mdl_kernels::random::Purpose;
use mdl_model::NetworkConfig;

/// Most recorded steps of a trial.
const MOST_TIMES: usize = 250;
/// Time between two rows of spikes of a LIF network (ms).
const SPIKES_EVERY_MS: f64 = 1.0;

/// Error of an analysis in a program.
#[derive(Debug)]
pub(crate) struct Failed(pub anyhow::Error);

impl From<mdl_analysis::Error> for Failed {
    fn from(error: mdl_analysis::Error) -> Self {
        Self(with_status::<(), _>(Err(error)).expect_err("it is an error"))
    }
}

/// A network with its trials.
pub(crate) struct Analysed<'a> {
    artifact: &'a Artifact,
    experiment: &'a Experiment,
    task: &'a dyn Task,
    trials: &'a Trials,
    recording: Recording,
    watch: &'a Watch<'a>,
}

impl<'a> Analysed<'a> {
    /// Records a network on trials of its task.
    ///
    /// # Errors
    /// A network or task that cannot run (status 2 or 3), an interruption (status 75).
    pub fn new(
        artifact: &'a Artifact,
        experiment: &'a Experiment,
        trials: &'a Trials,
        watch: &'a Watch<'a>,
    ) -> anyhow::Result<Self> {
        let task = experiment.task.task().or_exit(Status::Usage)?;
        let mut analysed = Self { artifact, experiment, task, trials, recording: Recording::default(), watch };
        analysed.recording = analysed.record(&Change::None, trials, true)?;
        Ok(analysed)
    }

    /// Runs the changed network on trials; without `states`, records only which are answered correctly.
    fn record(&self, change: &Change, trials: &Trials, states: bool) -> anyhow::Result<Recording> {
        let experiment = self.experiment;
        let units = experiment.network.neurons();
        let artifact = with_status(change.apply(self.artifact, units))?;
        let network = if artifact.kind == Kind::Lif {
            Network::read(&artifact, experiment)?
        } else {
            let sizes = (trials.channels, trials.outputs);
            Network::Trained(Trained::read_for(&artifact, experiment, sizes, &Device::Cpu)?.into())
        };
        let sizes = network.sizes(&artifact, experiment, trials.count)?;
        let sizes = Sizes { channels: trials.channels, ..sizes };
        let (step_ms, is_lif) = (network.step_ms(experiment), artifact.kind == Kind::Lif);
        let every = if is_lif { ((SPIKES_EVERY_MS / step_ms).round() as usize).clamp(1, sizes.steps) } else { 1 };
        let wanted: &[Quantity] = match artifact.kind {
            _ if !states => &[Quantity::Output],
            Kind::Rate => &[Quantity::Rate, Quantity::Output],
            _ => &[Quantity::Rate, Quantity::Output, Quantity::Spikes],
        };
        let layout = Layout::new(&Choice { record: wanted, units: None, trials: None, every }, sizes)?;
        let mut found = Gathered::new(&layout, step_ms, states);
        let wider = Wider::new(self.task, trials.channels);
        let quiet = Watch { begin: &|_| {}, done: &|_| {}, stopped: self.watch.stopped };
        record(&network, experiment, &wider, &layout, trials, &mut found, &quiet)?;
        Ok(found.recording)
    }
}

impl Subject for Analysed<'_> {
    type Error = Failed;

    fn artifact(&self) -> &Artifact {
        self.artifact
    }

    fn network(&self) -> &NetworkConfig {
        &self.experiment.network
    }

    fn task(&self) -> &dyn Task {
        self.task
    }

    fn trials(&self) -> &Trials {
        self.trials
    }

    fn seed(&self) -> u64 {
        self.experiment.seed
    }

    fn recording(&self) -> &Recording {
        &self.recording
    }

    fn run(&self, change: &Change, trials: &Trials) -> Result<Recording, Failed> {
        self.record(change, trials, true).map_err(Failed)
    }

    fn judge(&self, change: &Change) -> Result<Vec<bool>, Failed> {
        self.check()?;
        Ok(self.record(change, self.trials, false).map_err(Failed)?.correct)
    }

    fn check(&self) -> Result<(), Failed> {
        self.watch.check().map_err(Failed)
    }
}

/// Records in memory, of at most [`MOST_TIMES`] steps, with every spike.
struct Gathered {
    recording: Recording,
    /// Recorded rows between two that are kept.
    stride: usize,
    /// Time of each row (ms).
    row_ms: Vec<f64>,
}

impl Gathered {
    fn new(layout: &Layout, step_ms: f64, states: bool) -> Self {
        let row_ms: Vec<f64> = layout.steps().map(|step| step as f64 * step_ms).collect();
        let stride = row_ms.len().div_ceil(MOST_TIMES).max(1);
        let time_ms: Vec<f64> = row_ms.iter().step_by(stride).copied().collect();
        let (trials, times) = (layout.trials.len(), if states { time_ms.len() } else { 0 });
        let (units, outputs) = (layout.sizes.units, layout.sizes.outputs);
        let recording = Recording {
            trials,
            times,
            units,
            outputs,
            time_ms: if states { time_ms } else { Vec::new() },
            rate: vec![0.0; trials * times * units],
            output: vec![0.0; trials * times * outputs],
            spikes: if layout.has(Quantity::Spikes) { vec![Vec::new(); trials] } else { Vec::new() },
            correct: vec![false; trials],
        };
        Self { recording, stride, row_ms }
    }
}

impl Records for Gathered {
    fn add(&mut self, index: usize, record: TrialRecord) -> Result<(), OutputError> {
        let recording = &mut self.recording;
        recording.correct[index] = record.correct;
        if recording.times == 0 {
            return Ok(());
        }
        for (quantity, values) in &record.values {
            let (all, width) = match quantity {
                Quantity::Rate => (&mut recording.rate, recording.units),
                Quantity::Output => (&mut recording.output, recording.outputs),
                _ => continue,
            };
            let place = &mut all[index * recording.times * width..][..recording.times * width];
            let rows = values.chunks_exact(width.max(1)).step_by(self.stride);
            place.chunks_exact_mut(width.max(1)).zip(rows).for_each(|(to, row)| to.copy_from_slice(row));
        }
        let units = recording.units.max(1);
        let rows = record.spike_count.iter().flat_map(|counts| counts.chunks_exact(units));
        for (row, time_ms) in rows.zip(&self.row_ms) {
            for (unit, count) in (0u32..).zip(row) {
                let spike = Spike { time_ms: *time_ms, unit };
                recording.spikes[index].extend(std::iter::repeat_n(spike, usize::from(*count)));
            }
        }
        Ok(())
    }
}

/// A task with more input channels.
struct Wider<'a> {
    task: &'a dyn Task,
    inputs: Vec<String>,
}

impl<'a> Wider<'a> {
    fn new(task: &'a dyn Task, channels: usize) -> Self {
        let added = (task.channels()..channels).map(|channel| format!("added {channel}"));
        Self { task, inputs: task.inputs().iter().cloned().chain(added).collect() }
    }
}

impl Task for Wider<'_> {
    fn inputs(&self) -> &[String] {
        &self.inputs
    }

    fn output_names(&self) -> &[String] {
        self.task.output_names()
    }

    fn steps(&self) -> usize {
        self.task.steps()
    }

    fn step_ms(&self) -> f64 {
        self.task.step_ms()
    }

    fn conditions(&self) -> &[String] {
        self.task.conditions()
    }

    fn rule_set(&self) -> RuleSet {
        self.task.rule_set()
    }

    fn draw(&self, seed: u64, purpose: Purpose, first: u64, count: usize) -> Result<Trials, TaskError> {
        self.task.draw(seed, purpose, first, count)
    }

    fn examples(&self) -> &Trials {
        self.task.examples()
    }
}
