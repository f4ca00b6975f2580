//! A layout: which arrays of a file make up a network.

use crate::mapping::Mapping;
use crate::options::{ImportOptions, Reading};
use crate::{Result, Variables};

/// A layout that is known by the names of its arrays.
pub trait Layout: Sync {
    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// Whether a file that holds arrays of these names has this layout.
    fn matches(&self, names: &[String]) -> bool;

    /// Whether a network of this layout may need the array.
    fn wanted(&self, name: &str) -> bool;

    /// Whether the array only records the training and the like.
    fn is_record(&self, _name: &str) -> bool {
        false
    }

    /// How the arrays become tensors; none for the layout of the published rate code, which no mapping can express.
    ///
    /// # Errors
    /// An array that is missing or does not fit; something that the file does not say and the options do not, either.
    fn mapping(
        &self,
        variables: &mut Variables,
        options: &ImportOptions,
        reading: &mut Reading,
    ) -> Result<Option<Mapping>>;
}

/// Whether there is an array of this name.
pub(super) fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|n| n == name)
}
