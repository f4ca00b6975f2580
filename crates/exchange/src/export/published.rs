//! Rate and LIF networks in the layout of the published rate code; [`crate::layouts`] lists its variables.
//!
//! The layout has steps of 5 ms and dense weights. Mode networks are multiplied out, W = Ξ_in diag(λ) Ξ_outᵀ. Under
//! Dale's principle `w` is relu(w_rec), the only part that has an effect. `u` and `target` of one trial serve as an
//! example of the task; the states of a trial (`x`, `r`, `o`) are not written.

use crate::layouts::published::STEP_MS;
use crate::mat::{Data, Matrix};
use crate::{Error, Result};
use mdl_artifact::{Artifact, Kind, Values};
use mdl_convert::lif::neurons::LifNeuron;
use mdl_convert::lif_artifact::CALIBRATED;
use mdl_data::tasks::Task;
use mdl_experiment::Experiment;
use mdl_kernels::random::Purpose;
use mdl_model::rate::Activation;
use mdl_model::rate::config::{Integration, RateConfig, RecurrenceConfig, TimeConstants};
use mdl_model::rate::parameters::{RateParameters, RecurrentWeights};
use std::path::Path;

type Variables = Vec<(String, Matrix)>;

/// Variables of a network.
///
/// # Errors
/// A missing or mismatched tensor; a network that the published code would run differently.
pub fn variables(
    artifact: &Artifact,
    experiment: &Experiment,
    config: &RateConfig,
    origin: &Path,
) -> Result<Variables> {
    refuse_other_dynamics(artifact, experiment, config, origin)?;
    let parameters = RateParameters::read(artifact, config, "")?;
    let mut variables = Variables::new();
    let mut put = |name: &str, matrix: Matrix| variables.push((name.into(), matrix));
    weights(&parameters, "", &mut put);
    if artifact.has("initial.w_in") {
        weights(&RateParameters::read(artifact, config, "initial.")?, "0", &mut put);
    }
    units(&parameters, config, &mut put);
    put("w_out", single(&[parameters.outputs, parameters.neurons], &parameters.w_out));
    if let Some(b_out) = &parameters.b_out {
        put("b_out", single(&[parameters.outputs, 1], b_out));
    }
    let bounds = match config.time_constants {
        TimeConstants::Trained { min_ms, max_ms } => vec![min_ms / STEP_MS, max_ms / STEP_MS],
        TimeConstants::Fixed { ms } => vec![ms / STEP_MS],
    };
    put("taus", Matrix::numbers(&[1, bounds.len()], Values::F64(bounds)));
    put("activation", Matrix::text(activation(config.activation)));
    if let Ok(task) = experiment.task.task() {
        example(task, experiment.seed, &mut put)?;
    }
    if artifact.kind == Kind::Lif {
        put("opt_scaling_factor", Matrix::scalar(artifact.values::<f64>("scaling_factor", &[1])?[0]));
    }
    Ok(variables)
}

/// Refuses networks whose dynamics the layout cannot represent.
fn refuse_other_dynamics(
    artifact: &Artifact,
    experiment: &Experiment,
    config: &RateConfig,
    origin: &Path,
) -> Result<()> {
    let step_ms = experiment.task.step_ms();
    let message = if step_ms != STEP_MS {
        format!("steps of {step_ms} ms; the published MATLAB layout knows only {STEP_MS} ms (.npz takes any network)")
    } else if artifact.kind == Kind::Rate && config.integration != Integration::Euler {
        "exponential integration; the published MATLAB layout knows only Euler's (.npz takes any network)".into()
    } else if artifact.kind == Kind::Lif && !matches!(experiment.lif.neuron, LifNeuron::Lif(_) | LifNeuron::Qif(_)) {
        let name = experiment.lif.neuron.name();
        format!(
            "{name} neurons (lif.neuron); the published MATLAB code simulates leaky and quadratic ones (.npz takes any)"
        )
    } else if CALIBRATED.iter().any(|name| artifact.has(name)) {
        "a calibrated network; the published MATLAB code has one factor for all units, and no bias or output weights of its \
         own for the LIF network (.npz takes any network)"
            .into()
    } else {
        return Ok(());
    };
    Err(Error::Unfit { path: origin.into(), message })
}

