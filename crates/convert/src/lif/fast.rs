//! The fast modes: neurons in vector lanes, all scaling factors of a trial side by side.
//!
//! Noise is drawn once a chunk of steps and used by every scaling factor; each factor's state stays in the first-level
//! cache while it runs through the chunk. A spike reaches other potentials two steps later (it enters h, from there IPSC,
//! from there v), so two steps are run in one go, in which the state is read and written once. J of these two steps arrives
//! at the beginning of the next two, so that spikes cost no further way through the state. Nothing in the network reads r:
//! it follows from the spikes at the end of a chunk ([`super::filter`]). Spikes are found by [`super::spikes`] and travel by
//! columns ([`SpikeColumns`]).

use super::constants::Constants;
use super::draws::{CHUNK, Draws};
use super::filter::{Filter, Relaxation, SET, Synapses};
use super::network::LifNetwork;
use super::neurons::{Membrane, with_membrane};
use super::precision::Precision;
use super::recording::{Recorder, Recording, Run, State};
use super::spikes::{self, Spiking};
use mdl_kernels::lanes::{LANES, Lanes};
use mdl_kernels::product::spike_columns::SpikeColumns;

/// Membranes of `LANES` units.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Membranes<R: Precision> {
    v: Lanes<R>,
    /// When they spiked last.
    last: [R::Time; LANES],
}

/// Data shared by all scaling factors.
#[derive(Debug)]
pub(super) struct Prepared<R: Precision> {
    c: Constants,
    units: usize,
    synapses: Synapses<R>,
    columns: Option<SpikeColumns<R>>,
    scalars: Scalars<R>,
}

/// Constants of all units.
#[derive(Clone, Copy, Debug)]
struct Scalars<R: Precision> {
    leak: [R; 2],
    refractory: R::Time,
    bias: R,
    v_peak: R,
    v_reset: R,
}

/// Values of N units in groups; lanes beyond the last unit hold `beyond`.
fn grouped<R: Precision>(units: usize, beyond: f64, value: impl Fn(usize) -> f64) -> Vec<Lanes<R>> {
    let lane = |i| R::constant(if i < units { value(i) } else { beyond });
    (0..units.div_ceil(LANES)).map(|g| Lanes(std::array::from_fn(|l| lane(g * LANES + l)))).collect()
}

impl<R: Precision> Prepared<R> {
    pub fn new(network: &LifNetwork, c: Constants) -> Self {
        let n = network.units;
        Self {
            units: n,
            synapses: Synapses {
                decay: grouped(n, 0.0, |i| c.decay_d[i]),
                spike_gain: grouped(n, 0.0, |i| 1.0 / c.spread[i]),
                relaxation: Relaxation { dt: R::constant(c.dt), decay_r: R::constant(c.decay_r) },
            },
            columns: R::SHARED_WEIGHTS.then(|| network.recurrent.columns(n, 1.0)),
            scalars: Scalars {
                leak: R::leak_constants(&c),
                refractory: R::refractory(&c),
                bias: R::constant(c.bias),
                v_peak: R::constant(c.v_peak),
                v_reset: R::constant(c.v_reset),
            },
            c,
        }
    }

    /// Prepares everything except the weights.
    #[cfg(any(test, feature = "cuda"))]
    pub fn constants(&self) -> &Constants {
        &self.c
    }

    /// Runs one trial with every scaling factor. `drive` is W_in u for every kept sample, `[samples][N]`; `sample` tells
    /// which one a step reads.
    pub fn run(
        &self,
        network: &LifNetwork,
        steps: usize,
        drive: &[f64],
        sample: impl Fn(usize) -> usize,
        scaling_factors: &[f64],
        draws: &impl Draws,
        recording: &Recording,
    ) -> Vec<Run> {
        let drive: Vec<Lanes<R>> =
            drive.chunks_exact(self.units).flat_map(|row| grouped(self.units, 0.0, |i| row[i])).collect();
        let member = |factor: &f64| Member::new(self, network, *factor, draws, recording);
        let mut members: Vec<Member<R>> = scaling_factors.iter().map(member).collect();
        let mut noise = vec![Lanes::zero(); self.synapses.decay.len() * CHUNK];
        for first in (0..steps).step_by(CHUNK) {
            let length = CHUNK.min(steps - first);
            if self.c.noise_sd > 0.0 || self.c.pulses.is_some() {
                self.fill(first, length, draws, &mut noise);
            }
            let samples = std::array::from_fn(|s| sample(first + s.min(length - 1) + 1));
            let chunk = Chunk { first, length, samples, drive: &drive, noise: &noise };
            members.iter_mut().for_each(|member| member.advance(&chunk));
        }
        members.into_iter().map(Member::finish).collect()
    }

