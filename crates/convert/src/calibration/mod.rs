//! Calibration of a LIF network after its conversion, without training: a scaling factor and a bias for every unit, and
//! output weights fitted to the activity of the LIF network.
//!
//! ```text
//! I_i = IPSC_i + bias + b_i + W_in u,   column j of W and of W_out is divided by λ_j, or W_out is replaced by V
//! ```
//!
//! A conversion assumes that unit i fires at λ φ(x) under the input x of the rate network. It fires at ν(x) instead, where ν is
//! the transfer function of the LIF neuron. λ_i and b_i make ν(x + b_i)/λ_i close to φ(x) where x is (`fit`), V makes
//! the output of the network close to the reference (`readout`).
//!
//! The *versions* of a network are: as converted; with V alone; with λ_i and b_i of the rate network's states; and with these
//! corrected after every run of the LIF network. All are judged on the same held-out trials. Chosen is the version of least
//! error to the reference among those that do not answer worse than the best one, trial by trial (`is_beaten`), so that a
//! network that performed well by its overshoot is not calibrated at the cost of its answers.

mod config;
mod fit;
mod readout;
mod states;

pub use config::{CalibrationConfig, Reference};
pub use fit::Units;

use crate::conversion::Conversion;
use crate::error::{Error, Result};
use crate::fidelity::output_error;
use crate::lif::neurons::Transfer;
use crate::lif::{LifNetwork, Recording, Run, Timing, Traces};
use crate::lif_task::{LifTask, Monitor, Outcome, count_correct};
use crate::search::is_beaten;
use crate::search::trials::{TrialResult, TrialSet, rate_hz};
use candle_core::{Device, Tensor};
use fit::{Correction, Limits};
use mdl_data::field::{InvalidField, length, require};
use mdl_data::score::Score;
use mdl_data::tasks::{Evaluated, Task, Trials};
use mdl_kernels::random::Purpose;
use mdl_model::rate::network::RateNetwork;
use rayon::prelude::*;
use readout::{Moments, Row};
use states::{RateRun, States};

/// Trials of which activity is in memory at the same time.
const AT_ONCE: usize = 16;

/// What a calibration adds to a LIF network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration {
    /// λ_i and b_i; none where all units have the factor of the network and no bias.
    pub units: Option<Units>,
    /// V `[O, N]`, before its division by the factor of the network; none where W_out is kept.
    pub readout: Option<Vec<f64>>,
}

impl Calibration {
    /// The network of a conversion with `scaling_factor`, calibrated.
    ///
    /// # Errors
    /// Values that do not fit the network.
    pub fn apply(&self, mut network: LifNetwork, scaling_factor: f64) -> Result<LifNetwork> {
        if let Some(units) = &self.units {
            let (found, expected) = (units.scaling_factor.len(), network.units);
            if found != expected {
                return Err(Error::Length { name: "scaling_factor_by_unit", found, expected });
            }
            let gain: Vec<f64> = units.scaling_factor.iter().map(|lambda| scaling_factor / lambda).collect();
            network.scale_outgoing(&gain);
            network.bias_mv.clone_from(&units.bias_mv);
        }
        if let Some(readout) = &self.readout {
            network.w_out.clone_from(readout);
        }
        network.validate()?;
        Ok(network)
    }
}

/// A version of the network, judged on the held-out trials.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// What distinguishes it.
    pub kind: VersionKind,
    /// Strength of the penalty with which its output weights were fitted; none where they are those of the conversion.
    pub ridge: Option<f64>,
    /// Results of the held-out trials.
    pub results: Vec<TrialResult>,
    /// Whether they were answered correctly under the strict rules; none where the rule sets are the same.
    pub correct_strictly: Option<Vec<bool>>,
    /// Mean squared error of the outputs to the target. NaN if no output counts.
    pub output_error: f64,
    /// Mean squared error of the outputs to those of the rate network. NaN if no output counts.
    pub rate_network_error: f64,
    /// Mean firing rate of the units (Hz).
    pub rate_hz: f64,
}

/// What distinguishes the versions of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionKind {
    /// As converted.
    Converted,
    /// Output weights alone.
    Readout,
    /// Units fitted to the states of the rate network, corrected after this many runs of the LIF network.
    Units(u32),
}

