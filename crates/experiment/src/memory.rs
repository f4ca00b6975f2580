//! Estimate of the peak memory of a run, from the sizes in its config.
//!
//! The factors are measured, as the peak of every program for sizes that differ in one field. An estimate is the peak
//! or a little more; docs/reliability.md has the comparison.

use crate::Experiment;
use mdl_convert::calibration::CalibrationConfig;
use mdl_data::tasks::{Drive, Size};
use mdl_model::NetworkConfig;
use mdl_model::rate::Activation;
use mdl_model::rate::config::{RateConfig, RecurrenceConfig};
use mdl_model::spiking::config::SpikingConfig;

/// Bytes of a number in single precision.
const SINGLE: f64 = 4.0;
/// Memory of a program without any data.
const PROGRAM: f64 = 10e6;
/// Memory of a program that draws figures.
const FIGURES: f64 = 28e6;
/// Number of examples evaluated together.
const EXAMPLES_AT_ONCE: f64 = 500.0;
/// Number of trials on which a spiking network is evaluated together.
const TRIALS_AT_ONCE: f64 = 100.0;

/// Memory of a run: its parts, each with the field that determines its size.
#[derive(Clone, Debug, Default)]
pub struct Estimate {
    parts: Vec<(&'static str, f64)>,
    /// Part that does not depend on the config.
    program: f64,
}

impl Estimate {
    /// Used in place of a field: the trained network, whose size cannot be changed by a program that evaluates or
    /// converts it.
    pub const NETWORK: &'static str = "the network";