    /// Noise of a chunk, `[step][group]`, with the jumps of a stimulation added.
    fn fill(&self, first: usize, length: usize, draws: &impl Draws, noise: &mut [Lanes<R>]) {
        let count = self.synapses.decay.len();
        if self.c.noise_sd == 0.0 {
            noise.fill(Lanes::zero());
        } else {
            let mut of_group = [Lanes::zero(); CHUNK];
            for g in 0..count {
                R::noise(draws, g, first, self.c.noise_sd, &mut of_group[..length]);
                for (s, row) in of_group[..length].iter().enumerate() {
                    noise[s * count + g] = *row;
                }
            }
        }
        if let Some(pulses) = &self.c.pulses {
            let mut coins = [0.0; CHUNK];
            draws.coins(first, &mut coins[..length]);
            for (s, coin) in coins[..length].iter().enumerate() {
                if pulses.steps.contains(&(first + s + 1)) && *coin < pulses.probability {
                    let jump = R::constant(pulses.amplitude_mv);
                    pulses.units.iter().for_each(|i| noise[s * count + i / LANES][i % LANES] += jump);
                }
            }
        }
    }
}

/// A chunk of steps, which one scaling factor runs through before the next does.
struct Chunk<'a, R> {
    /// Number of steps before the chunk.
    first: usize,
    length: usize,
    /// Input sample of each step.
    samples: [usize; CHUNK],
    /// `[samples][groups]`
    drive: &'a [Lanes<R>],
    /// `[step][groups]`
    noise: &'a [Lanes<R>],
}

/// Inputs of a step.
#[derive(Clone, Copy)]
struct Inputs<'a, R: Precision> {
    now: R::Time,
    /// `[groups]`
    drive: &'a [Lanes<R>],
    /// `[groups]`
    noise: &'a [Lanes<R>],
}

/// Pending updates of IPSC and h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    /// The last step.
    Step,
    /// Spikes of the step before the last, the last step, and its spikes.
    Spikes,
}

const NOTHING: u8 = Due::Nothing as u8;
const STEP: u8 = Due::Step as u8;
const SPIKES: u8 = Due::Spikes as u8;

/// Network of one scaling factor.
struct Member<'a, R: Precision> {
    p: &'a Prepared<R>,
    /// `[groups]`
    membranes: Vec<Membranes<R>>,
    /// `[groups]`
    ipsc: Vec<Lanes<R>>,
    /// `[groups]`
    h: Vec<Lanes<R>>,
    /// What IPSC and h have yet to go through.
    due: Due,
    /// Spikes of a chunk, `[sets][CHUNK]`: bit g of lane l tells of unit l of the g-th group of the set.
    hits: Vec<[u32; LANES]>,
    filter: Filter<R>,
    /// Weights that are this factor's own, where they are not shared.
    own_columns: Option<SpikeColumns<R>>,
    /// Gain of the recurrent input into h (or IPSC), see [`Precision::gain`].
    gain: Vec<Lanes<R>>,
    /// J of the last two steps `[groups]`, where it is due.
    j: [Vec<Lanes<R>>; 2],
    spiking: Spiking,
    recorder: Recorder<'a>,
}