impl Version {
    /// Score on the held-out trials.
    pub fn score(&self) -> Score {
        Score { trials: self.results.len() as u32, correct: count_correct(self.results.iter().map(|r| &r.correct)) }
    }

    /// Score under the strict rules; none where the rule sets are the same.
    pub fn strict_score(&self) -> Option<Score> {
        let correct = self.correct_strictly.as_ref()?;
        Some(Score { trials: correct.len() as u32, correct: count_correct(correct) })
    }
}

/// Result of a calibration.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    /// The chosen calibration.
    pub calibration: Calibration,
    /// All versions; the first is the network as converted.
    pub versions: Vec<Version>,
    /// Index of the chosen one.
    pub chosen: usize,
}

/// Calibrates a LIF network that was made from `rate` with `scaling_factor`.
///
/// # Errors
/// A neuron without a transfer function, a network or task that cannot run, and an interruption.
pub fn calibrate(
    rate: &RateNetwork,
    network: &LifNetwork,
    scaling_factor: f64,
    conversion: &Conversion,
    config: &CalibrationConfig,
    monitor: &Monitor,
) -> Result<Calibrated> {
    let setting = Setting::new(rate, network, scaling_factor, conversion, config, monitor)?;
    let mut versions = vec![setting.judged(VersionKind::Converted, &Calibration::default(), None)?];
    let mut calibrations = vec![Calibration::default()];
    let mut units: Option<Units> = None;
    for kind in kinds(config) {
        if kind == VersionKind::Units(0) {
            units = setting.units_of_states();
        }
        let (ridge, readout, corrected) = setting.ran(units.as_ref(), kind)?;
        let calibration = Calibration { units: units.clone(), readout };
        versions.push(setting.judged(kind, &calibration, ridge)?);
        calibrations.push(calibration);
        units = corrected.or(units);
    }
    let chosen = choose(&versions, config.reference);
    Ok(Calibrated { calibration: calibrations.swap_remove(chosen), versions, chosen })
}

/// Versions of the network after the first, in the order in which they are made.
fn kinds(config: &CalibrationConfig) -> impl Iterator<Item = VersionKind> {
    let readout = config.readout.then_some(VersionKind::Readout);
    let iterations = if config.units { config.iterations + 1 } else { 0 };
    readout.into_iter().chain((0..iterations).map(VersionKind::Units))
}

/// Number of trials that a calibration runs.
pub fn runs(config: &CalibrationConfig) -> u64 {
    let (fitted, held_out) = (u64::from(config.trials), u64::from(config.held_out_trials));
    kinds(config).count() as u64 * (fitted + held_out * (1 + u64::from(config.readout))) + held_out
}

/// The version of least error among those that are not beaten. Of equal ones the first.
fn choose(versions: &[Version], reference: Reference) -> usize {
    let correct = |version: &Version| version.score().correct;
    let best = versions.iter().rev().max_by_key(|version| correct(version));
    let is_left = |version: &Version| best.is_none_or(|best| !is_beaten(&version.results, &best.results));
    let error = |version: &Version| match reference {
        Reference::RateNetwork => version.rate_network_error,
        Reference::Target => version.output_error,
    };
    let left = versions.iter().enumerate().filter(|(_, version)| is_left(version));
    left.min_by(|a, b| error(a.1).total_cmp(&error(b.1))).map_or(0, |(index, _)| index)
}

/// Some of the trials, with the rate network's activity on them.
struct Part {
    trials: Trials,
    /// Number of the first in the set of the search.
    first: u32,
    rate: RateRun,
    /// Whether outputs count, `[B, times, O]`
    counted: Vec<bool>,
    /// y, `[B, times, O]`
    reference: Vec<f32>,
    /// `[B, times, O]`
    target: Vec<f32>,
}

/// What a calibration is computed from.
struct Setting<'a> {
    network: &'a LifNetwork,
    scaling_factor: f64,
    conversion: &'a Conversion<'a>,
    config: &'a CalibrationConfig,
    monitor: &'a Monitor<'a>,
    task: &'a dyn Task,
    timing: Timing,
    /// None if no units are fitted.
    transfer: Option<Transfer>,
    fitted: Part,
    held_out: Part,
}

/// Strength of the penalty and fitted output weights, and corrected units, each where it was asked for.
type Ran = (Option<f64>, Option<Vec<f64>>, Option<Units>);

