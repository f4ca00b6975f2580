//! Inputs of networks and evaluation of answers: cognitive tasks, data sets of labelled examples, and spike encoding.
//!
//! ```
//! use mdl_data::tasks::{Program, RuleSet, Task};
//! use mdl_kernels::random::Purpose;
//!
//! let task = Program::built_in("go-nogo", Default::default())?;
//! let trials = task.draw(1, Purpose::TrainingTrial, 0, 8)?;
//! assert_eq!(trials.input.len(), task.steps() * 8 * task.channels());
//! // The target is a correct answer; silence is one on NoGo trials only.
//! assert_eq!(trials.evaluate(&trials.target, RuleSet::Published), [true; 8]);
//! let silence = vec![0.0; trials.target.len()];
//! for (correct, condition) in trials.evaluate(&silence, RuleSet::Published).iter().zip(&trials.condition) {
//!     assert_eq!(*correct, task.conditions()[*condition] == "NoGo");
//! }
//! # Ok::<(), mdl_data::tasks::TaskError>(())
//! ```

pub mod choice;
pub mod digits;
pub mod encode;
pub mod error;
pub mod evaluation;
pub mod events;
pub mod field;
pub mod files;
pub mod score;
pub mod spikes;
pub mod tasks;
