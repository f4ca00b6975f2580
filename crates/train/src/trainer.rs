//! Optimizer loop: draw a batch, differentiate its loss, update, evaluate on fresh trials, apply the stopping rule.

use crate::adam::Adam;
use crate::config::{Keep, TrainingConfig};
use crate::guard::Condition;
use crate::metrics::Row;
use crate::stages::{Next, Place};
use candle_core::{Tensor, Var};
use mdl_data::tasks::{Task, Trials};
use std::ops::ControlFlow;

/// A network in training: its parameters, the loss of a batch, its evaluation.
pub trait Problem {
    /// Trained parameters, by name.
    fn variables(&self) -> Vec<(&'static str, &Var)>;

    /// Hints on what to change in a silent and in a saturated network.
    fn hints(&self) -> [&'static str; 2];

    /// Loss of batch `batch` at update `update`, in stage `stage`, and the costs of the regularisers.
    ///
    /// # Errors
    /// Errors of candle.
    fn batch_loss(&self, stage: usize, batch: u64, update: u64) -> candle_core::Result<BatchLoss>;

    /// Loss and performance on the fresh trials of evaluation `round`, in stage `stage`.
    ///
    /// # Errors
    /// Errors of candle.
    fn evaluate(&self, stage: usize, round: u64) -> candle_core::Result<Evaluation>;

    /// Mean rate of each unit on a few fresh trials.
    ///
    /// # Errors
    /// Errors of candle.
    fn unit_rates(&self) -> candle_core::Result<Vec<f32>>;

    /// Outputs of the network on fresh trials or examples, for display.
    ///
    /// # Errors
    /// Errors of candle.
    fn sample_outputs(&self) -> candle_core::Result<SampleOutputs<'_>>;
}

/// Loss of a batch and the costs added to it, scalars that depend on the parameters.
pub struct BatchLoss {
    /// Loss.
    pub loss: Tensor,
    /// Cost of each regulariser.
    pub costs: Vec<Tensor>,
}

/// Outputs of a network in training.
pub enum SampleOutputs<'a> {
    /// Outputs on trials of a task.
    Outputs {
        /// The task.
        task: &'a dyn Task,
        /// Its trials.
        trials: Trials,
        /// The outputs, `[B, T, O]`.
        values: Vec<f64>,
    },
    /// Confusion counts of examples, `[true class, predicted class]`.
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
    /// Activity of the units on some of the trials.
    pub condition: Condition,
}

/// Event reported by the loop.
pub enum Event<'a> {
    /// An update was made; the return value of the observer decides whether to continue.
    Updated {
        /// Number of updates so far.
        update: u64,
        /// Loss of its batch.
        loss: f64,
        /// Euclidean norm of its gradients, before clipping.
        gradient_norm: f64,
        /// State from which training can continue.
        state: &'a State,
    },
    /// The network was evaluated.
    Evaluated(&'a Row, Condition),
}

/// Observer of every update and evaluation.
pub type Observer<'a> = dyn FnMut(Event) -> Result<ControlFlow<()>, Box<dyn std::error::Error + Send + Sync>> + 'a;

/// Error of a training run.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// The loss is not a number.
    #[error("{}: the loss of {trials} after {updates} updates is {loss}; {}", failure(*updates), remedy(*updates))]
    Loss {
        /// Number of updates before.
        updates: u64,
        /// Origin of the loss: a batch or fresh trials.
        trials: &'static str,
        /// The loss.
        loss: f64,
    },
    /// The cost of a regulariser is not a number.
    #[error(
        "{}: the cost of training.regularisers.{index} after {updates} updates is {cost}; lower its strength",
        failure(*updates)
    )]
    Cost {
        /// Number of updates before.
        updates: u64,
        /// Index of the regulariser.
        index: usize,
        /// The cost.
        cost: f64,
    },
    /// A gradient or a parameter is not a number.
    #[error("{}: {what} `{tensor}` after {updates} updates is not finite; {}", failure(*updates), remedy(*updates))]
    NotFinite {
        /// Number of updates before.
        updates: u64,
        /// Subject of the message: the gradient of the parameter, or the parameter itself.
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

/// Description of the fault; before the first update nothing can have diverged.
fn failure(updates: u64) -> &'static str {
    if updates == 0 { "training cannot begin" } else { "training diverged" }
}

/// Remedy.
fn remedy(updates: u64) -> &'static str {
    match updates {
        0 => "the initial weights, the noise or the inputs are too large: see the fields of network and task",
        _ => "lower training.learning_rate or set training.clip_norm",
    }
}

