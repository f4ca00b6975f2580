//! One figure of every kind from simple simulated data.

use mdl_report::figures::{
    Confusion, ExampleDigits, MembraneTraces, Output, Raster, RateDistribution, SearchCurve, Sweep, TrainingCurve,
    Trajectory, Window, digits, membrane, output, raster, search, sweep, training, trajectory,
};
use mdl_report::{Figure, Population, ReportError};

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

const STIMULUS: Window = Window { label: "stimulus", from_ms: 250.0, to_ms: 375.0 };
const RESPONSE: Window = Window { label: "response window", from_ms: 500.0, to_ms: 1000.0 };

/// Every figure, with a name for its file.
pub fn gallery() -> Result<Vec<(&'static str, Figure)>, ReportError> {
    Ok(vec![
        ("output", output()?),
        ("raster", raster(false)?),
        ("raster-trials", raster(true)?),
        ("raster-dense", dense_raster(120_000)?),
        ("rates", rates()?),
        ("membrane", membrane()?),
        ("search", search()?),
        ("training", training()?),
        ("confusion", confusion()?),
        ("digits", digits()?),
        ("sweep", sweep()?),
        ("trajectory", trajectory()?),
    ])
}

/// Go-NoGo as a network would answer it.
pub fn output() -> Result<Figure, ReportError> {
    let time_ms: Vec<f64> = (0..200).map(|step| f64::from(step) * 5.0).collect();
    let rise = |t: f64| if t < 380.0 { 0.0 } else { 1.0 - (-(t - 380.0) / 55.0).exp() };
    let mut numbers = Numbers(1);
    let mut trials = |height: f64| {
        let mut outputs = Vec::new();
        for _ in 0..40 {
            let (gain, mut drift) = (1.0 + 0.06 * numbers.normal(), 0.0);
            for &t in &time_ms {
                drift = 0.95 * drift + 0.012 * numbers.normal();
                outputs.push(height * gain * rise(t) + drift);
            }
        }
        output::mean_and_sd(&outputs, time_ms.len())
    };
    let (go, nogo) = (trials(1.0)?, trials(0.0)?);
    let target: Vec<f64> = time_ms.iter().map(|&t| if t >= 375.0 { 1.0 } else { 0.0 }).collect();
    let zero = vec![0.0; time_ms.len()];
    let conditions = [
        output::Condition { label: "Go", mean: &go.0, sd: &go.1, target: Some(&target) },
        output::Condition { label: "NoGo", mean: &nogo.0, sd: &nogo.1, target: Some(&zero) },
    ];
    let windows = [STIMULUS, RESPONSE];
    Output {
        title: "Output of the LIF network, Go-NoGo",
        time_ms: &time_ms,
        conditions: &conditions,
        windows: &windows,
        thresholds: &[0.3, 0.7],
    }
    .draw()
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

/// One or two trials.
pub fn raster(several: bool) -> Result<Figure, ReportError> {
    let (populations, mut numbers) = (populations(), Numbers(2));
    let (go, nogo) = (spikes(&mut numbers, &populations, 1.6), spikes(&mut numbers, &populations, 0.2));
    let trials = [
        raster::Trial { label: "Go", time_ms: &go.0, unit: &go.1 },
        raster::Trial { label: "NoGo", time_ms: &nogo.0, unit: &nogo.1 },
    ];
    Raster {
        title: if several { "Spikes in a Go and a NoGo trial" } else { "Spikes in a Go trial" },
        duration_ms: 1000.0,
        populations: &populations,
        trials: if several { &trials } else { &trials[..1] },
        windows: &[STIMULUS, RESPONSE],
        rate_bin_ms: Some(20.0),
        unit_rates: true,
    }
    .draw()
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
        trials: &[raster::Trial { label: "", time_ms: &time_ms, unit: &unit }],
        windows: &[],
        rate_bin_ms: Some(25.0),
        unit_rates: true,
    }
    .draw()
}

/// Rates about log-normal.
pub fn rates() -> Result<Figure, ReportError> {
    let (populations, mut numbers) = (populations(), Numbers(4));
    let base = |p: &Population| if *p == Population::Excitatory { 6.0 } else { 17.0 };
    let rates: Vec<f64> = populations.iter().map(|p| base(p) * (0.45 * numbers.normal()).exp()).collect();
    RateDistribution { title: "Firing rates", rates_hz: &rates, populations: &populations }.draw()
}

