//! Times LIF trials of random networks with the shape and sparseness of trained ones.

use anyhow::Result;
use clap::{Args, ValueEnum};
use mdl_convert::lif::config::{LifConfig, LifMode};
use mdl_convert::lif::{LifNetwork, Recording, Recurrent, Simulator, Timing, TrialDraws};
use mdl_kernels::random::{Purpose, Stream};
use std::time::Instant;

/// Firing regime of the units.
#[derive(Clone, Copy, ValueEnum)]
enum Firing {
    /// No spikes.
    Silent,
    /// Rates of a trained network.
    Usual,
    /// The highest possible rates.
    Saturated,
}

/// Trials of a random LIF network.
#[derive(Args)]
pub struct Trials {
    /// Units
    #[arg(long, default_value_t = 200)]
    units: usize,
    /// Fraction of connections that are present, under Dale's principle
    #[arg(long, default_value_t = 0.06, conflicts_with = "modes")]
    density: f64,
    /// Number of modes, instead of single connections
    #[arg(long)]
    modes: Option<usize>,
    /// Firing regime of the units
    #[arg(long, value_enum, default_value = "usual")]
    firing: Firing,
    /// Input samples of 5 ms, 100 steps each
    #[arg(long, default_value_t = 200)]
    samples: usize,
    /// Scaling factors to simulate together, with the same noise
    #[arg(long, default_value_t = 12)]
    factors: usize,
    /// Trials to time
    #[arg(long, default_value_t = 5)]
    trials: u64,
    /// Exact mode: double precision, in the published order
    #[arg(long)]
    exact: bool,
}

impl Trials {
    /// Seconds per trial and factor, and the mean firing rate (Hz).
    pub fn run(&self) -> Result<(Vec<f64>, f64)> {
        let bias_mv = match self.firing {
            Firing::Silent => Some(-60.0),
            Firing::Usual => None,
            Firing::Saturated => Some(400.0),
        };
        let mode = if self.exact { LifMode::Exact } else { LifMode::Fast };
        let (network, config) = (self.network(), LifConfig { bias_mv, mode, ..LifConfig::default() });
        let timing = Timing::new(&config, self.samples, 5.0)?;
        let (steps, trial_ms) = (timing.steps, timing.steps as f64 * timing.step_ms);
        let simulator = Simulator::new(&network, &config, timing)?;
        let factors: Vec<f64> = (0..self.factors).map(|f| 20.0 + 5.0 * f as f64).collect();
        let on = |t: usize| f64::from(u8::from((self.samples / 4..self.samples / 3).contains(&t)));
        let input: Vec<f64> = (0..self.samples).map(on).collect();
        let recording = Recording { windows: vec![steps / 2..=steps], ..Recording::default() };
        let (mut seconds, mut rate_hz) = (Vec::new(), 0.0);
        for trial in 0..self.trials {
            let start = Instant::now();
            let runs = simulator.run(&input, &factors, &TrialDraws { seed: 1, trial }, &recording)?;
            seconds.push(start.elapsed().as_secs_f64() / self.factors as f64);
            rate_hz += runs.iter().flat_map(|run| run.rate_hz(trial_ms)).sum::<f64>();
        }
        Ok((seconds, rate_hz / (self.trials as f64 * (self.factors * self.units) as f64)))
    }

    fn network(&self) -> LifNetwork {
        let (n, mut stream) = (self.units, Stream::new(1, Purpose::Initialisation, 0));
        let mut normals =
            |count: usize, sd: f64| -> Vec<f64> { (0..count).map(|_| f64::from(stream.normal()) * sd).collect() };
        let (w_in, w_out) = (normals(n, 1.0), normals(n, 1.0));
        let recurrent = match self.modes {
            Some(p) => {
                Recurrent::Modes { mode_in: normals(n * p, 0.3), score: normals(p, 1.0), mode_out: normals(n * p, 0.3) }
            }
            None => self.dale(),
        };
        let tau_decay_ms = (0..n).map(|_| 20.0 + 80.0 * stream.uniform()).collect();
        LifNetwork {
            units: n,
            inputs: 1,
            outputs: 1,
            w_in,
            recurrent,
            w_out,
            tau_decay_ms,
            bias_mv: Vec::new(),
            kinds: Vec::new(),
        }
    }

    /// Weights under Dale's principle, a fifth of the units inhibitory.
    fn dale(&self) -> Recurrent {
        let (n, mut stream) = (self.units, Stream::new(2, Purpose::Initialisation, 0));
        let sign: Vec<f64> = (0..n).map(|_| if stream.uniform() < 0.2 { -4.0 } else { 1.0 }).collect();
        let sd = 1.5 / (n as f64 * self.density).sqrt();
        let weight = |at: usize| {
            let kept = stream.uniform() < self.density;
            let w = f64::from(stream.normal()).abs() * sd * sign[at % n];
            if kept { w } else { 0.0 }
        };
        Recurrent::Dense((0..n * n).map(weight).collect())
    }
}