impl<'a> Setting<'a> {
    fn new(
        rate: &RateNetwork,
        network: &'a LifNetwork,
        scaling_factor: f64,
        conversion: &'a Conversion,
        config: &'a CalibrationConfig,
        monitor: &'a Monitor<'a>,
    ) -> Result<Self> {
        let task = conversion.task.task()?;
        // Refuses a network that cannot run before any other work.
        let timing = LifTask::new(network, conversion.lif, task, conversion.seed)?.timing().clone();
        let transfer = if config.units { Some(transfer(conversion)?) } else { None };
        let every_ms = timing.steps_per_sample as f64 * timing.step_ms;
        let time_ms: Vec<f64> = (1..=timing.steps / timing.steps_per_sample).map(|k| k as f64 * every_ms).collect();
        let part = |first: u32, count: u32, with_states: bool| -> Result<Part> {
            let trials = task.draw(conversion.seed, Purpose::SearchTrial, u64::from(first), length(count))?;
            let rate = RateRun::new(rate, &trials, task, &time_ms, (conversion.seed, first), with_states, monitor)?;
            let target = trials.target_at(&time_ms, task.step_ms());
            let counted = trials.counted_at(&time_ms, task.step_ms());
            let reference = match config.reference {
                Reference::RateNetwork => rate.output.clone(),
                Reference::Target => target.clone(),
            };
            Ok(Part { trials, first, rate, counted, reference, target })
        };
        let fitted = part(0, config.trials, config.units)?;
        let held_out = part(config.trials, config.held_out_trials, false)?;
        Ok(Self { network, scaling_factor, conversion, config, monitor, task, timing, transfer, fitted, held_out })
    }

    fn limits(&self) -> Limits {
        Limits { scaling_factor: self.scaling_factor, most_bias_mv: self.config.most_bias_mv }
    }

    /// Units fitted to the states of the rate network.
    fn units_of_states(&self) -> Option<Units> {
        let (states, transfer) = self.fitting()?;
        Some(fit::to_states(states, transfer, &self.limits()))
    }

    /// States of the rate network, and the transfer function, where units are fitted.
    fn fitting(&self) -> Option<(&States, &Transfer)> {
        Some((self.fitted.rate.states.as_ref()?, self.transfer.as_ref()?))
    }

    /// Runs the network with these units: fitted output weights with the strength of their penalty, and corrected units.
    fn ran(&self, units: Option<&Units>, kind: VersionKind) -> Result<Ran> {
        let calibration = Calibration { units: units.cloned(), readout: None };
        let network = calibration.apply(self.network.clone(), self.scaling_factor)?;
        let sample_ms = self.timing.steps_per_sample as f64 * self.timing.step_ms;
        let corrected = matches!(kind, VersionKind::Units(iteration) if iteration < self.config.iterations);
        let mut correction = match (self.fitting(), units) {
            (Some((states, transfer)), Some(units)) if corrected => {
                Some((states, Correction::new(transfer, units, &network.tau_decay_ms, sample_ms)))
            }
            _ => None,
        };
        let mut moments = Moments::new(network.units, network.outputs);
        self.record(&network, &self.fitted, corrected, |trial, run| {
            if let Some((states, correction)) = &mut correction {
                let lasted = states.times_of(trial) * network.units;
                let x = self.input_of_units(trial, &run.ipsc_mv);
                let phi = self.activation(&x)?;
                correction.add(&x[..lasted], &phi[..lasted], &run.rate[..lasted]);
            }
            self.accumulate(&self.fitted, trial, &run.rate, &mut moments);
            Ok(())
        })?;
        let corrected = correction.map(|(_, correction)| correction.corrected(&self.limits()));
        if !self.config.readout {
            return Ok((None, None, corrected));
        }
        let mut held_out = Moments::new(network.units, network.outputs);
        self.record(&network, &self.held_out, false, |trial, run| {
            self.accumulate(&self.held_out, trial, &run.rate, &mut held_out);
            Ok(())
        })?;
        let (ridge, readout) = best_readout(&moments, &held_out, &network.w_out, &self.config.ridge).unzip();
        Ok((ridge, readout, corrected))
    }

