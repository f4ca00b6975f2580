//! A network under analysis: what an analysis may ask of it.

use crate::change::Change;
use mdl_artifact::{Artifact, Kind};
use mdl_data::tasks::{Task, Trials};
use mdl_model::NetworkConfig;

/// States of a network on trials, at recorded steps.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Trials B.
    pub trials: usize,
    /// Recorded steps R.
    pub times: usize,
    /// Units N.
    pub units: usize,
    /// Outputs O.
    pub outputs: usize,
    /// Time of each recorded step (ms), `[R]`
    pub time_ms: Vec<f64>,
    /// Rate of each unit: φ(x) of rate networks, filtered spikes of others, `[B, R, N]`
    pub rate: Vec<f32>,
    /// Outputs `[B, R, O]`
    pub output: Vec<f32>,
    /// Spikes of each trial; empty for rate networks.
    pub spikes: Vec<Vec<Spike>>,
    /// Whether each trial was answered correctly, `[B]`
    pub correct: Vec<bool>,
}

/// A spike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// Time (ms).
    pub time_ms: f64,
    /// Unit.
    pub unit: u32,
}

impl Recording {
    /// Rates of a trial at a recorded step, `[N]`.
    pub fn rates(&self, trial: usize, time: usize) -> &[f32] {
        &self.rate[(trial * self.times + time) * self.units..][..self.units]
    }

    /// Outputs of a trial at a recorded step, `[O]`.
    pub fn outputs(&self, trial: usize, time: usize) -> &[f32] {
        &self.output[(trial * self.times + time) * self.outputs..][..self.outputs]
    }

    /// Last recorded step of a trial of this duration (ms).
    pub fn last(&self, duration_ms: f64) -> usize {
        let inside = self.time_ms.iter().take_while(|time| **time <= duration_ms).count();
        inside.clamp(1, self.times.max(1)) - 1
    }
}

/// A network with a task and trials on which it was recorded.
pub trait Subject {
    /// Error of running the network.
    type Error;

    /// The artifact of the network, of kind rate, spiking or lif.
    fn artifact(&self) -> &Artifact;

    /// Its section `network`.
    fn network(&self) -> &NetworkConfig;

    /// Its task.
    fn task(&self) -> &dyn Task;

    /// The trials.
    fn trials(&self) -> &Trials;

    /// Seed of every random number.
    fn seed(&self) -> u64;

    /// Its states on the trials.
    fn recording(&self) -> &Recording;

    /// Runs the network with a change on trials of any number of channels, with the noise of an evaluation.
    ///
    /// # Errors
    /// Those of running a network, and an interruption.
    fn run(&self, change: &Change, trials: &Trials) -> Result<Recording, Self::Error>;

    /// Whether the network with a change answers each of its trials correctly, with the noise of its recording.
    ///
    /// # Errors
    /// As for [`Subject::run`].
    fn judge(&self, change: &Change) -> Result<Vec<bool>, Self::Error>;

    /// Returns an error if the analysis is to stop.
    ///
    /// # Errors
    /// An interruption.
    fn check(&self) -> Result<(), Self::Error>;

    /// Kind of the network.
    fn kind(&self) -> Kind {
        self.artifact().kind
    }

    /// Units N.
    fn units(&self) -> usize {
        self.network().neurons()
    }

    /// Duration of a trial (ms).
    fn duration_ms(&self, trial: usize) -> f64 {
        self.trials().length[trial] as f64 * self.task().step_ms()
    }

    /// Last recorded step of a trial.
    fn last(&self, trial: usize) -> usize {
        self.recording().last(self.duration_ms(trial))
    }

    /// The conditions that occur, each with its trials.
    fn conditions(&self) -> Vec<(usize, Vec<usize>)> {
        let condition = &self.trials().condition;
        let own = |c: usize| condition.iter().enumerate().filter(|(_, of)| **of == c).map(|(trial, _)| trial).collect();
        let all = (0..self.task().conditions().len()).map(|c| (c, own(c)));
        all.filter(|(_, trials): &(usize, Vec<usize>)| !trials.is_empty()).collect()
    }
}
