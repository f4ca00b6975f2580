//! A reader of a file format.

use crate::variables::Contents;

/// A file format that is read: how it is recognised, and what is in a file of it.
///
/// Nothing in a file is trusted: a reader checks every size before it takes memory, and never panics.
pub trait Reader: Sync {
    /// Name of a file of this format with its article, for messages.
    fn name(&self) -> &'static str;

    /// Whether this is a file of the format, by its first bytes.
    fn matches(&self, bytes: &[u8]) -> bool;

    /// Lists every variable of the file, and gives the values of those whose names are `wanted`.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn read(&self, bytes: &[u8], wanted: &dyn Fn(&str) -> bool) -> Result<Contents, String>;
}
