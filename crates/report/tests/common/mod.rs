//! Artifacts with simple simulated data, and every figure drawn from them.

// Each test uses a part.
#![allow(dead_code)]

use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_data::tasks::{Program, Task};
use mdl_kernels::random::Purpose;
use mdl_report::evaluation::keep_network;
use mdl_report::figures::{self, Raster, raster};
use mdl_report::{Figure, Look, Population, ReportError};
use serde_json::{Value, json};

/// A small generator of numbers that look random (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal, with mean 0 and standard deviation 1.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// 160 excitatory, 28 inhibitory and 12 somatostatin units, in mixed order.
pub fn populations() -> Vec<Population> {
    (0..200)
        .map(|unit| match unit % 50 {
            0..40 => Population::Excitatory,
            40..47 => Population::Inhibitory,
            _ => Population::Somatostatin,
        })
        .collect()
}

/// Every artifact of the gallery, by name.
pub fn artifacts() -> Vec<(&'static str, Artifact)> {
    vec![
        ("rate", rate()),
        ("lif", lif()),
        ("spiking", spiking()),
        ("lif-evaluation", lif_evaluation()),
        ("spiking-evaluation", spiking_evaluation()),
        ("image-evaluation", image_evaluation()),
        ("sweep", sweep()),
        ("trials", trials()),
        ("analysis", analysis()),
    ]
}

