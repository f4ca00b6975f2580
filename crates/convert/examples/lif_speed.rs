//! Time of a LIF trial on one core: `cargo run --release -p mdl-convert --example lif_speed [CASE]`.
//!
//! Networks are random, with the shape and sparseness of trained ones. One JSON line a case: units, steps, mode, scaling
//! factors run side by side, milliseconds a trial and factor, mean firing rate.

use mdl_convert::lif::{LifNetwork, Recording, Recurrent, Simulator, Timing, TrialDraws};
use mdl_data::random::{Purpose, Stream};
use mdl_model::lif::{LifConfig, LifMode};
use std::time::Instant;

/// Milliseconds this thread has run, where the system tells (Linux), so that other work on the machine hardly counts;
/// elsewhere milliseconds since the start.
fn now_ms(start: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ran_ns: Option<f64> = told.and_then(|text| text.split(' ').next()?.parse().ok());
    ran_ns.map_or_else(|| start.elapsed().as_secs_f64() * 1e3, |ns| ns * 1e-6)
}

/// A random network under Dale's principle, a share `density` of its connections present, weights times `gain`.
fn network(units: usize, density: f64, gain: f64) -> LifNetwork {
    let mut stream = Stream::new(1, Purpose::Initialisation, 0);
    let sign: Vec<f64> = (0..units).map(|_| if stream.uniform() < 0.2 { -4.0 } else { 1.0 }).collect();
    let sd = gain / (units as f64 * density).sqrt();
    let mut weight = |at: usize| {
        let kept = stream.uniform() < density;
        let w = f64::from(stream.normal()).abs() * sd * sign[at % units];
        if kept { w } else { 0.0 }
    };
    let w = (0..units * units).map(&mut weight).collect();
    LifNetwork {
        units,
        inputs: 1,
        outputs: 1,
        recurrent: Recurrent::Dense(w),
        w_in: (0..units).map(|_| f64::from(stream.normal())).collect(),
        w_out: (0..units).map(|_| f64::from(stream.normal())).collect(),
        tau_decay_ms: (0..units).map(|_| 20.0 + 80.0 * stream.uniform()).collect(),
        kinds: Vec::new(),
    }
}

/// The same with `modes` random modes.
fn with_modes(mut network: LifNetwork, modes: usize) -> LifNetwork {
    let mut stream = Stream::new(2, Purpose::Initialisation, 0);
    let mut normal = |count: usize| (0..count).map(|_| f64::from(stream.normal()) * 0.3).collect::<Vec<_>>();
    let units = network.units;
    network.recurrent =
        Recurrent::Modes { mode_in: normal(units * modes), score: normal(modes), mode_out: normal(units * modes) };
    network
}

fn measure(name: &str, network: &LifNetwork, config: &LifConfig, samples: usize, factors: usize) {
    let case = format!("{name}, {:?}, {factors}", config.mode);
    if std::env::args().nth(1).is_some_and(|wanted| !case.contains(&wanted)) {
        return;
    }
    let timing = Timing::new(config, samples, 5.0).unwrap();
    let steps = timing.steps;
    let trial_ms = steps as f64 * timing.step_ms;
    let simulator = Simulator::new(network, config, timing).unwrap();
    let factors: Vec<f64> = (0..factors).map(|f| 20.0 + 5.0 * f as f64).collect();
    let input: Vec<f64> = (0..samples).map(|t| f64::from(u8::from((samples / 4..samples / 3).contains(&t)))).collect();
    let recording = Recording { response: Some(steps / 2..=steps), ..Recording::default() };
    let start = Instant::now();
    let (begin, mut trials, mut spikes_hz) = (now_ms(start), 0, 0.0);
    while trials < 3 || now_ms(start) - begin < 400.0 {
        let runs = simulator.run(&input, &factors, &TrialDraws { seed: 1, trial: trials }, &recording).unwrap();
        spikes_hz += runs.iter().flat_map(|run| run.rate_hz(trial_ms)).sum::<f64>();
        trials += 1;
    }
    let runs = (trials as usize * factors.len()) as f64;
    let (ms, rate_hz) = ((now_ms(start) - begin) / runs, spikes_hz / (runs * network.units as f64));
    println!(
        "{{\"case\": \"{name}\", \"units\": {}, \"steps\": {steps}, \"mode\": \"{:?}\", \"factors\": {}, \"ms\": {ms:.3}, \"rate_hz\": {rate_hz:.1}}}",
        network.units,
        config.mode,
        factors.len(),
    );
}

fn main() {
    let config = |mode| LifConfig { mode, ..LifConfig::default() };
    let (small, large) = (network(200, 0.06, 1.5), network(250, 0.06, 1.5));
    for mode in [LifMode::Exact, LifMode::FastDouble, LifMode::Fast] {
        for factors in [1, 12] {
            measure("Go-NoGo", &small, &config(mode), 200, factors);
            measure("Mante", &large, &config(mode), 500, factors);
        }
    }
    let silent = LifConfig { bias_mv: Some(-60.0), ..LifConfig::default() };
    let saturated = LifConfig { bias_mv: Some(400.0), ..LifConfig::default() };
    let quiet = LifConfig { noise_sd_mv_per_step: 0.0, ..LifConfig::default() };
    let dense = network(200, 1.0, 1.5);
    let modes = with_modes(network(200, 0.06, 1.5), 5);
    for factors in [1, 12] {
        measure("silent", &small, &silent, 200, factors);
        measure("saturated", &small, &saturated, 200, factors);
        measure("saturated, dense", &dense, &saturated, 200, factors);
        measure("saturated, 5 modes", &modes, &saturated, 200, factors);
        measure("dense", &dense, &LifConfig::default(), 200, factors);
        measure("5 modes", &modes, &LifConfig::default(), 200, factors);
        measure("no noise", &small, &quiet, 200, factors);
    }
    for units in [50, 500, 1000, 2000, 5000] {
        measure("size", &network(units, 0.06, 1.5), &LifConfig::default(), 40, 12);
    }
}
