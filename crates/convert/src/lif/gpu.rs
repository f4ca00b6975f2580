//! LIF trials on a GPU, or under emulation: all trials and scaling factors of a batch at once, one block per simulation
//! (`lif.cu`).
//!
//! The kernel computes the same as the fast mode, in the same order and with the same random numbers, except that sums
//! over units are added in another order and that a GPU fuses products with sums.

use super::draws::{CHUNK, Draws};
use super::launch::{Lif, Plan, TrialOnGpu};
use super::{Engine, Recording, Recurrent, Run, Simulator};
use crate::error::{Error, Result};
use mdl_data::field::InvalidField;
use mdl_data::tasks::Extremes;
use mdl_device::{Backend, Grid, Kernel};
use mdl_kernels::random::Purpose;

impl Simulator<'_> {
    /// Runs simulations (trial, scaling factor) of trials with these inputs `[samples, K]` and random numbers, all of one
    /// seed, and the windows in which the outputs of each are looked at. One [`Run`] per simulation, with extremes, counts of
    /// spikes and, every so many steps if asked for, outputs.
    ///
    /// # Errors
    /// Those of [`Simulator::run`], a mode other than the fast one, a network too large for the kernels, those of the
    /// device.
    pub fn run_on<M: Backend>(
        &self,
        machine: &M,
        trials: &[TrialOnGpu],
        simulations: &[(usize, f64)],
        out_every: Option<usize>,
    ) -> Result<Vec<Run>> {
        let prepared = match &self.engine {
            Engine::Fast(prepared) => prepared,
            Engine::Exact(_) => return Err(refused("lif.mode", "exact", "fast on a GPU")),
            Engine::FastDouble(_) => return Err(refused("lif.mode", "fast-double", "fast on a GPU")),
        };
        let (network, timing, c) = (self.network, &self.timing, prepared.constants());
        let (n, outputs) = (network.units, network.outputs);
        let modes = if let Recurrent::Modes { score, .. } = &network.recurrent { score.len() } else { 0 };
        let windows = trials.iter().map(|trial| trial.windows.len()).max().unwrap_or_default();
        let Some(plan) = Plan::new(n, modes, outputs, windows) else {
            let found = format!("{n} with {modes} modes, {outputs} outputs and {windows} windows");
            return Err(refused(
                "network.neurons",
                &found,
                "at most 4096 units and modes, and fewer outputs and windows, on a GPU",
            ));
        };
        if simulations.is_empty() {
            return Ok(Vec::new());
        }
        let mut factors: Vec<f64> = simulations.iter().map(|(_, factor)| *factor).collect();
        factors.sort_by(f64::total_cmp);
        factors.dedup();
        self.check(&factors, &Recording::default())?;
        let place = |factor: f64| factors.iter().position(|f| *f == factor).expect("it is in the list") as u32;
        let floats =
            |values: &mut dyn Iterator<Item = f64>| machine.upload(&values.map(|x| x as f32).collect::<Vec<_>>());

        let (mut drive, mut potential, mut samples) = (Vec::new(), Vec::new(), 0);
        // No step lies in the windows that a trial does not have.
        let mut window = vec![[i32::MAX, 0]; trials.len() * windows];
        for (index, TrialOnGpu { input, draws, windows: own, .. }) in trials.iter().enumerate() {
            for (to, from) in window[index * windows..].iter_mut().zip(own) {
                *to = [*from.start() as i32, *from.end() as i32];
            }
            let of_trial = self.drive(input)?;
            samples = of_trial.len() / n;
            drive.extend(of_trial.iter().map(|x| *x as f32));
            let mut v_mv = vec![0.0; n];
            draws.initial_potentials(c.v_reset, c.v_initial_max, &mut v_mv);
            potential.extend(v_mv.iter().map(|v| *v as f32));
        }
        let halves = |number: u64| [number as u32, (number >> 32) as u32];
        let seed = trials.first().map_or(0, |trial| trial.draws.seed);
        let draw =
            machine.upload(trials.iter().map(|trial| halves(trial.draws.trial)).collect::<Vec<_>>().as_flattened())?;
        let counted_to = machine.upload(&trials.iter().map(|trial| trial.counted_to as u32).collect::<Vec<_>>())?;
        let window = machine.upload(&window.as_flattened().iter().map(|step| *step as u32).collect::<Vec<_>>())?;
        let trial = machine.upload(&simulations.iter().map(|(trial, _)| *trial as u32).collect::<Vec<_>>())?;
        let factor = machine.upload(&simulations.iter().map(|(_, factor)| place(*factor)).collect::<Vec<_>>())?;
        let (drive, potential) = (machine.upload(&drive)?, machine.upload(&potential)?);
        let pulses = self.pulses(trials).map(|bits| machine.upload(&bits)).transpose()?;
        let pulsed = c.pulses.as_ref().map_or(&[][..], |pulses| &pulses.units);
        let pulsed = machine.upload(&(0..n).map(|i| u32::from(pulsed.contains(&i))).collect::<Vec<_>>())?;
        let decay = floats(&mut c.decay_d.iter().copied())?;
        let own = floats(&mut c.spread.iter().map(|spread| 1.0 / spread))?;
        let gain = floats(&mut factors.iter().flat_map(|f| c.spread.iter().map(move |spread| 1.0 / (spread * f))))?;
        let w_out = floats(&mut factors.iter().flat_map(|f| network.w_out.iter().map(move |w| w / f)))?;
        let none: &[f64] = &[];
        let (weights, score, mode_out) = match &network.recurrent {
            Recurrent::Dense(w) => (by_column(w, n), none, none),
            Recurrent::Modes { mode_in, score, mode_out } => {
                (by_column(mode_in, score.len()), &score[..], &mode_out[..])
            }
        };
        let weights = floats(&mut weights.into_iter())?;
        let (score, mode_out) = (floats(&mut score.iter().copied())?, floats(&mut mode_out.iter().copied())?);
        let count = simulations.len();
        let kept = out_every.map_or(0, |every| timing.steps / every * outputs);
        let extremes = machine.empty::<f32>(count * windows * outputs * 4)?;
        let out = machine.empty::<f32>(count * kept)?;
        let counts = machine.empty::<u32>(count * n)?;
        let kernel = c.neuron.kernel();
        let arguments = Lif {
            steps: timing.steps as i32,
            units: n as i32,
            outputs: outputs as i32,
            modes: modes as i32,
            samples: samples as i32,
            steps_per_sample: timing.steps_per_sample as i32,
            synapse_double: i32::from(c.double),
            neuron: kernel.number,
            refractory_steps: c.refractory_steps,
            windows: windows as i32,
            out_every: out_every.map_or(0, |every| every as i32),
            seed: halves(seed),
            purpose: Purpose::LifNoise as u32,
            dt: c.dt as f32,
            leak: (c.dt / c.tau_m) as f32,
            decay_rise: c.decay_r as f32,
            bias: c.bias as f32,
            v_peak: c.v_peak as f32,
            v_reset: c.v_reset as f32,
            noise_sd: c.noise_sd as f32,
            pulse_mv: c.pulses.as_ref().map_or(0.0, |pulses| pulses.amplitude_mv as f32),
            constants: kernel.constants.map(|x| x as f32),
            trial: machine.address(&trial),
            factor: machine.address(&factor),
            draw: machine.address(&draw),
            window: machine.address(&window),
            counted_to: machine.address(&counted_to),
            drive: machine.address(&drive),
            potential: machine.address(&potential),
            pulses: pulses.as_ref().map_or(0, |pulses| machine.address(pulses)),
            pulsed: machine.address(&pulsed),
            decay: machine.address(&decay),
            own: machine.address(&own),
            gain: machine.address(&gain),
            weights: machine.address(&weights),
            score: machine.address(&score),
            mode_out: machine.address(&mode_out),
            w_out: machine.address(&w_out),
            extremes: machine.address(&extremes),
            out: machine.address(&out),
            counts: machine.address(&counts),
        };
        let name = format!("lif_{}", plan.items);
        let grid = Grid { blocks: count, threads: plan.threads, shared_bytes: plan.shared };
        // SAFETY: the buffers have the sizes stated in the kernel's structure, and live until their values have been
        // read back.
        unsafe { machine.launch(Kernel { source: "lif", name: &name }, grid, &arguments)? };
        let (extremes, out) = (machine.download(&extremes)?, machine.download(&out)?);
        let counts = machine.download(&counts)?;
        let of_four = |e: &[f32]| {
            let [max, min, sum, count] = [e[0], e[1], e[2], e[3]].map(f64::from);
            Extremes { max, min, sum, count }
        };
        let own_windows = |simulation: usize| trials[simulations[simulation].0].windows.len();
        let run = |simulation: usize| Run {
            extremes: extremes[simulation * windows * outputs * 4..][..own_windows(simulation) * outputs * 4]
                .chunks_exact(4)
                .map(of_four)
                .collect(),
            spike_count: counts[simulation * n..][..n].to_vec(),
            out: out[simulation * kept..][..kept].iter().map(|x| f64::from(*x)).collect(),
            ..Run::default()
        };
        Ok((0..count).map(run).collect())
    }

    /// The coins of a stimulation as bits, `[trials][⌈steps/32⌉]`, if there is one.
    fn pulses(&self, trials: &[TrialOnGpu]) -> Option<Vec<u32>> {
        let Engine::Fast(prepared) = &self.engine else { return None };
        let pulses = prepared.constants().pulses.as_ref()?;
        let steps = self.timing.steps;
        let mut bits = vec![0u32; trials.len() * steps.div_ceil(32)];
        for (TrialOnGpu { draws, .. }, bits) in trials.iter().zip(bits.chunks_exact_mut(steps.div_ceil(32))) {
            for first in (0..steps).step_by(CHUNK) {
                let mut coins = [0.0; CHUNK];
                let coins = &mut coins[..CHUNK.min(steps - first)];
                draws.coins(first, coins);
                for (step, coin) in (first..).zip(coins) {
                    let falls = pulses.steps.contains(&(step + 1)) && *coin < pulses.probability;
                    bits[step / 32] |= u32::from(falls) << (step % 32);
                }
            }
        }
        Some(bits)
    }
}

