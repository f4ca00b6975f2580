//! LIF networks in artifacts.
//!
//! A `lif` artifact has all tensors of its rate artifact (so that `w_rec`, `sign`, `mask`, modes, `tau_ms`, `w_in`,
//! `w_out`, their `initial.*` and `history.*` have the same meaning in both), and
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `scaling_factor` | `[1]` | F64 | the chosen factor, by which W and W_out are divided in a run |
//! | `search.scaling_factor` | `[F]` | F64 | every factor tried, ascending |
//! | `search.trials`, `search.correct` | `[F]` | U32 | trials per factor, and those answered correctly |
//! | `predicted_scaling_factor` | `[1]` | F64 | middle of the plateau of the network in mean field; absent if it has none |
//! | `search.rate_hz` | `[F]` | F64 | mean firing rate of the units (Hz) |
//! | `search.output_error` | `[F]` | F64 | of a search by fidelity: mean squared error of the outputs; −1 where it has left the race |
//! | `search.beaten` | `[F]` | U8 | of a search by fidelity: 1 if the factor is worse than the best, trial by trial |

use crate::conversion::Conversion;
use crate::error::Result;
use crate::lif::LifNetwork;
use crate::mapping::lif_network;
use crate::search::{Candidate, Fidelity, Found};
use mdl_artifact::{Array, Artifact};
use mdl_model::rate::parameters::RateParameters;
use std::collections::BTreeMap;

/// LIF network of a `rate` or `lif` artifact, with the recurrent weights selected in the config.
///
/// # Errors
/// A tensor that is missing or does not match the config; a tanh network.
pub fn read_network(artifact: &Artifact, conversion: &Conversion) -> Result<LifNetwork> {
    let config = conversion.rate()?;
    let parameters = RateParameters::read(artifact, config, "")?;
    if conversion.lif.use_initial_weights {
        let initial = RateParameters::read(artifact, config, "initial.")?;
        return lif_network(config, &parameters, &initial.recurrent);
    }
    lif_network(config, &parameters, &parameters.recurrent)
}

/// Tensors of the rate network in a `rate` or `lif` artifact: all except those added by a search.
pub fn rate_tensors(artifact: &Artifact) -> BTreeMap<String, Array> {
    let of_search =
        |name: &str| ["scaling_factor", "predicted_scaling_factor"].contains(&name) || name.starts_with("search.");
    let kept = artifact.tensors.iter().filter(|(name, _)| !of_search(name));
    kept.map(|(name, array)| (name.clone(), array.clone())).collect()
}

/// Adds the results of a search, and the predicted factor.
pub fn write_search(found: &Found, predicted: Option<f64>, artifact: &mut Artifact) {
    if let Some(predicted) = predicted {
        artifact.insert("predicted_scaling_factor", &[1], vec![predicted]);
    }
    let c = &found.candidates;
    let shape = [c.len()];
    artifact.insert("scaling_factor", &[1], vec![found.chosen().scaling_factor]);
    artifact.insert("search.scaling_factor", &shape, c.iter().map(|c| c.scaling_factor).collect());
    artifact.insert("search.trials", &shape, c.iter().map(|c| c.trials).collect());
    artifact.insert("search.correct", &shape, c.iter().map(|c| c.correct).collect());
    artifact.insert("search.rate_hz", &shape, c.iter().map(|c| c.rate_hz).collect());
    if c.iter().any(|c| c.fidelity.is_some()) {
        let error = |c: &Candidate| c.fidelity.map_or(-1.0, |fidelity| fidelity.output_error);
        artifact.insert("search.output_error", &shape, c.iter().map(error).collect());
        let beaten = |c: &Candidate| u8::from(c.fidelity.is_none_or(|fidelity| fidelity.beaten));
        artifact.insert("search.beaten", &shape, c.iter().map(beaten).collect());
    }
}

/// Chosen factor of a `lif` artifact.
///
/// # Errors
/// A missing tensor, or a factor that is not positive.
pub fn read_scaling_factor(artifact: &Artifact) -> Result<f64> {
    let factor = artifact.values::<f64>("scaling_factor", &[1])?[0];
    if factor <= 0.0 {
        let expected = "a number above 0".to_string();
        return Err(artifact.tensor_error("scaling_factor", factor.to_string(), expected).into());
    }
    Ok(factor)
}

/// All factors tried in the search for a `lif` artifact.
///
/// # Errors
/// A tensor that is missing or does not match the others.
pub fn read_candidates(artifact: &Artifact) -> Result<Vec<Candidate>> {
    let shape = artifact.shape::<1>("search.scaling_factor")?;
    let factors = artifact.values::<f64>("search.scaling_factor", &shape)?;
    let (trials, correct) =
        (artifact.values::<u32>("search.trials", &shape)?, artifact.values::<u32>("search.correct", &shape)?);
    let rate_hz = artifact.values::<f64>("search.rate_hz", &shape)?;
    let fidelity = match artifact.has("search.output_error") {
        true => {
            let errors = artifact.values::<f64>("search.output_error", &shape)?;
            let beaten = artifact.values::<u8>("search.beaten", &shape)?;
            let of = |(error, beaten): (&f64, &u8)| {
                (*error >= 0.0).then_some(Fidelity { output_error: *error, beaten: *beaten != 0 })
            };
            errors.iter().zip(beaten).map(of).collect()
        }
        false => vec![None; shape[0]],
    };
    let candidate = |i: usize| Candidate {
        scaling_factor: factors[i],
        trials: trials[i],
        correct: correct[i],
        rate_hz: rate_hz[i],
        fidelity: fidelity[i],
    };
    Ok((0..shape[0]).map(candidate).collect())
}
