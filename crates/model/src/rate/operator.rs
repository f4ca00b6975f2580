//! The recurrence over a whole sequence as a candle operator.

use super::inputs::{Drive, InputWeights, Inputs, Noise};
use super::readout::Outer;
use super::recurrence::{Adjoint, Recurrent, Trajectory, Wanted};
use super::rows::{Rows, by_trial};
use super::sequence::{RateSequence, RateStates};
use super::weights::{List, Weights};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Storage, Tensor, bail};
use mdl_kernels::memory::Pool;
use mdl_kernels::of_width;
use mdl_kernels::product::batch::blocks;
use mdl_kernels::product::common::Product;
use mdl_kernels::product::present::PART;
use mdl_kernels::product::sparse::SparseReal;
use mdl_kernels::random::UnitNoise;
use mdl_kernels::real::{Real, contiguous};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

/// Maximum number of groups of trials whose weights are differentiated trial by trial, each with its own gradient; groups are summed
/// in order.
const GROUPS: usize = 32;

/// How the operator gets drive and noise where a sequence does not have them as tensors `[S, B, N]`, and its memory.
#[derive(Clone)]
pub(super) struct Sources<R> {
    /// W_in `[N, K]`, a constant: the drive is W_in u of an input u `[S, B, K]`, a constant too.
    pub(super) w_in: Option<Tensor>,
    pub(super) noise: Option<UnitNoise>,
    pub(super) pool: Arc<Pool<R>>,
}

impl<R> Default for Sources<R> {
    fn default() -> Self {
        Self { w_in: None, noise: None, pool: Arc::default() }
    }
}

/// A run as an operator on (drive or input, weights, units), where `units` `[1 + O, N]` is the row of leaks above W_out.
/// Its result is the outputs W_out r `[S + 1, B, O]`, or, with leaks only, the rates r `[S + 1, B, N]`.
struct Operator<R: Real> {
    sequence: RateSequence,
    sources: Sources<R>,
    kept: Arc<OnceLock<Kept<R>>>,
}

/// Data of the forward pass for the backward pass.
struct Kept<R: Real> {
    weights: Weights<R>,
    blocks: Vec<Range<usize>>,
    /// Traces of the trials of each block.
    states: Vec<Trajectory<R>>,
}

/// States of `sequence` with a drive or an input; all shapes have been checked.
pub(super) fn states<R: SparseReal>(
    sequence: &RateSequence,
    sources: &Sources<R>,
    drive: &Tensor,
    weights: &Tensor,
    leak: &Tensor,
) -> Result<RateStates> {
    let kept = Arc::new(OnceLock::new());
    let r = run::<R>(sequence, sources, drive, weights, leak, &kept)?;
    let Some(kept) = kept.get() else { bail!("a run leaves its states") };
    let (steps, _, n) = r.dims3()?;
    let of_block = |(block, states): (&Range<usize>, &Trajectory<R>)| {
        let x = states.x.as_deref().unwrap_or_default();
        by_trial(n, block.len(), x.len() / steps, x)
    };
    let x = kept.blocks.iter().zip(&kept.states).map(of_block).collect();
    Ok(RateStates { x: Tensor::from_vec(interleave(steps, x), r.shape(), r.device())?, r })
}

/// Outputs of `sequence` with a drive or an input; all shapes have been checked.
pub(super) fn outputs<R: SparseReal>(
    sequence: &RateSequence,
    sources: &Sources<R>,
    drive: &Tensor,
    weights: &Tensor,
    leak: &Tensor,
    w_out: &Tensor,
) -> Result<Tensor> {
    let units = Tensor::cat(&[&leak.unsqueeze(0)?, w_out], 0)?;
    run::<R>(sequence, sources, drive, weights, &units, &Arc::default())
}

fn run<R: SparseReal>(
    sequence: &RateSequence,
    sources: &Sources<R>,
    drive: &Tensor,
    weights: &Tensor,
    units: &Tensor,
    kept: &Arc<OnceLock<Kept<R>>>,
) -> Result<Tensor> {
    let contiguous = |tensor: &Option<Tensor>| tensor.as_ref().map(Tensor::contiguous).transpose();
    let sequence = RateSequence {
        initial: sequence.initial.contiguous()?,
        noise: contiguous(&sequence.noise)?,
        spike_noise: contiguous(&sequence.spike_noise)?,
        ..sequence.clone()
    };
    let sources = Sources { w_in: contiguous(&sources.w_in)?, ..sources.clone() };
    let operator = Operator { sequence, sources, kept: kept.clone() };
    drive.contiguous()?.apply_op3(&weights.contiguous()?, &units.contiguous()?, operator)
}

