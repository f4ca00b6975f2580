//! The loop: draw a batch, differentiate its loss, update, judge on fresh trials, stop by the rule.

use crate::adam::Adam;
use crate::config::{Keep, TrainingConfig};
use crate::guard::Condition;
use crate::metrics::Row;
use crate::schedule::learning_rate;
use candle_core::{Tensor, Var};
use mdl_data::tasks::{Task, Trials};
use std::ops::ControlFlow;

/// A network in training: its parameters, the loss of a batch, its evaluation.
pub trait Problem {
    /// The trained parameters, by name.
    fn variables(&self) -> Vec<(&'static str, &Var)>;

    /// What to change where the network is silent, and where it is saturated.
    fn hints(&self) -> [&'static str; 2];

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

    /// Mean rate of each unit on a few fresh trials.
    ///
    /// # Errors
    /// Those of candle.
    fn unit_rates(&self) -> candle_core::Result<Vec<f32>>;

    /// The network's answers on fresh trials or examples, to be shown.
    ///
    /// # Errors
    /// Those of candle.
    fn answers(&self) -> candle_core::Result<Answers<'_>>;
}

/// Answers of a network in training.
pub enum Answers<'a> {
    /// Outputs on trials of a task.
    Outputs {
        /// The task.
        task: &'a dyn Task,
        /// Its trials.
        trials: Trials,
        /// The outputs, `[B, T, O]`.
        values: Vec<f64>,
    },
    /// Counts of examples, `[right class, predicted class]`.
    Confusion {
        /// Names of the classes.
        classes: &'static [&'static str],
        /// The counts.
        counts: Vec<u64>,
    },
}

/// Result of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Mean loss.
    pub loss: f64,
    /// Fraction of trials answered correctly.
    pub performance: f64,
    /// What the units do on some of the trials.
    pub condition: Condition,
}

/// What the loop reports while it runs.
pub enum Event<'a> {
    /// An update was made; the answer says whether to go on.
    Updated {
        /// Updates made.
        update: u64,
        /// Loss of its batch.
        loss: f64,
        /// Euclidean norm of its gradients, before clipping.
        gradient_norm: f64,
        /// All that the training goes on from.
        state: &'a State,
    },
    /// The network was evaluated.
    Evaluated(&'a Row, Condition),
}

/// Sees every update and evaluation.
pub type Observer<'a> = dyn FnMut(Event) -> Result<ControlFlow<()>, Box<dyn std::error::Error + Send + Sync>> + 'a;

/// Why a training failed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// The loss is not a number.
    #[error("{}: the loss of {trials} after {updates} updates is {loss}; {}", failure(*updates), remedy(*updates))]
    Loss {
        /// Updates made before.
        updates: u64,
        /// Whose loss: a batch's or fresh trials'.
        trials: &'static str,
        /// The loss.
        loss: f64,
    },
    /// A gradient or a parameter is not a number.
    #[error("{}: {what} `{tensor}` after {updates} updates is not finite; {}", failure(*updates), remedy(*updates))]
    NotFinite {
        /// Updates made before.
        updates: u64,
        /// Whether it is the gradient of the parameter, or itself.
        what: &'static str,
        /// Name of the parameter.
        tensor: &'static str,
    },
    /// The observer asked to stop.
    #[error("interrupted after {0} updates")]
    Interrupted(u64),
    /// The observer failed: metrics or a checkpoint could not be written.
    #[error("{0}")]
    Observer(Box<dyn std::error::Error + Send + Sync>),
}

/// What went wrong: before the first update nothing can have diverged.
fn failure(updates: u64) -> &'static str {
    if updates == 0 { "training cannot begin" } else { "training diverged" }
}

/// What to change.
fn remedy(updates: u64) -> &'static str {
    match updates {
        0 => "the initial weights, the noise or the inputs are too large: see the fields of network and task",
        _ => "lower training.learning_rate or set training.clip_norm",
    }
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// Updates made.
    pub updates: u64,
    /// Whether the stopping rule was met; none without one.
    pub success: Option<bool>,
    /// The evaluation of the parameters it ended with.
    pub kept: Row,
    /// Every evaluation.
    pub history: Vec<Row>,
}

impl Trained {
    /// How a training with these evaluations ended; `None` if it has not.
    pub fn from_history(config: &TrainingConfig, history: &[Row]) -> Option<Self> {
        let last = history.last()?;
        let success = config.stop.map(|stop| {
            last.loss < stop.loss_below
                && last.performance > stop.performance_above
                && last.update >= stop.not_before_update
        });
        let ended = last.update == config.max_updates || success == Some(true);
        let kept = match config.keep {
            Keep::Last => last,
            Keep::Best => &history[best(history)?],
        };
        ended.then(|| Self { updates: last.update, success, kept: *kept, history: history.to_vec() })
    }
}

/// Index of the best evaluation: of equal performance the lowest loss, of equals the first.
pub(crate) fn best(history: &[Row]) -> Option<usize> {
    let better =
        |a: &Row, b: &Row| a.performance > b.performance || (a.performance == b.performance && a.loss < b.loss);
    (0..history.len()).reduce(|held, next| if better(&history[next], &history[held]) { next } else { held })
}

