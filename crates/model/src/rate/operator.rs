//! The recurrence over a whole sequence as a candle operator.

use super::readout::{Outer, read, readout_gradient};
use super::recurrence::{Adjoint, Inputs, Recurrent, Trajectory};
use super::rows::{Rows, by_trial};
use super::sequence::{RateSequence, RateStates};
use super::weights::Weights;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Storage, Tensor, bail};
use mdl_kernels::product::batch::blocks;
use mdl_kernels::product::by_unit::ByUnit;
use mdl_kernels::product::common::Product;
use mdl_kernels::product::sparse::{SparseReal, accumulate_present};
use mdl_kernels::real::{Real, contiguous};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

/// Maximum number of groups of trials in differentiation, each with its own gradient; groups are summed in order.
const GROUPS: usize = 32;

/// A run as an operator on (drive, weights, units), where `units` `[1 + O, N]` is the row of leaks above W_out.
/// Its result is the outputs W_out r `[S + 1, B, O]`, or, with leaks only, the rates r `[S + 1, B, N]`.
struct Operator<R> {
    sequence: RateSequence,
    kept: Arc<OnceLock<Kept<R>>>,
}

/// Data of the forward pass for the backward pass.
struct Kept<R> {
    weights: Weights<R>,
    blocks: Vec<Range<usize>>,
    /// Traces of the trials of each block.
    states: Vec<Trajectory<R>>,
}

/// States of `sequence`; all shapes have been checked.
pub(super) fn states<R: SparseReal>(
    sequence: &RateSequence,
    drive: &Tensor,
    weights: &Tensor,
    leak: &Tensor,
) -> Result<RateStates> {
    let kept = Arc::new(OnceLock::new());
    let r = run::<R>(sequence, drive, weights, leak, &kept)?;
    let Some(kept) = kept.get() else { bail!("a run leaves its states") };
    let (steps, _, n) = r.dims3()?;
    let of_block = |(block, states): (&Range<usize>, &Trajectory<R>)| {
        by_trial(n, block.len(), states.x.clone().unwrap_or_default())
    };
    let x = kept.blocks.iter().zip(&kept.states).map(of_block).collect();
    Ok(RateStates { x: Tensor::from_vec(interleave(steps, x), r.shape(), r.device())?, r })
}

/// Outputs of `sequence`; all shapes have been checked.
pub(super) fn outputs<R: SparseReal>(
    sequence: &RateSequence,
    drive: &Tensor,
    weights: &Tensor,
    leak: &Tensor,
    w_out: &Tensor,
) -> Result<Tensor> {
    let units = Tensor::cat(&[&leak.unsqueeze(0)?, w_out], 0)?;
    run::<R>(sequence, drive, weights, &units, &Arc::default())
}

