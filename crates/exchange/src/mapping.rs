//! Networks of any layout, by a mapping that says which array of a file is which tensor of a network.
//!
//! | tensor | shape | what |
//! |---|---|---|
//! | `w_in`, `w_out`, `b_out` | N×K, O×N, O | input weights, readout |
//! | `mode_in`, `score`, `mode_out` | N×P, P, N×P | Ξ_in, λ, Ξ_out: W_rec = Ξ_in diag(λ) Ξ_outᵀ; without `score` all are 1 |
//! | `w_rec` | N×N | dense rate networks: recurrent weights, row = to |
//! | `sign`, `mask` | N, N×N | dense rate networks: ±1 under Dale's principle; 0 where a connection is forbidden |
//! | `theta` | N | rate networks: trained time constants, τ = sigmoid(θ)(max − min) + min |
//! | `scaling_factor` | 1 | makes a LIF network of a rate network |
//!
//! Sizes are those of the arrays. Extents of 1 may be missing or added.

use crate::wishes::check_task;
use crate::{Error, Result, Variables, Wishes};
use mdl_artifact::{Artifact, ArtifactError, Kind, Provenance};
use mdl_experiment::json::{parse, read_json};
use mdl_experiment::{Experiment, ExperimentError};
use mdl_model::NetworkConfig;
use mdl_model::rate::parameters::RateParameters;
use mdl_model::spiking::Synapse;
use mdl_model::spiking::network::SpikingNetwork;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Tensors of a network.
const TENSORS: [&str; 11] =
    ["w_in", "w_rec", "sign", "mask", "mode_in", "score", "mode_out", "theta", "w_out", "b_out", "scaling_factor"];
/// Tensors of a spiking network.
const SPIKING: [&str; 5] = ["w_in", "mode_in", "score", "mode_out", "w_out"];
/// Duration of a step of published spiking networks (ms).
const SPIKING_STEP_MS: f64 = 2.0;

/// Which arrays of a file make up a network, and which experiment it belongs to.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// Location of the JSON Schema, for editors.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// For each tensor of the network the array that holds it; empty: those of the same names.
    #[schemars(schema_with = "sources")]
    pub tensors: BTreeMap<String, Source>,
    /// Sections of a config. What is missing is filled in from the sizes of the arrays.
    pub config: Map<String, Value>,
}

/// An array of a file: in JSON its name, or an object.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "SourceText")]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Whether rows and columns are exchanged.
    pub transpose: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Source")]
enum SourceText {
    /// Name of the array.
    Name(String),
    /// An array whose rows and columns may be exchanged.
    #[serde(rename_all = "kebab-case")]
    Array {
        /// Its name.
        name: String,
        /// Whether rows and columns are exchanged.
        #[serde(default)]
        transpose: bool,
    },
}

/// The schema of the arrays of tensors, which are the only ones.
fn sources(generator: &mut SchemaGenerator) -> Schema {
    let source = generator.subschema_for::<SourceText>();
    let tensors: Map<String, Value> = TENSORS.iter().map(|name| (name.to_string(), source.clone().into())).collect();
    json_schema!({ "type": "object", "properties": tensors, "additionalProperties": false })
}

impl From<SourceText> for Source {
    fn from(text: SourceText) -> Self {
        match text {
            SourceText::Name(name) => Self { name, transpose: false },
            SourceText::Array { name, transpose } => Self { name, transpose },
        }
    }
}

/// Name of the text that holds the config in files that `export-network` wrote.
const CONFIG: &str = "config";

/// Sizes of a network.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    neurons: usize,
    modes: usize,
    channels: usize,
    outputs: usize,
}

/// Names of the arrays in the files of mode networks that Lin & Huang published, in the order of [`SPIKING`].
const MODE_NETWORK: [&str; 5] = ["Win", "pin", "l", "pout", "Wout"];

/// Whether a mode network of the published layout needs the array, which may stand in an inner dictionary.
pub fn wanted_of_mode_network(name: &str) -> bool {
    MODE_NETWORK.contains(&name.rsplit('.').next().unwrap_or(name))
}

