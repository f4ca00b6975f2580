//! Export of artifacts to files of other tools.
//!
//! | format | artifacts | content |
//! |---|---|---|
//! | `.mat` | rate and LIF networks | MATLAB version 5, in the layout of the published rate code: [`published`] |
//! | `.mat` | every other artifact | one variable per tensor |
//! | `.npz` | every artifact | one array per tensor, and its metadata as text: [`npz`] |
//! | `.nir` | LIF and spiking networks | a graph for simulators and neuromorphic chips: [`nir`] |

mod format;
pub mod mat;
pub mod nir;
pub mod npz;
pub mod published;

pub use format::Format;

use crate::{Error, Result};
use std::path::Path;

/// Every format.
pub const FORMATS: [&dyn Format; 3] = [&mat::Mat, &nir::Nir, &npz::Npz];

/// Format that belongs to the extension of a file name.
///
/// # Errors
/// [`Error::Unfit`] for any other extension.
pub fn format_of(path: &Path) -> Result<&'static dyn Format> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    FORMATS.into_iter().find(|format| ending == Some(format.ending())).ok_or_else(|| {
        let endings = FORMATS.map(|format| format!(".{}", format.ending()));
        let (last, others) = endings.split_last().expect("there are formats");
        let message = format!("expected a name that ends in {} or {last}", others.join(", "));
        Error::Unfit { path: path.into(), message }
    })
}