fn run<R: SparseReal>(
    sequence: &RateSequence,
    drive: &Tensor,
    weights: &Tensor,
    units: &Tensor,
    kept: &Arc<OnceLock<Kept<R>>>,
) -> Result<Tensor> {
    let sequence = RateSequence {
        initial: sequence.initial.contiguous()?,
        noise: sequence.noise.as_ref().map(Tensor::contiguous).transpose()?,
        spike_noise: sequence.spike_noise.as_ref().map(Tensor::contiguous).transpose()?,
        ..sequence.clone()
    };
    let operator = Operator { sequence, kept: kept.clone() };
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
        let (steps, batch, n) = drive_layout.shape().dims3()?;
        let drive = contiguous::<R>(drive, drive_layout, "the drive")?;
        let (leak, w_out) = contiguous::<R>(units, units_layout, "the leaks and readout")?.split_at(n);
        let raw = contiguous::<R>(weights, weights_layout, "the recurrent weights")?;
        let weights = Weights::new(n, &self.sequence.recurrence, raw);
        let initial = values(&self.sequence.initial);
        let initial = initial.slice()?;
        let noises = [&self.sequence.noise, &self.sequence.spike_noise].map(|noise| noise.as_ref().map(values));
        let [noise, spike_noise] = noises.each_ref().map(|noise| noise.as_ref().map(Values::slice).transpose());
        let (noise, spike_noise) = (noise?, spike_noise?);
        let blocks = match weights.few() {
            Some(_) => blocks(batch, rayon::current_num_threads()),
            None => (0..batch).map(|trial| trial..trial + 1).collect(),
        };
        let kernels = Kernels::new(&blocks, |width| (self.recurrent(steps, leak, width), weights.forward(width)));
        let runs = kernels.each(|recurrent, product, block| {
            let rows = |values| Rows { values, batch, trial: blocks[block].start, n };
            let inputs = Inputs {
                initial: rows(initial),
                drive: rows(drive),
                noise: noise.map(rows),
                spike_noise: spike_noise.map(rows),
            };
            let states = recurrent.forward(product, inputs, w_out.is_empty());
            let result = match w_out {
                [] => by_trial(n, recurrent.trials, states.r.clone()),
                _ => read(n, w_out, recurrent.trials, &states.r),
            };
            (states, result)
        });
        let (states, results) = runs.into_iter().unzip();
        let (result, last) = (interleave(steps + 1, results), if w_out.is_empty() { n } else { w_out.len() / n });
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
        let (steps, batch, n) = drive.dims3()?;
        let outer = outer.contiguous()?;
        let [outer, raw, units_values] = [&outer, weights, units].map(values);
        let (leak, w_out) = units_values.slice()?.split_at(n);
        let (trained, driven) = (weights.track_op(), drive.track_op());
        let backward = Backward { steps, batch, n, kept, outer: outer.slice()?, w_out, trained, driven };
        let kernels =
            Kernels::new(&kept.blocks, |width| (self.recurrent(steps, leak, width), kept.weights.adjoint(width)));
        let blocks = kernels.each(|recurrent, adjoint, block| backward.block(recurrent, adjoint, block));
        let trials = kept.blocks.iter().enumerate();
        let trials: Vec<_> =
            trials.flat_map(|(block, range)| (0..range.len()).map(move |trial| (block, trial))).collect();
        let count = batch.min(GROUPS);
        let groups =
            each(count, |group| backward.sum(&blocks, &trials[group * batch / count..(group + 1) * batch / count]));
        let sum = groups.into_iter().reduce(|mut sum, group| {
            add(&mut sum.units, &group.units);
            add(&mut sum.weights, &group.weights);
            sum
        });
        let Some(sum) = sum else { bail!("a rate sequence without trials has no gradient") };
        let tensor = |like: &Tensor, values: Vec<R>| Tensor::from_vec(values, like.shape(), like.device());
        let of_drive = || {
            let blocks = kept.blocks.iter().zip(blocks);
            let of_drive =
                |block: BlockGradients<R>| if self.sequence.direct_drive { block.drive } else { block.delta };
            let rows = blocks.map(|(range, block)| by_trial(n, range.len(), of_drive(block))).collect();
            tensor(drive, interleave(steps, rows))
        };
        let of_weights = || {
            let raw = raw.slice()?;
            tensor(weights, kept.weights.gradient_of_raw(&self.sequence.recurrence, raw, sum.weights))
        };
        Ok((
            driven.then(of_drive).transpose()?,
            trained.then(of_weights).transpose()?,
            units.track_op().then(|| tensor(units, sum.units)).transpose()?,
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
struct Backward<'a, R> {
    steps: usize,
    batch: usize,
    n: usize,
    kept: &'a Kept<R>,
    /// ∂L/∂r `[S + 1, B, N]`, or with W_out that of the outputs, `[S + 1, B, O]`.
    outer: &'a [R],
    w_out: &'a [R],
    /// True if the gradient of the weights is needed.
    trained: bool,
    /// True if the gradient of the drive is needed.
    driven: bool,
}

/// Gradients of the trials of a block, and the inputs of the weight gradient.
struct BlockGradients<R> {
    /// `[trials, N]`
    leak: Vec<R>,
    /// `[trials, O, N]`
    w_out: Vec<R>,
    /// δ `[S, N, trials]`; empty if it is no longer needed.
    delta: Vec<R>,
    /// Gradient of a direct drive `[S, N, trials]`.
    drive: Vec<R>,
    /// δ and rates by unit, for the gradient of sparse weights.
    columns: Option<[ByUnit<R>; 2]>,
}

/// Gradients of some trials, summed: of leaks and W_out, and of weights.
struct Gradients<R> {
    units: Vec<R>,
    weights: Vec<R>,
}

impl<R: SparseReal> Backward<'_, R> {
    /// Differentiates the trials of a block.
    fn block(&self, recurrent: &Recurrent<R>, adjoint: &dyn Product<R>, block: usize) -> BlockGradients<R> {
        let (n, trials, states) = (self.n, recurrent.trials, &self.kept.states[block]);
        let rows = |n| Rows { values: self.outer, batch: self.batch, trial: self.kept.blocks[block].start, n };
        let (outer, w_out) = match self.w_out {
            [] => (Outer::Rates(rows(n)), Vec::new()),
            w_out => {
                let outputs = rows(w_out.len() / n);
                (Outer::Outputs { outputs, w_out }, readout_gradient(outputs, n, trials, &states.r))
            }
        };
        let Adjoint { delta, drive, leak } = recurrent.backward(adjoint, states, outer, self.driven);
        let few = self.kept.weights.few().is_some();
        let columns = |values: &[R]| ByUnit::new(n, trials, self.steps, values);
        BlockGradients {
            leak,
            w_out,
            columns: (self.trained && few).then(|| [columns(&delta), columns(states.sent())]),
            drive,
            delta: if self.driven || !few { delta } else { Vec::new() },
        }
    }

    /// Sums the gradients of some trials, one after the other; each is given by its block and its index there.
    fn sum(&self, blocks: &[BlockGradients<R>], trials: &[(usize, usize)]) -> Gradients<R> {
        let (n, weights) = (self.n, &self.kept.weights);
        let zero = if self.trained { weights.zero_gradient() } else { Vec::new() };
        let mut sum = Gradients { units: vec![R::zero(); n + self.w_out.len()], weights: zero };
        for (block, trial) in trials {
            let (of_block, states) = (&blocks[*block], &self.kept.states[*block]);
            let (of_leak, of_w_out) = sum.units.split_at_mut(n);
            add(of_leak, &of_block.leak[trial * n..]);
            add(of_w_out, &of_block.w_out[trial * of_w_out.len()..]);
            match (&of_block.columns, weights.few()) {
                (Some(columns), Some(few)) => accumulate_present(few, self.steps, columns, *trial, &mut sum.weights),
                _ if self.trained => weights.accumulate_gradient([&of_block.delta, states.sent()], &mut sum.weights),
                _ => (),
            }
        }
        sum
    }
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

/// `function` of `0..count` in order, computed in parallel.
fn each<T: Send>(count: usize, function: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
    match count {
        1 => vec![function(0)],
        _ => (0..count).into_par_iter().map(function).collect(),
    }
}

/// total += the beginning of `part`, element by element.
fn add<R: Real>(total: &mut [R], part: &[R]) {
    total.iter_mut().zip(part).for_each(|(total, part)| *total += *part);
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
