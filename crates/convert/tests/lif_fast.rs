//! The fast modes against the exact one, the mean field against simulations, mode form against dense form, and random numbers
//! against what runs beside them.

use mdl_convert::lif::config::{LifConfig, LifMode, LifSynapse};
use mdl_convert::lif::neurons::LifNeuron;
use mdl_convert::lif::neurons::exponential::Exponential;
use mdl_convert::lif::{LifNetwork, Recording, Recurrent, Run, Simulator, Timing, Traces, TrialDraws};
use mdl_convert::prediction::mean_field::{Course, MeanField};
use mdl_data::tasks::Extremes;
use mdl_kernels::random::{Purpose, Stream};

const UNITS: usize = 60;
const SAMPLES: usize = 60;
const TRIALS: u64 = 200;

fn normals(stream: &mut Stream, count: usize, sd: f64) -> Vec<f64> {
    (0..count).map(|_| f64::from(stream.normal()) * sd).collect()
}

/// A random network under Dale's principle.
fn dale(seed: u64) -> LifNetwork {
    let mut stream = Stream::new(seed, Purpose::Initialisation, 0);
    let sign: Vec<f64> = (0..UNITS).map(|_| if stream.uniform() < 0.2 { -4.0 } else { 1.0 }).collect();
    let weight = |at: usize| {
        let present = stream.uniform() < 0.2;
        let w = f64::from(stream.normal()).abs() * 0.4 * sign[at % UNITS];
        if present { w } else { 0.0 }
    };
    let w = (0..UNITS * UNITS).map(weight).collect();
    LifNetwork {
        units: UNITS,
        inputs: 1,
        outputs: 1,
        w_in: normals(&mut stream, UNITS, 1.0),
        recurrent: Recurrent::Dense(w),
        w_out: normals(&mut stream, UNITS, 0.05),
        tau_decay_ms: (0..UNITS).map(|_| 20.0 + 80.0 * stream.uniform()).collect(),
        bias_mv: Vec::new(),
        kinds: Vec::new(),
    }
}

/// The neurons that are alike enough for one network.
fn neurons() -> [LifConfig; 2] {
    let eif = LifNeuron::Eif(Exponential::default());
    [config(LifMode::Exact), LifConfig { neuron: eif, bias_mv: Some(-38.0), ..config(LifMode::Exact) }]
}

fn config(mode: LifMode) -> LifConfig {
    // Above threshold without input, so that the refractory period shapes every interval.
    LifConfig { mode, bias_mv: Some(-36.0), ..LifConfig::default() }
}

fn input() -> Vec<f64> {
    (0..SAMPLES).map(|t| f64::from(u8::from((10..30).contains(&t)))).collect()
}

fn run(network: &LifNetwork, config: &LifConfig, trial: u64, factors: &[f64]) -> Vec<Run> {
    let timing = Timing::new(config, SAMPLES, 5.0).unwrap();
    let steps = timing.steps;
    let recording = Recording {
        windows: vec![steps / 2..=steps],
        out_every: Some(20),
        spikes: true,
        end_state: true,
        ..Recording::default()
    };
    let simulator = Simulator::new(network, config, timing).unwrap();
    simulator.run(&input(), factors, &TrialDraws { seed: 5, trial }, &recording).unwrap()
}

/// What a network does over many trials.
#[derive(Default)]
struct Statistics {
    /// Spikes of each trial.
    spikes: Vec<f64>,
    /// Mean output of each trial.
    output: Vec<f64>,
    /// Whether the output of each trial rises above a threshold.
    results: Vec<f64>,
    /// Spikes of each unit.
    of_unit: Vec<f64>,
    /// Interspike intervals in steps, ascending.
    intervals: Vec<u32>,
}

fn statistics(network: &LifNetwork, config: &LifConfig, threshold: f64) -> Statistics {
    let mut all = Statistics { of_unit: vec![0.0; UNITS], ..Statistics::default() };
    for trial in 0..TRIALS {
        let run = run(network, config, trial, &[30.0]).remove(0);
        all.spikes.push(run.spikes.len() as f64);
        all.output.push(run.out.iter().sum::<f64>() / run.out.len() as f64);
        all.results.push(f64::from(u8::from(run.extremes[0].max > threshold)));
        let mut last = [None; UNITS];
        for spike in &run.spikes {
            let unit = spike.unit as usize;
            all.of_unit[unit] += 1.0;
            all.intervals.extend(last[unit].map(|before| spike.step - before));
            last[unit] = Some(spike.step);
        }
    }
    all.intervals.sort_unstable();
    all
}

