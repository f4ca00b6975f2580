//! Images in the format of MNIST: MNIST, Fashion-MNIST, and any other files of 28 × 28 bytes with labels 0 … 9.
//!
//! [`ImageFiles`] finds and reads them; the kinds of task determine how a network sees them.

mod augment;
mod collections;
pub mod idx;
mod images;

pub use augment::Augmentation;
pub use collections::{Dataset, FASHION_MNIST, MNIST, TEST_IMAGES, TRAINING_IMAGES};
pub use images::{ImageFiles, Images};
