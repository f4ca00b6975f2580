//! Networks in the layout of the published rate code (Kim, Li & Sejnowski 2019), one `.mat` file per network.
//!
//! | variable | shape | content |
//! |---|---|---|
//! | `w` | N×N | recurrent weights, row = to; without a sign under Dale's principle |
//! | `m`, `som_m` | N×N | diagonal of signs; 0 where a connection is forbidden |
//! | `w_in`, `w_out`, `b_out` | N×K, O×N, O | input weights, readout |
//! | `taus`, `taus_gaus` | 2 (or 1), N | bounds of the time constants in steps of 5 ms; τ = sigmoid(taus_gaus)(max − min) + min |
//! | `activation` | text | `sigmoid`, `softplus`, `clipped_relu` |
//! | `u` | K×T | an input, which gives the number of steps per trial |
//! | `inh` | N | 1 for inhibitory units; must agree with `m` |
//! | `opt_scaling_factor` | 1 | the scaling factor, if it has been searched: the file then contains a LIF network |
//!
//! Vectors may be rows or columns. A −1 in `m` means that the network obeys Dale's principle, W = relu(w)·m, whatever
//! the signs in `w`: ports of the code save `w` before relu.

use super::layout::{Layout, has};
use crate::mapping::Mapping;
use crate::options::{ImportOptions, Reading, check_task, task_section};
use crate::{Error, Result, Variables, dale};
use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_experiment::Experiment;
use mdl_model::NetworkConfig;
use mdl_model::rate::config::{RateConfig, RecurrenceConfig};
use mdl_model::rate::parameters::{RateParameters, RecurrentWeights};
use serde_json::{Value, json};

/// Duration of a step of the published networks (ms).
pub const STEP_MS: f64 = 5.0;

/// Variables that define a network.
const NEEDED: [&str; 12] =
    ["w", "m", "som_m", "w_in", "w_out", "b_out", "taus", "taus_gaus", "activation", "u", "inh", "opt_scaling_factor"];
/// Records of the training, the search and a trial.
const RECORDS: [&str; 31] = [
    "x0",
    "r0",
    "o0",
    "w0",
    "m0",
    "som_m0",
    "w_in0",
    "w_out0",
    "b_out0",
    "taus_gaus0",
    "x",
    "r",
    "o",
    "target",
    "N",
    "exc",
    "inh_som",
    "inh_pv",
    "som_N",
    "losses",
    "eval_perf_mean",
    "eval_loss_mean",
    "eval_os",
    "eval_labels",
    "tr",
    "all_perfs",
    "scaling_factors",
    "perfs",
    "label",
    "training_params",
    "settings",
];

/// This layout.
pub struct PublishedRate;

impl Layout for PublishedRate {
    fn name(&self) -> &'static str {
        "published rate network"
    }

    fn matches(&self, names: &[String]) -> bool {
        let has = |name: &str| has(names, name);
        has("w") && has("w_in") && has("w_out") && ["m", "taus", "som_m"].into_iter().any(has)
    }

    fn wanted(&self, name: &str) -> bool {
        NEEDED.contains(&name)
    }

    fn is_record(&self, name: &str) -> bool {
        RECORDS.contains(&name)
    }

    fn mapping(
        &self,
        _variables: &mut Variables,
        _options: &ImportOptions,
        _reading: &mut Reading,
    ) -> Result<Option<Mapping>> {
        Ok(None)
    }
}

/// Sizes of a network.
#[derive(Clone, Copy)]
struct Sizes {
    neurons: usize,
    channels: usize,
    outputs: usize,
}

impl Sizes {
    /// N is given by `w`; vectors may be rows or columns.
    fn of(variables: &Variables) -> Result<Self> {
        let [neurons, columns] = variables.matrix_shape("w")?;
        if neurons != columns || neurons == 0 {
            return Err(variables.error("w", format!("shape {:?}", [neurons, columns]), "a square matrix"));
        }
        let across = |name: &str, along: usize| {
            let shape = variables.shape(name)?;
            let is_vector = shape.iter().filter(|extent| **extent != 1).count() <= 1;
            match *shape {
                [rows, columns] if [rows, columns][along] == neurons => Ok([rows, columns][1 - along]),
                _ if is_vector && shape.iter().product::<usize>() == neurons => Ok(1),
                _ => {
                    let expected = format!("{} for the {neurons} units of `w`", ["N×K", "O×N"][along]);
                    Err(variables.error(name, format!("shape {shape:?}"), expected))
                }
            }
        };
        Ok(Self { neurons, channels: across("w_in", 0)?, outputs: across("w_out", 1)? })
    }
}

