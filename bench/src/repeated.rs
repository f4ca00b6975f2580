//! A task whose batches are all the same, so that drawing costs nothing.

use mdl_data::tasks::{RuleSet, Task, TaskError, Trials};
use mdl_kernels::random::Purpose;

/// A batch of a task, given out again and again.
pub struct Repeated<'a> {
    task: &'a dyn Task,
    batch: Trials,
}

impl<'a> Repeated<'a> {
    /// Draws the batch.
    pub fn new(task: &'a dyn Task, seed: u64, size: usize) -> Result<Self, TaskError> {
        Ok(Self { task, batch: task.draw(seed, Purpose::TrainingTrial, 0, size)? })
    }
}

impl Task for Repeated<'_> {
    fn inputs(&self) -> &[String] {
        self.task.inputs()
    }

    fn output_names(&self) -> &[String] {
        self.task.output_names()
    }

    fn steps(&self) -> usize {
        self.task.steps()
    }

    fn step_ms(&self) -> f64 {
        self.task.step_ms()
    }

    fn conditions(&self) -> &[String] {
        self.task.conditions()
    }

    fn rule_set(&self) -> RuleSet {
        self.task.rule_set()
    }

    fn draw(&self, seed: u64, purpose: Purpose, first: u64, count: usize) -> Result<Trials, TaskError> {
        match purpose {
            Purpose::TrainingTrial => Ok(self.batch.clone()),
            _ => self.task.draw(seed, purpose, first, count),
        }
    }

    fn examples(&self) -> &Trials {
        self.task.examples()
    }
}