/// Mean of the paired differences in standard errors.
fn paired_z(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let mean = difference.iter().sum::<f64>() / n;
    let variance = difference.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0);
    if mean == 0.0 { 0.0 } else { mean / (variance / n).sqrt() }
}

/// Kolmogorov and Smirnov's distance of two ascending samples, in units of √(1/n + 1/m).
fn kolmogorov(a: &[u32], b: &[u32]) -> f64 {
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (mut i, mut j, mut distance) = (0, 0, 0f64);
    while i < a.len() && j < b.len() {
        let x = a[i].min(b[j]);
        i += a[i..].iter().take_while(|v| **v == x).count();
        j += b[j..].iter().take_while(|v| **v == x).count();
        distance = distance.max((i as f64 / n - j as f64 / m).abs());
    }
    distance / (1.0 / n + 1.0 / m).sqrt()
}

/// Every limit of [`agreement`], in standard errors or Kolmogorov–Smirnov units: five networks and five quantities pass
/// together by chance with a probability of about 0.99.
const LIMIT_Z: f64 = 4.0;
const LIMIT_KS: f64 = 2.2;

/// The quantities in which two ways of simulating five networks differ beyond chance.
fn disagreements(a: &LifConfig, b: &LifConfig) -> Vec<String> {
    let mut found = Vec::new();
    for seed in 1..=5 {
        let network = dale(seed);
        let threshold = {
            let mut peaks: Vec<f64> = (0..20).map(|t| run(&network, a, t, &[30.0])[0].extremes[0].max).collect();
            peaks.sort_by(f64::total_cmp);
            peaks[10]
        };
        let (x, y) = (statistics(&network, a, threshold), statistics(&network, b, threshold));
        let per_unit = x.of_unit.iter().zip(&y.of_unit).map(|(a, b)| (a - b).powi(2) / (a + b).max(1.0)).sum::<f64>();
        for (name, value, limit) in [
            ("spikes a trial", paired_z(&x.spikes, &y.spikes).abs(), LIMIT_Z),
            ("mean output", paired_z(&x.output, &y.output).abs(), LIMIT_Z),
            ("performance", paired_z(&x.results, &y.results).abs(), LIMIT_Z),
            ("rates of the units (χ²/N)", per_unit / UNITS as f64, 1.0),
            ("intervals", kolmogorov(&x.intervals, &y.intervals), LIMIT_KS),
        ] {
            if value > limit {
                found.push(format!("network {seed}, {name}: {value:.2} > {limit}"));
            }
        }
    }
    found
}

#[test]
fn the_fast_mode_is_statistically_the_exact_mode() {
    for exact in neurons() {
        let fast = LifConfig { mode: LifMode::Fast, ..exact.clone() };
        let found = disagreements(&exact, &fast);
        assert!(found.is_empty(), "{}: {found:#?}", exact.neuron.name());
    }
}

#[test]
fn a_refractory_period_longer_by_a_tenth_is_noticed() {
    for exact in neurons() {
        let longer = LifConfig { mode: LifMode::Fast, refractory_ms: 2.2, ..exact.clone() };
        let found = disagreements(&exact, &longer);
        for name in ["spikes a trial", "intervals"] {
            let networks = found.iter().filter(|line| line.contains(name)).count();
            assert!(networks == 5, "{}, {name} of {networks} networks: {found:#?}", exact.neuron.name());
        }
    }
}

#[test]
fn without_noise_the_fast_kernel_in_double_precision_spikes_exactly_as_the_exact_mode() {
    for config in neurons() {
        let quiet = |mode| LifConfig { mode, noise_sd_mv_per_step: 0.0, ..config.clone() };
        for seed in 1..=5 {
            let network = dale(seed);
            let exact = run(&network, &quiet(LifMode::Exact), seed, &[30.0]).remove(0);
            let fast = run(&network, &quiet(LifMode::FastDouble), seed, &[30.0]).remove(0);
            assert!(exact.spikes.len() > 100);
            assert_eq!(exact.spikes, fast.spikes, "{}", config.neuron.name());
        }
    }
}

