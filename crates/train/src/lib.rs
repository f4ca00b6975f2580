//! The optimizer loop: losses, Adam, schedules, checkpoints, metrics.
//!
//! ```
//! use mdl_data::tasks::{Program, Task};
//! use mdl_model::rate::{network::RateNetwork, parameters::RateParameters};
//! use mdl_train::trainer::{State, train};
//! use mdl_train::{config::TrainingConfig, task::TaskProblem};
//! use std::ops::ControlFlow;
//!
//! let (task, seed) = (Program::built_in("go-nogo", Default::default())?, 1);
//! let config = serde_json::from_str(r#"{ "neurons": 20, "recurrence": { "kind": "dense" } }"#)?;
//! let parameters = RateParameters::draw(&config, 1, 1, seed);
//! let network = RateNetwork::new(&config, parameters, task.step_ms(), &candle_core::Device::Cpu)?;
//! let training = TrainingConfig { max_updates: 10, batch_size: 4, stop: None, ..TrainingConfig::default() };
//! let problem = TaskProblem::new(&network, &task, Vec::new(), &training, seed);
//! let start = State::new(&training, &problem)?;
//! let trained = train(&training, &problem, start, &mut |_| Ok(ControlFlow::Continue(())))?;
//! assert!(trained.updates == 10 && trained.kept.loss.is_finite());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod activity;
pub mod adam;
mod batches;
mod checkpoint;
pub mod config;
pub mod examples;
pub mod guard;
pub mod loss;
pub mod metrics;
pub mod mode_space;
pub mod network;
pub mod readout;
pub mod regulariser;
pub mod schedule;
pub mod stages;
pub mod task;
pub mod trainer;
