//! The loop: draw a batch, differentiate its loss, update, judge on fresh trials, stop by the rule.

use crate::adam::Adam;
use crate::metrics::Row;
use crate::schedule::learning_rate;
use candle_core::{Tensor, Var};
use mdl_model::experiment::{Keep, TrainingConfig};
use std::ops::ControlFlow;

/// A network in training: its parameters, the loss of a batch, its evaluation.
pub trait Problem {
    /// The trained parameters, by name.
    fn variables(&self) -> Vec<(&'static str, &Var)>;

    /// The loss of batch `batch` at update `update`, a scalar that depends on the parameters.
    ///
    /// # Errors
    /// Those of candle.
    fn batch_loss(&self, batch: u64, update: u64) -> candle_core::Result<Tensor>;

    /// Loss and performance on the fresh trials of evaluation `round`.
    ///
    /// # Errors
    /// Those of candle.
    fn evaluate(&self, round: u64) -> candle_core::Result<Evaluation>;
}

/// Result of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Mean loss.
    pub loss: f64,
    /// Fraction of trials answered correctly.
    pub performance: f64,
}

/// What the loop reports while it runs; the answer says whether to go on.
pub enum Event<'a> {
    /// An update was made.
    Updated {
        /// Updates made.
        update: u64,
        /// Loss of its batch.
        loss: f64,
    },
    /// The network was evaluated.
    Evaluated(&'a Row),
}

/// Why a training failed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// The loss is not a number.
    #[error(
        "training diverged: the loss of update {update} is {loss}; lower training.learning_rate or set training.clip_norm"
    )]
    Loss {
        /// Updates made before.
        update: u64,
        /// The loss.
        loss: f64,
    },
    /// A gradient is not a number.
    #[error(
        "training diverged: the gradient of `{tensor}` at update {update} is not finite; lower training.learning_rate or set training.clip_norm"
    )]
    Gradient {
        /// Updates made before.
        update: u64,
        /// Name of the parameter.
        tensor: &'static str,
    },
    /// The observer asked to stop.
    #[error("interrupted after {0} updates; no output was written")]
    Interrupted(u64),
    /// The observer failed, writing metrics say.
    #[error("writing the metrics: {0}")]
    Observer(std::io::Error),
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// Updates made.
    pub updates: u64,
    /// Whether the stopping rule was met (always, without one).
    pub success: bool,
    /// The evaluation of the parameters it ended with.
    pub kept: Row,
    /// Every evaluation.
    pub history: Vec<Row>,
}

/// Trains until the stopping rule is met or the updates are used up. `observe` sees every update and evaluation.
///
/// # Errors
/// [`TrainError`].
pub fn train(
    config: &TrainingConfig,
    problem: &impl Problem,
    observe: &mut dyn FnMut(Event) -> std::io::Result<ControlFlow<()>>,
) -> Result<Trained, TrainError> {
    mdl_stage::memory::keep_freed();
    let mut adam = Adam::new(config.adam, &problem.variables())?;
    let mut history: Vec<Row> = Vec::new();
    let mut since = Since::default();
    let mut best = Best { wanted: config.keep == Keep::Best, held: None };
    loop {
        let update = adam.updates();
        let rate = learning_rate(config, update);
        let loss = one_update(config, problem, &mut adam, rate)?;
        since.add(loss);
        notify(observe, Event::Updated { update: update + 1, loss }, update + 1)?;
        let updates = update + 1;
        let last_update = updates == config.max_updates;
        if !updates.is_multiple_of(config.evaluate_every) && !last_update {
            continue;
        }
        let Evaluation { loss, performance } = problem.evaluate(history.len() as u64)?;
        let row = Row { update: updates, training_loss: since.take(), loss, performance, learning_rate: rate };
        history.push(row);
        best.consider(&row, problem)?;
        notify(observe, Event::Evaluated(&row), updates)?;
        let met = config.stop.is_none_or(|stop| {
            loss < stop.loss_below && performance > stop.performance_above && updates >= stop.not_before_update
        });
        if last_update || (met && config.stop.is_some()) {
            let kept = best.restore(problem)?.unwrap_or(row);
            return Ok(Trained { updates, success: met, kept, history });
        }
    }
}

/// Draws a batch, differentiates, clips and updates; returns the loss before the update.
fn one_update(config: &TrainingConfig, problem: &impl Problem, adam: &mut Adam, rate: f64) -> Result<f64, TrainError> {
    let update = adam.updates();
    let loss = problem.batch_loss(update / config.updates_per_batch, update)?;
    let value = f64::from(loss.to_scalar::<f32>()?);
    if !value.is_finite() {
        return Err(TrainError::Loss { update, loss: value });
    }
    let gradients = loss.backward()?;
    let norm = adam.gradient_norm(&gradients)?;
    if !norm.is_finite() {
        let tensor = adam.not_finite(&gradients)?.unwrap_or("all parameters together");
        return Err(TrainError::Gradient { update, tensor });
    }
    let scale = config.clip_norm.map_or(1.0, |limit| if norm > limit { limit / norm } else { 1.0 });
    adam.step(&gradients, rate, scale)?;
    Ok(value)
}

fn notify(
    observe: &mut dyn FnMut(Event) -> std::io::Result<ControlFlow<()>>,
    event: Event,
    updates: u64,
) -> Result<(), TrainError> {
    match observe(event).map_err(TrainError::Observer)? {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(TrainError::Interrupted(updates)),
    }
}

/// The best parameters so far, where they are wanted.
struct Best {
    wanted: bool,
    held: Option<(Row, Vec<Tensor>)>,
}

impl Best {
    fn consider(&mut self, row: &Row, problem: &impl Problem) -> candle_core::Result<()> {
        let better = self.held.as_ref().is_none_or(|(held, _)| {
            row.performance > held.performance || (row.performance == held.performance && row.loss < held.loss)
        });
        if self.wanted && better {
            let variables = problem.variables();
            let copies = variables.iter().map(|(_, v)| v.as_detached_tensor().copy());
            self.held = Some((*row, copies.collect::<candle_core::Result<_>>()?));
        }
        Ok(())
    }

    /// Gives the network its best parameters back; returns their evaluation.
    fn restore(self, problem: &impl Problem) -> candle_core::Result<Option<Row>> {
        let Some((row, tensors)) = self.held else { return Ok(None) };
        for ((_, variable), tensor) in problem.variables().iter().zip(&tensors) {
            variable.set(tensor)?;
        }
        Ok(Some(row))
    }
}

/// Mean of the losses since the last evaluation.
#[derive(Default)]
struct Since {
    sum: f64,
    count: u64,
}

impl Since {
    fn add(&mut self, loss: f64) {
        self.sum += loss;
        self.count += 1;
    }

    fn take(&mut self) -> f64 {
        let mean = self.sum / self.count.max(1) as f64;
        *self = Self::default();
        mean
    }
}
