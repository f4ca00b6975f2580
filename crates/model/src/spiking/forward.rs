//! The recurrence, forward.
//!
//! For one trial and one step, in the symbols of the module above, with the columns of A = (Ξ_in diag(λ), W_in) and
//! C = (Ξ_out, W_out):
//!
//! ```text
//! h_t = α_r h_{t−1} + s_{t−1}                      s_{t−1} = H(U_{t−1} − θ)
//! r_t = α_d r_{t−1} + κ h_t
//! I_t = α_s I_{t−1} + drive_t + A (a_t, x_t)       a_t = Ξ_outᵀ r_{t−1}
//! U_t, s_t: the neuron's, from I_t and its state; see [`super::neurons`]
//! (a_{t+1}, y_t) = Cᵀ r_t
//! ```
//!
//! A potential held at 0 by the refractory period is stored as −0, which never occurs for a free one. The trace of U
//! therefore shows which neurons were free.
//!
//! **Layout.** Trials are independent. A *tile* of G trials runs through all steps together: a loaded weight is used
//! for G trials, and tile and weights stay in the first- or second-level cache. Sixteen neurons of one trial are a
//! *lane group*; the lane groups of a tile's trials are adjacent, `[groups][G]`.
//!
//! **Memory.** The backward pass needs U of every step. It is kept for one interval of steps at a time: the forward
//! pass stores I and U at the beginning of each interval, and a for every step, from which [`recompute`] restores the
//! trace of the interval without r and h, which only affect a. Traces thus stay in the second-level cache, and memory
//! grows with T·P and T·N/64 instead of T·N. If neurons have their own decay constants, the backward pass also needs r;
//! h and r are then stored with I and U and recomputed with them.

use super::constants::{Constants, PerUnit, Units, with_units};
use super::neurons::Neuron;
use super::sparse;
use mdl_data::spikes::{STEPS_PER_WORD, SpikeInput};
use mdl_kernels::dispatch::dispatch;
use mdl_kernels::lanes::{LANES, Lanes};
use mdl_kernels::real::Real;
use std::ops::Range;

/// Neighbouring lane groups that take a step together, and are then projected while they are in the first-level cache.
pub(super) const BLOCK: usize = 16;
/// At this interval in steps, negligible values are set to zero before they become subnormal numbers, which are many
/// times slower.
pub(super) const FLUSH_STEPS: usize = 16;

/// Sizes of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// T.
    pub steps: usize,
    /// B.
    pub trials: usize,
    /// N.
    pub neurons: usize,
    /// P.
    pub modes: usize,
    /// Columns of A: P and the K signals that enter through W_in inside the recurrence.
    pub inputs: usize,
    /// Columns of C: P and the O outputs that are read inside the recurrence.
    pub outputs: usize,
}

impl Sizes {
    pub(super) fn groups(&self) -> usize {
        self.neurons.div_ceil(LANES)
    }
}

