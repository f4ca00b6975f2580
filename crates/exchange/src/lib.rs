//! Networks of other tools.
//!
//! A foreign file is read into [`Variables`], named arrays and text, by the reader of its format: [`mat`] (MATLAB). What the
//! names mean is then the business of [`published`]: rate and LIF networks in the layout of Kim, Li & Sejnowski (2019).
//!
//! Nothing in a foreign file is trusted: every size is checked before memory is taken for it, and what unpacks is bounded.

pub mod error;
pub mod mat;
pub mod published;
pub mod variables;

pub use error::{Error, Result, with_status};
pub use variables::{Content, Variable, Variables};
