//! Layouts of networks in files of other tools, one file each, and the list of them.

mod layout;
pub mod mode_network;
pub mod psychrnn;
pub mod published;
pub mod same_names;

pub use layout::Layout;

/// Every layout; the first that matches is taken.
pub const LAYOUTS: [&dyn Layout; 4] =
    [&published::PublishedRate, &mode_network::ModeNetwork, &psychrnn::PsychRnn, &same_names::SameNames];

/// The layout of a file that holds arrays of these names.
pub fn layout_of(names: &[String]) -> Option<&'static dyn Layout> {
    LAYOUTS.into_iter().find(|layout| layout.matches(names))
}
