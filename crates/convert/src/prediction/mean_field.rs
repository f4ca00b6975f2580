//! The LIF network in mean field: a rate network with the transfer function of the LIF neuron, without spikes.
//!
//! ```text
//! x    = IPSC + W_in u                                                            (mV above the bias)
//! n    = Δ ν(x) + √Δ · CV(x) √ν(x) · N(0,1)                                       spikes during a sample of duration Δ
//! IPSC = IPSC·e^{−Δ/τ_d} + (1 − e^{−Δ/τ_d})/Δ · W n / scaling_factor
//! r    = r·e^{−Δ/τ_d}    + (1 − e^{−Δ/τ_d})/Δ · n
//! out  = W_out r / scaling_factor
//! ```
//!
//! ν and CV are those of the neuron ([`Transfer`]); their product determines the fluctuations in the number of spikes
//! of a nearly regular train. Rise time and membrane time constant are neglected, because both are short compared with
//! τ_d. A trial starts with the spikes of the units whose initial potential is above threshold. A sample takes one
//! step, against a hundred in the simulation, and all scaling factors run together in vector lanes.

use crate::lif::config::LifConfig;
use crate::lif::neurons::Transfer;
use crate::lif::{Draws, LifNetwork, Recurrent, Timing, TrialDraws};
use mdl_data::tasks::Extremes;
use mdl_kernels::random::{Purpose, fill_normal};
use std::ops::Range;

/// Scaling factors that run side by side.
pub const LANES: usize = 16;

/// A number for each of the scaling factors.
type Lanes = [f32; LANES];

/// W by receiving unit.
#[derive(Debug)]
enum Weights {
    /// Present connections of each unit: from, weight.
    Sparse(Vec<Vec<(u32, f32)>>),
    /// Ξ_in diag(λ) `[N][P]`, Ξ_out `[N][P]`
    Modes { modes: usize, scaled_in: Vec<f32>, mode_out: Vec<f32> },
}

/// A network in mean field.
#[derive(Debug)]
pub struct MeanField<'a> {
    network: &'a LifNetwork,
    transfer: Transfer,
    weights: Weights,
    /// Δ (s)
    sample_s: f32,
    downsample: usize,
    /// e^{−Δ/τ_d} and (1 − e^{−Δ/τ_d})/Δ `[N]`
    decay: Vec<[f32; 2]>,
    /// v_reset, largest initial potential, threshold (mV)
    potentials_mv: [f64; 3],
}

/// What a mean-field trial did with each scaling factor.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Extremes of the output in the response window.
    pub extremes: [Extremes; LANES],
    /// Spikes of all units.
    pub spikes: Lanes,
}

impl<'a> MeanField<'a> {
    /// Makes a network ready; none where the neuron has no transfer function.
    pub fn new(network: &'a LifNetwork, config: &LifConfig, timing: &Timing) -> Option<Self> {
        let sample_ms = timing.step_ms * timing.steps_per_sample as f64;
        let decay = |tau_ms: &f64| {
            let kept = (-sample_ms / tau_ms).exp();
            [kept as f32, ((1.0 - kept) / (sample_ms / 1000.0)) as f32]
        };
        Some(Self {
            network,
            transfer: config.transfer()?,
            weights: Weights::new(network),
            sample_s: (sample_ms / 1000.0) as f32,
            downsample: timing.downsample,
            decay: network.tau_decay_ms.iter().map(decay).collect(),
            potentials_mv: [config.v_reset_mv, config.v_initial_max_mv, config.neuron.threshold_mv(config.v_peak_mv())],
        })
    }

    /// Runs a trial, input `[T, K]`, with up to [`LANES`] scaling factors on the numbers of `draws`; `response` is a window
    /// of samples. Only the first output is looked at.
    pub fn run(&self, input: &[f32], scaling_factors: &[f64], draws: TrialDraws, response: Range<usize>) -> Course {
        let per_factor = std::array::from_fn(|l| 1.0 / scaling_factors[l.min(scaling_factors.len() - 1)] as f32);
        let mut state = State::new(self, draws);
        let mut noise = vec![0.0; self.network.units];
        let mut course = Course { extremes: [Extremes::EMPTY; LANES], spikes: [0.0; LANES] };
        let samples = input.len() / self.network.inputs / self.downsample;
        let response = response.start / self.downsample..response.end / self.downsample;
        for sample in 0..samples {
            let block = (sample * self.network.units.next_multiple_of(4 * LANES) / 4) as u32;
            fill_normal(draws.seed, Purpose::MeanFieldNoise, draws.trial, block, 1.0, &mut noise);
            let u = &input[sample * self.downsample * self.network.inputs..][..self.network.inputs];
            mdl_kernels::dispatch::dispatch(
                #[inline(always)]
                || {
                    state.fire(self, u, &noise, &mut course.spikes);
                    state.arrive(self, &per_factor);
                },
            );
            if response.contains(&sample) {
                let out = state.output(self, &per_factor);
                course.extremes.iter_mut().zip(out).for_each(|(e, out)| e.include(f64::from(out)));
            }
        }
        course
    }
}