/// Leaky integrate-and-fire units driven by noise.
pub fn membrane() -> Result<Figure, ReportError> {
    let (mut numbers, dt_ms) = (Numbers(5), 0.05);
    let time_ms: Vec<f64> = (0..20_000).map(|step| f64::from(step) * dt_ms).collect();
    let mut unit = |drive: f64| {
        let (mut v, mut last, mut noise) = (-60.0, -1e9, 0.0);
        let (mut potential, mut spikes) = (Vec::new(), Vec::new());
        for &t in &time_ms {
            noise += -noise * dt_ms / 8.0 + 0.55 * numbers.normal() * dt_ms.sqrt();
            let input = if (250.0..700.0).contains(&t) { drive } else { 0.35 * drive };
            if t > last + 2.0 {
                v += dt_ms / 10.0 * (-58.0 + input + 6.0 * noise - v);
            }
            if v >= -40.0 {
                (v, last) = (-65.0, t);
                spikes.push(t);
            }
            potential.push(v);
        }
        (potential, spikes)
    };
    let units = [unit(20.0), unit(15.0), unit(24.0)];
    let names = [
        ("unit 3", Population::Excitatory),
        ("unit 17", Population::Inhibitory),
        ("unit 48", Population::Somatostatin),
    ];
    let traces: Vec<_> = (units.iter().zip(names))
        .map(|((potential, spikes_ms), (label, population))| membrane::Trace {
            label,
            population,
            potential,
            spikes_ms,
            threshold: Some(-40.0),
        })
        .collect();
    MembraneTraces {
        title: "Membrane potential of three units",
        time_ms: &time_ms,
        potential_unit: membrane::PotentialUnit::Millivolt,
        traces: &traces,
        windows: &[STIMULUS, RESPONSE],
    }
    .draw()
}

/// A plateau between silence and runaway.
pub fn search() -> Result<Figure, ReportError> {
    let candidates: Vec<_> = (4..=15)
        .map(|step| {
            let factor = 5.0 * f64::from(step);
            let performance: f64 =
                0.5 + 0.5 / (1.0 + ((factor - 62.0) / 2.6).exp()) - 0.5 / (1.0 + ((factor - 30.0) / 2.0).exp());
            let (n, z) = (100.0, 1.96_f64);
            let middle = (performance + z * z / (2.0 * n)) / (1.0 + z * z / n);
            let half = z / (1.0 + z * z / n) * (performance * (1.0 - performance) / n + z * z / (4.0 * n * n)).sqrt();
            search::Candidate {
                scaling_factor: factor,
                performance,
                interval: ((middle - half).max(0.0), (middle + half).min(1.0).max(performance)),
                rate_hz: 900.0 / factor,
            }
        })
        .collect();
    SearchCurve {
        title: "Search for the scaling factor",
        candidates: &candidates,
        chosen: Some(45.0),
        predicted: Some(50.0),
        criterion: Some(0.95),
    }
    .draw()
}

/// A loss that falls by two decades, with a gap.
pub fn training() -> Result<Figure, ReportError> {
    let mut numbers = Numbers(6);
    let mut course = |noise: f64| -> Vec<(f64, f64)> {
        let value = |update: f64, n: f64| (0.35 + 40.0 * (-update / 420.0).exp()) * (noise * n).exp();
        (0..=120).map(|i| f64::from(i) * 25.0).map(|update| (update, value(update, numbers.normal()))).collect()
    };
    let (mut loss, fresh) = (course(0.16), course(0.08));
    loss[60].1 = f64::NAN;
    let performance: Vec<_> = fresh.iter().map(|&(u, l)| (u, 1.0 - 0.5 * (l / 40.0).clamp(0.0, 1.0).sqrt())).collect();
    TrainingCurve {
        title: "Training of the rate network",
        losses: &[
            training::Course { label: "training", points: &loss },
            training::Course { label: "fresh trials", points: &fresh },
        ],
        loss_criterion: Some(7.0),
        performance_label: "Performance",
        performances: &[training::Course { label: "fresh trials", points: &performance }],
        performance_criterion: Some(0.95),
    }
    .draw()
}