/// An analysis of a network that decides between two attractors in either of two contexts.
pub fn analysis() -> Artifact {
    const TIMES: usize = 60;
    const SIDE: usize = 12;
    let mut numbers = Numbers(19);
    let mut artifact = artifact(Kind::Analysis, "analyze", json!({ "kind": "mante" }), dense_network());
    let ends = [(-2.0, -1.0), (2.0, -1.0), (-2.0, 1.0), (2.0, 1.0)];
    let at = |condition: usize, time: usize| {
        let done = 1.0 - (-(time as f64) / 15.0).exp();
        [ends[condition].0 * done, ends[condition].1 * done.sqrt(), 0.8 * (time as f64 / 20.0).sin()]
    };
    let mean = (0..4).flat_map(|c| (0..TIMES).flat_map(move |t| at(c, t))).collect();
    artifact.insert("mode_space.mean", &[4, TIMES, 3], mean);
    let conditions: Vec<u32> = (0..40).map(|trial| trial % 4).collect();
    let mut single = Vec::new();
    for condition in &conditions {
        for time in 0..TIMES {
            single.extend(at(*condition as usize, time).map(|x| (x + 0.15 * numbers.normal()) as f32));
        }
    }
    artifact.insert("mode_space.trial", &[40, TIMES, 3], single);
    artifact.insert("mode_space.trial_condition", &[40], conditions);
    let middle = |cell: usize| [(cell % SIDE) as f64 / 2.0 - 2.75, (cell / SIDE) as f64 / 3.0 - 1.8];
    let places: Vec<[f64; 2]> = (0..2 * SIDE * SIDE).map(|cell| middle(cell % (SIDE * SIDE))).collect();
    let velocity = |[x, y]: &[f64; 2]| [x - x.powi(3) / 4.0, 1.0 - y];
    artifact.insert("flow.velocity", &[2, SIDE * SIDE, 2], places.iter().flat_map(velocity).collect());
    artifact.insert("flow.place", &[2, SIDE * SIDE, 2], places.concat());
    let states = (0..2 * SIDE * SIDE).map(|cell| u32::from(cell % 17 != 3)).collect();
    artifact.insert("flow.states", &[2, SIDE * SIDE], states);
    artifact.insert("flow.condition", &[2], vec![0u32, 2]);
    artifact.insert("flow.is_computed", &[1], vec![1u8]);
    artifact.insert("attractors.condition", &[4], vec![0u32, 0, 2, 2]);
    artifact.insert(
        "attractors.coordinate",
        &[4, 3],
        vec![-2.0, 1.0, 0.0, 2.0, 1.0, 0.0, -2.0, 1.0, 0.0, 2.0, 1.0, 0.0],
    );
    artifact.insert("attractors.basin", &[4], vec![0.4, 0.6, 0.55, 0.45]);
    artifact.insert("fixed_points.condition", &[2], vec![0u32, 2]);
    artifact.insert("fixed_points.of_input", &[7], vec![0u32, 0, 0, 1, 1, 1, 1]);
    artifact.insert("fixed_points.unstable", &[7], vec![0u32, 1, 0, 0, 1, 0, 0]);
    artifact.insert("fixed_points.is_fixed", &[7], vec![1u8, 1, 1, 1, 1, 1, 0]);
    let points = [-2.0, 0.0, 2.0, -2.0, 0.1, 2.0, 1.0];
    artifact.insert("fixed_points.coordinate", &[7, 3], points.iter().flat_map(|x| [*x, 1.0 - 0.1 * x, 0.0]).collect());
    artifact.insert("fixed_points.output", &[7, 1], points.map(f64::tanh).to_vec());
    let curve: Vec<f64> = (-30..=30).map(|k| f64::from(k) / 20.0).collect();
    let count = 2 * curve.len();
    let change = curve.iter().map(|x| x.powi(3) - x).chain(curve.iter().copied());
    artifact.insert("continuation.change", &[count], change.collect());
    artifact.insert("continuation.output", &[count, 1], curve.iter().chain(&curve).map(|x| x.tanh()).collect());
    let stable = curve.iter().map(|x| u8::from(3.0 * x * x > 1.0)).chain(curve.iter().map(|_| 1));
    artifact.insert("continuation.is_stable", &[count], stable.collect());
    let halves = |first: u32, second: u32| [vec![first; curve.len()], vec![second; curve.len()]].concat();
    artifact.insert("continuation.branch", &[count], halves(0, 1));
    artifact.insert("continuation.channel", &[count], halves(0, 2));
    let law = |rank: i32| 2.0 * f64::from(rank).powf(-0.15) * (-(f64::from(rank) / 190.0).powi(12)).exp();
    artifact.insert("importance.value", &[200], (1..=200).map(law).collect());
    artifact.insert("importance.score", &[200], (1..=200).map(|rank| 0.5 * law(rank).powi(2)).collect());
    artifact.insert("importance.rank_from", &[4], vec![1u32, 10, 100, 180]);
    artifact.insert("importance.rank_to", &[4], vec![10u32, 100, 180, 200]);
    artifact.insert("importance.slope", &[4], vec![-0.15, -0.15, -0.2, -4.0]);
    artifact.insert("removal.trials", &[1], vec![100u32]);
    artifact.insert("removal.modes", &[4], vec![0u32, 1, 2, 3]);
    artifact.insert("removal.modes_correct", &[3, 4], vec![98u32, 95, 80, 50, 98, 60, 52, 50, 98, 80, 60, 50]);
    artifact.insert("removal.units", &[5], vec![0u32, 20, 60, 100, 180]);
    let correct = vec![98u32, 98, 95, 90, 50, 98, 70, 55, 50, 50, 98, 96, 85, 70, 50];
    artifact.insert("removal.units_correct", &[3, 5], correct);
    artifact.insert("lesions.from", &[5], vec![3u8, 0, 0, 1, 1]);
    artifact.insert("lesions.to", &[5], vec![3u8, 0, 1, 0, 1]);
    artifact.insert("lesions.correct", &[5], vec![98u32, 50, 72, 55, 90]);
    artifact.insert("lesions.trials", &[5], vec![100u32; 5]);
    let share = |k: i32| 0.6 * 0.4f64.powi(k);
    artifact.insert("components.variance", &[30], (0..30).map(share).collect());
    artifact.insert(
        "components.mean_variance",
        &[30],
        (0..30).map(|k| if k < 3 { [0.7, 0.25, 0.05][k] } else { 0.0 }).collect(),
    );
    artifact.insert("components.participation", &[2], vec![2.3, 1.8]);
    artifact.insert("targeted.variable", &[3], vec![4u32, 0, 1]);
    let mean: Vec<f64> = (0..4).flat_map(|c| (0..TIMES).flat_map(move |t| at(c, t))).collect();
    artifact.insert("targeted.mean", &[4, TIMES, 3], mean.clone());
    artifact.insert("choices.context", &[2, 4], vec![0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    artifact.insert("choices.channel", &[4], vec![0u32, 1, 0, 1]);
    artifact.insert("choices.of_context", &[4], vec![0u32, 0, 1, 1]);
    let evidence = |k: usize| (k % 8) as f64 / 4.0 - 0.9;
    artifact.insert("choices.evidence", &[4, 8], (0..32).map(evidence).collect());
    let slopes = [4.0, 0.5, 0.3, 5.0];
    let shares = (0..32).map(|k| 1.0 / (1.0 + (-slopes[k / 8] * evidence(k)).exp()));
    artifact.insert("choices.share", &[4, 8], shares.collect());
    artifact.insert("choices.trials", &[4, 8], vec![20u32; 32]);
    artifact.insert("intervals.bin_ms", &[32], (0..32).map(|k| 10f64.powf(f64::from(k) / 8.0)).collect());
    let bell = |k: i32, middle: i32| (4000.0 * (-f64::from((k - middle).pow(2)) / 20.0).exp()) as u32;
    artifact.insert("intervals.count", &[32], (0..32).map(|k| bell(k, 15)).collect());
    artifact.insert(
        "intervals.cv",
        &[200],
        (0..200).map(|k| if k % 10 == 0 { -2.0 } else { 0.3 + f64::from(k) / 200.0 }).collect(),
    );
    artifact.insert("intervals.correlation_bin", &[40], (0..40).map(|k| f64::from(k) / 20.0 - 1.0).collect());
    artifact.insert("intervals.correlation_pairs", &[40], (0..40).map(|k| bell(k, 21)).collect());
    artifact.insert("switching.context", &[2, 4], vec![0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    artifact.insert("switching.from", &[2], vec![1u32, 0]);
    artifact.insert("switching.to", &[2], vec![0u32, 1]);
    artifact.insert("switching.crossed", &[2], vec![0.9, 0.75]);
    let half = 2 * TIMES * 3;
    artifact.insert("switching.path", &[2, TIMES, 3], mean[..half].to_vec());
    artifact.insert("switching.unswitched", &[2, TIMES, 3], mean[half..].to_vec());
    artifact.insert("comparison.cka", &[1], vec![0.93]);
    artifact.insert("comparison.procrustes", &[1], vec![0.11]);
    artifact.insert("comparison.dynamics", &[1], vec![0.08]);
    artifact.insert(
        "comparison.eigenvalue",
        &[2, 3, 2],
        vec![0.99, 0.0, 0.9, 0.2, 0.9, -0.2, 0.97, 0.0, 0.85, 0.25, 0.85, -0.25],
    );
    artifact
}

/// Trials of a task with four conditions.
fn trials() -> Artifact {
    let mut artifact = artifact(Kind::Trials, "make-trials", json!({ "kind": "mante" }), dense_network());
    let task = Program::built_in("mante", serde_json::Map::new()).expect("it comes with the programs");
    let trials = task.draw(1, Purpose::WrittenTrial, 0, 20).expect("it draws");
    mdl_data::tasks::artifact::write(&trials, &mut artifact);
    artifact
}

/// Every figure of every artifact, as `artifact-figure`, and a large raster.
pub fn gallery() -> Result<Vec<(String, Figure)>, ReportError> {
    let mut all = Vec::new();
    for (artifact, data) in artifacts() {
        let drawn = figures::draw(&data, &figures::names());
        if let Some((_, error)) = drawn.failed.into_iter().next() {
            return Err(error);
        }
        all.extend(drawn.figures.into_iter().map(|(name, figure)| (format!("{artifact}-{name}"), figure)));
    }
    all.push(("raster-dense".into(), dense_raster(120_000)?));
    Ok(all)
}

/// One figure of an artifact.
pub fn figure(artifact: &Artifact, name: &str) -> Figure {
    let mut drawn = figures::draw(artifact, &[name]);
    assert!(drawn.failed.is_empty(), "{:?}", drawn.failed);
    drawn.figures.pop().unwrap_or_else(|| panic!("no figure {name}")).1
}

fn artifact(kind: Kind, program: &str, task: Value, network: Value) -> Artifact {
    let stop = json!({ "loss_below": 7.0, "performance_above": 0.95 });
    let config = json!({ "name": "gallery", "task": task, "network": network, "training": { "stop": stop } });
    Artifact::new(kind, config, Provenance::new(program, None, 1))
}

fn dense_network() -> Value {
    json!({ "kind": "rate", "neurons": 200, "recurrence": { "kind": "dense" } })
}

/// A trained rate network: signs, time constants, and a loss that falls by two decades.
pub fn rate() -> Artifact {
    let mut rate = artifact(Kind::Rate, "train-rate", json!({ "kind": "go-nogo" }), dense_network());
    write_network(&mut rate);
    rate
}

fn write_network(artifact: &mut Artifact) {
    let (populations, mut numbers) = (populations(), Numbers(4));
    let inhibitory = |unit: usize| populations[unit] != Population::Excitatory;
    let allowed = |to: usize, from: usize| !(populations[to] == Population::Somatostatin && inhibitory(from));
    let mask = (0..200 * 200).map(|at| u8::from(allowed(at / 200, at % 200))).collect();
    artifact.insert("sign", &[200], (0..200).map(|unit| if inhibitory(unit) { -1f32 } else { 1.0 }).collect());
    artifact.insert("mask", &[200, 200], mask);
    let middle = |unit: usize| if inhibitory(unit) { 45.0 } else { 75.0 };
    let tau_ms = (0..200).map(|unit| (middle(unit) * (0.25 * numbers.normal()).exp()).clamp(20.0, 125.0) as f32);
    artifact.insert("tau_ms", &[200], tau_ms.collect());
    write_history(artifact);
}

fn write_history(artifact: &mut Artifact) {
    let mut numbers = Numbers(6);
    let updates: Vec<i64> = (0..=120).map(|row| row * 25).collect();
    let mut course = |noise: f64| -> Vec<f64> {
        let value = |update: f64, n: f64| (0.35 + 40.0 * (-update / 420.0).exp()) * (noise * n).exp();
        updates.iter().map(|update| value(*update as f64, numbers.normal())).collect()
    };
    let (training, loss) = (course(0.16), course(0.08));
    let performance = loss.iter().map(|loss| 1.0 - 0.5 * (loss / 40.0).clamp(0.0, 1.0).sqrt()).collect();
    for (name, values) in [("training_loss", training), ("loss", loss), ("performance", performance)] {
        artifact.insert(&format!("history.{name}"), &[updates.len()], values);
    }
    artifact.insert("history.update", &[updates.len()], updates);
}

/// A LIF network whose search has a plateau between silence and runaway.
pub fn lif() -> Artifact {
    let mut lif = artifact(Kind::Lif, "lambda-search", json!({ "kind": "go-nogo" }), dense_network());
    write_network(&mut lif);
    let factors: Vec<f64> = (4..=15).map(|step| 5.0 * f64::from(step)).collect();
    let performance =
        |factor: f64| 0.5 + 0.5 / (1.0 + ((factor - 62.0) / 2.6).exp()) - 0.5 / (1.0 + ((factor - 30.0) / 2.0).exp());
    let shape = [factors.len()];
    lif.insert("search.trials", &shape, vec![100u32; factors.len()]);
    lif.insert("search.correct", &shape, factors.iter().map(|f| (100.0 * performance(*f)) as u32).collect());
    lif.insert("search.rate_hz", &shape, factors.iter().map(|factor| 900.0 / factor).collect());
    lif.insert("search.scaling_factor", &shape, factors);
    lif.insert("scaling_factor", &[1], vec![45.0]);
    lif.insert("predicted_scaling_factor", &[1], vec![50.0]);
    lif
}

/// A network of spiking neurons with time constants of their own.
pub fn spiking() -> Artifact {
    let network = json!({ "kind": "spiking", "neurons": 120, "modes": 3 });
    let task = json!({ "kind": "mante", "step_ms": 2.0 });
    let (mut spiking, mut numbers) = (artifact(Kind::Spiking, "train-spiking", task, network), Numbers(8));
    write_history(&mut spiking);
    spiking.insert("tau_decay_ms", &[120], (0..120).map(|_| (60.0 + 12.0 * numbers.normal()) as f32).collect());
    spiking
}

/// The tensors of spikes, given as step (from 1) and unit of each trial.
fn write_spikes(artifact: &mut Artifact, trials: &[Vec<(u32, u32)>]) {
    let all = || trials.iter().zip(0u32..).flat_map(|(spikes, trial)| spikes.iter().map(move |s| (s.0, s.1, trial)));
    let shape = [all().count()];
    artifact.insert("spike_step", &shape, all().map(|spike| spike.0).collect());
    artifact.insert("spike_unit", &shape, all().map(|spike| spike.1).collect());
    artifact.insert("spike_trial", &shape, all().map(|spike| spike.2).collect());
}

/// Go-NoGo as a LIF network would answer it: 40 trials of each condition.
pub fn lif_evaluation() -> Artifact {
    let mut evaluation = artifact(Kind::Evaluation, "eval-lif", json!({ "kind": "go-nogo" }), dense_network());
    let time_ms: Vec<f64> = (0..200).map(|step| f64::from(step) * 5.0).collect();
    let rise = |t: f64| if t < 380.0 { 0.0 } else { 1.0 - (-(t - 380.0) / 55.0).exp() };
    let mut numbers = Numbers(1);
    let (mut output, mut target, trials) = (Vec::new(), Vec::new(), 80);
    for trial in 0..trials {
        let height = f64::from(trial % 2 == 0);
        let (gain, mut drift) = (1.0 + 0.06 * numbers.normal(), 0.0);
        for &t in &time_ms {
            drift = 0.95 * drift + 0.012 * numbers.normal();
            output.push((height * gain * rise(t) + drift) as f32);
            target.push(if t >= 375.0 { height as f32 } else { 0.0 });
        }
    }
    evaluation.insert("condition", &[trials], (0..trials as u32).map(|trial| trial % 2).collect());
    evaluation.insert("correct", &[trials], (0..trials).map(|trial| u8::from(trial % 17 != 3)).collect());
    evaluation.insert("output", &[trials, time_ms.len(), 1], output);
    evaluation.insert("target", &[trials, time_ms.len(), 1], target);
    let cue = |go: bool| time_ms.iter().map(move |t| if go && (250.0..375.0).contains(t) { 1f32 } else { 0.0 });
    for name in ["input", "mean_input"] {
        evaluation.insert(name, &[2, time_ms.len(), 1], cue(true).chain(cue(false)).collect());
    }
    let of_time = time_ms.clone();
    evaluation.insert("time_ms", &[time_ms.len()], time_ms);
    evaluation.insert("correct_strict", &[trials], (0..trials).map(|trial| u8::from(trial % 4 != 3)).collect());
    let populations = populations();
    let base = |p: &Population| if *p == Population::Excitatory { 6.0 } else { 17.0 };
    let rates = populations.iter().map(|p| base(p) * (0.45 * numbers.normal()).exp()).collect();
    evaluation.insert("rate_hz", &[200], rates);
    let rate: Vec<f64> = (0..400).map(|_| numbers.uniform()).collect();
    let hz = rate.iter().map(|rate| (30.0 * rate + 2.0 * numbers.normal()).max(0.0)).collect();
    evaluation.insert("rate_mean_rate", &[2, 200], rate);
    evaluation.insert("rate_hz_by_condition", &[2, 200], hz);
    let of_rate_network = |trial: usize, t: f64| (0.9 * f64::from(trial.is_multiple_of(2)) * rise(t)) as f32;
    let rate_output = (0..trials).flat_map(|trial| of_time.iter().map(move |t| of_rate_network(trial, *t)));
    evaluation.insert("rate_output", &[trials, of_time.len(), 1], rate_output.collect());
    let recorded = [spikes(&mut numbers, &populations, 1.6), spikes(&mut numbers, &populations, 0.2)];
    let steps = |(times, units): &(Vec<f64>, Vec<u32>)| -> Vec<(u32, u32)> {
        times.iter().zip(units).map(|(time, unit)| ((time / 0.05) as u32 + 1, *unit)).collect()
    };
    let mut recorded = recorded.each_ref().map(steps);
    write_potentials(&mut evaluation, &mut recorded);
    write_spikes(&mut evaluation, &recorded);
    keep_network(&lif(), 200, &mut evaluation).unwrap();
    evaluation
}

/// Leaky integrate-and-fire units driven by noise, in the first of two trials; their spikes take the place of others.
fn write_potentials(evaluation: &mut Artifact, recorded: &mut [Vec<(u32, u32)>; 2]) {
    let (mut numbers, dt_ms, units) = (Numbers(5), 0.05, [3u32, 41, 48]);
    recorded[0].retain(|(_, unit)| !units.contains(unit));
    let mut v_mv = vec![-60f32; 2 * 1000 * 3];
    for (u, (unit, drive)) in units.into_iter().zip([20.0, 15.0, 24.0]).enumerate() {
        let (mut v, mut last, mut noise) = (-60.0, -1e9, 0.0);
        for step in 1..=20_000u32 {
            let t = f64::from(step) * dt_ms;
            noise += -noise * dt_ms / 8.0 + 0.55 * numbers.normal() * dt_ms.sqrt();
            let input = if (250.0..700.0).contains(&t) { drive } else { 0.35 * drive };
            if t > last + 2.0 {
                v += dt_ms / 10.0 * (-58.0 + input + 6.0 * noise - v);
            }
            if v >= -40.0 {
                (v, last) = (-65.0, t);
                recorded[0].push((step, unit));
            }
            if step % 20 == 0 {
                v_mv[(step as usize / 20 - 1) * 3 + u] = v as f32;
            }
        }
    }
    evaluation.insert("recorded_unit", &[3], units.to_vec());
    evaluation.insert("potential_time_ms", &[1000], (1..=1000).map(f64::from).collect());
    evaluation.insert("v_mv", &[2, 1000, 3], v_mv);
}

/// Four conditions that part in the second and third mode.
pub fn spiking_evaluation() -> Artifact {
    let network = spiking();
    let mut evaluation =
        Artifact::new(Kind::Evaluation, network.config.clone(), Provenance::new("eval-spiking", None, 1));
    let mut numbers = Numbers(9);
    let mut activity = Vec::new();
    for (x, y) in [(1.0, 0.8), (1.0, -0.8), (-1.0, 0.8), (-1.0, -0.8)] {
        for step in 0..500 {
            let t = f64::from(step) / 500.0;
            let (grow, turn) = (1.0 - (-3.0 * t).exp(), 0.5 * (6.0 * t).sin() * (-2.0 * t).exp());
            activity.extend([0.0, (x * grow + turn * y) as f32, (y * grow * t - turn * x) as f32]);
        }
    }
    evaluation.insert("mode_activity", &[4, 500, 3], activity);
    evaluation.insert("importance", &[3], vec![0.1, 3.0, 2.0]);
    evaluation.insert("condition", &[8], vec![0u32, 1, 2, 3, 0, 1, 2, 3]);
    evaluation.insert("correct", &[8], vec![1u8; 8]);
    evaluation.insert("rate_hz", &[120], (0..120).map(|_| 2.0 * (0.5 * numbers.normal()).exp()).collect());
    let mut trial = || -> Vec<(u32, u32)> {
        let all = (1..=500).flat_map(|step| (0..120).map(move |unit| (step, unit)));
        all.filter(|_| numbers.uniform() < 0.04).collect()
    };
    write_spikes(&mut evaluation, &[trial(), trial()]);
    let potential = (0..2 * 500 * 2).map(|i| (0.5 + 0.4 * (f64::from(i) * 0.13).sin()) as f32).collect();
    evaluation.insert("recorded_unit", &[2], vec![0u32, 7]);
    evaluation.insert("potential", &[2, 500, 2], potential);
    keep_network(&network, 120, &mut evaluation).unwrap();
    evaluation
}

/// Ten classes, about 97 % right, with rings and bars as stand-ins for digits.
pub fn image_evaluation() -> Artifact {
    let task = json!({ "kind": "digits", "dataset": "mnist" });
    let network = json!({ "kind": "spiking", "neurons": 50, "modes": 3 });
    let mut evaluation = artifact(Kind::Evaluation, "eval-spiking", task, network);
    evaluation.config["training"] = json!({ "loss": "cross-entropy" });
    let mut numbers = Numbers(7);
    let mut counts: Vec<u32> = (0..100).map(|_| (6.0 * numbers.uniform().powi(3)) as u32).collect();
    for class in 0..10 {
        counts[class * 11] = 940 + (80.0 * numbers.uniform()) as u32;
    }
    counts[4 * 10 + 9] = 27;
    evaluation.insert("confusion", &[10, 10], counts);
    let kinds = [0u8, 1, 7, 8];
    let label: Vec<u8> = (0..18).map(|image| kinds[image % 4]).collect();
    let predicted: Vec<u8> = (0..18).map(|image| kinds[(image + usize::from(image < 7)) % 4]).collect();
    let pixels = label.iter().zip(0u8..).flat_map(|(class, image)| picture(*class, f64::from(image) * 0.2 - 1.8));
    evaluation.insert("example_image", &[18, 28, 28], pixels.collect());
    evaluation.insert("example", &[18], (0..18).collect::<Vec<u32>>());
    evaluation.insert("correct", &[18], label.iter().zip(&predicted).map(|(a, b)| u8::from(a == b)).collect());
    evaluation.insert("label", &[18], label);
    evaluation.insert("predicted", &[18], predicted);
    keep_network(&artifact(Kind::Spiking, "train-spiking", json!({}), json!({})), 50, &mut evaluation).unwrap();
    evaluation
}

/// The pixels of a stand-in for a digit.
fn picture(digit: u8, shift: f64) -> Vec<u8> {
    let pixel = |index: usize| {
        let (x, y) = ((index % 28) as f64 - 13.5 - shift, (index / 28) as f64 - 13.5);
        let distance = match digit {
            0 => ((x * 1.3).hypot(y) - 8.0).abs(),
            1 => (x + 0.15 * y).abs() + if y.abs() > 9.0 { 9.0 } else { 0.0 },
            7 => (y + 8.0).abs().min((x + 0.6 * y).abs()) + if y.abs() > 9.0 || x.abs() > 7.0 { 9.0 } else { 0.0 },
            _ => (x.hypot(y + 4.5) - 4.2).abs().min((x.hypot(y - 4.5) - 4.5).abs()),
        };
        (255.0 * (1.8 - 0.7 * distance).clamp(0.0, 1.0)) as u8
    };
    (0..784).map(pixel).collect()
}

/// Performance of nine networks against a time constant, for two synapses.
pub fn sweep() -> Artifact {
    let mut sweep = artifact(Kind::Evaluation, "sweep-lif", json!({ "kind": "go-nogo" }), dense_network());
    let values = [5.0, 10.0, 20.0, 35.0, 50.0, 75.0, 100.0];
    let variants = ["double", "single"];
    sweep.config["sweep"] =
        json!({ "parameter": "lif.tau_rise_ms", "values": values, "by": "lif.synapse", "variants": variants });
    let correct = |network: u32, best: f64, value: f64| {
        let performance = 0.55 + 0.42 * (-((value / best).ln() / 0.9).powi(2)).exp();
        (100.0 * (performance + 0.012 * (f64::from((network * 5) % 9) - 4.0))) as u32
    };
    let of_network = |network| [40.0, 65.0].map(|best| values.map(|value| correct(network, best, value)));
    let correct: Vec<u32> = (0..9).flat_map(|network| of_network(network).concat()).collect();
    sweep.insert("parameter", &[7], values.to_vec());
    sweep.insert("trials", &[9, 2, 7], vec![100u32; correct.len()]);
    sweep.insert("correct", &[9, 2, 7], correct);
    sweep
}

/// Spikes of a trial of 1 s in which units fire faster after the stimulus.
fn spikes(numbers: &mut Numbers, populations: &[Population], evoked: f64) -> (Vec<f64>, Vec<u32>) {
    let (mut times, mut units) = (Vec::new(), Vec::new());
    for (unit, population) in populations.iter().enumerate() {
        let own = (0.5 * numbers.normal()).exp();
        let base = if *population == Population::Excitatory { 5.0 } else { 14.0 };
        for ms in 0..1000 {
            let t = f64::from(ms);
            let rate = own * base * (1.0 + if (260.0..700.0).contains(&t) { evoked } else { 0.0 });
            if numbers.uniform() < rate / 1000.0 {
                times.push(t + numbers.uniform());
                units.push(unit as u32);
            }
        }
    }
    (times, units)
}

/// Many spikes of 1000 units.
pub fn dense_raster(count: usize) -> Result<Figure, ReportError> {
    let mut numbers = Numbers(3);
    let time_ms: Vec<f64> = (0..count).map(|_| 5000.0 * numbers.uniform()).collect();
    let unit: Vec<u32> = (0..count).map(|_| (1000.0 * numbers.uniform().sqrt()) as u32).collect();
    Raster {
        title: "Spikes of a large network",
        duration_ms: 5000.0,
        populations: &[Population::Unsigned; 1000],
        trials: &[raster::Trial { label: "", time_ms: &time_ms, unit: &unit, windows: &[], end_ms: None }],
        stimulus: None,
        windows: &[],
        rate_bin_ms: Some(25.0),
        unit_rates: true,
        counted_from_ms: 0.0,
    }
    .draw(Look::SCREEN)
}