impl Weights {
    fn new(network: &LifNetwork) -> Self {
        match &network.recurrent {
            Recurrent::Dense(w) => {
                let present = |row: &[f64]| {
                    let connections = row.iter().enumerate().filter(|(_, w)| **w != 0.0);
                    connections.map(|(from, w)| (from as u32, *w as f32)).collect()
                };
                Self::Sparse(w.chunks_exact(network.units).map(present).collect())
            }
            Recurrent::Modes { mode_in, score, mode_out } => Self::Modes {
                modes: score.len(),
                scaled_in: mode_in.iter().enumerate().map(|(at, m)| (m * score[at % score.len()]) as f32).collect(),
                mode_out: mode_out.iter().map(|m| *m as f32).collect(),
            },
        }
    }
}

/// The state of a trial.
struct State {
    ipsc_mv: Vec<Lanes>,
    r: Vec<Lanes>,
    /// n
    count: Vec<Lanes>,
    /// Ξ_outᵀ n
    overlap: Vec<Lanes>,
}

impl State {
    /// State before the first sample: only the spikes of units that start above threshold.
    fn new(field: &MeanField, draws: TrialDraws) -> Self {
        let n = field.network.units;
        let [low, high, threshold] = field.potentials_mv;
        let mut v_mv = vec![0.0; n];
        draws.initial_potentials(low, high, &mut v_mv);
        let modes = if let Weights::Modes { modes, .. } = &field.weights { *modes } else { 0 };
        Self {
            ipsc_mv: vec![[0.0; LANES]; n],
            r: vec![[0.0; LANES]; n],
            count: v_mv.iter().map(|v| [f32::from(u8::from(*v >= threshold)); LANES]).collect(),
            overlap: vec![[0.0; LANES]; modes],
        }
    }

    /// Adds the spikes of a sample to the pending ones.
    #[inline(always)]
    fn fire(&mut self, field: &MeanField, u: &[f32], noise: &[f32], spikes: &mut Lanes) {
        let (sample_s, root) = (field.sample_s, field.sample_s.sqrt());
        for (i, w_in) in field.network.w_in.chunks_exact(u.len()).enumerate() {
            let drive: f32 = w_in.iter().zip(u).map(|(w, u)| *w as f32 * u).sum();
            for l in 0..LANES {
                let [rate, spread] = field.transfer.at(self.ipsc_mv[i][l] + drive);
                let count = sample_s * rate + root * spread * noise[i];
                self.count[i][l] += count;
                spikes[l] += count;
            }
        }
    }

    /// Updates IPSC and r with the spikes.
    #[inline(always)]
    fn arrive(&mut self, field: &MeanField, per_factor: &Lanes) {
        if let Weights::Modes { modes, mode_out, .. } = &field.weights {
            self.overlap.fill([0.0; LANES]);
            for (count, row) in self.count.iter().zip(mode_out.chunks_exact(*modes)) {
                row.iter().zip(&mut self.overlap).for_each(|(m, sum)| add(sum, *m, count));
            }
        }
        for i in 0..self.ipsc_mv.len() {
            let mut input = [0.0; LANES];
            match &field.weights {
                Weights::Sparse(rows) => {
                    rows[i].iter().for_each(|(from, w)| add(&mut input, *w, &self.count[*from as usize]));
                }
                Weights::Modes { modes, scaled_in, .. } => {
                    let row = &scaled_in[i * modes..][..*modes];
                    row.iter().zip(&self.overlap).for_each(|(m, overlap)| add(&mut input, *m, overlap));
                }
            }
            let [kept, gain] = field.decay[i];
            for l in 0..LANES {
                self.ipsc_mv[i][l] = self.ipsc_mv[i][l] * kept + gain * per_factor[l] * input[l];
                self.r[i][l] = self.r[i][l] * kept + gain * self.count[i][l];
            }
        }
        self.count.fill([0.0; LANES]);
    }

    /// W_out r / scaling_factor
    fn output(&self, field: &MeanField, per_factor: &Lanes) -> Lanes {
        let mut out = [0.0; LANES];
        self.r.iter().zip(&field.network.w_out).for_each(|(r, w)| add(&mut out, *w as f32, r));
        std::array::from_fn(|l| out[l] * per_factor[l])
    }
}

/// sum += w x
#[inline(always)]
fn add(sum: &mut Lanes, w: f32, x: &Lanes) {
    for l in 0..LANES {
        sum[l] += w * x[l];
    }
}
