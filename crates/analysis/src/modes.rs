//! The modes of a network in double precision.

use crate::error::Error;
use mdl_artifact::Artifact;

/// Modes of a network in double precision.
#[derive(Clone, Debug)]
pub struct Modes {
    /// Number of modes P.
    pub count: usize,
    /// Ξ_in `[N, P]`
    pub mode_in: Vec<f64>,
    /// λ `[P]`
    pub score: Vec<f64>,
    /// Ξ_out `[N, P]`
    pub mode_out: Vec<f64>,
}

impl Modes {
    /// Modes of an artifact; none of a network without modes.
    ///
    /// # Errors
    /// [`Error::Artifact`].
    pub fn of(artifact: &Artifact) -> Result<Option<Self>, Error> {
        if !artifact.has("score") {
            return Ok(None);
        }
        let [count] = artifact.shape::<1>("score")?;
        let [units, _] = artifact.shape::<2>("mode_in")?;
        let values = |name: &str, shape: &[usize]| -> Result<Vec<f64>, Error> {
            Ok(artifact.values::<f32>(name, shape)?.iter().map(|x| f64::from(*x)).collect())
        };
        let (mode_in, mode_out) = (values("mode_in", &[units, count])?, values("mode_out", &[units, count])?);
        Ok(Some(Self { count, mode_in, score: values("score", &[count])?, mode_out }))
    }

    /// Column of Ξ_out `[N]`.
    pub fn column_out(&self, mode: usize) -> Vec<f64> {
        self.mode_out.iter().skip(mode).step_by(self.count).copied().collect()
    }

    /// Column of Ξ_in `[N]`.
    pub fn column_in(&self, mode: usize) -> Vec<f64> {
        self.mode_in.iter().skip(mode).step_by(self.count).copied().collect()
    }
}
