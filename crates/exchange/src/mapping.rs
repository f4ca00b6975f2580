//! Networks of any layout, by a mapping from arrays of a file to tensors of a network.
//!
//! | tensor | shape | content |
//! |---|---|---|
//! | `w_in`, `w_out`, `b_out` | N×K, O×N, O | input weights, readout |
//! | `mode_in`, `score`, `mode_out` | N×P, P, N×P | Ξ_in, λ, Ξ_out: W_rec = Ξ_in diag(λ) Ξ_outᵀ; without `score` all are 1 |
//! | `w_rec` | N×N | dense rate networks: recurrent weights, row = to |
//! | `sign`, `mask` | N, N×N | dense rate networks: ±1 under Dale's principle; 0 where a connection is forbidden |
//! | `theta` | N | rate networks: trained time constants, τ = sigmoid(θ)(max − min) + min |
//! | `threshold`, `tau_decay_ms` | N, N | spiking networks: constants per neuron, or one number, in place of those in the config |
//! | `scaling_factor` | 1 | turns a rate network into a LIF network |
//! | `scaling_factor_by_unit`, `bias_mv`, `readout` | N, N, O×N | LIF networks: their calibration |
//!
//! Sizes are those of the arrays. Dimensions of size 1 may be missing or added. Scores of shape N×1 are one per neuron:
//! they multiply the rows of Ξ_in, and every λ is 1.

mod source;

pub use source::{Factor, Source};

use crate::options::{ImportOptions, Reading, check_task, task_section};
use crate::{Error, Result, Variables, dale};
use mdl_artifact::{Artifact, ArtifactError, Kind, Provenance};
use mdl_convert::lif_artifact::{CALIBRATED, read_calibration};
use mdl_data::tasks::DataSetConfig;
use mdl_experiment::json::{parse, read_json};
use mdl_experiment::{Experiment, ExperimentError};
use mdl_model::NetworkConfig;
use mdl_model::rate::config::TimeConstants;
use mdl_model::rate::parameters::{RateParameters, RecurrentWeights};
use mdl_model::spiking::Synapse;
use mdl_model::spiking::config::SpikingConfig;
use mdl_model::spiking::network::SpikingNetwork;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Tensors of a network.
pub(crate) const TENSORS: [&str; 18] = [
    "w_in",
    "w_rec",
    "sign",
    "mask",
    "mode_in",
    "score",
    "mode_out",
    "theta",
    "w_out",
    "b_out",
    "scaling_factor",
    "scaling_factor_by_unit",
    "bias_mv",
    "readout",
    "threshold",
    "tau_decay_ms",
    "tau_membrane_ms",
    "theta_membrane",
];
/// Trained tensors of a spiking network.
pub(crate) const SPIKING: [&str; 5] = ["w_in", "mode_in", "score", "mode_out", "w_out"];
/// Constants of a spiking network's neurons: one value per neuron, or one for all.
pub(crate) const PER_NEURON: [&str; 2] = ["threshold", "tau_decay_ms"];
/// Membrane time constants of a spiking network's neurons, drawn or trained.
const MEMBRANES: [&str; 2] = ["tau_membrane_ms", "theta_membrane"];
/// Tensors whose arrays determine the size of the network.
const SIZING: [&str; 5] = ["w_in", "w_rec", "mode_in", "mode_out", "w_out"];
/// Duration of a step of published spiking networks (ms).
pub(crate) const SPIKING_STEP_MS: f64 = 2.0;

/// Mapping from arrays of a file to the tensors of a network, and the experiment it belongs to.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// Location of the JSON Schema, for editors.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// Array for each tensor of the network. If empty, arrays with the names of tensors are used.
    #[schemars(schema_with = "sources")]
    pub tensors: BTreeMap<String, Source>,
    /// Arrays to leave out although they change the behaviour of the network; `*` at the end of a name matches
    /// anything.
    pub ignore: Vec<String>,
    /// Sections of a config. Missing values are filled in from the sizes of the arrays.
    pub config: Map<String, Value>,
}

