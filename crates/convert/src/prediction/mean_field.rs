//! The LIF network in mean field: a rate network with the transfer function of the LIF neuron, without spikes.
//!
//! ```text
//! x    = IPSC + b + W_in u                                                        (mV above the bias)
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
use mdl_kernels::lanes::{LANES, Lanes};
use mdl_kernels::product::common::Product;
use mdl_kernels::product::low_rank_batch::LowRankBatch;
use mdl_kernels::product::pattern::Pattern;
use mdl_kernels::product::sparse_batch::RowQuads;
use mdl_kernels::random::{Purpose, fill_normal};
use std::ops::Range;

/// A network in mean field.
pub struct MeanField<'a> {
    network: &'a LifNetwork,
    transfer: Transfer,
    /// The product with W for all scaling factors.
    weights: Box<dyn Product<f32>>,
    /// Δ (s)
    sample_s: f32,
    downsample: usize,
    /// e^{−Δ/τ_d} and (1 − e^{−Δ/τ_d})/Δ `[N]`
    decay: Vec<[f32; 2]>,
    /// v_reset, largest initial potential, threshold (mV)
    potentials_mv: [f64; 3],
}

/// Outcome of a mean-field trial with each scaling factor.
#[derive(Clone, Debug)]
pub struct Course {
    /// Extremes of the outputs, `[windows, O]`
    pub extremes: Vec<[Extremes; LANES]>,
    /// Spikes of all units.
    pub spikes: Lanes<f32>,
}

impl<'a> MeanField<'a> {
    /// Prepares a network; none where the neuron has no transfer function.
    pub fn new(network: &'a LifNetwork, config: &LifConfig, timing: &Timing) -> Option<Self> {
        let sample_ms = timing.step_ms * timing.steps_per_sample as f64;
        let decay = |tau_ms: &f64| {
            let kept = (-sample_ms / tau_ms).exp();
            [kept as f32, ((1.0 - kept) / (sample_ms / 1000.0)) as f32]
        };
        Some(Self {
            network,
            transfer: config.transfer()?,
            weights: weights(network),
            sample_s: (sample_ms / 1000.0) as f32,
            downsample: timing.downsample,
            decay: network.tau_decay_ms.iter().map(decay).collect(),
            potentials_mv: [config.v_reset_mv, config.v_initial_max_mv, config.neuron.threshold_mv(config.v_peak_mv())],
        })
    }

    /// Runs a trial, input `[T, K]`, with up to [`LANES`] scaling factors on the numbers of `draws`; the outputs are
    /// looked at in `windows` of samples.
    pub fn run(&self, input: &[f32], scaling_factors: &[f64], draws: TrialDraws, windows: &[Range<usize>]) -> Course {
        let factor = |l: usize| scaling_factors[l.min(scaling_factors.len() - 1)] as f32;
        let per_factor = Lanes(std::array::from_fn(|l| 1.0 / factor(l)));
        let mut state = State::new(self, draws);
        let mut noise = vec![0.0; self.network.units];
        let outputs = self.network.outputs;
        let extremes = vec![[Extremes::EMPTY; LANES]; windows.len() * outputs];
        let mut course = Course { extremes, spikes: Lanes::zero() };
        let samples = input.len() / self.network.inputs / self.downsample;
        let inside = |window: &Range<usize>| window.start / self.downsample..window.end / self.downsample;
        let windows: Vec<Range<usize>> = windows.iter().map(inside).collect();
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
            if !windows.iter().any(|window| window.contains(&sample)) {
                continue;
            }
            for o in 0..outputs {
                let out = state.output(self, o, &per_factor);
                for (window, extremes) in windows.iter().zip(course.extremes.chunks_exact_mut(outputs)) {
                    if window.contains(&sample) {
                        extremes[o].iter_mut().zip(out.0).for_each(|(e, out)| e.include(f64::from(out)));
                    }
                }
            }
        }
        course
    }
}

/// W for `LANES` scaling factors side by side.
fn weights(network: &LifNetwork) -> Box<dyn Product<f32>> {
    let single = |values: &[f64]| values.iter().map(|x| *x as f32).collect::<Vec<f32>>();
    match &network.recurrent {
        Recurrent::Dense(w) => {
            let (n, w) = (network.units, single(w));
            Box::new(RowQuads::new(LANES, &Pattern::of_rows(n, &w), |to, from| w[to * n + from]))
        }
        Recurrent::Modes { mode_in, score, mode_out } => {
            let scaled = mode_in.iter().enumerate().map(|(at, m)| (m * score[at % score.len()]) as f32).collect();
            Box::new(LowRankBatch::new(LANES, score.len(), scaled, single(mode_out)))
        }
    }
}

/// The state of a trial.
struct State {
    ipsc_mv: Vec<Lanes<f32>>,
    r: Vec<Lanes<f32>>,
    /// n
    count: Vec<Lanes<f32>>,
    /// W n
    input: Vec<Lanes<f32>>,
}

impl State {
    /// State before the first sample: only the spikes of units that start above threshold.
    fn new(field: &MeanField, draws: TrialDraws) -> Self {
        let n = field.network.units;
        let [low, high, threshold] = field.potentials_mv;
        let mut v_mv = vec![0.0; n];
        draws.initial_potentials(low, high, &mut v_mv);
        Self {
            ipsc_mv: vec![Lanes::zero(); n],
            r: vec![Lanes::zero(); n],
            count: v_mv.iter().map(|v| Lanes::splat(f32::from(u8::from(*v >= threshold)))).collect(),
            input: vec![Lanes::zero(); n],
        }
    }

    /// Adds the spikes of a sample to the pending ones.
    #[inline(always)]
    fn fire(&mut self, field: &MeanField, u: &[f32], noise: &[f32], spikes: &mut Lanes<f32>) {
        let (sample_s, root) = (field.sample_s, field.sample_s.sqrt());
        for (i, w_in) in field.network.w_in.chunks_exact(u.len()).enumerate() {
            let mut drive: f32 = w_in.iter().zip(u).map(|(w, u)| *w as f32 * u).sum();
            drive += field.network.bias_mv.get(i).map_or(0.0, |bias| *bias as f32);
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
    fn arrive(&mut self, field: &MeanField, per_factor: &Lanes<f32>) {
        self.input.fill(Lanes::zero());
        field.weights.accumulate(Lanes::values(&self.count), Lanes::values_mut(&mut self.input));
        for i in 0..self.ipsc_mv.len() {
            let [kept, gain] = field.decay[i];
            for l in 0..LANES {
                self.ipsc_mv[i][l] = self.ipsc_mv[i][l] * kept + gain * per_factor[l] * self.input[i][l];
                self.r[i][l] = self.r[i][l] * kept + gain * self.count[i][l];
            }
        }
        self.count.fill(Lanes::zero());
    }

    /// W_out r / scaling_factor
    fn output(&self, field: &MeanField, output: usize, per_factor: &Lanes<f32>) -> Lanes<f32> {
        let mut out = Lanes::zero();
        let w_out = &field.network.w_out[output * field.network.units..];
        self.r.iter().zip(w_out).for_each(|(r, w)| out += *r * *w as f32);
        out * *per_factor
    }
}
