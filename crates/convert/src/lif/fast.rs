//! The fast modes: neurons in vector lanes, all scaling factors of a trial side by side.
//!
//! Noise is drawn once a chunk of steps and used by every scaling factor; each factor's state stays in the first-level
//! cache while it runs through the chunk. A spike reaches other potentials two steps later (it enters h, from there IPSC,
//! from there v), so two steps are run in one go, in which the state is read and written once. Nothing in the network reads
//! r: it follows from the spikes at the end of a chunk ([`super::filter`]). Spikes travel by columns ([`super::columns`]).

use super::columns::Columns;
use super::constants::Constants;
use super::draws::{CHUNK, Draws, LANES};
use super::filter::{Filter, Synapses};
use super::network::LifNetwork;
use super::precision::Precision;
use super::recording::{Recorder, Recording, Run, State};

/// Groups whose spikes are noted together: one bit of a word each.
pub(super) const SET: usize = 32;

/// The membranes of `LANES` units.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Membranes<R: Precision> {
    v: [R; LANES],
    /// When they spiked last.
    last: [R::Time; LANES],
}

/// What all scaling factors share.
#[derive(Debug)]
pub(super) struct Prepared<R: Precision> {
    c: Constants,
    units: usize,
    synapses: Synapses<R>,
    columns: Option<Columns<R>>,
    scalars: Scalars<R>,
}

/// What is fixed about all units.
#[derive(Clone, Copy, Debug)]
struct Scalars<R: Precision> {
    leak: [R; 2],
    refractory: R::Time,
    bias: R,
    v_peak: R,
    v_reset: R,
}

/// Values of N units in groups; lanes beyond the last unit hold `beyond`.
fn grouped<R: Precision>(units: usize, beyond: f64, value: impl Fn(usize) -> f64) -> Vec<[R; LANES]> {
    let lane = |i| R::from_f64(if i < units { value(i) } else { beyond });
    (0..units.div_ceil(LANES)).map(|g| std::array::from_fn(|l| lane(g * LANES + l))).collect()
}

impl<R: Precision> Prepared<R> {
    pub fn new(network: &LifNetwork, c: Constants) -> Self {
        let n = network.units;
        Self {
            units: n,
            synapses: Synapses {
                decay: grouped(n, 0.0, |i| c.decay_d[i]),
                spike_gain: grouped(n, 0.0, |i| 1.0 / c.spread[i]),
                dt: R::from_f64(c.dt),
                decay_r: R::from_f64(c.decay_r),
            },
            columns: R::SHARED_WEIGHTS.then(|| Columns::new(&network.recurrent, n, 1.0)),
            scalars: Scalars {
                leak: R::leak_constants(&c),
                refractory: R::refractory(&c),
                bias: R::from_f64(c.bias),
                v_peak: R::from_f64(c.v_peak),
                v_reset: R::from_f64(c.v_reset),
            },
            c,
        }
    }

    /// Everything but the weights.
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
        let drive: Vec<[R; LANES]> =
            drive.chunks_exact(self.units).flat_map(|row| grouped(self.units, 0.0, |i| row[i])).collect();
        let member = |factor: &f64| Member::new(self, network, *factor, draws, recording);
        let mut members: Vec<Member<R>> = scaling_factors.iter().map(member).collect();
        let mut noise = vec![[R::ZERO; LANES]; self.synapses.decay.len() * CHUNK];
        for first in (0..steps).step_by(CHUNK) {
            let length = CHUNK.min(steps - first);
            if self.c.noise_sd > 0.0 || self.c.kicks.is_some() {
                self.fill(first, length, draws, &mut noise);
            }
            let samples = std::array::from_fn(|s| sample(first + s.min(length - 1) + 1));
            let chunk = Chunk { first, length, samples, drive: &drive, noise: &noise };
            members.iter_mut().for_each(|member| member.advance(&chunk));
        }
        members.into_iter().map(Member::finish).collect()
    }

    /// Noise of a chunk, `[step][group]`, with the jumps of a stimulation added.
    fn fill(&self, first: usize, length: usize, draws: &impl Draws, noise: &mut [[R; LANES]]) {
        let count = self.synapses.decay.len();
        if self.c.noise_sd == 0.0 {
            noise.fill([R::ZERO; LANES]);
        } else {
            let mut of_group = [[R::ZERO; LANES]; CHUNK];
            for g in 0..count {
                R::noise(draws, g, first, self.c.noise_sd, &mut of_group[..length]);
                for (s, row) in of_group[..length].iter().enumerate() {
                    noise[s * count + g] = *row;
                }
            }
        }
        if let Some(kicks) = &self.c.kicks {
            let mut coins = [0.0; CHUNK];
            draws.coins(first, &mut coins[..length]);
            for (s, coin) in coins[..length].iter().enumerate() {
                if kicks.steps.contains(&(first + s + 1)) && *coin < kicks.probability {
                    let jump = R::from_f64(kicks.amplitude_mv);
                    kicks.units.iter().for_each(|i| noise[s * count + i / LANES][i % LANES] += jump);
                }
            }
        }
    }
}

