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
//!
//! and, if it is calibrated,
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `scaling_factor_by_unit` | `[N]` | F64 | λ_i, which divides the outgoing weights of unit i in place of `scaling_factor`; absent if units are not calibrated |
//! | `bias_mv` | `[N]` | F64 | b_i, a current of unit i besides `lif.bias_mv` (mV); absent if units are not calibrated |
//! | `readout` | `[O, N]` | F64 | V, which takes the place of W_out and is divided by `scaling_factor`; absent if it is not fitted |
//! | `calibration.*` | `[V]` | | results of the versions of the network on the held-out trials, see [`write_calibration`] |

use crate::calibration::{Calibrated, Calibration, Units, Version};
use crate::conversion::Conversion;
use crate::error::Result;
use crate::lif::LifNetwork;
use crate::mapping::lif_network;
use crate::search::{Candidate, Fidelity, Found};
use mdl_artifact::{Array, Artifact, ArtifactError};
use mdl_model::rate::parameters::RateParameters;
use std::collections::BTreeMap;

/// LIF network of a `rate` or `lif` artifact as converted, without calibration, with the recurrent weights selected in the
/// config.
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

/// LIF network of a `lif` artifact, calibrated if it is, with the recurrent weights selected in the config.
///
/// # Errors
/// A tensor that is missing or does not match the config; a tanh network.
pub fn read_calibrated(artifact: &Artifact, conversion: &Conversion) -> Result<LifNetwork> {
    let network = read_network(artifact, conversion)?;
    let calibration = read_calibration(artifact, network.units, network.outputs)?;
    calibration.apply(network, read_scaling_factor(artifact)?)
}

/// Tensors of the rate network in a `rate` or `lif` artifact: all except those added by a search and a calibration.
pub fn rate_tensors(artifact: &Artifact) -> BTreeMap<String, Array> {
    let of_search =
        |name: &str| ["scaling_factor", "predicted_scaling_factor"].contains(&name) || name.starts_with("search.");
    let mut kept = converted_tensors(artifact);
    kept.retain(|name, _| !of_search(name));
    kept
}

/// Tensors of a `lif` artifact except those added by a calibration.
pub fn converted_tensors(artifact: &Artifact) -> BTreeMap<String, Array> {
    let of_calibration = |name: &str| CALIBRATED.contains(&name) || name.starts_with("calibration.");
    let kept = artifact.tensors.iter().filter(|(name, _)| !of_calibration(name));
    kept.map(|(name, array)| (name.clone(), array.clone())).collect()
}

/// Tensors by which a calibrated network differs.
pub const CALIBRATED: [&str; 3] = ["scaling_factor_by_unit", "bias_mv", "readout"];

/// Calibration of a `lif` artifact; one without effect if it has none.
///
/// # Errors
/// A tensor that does not match the network, or a factor that is not positive.
pub fn read_calibration(
    artifact: &Artifact,
    units: usize,
    outputs: usize,
) -> std::result::Result<Calibration, ArtifactError> {
    let [factors, biases, readout] = CALIBRATED;
    let values = |name: &str, shape: &[usize]| artifact.values::<f64>(name, shape).map(<[f64]>::to_vec);
    let mut calibration = Calibration::default();
    // Each needs the other.
    if artifact.has(factors) || artifact.has(biases) {
        let (scaling_factor, bias_mv) = (values(factors, &[units])?, values(biases, &[units])?);
        if let Some(wrong) = scaling_factor.iter().find(|factor| **factor <= 0.0) {
            return Err(artifact.tensor_error(factors, wrong.to_string(), "numbers above 0".into()));
        }
        calibration.units = Some(Units { scaling_factor, bias_mv });
    }
    if artifact.has(readout) {
        calibration.readout = Some(values(readout, &[outputs, units])?);
    }
    Ok(calibration)
}

/// Adds a calibration, and the results of all versions of the network on the held-out trials:
///
/// | tensor | shape | type | content |
/// |---|---|---|---|
/// | `calibration.chosen` | `[1]` | U32 | number of the chosen version, 0 for the network as converted |
/// | `calibration.trials` | `[V]` | U32 | held-out trials |
/// | `calibration.correct` | `[V]` | U32 | those answered correctly |
/// | `calibration.correct_strict` | `[V]` | U32 | those answered correctly under the strict rules; absent where these are the same |
/// | `calibration.output_error` | `[V]` | F64 | mean squared error of the outputs to the target; absent if none counts |
/// | `calibration.rate_network_error` | `[V]` | F64 | the same to the outputs of the rate network |
/// | `calibration.rate_hz` | `[V]` | F64 | mean firing rate of the units (Hz) |
/// | `calibration.ridge` | `[V]` | F64 | strength of the penalty; 0 where the output weights are those of the conversion |
pub fn write_calibration(calibrated: &Calibrated, artifact: &mut Artifact) {
    let Calibrated { calibration, versions, chosen } = calibrated;
    let (shape, [factors, biases, readout]) = ([versions.len()], CALIBRATED);
    if let Some(units) = &calibration.units {
        let n = [units.bias_mv.len()];
        artifact.insert(factors, &n, units.scaling_factor.clone());
        artifact.insert(biases, &n, units.bias_mv.clone());
    }
    if let (Some(values), Ok([outputs, units])) = (&calibration.readout, artifact.shape::<2>("w_out")) {
        artifact.insert(readout, &[outputs, units], values.clone());
    }
    artifact.insert("calibration.chosen", &[1], vec![*chosen as u32]);
    artifact.insert("calibration.trials", &shape, versions.iter().map(|v| v.score().trials).collect());
    artifact.insert("calibration.correct", &shape, versions.iter().map(|v| v.score().correct).collect());
    let strict: Option<Vec<u32>> = versions.iter().map(|v| v.strict_score().map(|score| score.correct)).collect();
    if let Some(strict) = strict {
        artifact.insert("calibration.correct_strict", &shape, strict);
    }
    type Number = fn(&Version) -> f64;
    let numbers: [(&str, Number); 4] = [
        ("output_error", |v| v.output_error),
        ("rate_network_error", |v| v.rate_network_error),
        ("rate_hz", |v| v.rate_hz),
        ("ridge", |v| v.ridge.unwrap_or(0.0)),
    ];
    for (name, number) in numbers {
        let values: Vec<f64> = versions.iter().map(number).collect();
        if values.iter().all(|value| value.is_finite()) {
            artifact.insert(&format!("calibration.{name}"), &shape, values);
        }
    }
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