impl Mapping {
    /// The mapping of the spiking mode networks that Lin & Huang published: arrays `Win`, `Wout`, `pin`, `pout`, `l`, all in one
    /// dictionary of the file.
    ///
    /// # Errors
    /// No such array, or several dictionaries with them.
    pub fn of_mode_network(variables: &Variables) -> Result<Self> {
        let with_win = variables.by_name.keys().filter_map(|name| name.strip_suffix("Win"));
        let prefixes: Vec<&str> = with_win.filter(|prefix| prefix.is_empty() || prefix.ends_with('.')).collect();
        let prefix = match prefixes[..] {
            [prefix] => prefix,
            [] => "",
            _ => {
                let message = format!("{} networks, in {}; expected one", prefixes.len(), prefixes.join(", "));
                return Err(Error::Undecided { path: variables.path.clone(), message });
            }
        };
        let source = |name: &str| Source { name: format!("{prefix}{name}"), transpose: false };
        let tensors = SPIKING.into_iter().zip(MODE_NETWORK).map(|(tensor, array)| (tensor.to_string(), source(array)));
        let config = Map::from_iter([("network".to_string(), json!({ "kind": "spiking" }))]);
        Ok(Self { schema: None, tensors: tensors.collect(), config })
    }

    /// Reads a mapping file.
    ///
    /// # Errors
    /// A file that cannot be read, is not JSON or no mapping; a name that no tensor has.
    pub fn load(path: &Path) -> Result<Self> {
        let origin = path.display().to_string();
        let mapping: Self =
            parse(read_json(path).map_err(ExperimentError::from)?, &origin).map_err(ExperimentError::from)?;
        match mapping.tensors.keys().find(|name| !TENSORS.contains(&name.as_str())) {
            None => Ok(mapping),
            Some(name) => {
                let message = format!("field `tensors`: found {name:?}, expected one of {}", TENSORS.join(", "));
                Err(Error::Undecided { path: path.into(), message })
            }
        }
    }

    /// Whether the mapping needs the array.
    pub fn wants(&self, name: &str) -> bool {
        match self.tensors.is_empty() {
            true => name == CONFIG || TENSORS.contains(&name),
            false => self.tensors.values().any(|source| source.name == name),
        }
    }

    /// The mapping, of which an empty one names every array that is called like a tensor, and takes the config from the file.
    ///
    /// # Errors
    /// A file without any such array, or with a config that is none.
    pub fn complete(mut self, variables: &Variables) -> Result<Self> {
        if !self.tensors.is_empty() {
            return Ok(self);
        }
        let same = TENSORS.into_iter().filter(|name| variables.has(name));
        let source = |name: &str| Source { name: name.into(), transpose: false };
        self.tensors = same.map(|name| (name.to_string(), source(name))).collect();
        if self.tensors.is_empty() {
            let message = "no array has the name of a tensor; say which is which with --mapping".into();
            return Err(Error::Undecided { path: variables.path.clone(), message });
        }
        if self.config.is_empty() && variables.has(CONFIG) {
            let config = serde_json::from_str(variables.text(CONFIG)?);
            self.config = config.map_err(|e| variables.error(CONFIG, e, "a config as JSON"))?;
        }
        Ok(self)
    }

    fn source(&self, tensor: &str) -> Option<&Source> {
        self.tensors.get(tensor)
    }

    /// The shape of a tensor as it stands in the file, transposed if asked.
    fn stored_shape(&self, variables: &Variables, tensor: &str) -> Result<Vec<usize>> {
        let Some(source) = self.source(tensor) else {
            let message = format!("the mapping names no array for `{tensor}`");
            return Err(Error::Undecided { path: variables.path.clone(), message });
        };
        let mut shape = variables.shape(&source.name)?.to_vec();
        if source.transpose {
            shape.reverse();
        }
        Ok(shape)
    }

    /// The sizes of the network.
    fn sizes(&self, variables: &Variables) -> Result<Sizes> {
        let with_modes = self.source("mode_in").is_some();
        let recurrent = self.stored_shape(variables, if with_modes { "mode_in" } else { "w_rec" })?;
        let neurons = recurrent.first().copied().unwrap_or(1).max(1);
        let modes = if with_modes { recurrent.iter().product::<usize>() / neurons } else { 0 };
        let others =
            |tensor| -> Result<usize> { Ok(self.stored_shape(variables, tensor)?.iter().product::<usize>() / neurons) };
        Ok(Sizes { neurons, modes, channels: others("w_in")?, outputs: others("w_out")? })
    }

