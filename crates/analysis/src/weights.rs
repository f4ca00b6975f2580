//! The effective recurrent weights of a network of any kind, for analyses of connections.

use crate::error::Error;
use crate::linear::dot;
use crate::modes::Modes;
use mdl_artifact::Artifact;
use mdl_model::rate::effective_weights;

/// W `[N, N]`, row = to: signs and masks applied, modes multiplied out.
///
/// # Errors
/// [`Error::Artifact`].
pub fn recurrent(artifact: &Artifact, units: usize) -> Result<Vec<f64>, Error> {
    let n = units;
    if let Some(modes) = Modes::of(artifact)? {
        let p = modes.count;
        let scored: Vec<f64> = modes.mode_in.iter().enumerate().map(|(k, x)| x * modes.score[k % p]).collect();
        let entry = |k: usize| dot(&scored[k / n * p..][..p], &modes.mode_out[k % n * p..][..p]);
        return Ok((0..n * n).map(entry).collect());
    }
    let sign = artifact.has("sign").then(|| artifact.values::<f32>("sign", &[n])).transpose()?;
    let mask = artifact.has("mask").then(|| artifact.values::<u8>("mask", &[n, n])).transpose()?;
    let mask: Option<Vec<f32>> = mask.map(|mask| mask.iter().map(|kept| f32::from(*kept)).collect());
    let effective = effective_weights(n, sign, mask.as_deref(), artifact.values::<f32>("w_rec", &[n, n])?);
    Ok(effective.into_iter().map(f64::from).collect())
}
