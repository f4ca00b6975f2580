//! The recurrence over a whole sequence as one operator of candle.

use super::block::blocks;
use super::product::Product;
use super::readout::{Outer, accumulate_readout, read};
use super::sparse::SparseReal;
use super::sweep::{Adjoint, Rows, Sweep, Trial};
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
    /// x `[S + 1, B, N]`
    x: Tensor,
    /// r `[S + 1, B, N]`, unless it is the result.
    r: Option<Vec<R>>,
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
    let Some(Kept { x, .. }) = kept.get() else { bail!("a run leaves its states") };
    Ok(RateStates { x: x.clone(), r })
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
        let run = |sweep: &Sweep<R>, product: &dyn Product<R>, trial| {
            let rows = |values| Rows { values, batch, trial, n };
            sweep.forward(product, rows(initial), rows(drive), noise.map(rows))
        };
        let blocks = Blocks::new(&weights, batch, |width| {
            (Sweep::new(self.sequence.activation, steps, leak, width), weights.forward(width))
        });
        let states = blocks.each(run);
        let (x, r) = states.into_iter().map(|states| (states.x, states.r)).unzip();
        let shape = Shape::from((steps + 1, batch, n));
        let x = Tensor::from_vec(interleave(steps + 1, x), &shape, self.sequence.initial.device())?;
        let r = interleave(steps + 1, r);
        let (result, r, last) = match w_out {
            [] => (r, None, n),
            _ => (read(n, w_out, &r), Some(r), w_out.len() / n),
        };
        let _ = self.kept.set(Kept { x, r, weights });
        Ok((R::to_cpu_storage_owned(result), Shape::from((steps + 1, batch, last))))
    }

    fn bwd(
        &self,
        drive: &Tensor,
        weights: &Tensor,
        units: &Tensor,
        result: &Tensor,
        outer: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some(kept) = self.kept.get() else { bail!("a rate sequence is differentiated before it is run") };
        let (steps, batch, n) = drive.dims3()?;
        let outer = outer.contiguous()?;
        let [x, result, outer, raw, units_values] = [&kept.x, result, &outer, weights, units].map(values);
        let (leak, w_out) = units_values.slice()?.split_at(n);
        let noise = self.sequence.noise.as_ref().map(values);
        let backward = Backward {
            steps,
            batch,
            n,
            weights: weights.track_op().then_some(&kept.weights),
            x: x.slice()?,
            r: kept.r.as_deref().map_or_else(|| result.slice(), Ok)?,
            outer: outer.slice()?,
            w_out,
            noise: noise.as_ref().map(Values::slice).transpose()?,
        };
        let blocks = Blocks::new(&kept.weights, batch, |width| {
            (Sweep::new(self.sequence.activation, steps, leak, width), kept.weights.adjoint(width))
        });
        let adjoints = blocks.each(|sweep, product, trial| backward.block(sweep, product, trial));
        let trials: Vec<Trial<R>> = adjoints.iter().flat_map(|block| block.trials(n)).collect();
        let count = batch.min(GROUPS);
        let groups = each(count, |group| backward.trials(&trials, group * batch / count..(group + 1) * batch / count));
        let mut sums = (Vec::new(), Vec::new());
        for group in groups {
            add(&mut sums.0, group.units);
            add(&mut sums.1, group.weights);
        }
        let (of_units, of_weights) = sums;
        let tensor = |like: &Tensor, values: Vec<R>| Tensor::from_vec(values, like.shape(), like.device());
        let of_drive = || tensor(drive, interleave(steps, trials.iter().map(|trial| trial.delta.to_vec()).collect()));
        let of_drive = drive.track_op().then(of_drive).transpose()?;
        let of_units = units.track_op().then(|| tensor(units, of_units)).transpose()?;
        let of_weights = if weights.track_op() {
            Some(tensor(weights, kept.weights.gradient_of_raw(&self.sequence.recurrence, raw.slice()?, of_weights))?)
        } else {
            None
        };
        Ok((of_drive, of_weights, of_units))
    }
}

/// A batch cut into blocks of trials, with what runs a block of each width.
struct Blocks<R> {
    blocks: Vec<Range<usize>>,
    kernels: BTreeMap<usize, Kernel<R>>,
}

