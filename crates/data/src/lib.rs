//! What a network is trained on: cognitive tasks, digits, encoders, counter-based random streams.

pub mod random;