/// Steps through which one scaling factor runs before the next does.
struct Chunk<'a, R> {
    /// Steps before the chunk.
    first: usize,
    length: usize,
    /// Which sample each step reads.
    samples: [usize; CHUNK],
    /// `[samples][groups]`
    drive: &'a [[R; LANES]],
    /// `[step][groups]`
    noise: &'a [[R; LANES]],
}

/// What a step reads.
#[derive(Clone, Copy)]
struct Inputs<'a, R: Precision> {
    now: R::Time,
    /// `[groups]`
    drive: &'a [[R; LANES]],
    /// `[groups]`
    noise: &'a [[R; LANES]],
}

/// One scaling factor's network.
struct Member<'a, R: Precision> {
    p: &'a Prepared<R>,
    /// `[groups]`
    membranes: Vec<Membranes<R>>,
    /// `[groups]`
    ipsc: Vec<[R; LANES]>,
    /// `[groups]`
    h: Vec<[R; LANES]>,
    /// Whether IPSC and h have yet to decay in the last step.
    due: bool,
    /// Spikes of a chunk, `[sets][CHUNK]`: bit g of lane l tells of unit l of the g-th group of the set.
    hits: Vec<[u32; LANES]>,
    filter: Filter<R>,
    /// Weights that are this factor's own, where they are not shared.
    own_columns: Option<Columns<R>>,
    /// Gain of the recurrent input into h (or IPSC), see [`Precision::gain`].
    gain: Vec<[R; LANES]>,
    j: Vec<[R; LANES]>,
    spiking: Vec<u32>,
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
        let (none, start) = ([R::ZERO; LANES], [R::time(0, &p.c); LANES]);
        let count = n.div_ceil(LANES);
        let own = || Columns::new(&network.recurrent, n, scaling_factor);
        let w_out =
            network.w_out.chunks_exact(n).flat_map(|row| grouped(n, 0.0, |i| row[i] / scaling_factor)).collect();
        Self {
            p,
            membranes: grouped(n, p.c.v_reset, |i| v[i]).into_iter().map(|v| Membranes { v, last: start }).collect(),
            ipsc: vec![none; count],
            h: vec![none; count],
            due: false,
            hits: vec![[0; LANES]; count.div_ceil(SET) * CHUNK],
            filter: Filter::new(w_out, count),
            own_columns: (!R::SHARED_WEIGHTS).then(own),
            gain: (0..count)
                .map(|g| {
                    std::array::from_fn(|l| R::gain(*p.c.spread.get(g * LANES + l).unwrap_or(&1.0), scaling_factor))
                })
                .collect(),
            j: vec![none; count],
            spiking: Vec::with_capacity(n),
            recorder: Recorder::new(recording, n, network.outputs),
        }
    }

    /// Runs through a chunk.
    fn advance(&mut self, chunk: &Chunk<R>) {
        mdl_data::simd::dispatch(
            #[inline(always)]
            || match (self.p.c.double, self.p.c.quadratic) {
                (true, false) => self.steps::<true, false>(chunk),
                (true, true) => self.steps::<true, true>(chunk),
                (false, false) => self.steps::<false, false>(chunk),
                (false, true) => self.steps::<false, true>(chunk),
            },
        );
        let (synapses, hits, recorder) = (&self.p.synapses, &self.hits, &mut self.recorder);
        self.filter.advance(self.p.c.double, synapses, chunk.first, chunk.length, hits, recorder);
        self.drop_nothings();
    }

    #[inline(always)]
    fn steps<const DOUBLE: bool, const QUADRATIC: bool>(&mut self, chunk: &Chunk<R>) {
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
                if self.integrate::<DOUBLE, QUADRATIC, 2>(s, [inputs(s), inputs(s + 1)]) {
                    self.send::<DOUBLE>(s, step, false);
                    self.send::<DOUBLE>(s + 1, step + 1, true);
                }
                s += 2;
            } else {
                if self.integrate::<DOUBLE, QUADRATIC, 1>(s, [inputs(s)]) {
                    self.send::<DOUBLE>(s, step, true);
                }
                s += 1;
            }
            self.observe::<DOUBLE>(chunk.first + s);
        }
        self.settle::<DOUBLE>();
    }

    /// Runs some steps from the `s`-th of the chunk on; synapses do not go through the last one. Tells whether anything spiked.
    #[inline(always)]
    fn integrate<const DOUBLE: bool, const QUADRATIC: bool, const STEPS: usize>(
        &mut self,
        s: usize,
        inputs: [Inputs<R>; STEPS],
    ) -> bool {
        let (p, count, mut any) = (self.p, self.membranes.len(), [0; LANES]);
        for (set, hits) in self.hits.chunks_exact_mut(CHUNK).enumerate() {
            let range = set * SET..count.min((set + 1) * SET);
            let membranes = &mut self.membranes[range.clone()];
            let (ipsc, h) = (&mut self.ipsc[range.clone()], &mut self.h[range.clone()]);
            let decay = &p.synapses.decay[range.clone()];
            let mut inputs = inputs;
            for i in &mut inputs {
                (i.drive, i.noise) = (&i.drive[range.clone()], &i.noise[range.clone()]);
            }
            let (synapses, c) = (&p.synapses, p.scalars);
            let found = if self.due {
                integrate::<R, DOUBLE, QUADRATIC, true, STEPS>(membranes, ipsc, h, decay, inputs, synapses, c)
            } else {
                integrate::<R, DOUBLE, QUADRATIC, false, STEPS>(membranes, ipsc, h, decay, inputs, synapses, c)
            };
            for k in 0..STEPS {
                hits[s + k] = found[k];
                for l in 0..LANES {
                    any[l] |= found[k][l];
                }
            }
        }
        self.due = true;
        any.iter().fold(0, |all, hits| all | hits) != 0
    }

    /// Lets the spikes of a step, the `s`-th of the chunk, arrive: after synapses went through it.
    #[inline(always)]
    fn send<const DOUBLE: bool>(&mut self, s: usize, step: usize, settle: bool) {
        self.spiking.clear();
        for (set, hits) in self.hits.chunks_exact(CHUNK).enumerate() {
            collect(set * SET, &hits[s], &mut self.spiking);
        }
        // Lanes beyond the last unit are the last ones of all.
        while self.spiking.last().is_some_and(|unit| *unit as usize >= self.p.units) {
            self.spiking.pop();
        }
        if !self.spiking.is_empty() {
            if settle {
                self.settle::<DOUBLE>();
            }
            self.propagate::<DOUBLE>();
            self.recorder.spikes(step, &self.spiking);
        }
    }

    /// Lets synapses go through the last step.
    #[inline(always)]
    fn settle<const DOUBLE: bool>(&mut self) {
        if self.due {
            let (synapses, n) = (&self.p.synapses, self.h.len() * LANES);
            let (ipsc, h) = (&mut self.ipsc.as_flattened_mut()[..n], self.h.as_flattened_mut());
            let decay = &synapses.decay.as_flattened()[..n];
            for i in 0..n {
                (ipsc[i], h[i]) = synapses.relax::<DOUBLE>(ipsc[i], h[i], decay[i]);
            }
            self.due = false;
        }
    }

    /// h += J/(τ_r τ_d), or IPSC += J/τ_d.
    #[inline(always)]
    fn propagate<const DOUBLE: bool>(&mut self) {
        if let Some(columns) = self.own_columns.as_ref().or(self.p.columns.as_ref()) {
            columns.propagate(&self.spiking, &mut self.j);
        }
        let target = if DOUBLE { &mut self.h } else { &mut self.ipsc };
        let target = target.as_flattened_mut();
        let (j, gain) = (&self.j.as_flattened()[..target.len()], &self.gain.as_flattened()[..target.len()]);
        for i in 0..target.len() {
            target[i] += R::spread(j[i], gain[i]);
        }
    }

    /// Notes what is wanted of this step.
    #[inline(always)]
    fn observe<const DOUBLE: bool>(&mut self, step: usize) {
        if self.recorder.wants_traces(step) {
            self.settle::<DOUBLE>();
            let (membranes, ipsc) = (&self.membranes, self.ipsc.as_flattened());
            self.recorder.traces(step, |i| membranes[i / LANES].v[i % LANES].to_f64(), |i| ipsc[i].to_f64());
        }
    }

    fn drop_nothings(&mut self) {
        mdl_data::simd::dispatch(
            #[inline(always)]
            || {
                for values in [&mut self.ipsc, &mut self.h, &mut self.filter.r, &mut self.filter.h_r] {
                    drop_nothings(values.as_flattened_mut());
                }
            },
        );
    }

    fn finish(self) -> Run {
        let n = self.p.units;
        let flat = |values: &[[R; LANES]]| values.as_flattened()[..n].iter().map(|x| x.to_f64()).collect();
        self.recorder.finish(|| State {
            v_mv: self.membranes.iter().flat_map(|m| m.v).take(n).map(R::to_f64).collect(),
            ipsc_mv: flat(&self.ipsc),
            h: flat(&self.h),
            r: flat(&self.filter.r),
            h_r: flat(&self.filter.h_r),
        })
    }
}

