//! The whole sequence as a candle operator.
//!
//! The operator has two tensors as inputs. The first is the source: signals `[T, B, K]`, currents `[T, B, N]` or, for
//! spike input, W_in `[N, K]`. The second has the columns of A and C as rows, followed by the neurons' own constants,
//! `[inputs + outputs + ROWS, N]`. Tiles of trials are distributed over threads. The division into tiles and the order
//! in which the gradients of tiles are added depend only on the shapes, so the bits are the same for any number of
//! threads.

use super::backward::{AdjointState, Arriving, Gradients, SourceGradient, Work, backward};
use super::constants::{Constants, PerUnit, Units, with_units};
use super::forward::{
    Checkpoint, FLUSH_STEPS, Interval, Network, Peak, Runner, Sink, Sizes, Source, Trace, pack, recompute,
};
use super::input::{FEW_SIGNALS, Input, States};
use super::neurons::Neuron;
use super::population::Population;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Storage, Tensor};
use mdl_data::spikes::{STEPS_PER_WORD, SpikeInput};
use mdl_kernels::lanes::{LANES, Lanes};
use mdl_kernels::real::{Real, contiguous};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Arc, Mutex};

const NAME: &str = "spiking-sequence";
/// Trials per tile; the remaining trials run one by one.
const TILE: usize = 4;
/// Number of parts of the batch whose gradients are summed separately.
const PARTS: usize = 32;

/// Meaning of the first tensor.
#[derive(Clone)]
pub(super) enum Kind {
    /// x `[T, B, K]`.
    Signals,
    /// The drive `[T, B, N]`.
    Currents,
    /// W_in `[N, K]`; the input is these spikes.
    Spikes(Arc<SpikeInput>),
}

impl Kind {
    /// Form in which a network of K `inputs` takes an input.
    pub(super) fn of(input: &Input, inputs: usize) -> Self {
        match input {
            Input::Signals(_) if inputs <= FEW_SIGNALS => Self::Signals,
            Input::Signals(_) | Input::Currents(_) => Self::Currents,
            Input::Spikes(spikes) => Self::Spikes(spikes.clone()),
            Input::Intensities(intensities) => Self::Spikes(Arc::new(intensities.draw())),
        }
    }

    /// Steps between two checkpoints for `neurons` neurons, few enough that a tile's trace stays in the second-level
    /// cache.
    pub(super) fn interval(&self, neurons: usize) -> usize {
        match (self, neurons) {
            (Self::Spikes(_), _) | (_, 0..=512) => STEPS_PER_WORD,
            (_, 513..=1024) => 2 * FLUSH_STEPS,
            _ => FLUSH_STEPS,
        }
    }
}

/// Output of the operator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// y `[T, B, O]`; W_out stands among the columns of C.
    Readout,
    /// r `[T, B, N]`.
    Synapses,
    /// max_t r_t `[B, N]`.
    Peaks,
}

/// Data kept by the forward pass for a tile of G trials.
struct Saved<R: Real, N: Neuron<R>, const G: usize> {
    /// State of the tile at the beginning of each interval.
    checkpoints: Vec<Checkpoint<R, N, G>>,
    /// a, `[T][P]`.
    activities: Vec<[R; G]>,
    /// Trace of the last interval; those of the others are recomputed in the backward pass.
    trace: Option<Trace<R, N, G>>,
    /// The steps that hold the maxima, `[groups]`.
    peaks: Vec<[Lanes<R>; G]>,
}

/// Data kept by the forward pass for a tile.
enum SavedTile<R: Real, N: Neuron<R>> {
    Full(Saved<R, N, TILE>),
    Single(Saved<R, N, 1>),
}

/// The operator.
pub(super) struct Sequence<R: Real, N: Neuron<R>> {
    population: Population,
    kind: Kind,
    output: Output,
    /// P.
    modes: usize,
    /// Steps between two checkpoints, a multiple of 64 for spike input.
    interval: usize,
    /// True if a backward pass may follow.
    differentiable: bool,
    saved: Mutex<Vec<SavedTile<R, N>>>,
}

impl<R: Real, N: Neuron<R>> Sequence<R, N> {
    pub(super) fn new(
        population: &Population,
        kind: Kind,
        output: Output,
        modes: usize,
        interval: usize,
        differentiable: bool,
    ) -> Self {
        Self { population: population.clone(), kind, output, modes, interval, differentiable, saved: Mutex::default() }
    }

