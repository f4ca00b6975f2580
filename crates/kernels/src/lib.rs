//! Numerics of the networks: run-time choice of the vector unit, lanes of numbers, matrix products, counter-based
//! random streams.
//!
//! A random number is a function of seed, purpose and index. It does not depend on threads, on the order of draws, or
//! on the CPU:
//!
//! ```
//! use mdl_kernels::random::{Purpose, Stream, fill_normal};
//!
//! let mut trial = Stream::new(1, Purpose::TrainingTrial, 42);
//! let (side, offset) = (trial.below(2), trial.normal());
//! let mut again = Stream::new(1, Purpose::TrainingTrial, 42);
//! assert_eq!((again.below(2), again.normal()), (side, offset));
//!
//! let mut noise = [0f32; 256];
//! fill_normal(1, Purpose::TrainingNoise, 42, 0, 0.1, &mut noise);
//! assert!(noise.iter().all(|x| x.abs() < 1.0));
//! ```

pub mod dispatch;
pub mod lanes;
pub mod memory;
pub mod normal;
pub mod product;
pub mod random;
pub mod real;
pub mod transpose;
