//! Layouts of networks in files of other tools, one per file, and the list of layouts.

mod layout;
pub mod mode_network;
pub mod nir;
pub mod psychrnn;
pub mod published;
pub mod same_names;

pub use layout::Layout;

/// Every layout; the first match is used.
pub const LAYOUTS: [&dyn Layout; 5] =
    [&nir::Nir, &published::PublishedRate, &mode_network::ModeNetwork, &psychrnn::PsychRnn, &same_names::SameNames];

/// Layout of a file with arrays of these names.
pub fn layout_of(names: &[String]) -> Option<&'static dyn Layout> {
    LAYOUTS.into_iter().find(|layout| layout.matches(names))
}
