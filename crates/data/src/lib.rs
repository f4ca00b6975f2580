//! What a network is trained on: cognitive tasks, digits, encoders.

pub mod choice;
pub mod digits;
pub mod encode;
pub mod evaluation;
pub mod field;
pub mod score;
pub mod spikes;
pub mod tasks;
