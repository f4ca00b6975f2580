//! Training of a network on a cognitive task.

use crate::batches::{Batch, Batches, Source};
use crate::config::TrainingConfig;
use crate::guard::CONDITION_TRIALS;
use crate::loss::sequence_loss;
use crate::network::Network;
use crate::regulariser::costs;
use crate::trainer::{BatchLoss, Evaluation, Problem, SampleOutputs};
use candle_core::{Device, Result, Tensor, Var};
use mdl_data::tasks::{Task, Trials};
use mdl_kernels::random::Purpose;
use mdl_model::rate::network::NoiseKey;
use mdl_model::readout::Readout;
use mdl_model::spiking::Input;
use std::thread::Scope;
use std::time::Duration;

/// Number of trials shown during training.
const SHOWN_TRIALS: usize = 40;

/// A network, its task, and the streams of its trials and noise.
pub struct TaskProblem<'a, N> {
    network: &'a N,
    source: Source<'a>,
    training: &'a TrainingConfig,
    batches: Batches<'a>,
}

impl<'a, N: Network> TaskProblem<'a, N> {
    /// A network to be trained on `task`, after the tasks of the `stages` before it, as the section `training` of a config
    /// says; `seed` is that of all trials and noise.
    pub fn new(
        network: &'a N,
        task: &'a dyn Task,
        stages: Vec<&'a dyn Task>,
        training: &'a TrainingConfig,
        seed: u64,
    ) -> Self {
        let source = Source { stages, task, seed, size: training.batch_size };
        Self { network, batches: Batches::new(source.clone()), source, training }
    }

    /// Draws each batch of training trials on a thread of the scope, while the network is updated on the batch before. The
    /// trials are the same.
    pub fn drawing_ahead<'scope>(self, scope: &'scope Scope<'scope, '_>) -> Self
    where
        'a: 'scope,
    {
        self.batches.draw_ahead(scope);
        self
    }

    /// Time that updates have waited for their trials so far: what drawing costs a training.
    pub fn waited(&self) -> Duration {
        self.batches.waited()
    }

    /// Some trials to show, and the noise on them: the first ones of the first evaluation.
    fn shown(&self) -> Result<(Trials, NoiseKey)> {
        let trials = self.draw(self.source.task, 0, SHOWN_TRIALS)?;
        Ok((trials, NoiseKey { seed: self.source.seed, purpose: Purpose::ValidationNoise, index: 0 }))
    }

    /// Draws trials to evaluate on.
    fn draw(&self, task: &dyn Task, first: u64, count: usize) -> Result<Trials> {
        task.draw(self.source.seed, Purpose::ValidationTrial, first, count).map_err(candle_core::Error::wrap)
    }

    /// Runs trials and returns outputs and their loss, both over the steps of the response.
    fn run(&self, trials: &Trials, key: NoiseKey) -> Result<(Tensor, Tensor)> {
        let outputs = self.network.outputs(&self.input(trials)?, key)?;
        let loss = self.loss(trials, &outputs)?;
        Ok((outputs, loss))
    }

    fn input(&self, trials: &Trials) -> Result<Tensor> {
        tensor_of(&trials.input, trials, trials.channels, &self.network.device())
    }

    /// Loss of outputs over the steps of the response.
    fn loss(&self, trials: &Trials, outputs: &Tensor) -> Result<Tensor> {
        let device = self.network.device();
        let targets = tensor_of(&trials.target, trials, trials.outputs, &device)?;
        let first = self.network.first_answer();
        let counted = |t: &Tensor| t.narrow(0, first, trials.steps - first);
        let weights = match trials.weight.is_empty() {
            true => None,
            false => Some(counted(&tensor_of(&trials.weight, trials, trials.outputs, &device)?)?),
        };
        sequence_loss(self.training.loss, &counted(outputs)?, &counted(&targets)?, weights.as_ref())
    }
}

/// Values of every step and trial as a tensor `[T, B, width]`.
fn tensor_of(values: &[f32], trials: &Trials, width: usize, device: &Device) -> Result<Tensor> {
    Tensor::from_slice(values, (trials.steps, trials.count, width), device)
}

impl<N: Network> Problem for TaskProblem<'_, N> {
    fn variables(&self) -> Vec<(&'static str, &Var)> {
        self.network.variables()
    }

    fn hints(&self) -> [&'static str; 2] {
        self.network.hints()
    }

    fn batch_loss(&self, stage: usize, batch: u64, update: u64) -> Result<BatchLoss> {
        let key = NoiseKey { seed: self.source.seed, purpose: Purpose::TrainingNoise, index: update };
        let last_use = (update + 1).is_multiple_of(self.training.updates_per_batch);
        let (loss, rates) = self.batches.with(Batch { stage, number: batch }, last_use, |trials| {
            if !self.training.needs_rates() {
                return Ok((self.run(trials, key)?.1, None));
            }
            let input = Input::Signals(self.input(trials)?);
            let (outputs, rates) = self.network.outputs_and_rates(&input, Readout::PerStep, key)?;
            Ok((self.loss(trials, &outputs)?, Some(rates)))
        })?;
        let costs = costs(&self.training.regularisers, self.network, rates.as_ref())?;
        Ok(BatchLoss { loss, costs })
    }

    fn evaluate(&self, stage: usize, round: u64) -> Result<Evaluation> {
        let count = self.training.evaluation_trials;
        let task = self.source.task(stage);
        let trials = self.draw(task, round * count as u64, count)?;
        let key = NoiseKey { seed: self.source.seed, purpose: Purpose::ValidationNoise, index: round };
        let (outputs, loss) = self.run(&trials, key)?;
        let some = self.input(&trials)?.narrow(1, 0, count.min(CONDITION_TRIALS))?;
        let condition = self.network.condition(&Input::Signals(some.contiguous()?), key)?;
        let correct = trials.evaluate(&outputs.flatten_all()?.to_vec1::<f32>()?, task.rule_set());
        Ok(Evaluation {
            loss: f64::from(loss.to_scalar::<f32>()?),
            performance: correct.iter().filter(|c| **c).count() as f64 / count as f64,
            condition,
        })
    }

    fn unit_rates(&self) -> Result<Vec<f32>> {
        let (trials, key) = self.shown()?;
        self.network.unit_rates(&Input::Signals(self.input(&trials)?), key)
    }

    fn sample_outputs(&self) -> Result<SampleOutputs<'_>> {
        let (trials, key) = self.shown()?;
        // [T, B, O] → [B, T, O]
        let outputs = self.run(&trials, key)?.0.transpose(0, 1)?.flatten_all()?.to_vec1::<f32>()?;
        let values = outputs.into_iter().map(f64::from).collect();
        Ok(SampleOutputs::Outputs { task: self.source.task, trials, values })
    }
}