    /// The values of a tensor, which must have this shape but for extents of 1.
    fn values(&self, variables: &Variables, tensor: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let longer = |shape: &[usize]| shape.iter().copied().filter(|extent| *extent != 1).collect::<Vec<_>>();
        let stored = self.stored_shape(variables, tensor)?;
        let source = &self.tensors[tensor];
        let transposable = !source.transpose || stored.len() <= 2;
        if longer(&stored) != longer(shape) || !transposable {
            let how = if source.transpose { ", transposed" } else { "" };
            return Err(variables.error(
                &source.name,
                format!("shape {stored:?}{how}"),
                format!("{shape:?}, for `{tensor}`"),
            ));
        }
        let mut values = variables.singles(&source.name, variables.shape(&source.name)?)?;
        if source.transpose && stored.len() == 2 {
            let [rows, columns] = [stored[0], stored[1]];
            values = (0..rows * columns).map(|at| values[at % columns * rows + at / columns]).collect();
        }
        Ok(values)
    }

    /// The experiment that a network belongs to.
    ///
    /// # Errors
    /// An array that is missing or does not fit; a task that cannot be told; a config that cannot be run.
    pub fn experiment(&self, variables: &Variables, wishes: &Wishes) -> Result<Experiment> {
        let sizes = self.sizes(variables)?;
        let mut config = Value::Object(self.config.clone());
        fill(&mut config, &["name"], json!(wishes.name));
        match wishes.task {
            Some(kind) => set(&mut config, &["task", "kind"], json!(kind)),
            None if config["task"]["kind"].is_null() => {
                set(&mut config, &["task", "kind"], json!(wishes.task(sizes.channels, &variables.path)?));
            }
            None => {}
        }
        let digits = config["task"]["kind"] == "digits";
        if digits {
            fill(&mut config, &["training", "loss"], json!("cross-entropy"));
        }
        if config["network"]["kind"] == "spiking" {
            spiking_config(&mut config, sizes, wishes.synapse, digits);
        } else {
            self.rate_config(&mut config, sizes);
        }
        let origin = variables.path.display().to_string();
        let experiment = Experiment::from_json(config, wishes.set, wishes.seed, &origin)?;
        check_task(&experiment, &variables.path, sizes.channels, sizes.outputs)?;
        Ok(experiment)
    }

    /// Fills in what the config of a rate network leaves open.
    fn rate_config(&self, config: &mut Value, sizes: Sizes) {
        fill(config, &["network", "kind"], json!("rate"));
        fill(config, &["network", "neurons"], json!(sizes.neurons));
        fill(config, &["network", "output_bias"], json!(self.source("b_out").is_some()));
        let recurrence = |field| ["network", "recurrence", field];
        if sizes.modes > 0 {
            fill(config, &recurrence("kind"), json!("modes"));
            fill(config, &recurrence("modes"), json!(sizes.modes));
        } else {
            fill(config, &recurrence("kind"), json!("dense"));
            fill(config, &recurrence("dale"), json!(self.source("sign").is_some()));
        }
    }

    /// The artifact of a network: `spiking`, `rate`, or `lif` where there is a scaling factor.
    ///
    /// # Errors
    /// An array that is missing or does not fit.
    pub fn artifact(&self, variables: &Variables, experiment: &Experiment, provenance: Provenance) -> Result<Artifact> {
        let sizes = self.sizes(variables)?;
        let kind = match &experiment.network {
            NetworkConfig::Spiking(_) => Kind::Spiking,
            NetworkConfig::Rate(_) if self.source("scaling_factor").is_some() => Kind::Lif,
            NetworkConfig::Rate(_) => Kind::Rate,
        };
        if let (Kind::Spiking, Some(other)) = (kind, self.tensors.keys().find(|name| !SPIKING.contains(&name.as_str())))
        {
            let message = format!("a spiking network has no `{other}`, only {}", SPIKING.join(", "));
            return Err(Error::Undecided { path: variables.path.clone(), message });
        }
        let mut artifact = Artifact::new(kind, experiment.to_json(), provenance);
        for tensor in TENSORS.into_iter().filter(|tensor| self.source(tensor).is_some()) {
            if tensor == "scaling_factor" {
                artifact.insert(tensor, &[1], vec![self.scaling_factor(variables)?]);
                continue;
            }
            let shape = sizes.shape(tensor);
            let values = self.values(variables, tensor, &shape)?;
            match tensor {
                "mask" => {
                    let mask = self.one_of(variables, tensor, values, [0.0, 1.0])?;
                    artifact.insert(tensor, &shape, mask.into_iter().map(|x| x as u8).collect());
                }
                "sign" => artifact.insert(tensor, &shape, self.one_of(variables, tensor, values, [-1.0, 1.0])?),
                _ => artifact.insert(tensor, &shape, values),
            }
        }
        if sizes.modes > 0 && self.source("score").is_none() {
            artifact.insert("score", &[sizes.modes], vec![1f32; sizes.modes]);
        }
        // What the mapping and the overrides left of the config must fit the tensors.
        let unfit = |error: ArtifactError| Error::Undecided {
            path: variables.path.clone(),
            message: format!("does not fit its config: {}", error.without_path()),
        };
        match &experiment.network {
            NetworkConfig::Spiking(config) => {
                let network = SpikingNetwork::read(&artifact, config, sizes.channels, sizes.outputs).map_err(unfit)?;
                network
                    .write(&mut artifact)
                    .map_err(|e| Error::Undecided { path: variables.path.clone(), message: e.to_string() })?;
            }
            NetworkConfig::Rate(config) => {
                let parameters = RateParameters::read(&artifact, config, "").map_err(unfit)?;
                artifact.insert("tau_ms", &[config.neurons], parameters.tau_ms(config));
            }
        }
        Ok(artifact)
    }