impl<R: SparseReal> Operator<R> {
    fn recurrent(&self, steps: usize, leak: &[R], width: usize) -> Recurrent<R> {
        Recurrent::new(self.sequence.activation, self.sequence.direct_drive, steps, leak, width)
    }
}

impl<R: SparseReal> CustomOp3 for Operator<R> {
    fn name(&self) -> &'static str {
        "rate-sequence"
    }

    fn cpu_fwd(
        &self,
        drive: &CpuStorage,
        drive_layout: &Layout,
        weights: &CpuStorage,
        weights_layout: &Layout,
        units: &CpuStorage,
        units_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Self { sequence, sources, .. } = self;
        let ((steps, batch, arriving), n) = (drive_layout.shape().dims3()?, sequence.initial.dims2()?.1);
        let drive = contiguous::<R>(drive, drive_layout, "the drive")?;
        let (leak, w_out) = contiguous::<R>(units, units_layout, "the leaks and readout")?.split_at(n);
        let raw = contiguous::<R>(weights, weights_layout, "the recurrent weights")?;
        let weights = Weights::new(n, &sequence.recurrence, raw);
        let initial = values(&sequence.initial);
        let initial = initial.slice()?;
        let tensors = [&sequence.noise, &sequence.spike_noise, &sources.w_in].map(|tensor| tensor.as_ref().map(values));
        let [noise, spike_noise, w_in] =
            tensors.each_ref().map(|tensor| tensor.as_ref().map(Values::slice).transpose());
        let (noise, spike_noise) = (noise?, spike_noise?);
        let w_in = w_in?.map(|w_in| InputWeights::new(n, w_in));
        let blocks = if weights.few() {
            blocks(batch, rayon::current_num_threads())
        } else {
            (0..batch).map(|trial| trial..trial + 1).collect()
        };
        let kernels = Kernels::new(&blocks, |width| (self.recurrent(steps, leak, width), weights.forward(width)));
        let last = if w_out.is_empty() { n } else { w_out.len() / n };
        let runs = kernels.each(|recurrent, product, block| {
            let trial = blocks[block].start;
            let rows = |values, n| Rows { values, batch, trial, n };
            let inputs = Inputs {
                initial: rows(initial, n),
                drive: match &w_in {
                    Some(w_in) => Drive::Projected(rows(drive, arriving), w_in),
                    None => Drive::Given(rows(drive, n)),
                },
                noise: match (noise, &sources.noise) {
                    (Some(noise), _) => Noise::Given(rows(noise, n)),
                    (None, Some(noise)) => Noise::Drawn(noise, trial),
                    (None, None) => Noise::None,
                },
                spike_noise: spike_noise.map(|noise| rows(noise, n)),
            };
            let trials = recurrent.trials;
            let mut outputs = vec![R::zero(); w_out.len() / n * trials * (steps + 1)];
            let readout = (w_out, &mut outputs[..]);
            let states = recurrent.forward(product, &inputs, w_out.is_empty(), readout, &sources.pool);
            let result = if w_out.is_empty() { by_trial(n, trials, recurrent.row, &states.r) } else { outputs };
            (states, result)
        });
        let (states, results) = runs.into_iter().unzip();
        let result = interleave(steps + 1, results);
        let _ = self.kept.set(Kept { weights, blocks, states });
        Ok((R::to_cpu_storage_owned(result), Shape::from((steps + 1, batch, last))))
    }

    fn bwd(
        &self,
        drive: &Tensor,
        weights: &Tensor,
        units: &Tensor,
        _result: &Tensor,
        outer: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some(kept) = self.kept.get() else { bail!("a rate sequence is differentiated before it is run") };
        let ((steps, batch, _), n) = (drive.dims3()?, self.sequence.initial.dims2()?.1);
        let (trained, driven) = (weights.track_op(), drive.track_op());
        if driven && self.sources.w_in.is_some() {
            bail!("a rate sequence has no gradient of its input")
        }
        let outer = outer.contiguous()?;
        let [outer, raw, units_values] = [&outer, weights, units].map(values);
        let (leak, w_out) = units_values.slice()?.split_at(n);
        let width = kept.blocks.first().map_or(1, Range::len);
        let kernel = |width| (self.recurrent(steps, leak, width), kept.weights.adjoint(width));
        let (kernels, list) = both(
            kept.blocks.len() > 1,
            || Kernels::new(&kept.blocks, kernel),
            || trained.then(|| kept.weights.list(batch, width)).flatten(),
        );
        let runs = match &list {
            Some(List::Several(runs)) => Some(runs),
            _ => None,
        };
        let deltas = trained && runs.is_none() || driven && !self.sequence.direct_drive;
        let wanted = Wanted { entries: runs, deltas, drive: driven };
        let list = list.as_ref();
        let backward =
            Backward { batch, n, kept, list, outer: outer.slice()?, w_out, pool: &self.sources.pool, wanted };
        let blocks = kernels.each(|recurrent, adjoint, block| backward.block(recurrent, adjoint, block));
        let tensor = |like: &Tensor, values: Vec<R>| Tensor::from_vec(values, like.shape(), like.device());
        let of_drive = || {
            let rows = kept.blocks.iter().zip(&blocks).map(|(range, block)| {
                let of_drive = block.drive.as_ref().unwrap_or(&block.delta);
                by_trial(n, range.len(), block.row, of_drive)
            });
            tensor(drive, interleave(steps, rows.collect()))
        };
        let of_weights = || {
            let gradient = match runs {
                Some(runs) => backward.of_entries(runs.count(), &blocks),
                None => backward.trial_by_trial(&blocks),
            };
            tensor(weights, kept.weights.gradient_of_raw(list, &self.sequence.recurrence, raw.slice()?, gradient))
        };
        Ok((
            driven.then(of_drive).transpose()?,
            trained.then(of_weights).transpose()?,
            units.track_op().then(|| tensor(units, backward.of_units(&blocks))).transpose()?,
        ))
    }
}

