//! Code shared by the tests of several modules.

use crate::lif::config::{LifConfig, LifMode};
use crate::lif::{LifNetwork, Recording, Recurrent, Run, Simulator, Timing, TrialDraws};
use crate::search::Candidate;
use mdl_kernels::random::{Purpose, fill_normal};

/// A network of random weights with one input and one output that is not silent.
pub(crate) fn network(units: usize) -> LifNetwork {
    let normal = |index, sd: f32, count| {
        let mut values = vec![0f32; count];
        fill_normal(8, Purpose::WrittenTrial, index, 0, sd, &mut values);
        values.into_iter().map(f64::from).collect::<Vec<f64>>()
    };
    LifNetwork {
        units,
        inputs: 1,
        outputs: 1,
        w_in: normal(0, 20.0, units),
        recurrent: Recurrent::Dense(normal(1, 10.0, units * units)),
        w_out: normal(2, 3.0, units),
        tau_decay_ms: vec![30.0; units],
        bias_mv: Vec::new(),
        kinds: Vec::new(),
    }
}

/// Duration of the samples of [`steady`] (ms).
const SAMPLE_MS: f64 = 5.0;

/// `units` unconnected units under a steady input `x_mv` above the bias.
fn steady(config: &LifConfig, x_mv: f64, units: usize, samples: usize) -> Run {
    let network = LifNetwork {
        units,
        inputs: 1,
        outputs: 1,
        w_in: vec![x_mv; units],
        recurrent: Recurrent::Dense(vec![0.0; units * units]),
        w_out: vec![0.0; units],
        tau_decay_ms: vec![20.0; units],
        bias_mv: Vec::new(),
        kinds: Vec::new(),
    };
    let timing = Timing::new(config, samples, SAMPLE_MS).unwrap();
    let simulator = Simulator::new(&network, config, timing).unwrap();
    let recording = Recording { spikes: true, ..Recording::default() };
    let draws = TrialDraws { seed: 1, trial: 0 };
    simulator.run(&vec![1.0; samples], &[1.0], &draws, &recording).unwrap().remove(0)
}

/// Rate (Hz) and coefficient of variation of the intervals of units with noise, over 10 s.
pub(crate) fn simulated(config: &LifConfig, x_mv: f64) -> (f64, f64) {
    let units = 64;
    let run = steady(config, x_mv, units, 2000);
    let mut intervals = Vec::new();
    for unit in 0..units as u32 {
        let steps: Vec<u32> = run.spikes.iter().filter(|s| s.unit == unit).map(|s| s.step).collect();
        intervals.extend(steps.windows(2).map(|w| f64::from(w[1] - w[0])));
    }
    let mean = intervals.iter().sum::<f64>() / intervals.len() as f64;
    let variance = intervals.iter().map(|i| (i - mean).powi(2)).sum::<f64>() / intervals.len() as f64;
    (run.spikes.len() as f64 / (units as f64 * 10.0), variance.sqrt() / mean)
}

/// The last interval between two spikes of a unit without noise (ms), in the exact mode.
pub(crate) fn regular_interval_ms(config: &LifConfig, x_mv: f64) -> f64 {
    let config = LifConfig { mode: LifMode::Exact, noise_sd_mv_per_step: 0.0, ..config.clone() };
    let spikes = steady(&config, x_mv, 1, 40).spikes;
    let [.., before, last] = spikes[..] else { panic!("a silent unit tests nothing") };
    f64::from(last.step - before.step) * config.step_ms()
}

/// Factors from 20 in steps of 5, each with 100 trials of which this many are correct.
pub(crate) fn candidates(correct: &[u32]) -> Vec<Candidate> {
    let one = |(i, c): (usize, &u32)| Candidate {
        scaling_factor: 20.0 + 5.0 * i as f64,
        trials: 100,
        correct: *c,
        rate_hz: 1.0,
        fidelity: None,
    };
    correct.iter().enumerate().map(one).collect()
}
