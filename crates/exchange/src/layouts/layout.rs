//! Interface of a layout: the arrays of a file that make up a network.

use crate::mapping::Mapping;
use crate::options::{ImportOptions, Reading};
use crate::{Result, Variables};

/// A layout recognised by the names of its arrays.
pub trait Layout: Sync {
    /// Name of the layout, for messages.
    fn name(&self) -> &'static str;

    /// True if a file with arrays of these names has this layout.
    fn matches(&self, names: &[String]) -> bool;

    /// True if a network of this layout may need the array.
    fn wanted(&self, name: &str) -> bool;

    /// True if the array only records the training or similar information.
    fn is_record(&self, _name: &str) -> bool {
        false
    }

    /// Mapping from arrays to tensors; none for the layout of the published rate code, which a mapping cannot express.
    ///
    /// # Errors
    /// A missing or mismatched array; information that neither the file nor the options provide.
    fn mapping(
        &self,
        variables: &mut Variables,
        options: &ImportOptions,
        reading: &mut Reading,
    ) -> Result<Option<Mapping>>;
}

/// True if there is an array of this name.
pub(super) fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|n| n == name)
}