/// Kernels that run the trials of a block.
type Kernel<R> = (Recurrent<R>, Box<dyn Product<R>>);

/// Kernels for blocks of trials, one per width.
struct Kernels<'a, R> {
    blocks: &'a [Range<usize>],
    kernels: BTreeMap<usize, Kernel<R>>,
}

impl<'a, R: SparseReal> Kernels<'a, R> {
    fn new(blocks: &'a [Range<usize>], kernel: impl Fn(usize) -> Kernel<R>) -> Self {
        let widths: BTreeSet<usize> = blocks.iter().map(Range::len).collect();
        Self { blocks, kernels: widths.into_iter().map(|width| (width, kernel(width))).collect() }
    }

    /// Results of `function` for every block and its index, in order.
    fn each<T: Send>(&self, function: impl Fn(&Recurrent<R>, &dyn Product<R>, usize) -> T + Send + Sync) -> Vec<T> {
        each(self.blocks.len(), |block| {
            let (recurrent, product) = &self.kernels[&self.blocks[block].len()];
            function(recurrent, product.as_ref(), block)
        })
    }
}

/// Inputs of the backward pass of any trial.
struct Backward<'a, R: Real> {
    batch: usize,
    n: usize,
    kept: &'a Kept<R>,
    list: Option<&'a List>,
    /// ∂L/∂r `[S + 1, B, N]`, or with W_out that of the outputs, `[S + 1, B, O]`.
    outer: &'a [R],
    w_out: &'a [R],
    pool: &'a Arc<Pool<R>>,
    wanted: Wanted<'a>,
}