    fn new(program: f64, parts: Vec<(&'static str, f64)>) -> Self {
        Self { parts, program }
    }

    /// Total (bytes).
    pub fn bytes(&self) -> f64 {
        self.program + self.parts.iter().map(|(_, bytes)| bytes).sum::<f64>()
    }

    /// Field whose part is the largest, and that part (bytes).
    pub fn largest(&self) -> Option<(&'static str, f64)> {
        self.parts.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Training of a network of any kind.
    pub fn training(experiment: &Experiment) -> Self {
        let mut sizes = Sizes::of(experiment);
        let stages = experiment.stages().unwrap_or_default();
        sizes.steps = stages.iter().map(|stage| stage.steps() as f64).fold(sizes.steps, f64::max);
        let training = &experiment.training;
        let (batch, evaluated) = (training.batch_size as f64, training.evaluation_trials as f64);
        let network = ("network.neurons", sizes.trained());
        // Rates of every step, their products and gradients.
        const RATES: f64 = 6.0;
        let per_trial = if training.needs_rates() { RATES * SINGLE * sizes.steps * sizes.neurons } else { 0.0 };
        if let Some(Size { training, example_bytes, .. }) = sizes.examples {
            let held = (training * example_bytes) as f64;
            let batch = batch.min(training as f64);
            let shown = evaluated.min(EXAMPLES_AT_ONCE);
            let run = sizes.together("training.batch_size", batch, "training.evaluation_trials", shown);
            let loaded = Self::new(PROGRAM, vec![("task.dataset", 2.0 * held)]);
            let rates = ("training.regularisers", batch * per_trial);
            let running = Self::new(PROGRAM + held, [vec![network, rates], run].concat());
            return if loaded.bytes() > running.bytes() { loaded } else { running };
        }
        let run = sizes.together("training.batch_size", batch, "training.evaluation_trials", evaluated);
        let rates = ("training.regularisers", batch * per_trial);
        Self::new(PROGRAM, [vec![network, rates], run].concat())
    }

    /// Fresh trials written to a file.
    pub fn trials(experiment: &Experiment) -> Self {
        let Sizes { steps, channels, outputs, .. } = Sizes::of(experiment);
        let count = f64::from(experiment.evaluation.trials);
        Self::new(14e6, vec![("evaluation.trials", 4.0 * SINGLE * count * steps * (channels + outputs))])
    }

    /// Searches for scaling factors, all in memory at the same time.
    pub fn search<'e>(experiments: impl IntoIterator<Item = &'e Experiment>, threads: usize) -> Self {
        const ANSWER: f64 = 100.0;
        let (mut networks, mut answers) = (0.0, 0.0);
        for experiment in experiments {
            let search = &experiment.search;
            let factors = search.factors.as_ref().map_or(12.0, |factors| factors.len() as f64);
            let sizes = Sizes::of(experiment);
            networks += sizes.converted() + sizes.simulated(threads);
            answers += ANSWER * factors * f64::from(search.trials);
        }
        Self::new(14e6, vec![(Self::NETWORK, networks), ("search.trials", answers)])
    }

    /// The calibration of a LIF network.
    pub fn calibration(experiment: &Experiment, config: &CalibrationConfig, threads: usize) -> Self {
        const DOUBLE: f64 = 8.0;
        let sizes = Sizes::of(experiment);
        let (fitted, held_out) = (f64::from(config.trials), f64::from(config.held_out_trials));
        let of_trial = 4.0 * SINGLE * sizes.steps * (sizes.channels + 2.0 * sizes.outputs);
        // States of the rate network, and the activity of trials that run at the same time.
        let states = if config.units { 2.0 * SINGLE * sizes.steps * sizes.neurons } else { 0.0 };
        // r, and for the units IPSC and v, of 16 trials.
        let values = if config.units { 50.0 } else { 17.0 };
        let activity = values * DOUBLE * sizes.steps * sizes.neurons;
        let moments = if config.readout { 3.0 * DOUBLE * sizes.neurons * sizes.neurons } else { 0.0 };
        let rate = sizes.rate_run(7.3, 1.7) * (fitted + held_out).min(25.0);
        let network = sizes.converted() + sizes.simulated(threads) + (activity + moments).max(rate);
        let trials = (fitted + held_out) * of_trial + fitted * states;
        Self::new(14e6, vec![(Self::NETWORK, network), ("calibration.trials", trials)])
    }

    /// The evaluation of a LIF network on `trials` trials.
    pub fn lif_evaluation(experiment: &Experiment, trials: usize, threads: usize) -> Self {
        let sizes = Sizes::of(experiment);
        let (evaluation, lif) = (&experiment.evaluation, &experiment.lif);
        let (count, duration_ms) = (trials as f64, sizes.steps * experiment.task.step_ms());
        let times = |every_ms: f64| duration_ms / every_ms.max(lif.step_ms());
        let of_trial = 2.0 * SINGLE * sizes.steps * (sizes.channels + sizes.outputs) + 12.0 * sizes.neurons;
        let outputs = 32.0 * count * sizes.outputs * times(evaluation.record_every_ms);
        let recorded = f64::from(evaluation.recorded_trials).min(count);
        let potentials = 2.0 * evaluation.recorded_units.len() as f64 * times(evaluation.record_potentials_every_ms);
        // Spikes at 50 Hz.
        let spikes = sizes.neurons * duration_ms / 20.0;
        // The rate network on the same trials.
        let rate = sizes.rate_run(4.3, 1.7) * count.min(TRIALS_AT_ONCE);
        Self::new(
            FIGURES,
            vec![
                (Self::NETWORK, sizes.converted() + sizes.simulated(threads).max(rate)),
                ("evaluation.trials", count * of_trial),
                ("evaluation.record_every_ms", outputs),
                ("evaluation.recorded_units", 22.0 * recorded * potentials),
                ("evaluation.recorded_trials", 24.0 * recorded * spikes),
            ],
        )
    }

    /// Evaluation of a network as trained, on `trials` trials; data sets are evaluated on all test examples.
    pub fn evaluation(experiment: &Experiment, trials: usize) -> Self {
        let sizes = Sizes::of(experiment);
        let evaluation = &experiment.evaluation;
        let of_trial = 7.0 * SINGLE * sizes.steps * (sizes.channels + sizes.outputs);
        let (count, at_once, kept) = match sizes.examples {
            Some(size) => (size.test as f64, EXAMPLES_AT_ONCE, size.example_bytes as f64 + 15.0),
            None => (trials as f64, TRIALS_AT_ONCE, of_trial),
        };
        let at_once = count.min(at_once);
        let recorded = f64::from(evaluation.recorded_trials).min(count);
        let potentials = evaluation.recorded_units.len() as f64 * sizes.steps;
        let states = match sizes.network {
            NetworkConfig::Rate(_) if sizes.examples.is_some() => sizes.rate_run(7.7, 1.45) * at_once,
            NetworkConfig::Rate(_) => sizes.rate_run(4.3, 1.7) * at_once,
            // Five states per unit, and for small ones the activity of the whole batch again.
            NetworkConfig::Spiking(_) => {
                let states = 5.2 * SINGLE * sizes.steps * sizes.neurons * at_once.min(TRIALS_AT_ONCE);
                states.max(sizes.spiking_run() * at_once)
            }
        };
        Self::new(
            FIGURES,
            vec![
                (Self::NETWORK, sizes.trained() / 4.0 + states),
                ("evaluation.trials", count * kept),
                ("evaluation.recorded_units", 20.0 * recorded * potentials),
                // Spikes of one in ten units at each step.
                ("evaluation.recorded_trials", 24.0 * recorded * sizes.steps * sizes.neurons / 10.0),
            ],
        )
    }

    /// Recording of a network's states, which is written trial by trial.
    pub fn activity(experiment: &Experiment, recorded: &Recorded, threads: usize) -> Self {
        let sizes = Sizes::of(experiment);
        let count = recorded.trials as f64;
        let of_trial = 3.0 * SINGLE * sizes.steps * (sizes.channels + sizes.outputs);
        let trials = ("evaluation.trials", count * of_trial);
        let values = recorded.values_per_trial as f64;
        if recorded.lif {
            // Recorded in double precision, then rounded and written by one thread.
            let network = (Self::NETWORK, sizes.converted() + sizes.simulated(threads));
            return Self::new(PROGRAM, vec![network, trials, ("--record", 20.0 * threads as f64 * values)]);
        }
        let at_once = count.min(TRIALS_AT_ONCE);
        let states = match sizes.network {
            NetworkConfig::Rate(_) => sizes.rate_run(7.3, 1.7) * at_once,
            NetworkConfig::Spiking(_) => {
                let states = 5.2 * SINGLE * sizes.steps * sizes.neurons * at_once;
                states.max(sizes.spiking_run() * at_once)
            }
        };
        let currents = if recorded.currents { 4.0 * SINGLE * sizes.steps * sizes.neurons * at_once } else { 0.0 };
        let network = (Self::NETWORK, sizes.trained() / 4.0 + states);
        Self::new(PROGRAM, vec![network, trials, ("--record", currents + 16.0 * values)])
    }
}

/// Size of a recording of a network's states.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    /// True for a LIF network, false for a network as trained.
    pub lif: bool,
    /// Trials drawn or read, whether recorded or not.
    pub trials: usize,
    /// True if input currents are recorded.
    pub currents: bool,
    /// Values recorded per trial.
    pub values_per_trial: usize,
}

/// The larger of two estimates.
fn larger<'f>(a: (&'f str, f64), b: (&'f str, f64)) -> (&'f str, f64) {
    if a.1 > b.1 { a } else { b }
}

