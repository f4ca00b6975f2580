//! Interface of a reader of a file format.

use super::contents::Contents;

/// A supported file format: how to recognise and read it.
///
/// Files are not trusted: a reader checks every size before it allocates memory, and never panics.
pub trait Reader: Sync {
    /// Name of a file of this format with its article, for messages.
    fn name(&self) -> &'static str;

    /// True if the first bytes are those of this format.
    fn matches(&self, bytes: &[u8]) -> bool;

    /// Lists every variable of the file, with the values of those whose names are `wanted`.
    ///
    /// # Errors
    /// Description of the fault in the file.
    fn read(&self, bytes: &[u8], wanted: &dyn Fn(&str) -> bool) -> Result<Contents, String>;
}
