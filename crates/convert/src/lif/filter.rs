//! The synaptic variable r of each unit and the outputs W_out r, from the spikes of a chunk of steps.
//!
//! ```text
//! double synapse:  r = r·e^{−dt/τ_d} + h_r·dt;   h_r = h_r·e^{−dt/τ_r} + spike/(τ_r τ_d)      (r uses the old h_r)
//! single synapse:  r = r·e^{−dt/τ_d} + spike/τ_d
//! ```
//!
//! Several steps are processed together, so that r and h_r are read and written once.

use super::draws::CHUNK;
use super::precision::Precision;
use super::recording::Recorder;
use mdl_kernels::lanes::{LANES, Lanes};
use std::ops::Range;

/// Number of groups whose spikes share words, one bit each.
pub(super) const SET: usize = 32;

/// Number of steps processed together.
const STEPS: usize = 4;

/// Constants of the synapses.
#[derive(Debug)]
pub(super) struct Synapses<R> {
    /// e^{−dt/τ_d} `[groups]`
    pub decay: Vec<Lanes<R>>,
    /// A unit's own spike enters h_r (or r) with this: 1/(τ_r τ_d) or 1/τ_d `[groups]`.
    pub spike_gain: Vec<Lanes<R>>,
    pub relaxation: Relaxation<R>,
}

/// Decay of a synapse between spikes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relaxation<R> {
    /// dt
    pub dt: R,
    /// e^{−dt/τ_r}
    pub decay_r: R,
}

impl<R: Precision> Relaxation<R> {
    /// A step of x (IPSC or r) and h without spikes.
    #[inline(always)]
    pub fn step<const DOUBLE: bool>(&self, x: R, h: R, decay: R) -> (R, R) {
        if DOUBLE { (x * decay + h * self.dt, h * self.decay_r) } else { (x * decay, h) }
    }

    /// A step of x and h, plus the increments by spikes of the previous step (`j[0]`) and of this step (`j[1]`).
    #[inline(always)]
    pub fn step_with_spikes<const DOUBLE: bool>(&self, x: R, h: R, decay: R, j: [R; 2]) -> (R, R) {
        if DOUBLE {
            let (x, h) = self.step::<DOUBLE>(x, h + j[0], decay);
            (x, h + j[1])
        } else {
            let (x, h) = self.step::<DOUBLE>(x, h, decay);
            (x + j[1], h)
        }
    }
}

/// r of all units, and the outputs computed from it.
#[derive(Debug)]
pub(super) struct Filter<R> {
    /// `[groups]`
    pub r: Vec<Lanes<R>>,
    /// `[groups]`
    pub h_r: Vec<Lanes<R>>,
    /// W_out / scaling factor `[O][groups]`
    w_out: Vec<Lanes<R>>,
    /// Outputs of a chunk `[O][CHUNK]`: in the first lane once the lanes are summed
    sums: Vec<Lanes<R>>,
}

impl<R: Precision> Filter<R> {
    /// All zero, for `count` groups.
    pub fn new(w_out: Vec<Lanes<R>>, count: usize) -> Self {
        let none = Lanes::zero();
        let outputs = w_out.len() / count;
        Self { r: vec![none; count], h_r: vec![none; count], w_out, sums: vec![none; outputs * CHUNK] }
    }

    /// Processes `length` steps after the first `first`, whose spikes are `hits` `[sets][CHUNK]`, and records the
    /// requested variables.
    pub fn advance(
        &mut self,
        double: bool,
        synapses: &Synapses<R>,
        first: usize,
        length: usize,
        hits: &[[u32; LANES]],
        recorder: &mut Recorder,
    ) {
        let mut from = 0;
        while from < length {
            let to = length.min(recorder.next_rates().saturating_sub(first)).max(from + 1);
            let observed = (from..to).any(|s| recorder.wants_out(first + s + 1));
            mdl_kernels::dispatch::dispatch(
                #[inline(always)]
                || match (double, observed) {
                    (true, true) => self.run::<true, true>(synapses, hits, from..to),
                    (true, false) => self.run::<true, false>(synapses, hits, from..to),
                    (false, true) => self.run::<false, true>(synapses, hits, from..to),
                    (false, false) => self.run::<false, false>(synapses, hits, from..to),
                },
            );
            for s in (from..to).filter(|_| observed) {
                if recorder.wants_out(first + s + 1) {
                    recorder.out(first + s + 1, |o| self.sums[o * CHUNK + s][0].to_f64());
                }
            }
            recorder.rates(first + to, |i| self.r[i / LANES][i % LANES].to_f64());
            from = to;
        }
    }