/// Input of the neurons apart from their recurrence.
pub(super) enum Source<'a, R> {
    /// Signals x `[T, B, K]`; W_in stands among the columns of A.
    Signals(&'a [R]),
    /// The drive itself, `[T, B, N]`.
    Currents(&'a [R]),
    /// Spikes, and the columns of W_in as lane groups `[K][groups]`.
    Spikes(&'a SpikeInput, Vec<Lanes<R>>),
}

/// A network and its input, in the form of the kernels.
pub(super) struct Network<'a, R, N> {
    pub constants: Constants<R>,
    pub neuron: N,
    pub sizes: Sizes,
    /// A, `[groups][inputs]`.
    pub into: Vec<Lanes<R>>,
    /// C, `[groups][outputs]`.
    pub out: Vec<Lanes<R>>,
    pub source: Source<'a, R>,
}

/// Packs rows `[columns, N]` as lane groups `[groups][columns]`; the lanes beyond N are 0.
pub(super) fn pack<R: Real>(rows: &[R], columns: usize, neurons: usize) -> Vec<Lanes<R>> {
    let groups = neurons.div_ceil(LANES);
    let mut packed = vec![Lanes::zero(); groups * columns];
    for (q, row) in rows.chunks_exact(neurons).enumerate() {
        for (i, values) in row.chunks(LANES).enumerate() {
            packed[i * columns + q] = Lanes::load(values);
        }
    }
    packed
}

/// What a tile's neurons keep of a step, `[groups]`.
pub(super) type KeptRow<R, N, const G: usize> = [[<N as Neuron<R>>::Kept; G]];

/// A value of every neuron of a tile, `[groups]`.
pub(super) type Row<R, const G: usize> = [[Lanes<R>; G]];

/// I of sixteen neurons, and the state of the neuron model.
#[derive(Clone, Copy)]
pub(super) struct State<R, S> {
    current: Lanes<R>,
    neuron: S,
}

/// Synapses of sixteen neurons.
#[derive(Clone, Copy)]
pub(super) struct Synapse<R> {
    /// h.
    rising: Lanes<R>,
    /// r.
    trace: Lanes<R>,
}

/// State of a tile between steps, without a.
pub(super) struct Checkpoint<R: Real, N: Neuron<R>, const G: usize> {
    states: Vec<[State<R, N::State>; G]>,
    /// U and the other kept state of the neuron model.
    kept: Vec<[N::Kept; G]>,
    /// h and r; empty if they are not recomputed.
    synapses: Vec<[Synapse<R>; G]>,
}

impl<R: Real, N: Neuron<R>, const G: usize> Checkpoint<R, N, G> {
    /// All variables are zero before the first step.
    pub(super) fn zero(sizes: &Sizes) -> Self {
        let (neuron, kept) = N::rest();
        let state = State { current: Lanes::zero(), neuron };
        let synapse = Synapse { rising: Lanes::zero(), trace: Lanes::zero() };
        Self {
            states: vec![[state; G]; sizes.groups()],
            kept: vec![[kept; G]; sizes.groups()],
            synapses: vec![[synapse; G]; sizes.groups()],
        }
    }

    /// A copy for [`recompute`]: h and r only `with_synapses`.
    pub(super) fn copy(&self, with_synapses: bool) -> Self {
        let synapses = if with_synapses { self.synapses.clone() } else { Vec::new() };
        Self { states: self.states.clone(), kept: self.kept.clone(), synapses }
    }
}

/// States of a tile over an interval of steps.
pub(super) struct Trace<R: Real, N: Neuron<R>, const G: usize> {
    groups: usize,
    /// Row k + 1 is the kept state of step k, row 0 that of the step before the interval. With fewer rows than steps,
    /// only the last steps are kept.
    kept: Vec<[N::Kept; G]>,
    /// Row k is V of step k; empty unless requested.
    membrane: Vec<[Lanes<R>; G]>,
    /// Row k is r of step k; empty unless requested.
    synapses: Vec<[Lanes<R>; G]>,
}

impl<R: Real, N: Neuron<R>, const G: usize> Trace<R, N, G> {
    /// Allocates the potentials of `steps` steps and, if requested, V and r.
    pub(super) fn new(sizes: &Sizes, steps: usize, with_membrane: bool, with_synapses: bool) -> Self {
        let zeros = |rows| vec![[Lanes::zero(); G]; rows * sizes.groups()];
        let rows = |wanted| zeros(if wanted { steps } else { 0 });
        Self {
            groups: sizes.groups(),
            kept: vec![[N::rest().1; G]; (steps + 1) * sizes.groups()],
            membrane: rows(with_membrane),
            synapses: rows(with_synapses),
        }
    }

    /// A trace that keeps only the last steps.
    pub(super) fn passing(sizes: &Sizes) -> Self {
        Self::new(sizes, 1, false, false)
    }

    /// Starts an interval after the step that left `kept`.
    #[inline(always)]
    fn begin(&mut self, kept: &KeptRow<R, N, G>) {
        self.kept[..self.groups].copy_from_slice(kept);
    }

    /// The last of `steps` steps.
    #[inline(always)]
    fn last(&self, steps: usize) -> &KeptRow<R, N, G> {
        let row = steps % (self.kept.len() / self.groups);
        &self.kept[row * self.groups..(row + 1) * self.groups]
    }

    /// Step `k` of the interval.
    #[inline(always)]
    pub(super) fn kept(&self, k: usize) -> &KeptRow<R, N, G> {
        &self.kept[(k + 1) * self.groups..(k + 2) * self.groups]
    }

    /// Steps `k` of the interval, row by row.
    #[inline(always)]
    pub(super) fn kept_rows(&self, k: Range<usize>) -> &KeptRow<R, N, G> {
        &self.kept[(k.start + 1) * self.groups..(k.end + 1) * self.groups]
    }

    /// V of step `k` of the interval, if it is kept.
    #[inline(always)]
    pub(super) fn membrane(&self, k: usize) -> Option<&Row<R, G>> {
        self.membrane.get(k * self.groups..(k + 1) * self.groups)
    }

    /// r of the steps `k` of the interval, row by row, if it is kept.
    #[inline(always)]
    pub(super) fn synapses(&self, k: Range<usize>) -> &Row<R, G> {
        &self.synapses[k.start * self.groups..k.end * self.groups]
    }

    /// Stores r of step `k`, if it is kept.
    #[inline(always)]
    fn keep_synapses(&mut self, k: usize, synapses: &[[Synapse<R>; G]]) {
        if let Some(row) = self.synapses.get_mut(k * self.groups..(k + 1) * self.groups) {
            for (kept, synapses) in row.iter_mut().zip(synapses) {
                *kept = synapses.map(|synapse| synapse.trace);
            }
        }
    }

    /// Step before `k`, and storage for step `k` and for its V (if it is kept).
    #[inline(always)]
    fn step(&mut self, k: usize) -> (&KeptRow<R, N, G>, &mut KeptRow<R, N, G>, &mut Row<R, G>) {
        let (groups, rows) = (self.groups, self.kept.len() / self.groups);
        let (from, to) = (k % rows, (k + 1) % rows);
        let (low, high) = self.kept.split_at_mut(from.max(to) * groups);
        let (low, high) = (&mut low[from.min(to) * groups..][..groups], &mut high[..groups]);
        let membrane =
            if self.membrane.is_empty() { &mut [] } else { &mut self.membrane[k * groups..(k + 1) * groups] };
        if from < to { (low, high, membrane) } else { (high, low, membrane) }
    }
}

/// Maximum of r of sixteen neurons, and the first step at which it was reached.
#[derive(Clone, Copy)]
pub(super) struct Peak<R> {
    pub value: Lanes<R>,
    pub step: Lanes<R>,
}

impl<R: Real> Peak<R> {
    /// Below every r.
    pub(super) fn none() -> Self {
        Self { value: Lanes::splat(R::neg_infinity()), step: Lanes::zero() }
    }
}

/// Use of r_t.
pub(super) enum Sink<'a, R, const G: usize> {
    /// y_t = W_out r_t: one slice `[G, O]` a step.
    Readout(Vec<&'a mut [R]>),
    /// r_t itself: one slice `[G, N]` a step.
    Synapses(Vec<&'a mut [R]>),
    /// max_t r_t, `[groups]`.
    Peaks(Vec<[Peak<R>; G]>),
}

/// Steps `steps` of the G trials from `first` onwards.
pub(super) struct Interval<'a, R, N> {
    pub network: &'a Network<'a, R, N>,
    pub first: usize,
    pub steps: Range<usize>,
}

/// A tile during a run.
pub(super) struct Runner<'a, R: Real, N: Neuron<R>, const G: usize> {
    pub checkpoint: Checkpoint<R, N, G>,
    /// a of the step to come, `[P]`.
    activity: Vec<[R; G]>,
    pub sink: Sink<'a, R, G>,
}