    /// x = IPSC + W_in u of all units in a fitted trial, `[times, N]`, from IPSC at these times.
    fn input_of_units(&self, trial: usize, ipsc_mv: &[f64]) -> Vec<f32> {
        let (n, channels, downsample) = (self.network.units, self.network.inputs, self.timing.downsample);
        let input = self.fitted.trials.input_of(trial);
        let last = input.len() / channels - 1;
        let of_unit = |(i, ipsc): (usize, &f64)| {
            let u = &input[((i / n + 1) * downsample).min(last) * channels..][..channels];
            let w_in = &self.network.w_in[i % n * channels..][..channels];
            (ipsc + w_in.iter().zip(u).map(|(w, u)| w * f64::from(*u)).sum::<f64>()) as f32
        };
        ipsc_mv.iter().enumerate().map(of_unit).collect()
    }

    /// φ of inputs.
    fn activation(&self, x: &[f32]) -> Result<Vec<f32>> {
        let activation = self.conversion.rate()?.activation;
        Ok(activation.apply(&Tensor::from_slice(x, x.len(), &Device::Cpu)?)?.to_vec1()?)
    }

    /// Adds the times of a trial at which outputs count.
    fn accumulate(&self, part: &Part, trial: usize, r: &[f64], moments: &mut Moments) {
        let (n, outputs) = (self.network.units, self.network.outputs);
        let times = r.len() / n;
        let from = trial * times * outputs;
        let row = |time: usize| Row { r: &r[time * n..][..n], y: &part.reference[from + time * outputs..][..outputs] };
        let counts = |time: &usize| part.counted[from + time * outputs..][..outputs].iter().any(|counted| *counted);
        let rows: Vec<Row> = (0..times).filter(counts).map(row).collect();
        moments.add(&rows, self.scaling_factor);
    }

    /// Runs trials and passes the run of each, with r `[times, N]` and if asked for IPSC, to `see`, in their order.
    fn record(
        &self,
        network: &LifNetwork,
        part: &Part,
        with_currents: bool,
        mut see: impl FnMut(usize, &Run) -> Result<()>,
    ) -> Result<()> {
        let lif_task = LifTask::new(network, self.conversion.lif, self.task, self.conversion.seed)?;
        let every = self.timing.steps_per_sample;
        let traces = with_currents.then(|| Traces { units: (0..network.units).collect(), every });
        let recording = Recording { rate_every: Some(every), traces, ..Recording::default() };
        let all: Vec<usize> = (0..part.trials.count).collect();
        for trials in all.chunks(AT_ONCE) {
            let run = |trial: &usize| self.run(&lif_task, part, *trial, &recording);
            let outcomes: Vec<Outcome> = trials.par_iter().map(run).collect::<Result<_>>()?;
            outcomes.iter().zip(trials).try_for_each(|(outcome, trial)| see(*trial, &outcome.run))?;
        }
        Ok(())
    }

    fn run(&self, lif_task: &LifTask, part: &Part, trial: usize, recording: &Recording) -> Result<Outcome> {
        if (self.monitor.stopped)() {
            return Err(Error::Interrupted);
        }
        let draw = TrialSet::Search.draw(part.first + trial as u32);
        let mut outcomes = lif_task.trial(&part.trials.get(trial), draw, &[self.scaling_factor], recording)?;
        (self.monitor.trial_done)();
        Ok(outcomes.swap_remove(0))
    }

    /// Judges a version on the held-out trials.
    fn judged(&self, kind: VersionKind, calibration: &Calibration, ridge: Option<f64>) -> Result<Version> {
        let network = calibration.apply(self.network.clone(), self.scaling_factor)?;
        let lif_task =
            LifTask::new(&network, self.conversion.lif, self.task, self.conversion.seed)?.with_strict_rules();
        let (part, every) = (&self.held_out, self.timing.steps_per_sample);
        let recording = Recording { out_every: Some(every), ..Recording::default() };
        let run = |trial: usize| self.run(&lif_task, part, trial, &recording);
        let outcomes: Vec<Outcome> = (0..part.trials.count).into_par_iter().map(run).collect::<Result<_>>()?;
        let output: Vec<f64> = outcomes.iter().flat_map(|outcome| outcome.run.out.iter().copied()).collect();
        let results: Vec<TrialResult> = outcomes.iter().map(Outcome::result).collect();
        let strict = || outcomes.iter().map(|outcome| outcome.correct_strictly).collect();
        Ok(Version {
            kind,
            ridge,
            rate_hz: rate_hz(&results, lif_task.unit_seconds()),
            results,
            correct_strictly: part.trials.rule_sets_differ(Evaluated::Lif).then(strict),
            output_error: output_error(&output, &part.target, &part.counted),
            rate_network_error: output_error(&output, &part.rate.output, &part.counted),
        })
    }
}