    /// Network and input given by the two tensors.
    fn network<'a>(
        &'a self,
        first: &'a [R],
        dims: &[usize],
        weights: &[R],
        rows: &[usize],
    ) -> Result<Network<'a, R, N>> {
        let [rows, neurons] = *rows else { candle_core::bail!("weights must be [columns, N], found {rows:?}") };
        let (steps, trials, signals) = match (&self.kind, dims) {
            (Kind::Signals, &[steps, trials, channels]) => (steps, trials, channels),
            (Kind::Currents, &[steps, trials, width]) if width == neurons => (steps, trials, 0),
            (Kind::Spikes(spikes), &[n, k]) if n == neurons && k == spikes.channels() => {
                (spikes.steps(), spikes.trials(), 0)
            }
            _ => candle_core::bail!("input of shape {dims:?} does not fit weights of {neurons} neurons"),
        };
        let inputs = self.modes + signals;
        let outputs = rows - inputs - N::ROWS;
        let sizes = Sizes { steps, trials, neurons, modes: self.modes, inputs, outputs };
        let (into, out) = weights.split_at(inputs * neurons);
        let (out, own) = out.split_at(outputs * neurons);
        let source = match &self.kind {
            Kind::Signals => Source::Signals(first),
            Kind::Currents => Source::Currents(first),
            Kind::Spikes(spikes) => Source::Spikes(spikes, pack_columns(first, spikes.channels(), neurons)),
        };
        Ok(Network {
            constants: Constants::new(&self.population, neurons),
            neuron: N::new(self.population.neuron().membrane(), pack(own, N::ROWS, neurons)),
            sizes,
            into: pack(into, inputs, neurons),
            out: pack(out, outputs, neurons),
            source,
        })
    }

    fn intervals(&self, steps: usize) -> impl DoubleEndedIterator<Item = Range<usize>> + ExactSizeIterator + use<R, N> {
        let length = self.interval;
        (0..steps.div_ceil(length)).map(move |i| i * length..((i + 1) * length).min(steps))
    }

    /// Buffers of the backward pass for an interval.
    fn trace<const G: usize>(&self, network: &Network<R, N>, steps: usize) -> Trace<R, N, G> {
        let with_membrane = self.population.neuron().refractory_steps == 0;
        Trace::new(&network.sizes, steps, with_membrane, network.constants.shared_decay.is_none())
    }

    fn forward(&self, network: &Network<R, N>) -> (Vec<R>, Shape) {
        let Sizes { steps, trials, neurons, modes, outputs, .. } = network.sizes;
        let shape = match self.output {
            Output::Readout => vec![steps, trials, outputs - modes],
            Output::Synapses => vec![steps, trials, neurons],
            Output::Peaks => vec![trials, neurons],
        };
        let mut out = vec![R::zero(); shape.iter().product()];
        let tiles = tiles(trials);
        let rows = deal(&mut out, &tiles, shape[shape.len() - 1]);
        let run = |(tile, rows): (&Range<usize>, Vec<&mut [R]>)| match tile.len() {
            TILE => SavedTile::Full(forward_tile(self, network, tile.start, rows)),
            _ => SavedTile::Single(forward_tile(self, network, tile.start, rows)),
        };
        let saved = tiles.par_iter().zip(rows).with_max_len(1).map(run).collect();
        if self.differentiable {
            *self.saved.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = saved;
        }
        (out, Shape::from(shape))
    }

    /// Gradients of the weights, and of the signals or currents if `source_gradient` has room for them.
    fn backward(&self, network: &Network<R, N>, gradient: &[R], source_gradient: &mut [R]) -> Gradients<R> {
        let Sizes { trials, neurons, modes, inputs, .. } = network.sizes;
        let tiles = tiles(trials);
        let mut rows: Vec<Option<SourceGradient<R>>> = match (&self.kind, source_gradient.is_empty()) {
            (_, true) => tiles.iter().map(|_| None).collect(),
            (Kind::Signals, _) => deal(source_gradient, &tiles, inputs - modes).into_iter().map(Some).collect(),
            _ => deal(source_gradient, &tiles, neurons).into_iter().map(Some).collect(),
        };
        let mut tasks = Vec::new();
        for part in split(tiles.len(), PARTS.min(tiles.len())).into_iter().rev() {
            let rows = rows.split_off(part.start);
            tasks.push((part, rows));
        }
        tasks.reverse();
        let saved = self.saved.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let saved = &*saved;
        let run = |(part, rows): (Range<usize>, Vec<Option<SourceGradient<R>>>)| {
            let mut gradients = Gradients::zero(network);
            for (tile, rows) in part.zip(rows) {
                let first = tiles[tile].start;
                match &saved[tile] {
                    SavedTile::Full(saved) => self.backward_tile(network, first, saved, gradient, &mut gradients, rows),
                    SavedTile::Single(saved) => {
                        self.backward_tile(network, first, saved, gradient, &mut gradients, rows)
                    }
                }
            }
            gradients
        };
        let parts: Vec<Gradients<R>> = tasks.into_par_iter().with_max_len(1).map(run).collect();
        Gradients::sum(&parts)
    }

    fn backward_tile<const G: usize>(
        &self,
        network: &Network<R, N>,
        first: usize,
        saved: &Saved<R, N, G>,
        gradient: &[R],
        gradients: &mut Gradients<R>,
        mut source_gradient: Option<SourceGradient<R>>,
    ) {
        let neurons = network.sizes.neurons;
        let arriving = match self.output {
            Output::Readout => Arriving::Readout(gradient),
            Output::Synapses => Arriving::Synapses(gradient),
            Output::Peaks => {
                let group = |i: usize, g: usize| Lanes::load_group(&gradient[(first + g) * neurons..][..neurons], i);
                let groups = (0..network.sizes.groups()).map(|i| std::array::from_fn(|g| group(i, g)));
                Arriving::Peaks(groups.collect(), &saved.peaks)
            }
        };
        backward_tile(self, network, first, saved, &arriving, gradients, &mut source_gradient);
    }

    /// Every state of every step, without gradients.
    pub(super) fn observe(&self, first: &Tensor, weights: &Tensor) -> Result<States> {
        let ((s1, l1), (s2, l2)) = (first.storage_and_layout(), weights.storage_and_layout());
        let (Storage::Cpu(s1), Storage::Cpu(s2)) = (&*s1, &*s2) else { candle_core::bail!("{NAME} runs on the CPU") };
        let network =
            self.network(contiguous(s1, l1, "input")?, l1.dims(), contiguous(s2, l2, "weights")?, l2.dims())?;
        let Sizes { steps, trials, neurons, .. } = network.sizes;
        let tiles: Vec<Range<usize>> = split(trials, trials);
        let moving = self.population.neuron().model.moves_threshold();
        let count = steps * trials * neurons;
        let mut values =
            [count, count, count, count, if moving { count } else { 0 }].map(|count| vec![R::zero(); count]);
        let [spikes, potential, membrane, synapses, threshold] =
            values.each_mut().map(|values| deal(values, &tiles, neurons));
        let rows = spikes.into_par_iter().zip(potential).zip(membrane).zip(synapses).zip(threshold);
        tiles.par_iter().zip(rows).for_each(|(tile, rows)| {
            let ((((mut spikes, mut potential), mut membrane), synapses), mut threshold) = rows;
            let trace = observe_trial(&network, tile.start, synapses);
            for t in 0..steps {
                let (kept, v) = (trace.kept(t), trace.membrane(t).unwrap_or_default());
                type Row<R> = Vec<[Lanes<R>; 1]>;
                let (s, theta): (Row<R>, Row<R>) = with_units!(network.constants, units => {
                    let of_group = |(i, [kept]): (usize, &[N::Kept; 1])| {
                        let threshold = units.group(i).threshold;
                        ([network.neuron.spikes(i, threshold, *kept)], [network.neuron.threshold(i, threshold, *kept)])
                    };
                    kept.iter().enumerate().map(of_group).unzip()
                });
                let u: Row<R> = kept.iter().map(|kept| kept.map(N::potential)).collect();
                spread(&s, spikes[t]);
                spread(&u, potential[t]);
                spread(v, membrane[t]);
                if moving {
                    spread(&theta, threshold[t]);
                }
            }
        });
        let tensor = |values| Tensor::from_vec(values, (steps, trials, neurons), first.device());
        let [spikes, potential, membrane, synapses, threshold] = values;
        Ok(States {
            spikes: tensor(spikes)?,
            potential: tensor(potential)?,
            membrane: tensor(membrane)?,
            synapses: tensor(synapses)?,
            threshold: moving.then(|| tensor(threshold)).transpose()?,
        })
    }
}