impl<'a, R: Real, N: Neuron<R>, const G: usize> Runner<'a, R, N, G> {
    /// All variables are zero before the first step.
    pub(super) fn new(sizes: &Sizes, sink: Sink<'a, R, G>) -> Self {
        Self { checkpoint: Checkpoint::zero(sizes), activity: vec![[R::zero(); G]; sizes.modes], sink }
    }

    /// Runs the tile through an interval. Its potentials go to `trace`, and a of every step is appended to
    /// `activities`.
    pub(super) fn advance(
        &mut self,
        interval: &Interval<R, N>,
        trace: &mut Trace<R, N, G>,
        mut activities: Option<&mut Vec<[R; G]>>,
    ) {
        let sizes = &interval.network.sizes;
        let mut entering = Entering::new(interval.network);
        let mut leaving = vec![[R::zero(); G]; sizes.outputs];
        trace.begin(&self.checkpoint.kept);
        for (k, t) in interval.steps.clone().enumerate() {
            if let Some(activities) = &mut activities {
                activities.extend_from_slice(&self.activity);
            }
            entering.prepare(interval, t, &self.activity);
            let (before, after, voltage) = trace.step(k);
            let Checkpoint { states, synapses, .. } = &mut self.checkpoint;
            dispatch(
                #[inline(always)]
                || {
                    leaving.fill([R::zero(); G]);
                    step_synapses(interval.network, before, synapses, &mut leaving);
                    step_neurons(interval, t, &entering, before, states, after, voltage);
                    if t.is_multiple_of(FLUSH_STEPS) {
                        flush_synapses(synapses);
                        flush_neurons::<R, N, G>(states, after);
                    }
                },
            );
            trace.keep_synapses(k, &self.checkpoint.synapses);
            self.activity.copy_from_slice(&leaving[..sizes.modes]);
            self.emit(sizes, t, &leaving[sizes.modes..]);
        }
        self.checkpoint.kept.copy_from_slice(trace.last(interval.steps.len()));
    }

