//! The recurrence over a whole sequence as one operator of candle.

use super::block::blocks;
use super::columns::Columns;
use super::product::Product;
use super::readout::{Outer, read, readout_gradient};
use super::sparse::{SparseReal, accumulate_present};
use super::sweep::{Adjoint, Rows, Sweep, Trajectory, by_trial};
use super::weights::Weights;
use super::{RateSequence, RateStates};
use crate::real::{Real, contiguous};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Storage, Tensor, bail};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

/// Trials are differentiated in at most this many groups, each with a gradient of its own; the sum over groups is in order.
const GROUPS: usize = 32;

/// A run as an operator on (drive, weights, units), where `units` `[1 + O, N]` is the row of leaks above W_out.
///
/// Its result are the outputs W_out r `[S + 1, B, O]`; with leaks alone, the rates r `[S + 1, B, N]`.
struct Operator<R> {
    sequence: RateSequence,
    kept: Arc<OnceLock<Kept<R>>>,
}

/// What the forward pass leaves for the backward pass.
struct Kept<R> {
    /// What the trials of each block went through.
    states: Vec<Trajectory<R>>,
    weights: Weights<R>,
}

/// States of `sequence`; all shapes are right.
pub(super) fn states<R: SparseReal>(
    sequence: &RateSequence,
    drive: &Tensor,
    weights: &Tensor,
    leak: &Tensor,
) -> Result<RateStates> {
    let kept = Arc::new(OnceLock::new());
    let r = run::<R>(sequence, drive, weights, leak, &kept)?;
    let Some(kept) = kept.get() else { bail!("a run leaves its states") };
    let (steps, n) = (r.dim(0)?, r.dim(2)?);
    let x = kept
        .states
        .iter()
        .map(|states| by_trial(n, states.r.len() / (steps * n), states.x.clone().unwrap_or_default()));
    let x = x.collect();
    Ok(RateStates { x: Tensor::from_vec(interleave(steps, x), r.shape(), r.device())?, r })
}

/// Outputs of `sequence`; all shapes are right.
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
        ..sequence.clone()
    };
    let operator = Operator { sequence, kept: kept.clone() };
    drive.contiguous()?.apply_op3(&weights.contiguous()?, &units.contiguous()?, operator)
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
        let (initial, noise) = (values(&self.sequence.initial), self.sequence.noise.as_ref().map(values));
        let (initial, noise) = (initial.slice()?, noise.as_ref().map(Values::slice).transpose()?);
        let blocks = Blocks::new(&weights, batch, |width| {
            (Sweep::new(self.sequence.activation, steps, leak, width), weights.forward(width))
        });
        let runs = blocks.each(|sweep, product, block| {
            let rows = |values| Rows { values, batch, trial: block.first, n };
            let states = sweep.forward(product, rows(initial), rows(drive), noise.map(rows), w_out.is_empty());
            let result = match w_out {
                [] => by_trial(n, sweep.trials, states.r.clone()),
                _ => read(n, w_out, sweep.trials, &states.r),
            };
            (states, result)
        });
        let (states, results) = runs.into_iter().unzip();
        let (result, last) = (interleave(steps + 1, results), if w_out.is_empty() { n } else { w_out.len() / n });
        let _ = self.kept.set(Kept { states, weights });
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
        let (outer, (leak, w_out)) = (outer.slice()?, units_values.slice()?.split_at(n));
        let (trained, few) = (weights.track_op(), kept.weights.few());
        let blocks = Blocks::new(&kept.weights, batch, |width| {
            (Sweep::new(self.sequence.activation, steps, leak, width), kept.weights.adjoint(width))
        });
        let gradients = blocks.each(|sweep, adjoint, block| {
            let rows = |values, n| Rows { values, batch, trial: block.first, n };
            let states = &kept.states[block.place];
            let (outputs, outer) = match w_out {
                [] => (None, Outer::Rates(rows(outer, n))),
                w_out => {
                    let outputs = rows(outer, w_out.len() / n);
                    (Some(outputs), Outer::Outputs { outputs, w_out })
                }
            };
            let Adjoint { delta, leak } = sweep.backward(adjoint, states, outer);
            let columns = |values: &[R]| Columns::new(n, sweep.trials, steps, values);
            BlockGradients {
                leak,
                w_out: outputs.map_or(Vec::new(), |o| readout_gradient(o, n, sweep.trials, &states.r)),
                columns: (trained && few.is_some()).then(|| [columns(&delta), columns(&states.r)]),
                delta: if drive.track_op() || few.is_none() { delta } else { Vec::new() },
            }
        });
        let trials: Vec<(usize, usize)> = blocks.trials().collect();
        let count = batch.min(GROUPS);
        let groups = each(count, |group| {
            let mut sum = (vec![R::zero(); n + w_out.len()], Vec::new());
            if trained {
                sum.1 = kept.weights.zero_gradient();
            }
            for (block, trial) in &trials[group * batch / count..(group + 1) * batch / count] {
                let of_block = &gradients[*block];
                let (of_leak, of_w_out) = sum.0.split_at_mut(n);
                add_to(of_leak, &of_block.leak[trial * n..][..n]);
                add_to(of_w_out, &of_block.w_out[trial * w_out.len()..][..w_out.len()]);
                match (&of_block.columns, few) {
                    (Some(columns), Some(few)) => accumulate_present(few, steps, columns, *trial, &mut sum.1),
                    _ if trained => {
                        kept.weights.accumulate_gradient([&of_block.delta, &kept.states[*block].r], &mut sum.1);
                    }
                    _ => (),
                }
            }
            sum
        });
        let (of_units, of_weights) = groups
            .into_iter()
            .reduce(|mut sum, group| {
                add_to(&mut sum.0, &group.0);
                add_to(&mut sum.1, &group.1);
                sum
            })
            .unwrap_or_default();
        let tensor = |like: &Tensor, values: Vec<R>| Tensor::from_vec(values, like.shape(), like.device());
        let of_drive = || {
            let rows = gradients.into_iter().map(|block| by_trial(n, block.leak.len() / n, block.delta)).collect();
            tensor(drive, interleave(steps, rows))
        };
        let of_drive = drive.track_op().then(of_drive).transpose()?;
        let of_units = units.track_op().then(|| tensor(units, of_units)).transpose()?;
        let of_weights = if trained {
            Some(tensor(weights, kept.weights.gradient_of_raw(&self.sequence.recurrence, raw.slice()?, of_weights))?)
        } else {
            None
        };
        Ok((of_drive, of_weights, of_units))
    }
}

