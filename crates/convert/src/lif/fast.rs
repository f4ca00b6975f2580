//! The fast modes: neurons in vector lanes, all scaling factors of a trial side by side.
//!
//! Drawing the noise is most of the work of a trial, so it is drawn once a chunk of steps and used by every scaling
//! factor; each factor's state stays in the first-level cache while it runs through the chunk. Spikes travel by columns
//! ([`super::columns`]). Outputs are computed only where they are looked at.

use super::columns::Columns;
use super::constants::Constants;
use super::draws::{CHUNK, Draws, LANES};
use super::network::LifNetwork;
use super::precision::Precision;
use super::recording::{Recorder, Recording, Run, State};

/// Groups whose spikes are collected together: one bit of a word each.
const SET: usize = 32;

/// The state of `LANES` units, but for IPSC and h: spikes reach those of all units at once, so they lie side by side.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Group<R: Precision> {
    v: [R; LANES],
    r: [R; LANES],
    h_r: [R; LANES],
    last: [R::Time; LANES],
}

/// What is fixed about `LANES` units.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Fixed<R> {
    /// e^{−dt/τ_d}
    decay: [R; LANES],
    /// A unit's own spike enters h_r (or r) with this: 1/(τ_r τ_d) or 1/τ_d.
    spike_gain: [R; LANES],
}

/// What all scaling factors share.
#[derive(Debug)]
pub(super) struct Prepared<R: Precision> {
    c: Constants,
    units: usize,
    fixed: Vec<Fixed<R>>,
    /// Lanes of the last group that hold no unit never spike.
    last_lanes: [u32; LANES],
    columns: Option<Columns<R>>,
    scalars: Scalars<R>,
}