/// Runs G trials through all steps; `rows` is their part of the output.
fn forward_tile<R: Real, N: Neuron<R>, const G: usize>(
    sequence: &Sequence<R, N>,
    network: &Network<R, N>,
    first: usize,
    mut rows: Vec<&mut [R]>,
) -> Saved<R, N, G> {
    let sizes = &network.sizes;
    let mut runner = Runner::new(
        sizes,
        match sequence.output {
            Output::Readout => Sink::Readout(std::mem::take(&mut rows)),
            Output::Synapses => Sink::Synapses(std::mem::take(&mut rows)),
            Output::Peaks => Sink::Peaks(vec![[Peak::none(); G]; sizes.groups()]),
        },
    );
    let mut saved = Saved { checkpoints: Vec::new(), activities: Vec::new(), trace: None, peaks: Vec::new() };
    let mut passing = Trace::passing(sizes);
    for steps in sequence.intervals(sizes.steps) {
        let last = steps.end == sizes.steps;
        let interval = Interval { network, first, steps };
        if !sequence.differentiable {
            runner.advance(&interval, &mut passing, None);
            continue;
        }
        saved.checkpoints.push(runner.checkpoint.copy(network.constants.shared_decay.is_none()));
        if last {
            let mut trace = sequence.trace(network, interval.steps.len());
            runner.advance(&interval, &mut trace, Some(&mut saved.activities));
            saved.trace = Some(trace);
        } else {
            runner.advance(&interval, &mut passing, Some(&mut saved.activities));
        }
    }
    if let Sink::Peaks(peaks) = runner.sink {
        for (peak, i) in peaks.iter().zip((0..).step_by(LANES)) {
            for (g, row) in rows[0].chunks_exact_mut(sizes.neurons).enumerate() {
                let values = &mut row[i..(i + LANES).min(sizes.neurons)];
                values.copy_from_slice(&peak[g].value.0[..values.len()]);
            }
            saved.peaks.push(peak.map(|peak| peak.step));
        }
    }
    saved
}

