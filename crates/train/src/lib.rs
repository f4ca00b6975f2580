//! The optimizer loop: losses, Adam, metrics, and the programs train-rate, train-spiking and eval-spiking.

pub mod activity;
pub mod adam;
mod checkpoint;
pub mod digits;
pub mod guard;
pub mod loss;
pub mod metrics;
pub mod mode_space;
pub mod network;
pub mod program;
pub mod schedule;
pub mod task;
pub mod tensorboard;
pub mod trainer;