/// Weights and time constants, each name before `suffix`.
fn weights(parameters: &RateParameters, suffix: &str, put: &mut impl FnMut(&str, Matrix)) {
    let n = parameters.neurons;
    let mut named = |name: &str, matrix| put(&format!("{name}{suffix}"), matrix);
    named("w", single(&[n, n], &dense(parameters)));
    named("w_in", single(&[n, parameters.channels], &parameters.w_in));
    let theta = parameters.theta.clone().unwrap_or_else(|| vec![0.0; n]);
    named("taus_gaus", single(&[n, 1], &theta));
}

/// Recurrent weights without their signs `[N, N]`.
fn dense(parameters: &RateParameters) -> Vec<f32> {
    match &parameters.recurrent {
        RecurrentWeights::Dense { w_rec, sign: Some(_), .. } => w_rec.iter().map(|w| w.max(0.0)).collect(),
        RecurrentWeights::Dense { w_rec, sign: None, .. } => w_rec.clone(),
        RecurrentWeights::Modes { modes, mode_in, score, mode_out } => {
            let product = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(score).zip(b).map(|((a, s), b)| f64::from(*a) * f64::from(*s) * f64::from(*b)).sum()
            };
            let rows = mode_in.chunks_exact(*modes);
            rows.flat_map(|a| mode_out.chunks_exact(*modes).map(move |b| product(a, b) as f32)).collect()
        }
    }
}

/// Number, signs and kinds of the units.
fn units(parameters: &RateParameters, config: &RateConfig, put: &mut impl FnMut(&str, Matrix)) {
    let n = parameters.neurons;
    let (sign, mask) = match &parameters.recurrent {
        RecurrentWeights::Dense { sign, mask, .. } => (sign.clone(), mask.clone()),
        RecurrentWeights::Modes { .. } => (None, None),
    };
    let sign = sign.unwrap_or_else(|| vec![1.0; n]);
    let mask = mask.map_or_else(|| vec![1.0; n * n], |mask| mask.iter().map(|m| f32::from(*m)).collect());
    let diagonal: Vec<f32> = (0..n * n).map(|at| if at / n == at % n { sign[at % n] } else { 0.0 }).collect();
    let logical =
        |of: &dyn Fn(&f32) -> bool| Matrix { shape: vec![n], data: Data::Logical(sign.iter().map(of).collect()) };
    let whole = |number: usize| Matrix::numbers(&[1, 1], Values::I64(vec![number as i64]));
    put("N", whole(n));
    put("m", single(&[n, n], &diagonal));
    put("som_m", single(&[n, n], &mask));
    put("exc", logical(&|sign| *sign > 0.0));
    put("inh", logical(&|sign| *sign < 0.0));
    let somatostatin_units = match &config.recurrence {
        RecurrenceConfig::Dense(dense) => dense.somatostatin_units,
        RecurrenceConfig::Modes(_) => 0,
    };
    put("som_N", whole(somatostatin_units));
}

fn activation(activation: Activation) -> &'static str {
    match activation {
        Activation::Sigmoid => "sigmoid",
        Activation::Tanh => "tanh",
        Activation::Softplus => "softplus",
        Activation::Relu => "clipped_relu",
        // Unknown to the published code, which reads the name only to run the rate network.
        Activation::Lif(_) => "lif",
    }
}

/// Input `[K, T]` and target `[O, T]` of the first trial that the network is judged on.
///
/// # Errors
/// The task cannot draw a trial.
fn example(task: &dyn Task, seed: u64, put: &mut impl FnMut(&str, Matrix)) -> Result<()> {
    let trial = task.draw(seed, Purpose::EvaluationTrial, 0, 1)?;
    let mut by_channel = |name: &str, values: &[f32], width: usize| {
        let value = |at: usize| f64::from(values[at % trial.steps * width + at / trial.steps]);
        put(name, Matrix::numbers(&[width, trial.steps], Values::F64((0..values.len()).map(value).collect())));
    };
    by_channel("u", &trial.input, trial.channels);
    by_channel("target", &trial.target, trial.outputs);
    Ok(())
}

fn single(shape: &[usize], values: &[f32]) -> Matrix {
    Matrix::numbers(shape, Values::F32(values.to_vec()))
}