    fn scaling_factor(&self, variables: &Variables) -> Result<f64> {
        let name = &self.tensors["scaling_factor"].name;
        match variables.scalar(name)? {
            factor if factor > 0.0 => Ok(factor),
            other => Err(variables.error(name, other, "a number above 0")),
        }
    }

    /// The values of a tensor that can only be one of two numbers.
    fn one_of(&self, variables: &Variables, tensor: &str, values: Vec<f32>, allowed: [f32; 2]) -> Result<Vec<f32>> {
        match values.iter().find(|x| !allowed.contains(x)) {
            None => Ok(values),
            Some(other) => {
                let expected = format!("{} or {}", allowed[0], allowed[1]);
                Err(variables.error(&self.tensors[tensor].name, other, expected))
            }
        }
    }
}

impl Sizes {
    fn shape(self, tensor: &str) -> Vec<usize> {
        let Self { neurons: n, modes: p, channels: k, outputs: o } = self;
        match tensor {
            "w_in" => vec![n, k],
            "w_out" => vec![o, n],
            "b_out" => vec![o],
            "mode_in" | "mode_out" => vec![n, p],
            "score" => vec![p],
            "w_rec" | "mask" => vec![n, n],
            _ => vec![n],
        }
    }
}

/// Fills in what the config of a spiking network leaves open. The published gain of a double-exponential synapse is another
/// one for digits.
fn spiking_config(config: &mut Value, sizes: Sizes, synapse: Option<Synapse>, digits: bool) {
    if let Some(synapse) = synapse {
        set(config, &["network", "neuron", "synapse"], json!(synapse));
    }
    let single = config["network"]["neuron"]["synapse"] == json!(Synapse::Single);
    let gain = match (single, digits) {
        (true, _) => "dt-over-decay",
        (false, true) => "dt-squared-over-decay-rise",
        (false, false) => "one-minus-alpha-decay",
    };
    fill(config, &["network", "neuron", "gain"], json!(gain));
    fill(config, &["network", "neurons"], json!(sizes.neurons));
    fill(config, &["network", "modes"], json!(sizes.modes));
    fill(config, &["task", "step_ms"], json!(SPIKING_STEP_MS));
}

/// Sets a field of a config that is not there; sections on its way are begun.
fn fill(config: &mut Value, path: &[&str], value: Value) {
    match (config, path) {
        (config @ Value::Null, []) => *config = value,
        (Value::Object(section), [field, inner @ ..]) => fill(member(section, field, inner), inner, value),
        _ => {}
    }
}

/// Sets a field of a config; sections on its way are begun.
fn set(config: &mut Value, path: &[&str], value: Value) {
    match (config, path) {
        (config, []) => *config = value,
        (Value::Object(section), [field, inner @ ..]) => set(member(section, field, inner), inner, value),
        _ => {}
    }
}

/// A member of a section, null or an empty section (where there is an inner path) if it was not there.
fn member<'a>(section: &'a mut Map<String, Value>, field: &str, inner: &[&str]) -> &'a mut Value {
    section.entry(field).or_insert_with(|| if inner.is_empty() { Value::Null } else { json!({}) })
}