    /// Passes r_t, or its readout, to the sink.
    fn emit(&mut self, sizes: &Sizes, t: usize, readout: &[[R; G]]) {
        match &mut self.sink {
            Sink::Readout(rows) => {
                for (o, values) in readout.iter().enumerate() {
                    for g in 0..G {
                        rows[t][g * readout.len() + o] = values[g];
                    }
                }
            }
            Sink::Synapses(rows) => {
                for (g, row) in rows[t].chunks_exact_mut(sizes.neurons).enumerate() {
                    for (values, synapses) in row.chunks_mut(LANES).zip(&self.checkpoint.synapses) {
                        values.copy_from_slice(&synapses[g].trace.0[..values.len()]);
                    }
                }
            }
            Sink::Peaks(peaks) => {
                let t = Lanes::splat(R::constant(t as f64));
                dispatch(
                    #[inline(always)]
                    || {
                        let synapses = self.checkpoint.synapses.as_flattened();
                        for (peak, synapse) in peaks.as_flattened_mut().iter_mut().zip(synapses) {
                            peak.step = synapse.trace.where_above(peak.value, t, peak.step);
                            peak.value = synapse.trace.where_above(peak.value, synapse.trace, peak.value);
                        }
                    },
                );
            }
        }
    }
}

/// Recomputes the trace of an interval from the checkpoint at its beginning and a of its steps; r if it was kept.
pub(super) fn recompute<R: Real, N: Neuron<R>, const G: usize>(
    interval: &Interval<R, N>,
    checkpoint: &Checkpoint<R, N, G>,
    activities: &[[R; G]],
    trace: &mut Trace<R, N, G>,
) {
    let modes = interval.network.sizes.modes;
    let mut entering = Entering::new(interval.network);
    let (mut states, mut synapses) = (checkpoint.states.clone(), checkpoint.synapses.clone());
    trace.begin(&checkpoint.kept);
    for (k, t) in interval.steps.clone().enumerate() {
        entering.prepare(interval, t, &activities[k * modes..(k + 1) * modes]);
        let (before, after, voltage) = trace.step(k);
        dispatch(
            #[inline(always)]
            || {
                step_all_synapses(interval.network, before, &mut synapses);
                step_neurons(interval, t, &entering, before, &mut states, after, voltage);
                if t.is_multiple_of(FLUSH_STEPS) {
                    flush_synapses(&mut synapses);
                    flush_neurons::<R, N, G>(&mut states, after);
                }
            },
        );
        trace.keep_synapses(k, &synapses);
    }
}

/// h_t and r_t of all lane groups, and Cᵀ r_t.
#[inline(always)]
fn step_synapses<R: Real, N: Neuron<R>, const G: usize>(
    network: &Network<R, N>,
    before: &KeptRow<R, N, G>,
    synapses: &mut [[Synapse<R>; G]],
    leaving: &mut [[R; G]],
) {
    let k = &network.constants;
    with_units!(k, units => {
        for (block, ((before, synapses), out)) in
            before.chunks(BLOCK).zip(synapses.chunks_mut(BLOCK)).zip(network.out.chunks(BLOCK * leaving.len())).enumerate()
        {
            step_synapse_groups(network, units, block * BLOCK, before, synapses);
            project(
                out,
                leaving.len(),
                synapses,
                #[inline(always)]
                |synapse| synapse.trace,
                leaving,
            );
        }
    });
}

/// h_t and r_t of all groups.
#[inline(always)]
fn step_all_synapses<R: Real, N: Neuron<R>, const G: usize>(
    network: &Network<R, N>,
    before: &KeptRow<R, N, G>,
    synapses: &mut [[Synapse<R>; G]],
) {
    with_units!(network.constants, units => step_synapse_groups(network, units, 0, before, synapses));
}