/// What runs the trials of a block.
type Kernel<R> = (Sweep<R>, Box<dyn Product<R>>);

impl<R: SparseReal> Blocks<R> {
    fn new(weights: &Weights<R>, batch: usize, kernel: impl Fn(usize) -> Kernel<R>) -> Self {
        let blocks = if weights.in_blocks() {
            blocks(batch, rayon::current_num_threads())
        } else {
            (0..batch).map(|trial| trial..trial + 1).collect()
        };
        let widths: BTreeSet<usize> = blocks.iter().map(Range::len).collect();
        Self { blocks, kernels: widths.into_iter().map(|width| (width, kernel(width))).collect() }
    }

    /// `function` of every block, named by its first trial, in order.
    fn each<T: Send>(&self, function: impl Fn(&Sweep<R>, &dyn Product<R>, usize) -> T + Send + Sync) -> Vec<T> {
        each(self.blocks.len(), |k| {
            let block = &self.blocks[k];
            let (sweep, product) = &self.kernels[&block.len()];
            function(sweep, product.as_ref(), block.start)
        })
    }
}

/// What the backward pass of any trial reads.
struct Backward<'a, R> {
    steps: usize,
    batch: usize,
    n: usize,
    /// The weights, if their gradient is wanted.
    weights: Option<&'a Weights<R>>,
    /// x and r, `[S + 1, B, N]` each.
    x: &'a [R],
    r: &'a [R],
    /// ∂L/∂r `[S + 1, B, N]`, or with W_out that of the outputs, `[S + 1, B, O]`.
    outer: &'a [R],
    w_out: &'a [R],
    noise: Option<&'a [R]>,
}

/// Gradients of some trials, summed: of leaks, W_out and weights.
struct Gradients<R> {
    units: Vec<R>,
    weights: Vec<R>,
}

impl<R: SparseReal> Backward<'_, R> {
    /// Rows of `n` values of the trials from `trial` on.
    fn rows<'b>(&self, values: &'b [R], trial: usize, n: usize) -> Rows<'b, R> {
        Rows { values, batch: self.batch, trial, n }
    }

    /// The rows of the outputs' gradients of the trials from `trial` on.
    fn outputs(&self, trial: usize) -> Rows<'_, R> {
        self.rows(self.outer, trial, self.w_out.len() / self.n)
    }

    /// Differentiates the states of a block that begins at `trial`.
    fn block(&self, sweep: &Sweep<R>, adjoint: &dyn Product<R>, trial: usize) -> Adjoint<R> {
        let rows = |values| self.rows(values, trial, self.n);
        let outer = match self.w_out {
            [] => Outer::Rates(rows(self.outer)),
            w_out => Outer::Outputs { outputs: self.outputs(trial), w_out },
        };
        sweep.backward(adjoint, [rows(self.x), rows(self.r)], outer, self.noise.map(rows))
    }

    /// Sums the gradients of some of the trials, one after the other.
    fn trials(&self, trials: &[Trial<R>], range: Range<usize>) -> Gradients<R> {
        let (steps, n) = (self.steps, self.n);
        let weights = self.weights.map_or(Vec::new(), Weights::zero_gradient);
        let mut sum = Gradients { units: vec![R::zero(); n + self.w_out.len()], weights };
        for trial in range {
            let Trial { delta, leak } = trials[trial];
            let r = self.rows(self.r, trial, n);
            let (of_leak, of_w_out) = sum.units.split_at_mut(n);
            if !self.w_out.is_empty() {
                accumulate_readout(steps, self.outputs(trial), r, of_w_out);
            }
            if let Some(weights) = self.weights {
                let delta = Rows { values: delta, batch: 1, trial: 0, n };
                weights.accumulate_gradient(steps, [delta, r], &mut sum.weights);
            }
            of_leak.iter_mut().zip(leak).for_each(|(sum, leak)| *sum += *leak);
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

/// total += part, element by element; an empty total is zero.
fn add<R: Real>(total: &mut Vec<R>, part: Vec<R>) {
    if total.is_empty() {
        *total = part;
    } else {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
    }
}

/// Trials and blocks `[S, trials, N]` as one `[S, B, N]`.
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