impl<'a, R: Precision> Member<'a, R> {
    fn new(
        p: &'a Prepared<R>,
        network: &LifNetwork,
        scaling_factor: f64,
        draws: &impl Draws,
        recording: &'a Recording,
    ) -> Self {
        let n = p.units;
        let mut v = vec![0.0; n];
        draws.initial_potentials(p.c.v_reset, p.c.v_initial_max, &mut v);
        let (none, start) = (Lanes::zero(), [R::time(0, &p.c); LANES]);
        let count = n.div_ceil(LANES);
        let own = || network.recurrent.columns(n, scaling_factor);
        let w_out =
            network.w_out.chunks_exact(n).flat_map(|row| grouped(n, 0.0, |i| row[i] / scaling_factor)).collect();
        Self {
            p,
            membranes: grouped(n, p.c.v_reset, |i| v[i]).into_iter().map(|v| Membranes { v, last: start }).collect(),
            ipsc: vec![none; count],
            h: vec![none; count],
            due: Due::Nothing,
            hits: vec![[0; LANES]; count.div_ceil(SET) * CHUNK],
            filter: Filter::new(w_out, count),
            own_columns: (!R::SHARED_WEIGHTS).then(own),
            gain: (0..count)
                .map(|g| {
                    let spread = |l| *p.c.spread.get(g * LANES + l).unwrap_or(&1.0);
                    Lanes(std::array::from_fn(|l| R::gain(spread(l), scaling_factor)))
                })
                .collect(),
            j: [vec![none; count], vec![none; count]],
            spiking: Spiking::new(count),
            recorder: Recorder::new(recording, n, network.outputs),
        }
    }

    /// Runs through a chunk.
    fn advance(&mut self, chunk: &Chunk<R>) {
        mdl_kernels::dispatch::dispatch(
            #[inline(always)]
            || {
                with_membrane!(&self.p.c.neuron, m => match self.p.c.double {
                    true => self.steps::<_, true>(m, chunk),
                    false => self.steps::<_, false>(m, chunk),
                })
            },
        );
        let (synapses, hits, recorder) = (&self.p.synapses, &self.hits, &mut self.recorder);
        self.filter.advance(self.p.c.double, synapses, chunk.first, chunk.length, hits, recorder);
        self.flush_tiny();
    }

    #[inline(always)]
    fn steps<M: Membrane, const DOUBLE: bool>(&mut self, membrane: &M, chunk: &Chunk<R>) {
        let count = self.membranes.len();
        let p = self.p;
        let inputs = |s: usize| Inputs {
            now: R::time(chunk.first + s + 1, &p.c),
            drive: &chunk.drive[chunk.samples[s] * count..][..count],
            noise: &chunk.noise[s * count..][..count],
        };
        let mut s = 0;
        while s < chunk.length {
            let step = chunk.first + s + 1;
            if DOUBLE && s + 1 < chunk.length && !self.recorder.wants_traces(step) {
                if self.integrate::<M, DOUBLE, 2>(membrane, s, [inputs(s), inputs(s + 1)]) {
                    self.send::<2>(s, step);
                }
                s += 2;
            } else {
                if self.integrate::<M, DOUBLE, 1>(membrane, s, [inputs(s)]) {
                    self.send::<1>(s, step);
                }
                s += 1;
            }
            self.observe::<DOUBLE>(chunk.first + s);
        }
        self.settle::<DOUBLE>();
    }