/// h_t and r_t of the lane groups from `start` onwards.
#[inline(always)]
fn step_synapse_groups<R: Real, N: Neuron<R>, const G: usize>(
    network: &Network<R, N>,
    units: impl Units<R>,
    start: usize,
    before: &KeptRow<R, N, G>,
    synapses: &mut [[Synapse<R>; G]],
) {
    let alpha_rise = network.constants.alpha_rise;
    for (i, (synapses, before)) in synapses.iter_mut().zip(before).enumerate() {
        let unit = units.group(start + i);
        for g in 0..G {
            let spikes = network.neuron.spikes(start + i, unit.threshold, before[g]);
            let rising = synapses[g].rising * alpha_rise + spikes;
            let trace = synapses[g].trace * unit.alpha_decay + rising * unit.gain;
            synapses[g] = Synapse { rising, trace };
        }
    }
}

/// I_t and the neuron's step for all lane groups; V_t is only returned if there is storage for it.
#[inline(always)]
fn step_neurons<R: Real, N: Neuron<R>, const G: usize>(
    interval: &Interval<R, N>,
    t: usize,
    entering: &Entering<R, G>,
    before: &KeptRow<R, N, G>,
    states: &mut [[State<R, N::State>; G]],
    after: &mut KeptRow<R, N, G>,
    voltage: &mut Row<R, G>,
) {
    let drives = entering.drives(interval, t);
    with_units!(interval.network.constants, units => {
        step_groups(interval.network, units, t, (entering.row(t), drives), before, states, after, voltage);
    });
}

/// [`step_neurons`] of neurons with these constants, and what enters them: the columns of A, and the drives.
#[inline(always)]
fn step_groups<R: Real, N: Neuron<R>, const G: usize>(
    network: &Network<R, N>,
    units: impl Units<R>,
    t: usize,
    (columns, drives): (&[[R; G]], [Drive<R>; G]),
    before: &KeptRow<R, N, G>,
    states: &mut [[State<R, N::State>; G]],
    after: &mut KeptRow<R, N, G>,
    voltage: &mut Row<R, G>,
) {
    let (k, neuron, into) = (&network.constants, &network.neuron, &network.into);
    let now = R::constant(t as f64);
    for (i, ((states, after), before)) in states.iter_mut().zip(after).zip(before).enumerate() {
        let threshold = units.group(i).threshold;
        let mut current = [Lanes::zero(); G];
        for g in 0..G {
            current[g] = states[g].current * k.alpha_current + drives[g].lanes(i);
        }
        for (weight, value) in into[i * columns.len()..(i + 1) * columns.len()].iter().zip(columns) {
            for g in 0..G {
                current[g] += *weight * value[g];
            }
        }
        for g in 0..G {
            states[g].current = current[g];
            after[g] = neuron.step(i, threshold, now, &mut states[g].neuron, before[g], current[g]);
        }
        if let Some(voltage) = voltage.get_mut(i) {
            for g in 0..G {
                voltage[g] = neuron.free_potential(i, before[g], current[g]);
            }
        }
    }
}

/// `totals[q] += Σ_n weights[n, q] x[n]` for as many of the `columns` columns of `weights` `[groups][columns]` as there are
/// totals.
#[inline(always)]
pub(super) fn project<R: Real, C, const G: usize>(
    weights: &[Lanes<R>],
    columns: usize,
    groups: &[[C; G]],
    x: impl Fn(&C) -> Lanes<R>,
    totals: &mut [[R; G]],
) {
    for (q, totals) in totals.iter_mut().enumerate() {
        let mut sums = [Lanes::zero(); G];
        for (weight, groups) in weights[q..].iter().step_by(columns).zip(groups) {
            for g in 0..G {
                sums[g] += *weight * x(&groups[g]);
            }
        }
        for g in 0..G {
            totals[g] += sums[g].sum();
        }
    }
}

#[inline(always)]
fn flush_neurons<R: Real, N: Neuron<R>, const G: usize>(
    states: &mut [[State<R, N::State>; G]],
    kept: &mut KeptRow<R, N, G>,
) {
    for (state, kept) in states.as_flattened_mut().iter_mut().zip(kept.as_flattened_mut()) {
        state.current = state.current.flushed();
        N::flush(&mut state.neuron, kept);
    }
}