/// More units than are noted together, several outputs, and recordings that end between two steps run in one go.
#[test]
fn the_fast_kernel_records_what_the_exact_mode_does() {
    const N: usize = 530;
    let mut stream = Stream::new(4, Purpose::Initialisation, 0);
    let weight = |_| if stream.uniform() < 0.05 { f64::from(stream.normal()) * 2.0 } else { 0.0 };
    let recurrent = Recurrent::Dense((0..N * N).map(weight).collect());
    let (w_in, w_out) = (normals(&mut stream, N, 1.0), normals(&mut stream, 2 * N, 0.05));
    let tau_decay_ms = vec![30.0; N];
    let network = LifNetwork {
        units: N,
        outputs: 2,
        inputs: 1,
        w_in,
        recurrent,
        w_out,
        tau_decay_ms,
        bias_mv: Vec::new(),
        kinds: Vec::new(),
    };
    let recording = Recording {
        windows: vec![501..=877],
        out_every: Some(37),
        spikes: true,
        rate_every: Some(45),
        traces: Some(Traces { units: vec![0, 17, N - 1], every: 7 }),
        end_state: true,
        counted_to: None,
    };
    for synapse in [LifSynapse::Double, LifSynapse::Single] {
        let record = |mode| {
            let config = LifConfig { synapse, ..config(mode) };
            let timing = Timing::new(&config, 10, 5.0).unwrap();
            let simulator = Simulator::new(&network, &config, timing).unwrap();
            simulator.run(&input()[..10], &[30.0], &TrialDraws { seed: 5, trial: 0 }, &recording).unwrap().remove(0)
        };
        let (exact, fast) = (record(LifMode::Exact), record(LifMode::FastDouble));
        assert!(exact.spikes.len() > 1000 && exact.spikes.iter().any(|s| s.unit as usize == N - 1));
        assert_eq!((&exact.spikes, &exact.spike_count), (&fast.spikes, &fast.spike_count));
        let (a, b) = (exact.end.unwrap(), fast.end.unwrap());
        let extremes = |run: &[Extremes]| run.iter().flat_map(|e| [e.min, e.max]).collect();
        for (name, exact, fast) in [
            ("outputs", exact.out, fast.out),
            ("extremes", extremes(&exact.extremes), extremes(&fast.extremes)),
            ("r", exact.rate, fast.rate),
            ("v", exact.v_mv, fast.v_mv),
            ("IPSC", exact.ipsc_mv, fast.ipsc_mv),
            ("last v", a.v_mv, b.v_mv),
            ("last IPSC", a.ipsc_mv, b.ipsc_mv),
            ("last h", a.h, b.h),
            ("last r", a.r, b.r),
            ("last h_r", a.h_r, b.h_r),
        ] {
            assert!(exact.len() == fast.len() && !exact.is_empty(), "{name}: {} and {}", exact.len(), fast.len());
            for (e, f) in exact.iter().zip(&fast) {
                assert!((e - f).abs() <= 1e-10 * e.abs().max(1.0), "{synapse:?}, {name}: {e} {f}");
            }
        }
    }
}

/// A random network with modes, and the same with the matrix that these stand for.
fn modes_and_matrix() -> (LifNetwork, LifNetwork) {
    const MODES: usize = 3;
    let mut stream = Stream::new(9, Purpose::Initialisation, 0);
    let mode_in = normals(&mut stream, UNITS * MODES, 0.5);
    let score = normals(&mut stream, MODES, 1.0);
    let mode_out = normals(&mut stream, UNITS * MODES, 0.5);
    let weight = |to: usize, from: usize| {
        (0..MODES).map(|p| mode_in[to * MODES + p] * score[p] * mode_out[from * MODES + p]).sum::<f64>()
    };
    let dense = (0..UNITS * UNITS).map(|at| weight(at / UNITS, at % UNITS)).collect();
    let dense = LifNetwork { recurrent: Recurrent::Dense(dense), ..dale(1) };
    let modes = LifNetwork { recurrent: Recurrent::Modes { mode_in, score, mode_out }, ..dense.clone() };
    (modes, dense)
}

