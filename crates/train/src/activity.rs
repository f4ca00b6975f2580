//! Activity of a spiking network on trials: mean firing rates of all its units, spikes and potentials of some trials.

use candle_core::{Result, Tensor};
use mdl_artifact::Artifact;
use mdl_model::spiking::network::SpikingNetwork;
use mdl_model::spiking::{Input, States};

/// Spikes and potentials of one trial.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Step, from 0, and unit of each spike.
    pub spikes: Vec<(u32, u32)>,
    /// Potential U of the recorded units, `[T, U]`.
    pub potential: Vec<f64>,
    /// Potential above which they spike, `[T, U]`; empty where it does not change from step to step.
    pub threshold: Vec<f64>,
}

/// Activity on a set of trials, accumulated batch by batch.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Units whose potentials are recorded.
    pub recorded_units: Vec<usize>,
    /// Their thresholds, `[U]`; empty before the first batch.
    pub thresholds: Vec<f64>,
    /// The first trials.
    pub recorded: Vec<Recorded>,
    wanted: usize,
    step_ms: f64,
    /// Steps of all trials together, each until it ended.
    counted: usize,
    steps: usize,
    spikes: Vec<u64>,
    /// True if thresholds are per neuron, not from the config.
    own_thresholds: bool,
}

impl Activity {
    /// An empty recording of a network of `neurons`; spikes and potentials of the first `wanted` trials will be kept.
    pub fn new(neurons: usize, step_ms: f64, wanted: usize, recorded_units: Vec<usize>) -> Self {
        Self {
            recorded_units,
            thresholds: Vec::new(),
            recorded: Vec::new(),
            wanted,
            step_ms,
            counted: 0,
            steps: 0,
            spikes: vec![0; neurons],
            own_thresholds: false,
        }
    }

    /// Runs the network on a batch and adds its activity; returns its states. Firing rates count the spikes of each trial up
    /// to its length in steps.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn add(&mut self, network: &SpikingNetwork, input: &Input, lengths: &[usize]) -> Result<States> {
        let states = network.states(input)?;
        let (steps, batch, n) = states.spikes.dims3()?;
        let spikes = states.spikes.flatten_all()?.to_vec1::<f32>()?;
        for (index, row) in spikes.chunks_exact(n).enumerate() {
            if index / batch < lengths[index % batch] {
                for (count, spike) in self.spikes.iter_mut().zip(row) {
                    *count += u64::from(*spike > 0.0);
                }
            }
        }
        for trial in 0..batch.min(self.wanted.saturating_sub(self.recorded.len())) {
            let at = |step: usize, unit: usize| spikes[(step * batch + trial) * n + unit] > 0.0;
            let fired = (0..steps).flat_map(|step| (0..n).map(move |unit| (step, unit)));
            let fired = fired.filter(|(step, unit)| at(*step, *unit)).map(|(step, unit)| (step as u32, unit as u32));
            let potential = self.recorded_values(&states.potential, trial)?;
            let threshold = states.threshold.as_ref().map(|threshold| self.recorded_values(threshold, trial));
            let threshold = threshold.transpose()?.unwrap_or_default();
            self.recorded.push(Recorded { spikes: fired.collect(), potential, threshold });
        }
        let population = network.population();
        self.thresholds = self.recorded_units.iter().map(|unit| population.threshold(*unit)).collect();
        self.own_thresholds = population.own().any(|(name, _)| name == "threshold");
        self.counted += lengths.iter().map(|length| steps.min(*length)).sum::<usize>();
        self.steps = steps;
        Ok(states)
    }

    /// Values `[T, U]` of the recorded units in a trial, from those of all units `[T, B, N]`.
    fn recorded_values(&self, values: &Tensor, trial: usize) -> Result<Vec<f64>> {
        let rows = values.narrow(1, trial, 1)?.squeeze(1)?.to_vec2::<f32>()?;
        Ok(rows.iter().flat_map(|row| self.recorded_units.iter().map(|unit| f64::from(row[*unit]))).collect())
    }

    /// Mean firing rate of each unit (Hz), `[N]`.
    pub fn rate_hz(&self) -> Vec<f64> {
        let seconds = self.counted as f64 * self.step_ms / 1e3;
        self.spikes.iter().map(|count| *count as f64 / seconds.max(f64::MIN_POSITIVE)).collect()
    }

    /// Fraction of units that never fired.
    pub fn silent_share(&self) -> f64 {
        self.spikes.iter().filter(|count| **count == 0).count() as f64 / self.spikes.len().max(1) as f64
    }

    /// Mean number of spikes per unit and step.
    pub fn spikes_per_unit_and_step(&self) -> f64 {
        let chances = (self.counted * self.spikes.len()).max(1);
        self.spikes.iter().sum::<u64>() as f64 / chances as f64
    }

    /// Adds rates, spikes and potentials to an artifact:
    ///
    /// | tensor | shape | type | content |
    /// |---|---|---|---|
    /// | `rate_hz` | `[N]` | F64 | mean firing rate of each unit over all trials |
    /// | `spike_trial`, `spike_step`, `spike_unit` | `[spikes]` | U32 | spikes of the recorded trials; steps from 1 |
    /// | `recorded_unit` | `[U]` | U32 | units whose potentials were recorded |
    /// | `potential` | `[recorded, T, U]` | F32 | their potential U |
    /// | `moving_threshold` | `[recorded, T, U]` | F32 | the potential above which they spike, of adaptive neurons |
    /// | `threshold` | `[U]` | F32 | their thresholds, where the network has one per neuron |
    pub fn write(&self, artifact: &mut Artifact) {
        artifact.insert("rate_hz", &[self.spikes.len()], self.rate_hz());
        let spikes: Vec<[u32; 3]> = (0u32..)
            .zip(&self.recorded)
            .flat_map(|(trial, recorded)| recorded.spikes.iter().map(move |(step, unit)| [trial, step + 1, *unit]))
            .collect();
        for (column, name) in ["spike_trial", "spike_step", "spike_unit"].into_iter().enumerate() {
            artifact.insert(name, &[spikes.len()], spikes.iter().map(|s| s[column]).collect());
        }
        let units = self.recorded_units.len();
        artifact.insert("recorded_unit", &[units], self.recorded_units.iter().map(|u| *u as u32).collect());
        let shape = [self.recorded.len(), self.steps, units];
        let potential = self.recorded.iter().flat_map(|r| r.potential.iter().map(|x| *x as f32)).collect();
        artifact.insert("potential", &shape, potential);
        let moving: Vec<f32> = self.recorded.iter().flat_map(|r| r.threshold.iter().map(|x| *x as f32)).collect();
        if !moving.is_empty() {
            artifact.insert("moving_threshold", &shape, moving);
        }
        if self.own_thresholds {
            artifact.insert("threshold", &[units], self.thresholds.iter().map(|theta| *theta as f32).collect());
        }
    }
}