/// Experiment that a network belongs to.
///
/// # Errors
/// A missing or mismatched variable; an unknown task; overrides that cannot be run.
pub fn experiment(variables: &Variables, options: &ImportOptions, reading: &mut Reading) -> Result<Experiment> {
    let sizes = Sizes::of(variables)?;
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
        "name": options.name,
        "task": task(variables, options, sizes, reading)?,
        "network": {
            "kind": "rate",
            "neurons": sizes.neurons,
            "recurrence": { "kind": "dense", "dale": obeys_dale(variables, sizes.neurons, options, reading)? },
            "activation": activation,
            "time_constants": time_constants,
            "output_bias": variables.has("b_out"),
        },
    });
    let stated = config.clone();
    let experiment = Experiment::from_json(config, options.set, options.seed, &variables.path.display().to_string())?;
    refuse_contradictions(variables, &stated, &experiment.to_json())?;
    check_task(&experiment, &variables.path, sizes.channels, sizes.outputs)?;
    Ok(experiment)
}

/// Refuses overrides of values that the file states. A network without Dale's principle may leave that open.
fn refuse_contradictions(variables: &Variables, stated: &Value, config: &Value) -> Result<()> {
    let fields = [
        ("network.neurons", "w"),
        ("network.activation", "activation"),
        ("network.time_constants", "taus"),
        ("network.output_bias", "b_out"),
        ("network.recurrence.kind", "w"),
        ("network.recurrence.dale", "m"),
    ];
    for (field, variable) in fields {
        let of = |config: &Value| config.pointer(&format!("/{}", field.replace('.', "/"))).cloned();
        let (found, expected) = (of(config), of(stated));
        let open = field.ends_with("dale") && expected == Some(false.into());
        if found != expected && !open {
            let text = |value: Option<Value>| value.unwrap_or_default().to_string();
            let message = format!(
                "`--set {field}` makes it {}, but variable `{variable}` says {}; leave it out",
                text(found),
                text(expected)
            );
            return Err(Error::Undecided { path: variables.path.clone(), message });
        }
    }
    Ok(())
}

/// Task section: the name, and the number of steps if `u` is present.
fn task(variables: &Variables, options: &ImportOptions, sizes: Sizes, reading: &mut Reading) -> Result<Value> {
    let kind = options.task(sizes.channels, &variables.path)?;
    if options.task.is_none() {
        reading.record(format!("task {kind}, by the number of inputs"));
    }
    let mut task = task_section(&kind);
    task["step_ms"] = json!(STEP_MS);
    if variables.has("u") && task["file"].is_null() {
        task["steps"] = match *variables.shape("u")? {
            [channels, steps] if channels == sizes.channels => json!(steps),
            [steps, channels] if channels == sizes.channels => json!(steps),
            ref other => {
                let expected = format!("{} inputs by time", sizes.channels);
                return Err(variables.error("u", format!("shape {other:?}"), expected));
            }
        };
    }
    Ok(task)
}

/// True if the network obeys Dale's principle: `m` has a −1. Without one, negative weights show that it does not.
fn obeys_dale(variables: &Variables, n: usize, options: &ImportOptions, reading: &mut Reading) -> Result<bool> {
    let sign = signs(variables, n)?;
    let inhibitory = sign.iter().filter(|sign| **sign < 0.0).count();
    if inhibitory > 0 {
        reading.record(format!("a network of Dale's principle, as `m` says: {inhibitory} of {n} units are inhibitory"));
        return Ok(true);
    }
    let negative = variables.numbers("w", &[n, n])?.iter().filter(|w| **w < 0.0).count();
    if negative > 0 && !options.sets("network.recurrence.dale") {
        reading.choose(
            format!("a network without Dale's principle: `m` has no −1, and {negative} entries of `w` are negative"),
            "--set network.recurrence.dale=true reads it as one of excitatory units, W = relu(w)",
        );
    }
    Ok(negative == 0)
}

/// Signs of the units, which `inh` must not contradict.
fn signs(variables: &Variables, n: usize) -> Result<Vec<f32>> {
    let sign = dale::diagonal(variables, "m", n)?;
    if let Some(j) = sign.iter().position(|sign| sign.abs() != 1.0) {
        return Err(variables.error("m", format!("{} for unit {j}", sign[j]), "1 or -1"));
    }
    if variables.has("inh") {
        let inhibitory = variables.vector("inh", n)?;
        if let Some(j) = (0..n).find(|j| (inhibitory[*j] != 0.0) != (sign[*j] < 0.0)) {
            let expected = format!("the sign of `m`, which is {} for unit {j}", sign[j]);
            return Err(variables.error("inh", format!("{} for unit {j}", inhibitory[j]), expected));
        }
    }
    Ok(sign)
}