#[inline(always)]
fn flush_synapses<R: Real, const G: usize>(synapses: &mut [[Synapse<R>; G]]) {
    for Synapse { rising, trace } in synapses.as_flattened_mut() {
        *rising = rising.flushed();
        *trace = trace.flushed();
    }
}

/// Input of a tile's neurons in the steps of a word.
struct Entering<R, const G: usize> {
    /// a and x, `[64][inputs]`.
    columns: Vec<[R; G]>,
    inputs: usize,
    /// The drives that spikes sum up to, `[G][64][groups]`.
    drives: Vec<Lanes<R>>,
}

impl<R: Real, const G: usize> Entering<R, G> {
    fn new<N>(network: &Network<R, N>) -> Self {
        let inputs = network.sizes.inputs;
        let drives = match network.source {
            Source::Spikes(..) => G * STEPS_PER_WORD * network.sizes.groups(),
            _ => 0,
        };
        Self { columns: vec![[R::zero(); G]; STEPS_PER_WORD * inputs], inputs, drives: vec![Lanes::zero(); drives] }
    }

    /// Collects the input of step `t`, whose a is `activity`.
    fn prepare<N>(&mut self, interval: &Interval<R, N>, t: usize, activity: &[[R; G]]) {
        let Interval { network, first, steps } = interval;
        if t == steps.start || t.is_multiple_of(STEPS_PER_WORD) {
            let end = (t + 1).next_multiple_of(STEPS_PER_WORD).min(steps.end);
            let row = t % STEPS_PER_WORD * self.inputs;
            gather_signals(network, *first, t..end, &mut self.columns[row..]);
            if let Source::Spikes(spikes, columns) = &network.source {
                let groups = network.sizes.groups();
                for (g, rows) in self.drives.chunks_exact_mut(STEPS_PER_WORD * groups).enumerate() {
                    sparse::drive(spikes.trial(first + g), spikes.words(), t / STEPS_PER_WORD, columns, groups, rows);
                }
            }
        }
        self.columns[t % STEPS_PER_WORD * self.inputs..][..activity.len()].copy_from_slice(activity);
    }

    #[inline(always)]
    fn row(&self, t: usize) -> &[[R; G]] {
        &self.columns[t % STEPS_PER_WORD * self.inputs..][..self.inputs]
    }

    #[inline(always)]
    fn drives<'a, N>(&'a self, interval: &'a Interval<R, N>, t: usize) -> [Drive<'a, R>; G] {
        let Interval { network, first, .. } = interval;
        let Sizes { trials, neurons, .. } = network.sizes;
        let groups = network.sizes.groups();
        let mut drives = [Drive::None; G];
        for (g, drive) in drives.iter_mut().enumerate() {
            *drive = match network.source {
                Source::Signals(_) => Drive::None,
                Source::Currents(values) => Drive::Values(&values[(t * trials + first + g) * neurons..][..neurons]),
                Source::Spikes(..) => {
                    Drive::Groups(&self.drives[(g * STEPS_PER_WORD + t % STEPS_PER_WORD) * groups..][..groups])
                }
            };
        }
        drives
    }
}

/// Gathers the signals of the G trials from `first` on: x of the steps `steps` goes behind a in the rows of `columns`
/// `[steps][inputs]`. All steps at once, since each is a cache line of its own.
pub(super) fn gather_signals<R: Real, N, const G: usize>(
    network: &Network<R, N>,
    first: usize,
    steps: Range<usize>,
    columns: &mut [[R; G]],
) {
    let Sizes { trials, modes, inputs, .. } = network.sizes;
    if let Source::Signals(values) = network.source {
        let channels = inputs - modes;
        for (t, row) in steps.zip(columns.chunks_exact_mut(inputs)) {
            let x = &values[(t * trials + first) * channels..][..G * channels];
            for (k, signal) in row[modes..].iter_mut().enumerate() {
                for g in 0..G {
                    signal[g] = x[g * channels + k];
                }
            }
        }
    }
}

/// The drive of one trial's neurons in one step.
#[derive(Clone, Copy)]
enum Drive<'a, R> {
    None,
    Groups(&'a [Lanes<R>]),
    Values(&'a [R]),
}

impl<R: Real> Drive<'_, R> {
    #[inline(always)]
    fn lanes(self, i: usize) -> Lanes<R> {
        match self {
            Self::None => Lanes::zero(),
            Self::Groups(row) => row[i],
            Self::Values(row) => Lanes::load_group(row, i),
        }
    }
}
