//! Coordinates in which the states of a network are shown: Ξ_outᵀ r of its most important modes, or the first principal
//! components of its rates.

use crate::error::Error;
use crate::importance::importance;
use crate::linear::{dot, symmetric_eigen};
use crate::modes::Modes;
use crate::moments::covariance;
use crate::subject::Subject;
use mdl_artifact::Artifact;

/// Coordinates cᵀ r − offset of rates r `[N]`.
#[derive(Clone, Debug)]
pub struct Plane {
    /// Directions c, at most three, `[D][N]`
    pub directions: Vec<Vec<f64>>,
    /// `[D]`
    pub offsets: Vec<f64>,
    /// Modes whose activities are the coordinates; empty for principal components.
    pub modes: Vec<usize>,
}

/// Number of coordinates.
const MOST: usize = 3;
/// Recorded states from which principal components are found, about.
const STATES: usize = 4000;

impl Plane {
    /// Coordinates of a network.
    ///
    /// # Errors
    /// [`Error::Artifact`], [`Error::Eigenvalues`].
    pub fn of<E: From<Error>>(subject: &dyn Subject<Error = E>) -> Result<Self, Error> {
        let artifact = subject.artifact();
        if let Some(modes) = Modes::of(artifact)? {
            let importance = importance(&modes);
            let mut order: Vec<usize> = (0..modes.count).collect();
            order.sort_by(|a, b| importance[*b].total_cmp(&importance[*a]));
            order.truncate(MOST);
            let directions = order.iter().map(|mode| modes.column_out(*mode)).collect();
            return Ok(Self { directions, offsets: vec![0.0; order.len()], modes: order });
        }
        let recording = subject.recording();
        let (mean, covariance) = covariance(recording, recording.trials * recording.times / STATES);
        let (_, vectors) = symmetric_eigen(mean.len(), &covariance)?;
        let directions: Vec<Vec<f64>> =
            vectors.chunks_exact(mean.len().max(1)).take(MOST).map(<[f64]>::to_vec).collect();
        let offsets = directions.iter().map(|direction| dot(direction, &mean)).collect();
        Ok(Self { directions, offsets, modes: Vec::new() })
    }

    /// Coordinates of rates `[N]`.
    pub fn at(&self, rates: &[f64]) -> Vec<f64> {
        self.directions.iter().zip(&self.offsets).map(|(direction, offset)| dot(direction, rates) - offset).collect()
    }

    /// Adds the modes of the coordinates to an artifact, if they are modes.
    pub fn write(&self, prefix: &str, artifact: &mut Artifact) {
        let modes: Vec<u32> = self.modes.iter().map(|mode| *mode as u32).collect();
        if !modes.is_empty() {
            artifact.insert(&format!("{prefix}mode"), &[modes.len()], modes);
        }
    }
}