/// Everything a training goes on from: parameters, moments, evaluations. It takes no random state: all that is random is a
/// function of the seed and the number of the update.
pub struct State {
    pub(crate) adam: Adam,
    pub(crate) history: Vec<Row>,
    pub(crate) since: Since,
    /// The parameters at the best evaluation; empty before the first.
    pub(crate) best: Vec<Tensor>,
}

impl State {
    /// The state before the first update.
    ///
    /// # Errors
    /// Those of candle.
    pub fn new(config: &TrainingConfig, problem: &impl Problem) -> candle_core::Result<Self> {
        let adam = Adam::new(config.adam, &problem.variables())?;
        Ok(Self { adam, history: Vec::new(), since: Since::default(), best: Vec::new() })
    }

    /// Updates made.
    pub fn updates(&self) -> u64 {
        self.adam.updates()
    }

    /// Evaluations made.
    pub fn history(&self) -> &[Row] {
        &self.history
    }

    /// Name of the first parameter that is not finite.
    ///
    /// # Errors
    /// Those of candle.
    pub fn not_finite(&self) -> candle_core::Result<Option<&'static str>> {
        for (name, [parameter, ..]) in self.adam.state() {
            // Zero times anything finite is zero.
            if parameter.affine(0.0, 0.0)?.sum_all()?.to_scalar::<f32>()? != 0.0 {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Judges the network on fresh trials.
    fn evaluate(&mut self, config: &TrainingConfig, problem: &impl Problem) -> Result<(Row, Condition), TrainError> {
        let updates = self.updates();
        let Evaluation { loss, performance, condition } = problem.evaluate(self.history.len() as u64)?;
        if !loss.is_finite() {
            return Err(TrainError::Loss { updates, trials: "fresh trials", loss });
        }
        let learning_rate = learning_rate(config, updates - 1);
        let row = Row { update: updates, training_loss: self.since.take(), loss, performance, learning_rate };
        self.history.push(row);
        if best(&self.history) == Some(self.history.len() - 1) {
            let copies = self.adam.state().map(|(_, [parameter, ..])| parameter.detach().copy());
            self.best = copies.collect::<candle_core::Result<_>>()?;
        }
        Ok((row, condition))
    }
}

/// Whether a network with so many updates is evaluated.
pub(crate) fn is_evaluated(config: &TrainingConfig, updates: u64) -> bool {
    updates > 0 && (updates.is_multiple_of(config.evaluate_every) || updates == config.max_updates)
}

/// Trains from `state` on until the stopping rule is met or the updates are used up. `observe` sees every update and
/// evaluation.
///
/// A state that `observe` sees has not been evaluated after its last update yet: who goes on from it begins with that.
///
/// # Errors
/// [`TrainError`].
pub fn train(
    config: &TrainingConfig,
    problem: &impl Problem,
    mut state: State,
    observe: &mut Observer,
) -> Result<Trained, TrainError> {
    mdl_kernels::memory::keep_freed();
    loop {
        let updates = state.updates();
        if is_evaluated(config, updates) {
            let (row, condition) = state.evaluate(config, problem)?;
            // The answer counts after an update alone.
            let _ = observe(Event::Evaluated(&row, condition)).map_err(TrainError::Observer)?;
            if let Some(trained) = Trained::from_history(config, &state.history) {
                if config.keep == Keep::Best {
                    restore(problem, &state.best)?;
                }
                return Ok(trained);
            }
        }
        let (loss, gradient_norm) = one_update(config, problem, &mut state.adam)?;
        state.since.add(loss);
        let event = Event::Updated { update: updates + 1, loss, gradient_norm, state: &state };
        if observe(event).map_err(TrainError::Observer)?.is_break() {
            return Err(TrainError::Interrupted(updates + 1));
        }
    }
}

/// Draws a batch, differentiates, clips and updates; returns the loss before the update, and the norm of the gradients.
fn one_update(config: &TrainingConfig, problem: &impl Problem, adam: &mut Adam) -> Result<(f64, f64), TrainError> {
    let updates = adam.updates();
    let loss = problem.batch_loss(updates / config.updates_per_batch, updates)?;
    let value = f64::from(loss.to_scalar::<f32>()?);
    if !value.is_finite() {
        return Err(TrainError::Loss { updates, trials: "a batch", loss: value });
    }
    let gradients = loss.backward()?;
    let norm = adam.gradient_norm(&gradients)?;
    if !norm.is_finite() {
        let tensor = adam.not_finite(&gradients)?.unwrap_or("all parameters together");
        return Err(TrainError::NotFinite { updates, what: "the gradient of", tensor });
    }
    let scale = config.clip_norm.map_or(1.0, |limit| if norm > limit { limit / norm } else { 1.0 });
    adam.step(&gradients, learning_rate(config, updates), scale)?;
    Ok((value, norm))
}

/// Gives the network these parameters.
fn restore(problem: &impl Problem, parameters: &[Tensor]) -> candle_core::Result<()> {
    problem.variables().iter().zip(parameters).try_for_each(|((_, variable), tensor)| variable.set(tensor))
}

/// Mean of the losses since the last evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Since {
    pub(crate) sum: f64,
    pub(crate) count: u64,
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