/// What is fixed about all units.
#[derive(Clone, Copy, Debug)]
struct Scalars<R: Precision> {
    dt: R,
    decay_r: R,
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
        let decay = grouped(n, 0.0, |i| c.decay_d[i]);
        let spike_gain = grouped(n, 0.0, |i| 1.0 / c.spread[i]);
        let last_group = n.div_ceil(LANES).saturating_sub(1) * LANES;
        Self {
            units: n,
            fixed: decay.into_iter().zip(spike_gain).map(|(decay, spike_gain)| Fixed { decay, spike_gain }).collect(),
            last_lanes: std::array::from_fn(|l| if last_group + l < n { u32::MAX } else { 0 }),
            columns: R::SHARED_WEIGHTS.then(|| Columns::new(&network.recurrent, n, 1.0)),
            scalars: Scalars {
                dt: R::from_f64(c.dt),
                decay_r: R::from_f64(c.decay_r),
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
        sample: impl Fn(usize) -> usize + Copy,
        scaling_factors: &[f64],
        draws: &impl Draws,
        recording: &Recording,
    ) -> Vec<Run> {
        let drive: Vec<[R; LANES]> =
            drive.chunks_exact(self.units).flat_map(|row| grouped(self.units, 0.0, |i| row[i])).collect();
        let member = |factor: &f64| Member::new(self, network, *factor, draws, recording);
        let mut members: Vec<Member<R>> = scaling_factors.iter().map(member).collect();
        let mut noise = vec![[R::ZERO; LANES]; self.fixed.len() * CHUNK];
        for first in (0..steps).step_by(CHUNK) {
            let length = CHUNK.min(steps - first);
            if self.c.noise_sd > 0.0 || self.c.kicks.is_some() {
                self.fill(first, length, draws, &mut noise);
            }
            let chunk = Chunk { first, length, drive: &drive, noise: &noise };
            members.iter_mut().for_each(|member| member.advance(&chunk, sample));
        }
        members.into_iter().map(Member::finish).collect()
    }

    /// Noise of a chunk, `[step][group]`, with the jumps of a stimulation added.
    fn fill(&self, first: usize, length: usize, draws: &impl Draws, noise: &mut [[R; LANES]]) {
        let count = self.fixed.len();
        noise.fill([R::ZERO; LANES]);
        if self.c.noise_sd > 0.0 {
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

/// Steps that are run in one go.
struct Chunk<'a, R> {
    /// Steps before the chunk.
    first: usize,
    length: usize,
    /// `[samples][groups]`
    drive: &'a [[R; LANES]],
    /// `[step][groups]`
    noise: &'a [[R; LANES]],
}

/// One scaling factor's network.
struct Member<'a, R: Precision> {
    p: &'a Prepared<R>,
    groups: Vec<Group<R>>,
    /// `[groups]`
    ipsc: Vec<[R; LANES]>,
    /// `[groups]`
    h: Vec<[R; LANES]>,
    /// Weights that are this factor's own, where they are not shared.
    own_columns: Option<Columns<R>>,
    /// Gain of the recurrent input into h (or IPSC), see [`Precision::gain`].
    gain: Vec<[R; LANES]>,
    /// W_out / scaling factor `[O][groups]`
    w_out: Vec<[R; LANES]>,
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
        let group = |v| Group { v, r: none, h_r: none, last: start };
        let count = n.div_ceil(LANES);
        let own = || Columns::new(&network.recurrent, n, scaling_factor);
        let w_out = network.w_out.chunks_exact(n);
        Self {
            p,
            groups: grouped(n, p.c.v_reset, |i| v[i]).into_iter().map(group).collect(),
            ipsc: vec![none; count],
            h: vec![none; count],
            own_columns: (!R::SHARED_WEIGHTS).then(own),
            gain: (0..count)
                .map(|g| {
                    std::array::from_fn(|l| R::gain(*p.c.spread.get(g * LANES + l).unwrap_or(&1.0), scaling_factor))
                })
                .collect(),
            w_out: w_out.flat_map(|row| grouped(n, 0.0, |i| row[i] / scaling_factor)).collect(),
            j: vec![none; count],
            spiking: Vec::with_capacity(n),
            recorder: Recorder::new(recording, n, network.outputs),
        }
    }

    /// Runs through a chunk.
    fn advance(&mut self, chunk: &Chunk<R>, sample: impl Fn(usize) -> usize + Copy) {
        mdl_data::simd::dispatch(
            #[inline(always)]
            || match (self.p.c.double, self.p.c.quadratic) {
                (true, false) => self.steps::<true, false>(chunk, sample),
                (true, true) => self.steps::<true, true>(chunk, sample),
                (false, false) => self.steps::<false, false>(chunk, sample),
                (false, true) => self.steps::<false, true>(chunk, sample),
            },
        );
        self.drop_nothings();
    }

    #[inline(always)]
    fn steps<const DOUBLE: bool, const QUADRATIC: bool>(&mut self, chunk: &Chunk<R>, sample: impl Fn(usize) -> usize) {
        let count = self.groups.len();
        for s in 0..chunk.length {
            let step = chunk.first + s + 1;
            let now = R::time(step, &self.p.c);
            let drive = &chunk.drive[sample(step) * count..][..count];
            self.spiking.clear();
            let mut set = 0;
            while set < count {
                let end = count.min(set + SET);
                let noise = &chunk.noise[s * count..][set..end];
                let groups = self.groups[set..end].iter_mut().zip(&mut self.ipsc[set..end]).zip(&mut self.h[set..end]);
                let inputs = self.p.fixed[set..end].iter().zip(&drive[set..end]).zip(noise);
                let hits = integrate::<R, DOUBLE, QUADRATIC>(groups, inputs, self.p.scalars, now);
                self.collect(set, end, hits);
                set = end;
            }
            if !self.spiking.is_empty() {
                self.propagate::<DOUBLE>();
                self.recorder.spikes(step, &self.spiking);
            }
            self.observe(step);
        }
    }

    /// Lists the units of some groups that spike, in ascending order.
    #[inline(always)]
    fn collect(&mut self, first: usize, end: usize, mut hits: [u32; LANES]) {
        if end == self.groups.len() {
            let last = 1 << (end - first - 1);
            for l in 0..LANES {
                hits[l] &= !last | self.p.last_lanes[l];
            }
        }
        if hits.iter().all(|h| *h == 0) {
            return;
        }
        let mut any = hits.iter().fold(0, |any, h| any | h);
        while any != 0 {
            let g = any.trailing_zeros();
            any &= any - 1;
            let mut lanes = (0..LANES).fold(0, |lanes, l| lanes | (hits[l] >> g & 1) << l);
            while lanes != 0 {
                self.spiking.push(((first + g as usize) * LANES) as u32 + lanes.trailing_zeros());
                lanes &= lanes - 1;
            }
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
    fn observe(&mut self, step: usize) {
        let (groups, ipsc) = (&self.groups, self.ipsc.as_flattened());
        if self.recorder.wants_out(step) {
            let w_out = &self.w_out;
            // Inlined, or it would not be compiled for the wider vector unit.
            self.recorder.out(
                step,
                #[inline(always)]
                |o| readout(&w_out[o * groups.len()..][..groups.len()], groups),
            );
        }
        self.recorder.rates(step, |i| groups[i / LANES].r[i % LANES].to_f64());
        let v = |i: usize| groups[i / LANES].v[i % LANES].to_f64();
        self.recorder.traces(step, v, |i| ipsc[i].to_f64());
    }

    fn drop_nothings(&mut self) {
        mdl_data::simd::dispatch(
            #[inline(always)]
            || {
                drop_nothings(self.ipsc.as_flattened_mut());
                drop_nothings(self.h.as_flattened_mut());
                for group in &mut self.groups {
                    drop_nothings(&mut group.r);
                    drop_nothings(&mut group.h_r);
                }
            },
        );
    }

    fn finish(self) -> Run {
        let (n, groups) = (self.p.units, &self.groups);
        let flat = |values: &[[R; LANES]]| values.as_flattened()[..n].iter().map(|x| x.to_f64()).collect();
        self.recorder.finish(|| State {
            v_mv: groups.iter().flat_map(|g| g.v).take(n).map(R::to_f64).collect(),
            ipsc_mv: flat(&self.ipsc),
            h: flat(&self.h),
            r: groups.iter().flat_map(|g| g.r).take(n).map(R::to_f64).collect(),
            h_r: groups.iter().flat_map(|g| g.h_r).take(n).map(R::to_f64).collect(),
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

/// One step of some groups. Bit g of lane l of the result: whether unit l of the g-th of them spikes.
#[inline(always)]
fn integrate<'a, R: Precision, const DOUBLE: bool, const QUADRATIC: bool>(
    groups: impl Iterator<Item = ((&'a mut Group<R>, &'a mut [R; LANES]), &'a mut [R; LANES])>,
    inputs: impl Iterator<Item = ((&'a Fixed<R>, &'a [R; LANES]), &'a [R; LANES])>,
    c: Scalars<R>,
    now: R::Time,
) -> [u32; LANES] {
    let mut hits = [0; LANES];
    let mut bit = 1u32;
    for (((x, ipsc_now), h_now), ((fixed, drive), noise)) in groups.zip(inputs) {
        // Copies cannot overlap what is written, so that the loop needs no check for it.
        let (fixed, drive, noise) = (*fixed, *drive, *noise);
        let (mut ipsc, mut h) = (*ipsc_now, *h_now);
        for l in 0..LANES {
            let current = (ipsc[l] + c.bias) + drive[l];
            let pull = if QUADRATIC { x.v[l] * x.v[l] + current } else { -x.v[l] + current };
            let gated = if R::is_open(now, x.last[l], c.refractory) { pull } else { R::ZERO };
            let v = (x.v[l] + R::leak(gated, c.leak)) + noise[l];
            let spikes = v >= c.v_peak;
            let own = if spikes { fixed.spike_gain[l] } else { R::ZERO };
            if DOUBLE {
                ipsc[l] = ipsc[l] * fixed.decay[l] + h[l] * c.dt;
                h[l] = h[l] * c.decay_r;
                x.r[l] = x.r[l] * fixed.decay[l] + x.h_r[l] * c.dt;
                x.h_r[l] = x.h_r[l] * c.decay_r + own;
            } else {
                ipsc[l] = ipsc[l] * fixed.decay[l];
                x.r[l] = x.r[l] * fixed.decay[l] + own;
            }
            x.last[l] = if spikes { R::stamp(now, x.last[l]) } else { x.last[l] };
            x.v[l] = if spikes { c.v_reset } else { v };
            hits[l] |= if spikes { bit } else { 0 };
        }
        (*ipsc_now, *h_now) = (ipsc, h);
        bit <<= 1;
    }
    hits
}

/// Σ w r over all units: lane by lane, then the lanes in halves.
#[inline(always)]
fn readout<R: Precision>(w_out: &[[R; LANES]], groups: &[Group<R>]) -> f64 {
    let mut sum = [R::ZERO; LANES];
    for (w, group) in w_out.iter().zip(groups) {
        for l in 0..LANES {
            sum[l] += w[l] * group.r[l];
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            sum[l] += sum[l + width];
        }
        width /= 2;
    }
    sum[0].to_f64()
}