/// Runs G trials backward through all steps.
fn backward_tile<R: Real, N: Neuron<R>, const G: usize>(
    sequence: &Sequence<R, N>,
    network: &Network<R, N>,
    first: usize,
    saved: &Saved<R, N, G>,
    arriving: &Arriving<R, G>,
    gradients: &mut Gradients<R>,
    source_gradient: &mut Option<SourceGradient<R>>,
) {
    let sizes = &network.sizes;
    let mut state = AdjointState::zero(sizes);
    let mut work = Work::new(network, source_gradient.is_some());
    // All intervals except the last have this length.
    let repeated = if saved.checkpoints.len() > 1 { sequence.interval } else { 0 };
    let mut again = sequence.trace(network, repeated);
    for (i, steps) in sequence.intervals(sizes.steps).enumerate().rev() {
        let activities = &saved.activities[steps.start * sizes.modes..steps.end * sizes.modes];
        let last = steps.end == sizes.steps;
        let interval = Interval { network, first, steps };
        let trace = match &saved.trace {
            Some(trace) if last => trace,
            _ => {
                recompute(&interval, &saved.checkpoints[i], activities, &mut again);
                &again
            }
        };
        backward(&interval, trace, activities, arriving, &mut state, &mut work, gradients, source_gradient);
    }
}

/// Runs a trial through all steps and traces every state; `synapses` is its part of r.
fn observe_trial<R: Real, N: Neuron<R>>(
    network: &Network<R, N>,
    trial: usize,
    synapses: Vec<&mut [R]>,
) -> Trace<R, N, 1> {
    let sizes = &network.sizes;
    let mut trace = Trace::new(sizes, sizes.steps, true, false);
    let interval = Interval { network, first: trial, steps: 0..sizes.steps };
    Runner::new(sizes, Sink::Synapses(synapses)).advance(&interval, &mut trace, None);
    trace
}

