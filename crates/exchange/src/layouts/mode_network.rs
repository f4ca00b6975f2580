//! Mode networks in the layout of the published PyTorch code (Lin & Huang 2023), one `state_dict` per network.
//!
//! | array | shape | content |
//! |---|---|---|
//! | `Win`, `Wout` | N×K, O×N | input weights, readout |
//! | `pin`, `l`, `pout` | N×P, P, N×P | Ξ_in, λ, Ξ_out: `Wr = (l*pin) @ pout.T` |
//! | `l` | N×1 | in some files: one score per neuron, which multiplies its row of Ξ_in |
//! | `vthr` | one number, or N | in some files: the threshold |
//! | `sigmoid_tau_d` | N×1 | in some files: τ_d = 20 + 30 sigmoid(x) ms per neuron |
//!
//! Spiking networks and tanh rate networks have the same arrays; the default kind is spiking.

use super::layout::Layout;
use crate::mapping::{Mapping, SPIKING, SPIKING_STEP_MS, Source, matches_any};
use crate::options::{ImportOptions, Reading};
use crate::{Error, Result, Variables};
use mdl_artifact::Kind;
use mdl_artifact::arrays::{Content, Variable};
use mdl_model::spiking::Synapse;
use serde_json::{Value, json};

/// Names of the arrays, in the order of [`SPIKING`].
const ARRAYS: [&str; 5] = ["Win", "pin", "l", "pout", "Wout"];
/// Threshold.
const THRESHOLD: &str = "vthr";
/// Decay time constants of the synapses.
const DECAY: &str = "sigmoid_tau_d";

/// This layout; the arrays may be in an inner dictionary.
pub struct ModeNetwork;

impl Layout for ModeNetwork {
    fn name(&self) -> &'static str {
        "published mode network"
    }

    fn matches(&self, names: &[String]) -> bool {
        names.iter().filter(|name| ["Win", "pin", "pout"].contains(&base(name))).count() > 1
    }

    fn wanted(&self, name: &str) -> bool {
        ARRAYS.contains(&base(name)) || [THRESHOLD, DECAY].contains(&base(name))
    }

    fn mapping(
        &self,
        variables: &mut Variables,
        options: &ImportOptions,
        reading: &mut Reading,
    ) -> Result<Option<Mapping>> {
        mapping(variables, options, reading).map(Some)
    }
}

/// The name of an array inside its dictionary.
fn base(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Mapping of a network whose arrays are all in one dictionary of the file.
///
/// # Errors
/// Missing arrays, or several dictionaries with them; a request for a LIF network.
fn mapping(variables: &mut Variables, options: &ImportOptions, reading: &mut Reading) -> Result<Mapping> {
    let path = variables.path.clone();
    let undecided = |message: String| Error::Undecided { path: path.clone(), message };
    let with_win = variables.names().filter_map(|name| name.strip_suffix("Win"));
    let prefixes: Vec<&str> = with_win.filter(|prefix| prefix.is_empty() || prefix.ends_with('.')).collect();
    let prefix = match prefixes[..] {
        [prefix] => prefix.to_string(),
        [] => String::new(),
        _ => {
            let message = format!(
                "{} networks, in {}; expected one: name the arrays of the one that is meant in a mapping",
                prefixes.len(),
                prefixes.join(", ")
            );
            return Err(undecided(message));
        }
    };
    let named = |array: &str| format!("{prefix}{array}");
    let tensors =
        SPIKING.into_iter().zip(ARRAYS).map(|(tensor, array)| (tensor.to_string(), Source::array(&named(array))));
    let mut mapping = Mapping { tensors: tensors.collect(), ..Mapping::default() };
    let network = match options.kind {
        Some(Kind::Rate) => rate_network(),
        Some(Kind::Lif) => return Err(undecided("holds a mode network; expected --kind spiking or rate".into())),
        Some(_) => json!({ "kind": "spiking" }),
        None => {
            reading.choose("a spiking network", "tanh rate networks have the same arrays: --kind rate reads it as one");
            json!({ "kind": "spiking" })
        }
    };
    mapping.config.insert("network".into(), network);
    mapping.config.insert("task".into(), json!({ "step_ms": SPIKING_STEP_MS }));
    scores(&mut mapping, variables, &named("l"), reading)?;
    let asked_for =
        |name: &String| options.kind != Some(Kind::Rate) && variables.has(name) && !matches_any(options.ignore, name);
    let [threshold, decay] = [THRESHOLD, DECAY].map(named).map(|name| Some(name).filter(asked_for));
    if let Some(name) = threshold {
        set_threshold(&mut mapping, variables, &name, reading)?;
    }
    if let Some(name) = decay {
        set_decay(&mut mapping, variables, &name, options, reading)?;
    }
    Ok(mapping)
}

/// The published rate networks: U = α U + (1 − α)(W_in x + W tanh(U)), τ = 20 ms, zero before the first step, no noise.
fn rate_network() -> Value {
    json!({
        "kind": "rate",
        "activation": "tanh",
        "time_constants": { "kind": "fixed", "ms": 20.0 },
        "integration": "exponential",
        "start": { "kind": "zero" },
        "noise_sd": 0.0,
    })
}

/// Scores in a column are one per neuron, as PyTorch broadcasts them, even if there are N modes.
fn scores(mapping: &mut Mapping, variables: &Variables, name: &str, reading: &mut Reading) -> Result<()> {
    let neurons = mapping.sizes(variables)?.neurons;
    if neurons > 1 && variables.shape(name)? == [neurons, 1] {
        mapping.multiply_rows(name, reading);
    }
    Ok(())
}

/// One threshold for all neurons is a field of the config; one per neuron is a tensor.
fn set_threshold(mapping: &mut Mapping, variables: &Variables, name: &str, reading: &mut Reading) -> Result<()> {
    let values = variables.flat(name)?;
    if let [first, rest @ ..] = values
        && rest.iter().all(|value| value == first)
    {
        mapping.config["network"]["neuron"] = json!({ "threshold": first });
        reading.record(format!("`{name}` as the threshold of every neuron, {first}"));
    } else {
        mapping.tensors.insert("threshold".into(), Source::array(name));
        reading.record(format!("`{name}` as a threshold per neuron"));
    }
    Ok(())
}

/// Decay time constants, and the gain of the code that uses them.
fn set_decay(
    mapping: &mut Mapping,
    variables: &mut Variables,
    name: &str,
    options: &ImportOptions,
    reading: &mut Reading,
) -> Result<()> {
    let shape = variables.shape(name)?.to_vec();
    let tau_ms = variables.numbers(name, &shape)?.iter().map(|x| 20.0 + 30.0 / (1.0 + (-x).exp())).collect();
    let computed = format!("20 + 30 sigmoid({name})");
    variables.derive(&computed, Variable { shape, content: Content::Numbers(tau_ms) }, &[name]);
    mapping.tensors.insert("tau_decay_ms".into(), Source::array(&computed));
    let double = options.synapse != Some(Synapse::Single) && !options.sets("network.neuron.synapse");
    if double {
        mapping.config["network"]["neuron"]["gain"] = json!("dt-squared-over-decay-rise");
    }
    reading.choose(
        format!("a network of τ_d = {computed} ms per neuron"),
        &format!(
            "the code of these networks is not public in full (docs/import.md): --ignore {name} takes one τ_d for all"
        ),
    );
    Ok(())
}
