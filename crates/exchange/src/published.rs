//! Networks in the layout of the published rate code (Kim, Li & Sejnowski 2019), one `.mat` file a network.
//!
//! | variable | shape | what |
//! |---|---|---|
//! | `w` | N×N | recurrent weights, row = to; without a sign under Dale's principle |
//! | `m`, `som_m` | N×N | diagonal of signs; 0 where a connection is forbidden |
//! | `w_in`, `w_out`, `b_out` | N×K, O×N, O | input weights, readout |
//! | `taus`, `taus_gaus` | 2 (or 1), N | bounds of the time constants in steps of 5 ms; τ = sigmoid(taus_gaus)(max − min) + min |
//! | `activation` | text | `sigmoid`, `softplus`, `clipped_relu` |
//! | `u` | K×T | an input, which tells the steps of a trial |
//! | `opt_scaling_factor` | 1 | the scaling factor, once it was searched: the file is then a LIF network |

use crate::wishes::check_task;
use crate::{Error, Result, Variables, Wishes};
use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_experiment::Experiment;
use mdl_model::NetworkConfig;
use mdl_model::rate::config::RateConfig;
use mdl_model::rate::parameters::{RateParameters, RecurrentWeights};
use serde_json::{Value, json};

/// Duration of a step of the published networks (ms).
pub const STEP_MS: f64 = 5.0;

/// Whether a network of this layout needs the variable.
pub fn wanted(name: &str) -> bool {
    let names =
        ["w", "m", "som_m", "w_in", "w_out", "b_out", "taus", "taus_gaus", "activation", "u", "opt_scaling_factor"];
    names.contains(&name)
}

/// The experiment that a network belongs to.
///
/// # Errors
/// A variable that is missing or does not fit; a task that cannot be told; overrides that cannot be run.
pub fn experiment(variables: &Variables, wishes: &Wishes) -> Result<Experiment> {
    let ([neurons, channels], [outputs, _]) = (variables.matrix_shape("w_in")?, variables.matrix_shape("w_out")?);
    let time_constants = match variables.flat("taus")? {
        [steps] => json!({ "kind": "fixed", "ms": steps * STEP_MS }),
        [min, max] => json!({ "kind": "trained", "min_ms": min * STEP_MS, "max_ms": max * STEP_MS }),
        other => return Err(variables.error("taus", format!("{} numbers", other.len()), "1 or 2")),
    };
    let activation = match variables.text("activation")? {
        name @ ("sigmoid" | "softplus" | "relu" | "tanh") => name,
        "clipped_relu" => "relu",
        other => return Err(variables.error("activation", format!("{other:?}"), "sigmoid, softplus or clipped_relu")),
    };
    let config = json!({
        "name": wishes.name,
        "task": task(variables, wishes, channels)?,
        "network": {
            "kind": "rate",
            "neurons": neurons,
            "recurrence": { "kind": "dense", "dale": dale(variables, neurons)? },
            "activation": activation,
            "time_constants": time_constants,
            "output_bias": variables.has("b_out"),
        },
    });
    let experiment = Experiment::from_json(config, wishes.set, wishes.seed, &variables.path.display().to_string())?;
    check_task(&experiment, &variables.path, channels, outputs)?;
    Ok(experiment)
}

/// The task section: its name, and the steps of `u` where there is one.
fn task(variables: &Variables, wishes: &Wishes, channels: usize) -> Result<Value> {
    let mut task = json!({ "kind": wishes.task(channels, &variables.path)?, "step_ms": STEP_MS });
    if variables.has("u") {
        task["steps"] = json!(variables.matrix_shape("u")?[1]);
    }
    Ok(task)
}

/// Under Dale's principle no stored weight is below zero: the signs stand in `m`.
fn dale(variables: &Variables, neurons: usize) -> Result<bool> {
    Ok(variables.numbers("w", &[neurons, neurons])?.iter().all(|w| *w >= 0.0))
}

/// The parameters of a network.
fn parameters(variables: &Variables, config: &RateConfig) -> Result<RateParameters> {
    let n = config.neurons;
    let ([_, channels], [outputs, _]) = (variables.matrix_shape("w_in")?, variables.matrix_shape("w_out")?);
    let mut w_rec = variables.singles("w", &[n, n])?;
    let m = variables.numbers("m", &[n, n])?;
    if let Some(at) = (0..n * n).find(|at| m[*at].abs() != f64::from(u8::from(at / n == at % n))) {
        return Err(variables.error(
            "m",
            format!("{} at row {}, column {}", m[at], at / n, at % n),
            "±1 on the diagonal",
        ));
    }
    let sign: Vec<f32> = (0..n).map(|j| m[j * n + j] as f32).collect();
    let dale = dale(variables, n)?;
    if !dale {
        w_rec.iter_mut().enumerate().for_each(|(at, w)| *w *= sign[at % n]);
    }
    let mask = if variables.has("som_m") { Some(mask(variables, n)?) } else { None };
    let b_out = if variables.has("b_out") { Some(variables.singles("b_out", &[outputs, 1])?) } else { None };
    let theta = if variables.flat("taus")?.len() == 2 { Some(variables.singles("taus_gaus", &[n, 1])?) } else { None };
    Ok(RateParameters {
        neurons: n,
        channels,
        outputs,
        w_in: variables.singles("w_in", &[n, channels])?,
        recurrent: RecurrentWeights::Dense {
            w_rec,
            sign: dale.then_some(sign),
            mask: mask.filter(|mask| mask.contains(&0)),
        },
        theta,
        w_out: variables.singles("w_out", &[outputs, n])?,
        b_out,
    })
}

fn mask(variables: &Variables, n: usize) -> Result<Vec<u8>> {
    let flag = |x: &f64| match *x {
        0.0 => Ok(0),
        1.0 => Ok(1),
        other => Err(variables.error("som_m", other, "0 or 1")),
    };
    variables.numbers("som_m", &[n, n])?.iter().map(flag).collect()
}

/// The scaling factor, if the file holds one: while a search runs, the published code stores NaN.
fn scaling_factor(variables: &Variables) -> Result<Option<f64>> {
    if !variables.has("opt_scaling_factor") {
        return Ok(None);
    }
    match variables.flat("opt_scaling_factor") {
        Ok([factor]) if *factor > 0.0 => Ok(Some(*factor)),
        Ok(_) => Err(variables.error("opt_scaling_factor", "another value", "one number above 0")),
        Err(error) => Err(error),
    }
}

/// The artifact of a network: `lif` with a scaling factor, `rate` without.
///
/// # Errors
/// A variable that is missing or does not fit.
pub fn artifact(variables: &Variables, experiment: &Experiment, provenance: Provenance) -> Result<Artifact> {
    let NetworkConfig::Rate(config) = &experiment.network else {
        let message = "holds a rate network; network.kind was overridden".into();
        return Err(Error::Undecided { path: variables.path.clone(), message });
    };
    let parameters = parameters(variables, config)?;
    let factor = scaling_factor(variables)?;
    let kind = if factor.is_some() { Kind::Lif } else { Kind::Rate };
    let mut artifact = Artifact::new(kind, experiment.to_json(), provenance);
    parameters.write(&mut artifact, "");
    artifact.insert("tau_ms", &[config.neurons], parameters.tau_ms(config));
    if let Some(factor) = factor {
        artifact.insert("scaling_factor", &[1], vec![factor]);
    }
    // What the overrides left of the config must still fit the tensors.
    RateParameters::read(&artifact, config, "").map_err(|error| Error::Undecided {
        path: variables.path.clone(),
        message: format!("does not fit its config: {}", error.without_path()),
    })?;
    Ok(artifact)
}