impl<R: Real, N: Neuron<R>> CustomOp2 for Sequence<R, N> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (first, weights) = (contiguous::<R>(s1, l1, "input")?, contiguous::<R>(s2, l2, "weights")?);
        let (out, shape) = self.forward(&self.network(first, l1.dims(), weights, l2.dims())?);
        Ok((R::to_cpu_storage_owned(out), shape))
    }

    fn bwd(
        &self,
        first: &Tensor,
        weights: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let ((s1, l1), (s2, l2), (s3, l3)) =
            (first.storage_and_layout(), weights.storage_and_layout(), gradient.storage_and_layout());
        let (Storage::Cpu(s1), Storage::Cpu(s2), Storage::Cpu(s3)) = (&*s1, &*s2, &*s3) else {
            candle_core::bail!("{NAME} runs on the CPU")
        };
        let network =
            self.network(contiguous(s1, l1, "input")?, l1.dims(), contiguous(s2, l2, "weights")?, l2.dims())?;
        let wanted = first.track_op() && !matches!(self.kind, Kind::Spikes(_));
        let mut source = vec![R::zero(); if wanted { first.elem_count() } else { 0 }];
        let gradients = self.backward(&network, contiguous(s3, l3, "gradient")?, &mut source);

        let Sizes { neurons, inputs, outputs, .. } = network.sizes;
        let mut rows = unpack(&gradients.into, inputs, neurons);
        rows.extend(unpack(&gradients.out, outputs, neurons));
        rows.extend(unpack(&gradients.rows, N::ROWS, neurons));
        let device = first.device();
        let weights_gradient = Tensor::from_vec(rows, weights.dims(), device)?;
        let first_gradient = match &self.kind {
            Kind::Spikes(spikes) => Some(unpack_columns(&gradients.columns, spikes.channels(), neurons)),
            _ => wanted.then_some(source),
        };
        let first_gradient = first_gradient.map(|values| Tensor::from_vec(values, first.dims(), device)).transpose()?;
        Ok((first_gradient, Some(weights_gradient)))
    }
}

/// `count` items in `parts` runs of nearly equal length.
fn split(count: usize, parts: usize) -> Vec<Range<usize>> {
    (0..parts).map(|i| i * count / parts..(i + 1) * count / parts).collect()
}

/// The trials in tiles: full ones, then single trials.
fn tiles(trials: usize) -> Vec<Range<usize>> {
    let full = trials / TILE * TILE;
    (0..full).step_by(TILE).map(|b| b..b + TILE).chain((full..trials).map(|b| b..b + 1)).collect()
}

/// Distributes rows: for each tile and each step, the slice of its trials, `width` values each.
fn deal<'a, R>(values: &'a mut [R], tiles: &[Range<usize>], width: usize) -> Vec<Vec<&'a mut [R]>> {
    let step = (tiles.last().map_or(0, |tile| tile.end) * width).max(1);
    let steps = values.len() / step;
    let mut dealt: Vec<Vec<&mut [R]>> = tiles.iter().map(|_| Vec::with_capacity(steps)).collect();
    for mut row in values.chunks_exact_mut(step) {
        for (tile, rows) in tiles.iter().zip(&mut dealt) {
            let (own, rest) = row.split_at_mut(tile.len() * width);
            rows.push(own);
            row = rest;
        }
    }
    dealt
}

/// The lane groups of one trial as values `[N]`.
fn spread<R: Real>(groups: &[[Lanes<R>; 1]], row: &mut [R]) {
    for (values, [lanes]) in row.chunks_mut(LANES).zip(groups) {
        values.copy_from_slice(&lanes.0[..values.len()]);
    }
}

/// W_in `[N, K]` as lane groups `[K][groups]`.
fn pack_columns<R: Real>(w_in: &[R], channels: usize, neurons: usize) -> Vec<Lanes<R>> {
    let groups = neurons.div_ceil(LANES);
    let mut packed = vec![Lanes::zero(); channels * groups];
    for (n, row) in w_in.chunks_exact(channels).enumerate() {
        for (k, value) in row.iter().enumerate() {
            packed[k * groups + n / LANES].0[n % LANES] = *value;
        }
    }
    packed
}

/// The inverse of [`pack_columns`].
fn unpack_columns<R: Real>(packed: &[Lanes<R>], channels: usize, neurons: usize) -> Vec<R> {
    let groups = neurons.div_ceil(LANES);
    let at = |n: usize, k: usize| packed[k * groups + n / LANES].0[n % LANES];
    (0..neurons).flat_map(|n| (0..channels).map(move |k| at(n, k))).collect()
}

/// The inverse of [`pack`].
fn unpack<R: Real>(packed: &[Lanes<R>], columns: usize, neurons: usize) -> Vec<R> {
    let at = |q: usize, n: usize| packed[n / LANES * columns + q].0[n % LANES];
    (0..columns).flat_map(|q| (0..neurons).map(move |n| at(q, n))).collect()
}
