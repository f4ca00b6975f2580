//! Data sets of recorded events: each example is a list of spikes (time, unit), from files of other laboratories.
//!
//! ```text
//! k = channel(unit)      s = ⌊t / dt⌋      x_s[k] = 1 if at least one event falls there, s < T
//! ```
//!
//! [`Events`] stores the events of many examples in 4 bytes each, and [`Shown`] turns them into the sparse input of a
//! network. [`heidelberg`] reads the files of the Spiking Heidelberg Digits and the Spiking Speech Commands, [`camera`] those
//! of N-MNIST and DVS128 Gesture.

mod augment;
pub mod camera;
mod hdf5;
pub mod heidelberg;
mod shown;
mod store;
pub mod synthetic;

pub use augment::{Augmentation, CameraAugmentation, Change, SpeechAugmentation};
pub use shown::Shown;
pub use store::{Clock, Events, MOST_STEPS};
