//! The LIF simulation against traces of the published MATLAB function (run in GNU Octave 7.3, double precision, with
//! the same initial potentials, noise and coins), and the exponential neuron, which it lacks, against NumPy: section 5 of docs/dynamics.md, `tests/fixtures/oracle/README.md`.

mod common;

use common::Fixture;
use mdl_convert::lif::config::{LifConfig, LifMode, LifSynapse, StimulatedUnits, Stimulation};
use mdl_convert::lif::neurons::LifNeuron;
use mdl_convert::lif::neurons::exponential::Exponential;
use mdl_convert::lif::neurons::quadratic::Quadratic;
use mdl_convert::lif::{LifNetwork, Recording, Run, Simulator, Timing, Traces};

const CASES: [&str; 9] = [
    "gonogo_go",
    "small_det",
    "small_noise",
    "small_w0",
    "small_single_exp",
    "small_qif",
    "small_eif",
    "small_opto_exc",
    "small_downsample2",
];

/// The config of a case.
fn config(fixture: &Fixture, mode: LifMode) -> LifConfig {
    let flag = |name| fixture.number(name) == 1.0;
    let window = fixture.array("opto_dur");
    let step_ms = fixture.number("dt") * 1000.0;
    let units = fixture.array("opto_units").iter().map(|i| *i as usize).collect();
    LifConfig {
        mode,
        neuron: match flag("is_qif") {
            true => LifNeuron::Qif(Quadratic {}),
            false if fixture.has("slope_factor_mv") => LifNeuron::Eif(Exponential {
                threshold_mv: fixture.number("threshold_mv"),
                slope_factor_mv: fixture.number("slope_factor_mv"),
            }),
            false => LifNeuron::default(),
        },
        downsample: fixture.number("downsample") as usize,
        synapse: if fixture.number("tr") == 0.0 { LifSynapse::Single } else { LifSynapse::Double },
        noise_sd_mv_per_step: if flag("uses_noise") { 0.1 } else { 0.0 },
        use_initial_weights: flag("use_initial_weights"),
        stimulation: flag("opto_mode").then(|| Stimulation {
            population: StimulatedUnits::Units { units },
            from_ms: window[0] * step_ms,
            to_ms: window[1] * step_ms,
            amplitude_mv: 0.5,
            probability: 0.5,
        }),
        ..LifConfig::default()
    }
}

/// Runs a case and keeps everything the reference holds.
fn run(fixture: &Fixture, network: &LifNetwork, mode: LifMode) -> Run {
    let config = config(fixture, mode);
    let samples = (fixture.number("T") * 1000.0 / 5.0).round() as usize;
    let timing = Timing::new(&config, samples, 5.0).unwrap();
    assert_eq!(timing.steps, fixture.number("nt") as usize);
    let recording = Recording {
        out_every: Some(1),
        spikes: true,
        rate_every: Some(100),
        traces: Some(Traces { units: (0..network.units).collect(), every: 1 }),
        end_state: true,
        ..Recording::default()
    };
    let simulator = Simulator::new(network, &config, timing).unwrap();
    let factor = fixture.number("scaling_factor");
    simulator.run(&fixture.input(), &[factor], &fixture.draws(), &recording).unwrap().remove(0)
}

fn assert_close(case: &str, name: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{case} {name}");
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= 1e-12 * e.abs().max(1.0), "{case} {name}[{i}]: {f} for {e}");
    }
}

fn assert_raster(case: &str, fixture: &Fixture, run: &Run) {
    let expected: Vec<(u32, u32)> = fixture
        .array("spk_step")
        .iter()
        .zip(fixture.array("spk_unit"))
        .map(|(step, unit)| (*step as u32, unit as u32))
        .collect();
    let found: Vec<(u32, u32)> = run.spikes.iter().map(|spike| (spike.step, spike.unit)).collect();
    assert_eq!(found, expected, "{case}");
}

/// `[N, times]` as `[times, N]`.
fn by_time(values: &[f64], units: usize) -> Vec<f64> {
    let times = values.len() / units;
    (0..values.len()).map(|at| values[at % units * times + at / units]).collect()
}

/// The values `[steps, N]` after step `first` and every 100th from there.
fn after_steps(values: &[f64], units: usize, first: usize) -> Vec<f64> {
    values.chunks_exact(units).skip(first - 1).step_by(100).flatten().copied().collect()
}

#[test]
fn exact_mode_spikes_as_published_and_its_states_agree() {
    for case in CASES {
        let fixture = Fixture::read(case);
        let network = fixture.network();
        let run = run(&fixture, &network, LifMode::Exact);
        assert_raster(case, &fixture, &run);
        assert_close(case, "out", &run.out, &fixture.array("out"));
        assert_close(case, "rs100", &run.rate, &by_time(&fixture.array("rs100"), network.units));
        let trial_ms = fixture.number("T") * 1000.0;
        assert_close(case, "all_fr", &run.rate_hz(trial_ms), &fixture.array("all_fr"));
        if fixture.has("rec100") {
            // The reference draws a spike's peak, 30 mV, where the state is already reset.
            let potentials = by_time(&fixture.array("rec100"), network.units);
            let drawn = |(v, e): (&f64, &f64)| if *e > 29.0 && *v == -65.0 { *e } else { *v };
            let v_mv = after_steps(&run.v_mv, network.units, 100);
            let found: Vec<f64> = v_mv.iter().zip(&potentials).map(drawn).collect();
            assert_close(case, "rec100", &found, &potentials);
            // It keeps the current that a step begins with.
            let ipsc_mv = after_steps(&run.ipsc_mv, network.units, 99);
            assert_close(case, "ipsc100", &ipsc_mv, &by_time(&fixture.array("ipsc100"), network.units));
        }
        let end = run.end.as_ref().unwrap();
        assert_close(case, "v_end", &end.v_mv, &fixture.array("v_end"));
        assert_close(case, "ipsc_end", &end.ipsc_mv, &fixture.array("ipsc_end"));
        assert_close(case, "r_end", &end.r, &fixture.array("r_end"));
        if fixture.number("tr") > 0.0 {
            assert_close(case, "h_end", &end.h, &fixture.array("h_end"));
            assert_close(case, "hr_end", &end.h_r, &fixture.array("hr_end"));
        }
    }
}

#[test]
fn fast_kernel_in_double_precision_spikes_as_published() {
    for case in CASES {
        let fixture = Fixture::read(case);
        let network = fixture.network();
        assert_raster(case, &fixture, &run(&fixture, &network, LifMode::FastDouble));
    }
}