/// Outcome of a training run.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// Number of updates.
    pub updates: u64,
    /// True if the stopping rule was met; none without a rule.
    pub success: Option<bool>,
    /// Index of the last stage.
    pub stage: usize,
    /// Evaluation of the final parameters.
    pub kept: Row,
    /// Every evaluation.
    pub history: Vec<Row>,
}

impl Trained {
    /// Outcome of a training run with these evaluations; `None` if it has not ended.
    pub fn from_history(config: &TrainingConfig, history: &[Row]) -> Option<Self> {
        let mut place = Place::default();
        for (i, row) in history.iter().enumerate() {
            match place.after(config, i, row.update, row.loss, row.performance) {
                Next::Same => {}
                Next::Stage(next) => place = next,
                Next::End(success) => {
                    let of_stage = &history[place.first_row..=i];
                    let kept = match config.keep {
                        Keep::Last => row,
                        Keep::Best => &of_stage[best(of_stage)?],
                    };
                    let (updates, stage, kept) = (row.update, place.stage, kept.clone());
                    return Some(Self { updates, success, stage, kept, history: history.to_vec() });
                }
            }
        }
        None
    }
}

/// Index of the best evaluation: among equal performance the lowest loss, then the first.
pub(crate) fn best(history: &[Row]) -> Option<usize> {
    let better =
        |a: &Row, b: &Row| a.performance > b.performance || (a.performance == b.performance && a.loss < b.loss);
    (0..history.len()).reduce(|held, next| if better(&history[next], &history[held]) { next } else { held })
}

/// State from which training continues: parameters, moments, evaluations. There is no random state, because all random
/// numbers are functions of the seed and the update number.
pub struct State {
    pub(crate) adam: Adam,
    pub(crate) history: Vec<Row>,
    pub(crate) since: Since,
    pub(crate) place: Place,
    /// Parameters at the best evaluation of the stage; empty before the first.
    pub(crate) best: Vec<Tensor>,
}