    /// Runs some steps from the `s`-th of the chunk onwards, except for the synapses in the last step. Returns true if
    /// any unit spiked.
    #[inline(always)]
    fn integrate<M: Membrane, const DOUBLE: bool, const STEPS: usize>(
        &mut self,
        membrane: &M,
        s: usize,
        inputs: [Inputs<R>; STEPS],
    ) -> bool {
        let (p, count, mut any) = (self.p, self.membranes.len(), [0; LANES]);
        for (set, hits) in self.hits.chunks_exact_mut(CHUNK).enumerate() {
            let range = set * SET..count.min((set + 1) * SET);
            let membranes = &mut self.membranes[range.clone()];
            let synaptic = Synaptic {
                ipsc: &mut self.ipsc[range.clone()],
                h: &mut self.h[range.clone()],
                decay: &p.synapses.decay[range.clone()],
                j: [&self.j[0][range.clone()], &self.j[1][range.clone()]],
                gain: &self.gain[range.clone()],
            };
            let mut inputs = inputs;
            for i in &mut inputs {
                (i.drive, i.noise) = (&i.drive[range.clone()], &i.noise[range.clone()]);
            }
            let (relaxation, c) = (&p.synapses.relaxation, p.scalars);
            let found = match self.due {
                Due::Nothing => {
                    groups::<R, M, DOUBLE, NOTHING, STEPS>(membrane, membranes, synaptic, inputs, relaxation, c)
                }
                Due::Step => groups::<R, M, DOUBLE, STEP, STEPS>(membrane, membranes, synaptic, inputs, relaxation, c),
                Due::Spikes => {
                    groups::<R, M, DOUBLE, SPIKES, STEPS>(membrane, membranes, synaptic, inputs, relaxation, c)
                }
            };
            for k in 0..STEPS {
                hits[s + k] = found[k];
                for l in 0..LANES {
                    any[l] |= found[k][l];
                }
            }
        }
        self.due = Due::Step;
        spikes::any(&any) != 0
    }

    /// Finds the spikes of the last steps, from the `s`-th of the chunk onwards, and their J.
    fn send<const STEPS: usize>(&mut self, s: usize, first: usize) {
        let columns = self.own_columns.as_ref().or(self.p.columns.as_ref());
        mdl_kernels::dispatch::dispatch(
            #[inline(always)]
            || {
                if STEPS == 1 {
                    self.j[0].fill(Lanes::zero());
                }
                for k in 0..STEPS {
                    self.spiking.clear();
                    for (set, hits) in self.hits.chunks_exact(CHUNK).enumerate() {
                        self.spiking.collect(set * SET, &hits[s + k]);
                    }
                    let spiking = self.spiking.below(self.p.units);
                    if let Some(columns) = columns {
                        columns.propagate(spiking, &mut self.j[k + 2 - STEPS]);
                    }
                    self.recorder.spikes(first + k, spiking);
                }
            },
        );
        self.due = Due::Spikes;
    }

    /// Applies all pending updates of the synapses.
    #[inline(always)]
    fn settle<const DOUBLE: bool>(&mut self) {
        let (synapses, n) = (&self.p.synapses, self.h.len() * LANES);
        let (ipsc, h) = (&mut Lanes::values_mut(&mut self.ipsc)[..n], &mut Lanes::values_mut(&mut self.h)[..n]);
        let (decay, gain) = (&Lanes::values(&synapses.decay)[..n], &Lanes::values(&self.gain)[..n]);
        let j = [&Lanes::values(&self.j[0])[..n], &Lanes::values(&self.j[1])[..n]];
        match self.due {
            Due::Nothing => {}
            Due::Step => {
                for i in 0..n {
                    (ipsc[i], h[i]) = synapses.relaxation.step::<DOUBLE>(ipsc[i], h[i], decay[i]);
                }
            }
            Due::Spikes => {
                for i in 0..n {
                    let j = [R::spread(j[0][i], gain[i]), R::spread(j[1][i], gain[i])];
                    (ipsc[i], h[i]) = synapses.relaxation.step_with_spikes::<DOUBLE>(ipsc[i], h[i], decay[i], j);
                }
            }
        }
        self.due = Due::Nothing;
    }

    /// Records the requested variables of this step.
    #[inline(always)]
    fn observe<const DOUBLE: bool>(&mut self, step: usize) {
        if self.recorder.wants_traces(step) {
            self.settle::<DOUBLE>();
            let (membranes, ipsc) = (&self.membranes, Lanes::values(&self.ipsc));
            self.recorder.traces(step, |i| membranes[i / LANES].v[i % LANES].to_f64(), |i| ipsc[i].to_f64());
        }
    }

    fn flush_tiny(&mut self) {
        mdl_kernels::dispatch::dispatch(
            #[inline(always)]
            || {
                for values in [&mut self.ipsc, &mut self.h, &mut self.filter.r, &mut self.filter.h_r] {
                    flush_tiny(Lanes::values_mut(values));
                }
            },
        );
    }