/// Sizes that memory depends on.
struct Sizes<'a> {
    network: &'a NetworkConfig,
    steps: f64,
    channels: f64,
    outputs: f64,
    neurons: f64,
    /// Sizes of a data set.
    examples: Option<Size>,
    /// True if the network is driven by spikes.
    spikes: bool,
}

impl<'a> Sizes<'a> {
    fn of(experiment: &'a Experiment) -> Self {
        let (channels, outputs) = experiment.task.channels_and_outputs();
        let neurons = match &experiment.network {
            NetworkConfig::Rate(RateConfig { neurons, .. }) | NetworkConfig::Spiking(SpikingConfig { neurons, .. }) => {
                *neurons as f64
            }
        };
        let steps = experiment.task.steps() as f64;
        let data_set = experiment.task.data_set();
        let examples = data_set.map(|set| set.size());
        let spikes = data_set.is_some_and(|set| set.drive() == Drive::Spikes);
        let (channels, outputs) = (channels as f64, outputs as f64);
        Self { network: &experiment.network, steps, channels, outputs, neurons, examples, spikes }
    }

    /// Number of recurrent weights, and whether they are an N×N matrix.
    fn recurrent(&self) -> (f64, bool) {
        match self.network {
            NetworkConfig::Rate(RateConfig { recurrence: RecurrenceConfig::Dense(_), .. }) => {
                (self.neurons * self.neurons, true)
            }
            NetworkConfig::Rate(RateConfig { recurrence: RecurrenceConfig::Modes(modes), .. }) => {
                (2.0 * self.neurons * modes.modes as f64, false)
            }
            NetworkConfig::Spiking(spiking) => (2.0 * self.neurons * spiking.modes as f64, false),
        }
    }