impl<R: SparseReal> Backward<'_, R> {
    /// Differentiates the trials of a block.
    fn block(&self, recurrent: &Recurrent<R>, adjoint: &dyn Product<R>, block: usize) -> Adjoint<R> {
        let (n, states) = (self.n, &self.kept.states[block]);
        let rows = |n| Rows { values: self.outer, batch: self.batch, trial: self.kept.blocks[block].start, n };
        let outer = match self.w_out {
            [] => Outer::Rates(rows(n)),
            w_out => Outer::Outputs { outputs: rows(w_out.len() / n), w_out },
        };
        recurrent.backward(adjoint, states, outer, self.wanted, self.pool)
    }

    /// Gradient `[1 + O, N]` of leaks and readout.
    fn of_units(&self, blocks: &[Adjoint<R>]) -> Vec<R> {
        let mut leak = self.sum(self.n, blocks, |block| &block.leak);
        leak.extend(self.sum(self.w_out.len(), blocks, |block| &block.w_out));
        leak
    }

    /// Gradient of the `count` present entries.
    fn of_entries(&self, count: usize, blocks: &[Adjoint<R>]) -> Vec<R> {
        let mut sums = vec![R::zero(); count];
        for (range, block) in self.kept.blocks.iter().zip(blocks) {
            let trials = range.len().min(PART);
            let parts = block.entries.as_deref().unwrap_or_default().chunks_exact(count.max(1) * trials);
            parts.for_each(|part| add_trials(trials, part, &mut sums));
        }
        sums
    }

    /// Sums of `count` numbers over all trials in order, of `numbers` `[count, trials]` of each block.
    fn sum<'b>(&self, count: usize, blocks: &'b [Adjoint<R>], numbers: impl Fn(&'b Adjoint<R>) -> &'b [R]) -> Vec<R> {
        let mut sums = vec![R::zero(); count];
        for (range, block) in self.kept.blocks.iter().zip(blocks) {
            add_trials(range.len(), numbers(block), &mut sums);
        }
        sums
    }

    /// Gradient of the weights from blocks of single trials.
    fn trial_by_trial(&self, blocks: &[Adjoint<R>]) -> Vec<R> {
        let Kept { weights, states, .. } = self.kept;
        let count = self.batch.min(GROUPS);
        let groups = each(count, |group| {
            let mut sum = weights.zero_gradient(self.list);
            for trial in group * self.batch / count..(group + 1) * self.batch / count {
                let row = blocks[trial].row;
                weights.accumulate_gradient(self.list, row, [&blocks[trial].delta, states[trial].sent()], &mut sum);
            }
            sum
        });
        let add = |mut sum: Vec<R>, group: Vec<R>| {
            add_trials(1, &group, &mut sum);
            sum
        };
        groups.into_iter().reduce(add).unwrap_or_else(|| weights.zero_gradient(self.list))
    }
}

/// sums ← sums + the numbers `[count, trials]` of each trial in turn.
fn add_trials<R: Real>(trials: usize, numbers: &[R], sums: &mut [R]) {
    of_width!(trials, WIDTH => {
        for (sum, numbers) in sums.iter_mut().zip(numbers.as_chunks::<WIDTH>().0) {
            *sum = numbers.iter().fold(*sum, |sum, number| sum + *number);
        }
    });
}

/// The values of a tensor, held while they are read.
struct Values<'a, G> {
    storage: G,
    layout: &'a Layout,
}

fn values(tensor: &Tensor) -> Values<'_, impl Deref<Target = Storage>> {
    let (storage, layout) = tensor.storage_and_layout();
    Values { storage, layout }
}

impl<G: Deref<Target = Storage>> Values<'_, G> {
    fn slice<R: Real>(&self) -> Result<&[R]> {
        match &*self.storage {
            Storage::Cpu(storage) => contiguous(storage, self.layout, "a tensor of a rate sequence"),
            _ => bail!("a rate sequence runs on the CPU"),
        }
    }
}

/// The results of two functions, computed in parallel if that is `worthwhile`: another thread takes some microseconds to begin.
fn both<A: Send, B: Send>(worthwhile: bool, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    if worthwhile { rayon::join(a, b) } else { (a(), b()) }
}

/// `function` of `0..count` in order, computed in parallel.
fn each<T: Send>(count: usize, function: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
    match count {
        1 => vec![function(0)],
        _ => (0..count).into_par_iter().map(function).collect(),
    }
}

/// Blocks `[S, trials, ·]` as one `[S, B, ·]`.
fn interleave<R: Real>(steps: usize, mut parts: Vec<Vec<R>>) -> Vec<R> {
    if let [part] = &mut parts[..] {
        return std::mem::take(part);
    }
    let mut all = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    for step in 0..steps {
        for part in &parts {
            let row = part.len() / steps;
            all.extend_from_slice(&part[step * row..(step + 1) * row]);
        }
    }
    all
}