/// Schema of the arrays of tensors; no other names are allowed.
fn sources(generator: &mut SchemaGenerator) -> Schema {
    let source = generator.subschema_for::<Source>();
    let tensors: Map<String, Value> = TENSORS.iter().map(|name| (name.to_string(), source.clone().into())).collect();
    json_schema!({ "type": "object", "properties": tensors, "additionalProperties": false })
}

/// Name of the text with the config in files written by `export-network`.
const CONFIG: &str = "config";

/// Sizes of a network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub neurons: usize,
    pub modes: usize,
    pub channels: usize,
    pub outputs: usize,
}

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// A file that cannot be read, is not JSON or is not a mapping; a name that no tensor has.
    pub fn load(path: &Path) -> Result<Self> {
        let origin = path.display().to_string();
        let what = "mapping";
        let mapping: Self =
            read_json(path, what).and_then(|json| parse(json, what, &origin)).map_err(ExperimentError::from)?;
        let refuse = |message| Err(Error::Undecided { path: path.into(), message });
        if let Some(name) = mapping.tensors.keys().find(|name| !TENSORS.contains(&name.as_str())) {
            return refuse(format!("field `tensors`: found {name:?}, expected one of {}", TENSORS.join(", ")));
        }
        let constant = |name: &&&str| mapping.tensors.get(**name).is_some_and(|source| source.name().is_none());
        if let Some(name) = SIZING.iter().find(constant) {
            return refuse(format!("field `tensors.{name}`: found a number, expected an array, which tells the sizes"));
        }
        Ok(mapping)
    }

    /// Mapping of arrays with the names of tensors.
    pub fn of_same_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let same = names.into_iter().filter(|name| TENSORS.contains(name));
        Self { tensors: same.map(|name| (name.to_string(), Source::array(name))).collect(), ..Self::default() }
    }

    /// The mapping, with those of the given array names that are names of tensors.
    pub fn with_same_names(self, names: &[String]) -> Self {
        Self { tensors: Self::of_same_names(names.iter().map(String::as_str)).tensors, ..self }
    }

    /// True if the mapping needs the array.
    pub fn wants(&self, name: &str) -> bool {
        name == CONFIG || self.tensors.values().any(|source| source.arrays().any(|array| array == name))
    }

    /// True if the array may be left out although it changes the behaviour of the network.
    pub fn ignores(&self, name: &str) -> bool {
        matches_any(&self.ignore, name)
    }

    /// Multiplies scores per neuron into Ξ_in, and takes the config from the file if it was written by
    /// `export-network`.
    ///
    /// # Errors
    /// A file with an invalid config; a missing array.
    pub fn complete(mut self, variables: &Variables, reading: &mut Reading) -> Result<Self> {
        if self.config.is_empty() && variables.has(CONFIG) {
            let config = serde_json::from_str(variables.text(CONFIG)?);
            self.config = config.map_err(|e| variables.error(CONFIG, e, "a config as JSON"))?;
        }
        self.scores_per_neuron(variables, reading)?;
        Ok(self)
    }

    /// Scores of shape N×1 if there are not N modes: one per neuron, which multiplies its row of Ξ_in.
    fn scores_per_neuron(&mut self, variables: &Variables, reading: &mut Reading) -> Result<()> {
        let Some(name) = self.source("score").and_then(Source::name).map(String::from) else { return Ok(()) };
        if self.source("mode_in").is_none() {
            return Ok(());
        }
        let Sizes { neurons, modes, .. } = self.sizes(variables)?;
        if neurons != modes && variables.shape(&name)? == [neurons, 1] {
            self.multiply_rows(&name, reading);
        }
        Ok(())
    }

    /// Multiplies the scores `name`, one per neuron, into Ξ_in.
    pub(crate) fn multiply_rows(&mut self, name: &str, reading: &mut Reading) {
        if let (Some(scores), Some(mode_in)) = (self.tensors.remove("score"), self.tensors.get_mut("mode_in")) {
            mode_in.scale.extend(scores.scale);
            mode_in.scale.push(Factor::Array(name.into()));
            reading.record(format!("`{name}` as a score per neuron, multiplied into mode_in"));
        }
    }

    pub(crate) fn source(&self, tensor: &str) -> Option<&Source> {
        self.tensors.get(tensor)
    }

    /// Shape of a tensor in the file, transposed if requested.
    fn stored_shape(&self, variables: &Variables, tensor: &str) -> Result<Vec<usize>> {
        let Some(name) = self.source(tensor).and_then(Source::name) else {
            let message = format!("the mapping names no array for `{tensor}`");
            return Err(Error::Undecided { path: variables.path.clone(), message });
        };
        let mut shape = variables.shape(name)?.to_vec();
        if self.tensors[tensor].transpose {
            shape.reverse();
        }
        Ok(shape)
    }

    /// Sizes of the network.
    pub(crate) fn sizes(&self, variables: &Variables) -> Result<Sizes> {
        let with_modes = self.source("mode_in").is_some();
        let recurrent = self.stored_shape(variables, if with_modes { "mode_in" } else { "w_rec" })?;
        let neurons = recurrent.first().copied().unwrap_or(1).max(1);
        let modes = if with_modes { recurrent.iter().product::<usize>() / neurons } else { 0 };
        let others =
            |tensor| -> Result<usize> { Ok(self.stored_shape(variables, tensor)?.iter().product::<usize>() / neurons) };
        Ok(Sizes { neurons, modes, channels: others("w_in")?, outputs: others("w_out")? })
    }

    /// Values of a tensor, which must have this shape except for dimensions of size 1.
    fn values(&self, variables: &Variables, tensor: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let source = &self.tensors[tensor];
        let one_for_all = match source.name() {
            Some(name) => PER_NEURON.contains(&tensor) && variables.shape(name)?.iter().product::<usize>() == 1,
            None => false,
        };
        if one_for_all {
            return Ok(vec![source.values(variables, tensor, &[])?[0]; shape.iter().product()]);
        }
        source.values(variables, tensor, shape)
    }

    /// Experiment that a network belongs to.
    ///
    /// # Errors
    /// A missing or mismatched array; an unknown task; a config that cannot be run.
    pub fn experiment(
        &self,
        variables: &Variables,
        options: &ImportOptions,
        reading: &mut Reading,
    ) -> Result<Experiment> {
        let sizes = self.sizes(variables)?;
        let mut config = Value::Object(self.config.clone());
        fill(&mut config, &["name"], json!(options.name));
        match options.task {
            Some(name) => config["task"] = task_section(name),
            None if config["task"]["kind"].is_null() && config["task"]["file"].is_null() => {
                let task = options.task(sizes.channels, &variables.path)?;
                reading.record(format!("task {task}, by the number of inputs"));
                set(&mut config, &["task", "kind"], json!(task));
            }
            None => {}
        }
        let examples = DataSetConfig::all().iter().any(|kind| config["task"]["kind"] == kind.name());
        if examples {
            fill(&mut config, &["training", "loss"], json!("cross-entropy"));
        }
        self.set_kind(&mut config, variables, options, reading)?;
        let spiking = config["network"]["kind"] == "spiking";
        let stated = |field: &str| {
            !config["network"]["neuron"][field].is_null() || options.sets(&format!("network.neuron.{field}"))
        };
        let stated = ["synapse", "refractory_steps"].map(stated);
        if spiking {
            self.refuse_contradictions(variables, options)?;
            spiking_config(&mut config, sizes, options.synapse, examples);
        } else {
            self.rate_config(&mut config, sizes);
        }
        let origin = variables.path.display().to_string();
        let experiment = Experiment::from_json(config, options.set, options.seed, &origin)?;
        check_task(&experiment, &variables.path, sizes.channels, sizes.outputs)?;
        if let NetworkConfig::Spiking(network) = &experiment.network {
            tell_neuron(network, [stated[0] || options.synapse.is_some(), stated[1]], reading);
        }
        Ok(experiment)
    }

    /// Refuses overrides of a constant for which there is an array with one value per neuron.
    fn refuse_contradictions(&self, variables: &Variables, options: &ImportOptions) -> Result<()> {
        let overridden =
            |tensor: &&str| self.source(tensor).is_some() && options.sets(&format!("network.neuron.{tensor}"));
        match PER_NEURON.into_iter().find(overridden) {
            None => Ok(()),
            Some(tensor) => {
                let array = self.source(tensor).and_then(Source::name).unwrap_or(tensor);
                let message = format!(
                    "`--set network.neuron.{tensor}` contradicts variable `{array}`, which is `{tensor}` of every \
                     neuron; leave out one of them"
                );
                Err(Error::Undecided { path: variables.path.clone(), message })
            }
        }
    }

    /// Writes the requested kind of network into a config, which may already state one.
    fn set_kind(
        &self,
        config: &mut Value,
        variables: &Variables,
        options: &ImportOptions,
        reading: &mut Reading,
    ) -> Result<()> {
        let asked = options.kind.map(|kind| if kind == Kind::Spiking { "spiking" } else { "rate" });
        let said = config["network"]["kind"].as_str().map(String::from);
        if let (Some(asked), Some(said)) = (asked, &said)
            && asked != said
        {
            let message = format!("--kind asks for a {asked} network; the config says {said}");
            return Err(Error::Undecided { path: variables.path.clone(), message });
        }
        if asked.is_none() && said.is_none() && self.source("mode_in").is_some() {
            reading.choose("a rate network", "--kind spiking reads it as a spiking one");
        }
        fill(config, &["network", "kind"], json!(asked.unwrap_or("rate")));
        Ok(())
    }

    /// Fills in missing values in the config of a rate network.
    fn rate_config(&self, config: &mut Value, sizes: Sizes) {
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

    /// Artifact of a network: `spiking`, `rate`, or `lif` with a scaling factor.
    ///
    /// # Errors
    /// A missing or mismatched array; a tensor that such a network does not have.
    pub fn artifact(
        &self,
        variables: &Variables,
        experiment: &Experiment,
        options: &ImportOptions,
        provenance: Provenance,
        reading: &mut Reading,
    ) -> Result<Artifact> {
        let sizes = self.sizes(variables)?;
        let undecided = |message: String| Error::Undecided { path: variables.path.clone(), message };
        let factor = self.source("scaling_factor").filter(|_| options.kind != Some(Kind::Rate));
        let kind = match &experiment.network {
            NetworkConfig::Spiking(_) => Kind::Spiking,
            NetworkConfig::Rate(_) if factor.is_some() => Kind::Lif,
            NetworkConfig::Rate(_) if options.kind == Some(Kind::Lif) => {
                return Err(undecided(
                    "--kind lif needs a scaling factor; lambda-search finds one for a rate network".into(),
                ));
            }
            NetworkConfig::Rate(_) => Kind::Rate,
        };
        let of_lif = kind == Kind::Lif || options.kind == Some(Kind::Rate);
        let own: Vec<&str> = match kind {
            Kind::Spiking => SPIKING.into_iter().chain(PER_NEURON).chain(MEMBRANES).collect(),
            _ => {
                let of_spiking = |name: &&str| PER_NEURON.contains(name) || MEMBRANES.contains(name);
                let other = |name: &&str| of_spiking(name) || (CALIBRATED.contains(name) && !of_lif);
                TENSORS.into_iter().filter(|name| !other(name)).collect()
            }
        };
        if let Some(other) = self.tensors.keys().find(|name| !own.contains(&name.as_str())) {
            return Err(undecided(format!("a {kind} network has no `{other}`, only {}", own.join(", "))));
        }
        let mut artifact = Artifact::new(kind, experiment.to_json(), provenance);
        let of_network = |tensor: &str| tensor != "scaling_factor" && !CALIBRATED.contains(&tensor);
        let given = |tensor: &&str| self.source(tensor).is_some() && of_network(tensor);
        for tensor in TENSORS.into_iter().filter(given) {
            let shape = sizes.shape(tensor);
            match tensor {
                "mask" => {
                    let values = self.values(variables, tensor, &shape)?;
                    let mask = self.one_of(variables, tensor, values, [0.0, 1.0])?;
                    artifact.insert(tensor, &shape, mask.into_iter().map(|x| x as u8).collect());
                }
                "sign" => artifact.insert(tensor, &shape, self.signs(variables, sizes.neurons)?),
                _ => artifact.insert(tensor, &shape, self.values(variables, tensor, &shape)?),
            }
        }
        if sizes.modes > 0 && self.source("score").is_none() {
            artifact.insert("score", &[sizes.modes], vec![1f32; sizes.modes]);
        }
        // The config of the mapping, with overrides, must fit the tensors.
        let unfit = |error: ArtifactError| undecided(format!("does not fit its config: {}", error.without_path()));
        match &experiment.network {
            NetworkConfig::Spiking(config) => {
                let network = SpikingNetwork::read(&artifact, config, sizes.channels, sizes.outputs).map_err(unfit)?;
                let mut needed = Artifact::new(kind, Value::Null, artifact.provenance.clone());
                network.write(&mut needed).map_err(|e| undecided(e.to_string()))?;
                self.refuse_idle(&artifact, &needed, variables)?;
                artifact.tensors = needed.tensors;
            }
            NetworkConfig::Rate(config) => {
                if matches!(config.time_constants, TimeConstants::Trained { .. }) && self.source("theta").is_none() {
                    let message = "no tensor `theta` for time constants of the units: name its array in a mapping, or one time \
                                   constant for all, as in --set 'network.time_constants={\"kind\":\"fixed\",\"ms\":20}'";
                    return Err(undecided(message.into()));
                }
                let parameters = RateParameters::read(&artifact, config, "").map_err(unfit)?;
                let mut needed = Artifact::new(kind, Value::Null, artifact.provenance.clone());
                parameters.write(&mut needed, "");
                self.refuse_idle(&artifact, &needed, variables)?;
                if let RecurrentWeights::Dense { w_rec, sign: Some(sign), .. } = &parameters.recurrent {
                    let name = self.source("w_rec").and_then(Source::name).unwrap_or("w_rec");
                    dale::check(variables, name, w_rec, sign, reading)?;
                }
                artifact.insert("tau_ms", &[config.neurons], parameters.tau_ms(config));
            }
        }
        if let Some(source) = factor {
            artifact.insert("scaling_factor", &[1], vec![self.scaling_factor(variables, source)?]);
            for tensor in CALIBRATED {
                if let Some(source) = self.source(tensor) {
                    let shape = sizes.shape(tensor);
                    artifact.insert(tensor, &shape, source.doubles(variables, tensor, &shape)?);
                }
            }
            read_calibration(&artifact, sizes.neurons, sizes.outputs).map_err(unfit)?;
        }
        Ok(artifact)
    }

    /// Refuses tensors that a network of this config does not have, because it would run without them. `needed` are
    /// those it has.
    fn refuse_idle(&self, given: &Artifact, needed: &Artifact, variables: &Variables) -> Result<()> {
        let Some(tensor) = given.tensors.keys().find(|name| !needed.has(name)) else { return Ok(()) };
        let array = self.source(tensor).and_then(Source::name).unwrap_or(tensor);
        let message = format!(
            "variable `{array}` is given as `{tensor}`, but a network of this config has none (network.recurrence, \
             network.time_constants, network.output_bias, network.neuron)"
        );
        Err(Error::Undecided { path: variables.path.clone(), message })
    }

    fn scaling_factor(&self, variables: &Variables, source: &Source) -> Result<f64> {
        match source.number(variables)? {
            factor if factor > 0.0 => Ok(factor),
            other => Err(variables.error(source.name().unwrap_or("scaling_factor"), other, "a number above 0")),
        }
    }

    /// Signs of the units, which may be the diagonal of a matrix.
    fn signs(&self, variables: &Variables, neurons: usize) -> Result<Vec<f32>> {
        let source = &self.tensors["sign"];
        let diagonal = match source.name() {
            Some(name) if neurons > 1 && variables.shape(name)? == [neurons, neurons] => {
                Some(dale::diagonal(variables, name, neurons)?)
            }
            _ => None,
        };
        let values = diagonal.map_or_else(|| self.values(variables, "sign", &[neurons]), Ok)?;
        self.one_of(variables, "sign", values, [-1.0, 1.0])
    }

    /// Values of a tensor that can only be one of two numbers.
    fn one_of(&self, variables: &Variables, tensor: &str, values: Vec<f32>, allowed: [f32; 2]) -> Result<Vec<f32>> {
        match values.iter().find(|x| !allowed.contains(x)) {
            None => Ok(values),
            Some(other) => {
                let expected = format!("{} or {}", allowed[0], allowed[1]);
                Err(variables.error(self.tensors[tensor].name().unwrap_or(tensor), other, expected))
            }
        }
    }
}

