//! The recurrence, backward: the adjoint of [`super::forward`], derived by hand.
//!
//! A bar denotes the gradient of the loss. From the last step to the first, with all variables of step T equal to zero:
//!
//! ```text
//! the neuron's step back: from s̄_t to its part of Ī_t and of s̄_{t−1}; see [`super::neurons`]
//! Ī_t = (the neuron's part) + α_s Ī_{t+1}          (also the gradient of the drive)
//! r̄_t = α_d r̄_{t+1} + C (ā_{t+1}, ȳ_t) + what the loss takes from r_t itself
//! h̄_t = α_r h̄_{t+1} + κ r̄_t
//! s̄_{t−1} = h̄_t − (the part of the reset factor)   for the leaky neuron c_t Ū_t, c_t = g_t V_t
//! (ā_t, x̄_t) = Aᵀ Ī_t
//! ```
//!
//! With a refractory period, g_t = 0 after a spike, so that c_t = U_t and the trace of U is sufficient; without one,
//! g_t = 1 always, and the trace of V is kept as well.
//!
//! The gradients of the weights are sums of outer products over steps and trials:
//!
//! ```text
//! Ā += Ī_t (a_t, x_t)ᵀ
//! C̄ += Σ_t r_t (ā_{t+1}, ȳ_t)ᵀ = Σ_t s_t e_tᵀ       ρ_t = α_d ρ_{t+1} + (ā_{t+1}, ȳ_t),  η_t = α_r η_{t+1} + κ ρ_t,  e_t = η_{t+1}
//! ```
//!
//! The second form moves the filter of the synapse from the N traces r to the few columns of C, so that r need not be
//! kept: the trace of U contains the spikes. It requires one filter for all neurons. If neurons have their own decay
//! constants, the trace contains r and the first form is used. Products of a segment of steps are summed together, in
//! registers.

use super::constants::{Constants, PerUnit, Units, with_units};
use super::forward::{
    BLOCK, FLUSH_STEPS, Interval, KeptRow, Network, Row, Sizes, Source, Trace, gather_signals, project,
};
use super::neurons::Neuron;
use super::sparse;
use super::surrogate::{Derivative, with_derivative};
use mdl_data::spikes::STEPS_PER_WORD;
use mdl_kernels::dispatch::dispatch;
use mdl_kernels::lanes::{LANES, Lanes};
use mdl_kernels::real::Real;
use rayon::prelude::*;
use std::ops::Range;

/// Adjoint state of sixteen neurons.
#[derive(Clone, Copy)]
struct Adjoint<R, A> {
    /// Ī_{t+1}.
    current: Lanes<R>,
    /// Adjoint state of the neuron model.
    neuron: A,
    /// h̄_{t+1}.
    rising: Lanes<R>,
    /// r̄_{t+1}.
    trace: Lanes<R>,
    /// s̄_t.
    spike: Lanes<R>,
}

/// Adjoint state of a tile.
pub(super) struct AdjointState<R: Real, N: Neuron<R>, const G: usize> {
    /// `[groups]`.
    groups: Vec<[Adjoint<R, N::Adjoint>; G]>,
    /// ā_{t+1}, `[P]`.
    activity: Vec<[R; G]>,
    /// ρ_{t+1} and η_{t+1}, `[outputs]`.
    filtered: Vec<[(R, R); G]>,
}

impl<R: Real, N: Neuron<R>, const G: usize> AdjointState<R, N, G> {
    /// All variables are zero after the last step.
    pub(super) fn zero(sizes: &Sizes) -> Self {
        let zero = Lanes::zero();
        let group = Adjoint { current: zero, neuron: N::adjoint(), rising: zero, trace: zero, spike: zero };
        Self {
            groups: vec![[group; G]; sizes.groups()],
            activity: vec![[R::zero(); G]; sizes.modes],
            filtered: vec![[(R::zero(), R::zero()); G]; sizes.outputs],
        }
    }
}