/// Ten digits, about 97 % right.
pub fn confusion() -> Result<Figure, ReportError> {
    let mut numbers = Numbers(7);
    let mut counts: Vec<u64> = (0..100).map(|_| (6.0 * numbers.uniform().powi(3)) as u64).collect();
    for class in 0..10 {
        counts[class * 11] = 940 + (80.0 * numbers.uniform()) as u64;
    }
    counts[4 * 10 + 9] = 27;
    let classes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    Confusion { title: "Confusion of digits, 10,000 test images", classes: &classes, counts: &counts }.draw()
}

/// Rings and bars as stand-ins for digits.
pub fn digits() -> Result<Figure, ReportError> {
    let image = |digit: usize, shift: f64| -> Vec<f32> {
        let pixel = |index: usize| {
            let (x, y) = ((index % 28) as f64 - 13.5 - shift, (index / 28) as f64 - 13.5);
            let distance = match digit {
                0 => ((x * 1.3).hypot(y) - 8.0).abs(),
                1 => (x + 0.15 * y).abs() + if y.abs() > 9.0 { 9.0 } else { 0.0 },
                7 => (y + 8.0).abs().min((x + 0.6 * y).abs()) + if y.abs() > 9.0 || x.abs() > 7.0 { 9.0 } else { 0.0 },
                _ => (x.hypot(y + 4.5) - 4.2).abs().min((x.hypot(y - 4.5) - 4.5).abs()),
            };
            (1.8 - 0.7 * distance).clamp(0.0, 1.0) as f32
        };
        (0..784).map(pixel).collect()
    };
    let kinds = [(0, "0"), (1, "1"), (7, "7"), (8, "8")];
    let images: Vec<_> = (0..18).map(|i| (image(kinds[i % 4].0, i as f64 * 0.2 - 1.8), kinds[i % 4].1, i)).collect();
    let digits: Vec<_> = (images.iter())
        .map(|(pixels, class, i)| digits::Digit {
            pixels,
            true_class: class,
            predicted_class: if *i < 7 { kinds[(i + 1) % 4].1 } else { class },
        })
        .collect();
    ExampleDigits { title: "Test images", side: 28, digits: &digits }.draw()
}

/// Performance against a time constant, for two synapses.
pub fn sweep() -> Result<Figure, ReportError> {
    let points = |best: f64| -> Vec<_> {
        [5.0, 10.0, 20.0, 35.0, 50.0, 75.0, 100.0]
            .map(|parameter: f64| {
                let performance = 0.55 + 0.42 * (-((parameter / best).ln() / 0.9).powi(2)).exp();
                let networks = (0..9).map(|i| performance + 0.012 * f64::from((i * 5) % 9 - 4)).collect();
                let interval = (performance - 0.03, performance + 0.03);
                sweep::Point { parameter, performance, interval, networks }
            })
            .to_vec()
    };
    let (single, double) = (points(40.0), points(65.0));
    Sweep {
        title: "Performance against synaptic decay",
        parameter_label: "Synaptic decay time constant (ms)",
        performance_label: "Performance",
        variants: &[
            sweep::Variant { label: "single exponential", points: &single },
            sweep::Variant { label: "double exponential", points: &double },
        ],
        reference: Some(("chance", 0.5)),
    }
    .draw()
}

/// Four conditions that part in two modes.
pub fn trajectory() -> Result<Figure, ReportError> {
    let way = |x: f64, y: f64| -> (Vec<f64>, Vec<f64>) {
        let at = |step: i32| {
            let t = f64::from(step) / 250.0;
            let (grow, turn) = (1.0 - (-3.0 * t).exp(), 0.5 * (6.0 * t).sin() * (-2.0 * t).exp());
            (x * grow + turn * y, y * grow * t - turn * x)
        };
        (0..=250).map(at).unzip()
    };
    let ways = [way(1.0, 0.8), way(1.0, -0.8), way(-1.0, 0.8), way(-1.0, -0.8)];
    let labels = ["motion +, colour +", "motion +, colour −", "motion −, colour +", "motion −, colour −"];
    let ways: Vec<_> = (ways.iter().zip(labels)).map(|((x, y), label)| trajectory::Way { label, x, y }).collect();
    Trajectory { title: "State in mode space", x_label: "Mode 1", y_label: "Mode 2", ways: &ways }.draw()
}