fn refused(field: &str, found: &str, expected: &str) -> Error {
    InvalidField { field: field.into(), found: found.into(), expected: expected.into() }.into()
}

/// Columns of a matrix with rows of `width` values.
fn by_column(matrix: &[f64], width: usize) -> Vec<f64> {
    (0..width).flat_map(|column| matrix.iter().skip(column).step_by(width.max(1)).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::TrialDraws;
    use crate::lif::config::{LifConfig, LifMode, LifSynapse, StimulatedUnits, Stimulation};
    use crate::lif::neurons::LifNeuron;
    use crate::lif::neurons::exponential::Exponential;
    use crate::lif::neurons::quadratic::Quadratic;
    use crate::lif::{LifNetwork, Timing, UnitKind};
    use mdl_emulator::Emulator;
    use mdl_kernels::random::fill_normal;

    fn normal(index: u64, sd: f32, count: usize) -> Vec<f64> {
        let mut values = vec![0f32; count];
        fill_normal(3, Purpose::WrittenTrial, index, 0, sd, &mut values);
        values.into_iter().map(f64::from).collect()
    }

    fn network(units: usize, recurrent: Recurrent) -> LifNetwork {
        LifNetwork {
            units,
            inputs: 2,
            outputs: 2,
            w_in: normal(0, 10.0, units * 2),
            recurrent,
            w_out: normal(1, 1.0, 2 * units),
            tau_decay_ms: normal(2, 5.0, units).iter().map(|x| 20.0 + x.abs()).collect(),
            bias_mv: Vec::new(),
            kinds: vec![UnitKind::Excitatory; units],
        }
    }

    /// Every simulation of two trials and three factors gives the same spikes and outputs as the fast mode of the CPU.
    fn check(network: &LifNetwork, config: LifConfig) {
        let Some(machine) = Emulator::new() else { return };
        let config = LifConfig { mode: LifMode::Fast, ..config };
        let timing = Timing::new(&config, 9, 5.0).unwrap();
        let simulator = Simulator::new(network, &config, timing.clone()).unwrap();
        // The second trial has one window fewer than the first.
        let windows = [timing.window(2..7), timing.window(0..3)];
        let trial = |trial: u64| TrialOnGpu {
            input: normal(10 + trial, 1.0, 10 * network.inputs),
            draws: TrialDraws { seed: 5 << 33, trial: trial << 34 },
            windows: windows[trial as usize - 1..].to_vec(),
            // The second is counted for nine tenths of its steps.
            counted_to: timing.steps - timing.steps / 10 * (trial as usize - 1),
        };
        let trials = [trial(1), trial(2)];
        let factors = [0.5, 2.0, 40.0];
        let simulations: Vec<(usize, f64)> = (0..2).flat_map(|t| factors.map(|f| (t, f))).collect();
        let run = |trial: &TrialOnGpu| {
            let recording = Recording {
                windows: trial.windows.clone(),
                out_every: Some(30),
                counted_to: Some(trial.counted_to),
                ..Recording::default()
            };
            simulator.run(&trial.input, &factors, &trial.draws, &recording).unwrap()
        };
        let expected: Vec<_> = trials.iter().flat_map(run).collect();
        for machine in [machine, Emulator { descending: true }] {
            let found = simulator.run_on(&machine, &trials, &simulations, Some(30)).unwrap();
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                assert!(expected.spike_count.iter().sum::<u32>() > 20, "a silent network tests nothing");
                assert_eq!(found.spike_count, expected.spike_count);
                assert_eq!(found.extremes.len(), expected.extremes.len());
                for (a, b) in found.extremes.iter().zip(&expected.extremes) {
                    let scale = 1e-4 * b.max.abs().max(b.min.abs());
                    assert!((a.max - b.max).abs() <= scale && (a.min - b.min).abs() <= scale, "{a:?} {b:?}");
                    assert!(a.count == b.count && (a.mean() - b.mean()).abs() <= scale, "{a:?} {b:?}");
                }
                let scale = 1e-4 * expected.out.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
                assert_eq!(found.out.len(), expected.out.len());
                assert!(found.out.iter().zip(&expected.out).all(|(a, b)| (a - b).abs() <= scale));
            }
        }
    }

    #[test]
    fn every_neuron_synapse_and_recurrence_agrees_with_the_fast_mode() {
        let dense = || Recurrent::Dense(normal(4, 5.0, 40 * 40));
        let modes = Recurrent::Modes {
            mode_in: normal(5, 5.0, 40 * 3),
            score: normal(6, 1.0, 3),
            mode_out: normal(7, 1.0, 40 * 3),
        };
        for synapse in [LifSynapse::Single, LifSynapse::Double] {
            for recurrent in [dense(), modes.clone()] {
                check(&network(40, recurrent), LifConfig { synapse, ..LifConfig::default() });
            }
        }
        check(
            &network(40, dense()),
            LifConfig { neuron: LifNeuron::Qif(Quadratic {}), dt_ms: 0.1, ..LifConfig::default() },
        );
        let eif = LifNeuron::Eif(Exponential { slope_factor_mv: 2.0, ..Exponential::default() });
        check(&network(40, dense()), LifConfig { neuron: eif, dt_ms: 0.1, ..LifConfig::default() });
        check(&network(40, dense()), LifConfig { noise_sd_mv_per_step: 0.0, ..LifConfig::default() });
        let stimulation = Stimulation {
            population: StimulatedUnits::Units { units: vec![0, 7, 39] },
            from_ms: 10.0,
            to_ms: 30.0,
            amplitude_mv: 5.0,
            probability: 0.5,
        };
        check(&network(40, dense()), LifConfig { stimulation: Some(stimulation), ..LifConfig::default() });
    }

    /// One warp and many, one and four units per thread.
    #[test]
    fn every_path_by_size_agrees_with_the_fast_mode() {
        for (units, modes, dt_ms) in [(5, 2, 0.2), (33, 40, 0.2), (1100, 2, 0.2), (4096, 128, 1.0)] {
            let sd = 5.0;
            let recurrent = Recurrent::Modes {
                mode_in: normal(5, sd, units * modes),
                score: normal(6, 1.0, modes),
                mode_out: normal(7, 1.0, units * modes),
            };
            check(&network(units, recurrent), LifConfig { dt_ms, ..LifConfig::default() });
        }
    }

    #[test]
    fn outputs_that_are_no_numbers_have_no_extremes() {
        let Some(machine) = Emulator::new() else { return };
        let weights = normal(4, 5.0, 70 * 70).into_iter().map(f64::abs).collect();
        let mut network = network(70, Recurrent::Dense(weights));
        // A spike of this unit overflows in single precision, unless divided by the scaling factor.
        network.tau_decay_ms[66] = 1e-40;
        let config = LifConfig { mode: LifMode::Fast, ..LifConfig::default() };
        let timing = Timing::new(&config, 9, 5.0).unwrap();
        let simulator = Simulator::new(&network, &config, timing.clone()).unwrap();
        let (input, draws) = (normal(10, 1.0, 10 * network.inputs), TrialDraws { seed: 5, trial: 1 });
        let trials = [TrialOnGpu { input, draws, windows: vec![timing.window(2..7)], counted_to: timing.steps }];
        let found = simulator.run_on(&machine, &trials, &[(0, 1e10)], None).unwrap().remove(0);
        assert!(found.spike_count[66] > 0);
        assert!(found.extremes.iter().all(|e| e.max.is_nan() && e.min.is_nan()), "{:?}", found.extremes);
    }

    #[test]
    fn other_modes_and_larger_networks_are_refused() {
        let Some(machine) = Emulator::new() else { return };
        let refuse = |units, mode| {
            let network = network(units, Recurrent::Modes { mode_in: vec![], score: vec![], mode_out: vec![] });
            let config = LifConfig { mode, ..LifConfig::default() };
            let timing = Timing::new(&config, 9, 5.0).unwrap();
            let simulator = Simulator::new(&network, &config, timing).unwrap();
            simulator.run_on(&machine, &[], &[], None).unwrap_err().to_string()
        };
        assert!(refuse(5, LifMode::Exact).contains("lif.mode"));
        assert!(refuse(5000, LifMode::Fast).contains("5000"));
    }
}