/// Makes 0 what is too small to matter.
#[inline(always)]
fn drop_nothings<R: Precision>(values: &mut [R]) {
    for x in values {
        *x = if x.magnitude() < R::NOTHING { R::ZERO } else { *x };
    }
}

/// Lists the units that spike, in ascending order: bit g of lane l tells of unit l of group `first + g`.
#[inline(always)]
fn collect(first: usize, hits: &[u32; LANES], spiking: &mut Vec<u32>) {
    let mut any = hits.iter().fold(0, |any, h| any | h);
    while any != 0 {
        let g = any.trailing_zeros();
        any &= any - 1;
        let mut lanes = (0..LANES).fold(0, |lanes, l| lanes | (hits[l] >> g & 1) << l);
        while lanes != 0 {
            spiking.push(((first + g as usize) * LANES) as u32 + lanes.trailing_zeros());
            lanes &= lanes - 1;
        }
    }
}

/// `STEPS` steps of some groups, but for the synapses' way through the last one; where one is `DUE`, they make it first.
/// Bit g of lane l of the result: whether unit l of the g-th group spikes.
#[inline(always)]
fn integrate<R: Precision, const DOUBLE: bool, const QUADRATIC: bool, const DUE: bool, const STEPS: usize>(
    membranes: &mut [Membranes<R>],
    ipsc: &mut [[R; LANES]],
    h: &mut [[R; LANES]],
    decay: &[[R; LANES]],
    inputs: [Inputs<R>; STEPS],
    synapses: &Synapses<R>,
    c: Scalars<R>,
) -> [[u32; LANES]; STEPS] {
    let mut hits = [[0; LANES]; STEPS];
    let count = membranes.len();
    let (ipsc, h, decay) = (&mut ipsc[..count], &mut h[..count], &decay[..count]);
    let mut bit = 1u32;
    for g in 0..count {
        // Copies cannot overlap what is written, so that the loop needs no check for it.
        let (mut x, mut ipsc_now, mut h_now, decay) = (membranes[g], ipsc[g], h[g], decay[g]);
        let (mut drive, mut noise) = ([[R::ZERO; LANES]; STEPS], [[R::ZERO; LANES]; STEPS]);
        for s in 0..STEPS {
            (drive[s], noise[s]) = (inputs[s].drive[g], inputs[s].noise[g]);
        }
        for l in 0..LANES {
            let (mut v, mut last, mut ipsc, mut h) = (x.v[l], x.last[l], ipsc_now[l], h_now[l]);
            for s in 0..STEPS {
                if DUE || s > 0 {
                    (ipsc, h) = synapses.relax::<DOUBLE>(ipsc, h, decay[l]);
                }
                let current = (ipsc + c.bias) + drive[s][l];
                let pull = if QUADRATIC { v * v + current } else { -v + current };
                let gated = if R::is_open(inputs[s].now, last, c.refractory) { pull } else { R::ZERO };
                v = (v + R::leak(gated, c.leak)) + noise[s][l];
                let spikes = v >= c.v_peak;
                last = if spikes { R::stamp(inputs[s].now, last) } else { last };
                v = if spikes { c.v_reset } else { v };
                hits[s][l] |= if spikes { bit } else { 0 };
            }
            (x.v[l], x.last[l], ipsc_now[l], h_now[l]) = (v, last, ipsc, h);
        }
        (membranes[g], ipsc[g], h[g]) = (x, ipsc_now, h_now);
        bit <<= 1;
    }
    hits
}