#[test]
fn modes_spike_as_the_matrix_they_stand_for() {
    let (modes, dense) = modes_and_matrix();
    for mode in [LifMode::Exact, LifMode::FastDouble] {
        let (a, b) = (run(&dense, &config(mode), 0, &[30.0]), run(&modes, &config(mode), 0, &[30.0]));
        assert!(a[0].spikes.len() > 100);
        assert_eq!(a[0].spikes, b[0].spikes, "{mode:?}");
    }
}

/// Spikes of each factor in mean field, over some trials.
fn spikes_in_mean_field(network: &LifNetwork, config: &LifConfig, factors: &[f64], trials: u64) -> Vec<f64> {
    let timing = Timing::new(config, SAMPLES, 5.0).unwrap();
    let field = MeanField::new(network, config, &timing).unwrap();
    let input: Vec<f32> = input().iter().map(|u| *u as f32).collect();
    let window = SAMPLES / 2..SAMPLES;
    let windows = std::slice::from_ref(&window);
    let course = |trial| field.run(&input, factors, TrialDraws { seed: 5, trial }, windows);
    let courses: Vec<Course> = (0..trials).map(course).collect();
    let mean = |l: usize| courses.iter().map(|c| f64::from(c.spikes[l])).sum::<f64>() / trials as f64;
    (0..factors.len()).map(mean).collect()
}

#[test]
fn the_mean_field_fires_as_the_network_does() {
    let neuron = LifNeuron::Eif(Exponential::default());
    // From v_T on a unit fires in any case, which the mean field does not count.
    let eif = LifConfig { neuron, v_initial_max_mv: -40.0, ..LifConfig::default() };
    let (factors, trials) = ([20.0, 35.0, 60.0], 20);
    for (config, network) in
        [LifConfig::default(), eif].iter().flat_map(|c| [dale(1), dale(2), modes_and_matrix().0].map(|n| (c, n)))
    {
        let field = spikes_in_mean_field(&network, config, &factors, trials);
        let runs: Vec<Vec<Run>> = (0..trials).map(|trial| run(&network, config, trial, &factors)).collect();
        for (l, spikes) in field.into_iter().enumerate() {
            // The mean field does not count the spikes of units that begin above threshold.
            let later = |run: &[Run]| run[l].spikes.iter().filter(|s| s.step > 1).count() as f64;
            let simulated = runs.iter().map(|run| later(run)).sum::<f64>() / trials as f64;
            assert!((spikes - simulated).abs() < 0.15 * simulated, "{}: {spikes} spikes, {simulated}", factors[l]);
        }
    }
}

#[test]
fn the_mean_field_of_modes_is_that_of_the_matrix_they_stand_for() {
    let (modes, dense) = modes_and_matrix();
    let spikes = |network| spikes_in_mean_field(network, &LifConfig::default(), &[30.0], 1)[0];
    let (a, b) = (spikes(&modes), spikes(&dense));
    assert!((a - b).abs() < 1e-3 * a, "{a} {b}");
}

#[test]
fn a_factor_does_not_see_what_runs_beside_it() {
    let network = dale(3);
    for mode in [LifMode::Exact, LifMode::Fast, LifMode::FastDouble] {
        let many = run(&network, &config(mode), 4, &[20.0, 25.0, 30.0, 35.0]);
        for (factor, together) in [20.0, 25.0, 30.0, 35.0].into_iter().zip(many) {
            assert_eq!(run(&network, &config(mode), 4, &[factor])[0], together, "{mode:?} {factor}");
        }
    }
}

#[test]
fn trials_differ_and_repeat() {
    let network = dale(2);
    let once = run(&network, &config(LifMode::Fast), 7, &[30.0]);
    assert_eq!(once, run(&network, &config(LifMode::Fast), 7, &[30.0]));
    assert_ne!(once, run(&network, &config(LifMode::Fast), 8, &[30.0]));
}
