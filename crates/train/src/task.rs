//! Training of a network on a cognitive task.

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

/// Number of trials shown during training.
const SHOWN_TRIALS: usize = 40;

/// A network, its task, and the streams of its trials and noise.
pub struct TaskProblem<'a, N> {
    /// The network in training.
    pub network: &'a N,
    /// The task.
    pub task: &'a dyn Task,
    /// Tasks of the stages before it.
    pub stages: Vec<&'a dyn Task>,
    /// Training section of the config.
    pub training: &'a TrainingConfig,
    /// Seed of all trials and noise.
    pub seed: u64,
}

impl<N: Network> TaskProblem<'_, N> {
    /// Some trials to show, and the noise on them: the first ones of the first evaluation.
    fn shown(&self) -> Result<(Trials, NoiseKey)> {
        let trials = self.draw(self.task, Purpose::ValidationTrial, 0, SHOWN_TRIALS)?;
        Ok((trials, NoiseKey { seed: self.seed, purpose: Purpose::ValidationNoise, index: 0 }))
    }

    /// Task of a stage.
    fn task(&self, stage: usize) -> &dyn Task {
        self.stages.get(stage).copied().unwrap_or(self.task)
    }

    fn draw(&self, task: &dyn Task, purpose: Purpose, first: u64, count: usize) -> Result<Trials> {
        task.draw(self.seed, purpose, first, count).map_err(candle_core::Error::wrap)
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
        let size = self.training.batch_size;
        let trials = self.draw(self.task(stage), Purpose::TrainingTrial, batch * size as u64, size)?;
        let key = NoiseKey { seed: self.seed, purpose: Purpose::TrainingNoise, index: update };
        let (loss, rates) = match self.training.needs_rates() {
            false => (self.run(&trials, key)?.1, None),
            true => {
                let input = Input::Signals(self.input(&trials)?);
                let (outputs, rates) = self.network.outputs_and_rates(&input, Readout::PerStep, key)?;
                (self.loss(&trials, &outputs)?, Some(rates))
            }
        };
        let costs = costs(&self.training.regularisers, self.network, rates.as_ref())?;
        Ok(BatchLoss { loss, costs })
    }

    fn evaluate(&self, stage: usize, round: u64) -> Result<Evaluation> {
        let count = self.training.evaluation_trials;
        let trials = self.draw(self.task(stage), Purpose::ValidationTrial, round * count as u64, count)?;
        let key = NoiseKey { seed: self.seed, purpose: Purpose::ValidationNoise, index: round };
        let (outputs, loss) = self.run(&trials, key)?;
        let some = self.input(&trials)?.narrow(1, 0, count.min(CONDITION_TRIALS))?;
        let condition = self.network.condition(&Input::Signals(some.contiguous()?), key)?;
        let correct = trials.evaluate(&outputs.flatten_all()?.to_vec1::<f32>()?, self.task(stage).rule_set());
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
        Ok(SampleOutputs::Outputs { task: self.task, trials, values })
    }
}
