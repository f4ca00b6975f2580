//! The optimizer loop: losses, Adam, schedules, checkpoints, metrics.

pub mod activity;
pub mod adam;
mod checkpoint;
pub mod config;
pub mod digits;
pub mod guard;
pub mod loss;
pub mod metrics;
pub mod mode_space;
pub mod network;
pub mod schedule;
pub mod task;
pub mod trainer;