/// The strength of the penalty with the least error on held-out trials, and its output weights; none where the weights as
/// they are have a smaller one.
fn best_readout(fitted: &Moments, held_out: &Moments, weights: &[f64], ridge: &[f64]) -> Option<(f64, Vec<f64>)> {
    let solved = ridge.iter().filter_map(|ridge| Some((*ridge, fitted.solve(weights, *ridge)?)));
    let judged = solved.map(|(ridge, weights)| (held_out.error(&weights), ridge, weights));
    let best = judged.min_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 < held_out.error(weights)).then_some((best.1, best.2))
}

/// Transfer function of the neuron.
fn transfer(conversion: &Conversion) -> Result<Transfer> {
    let lif = conversion.lif;
    let noisy = "a number above 0: without noise there is no transfer function; or calibration.units = false";
    require(lif.noise_sd_mv() > 0.0, "lif.noise_sd_mv_per_step", lif.noise_sd_mv_per_step, noisy)?;
    let expected = "lif or eif, which have a transfer function; or calibration.units = false".into();
    let none = || InvalidField { field: "lif.neuron".into(), found: lif.neuron.name().into(), expected };
    Ok(lif.transfer().ok_or_else(none)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::network;

    /// A version with `correct` of 100 trials answered correctly and these errors.
    fn version(correct: usize, output_error: f64, rate_network_error: f64) -> Version {
        let result = |trial| TrialResult { correct: trial < correct, spikes: 1, lasted: 1.0, output_error: None };
        Version {
            kind: VersionKind::Readout,
            ridge: None,
            results: (0..100).map(result).collect(),
            correct_strictly: None,
            output_error,
            rate_network_error,
            rate_hz: 1.0,
        }
    }

    #[test]
    fn the_closest_version_that_answers_as_well_is_chosen() {
        let versions = [version(98, 0.5, 0.4), version(96, 0.3, 0.2), version(97, 0.2, 0.3), version(80, 0.1, 0.1)];
        assert_eq!(choose(&versions, Reference::RateNetwork), 1);
        assert_eq!(choose(&versions, Reference::Target), 2);
        // What is not better does not replace the network as converted.
        assert_eq!(choose(&[version(98, 0.5, 0.4), version(98, 0.5, 0.4)], Reference::Target), 0);
        let uncounted = [version(98, f64::NAN, f64::NAN), version(98, f64::NAN, f64::NAN)];
        assert_eq!(choose(&uncounted, Reference::Target), 0);
    }

    #[test]
    fn a_calibration_is_applied_to_the_network_as_converted() {
        let converted = network(3);
        assert_eq!(Calibration::default().apply(converted.clone(), 50.0).unwrap(), converted);
        let units = Units { scaling_factor: vec![25.0, 50.0, 100.0], bias_mv: vec![0.1, 0.2, 0.3] };
        let calibration = Calibration { units: Some(units), readout: None };
        let applied = calibration.apply(converted.clone(), 50.0).unwrap();
        let expected: Vec<f64> = converted.w_out.iter().zip([2.0, 1.0, 0.5]).map(|(w, gain)| w * gain).collect();
        assert_eq!((&applied.w_out, &applied.bias_mv), (&expected, &vec![0.1, 0.2, 0.3]));
        assert!(calibration.apply(network(4), 50.0).is_err());
        let readout = Calibration { readout: Some(vec![7.0; 3]), ..calibration };
        let applied = readout.apply(converted, 50.0).unwrap();
        assert_eq!((applied.w_out, applied.bias_mv.len()), (vec![7.0; 3], 3));
    }

    #[test]
    fn the_number_of_runs_is_known_beforehand() {
        let config =
            CalibrationConfig { trials: 10, held_out_trials: 4, iterations: 2, ..CalibrationConfig::default() };
        // The readout alone and three versions of the units, each on 10 + 4 trials and judged on 4; the first is only judged.
        assert_eq!(runs(&config), 4 * 18 + 4);
        assert_eq!(runs(&CalibrationConfig { units: false, ..config.clone() }), 18 + 4);
        assert_eq!(runs(&CalibrationConfig { readout: false, ..config }), 3 * 14 + 4);
    }
}