impl State {
    /// State before the first update.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn new(config: &TrainingConfig, problem: &(impl Problem + ?Sized)) -> candle_core::Result<Self> {
        let adam = Adam::new(config.adam, &problem.variables())?;
        Ok(Self { adam, history: Vec::new(), since: Since::default(), place: Place::default(), best: Vec::new() })
    }

    /// Number of updates so far.
    pub fn updates(&self) -> u64 {
        self.adam.updates()
    }

    /// Evaluations so far.
    pub fn history(&self) -> &[Row] {
        &self.history
    }

    /// Name of the first parameter that is not finite.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn not_finite(&self) -> candle_core::Result<Option<&'static str>> {
        for (name, [parameter, ..]) in self.adam.state() {
            // Zero times anything finite is zero.
            if parameter.affine(0.0, 0.0)?.sum_all()?.to_scalar::<f32>()? != 0.0 {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Evaluates the network on fresh trials.
    fn evaluate(
        &mut self,
        config: &TrainingConfig,
        problem: &(impl Problem + ?Sized),
    ) -> Result<(Row, Condition), TrainError> {
        let (updates, place, number) = (self.updates(), self.place, self.history.len());
        let Evaluation { loss, performance, condition } = problem.evaluate(place.stage, number as u64)?;
        if !loss.is_finite() {
            return Err(TrainError::Loss { updates, trials: "fresh trials", loss });
        }
        let learning_rate = place.learning_rate(config, updates - 1);
        let stage = (!config.stages.is_empty()).then_some(place.stage + 1);
        let (training_loss, costs) = self.since.take();
        let row = Row { update: updates, training_loss, loss, performance, learning_rate, stage, costs };
        self.history.push(row.clone());
        if best(&self.history[place.first_row..]) == Some(number - place.first_row) {
            let copies = self.adam.state().map(|(_, [parameter, ..])| parameter.detach().copy());
            self.best = copies.collect::<candle_core::Result<_>>()?;
        }
        Ok((row, condition))
    }

    /// Goes on to the next stage, if the last evaluation ended one.
    fn advance(&mut self, config: &TrainingConfig) {
        let Some((row, last)) = self.history.iter().enumerate().next_back() else { return };
        if let Next::Stage(next) = self.place.after(config, row, last.update, last.loss, last.performance) {
            self.place = next;
            self.best.clear();
        }
    }

    /// True if the network is evaluated in this state.
    fn is_evaluated(&self, config: &TrainingConfig) -> bool {
        let updates = self.updates();
        updates > self.place.begin && self.place.next_evaluation(config, updates - 1) == updates
    }
}

/// Trains from `state` until the stopping rule is met or the maximum number of updates is reached. `observe` sees every
/// update and evaluation.
///
/// A state seen by `observe` has not been evaluated after its last update; resuming from it starts with that
/// evaluation.
///
/// # Errors
/// [`TrainError`].
pub fn train(
    config: &TrainingConfig,
    problem: &(impl Problem + ?Sized),
    mut state: State,
    observe: &mut Observer,
) -> Result<Trained, TrainError> {
    mdl_kernels::memory::keep_freed();
    loop {
        let updates = state.updates();
        if state.is_evaluated(config) {
            let (row, condition) = state.evaluate(config, problem)?;
            // The return value only matters after an update.
            let _ = observe(Event::Evaluated(&row, condition)).map_err(TrainError::Observer)?;
            if let Some(trained) = Trained::from_history(config, &state.history) {
                if config.keep == Keep::Best {
                    restore(problem, &state.best)?;
                }
                return Ok(trained);
            }
            state.advance(config);
        }
        let Update { loss, costs, gradient_norm } = one_update(config, problem, state.place, &mut state.adam)?;
        state.since.add(loss, &costs);
        let event = Event::Updated { update: updates + 1, loss, gradient_norm, state: &state };
        if observe(event).map_err(TrainError::Observer)?.is_break() {
            return Err(TrainError::Interrupted(updates + 1));
        }
    }
}

/// Loss and costs before an update, and the norm of its gradients.
struct Update {
    loss: f64,
    costs: Vec<f64>,
    gradient_norm: f64,
}

/// Draws a batch, differentiates, clips and updates.
fn one_update(
    config: &TrainingConfig,
    problem: &(impl Problem + ?Sized),
    place: Place,
    adam: &mut Adam,
) -> Result<Update, TrainError> {
    let updates = adam.updates();
    let BatchLoss { loss: of_task, costs } =
        problem.batch_loss(place.stage, updates / config.updates_per_batch, updates)?;
    let value = |scalar: &Tensor| candle_core::Result::Ok(f64::from(scalar.to_scalar::<f32>()?));
    let loss = value(&of_task)?;
    if !loss.is_finite() {
        return Err(TrainError::Loss { updates, trials: "a batch", loss });
    }
    let total = costs.iter().try_fold(of_task, |sum, cost| sum + cost)?;
    let costs = costs.iter().map(value).collect::<candle_core::Result<Vec<f64>>>()?;
    if let Some(index) = costs.iter().position(|cost| !cost.is_finite()) {
        return Err(TrainError::Cost { updates, index, cost: costs[index] });
    }
    let gradients = total.backward()?;
    let norm = adam.gradient_norm(&gradients)?;
    if !norm.is_finite() {
        let tensor = adam.not_finite(&gradients)?.unwrap_or("all parameters together");
        return Err(TrainError::NotFinite { updates, what: "the gradient of", tensor });
    }
    let scale = config.clip_norm.map_or(1.0, |limit| if norm > limit { limit / norm } else { 1.0 });
    adam.step(&gradients, place.learning_rate(config, updates), scale)?;
    Ok(Update { loss, costs, gradient_norm: norm })
}

/// Sets the parameters of the network.
fn restore(problem: &(impl Problem + ?Sized), parameters: &[Tensor]) -> candle_core::Result<()> {
    problem.variables().iter().zip(parameters).try_for_each(|((_, variable), tensor)| variable.set(tensor))
}

/// Sums of the losses and costs since the last evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Since {
    pub(crate) sum: f64,
    /// Sum of each regulariser's cost; empty before the first update.
    pub(crate) costs: Vec<f64>,
    pub(crate) count: u64,
}

impl Since {
    fn add(&mut self, loss: f64, costs: &[f64]) {
        self.sum += loss;
        self.costs.resize(costs.len(), 0.0);
        self.costs.iter_mut().zip(costs).for_each(|(sum, cost)| *sum += cost);
        self.count += 1;
    }

    /// Mean loss and costs; the sums start again.
    fn take(&mut self) -> (f64, Vec<f64>) {
        let Self { sum, costs, count } = std::mem::take(self);
        let mean = |sum: f64| sum / count.max(1) as f64;
        (mean(sum), costs.into_iter().map(mean).collect())
    }
}
