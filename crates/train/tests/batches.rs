//! Batches that are drawn ahead: the same training, each batch drawn once, on another thread.

use candle_core::Device;
use mdl_data::tasks::{Program, RuleSet, Task, TaskError, Trials};
use mdl_kernels::random::Purpose;
use mdl_model::rate::config::RateConfig;
use mdl_model::rate::network::RateNetwork;
use mdl_model::rate::parameters::RateParameters;
use mdl_train::config::{Stage, TrainingConfig};
use mdl_train::task::TaskProblem;
use mdl_train::trainer::{Event, Problem, State, train};
use serde_json::json;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::thread::{self, ThreadId};
use std::time::Duration;

const BATCH: usize = 3;

/// Go-NoGo, drawn slowly, with a record of the batches that were drawn and by whom.
struct Slow {
    task: Program,
    drawn: Mutex<Vec<(u64, ThreadId)>>,
    /// First trial of the batch that cannot be drawn.
    fails_at: Option<u64>,
}

impl Slow {
    fn new(fails_at: Option<u64>) -> Self {
        let parameters = json!({"trial_ms": 200, "stimulus_ms": [20, 120], "lif_response_from_ms": 120});
        let task = Program::built_in("go-nogo", parameters.as_object().unwrap().clone()).unwrap();
        Self { task, drawn: Mutex::default(), fails_at }
    }

    fn drawn(&self) -> Vec<(u64, ThreadId)> {
        self.drawn.lock().unwrap().clone()
    }
}

impl Task for Slow {
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
    fn examples(&self) -> &Trials {
        self.task.examples()
    }
    fn draw(&self, seed: u64, purpose: Purpose, first: u64, count: usize) -> Result<Trials, TaskError> {
        if purpose == Purpose::TrainingTrial {
            thread::sleep(Duration::from_millis(1));
            self.drawn.lock().unwrap().push((first / BATCH as u64, thread::current().id()));
            if self.fails_at == Some(first / BATCH as u64) {
                let parameters = json!({"go_probability": 2.0}).as_object().unwrap().clone();
                return Err(Program::built_in("go-nogo", parameters).err().unwrap());
            }
        }
        self.task.draw(seed, purpose, first, count)
    }
}

/// Losses of ten updates, in two stages of four and six, or the message of the error that ended them.
fn losses(first: &Slow, second: &Slow, updates_per_batch: u64, ahead: bool) -> Result<Vec<f64>, String> {
    let config: RateConfig = serde_json::from_value(json!({"neurons": 20, "recurrence": {"kind": "dense"}})).unwrap();
    let parameters = RateParameters::draw(&config, 1, 1, 3);
    let network = RateNetwork::new(&config, parameters, 5.0, &Device::Cpu).unwrap();
    let stage = |max_updates| Stage { parameters: Default::default(), stop: None, max_updates: Some(max_updates) };
    let training = TrainingConfig {
        batch_size: BATCH,
        updates_per_batch,
        evaluate_every: 2,
        evaluation_trials: 2,
        stop: None,
        max_updates: 6,
        stages: vec![stage(4)],
        ..TrainingConfig::default()
    };
    let mut losses = Vec::new();
    thread::scope(|scope| {
        let problem = TaskProblem::new(&network, second, vec![first as &dyn Task], &training, 5);
        let problem = if ahead { problem.drawing_ahead(scope) } else { problem };
        let state = State::new(&training, &problem).unwrap();
        let trained = train(&training, &problem as &dyn Problem, state, &mut |event| {
            if let Event::Updated { loss, .. } = event {
                losses.push(loss);
            }
            Ok(ControlFlow::Continue(()))
        });
        trained.map(drop).map_err(|error| error.to_string())
    })?;
    Ok(losses)
}

#[test]
fn batches_drawn_ahead_train_the_same_network() {
    for updates_per_batch in [1, 2, 3] {
        let [first, second] = [Slow::new(None), Slow::new(None)];
        let expected = losses(&first, &second, updates_per_batch, false).unwrap();
        assert_eq!(expected.len(), 10);
        let [early, late] = [Slow::new(None), Slow::new(None)];
        assert_eq!(losses(&early, &late, updates_per_batch, true).unwrap(), expected);
        for slow in [&first, &second] {
            assert!(slow.drawn().iter().all(|(_, by)| *by == thread::current().id()));
        }
        for (slow, all) in [(&early, &first), (&late, &second)] {
            let used: Vec<u64> = all.drawn().iter().map(|(batch, _)| *batch).collect();
            let drawn = slow.drawn();
            // At most one batch that is not used: the last one drawn ahead.
            assert_eq!(drawn[..used.len()].iter().map(|(batch, _)| *batch).collect::<Vec<_>>(), used);
            assert!(drawn.len() <= used.len() + 1, "{drawn:?}");
            // The first batch of a stage was not foreseen.
            let here = drawn.iter().filter(|(_, by)| *by == thread::current().id());
            assert_eq!(here.count(), 1, "{drawn:?}");
        }
    }
}

#[test]
fn a_batch_that_fails_ends_the_training_when_it_is_used() {
    let good = Slow::new(None);
    for fails_at in [0, 3, 7] {
        let [apart, ahead] = [false, true].map(|ahead| {
            let failing = Slow::new(Some(fails_at));
            losses(&failing, &failing, 1, ahead).unwrap_err()
        });
        assert_eq!(apart, ahead);
    }
    // The tenth batch would fail, but training ends before.
    let failing = Slow::new(Some(10));
    assert_eq!(losses(&good, &failing, 1, true).unwrap().len(), 10);
}
