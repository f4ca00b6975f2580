//! Stages of a training run: easier tasks before the task itself.
//!
//! Every stage is a training run of its own in its stopping rule, number of updates and schedule of the learning rate, which
//! count from its first update. Parameters and moments go on from stage to stage.

use crate::config::{StopRule, TrainingConfig};
use crate::schedule::learning_rate;

/// Stage that a training run is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Index of the stage; that of the task itself follows those of `training.stages`.
    pub stage: usize,
    /// Updates before the stage.
    pub begin: u64,
    /// Evaluations before the stage.
    pub first_row: usize,
}

/// Consequence of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The stage goes on.
    Same,
    /// The next stage begins.
    Stage(Place),
    /// Training ends; true if the stopping rule was met, none without a rule.
    End(Option<bool>),
}

impl Place {
    /// Stopping rule of the stage.
    fn stop(self, config: &TrainingConfig) -> Option<StopRule> {
        config.stages.get(self.stage).and_then(|stage| stage.stop).or(config.stop)
    }

    /// Maximum number of updates of the stage.
    pub fn max_updates(self, config: &TrainingConfig) -> u64 {
        config.stages.get(self.stage).and_then(|stage| stage.max_updates).unwrap_or(config.max_updates)
    }

    /// Learning rate of update `update`, counted from 0 over all stages.
    pub fn learning_rate(self, config: &TrainingConfig, update: u64) -> f64 {
        learning_rate(config, update - self.begin, self.max_updates(config))
    }

    /// Number of updates before the first evaluation after `updates`.
    pub fn next_evaluation(self, config: &TrainingConfig, updates: u64) -> u64 {
        let regular = ((updates - self.begin) / config.evaluate_every + 1).saturating_mul(config.evaluate_every);
        self.begin.saturating_add(regular.min(self.max_updates(config)))
    }

    /// Consequence of evaluation `row`, after `updates` updates.
    pub fn after(self, config: &TrainingConfig, row: usize, updates: u64, loss: f64, performance: f64) -> Next {
        let in_stage = updates - self.begin;
        let success = self.stop(config).map(|stop| {
            loss < stop.loss_below && performance > stop.performance_above && in_stage >= stop.not_before_update
        });
        let ended = in_stage == self.max_updates(config);
        match (success, ended) {
            (Some(true), _) | (None, true) if self.stage < config.stages.len() => {
                Next::Stage(Self { stage: self.stage + 1, begin: updates, first_row: row + 1 })
            }
            (Some(true), _) | (_, true) => Next::End(success),
            _ => Next::Same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Stage;

    fn config(stop: bool) -> TrainingConfig {
        let rule = StopRule { loss_below: 1.0, performance_above: 0.5, not_before_update: 10 };
        let stage = |max_updates| Stage { parameters: Default::default(), stop: None, max_updates };
        let stages = vec![stage(Some(25)), stage(None)];
        let stop = stop.then_some(rule);
        TrainingConfig { max_updates: 40, evaluate_every: 10, stop, stages, ..TrainingConfig::default() }
    }

    #[test]
    fn evaluations_follow_each_other_from_the_beginning_of_a_stage() {
        let (config, first) = (config(true), Place::default());
        assert_eq!([0, 10, 19, 20].map(|updates| first.next_evaluation(&config, updates)), [10, 20, 20, 25]);
        let second = Place { stage: 1, begin: 25, first_row: 3 };
        assert_eq!([25, 35, 60].map(|updates| second.next_evaluation(&config, updates)), [35, 45, 65]);
    }

    #[test]
    fn a_rule_that_is_met_ends_a_stage_and_one_that_is_missed_the_training() {
        let (config, first) = (config(true), Place::default());
        assert_eq!(first.after(&config, 0, 10, 2.0, 1.0), Next::Same);
        let second = Place { stage: 1, begin: 10, first_row: 1 };
        assert_eq!(first.after(&config, 0, 10, 0.5, 1.0), Next::Stage(second));
        assert_eq!(first.after(&config, 2, 25, 2.0, 1.0), Next::End(Some(false)));
        let last = Place { stage: 2, begin: 20, first_row: 2 };
        assert_eq!(second.after(&config, 1, 20, 0.5, 1.0), Next::Stage(last));
        assert_eq!(last.after(&config, 2, 25, 0.5, 1.0), Next::Same, "not before its update 10");
        assert_eq!(last.after(&config, 3, 30, 0.5, 1.0), Next::End(Some(true)));
        assert_eq!(last.after(&config, 5, 60, 2.0, 1.0), Next::End(Some(false)));
    }

    #[test]
    fn a_stage_without_a_rule_lasts_for_its_updates() {
        let (config, first) = (config(false), Place::default());
        assert_eq!(first.after(&config, 0, 10, 0.0, 1.0), Next::Same);
        assert_eq!(first.after(&config, 2, 25, 9.0, 0.0), Next::Stage(Place { stage: 1, begin: 25, first_row: 3 }));
        assert_eq!(Place { stage: 2, begin: 50, first_row: 9 }.after(&config, 12, 90, 0.0, 1.0), Next::End(None));
    }
}