/// Parameters of a network.
fn parameters(variables: &Variables, config: &RateConfig, reading: &mut Reading) -> Result<RateParameters> {
    let Sizes { neurons: n, channels, outputs } = Sizes::of(variables)?;
    let obeys_dale = matches!(&config.recurrence, RecurrenceConfig::Dense(dense) if dense.dale);
    let mut w_rec = variables.singles("w", &[n, n])?;
    let sign = signs(variables, n)?;
    if obeys_dale {
        dale::check(variables, "w", &w_rec, &sign, reading)?;
    } else {
        w_rec.iter_mut().enumerate().for_each(|(at, w)| *w *= sign[at % n]);
    }
    let mask = if variables.has("som_m") { Some(mask(variables, n)?) } else { None };
    let vector = |name: &str, length: usize| variables.narrow(name, variables.vector(name, length)?);
    let matrix = |name: &str, rows: usize, columns: usize| match rows.min(columns) {
        1 => vector(name, rows * columns),
        _ => variables.singles(name, &[rows, columns]),
    };
    let theta = if variables.flat("taus")?.len() == 2 { Some(vector("taus_gaus", n)?) } else { None };
    Ok(RateParameters {
        neurons: n,
        channels,
        outputs,
        w_in: matrix("w_in", n, channels)?,
        recurrent: RecurrentWeights::Dense {
            w_rec,
            sign: obeys_dale.then_some(sign),
            mask: mask.filter(|mask| mask.contains(&0)),
        },
        theta,
        w_out: matrix("w_out", outputs, n)?,
        b_out: if variables.has("b_out") { Some(vector("b_out", outputs)?) } else { None },
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

/// Scaling factor of a LIF network, if the file has one and no rate network was requested.
fn scaling_factor(variables: &Variables, options: &ImportOptions, reading: &mut Reading) -> Result<Option<f64>> {
    let stored = variables.has("opt_scaling_factor");
    match options.kind {
        Some(Kind::Rate) => return Ok(None),
        Some(Kind::Lif) if !stored => {
            let message = "no opt_scaling_factor for --kind lif; lambda-search finds one for a rate network".into();
            return Err(Error::Undecided { path: variables.path.clone(), message });
        }
        Some(Kind::Spiking) => {
            let message = "holds a rate network; expected --kind rate or lif".into();
            return Err(Error::Undecided { path: variables.path.clone(), message });
        }
        _ if !stored => return Ok(None),
        _ => {}
    }
    // The published code stores NaN while a search runs.
    match variables.flat("opt_scaling_factor") {
        Ok([factor]) if *factor > 0.0 => {
            if options.kind.is_none() {
                let what = format!("a LIF network of opt_scaling_factor = {factor}");
                reading.choose(what, "--kind rate makes a rate network of it");
            }
            Ok(Some(*factor))
        }
        Ok(_) => Err(variables.error("opt_scaling_factor", "another value", "one number above 0, or --kind rate")),
        Err(error) => Err(error),
    }
}

/// Artifact of a network: `lif` with a scaling factor, `rate` without.
///
/// # Errors
/// A missing or mismatched variable.
pub fn artifact(
    variables: &Variables,
    experiment: &Experiment,
    options: &ImportOptions,
    provenance: Provenance,
    reading: &mut Reading,
) -> Result<Artifact> {
    let NetworkConfig::Rate(config) = &experiment.network else {
        let message = "holds a rate network; network.kind was overridden".into();
        return Err(Error::Undecided { path: variables.path.clone(), message });
    };
    let parameters = parameters(variables, config, reading)?;
    let factor = scaling_factor(variables, options, reading)?;
    let kind = if factor.is_some() { Kind::Lif } else { Kind::Rate };
    let mut artifact = Artifact::new(kind, experiment.to_json(), provenance);
    parameters.write(&mut artifact, "");
    artifact.insert("tau_ms", &[config.neurons], parameters.tau_ms(config));
    if let Some(factor) = factor {
        artifact.insert("scaling_factor", &[1], vec![factor]);
    }
    // The config with overrides must still fit the tensors.
    RateParameters::read(&artifact, config, "").map_err(|error| Error::Undecided {
        path: variables.path.clone(),
        message: format!("does not fit its config: {}", error.without_path()),
    })?;
    Ok(artifact)
}
