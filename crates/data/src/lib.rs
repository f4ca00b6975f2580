//! What a network is trained on: cognitive tasks, digits, encoders, counter-based random streams.

pub mod digits;
pub mod encode;
pub mod field;
pub mod random;
pub mod score;
pub mod simd;
pub mod spikes;
pub mod tasks;