/// Gradient of the output of the forward pass.
pub(super) enum Arriving<'a, R, const G: usize> {
    /// ȳ, `[T, B, O]`.
    Readout(&'a [R]),
    /// r̄, `[T, B, N]`.
    Synapses(&'a [R]),
    /// The gradient of the tile's max_t r_t, and the step that holds each maximum; `[groups]`.
    Peaks(Vec<[Lanes<R>; G]>, &'a Row<R, G>),
}

/// Gradients of the weights, summed over the steps and trials so far.
pub(super) struct Gradients<R> {
    /// Ā, `[groups][inputs]`.
    pub into: Vec<Lanes<R>>,
    /// C̄, `[groups][outputs]`.
    pub out: Vec<Lanes<R>>,
    /// Those of the neuron's rows, `[groups][ROWS]`.
    pub rows: Vec<Lanes<R>>,
    /// W̄_in, `[K][groups]`, where the input is spikes.
    pub columns: Vec<Lanes<R>>,
}

impl<R: Real> Gradients<R> {
    pub(super) fn zero<N: Neuron<R>>(network: &Network<R, N>) -> Self {
        let zeros = |count| vec![Lanes::zero(); count];
        let columns = match &network.source {
            Source::Spikes(_, columns) => columns.len(),
            _ => 0,
        };
        Self {
            into: zeros(network.into.len()),
            out: zeros(network.out.len()),
            rows: zeros(network.sizes.groups() * N::ROWS),
            columns: zeros(columns),
        }
    }

    /// Sum of the gradients of several sets of trials, added in order.
    pub(super) fn sum(parts: &[Self]) -> Self {
        Self {
            into: sum_in_order(parts, |part| &part.into),
            out: sum_in_order(parts, |part| &part.out),
            rows: sum_in_order(parts, |part| &part.rows),
            columns: sum_in_order(parts, |part| &part.columns),
        }
    }
}

fn sum_in_order<'a, R: Real>(
    parts: &'a [Gradients<R>],
    field: impl Fn(&'a Gradients<R>) -> &'a Vec<Lanes<R>> + Sync,
) -> Vec<Lanes<R>> {
    const PIECE: usize = 512;
    let mut sums = parts.first().map_or(Vec::new(), |part| field(part).clone());
    sums.par_chunks_mut(PIECE).enumerate().for_each(|(i, sums)| {
        for part in &parts[1..] {
            for (sum, term) in sums.iter_mut().zip(&field(part)[i * PIECE..]) {
                *sum += *term;
            }
        }
    });
    sums
}

/// The gradient of the source: one slice a step, `[G, K]` of signals or `[G, N]` of currents.
pub(super) type SourceGradient<'a, R> = Vec<&'a mut [R]>;

/// Data of the steps of a segment, row by row.
pub(super) struct Work<R, const G: usize> {
    /// Number of steps of a segment.
    segment: usize,
    /// Ī, `[segment][groups]`.
    current: Vec<[Lanes<R>; G]>,
    /// (a, x), `[segment][inputs]`.
    entering: Vec<[R; G]>,
    /// (ā_{t+1}, ȳ_t), `[segment][outputs]`.
    leaving: Vec<[R; G]>,
    /// e, `[segment][outputs]`; not used where neurons have decay constants of their own.
    filtered: Vec<[R; G]>,
    /// ā_t, and x̄_t if it is needed.
    projections: Vec<[R; G]>,
}

impl<R: Real, const G: usize> Work<R, G> {
    /// Allocates a segment; `with_source` if the gradient of the source is needed.
    pub(super) fn new<N>(network: &Network<R, N>, with_source: bool) -> Self {
        let sizes = &network.sizes;
        let groups = sizes.groups();
        let segment = match network.source {
            Source::Spikes(..) => STEPS_PER_WORD,
            // Ī of a segment must stay in the second-level cache until it is summed.
            _ if groups > 64 => FLUSH_STEPS / 4,
            _ => FLUSH_STEPS,
        };
        let projected = match network.source {
            Source::Signals(_) if with_source => sizes.inputs,
            _ => sizes.modes,
        };
        let zeros = |count| vec![[R::zero(); G]; count];
        Self {
            segment,
            current: vec![[Lanes::zero(); G]; segment * groups],
            entering: zeros(segment * sizes.inputs),
            leaving: zeros(segment * sizes.outputs),
            filtered: zeros(segment * sizes.outputs),
            projections: zeros(projected),
        }
    }
}

/// Takes the trials of an interval back through its steps. `activities` are a of its steps, `[steps][P]`.
pub(super) fn backward<R: Real, N: Neuron<R>, const G: usize>(
    interval: &Interval<R, N>,
    trace: &Trace<R, N, G>,
    activities: &[[R; G]],
    arriving: &Arriving<R, G>,
    state: &mut AdjointState<R, N, G>,
    work: &mut Work<R, G>,
    gradients: &mut Gradients<R>,
    source_gradient: &mut Option<SourceGradient<R>>,
) {
    let Interval { network, first, steps } = interval;
    let sizes = &network.sizes;
    let (modes, groups) = (sizes.modes, sizes.groups());
    let mut end = steps.end;
    while end > steps.start {
        let start = ((end - 1) / work.segment * work.segment).max(steps.start);
        let rows = start - steps.start..end - steps.start;
        gather_entering(
            network,
            *first,
            start..end,
            &activities[rows.start * modes..rows.end * modes],
            &mut work.entering,
        );
        arriving.gather(sizes, *first, start..end, &mut work.leaving);
        for t in (start..end).rev() {
            let slot = t - start;
            dispatch(
                #[inline(always)]
                || {
                    filter(&network.constants, slot, state, work);
                    step_back(interval, t, slot, trace, arriving, state, work, &mut gradients.rows);
                    if t.is_multiple_of(FLUSH_STEPS) {
                        flush::<R, N, G>(&mut state.groups);
                    }
                },
            );
            state.activity.copy_from_slice(&work.projections[..modes]);
            if let Some(rows) = source_gradient {
                let current = &work.current[slot * groups..(slot + 1) * groups];
                write_source_gradient(network, &work.projections[modes..], current, rows[t]);
            }
        }
        add_weight_gradients(interval, rows, trace, work, gradients);
        end = start;
    }
}

/// Collects the inputs of the columns of A in the steps `steps`: a and x.
fn gather_entering<R: Real, N, const G: usize>(
    network: &Network<R, N>,
    first: usize,
    steps: Range<usize>,
    activities: &[[R; G]],
    entering: &mut [[R; G]],
) {
    let Sizes { modes, inputs, .. } = network.sizes;
    gather_signals(network, first, steps, entering);
    if modes > 0 {
        for (row, activity) in entering.chunks_exact_mut(inputs).zip(activities.chunks_exact(modes)) {
            row[..modes].copy_from_slice(activity);
        }
    }
}

/// Appends ā to the gradients of the columns of C in row `slot` of the segment, and filters the row by the synapse if
/// all neurons share it.
#[inline(always)]
fn filter<R: Real, N: Neuron<R>, const G: usize>(
    k: &Constants<R>,
    slot: usize,
    state: &mut AdjointState<R, N, G>,
    work: &mut Work<R, G>,
) {
    let outputs = state.filtered.len();
    let rows = slot * outputs..(slot + 1) * outputs;
    let (leaving, filtered) = (&mut work.leaving[rows.clone()], &mut work.filtered[rows]);
    leaving[..state.activity.len()].copy_from_slice(&state.activity);
    let Some(decay) = k.shared_decay else { return };
    for ((e, state), column) in filtered.iter_mut().zip(&mut state.filtered).zip(leaving) {
        for g in 0..G {
            let (rho, eta) = state[g];
            e[g] = eta;
            let rho = rho * decay.alpha + column[g];
            state[g] = (rho, eta * k.alpha_rise + rho * decay.gain);
        }
    }
}

/// Steps the neurons backward through step `t`, row `slot` of the segment.
#[inline(always)]
fn step_back<R: Real, N: Neuron<R>, const G: usize>(
    interval: &Interval<R, N>,
    t: usize,
    slot: usize,
    trace: &Trace<R, N, G>,
    arriving: &Arriving<R, G>,
    state: &mut AdjointState<R, N, G>,
    work: &mut Work<R, G>,
    rows: &mut [Lanes<R>],
) {
    let network = interval.network;
    let (sizes, k) = (&network.sizes, &network.constants);
    let Sizes { inputs, outputs, .. } = *sizes;
    let groups = sizes.groups();
    let kept = trace.kept(t - interval.steps.start);
    let free_potential = trace.membrane(t - interval.steps.start);
    let leaving = &work.leaving[slot * outputs..(slot + 1) * outputs];
    let incoming: [Incoming<R, G>; G] = arriving.at(sizes, t, interval.first);
    work.projections.fill([R::zero(); G]);
    for start in (0..groups).step_by(BLOCK) {
        let end = (start + BLOCK).min(groups);
        let out = &network.out[start * outputs..end * outputs];
        let kept = (&kept[start..end], free_potential.map(|row| &row[start..end]));
        let (incoming, adjoints) = ((&incoming, start), &mut state.groups[start..end]);
        let rows = &mut rows[start * N::ROWS..end * N::ROWS];
        let currents = &mut work.current[slot * groups + start..slot * groups + end];
        with_units!(k, units => with_derivative!(k.surrogate, sigma => {
            step_back_groups(network, units, sigma, out, leaving, incoming, kept, adjoints, currents, rows);
        }));
        project(
            &network.into[start * inputs..end * inputs],
            inputs,
            currents,
            #[inline(always)]
            |current| *current,
            &mut work.projections,
        );
    }
}

/// Backward step of the neurons of a block. `kept` is the kept state of the step and, without a refractory period, V,
/// when c = V; otherwise c = U.
#[inline(always)]
fn step_back_groups<R: Real, N: Neuron<R>, const G: usize>(
    network: &Network<R, N>,
    units: impl Units<R>,
    sigma: impl Derivative<R>,
    out: &[Lanes<R>],
    columns: &[[R; G]],
    (incoming, start): (&[Incoming<R, G>; G], usize),
    (kept, free_potential): (&KeptRow<R, N, G>, Option<&Row<R, G>>),
    groups: &mut [[Adjoint<R, N::Adjoint>; G]],
    currents: &mut Row<R, G>,
    rows: &mut [Lanes<R>],
) {
    let (k, neuron) = (&network.constants, &network.neuron);
    for (i, ((groups, currents), kept)) in groups.iter_mut().zip(currents).zip(kept).enumerate() {
        let unit = units.group(start + i);
        let reset = free_potential.map_or_else(|| kept.map(N::potential), |row| row[i]);
        let rows = &mut rows[i * N::ROWS..(i + 1) * N::ROWS];
        let mut trace = [Lanes::zero(); G];
        for g in 0..G {
            trace[g] = groups[g].trace * unit.alpha_decay + incoming[g].lanes(start + i, g);
        }
        for (column, value) in out[i * columns.len()..(i + 1) * columns.len()].iter().zip(columns) {
            for g in 0..G {
                trace[g] += *column * value[g];
            }
        }
        for g in 0..G {
            let Adjoint { current, neuron: mut adjoint, rising, spike, .. } = groups[g];
            let leaving =
                neuron.step_back(start + i, unit.threshold, &sigma, kept[g], reset[g], &mut adjoint, spike, rows);
            let current = leaving.current + current * k.alpha_current;
            let rising = rising * k.alpha_rise + trace[g] * unit.gain;
            let spike = rising - leaving.reset;
            groups[g] = Adjoint { current, neuron: adjoint, rising, trace: trace[g], spike };
            currents[g] = current;
        }
    }
}

/// Returns the gradient of the source for one step: projections on W_in, or Ī itself.
fn write_source_gradient<R: Real, N, const G: usize>(
    network: &Network<R, N>,
    signals: &[[R; G]],
    current: &Row<R, G>,
    row: &mut [R],
) {
    match network.source {
        Source::Signals(_) => {
            for (channel, values) in signals.iter().enumerate() {
                for g in 0..G {
                    row[g * signals.len() + channel] = values[g];
                }
            }
        }
        _ => {
            for (g, row) in row.chunks_exact_mut(network.sizes.neurons).enumerate() {
                for (values, lanes) in row.chunks_mut(LANES).zip(current) {
                    values.copy_from_slice(&lanes[g].0[..values.len()]);
                }
            }
        }
    }
}

/// Adds the outer products of a segment, rows `rows` of the interval, to the gradients of the weights.
fn add_weight_gradients<R: Real, N: Neuron<R>, const G: usize>(
    interval: &Interval<R, N>,
    rows: Range<usize>,
    trace: &Trace<R, N, G>,
    work: &Work<R, G>,
    gradients: &mut Gradients<R>,
) {
    let Interval { network, first, steps } = interval;
    let Sizes { inputs, outputs, .. } = network.sizes;
    let groups = network.sizes.groups();
    let current = &work.current[..rows.len() * groups];
    let entering = &work.entering[..rows.len() * inputs];
    let (leaving, filtered) = (&work.leaving[..rows.len() * outputs], &work.filtered[..rows.len() * outputs]);
    dispatch(
        #[inline(always)]
        || {
            add_products(
                entering,
                inputs,
                current,
                #[inline(always)]
                |_, current| current,
                &mut gradients.into,
            );
            if network.constants.shared_decay.is_some() {
                with_units!(network.constants, units => add_products(
                    filtered,
                    outputs,
                    trace.kept_rows(rows.clone()),
                    #[inline(always)]
                    |i, kept| network.neuron.spikes(i, units.group(i).threshold, kept),
                    &mut gradients.out,
                ));
            } else {
                add_products(
                    leaving,
                    outputs,
                    trace.synapses(rows.clone()),
                    #[inline(always)]
                    |_, r| r,
                    &mut gradients.out,
                );
            }
        },
    );
    if let Source::Spikes(spikes, _) = &network.source {
        let word = (steps.start + rows.start) / STEPS_PER_WORD;
        let mut own = vec![Lanes::zero(); STEPS_PER_WORD * groups];
        for g in 0..G {
            for (own, current) in own.iter_mut().zip(current) {
                *own = current[g];
            }
            sparse::accumulate(spikes.trial(first + g), spikes.words(), word, &own, groups, &mut gradients.columns);
        }
    }
}

/// `sums[i][q] += Σ_k Σ_g factors[k][q][g] · value(i, rows[k][i][g])`: `sums` `[groups][columns]`, `factors` `[steps][columns]`,
/// `rows` `[steps][groups]`.
#[inline(always)]
fn add_products<R: Real, C: Copy, const G: usize>(
    factors: &[[R; G]],
    columns: usize,
    rows: &[[C; G]],
    value: impl Fn(usize, C) -> Lanes<R>,
    sums: &mut [Lanes<R>],
) {
    if columns == 0 {
        return;
    }
    let groups = sums.len() / columns;
    for (i, sums) in sums.chunks_exact_mut(columns).enumerate() {
        let (blocks, rest) = sums.as_chunks_mut::<4>();
        let single = blocks.len() * 4;
        for (q, sums) in blocks.iter_mut().enumerate() {
            add_product_columns(factors, columns, q * 4, rows, groups, i, &value, sums);
        }
        for (q, sum) in rest.iter_mut().enumerate() {
            add_product_columns(factors, columns, single + q, rows, groups, i, &value, std::array::from_mut(sum));
        }
    }
}

#[inline(always)]
fn add_product_columns<R: Real, C: Copy, const G: usize, const Q: usize>(
    factors: &[[R; G]],
    columns: usize,
    q: usize,
    rows: &[[C; G]],
    groups: usize,
    i: usize,
    value: &impl Fn(usize, C) -> Lanes<R>,
    sums: &mut [Lanes<R>; Q],
) {
    let mut local = *sums;
    for (factors, row) in factors.chunks_exact(columns).zip(rows.chunks_exact(groups)) {
        let (factors, row) = (&factors[q..q + Q], &row[i]);
        for g in 0..G {
            let x = value(i, row[g]);
            for j in 0..Q {
                local[j] += x * factors[j][g];
            }
        }
    }
    *sums = local;
}

#[inline(always)]
fn flush<R: Real, N: Neuron<R>, const G: usize>(groups: &mut [[Adjoint<R, N::Adjoint>; G]]) {
    for Adjoint { current, neuron, rising, trace, spike } in groups.as_flattened_mut() {
        for values in [current, rising, trace, spike] {
            *values = values.flushed();
        }
        N::flush_adjoint(neuron);
    }
}

/// Direct gradient of the loss with respect to r_t of one trial.
#[derive(Clone, Copy)]
enum Incoming<'a, R, const G: usize> {
    None,
    Values(&'a [R]),
    /// Gradients of the maxima, their steps, and the current step.
    Peaks(&'a Row<R, G>, &'a Row<R, G>, R),
}

impl<R: Real, const G: usize> Arriving<'_, R, G> {
    /// ȳ of the steps `steps`, behind ā in the rows of `leaving` `[steps][outputs]`.
    #[inline(always)]
    fn gather(&self, sizes: &Sizes, first: usize, steps: Range<usize>, leaving: &mut [[R; G]]) {
        if let Self::Readout(values) = self {
            let readouts = sizes.outputs - sizes.modes;
            for (t, row) in steps.zip(leaving.chunks_exact_mut(sizes.outputs)) {
                let y = &values[(t * sizes.trials + first) * readouts..][..G * readouts];
                for (o, column) in row[sizes.modes..].iter_mut().enumerate() {
                    for g in 0..G {
                        column[g] = y[g * readouts + o];
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn at(&self, sizes: &Sizes, t: usize, first: usize) -> [Incoming<'_, R, G>; G] {
        let mut incoming = [Incoming::None; G];
        for (g, incoming) in incoming.iter_mut().enumerate() {
            *incoming = match self {
                Self::Readout(_) => Incoming::None,
                Self::Synapses(values) => {
                    Incoming::Values(&values[(t * sizes.trials + first + g) * sizes.neurons..][..sizes.neurons])
                }
                Self::Peaks(values, steps) => Incoming::Peaks(values, steps, R::constant(t as f64)),
            };
        }
        incoming
    }
}

impl<R: Real, const G: usize> Incoming<'_, R, G> {
    #[inline(always)]
    fn lanes(self, i: usize, g: usize) -> Lanes<R> {
        match self {
            Self::None => Lanes::zero(),
            Self::Values(row) => Lanes::load_group(row, i),
            Self::Peaks(values, steps, t) => values[i][g].zip(
                steps[i][g],
                #[inline(always)]
                |value, step| if step == t { value } else { R::zero() },
            ),
        }
    }
}