    fn finish(self) -> Run {
        let n = self.p.units;
        let flat = |values: &[Lanes<R>]| Lanes::values(values)[..n].iter().copied().map(|x| x.to_f64()).collect();
        self.recorder.finish(|| State {
            v_mv: self.membranes.iter().flat_map(|m| m.v.0).take(n).map(|v| v.to_f64()).collect(),
            ipsc_mv: flat(&self.ipsc),
            h: flat(&self.h),
            r: flat(&self.filter.r),
            h_r: flat(&self.filter.h_r),
        })
    }
}

/// Sets negligible values to 0.
#[inline(always)]
fn flush_tiny<R: Precision>(values: &mut [R]) {
    for x in values {
        *x = if x.abs() < R::TINY { R::zero() } else { *x };
    }
}

/// The synapses of some groups, `[groups]` each.
struct Synaptic<'a, R> {
    ipsc: &'a mut [Lanes<R>],
    h: &'a mut [Lanes<R>],
    decay: &'a [Lanes<R>],
    j: [&'a [Lanes<R>]; 2],
    gain: &'a [Lanes<R>],
}

/// Runs `STEPS` steps of some groups, except for the synapses in the last step, after applying the pending updates
/// `DUE`. Bit g of lane l of the result is set if unit l of the g-th group spikes.
#[inline(always)]
fn groups<R: Precision, M: Membrane, const DOUBLE: bool, const DUE: u8, const STEPS: usize>(
    membrane: &M,
    membranes: &mut [Membranes<R>],
    synaptic: Synaptic<R>,
    inputs: [Inputs<R>; STEPS],
    relaxation: &Relaxation<R>,
    c: Scalars<R>,
) -> [[u32; LANES]; STEPS] {
    let mut hits = [[0; LANES]; STEPS];
    let count = membranes.len();
    let Synaptic { ipsc, h, decay, j, gain } = synaptic;
    let (ipsc, h, decay) = (&mut ipsc[..count], &mut h[..count], &decay[..count]);
    let (j, gain) = ([&j[0][..count], &j[1][..count]], &gain[..count]);
    let mut bit = 1u32;
    for g in 0..count {
        // Copies cannot overlap the written data, so the loop needs no check for it.
        let (mut x, mut ipsc_now, mut h_now, decay) = (membranes[g], ipsc[g], h[g], decay[g]);
        let (mut drive, mut noise) = ([Lanes::zero(); STEPS], [Lanes::zero(); STEPS]);
        for s in 0..STEPS {
            (drive[s], noise[s]) = (inputs[s].drive[g], inputs[s].noise[g]);
        }
        let (j0, j1, gain) = (j[0][g], j[1][g], gain[g]);
        for l in 0..LANES {
            let (mut v, mut last, mut ipsc, mut h) = (x.v[l], x.last[l], ipsc_now[l], h_now[l]);
            if DUE == SPIKES {
                let j = [R::spread(j0[l], gain[l]), R::spread(j1[l], gain[l])];
                (ipsc, h) = relaxation.step_with_spikes::<DOUBLE>(ipsc, h, decay[l], j);
            }
            for s in 0..STEPS {
                if DUE == STEP || s > 0 {
                    (ipsc, h) = relaxation.step::<DOUBLE>(ipsc, h, decay[l]);
                }
                let current = (ipsc + c.bias) + drive[s][l];
                let drift = membrane.drift(v, current);
                let gated = if R::is_open(inputs[s].now, last, c.refractory) { drift } else { R::zero() };
                v = (v + R::leak(gated, c.leak)) + noise[s][l];
                let spikes = membrane.spikes(v, c.v_peak);
                last = if spikes { R::stamp(inputs[s].now, last) } else { last };
                v = if spikes { membrane.reset(c.v_reset) } else { v };
                hits[s][l] |= if spikes { bit } else { 0 };
            }
            (x.v[l], x.last[l], ipsc_now[l], h_now[l]) = (v, last, ipsc, h);
        }
        (membranes[g], ipsc[g], h[g]) = (x, ipsc_now, h_now);
        bit <<= 1;
    }
    hits
}