/// True if a name is one of these, in which `*` at the end matches anything.
pub fn matches_any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(begin) => name.starts_with(begin),
        None => pattern == name,
    })
}

impl Sizes {
    fn shape(self, tensor: &str) -> Vec<usize> {
        let Self { neurons: n, modes: p, channels: k, outputs: o } = self;
        match tensor {
            "w_in" => vec![n, k],
            "w_out" | "readout" => vec![o, n],
            "b_out" => vec![o],
            "mode_in" | "mode_out" => vec![n, p],
            "score" => vec![p],
            "w_rec" | "mask" => vec![n, n],
            _ => vec![n],
        }
    }
}

/// Reports the synapse and refractory period with which a spiking network was read, and how to choose others if nothing
/// stated them.
fn tell_neuron(network: &SpikingConfig, [synapse, refractory]: [bool; 2], reading: &mut Reading) {
    let neuron = &network.neuron;
    let (kind, other) = match neuron.synapse {
        Synapse::Double => ("a double-exponential synapse", "single"),
        Synapse::Single => ("a single-exponential synapse", "double"),
    };
    let told = [
        (synapse, kind.to_string(), format!("--synapse {other}")),
        (
            refractory,
            format!("a refractory period of {} steps", neuron.refractory_steps),
            "--set network.neuron.refractory_steps=N".into(),
        ),
    ];
    told.iter().filter(|(stated, ..)| *stated).for_each(|(_, what, _)| reading.record(what.clone()));
    let open: Vec<_> = told.iter().filter(|(stated, ..)| !stated).collect();
    if !open.is_empty() {
        let all = |part: fn(&(bool, String, String)) -> &String| {
            open.iter().map(|x| part(x).as_str()).collect::<Vec<_>>().join(" and ")
        };
        let otherwise = format!(
            "the file does not say so: {} read it otherwise (docs/import.md lists the published groups)",
            all(|x| &x.2)
        );
        reading.choose(all(|x| &x.1), &otherwise);
    }
}