    #[inline(always)]
    fn run<const DOUBLE: bool, const OBSERVED: bool>(
        &mut self,
        synapses: &Synapses<R>,
        hits: &[[u32; LANES]],
        steps: Range<usize>,
    ) {
        if OBSERVED {
            self.sums.chunks_exact_mut(CHUNK).for_each(|sums| sums[steps.clone()].fill(Lanes::zero()));
        }
        let mut s = steps.start;
        while s < steps.end {
            if s + STEPS <= steps.end {
                self.steps::<DOUBLE, OBSERVED, STEPS>(synapses, hits, s);
                s += STEPS;
            } else {
                self.steps::<DOUBLE, OBSERVED, 1>(synapses, hits, s);
                s += 1;
            }
        }
        if OBSERVED {
            for sums in self.sums.chunks_exact_mut(CHUNK) {
                sums[steps.clone()].iter_mut().for_each(|sum| sum[0] = sum.sum());
            }
        }
    }

    /// Processes `S` steps of all groups from the `s`-th of the chunk onwards, once per output.
    #[inline(always)]
    fn steps<const DOUBLE: bool, const OBSERVED: bool, const S: usize>(
        &mut self,
        synapses: &Synapses<R>,
        hits: &[[u32; LANES]],
        s: usize,
    ) {
        let count = self.r.len();
        let outputs = if OBSERVED { self.w_out.len() / count } else { 1 };
        for o in 0..outputs {
            for (set, hits) in hits.chunks_exact(CHUNK).enumerate() {
                let range = set * SET..count.min((set + 1) * SET);
                let states = (&mut self.r[range.clone()], &mut self.h_r[range.clone()]);
                let fixed = (&synapses.decay[range.clone()], &synapses.spike_gain[range.clone()]);
                let hits: &[[u32; LANES]; S] = hits[s..].first_chunk().expect("a chunk's steps");
                if OBSERVED {
                    let w = &self.w_out[o * count..][range];
                    let sums = self.sums[o * CHUNK + s..].first_chunk_mut().expect("a chunk's steps");
                    groups::<R, DOUBLE, true, S>(states, fixed, w, hits, &synapses.relaxation, sums, o + 1 == outputs);
                } else {
                    let none = &mut [Lanes::zero(); S];
                    groups::<R, DOUBLE, false, S>(states, fixed, fixed.0, hits, &synapses.relaxation, none, true);
                }
            }
        }
    }
}

/// Processes `S` steps of some groups with these spikes; adds W_out r to `sums`. The new r and h_r are stored or not.
#[inline(always)]
fn groups<R: Precision, const DOUBLE: bool, const OBSERVED: bool, const S: usize>(
    (r, h_r): (&mut [Lanes<R>], &mut [Lanes<R>]),
    (decay, gain): (&[Lanes<R>], &[Lanes<R>]),
    w_out: &[Lanes<R>],
    hits: &[[u32; LANES]; S],
    relaxation: &Relaxation<R>,
    sums: &mut [Lanes<R>; S],
    keep: bool,
) {
    let count = r.len();
    let (h_r, decay, gain, w_out) = (&mut h_r[..count], &decay[..count], &gain[..count], &w_out[..count]);
    let (hits, mut sum, mut bit) = (*hits, *sums, 1u32);
    for g in 0..count {
        let (mut r_now, mut h_now, decay, gain, w_out) = (r[g], h_r[g], decay[g], gain[g], w_out[g]);
        for l in 0..LANES {
            let (mut x, mut h) = (r_now[l], h_now[l]);
            for s in 0..S {
                let own = if hits[s][l] & bit != 0 { gain[l] } else { R::zero() };
                (x, h) = relaxation.step::<DOUBLE>(x, h, decay[l]);
                if DOUBLE {
                    h += own
                } else {
                    x += own
                }
                if OBSERVED {
                    sum[s][l] += w_out[l] * x;
                }
            }
            (r_now[l], h_now[l]) = (x, h);
        }
        if keep {
            (r[g], h_r[g]) = (r_now, h_now);
        }
        bit <<= 1;
    }
    if OBSERVED {
        *sums = sum;
    }
}