/// Gradients of the trials of a block, and what those of the weights are made of.
struct BlockGradients<R> {
    /// `[trials, N]`
    leak: Vec<R>,
    /// `[trials, O, N]`
    w_out: Vec<R>,
    /// δ `[S, N, trials]`, the gradient of the drive; empty where it is not wanted any more.
    delta: Vec<R>,
    /// δ and rates unit by unit, for the gradient of weights of which few are present.
    columns: Option<[Columns<R>; 2]>,
}

/// A batch cut into blocks of trials, with what runs a block of each width.
struct Blocks<R> {
    blocks: Vec<Range<usize>>,
    kernels: BTreeMap<usize, Kernel<R>>,
}

/// A block by its place among the blocks, and its first trial.
struct Block {
    place: usize,
    first: usize,
}

/// What runs the trials of a block.
type Kernel<R> = (Sweep<R>, Box<dyn Product<R>>);

impl<R: SparseReal> Blocks<R> {
    fn new(weights: &Weights<R>, batch: usize, kernel: impl Fn(usize) -> Kernel<R>) -> Self {
        let blocks = if weights.few().is_some() {
            blocks(batch, rayon::current_num_threads())
        } else {
            (0..batch).map(|trial| trial..trial + 1).collect()
        };
        let widths: BTreeSet<usize> = blocks.iter().map(Range::len).collect();
        Self { blocks, kernels: widths.into_iter().map(|width| (width, kernel(width))).collect() }
    }

    /// `function` of every block, in order.
    fn each<T: Send>(&self, function: impl Fn(&Sweep<R>, &dyn Product<R>, Block) -> T + Send + Sync) -> Vec<T> {
        each(self.blocks.len(), |place| {
            let trials = &self.blocks[place];
            let (sweep, product) = &self.kernels[&trials.len()];
            function(sweep, product.as_ref(), Block { place, first: trials.start })
        })
    }

    /// The block of every trial, and its place in it.
    fn trials(&self) -> impl Iterator<Item = (usize, usize)> {
        self.blocks.iter().enumerate().flat_map(|(block, trials)| (0..trials.len()).map(move |trial| (block, trial)))
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

/// total += part, element by element.
fn add_to<R: Real>(total: &mut [R], part: &[R]) {
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