/// Fills in missing values in the config of a spiking network. For data sets, the published gain of a
/// double-exponential synapse is different.
fn spiking_config(config: &mut Value, sizes: Sizes, synapse: Option<Synapse>, examples: bool) {
    if let Some(synapse) = synapse {
        set(config, &["network", "neuron", "synapse"], json!(synapse));
    }
    let single = config["network"]["neuron"]["synapse"] == json!(Synapse::Single);
    let gain = match (single, examples) {
        (true, _) => "dt-over-decay",
        (false, true) => "dt-squared-over-decay-rise",
        (false, false) => "one-minus-alpha-decay",
    };
    fill(config, &["network", "neuron", "gain"], json!(gain));
    fill(config, &["network", "neurons"], json!(sizes.neurons));
    fill(config, &["network", "modes"], json!(sizes.modes));
    fill(config, &["task", "step_ms"], json!(SPIKING_STEP_MS));
}

/// Sets a field of a config if it is missing, creating the sections on its path.
fn fill(config: &mut Value, path: &[&str], value: Value) {
    match (config, path) {
        (config @ Value::Null, []) => *config = value,
        (Value::Object(section), [field, inner @ ..]) => fill(member(section, field, inner), inner, value),
        _ => {}
    }
}

/// Sets a field of a config, creating the sections on its path.
fn set(config: &mut Value, path: &[&str], value: Value) {
    match (config, path) {
        (config, []) => *config = value,
        (Value::Object(section), [field, inner @ ..]) => set(member(section, field, inner), inner, value),
        _ => {}
    }
}

/// Member of a section. If it is missing, it is created as null, or as an empty section if there is an inner path.
fn member<'a>(section: &'a mut Map<String, Value>, field: &str, inner: &[&str]) -> &'a mut Value {
    section.entry(field).or_insert_with(|| if inner.is_empty() { Value::Null } else { json!({}) })
}