    /// Parameters with their gradients and moments, initial values, and the file they are written to.
    fn trained(&self) -> f64 {
        let (recurrent, _) = self.recurrent();
        SINGLE * 10.5 * (recurrent + self.neurons * (self.channels + self.outputs))
    }

    /// A LIF network, with its artifact and the weights in the form used by the simulation.
    fn converted(&self) -> f64 {
        SINGLE * 12.0 * (self.recurrent().0 + self.neurons * (self.channels + self.outputs))
    }

    /// Memory of the simulation threads.
    fn simulated(&self, threads: usize) -> f64 {
        3_000.0 * self.neurons * threads as f64
    }

    /// A training batch and an evaluation. Memory freed by one is reused by the other, unless both are fragmented.
    fn together(
        &self,
        batch_field: &'static str,
        batch: f64,
        evaluated_field: &'static str,
        evaluated: f64,
    ) -> Vec<(&'static str, f64)> {
        match self.network {
            NetworkConfig::Rate(_) => {
                // For examples, the rates of every step are kept for their maximum.
                let (training, evaluating) = match self.examples {
                    Some(_) => (self.rate_run(9.7, 3.5), self.rate_run(7.7, 1.45)),
                    None => (self.rate_run(8.4, 3.5), self.rate_run(4.6, 1.7)),
                };
                let (trained, evaluation) =
                    ((batch_field, batch * training), (evaluated_field, evaluated * evaluating));
                vec![larger(trained, evaluation)]
            }
            NetworkConfig::Spiking(_) => {
                const LOOKED_AT: f64 = 4.0;
                let condition = 6.0 * SINGLE * self.steps * self.neurons * evaluated.min(LOOKED_AT);
                let run = self.spiking_run();
                let (trained, evaluation) = ((batch_field, batch * run), (evaluated_field, evaluated * run));
                let states = ("network.neurons", condition);
                if self.examples.is_some() && !self.spikes {
                    return vec![larger(trained, evaluation), states];
                }
                vec![trained, evaluation, states]
            }
        }
    }

    /// One trial of a rate network: this number of values per unit and channel, at every step.
    fn rate_run(&self, units: f64, channels: f64) -> f64 {
        let units = units + self.for_conversion();
        SINGLE * self.steps * (units * self.neurons + channels * self.channels + 4.0 * self.outputs)
    }

    /// Further values per unit of a rate network that is trained for its conversion.
    fn for_conversion(&self) -> f64 {
        let NetworkConfig::Rate(rate) = self.network else { return 0.0 };
        let of = |has: bool, values: f64| if has { values } else { 0.0 };
        let table = matches!(rate.activation, Activation::Lif(_));
        of(table, 1.0) + of(rate.spike_noise.is_some(), 3.0) + of(rate.lif_filters, 8.0)
    }

    /// One trial of a spiking network: states at the beginning of each interval, the trace of the last interval,
    /// activities of the modes, inputs and outputs.
    fn spiking_run(&self) -> f64 {
        const STATES: f64 = 4.7;
        let modes = self.recurrent().0 / (2.0 * self.neurons);
        let spikes = self.spikes;
        let interval = match self.neurons {
            n if n <= 512.0 || spikes => 64.0,
            n if n <= 1024.0 => 32.0,
            _ => 16.0,
        };
        let intervals = (self.steps / interval).ceil();
        let last = self.steps - (intervals - 1.0) * interval;
        let kept = match self.network {
            NetworkConfig::Spiking(network) => network.neuron.model.kept_values() as f64,
            NetworkConfig::Rate(_) => 1.0,
        };
        let states = STATES - 1.0 + kept;
        let traces = self.neurons * (states * intervals + kept * last + if spikes { 14.0 } else { 0.0 });
        let signals = if spikes {
            // Intensities, and one bit per channel and step.
            20.0 * self.channels / SINGLE
        } else {
            // The outputs of every step are stored only for trials.
            let outputs = if self.examples.is_some() { 0.0 } else { self.outputs };
            4.5 * self.steps * (self.channels + outputs)
        };
        SINGLE * (traces + 1.15 * modes * self.steps + signals)
    }
}
