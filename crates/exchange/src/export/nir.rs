//! NIR, the neuromorphic intermediate representation: a graph of nodes in an HDF5 file.
//!
//! ```text
//! LI     τ v' = v_leak − v + r I              Affine   y = weight x + bias
//! LIF    the same, with v = v_reset and a spike, 1 for one step of length dt, where v > v_threshold
//!
//! LIF network       input → w_in → lif → w_rec → rise → decay → lif → readout_rise → readout_decay → w_out → output
//! spiking network   input → w_in → current → lif → rise → decay → w_rec → current        decay → w_out → output
//! modes             for w_rec: mode_out → mode_in, W = Ξ_in diag(λ) · Ξ_outᵀ
//! ```
//!
//! Simulators take Euler steps, v += dt/τ (−v + r I). A decay e^{−dt/τ} that the network computes exactly is written as
//! τ' = dt/a with a = 1 − e^{−dt/τ}; the filter then multiplies its input by a. Every such factor is included in the
//! weights before or after the filter, and every r is 1, so that simulators without r agree:
//!
//! ```text
//! LIF, double       IPSC = decay(rise(W g spike)),  g_i = dt/(a_r a_d,i τ_r τ_d,i)           r_i = g_i decay(rise(spike))
//! LIF, single       IPSC = decay(W g spike),        g_i = 1/(a_d,i τ_d,i)                    r_i = g_i decay(spike)
//! spiking           r_i = g_i decay(rise(s)),       g_i = κ_i/(a_r a_d,i) or κ_i/a_d,i,      I = current((W_in x + W r)/a_s)
//! ```
//!
//! Potentials are relative to v_reset, because some simulators reset to 0. Quantities for which NIR has no node are in
//! the metadata: for the graph `name`, `dt`, `readout`; for `lif` `refractory` (seconds), `noise_sd` (per step),
//! `v_offset` (the reference of potentials), `v_initial_max`. More simulators read Affine nodes with zero bias than
//! Linear nodes. The config and the tensors are in the metadata as well, so that `import-network` restores them exactly.
//!
//! The layout `cubalif` is for tools that only know a layer of CubaLIF neurons with recurrent weights, and takes spiking
//! networks without a synaptic filter and without a refractory period:
//!
//! ```text
//! input → w_in → rnn.lif → w_out → output,  rnn.lif → rnn.w_rec → rnn.lif          W_rec = κ Ξ_in diag(λ) · Ξ_outᵀ
//! CubaLIF   I += dt/τ_syn (w_in x − I),  v += dt/τ_mem (r I − v),                  w_in = τ_syn/dt, r = τ_mem/dt
//! ```
//!
//! Its time constants are for steps of 0.1 ms, which snnTorch assumes, whatever the step of the network: τ = dt/(1 − α).

use super::format::Format;
use crate::mapping::TENSORS;
use crate::{Error, Result, Variables};
use hdf5_pure::{FileBuilder, FinishedGroup, FormatError, GroupBuilder};
use mdl_artifact::{Artifact, Kind, Values as Stored};
use mdl_convert::lif::config::{LifConfig, LifSynapse};
use mdl_convert::lif::neurons::LifNeuron;
use mdl_convert::lif_artifact::read_calibration;
use mdl_experiment::Experiment;
use mdl_model::NetworkConfig;
use mdl_model::rate::config::RateConfig;
use mdl_model::rate::parameters::{RateParameters, RecurrentWeights};
use mdl_model::spiking::config::SpikingConfig;
use mdl_model::spiking::{Population, Synapse};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

/// Beginning of the names of tensors in the metadata.
pub(crate) const TENSOR: &str = "tensor.";

/// Name of the layout for tools that only know layers of CubaLIF neurons.
const CUBALIF: &str = "cubalif";
/// Time step of that layout (s).
const CUBALIF_DT: f64 = 1e-4;

/// Version of the format.
const VERSION: &str = "1.0";

/// Names of the metadata of neurons.
const METADATA: [&str; 4] = ["refractory", "noise_sd", "v_offset", "v_initial_max"];

/// The values of a field.
enum Values {
    Single(Vec<f32>),
    Double(Vec<f64>),
    Whole(Vec<i64>),
    Byte(Vec<u8>),
    Text(String),
}

/// A field of a node, or an entry of its metadata.
struct Field {
    name: Cow<'static, str>,
    shape: Vec<usize>,
    values: Values,
}

/// A node of the graph.
struct Node {
    name: &'static str,
    kind: &'static str,
    fields: Vec<Field>,
    metadata: Vec<Field>,
}

/// Graph of a network; consecutive nodes of a path are connected by an edge.
struct Graph {
    nodes: Vec<Node>,
    paths: Vec<Vec<&'static str>>,
    metadata: Vec<Field>,
}

impl Graph {
    fn edges(&self) -> impl Iterator<Item = [&'static str; 2]> {
        self.paths.iter().flat_map(|path| path.windows(2).map(|edge| [edge[0], edge[1]]))
    }
}

/// Neuromorphic intermediate representation.
pub struct Nir;

impl Format for Nir {
    fn ending(&self) -> &'static str {
        "nir"
    }

    fn write(&self, artifact: &Artifact, experiment: &Experiment, origin: &Path) -> Result<Vec<u8>> {
        write(artifact, experiment, None, origin)
    }

    fn layouts(&self) -> &'static [&'static str] {
        &[CUBALIF]
    }

    fn write_as(&self, layout: &str, artifact: &Artifact, experiment: &Experiment, origin: &Path) -> Result<Vec<u8>> {
        write(artifact, experiment, Some(layout), origin)
    }
}

/// The bytes of a NIR file; `origin` is the artifact's file, for messages.
///
/// # Errors
/// A missing or mismatched tensor; a network that NIR has no nodes for.
fn write(artifact: &Artifact, experiment: &Experiment, layout: Option<&str>, origin: &Path) -> Result<Vec<u8>> {
    let mut graph = graph(artifact, experiment, layout, origin)?;
    graph.metadata.push(text("name", &experiment.name));
    graph.metadata.push(text("config", &experiment.to_json().to_string()));
    if let Some(layout) = layout {
        graph.metadata.push(text("layout", layout));
    }
    graph.metadata.extend(tensors(artifact));
    to_hdf5(&graph).map_err(|error| Error::Unfit { path: origin.into(), message: error.to_string() })
}

/// The tensors of a network, as metadata.
fn tensors(artifact: &Artifact) -> impl Iterator<Item = Field> {
    artifact.tensors.iter().filter(|(name, _)| TENSORS.contains(&name.as_str())).filter_map(|(name, array)| {
        let values = match &array.values {
            Stored::F32(v) => Values::Single(v.clone()),
            Stored::F64(v) => Values::Double(v.clone()),
            Stored::U8(v) => Values::Byte(v.clone()),
            _ => return None,
        };
        Some(Field { name: format!("{TENSOR}{name}").into(), shape: array.shape.clone(), values })
    })
}

/// True if the graph in a file is not that of this network.
///
/// # Errors
/// A missing or mismatched tensor.
pub(crate) fn differs(artifact: &Artifact, experiment: &Experiment, file: &Variables) -> Result<bool> {
    let layout = if file.has("node/metadata/layout") { Some(file.text("node/metadata/layout")?) } else { None };
    let graph = graph(artifact, experiment, layout, &file.path)?;
    let same = |path: &str, field: &Field| match &field.values {
        Values::Single(v) => {
            file.peek(path).is_some_and(|(_, found)| v.iter().map(|x| f64::from(*x)).eq(found.iter().copied()))
        }
        Values::Double(v) => file.peek(path).is_some_and(|(_, found)| v == found),
        Values::Whole(v) => {
            file.peek(path).is_some_and(|(_, found)| v.iter().map(|x| *x as f64).eq(found.iter().copied()))
        }
        Values::Byte(v) => {
            file.peek(path).is_some_and(|(_, found)| v.iter().map(|x| f64::from(*x)).eq(found.iter().copied()))
        }
        Values::Text(v) => file.text(path).is_ok_and(|found| v == found),
    };
    let nodes = graph.nodes.iter().all(|node| {
        let path = format!("node/nodes/{}", node.name);
        let inner =
            |fields: &[Field], folder: &str| fields.iter().all(|f| same(&format!("{path}{folder}/{}", f.name), f));
        file.text(&format!("{path}/type")).is_ok_and(|kind| kind == node.kind)
            && inner(&node.fields, "")
            && inner(&node.metadata, "/metadata")
    });
    let count = file.names().filter(|name| name.starts_with("node/nodes/") && name.ends_with("/type")).count();
    let edges: BTreeSet<[String; 2]> = file.texts("node/edges")?.as_chunks::<2>().0.iter().cloned().collect();
    let expected: BTreeSet<[String; 2]> = graph.edges().map(|edge| edge.map(String::from)).collect();
    let dt = graph.metadata.iter().all(|field| same(&format!("node/metadata/{}", field.name), field));
    Ok(!(nodes && dt && count == graph.nodes.len() && edges == expected))
}

/// The graph of a network, without what only `import-network` needs.
fn graph(artifact: &Artifact, experiment: &Experiment, layout: Option<&str>, origin: &Path) -> Result<Graph> {
    let unfit = |message: String| Error::Unfit { path: origin.into(), message };
    Ok(match (artifact.kind, &experiment.network) {
        (Kind::Spiking, NetworkConfig::Spiking(config)) if layout == Some(CUBALIF) => {
            let population = Population::read(artifact, config)?;
            single_filter(config, &population).map_err(unfit)?;
            cubalif(artifact, config, &population, experiment)?
        }
        (Kind::Lif, _) if layout.is_some() => {
            return Err(unfit(
                "a LIF network, whose input reaches the neurons without the filter of the synapse; a CubaLIF node filters \
                 both. Leave out --layout"
                    .into(),
            ));
        }
        (Kind::Lif, NetworkConfig::Rate(config)) => {
            representable(&experiment.lif).map_err(unfit)?;
            lif(artifact, config, &experiment.lif)?
        }
        (Kind::Spiking, NetworkConfig::Spiking(config)) => {
            if !config.neuron.model.is_default() {
                let message =
                    "a neuron that is not leaky (network.neuron.model); NIR has nothing for it, .npz and .mat hold it";
                return Err(unfit(message.into()));
            }
            spiking(artifact, config, experiment)?
        }
        (kind, _) => return Err(unfit(format!("{} artifact; NIR takes lif and spiking", kind.with_article()))),
    })
}

/// Refuses networks with other filters than those of a CubaLIF node.
fn single_filter(config: &SpikingConfig, population: &Population) -> std::result::Result<(), String> {
    let neuron = &config.neuron;
    let lacks = |what: String| Err(format!("{what}; a CubaLIF node has none of it. Leave out --layout"));
    if !neuron.model.is_default() {
        return lacks("a neuron that is not leaky (network.neuron.model)".into());
    }
    if neuron.refractory_steps > 0 {
        return lacks(format!(
            "a refractory period of {} steps (network.neuron.refractory_steps)",
            neuron.refractory_steps
        ));
    }
    if !neuron.membrane_time_constants.is_fixed() {
        return lacks("a membrane time constant per neuron (network.neuron.membrane_time_constants)".into());
    }
    let slowest = (0..config.neurons).map(|i| population.tau_decay_ms(i)).fold(0.0, f64::max);
    if neuron.synapse == Synapse::Double || slowest > 0.0 {
        return lacks(format!(
            "a synapse of {slowest} ms (network.neuron.tau_decay_ms) before the current, a second filter on the way of a spike"
        ));
    }
    Ok(())
}

/// The graph of a spiking network without a synaptic filter, in the layout `cubalif`.
fn cubalif(
    artifact: &Artifact,
    config: &SpikingConfig,
    population: &Population,
    experiment: &Experiment,
) -> Result<Graph> {
    let (n, modes, neuron, dt) = (config.neurons, config.modes, &config.neuron, CUBALIF_DT);
    let (channels, outputs) = experiment.task.channels_and_outputs();
    let get = |name: &str, shape: &[usize]| artifact.values::<f32>(name, shape);
    let [syn, membrane] =
        [neuron.tau_current_ms, neuron.tau_membrane_ms].map(|tau_ms| dt / (1.0 - neuron.alpha(tau_ms)));
    // One threshold for all: potentials of the other neurons are scaled.
    let threshold = population.threshold(0);
    let scale = |i: usize| threshold / population.threshold(i);
    let (mode_in, score, mode_out) =
        (get("mode_in", &[n, modes])?, get("score", &[modes])?, get("mode_out", &[n, modes])?);
    let recurrent = |(i, j): (usize, usize)| {
        let of_mode =
            |p: usize| f64::from(mode_in[i * modes + p]) * f64::from(score[p]) * f64::from(mode_out[j * modes + p]);
        (scale(i) * neuron.gain() * (0..modes).map(of_mode).sum::<f64>()) as f32
    };
    let recurrent = (0..n * n).map(|at| recurrent((at / n, at % n))).collect();
    let alike = |value: f64| vec![value; n];
    let fields = [
        ("tau_mem", membrane),
        ("tau_syn", syn),
        ("r", membrane / dt),
        ("v_leak", 0.0),
        ("v_reset", 0.0),
        ("v_threshold", threshold * membrane / dt),
        ("w_in", syn / dt),
    ];
    let fields = fields.map(|(name, value)| each(name, alike(value))).into();
    let neurons = Node { name: "rnn.lif", kind: "CubaLIF", fields, metadata: vec![number("refractory", 0.0)] };
    let nodes = vec![
        end("input", "Input", channels),
        linear("w_in", n, scaled(get("w_in", &[n, channels])?, channels, |i, _| scale(i))),
        neurons,
        linear("rnn.w_rec", n, recurrent),
        linear("w_out", outputs, scaled(get("w_out", &[outputs, n])?, n, |_, _| neuron.gain())),
        end("output", "Output", outputs),
    ];
    let paths = vec![vec!["input", "w_in", "rnn.lif", "w_out", "output"], vec!["rnn.lif", "rnn.w_rec", "rnn.lif"]];
    let metadata = vec![number("dt", dt), number("step", neuron.dt_ms / 1e3), readout(experiment)];
    Ok(Graph { nodes, paths, metadata })
}

/// The readout of a spiking network, as metadata.
fn readout(experiment: &Experiment) -> Field {
    let of_examples = experiment.task.data_set().map(|_| experiment.training.readout.described());
    text("readout", of_examples.unwrap_or("per-step"))
}

/// Refuses features that NIR has no nodes for.
fn representable(config: &LifConfig) -> std::result::Result<(), String> {
    let lacks = |what: &str| Err(format!("{what}; NIR has nothing for it"));
    match config {
        LifConfig { neuron, .. } if !matches!(neuron, LifNeuron::Lif(_)) => {
            lacks(&format!("{} neurons (lif.neuron)", neuron.name()))
        }
        LifConfig { stimulation: Some(_), .. } => lacks("an artificial stimulation (lif.stimulation)"),
        LifConfig { use_initial_weights: true, .. } => lacks("weights from before training (lif.use_initial_weights)"),
        _ => Ok(()),
    }
}

/// a = 1 − e^{−dt/τ}
fn step_gain(dt: f64, tau: f64) -> f64 {
    -(-dt / tau).exp_m1()
}

/// The graph of a LIF network.
fn lif(artifact: &Artifact, config: &RateConfig, lif: &LifConfig) -> Result<Graph> {
    let parameters = RateParameters::read(artifact, config, "")?;
    let factor = artifact.values::<f64>("scaling_factor", &[1])?[0];
    let (n, dt, tau_rise) = (parameters.neurons, lif.step_ms() / 1e3, lif.tau_rise_ms / 1e3);
    let calibration = read_calibration(artifact, n, parameters.outputs)?;
    let units = calibration.units.as_ref();
    let outgoing = |j: usize| units.map_or(1.0, |units| factor / units.scaling_factor[j]);
    let bias_mv = |i: usize| lif.bias_mv() + units.map_or(0.0, |units| units.bias_mv[i]);
    let double = lif.synapse == LifSynapse::Double;
    let tau_decay: Vec<f64> = parameters.tau_ms(config).iter().map(|tau| f64::from(*tau) / 1e3).collect();
    let gain = |i: usize| match (step_gain(dt, tau_decay[i]), step_gain(dt, tau_rise)) {
        (decay, rise) if double => dt / (rise * decay * tau_rise * tau_decay[i]),
        (decay, _) => 1.0 / (decay * tau_decay[i]),
    };
    let offset = lif.v_reset_mv;
    let metadata = [lif.refractory_ms / 1e3, lif.noise_sd_mv(), offset, lif.v_initial_max_mv - offset];
    let thresholds = vec![lif.v_peak_mv() - offset; n];
    let biases = (0..n).map(|i| bias_mv(i) - offset).collect();
    let neurons = neurons(vec![lif.tau_membrane_ms / 1e3; n], biases, thresholds, metadata);
    let (recurrent, mut back) = recurrence(&parameters.recurrent, n, |i| gain(i) / factor, outgoing);
    let euler = |tau: f64| dt / step_gain(dt, tau);
    let decays: Vec<f64> = tau_decay.iter().map(|tau| euler(*tau)).collect();
    let w_out = match &calibration.readout {
        Some(readout) => readout.iter().enumerate().map(|(at, v)| (v * gain(at % n) / factor) as f32).collect(),
        None => scaled(&parameters.w_out, n, |_, j| gain(j) / factor * outgoing(j)),
    };
    let mut nodes = vec![
        end("input", "Input", parameters.channels),
        affine("w_in", n, parameters.w_in.clone()),
        neurons,
        filter("decay", decays.clone()),
        filter("readout_decay", decays),
        affine("w_out", parameters.outputs, w_out),
        end("output", "Output", parameters.outputs),
    ];
    nodes.extend(recurrent);
    let mut readout = vec!["lif"];
    if double {
        let rises = vec![euler(tau_rise); n];
        nodes.extend([filter("rise", rises.clone()), filter("readout_rise", rises)]);
        back.push("rise");
        readout.push("readout_rise");
    }
    back.insert(0, "lif");
    back.extend(["decay", "lif"]);
    readout.extend(["readout_decay", "w_out", "output"]);
    Ok(Graph { nodes, paths: vec![vec!["input", "w_in", "lif"], back, readout], metadata: vec![number("dt", dt)] })
}

/// The graph of a spiking mode network.
fn spiking(artifact: &Artifact, config: &SpikingConfig, experiment: &Experiment) -> Result<Graph> {
    let (n, modes, neuron) = (config.neurons, config.modes, &config.neuron);
    let population = Population::read(artifact, config)?;
    let (channels, outputs) = experiment.task.channels_and_outputs();
    let get = |name: &str, shape: &[usize]| artifact.values::<f32>(name, shape).map(<[f32]>::to_vec);
    let dt = neuron.dt_ms / 1e3;
    let gain_of = |tau_ms: f64| 1.0 - neuron.alpha(tau_ms);
    let current = gain_of(neuron.tau_current_ms);
    let membranes: Vec<f64> = match neuron.membrane_time_constants.is_fixed() {
        true => vec![dt / gain_of(neuron.tau_membrane_ms); n],
        false => get("tau_membrane_ms", &[n])?.iter().map(|tau_ms| dt / gain_of(f64::from(*tau_ms))).collect(),
    };
    let rise = gain_of(neuron.tau_rise_ms);
    let double = neuron.synapse == Synapse::Double;
    let taus: Vec<f64> = (0..n).map(|i| population.tau_decay_ms(i)).collect();
    let gain = |tau: &f64| neuron.gain_at(*tau) / (gain_of(*tau) * if double { rise } else { 1.0 });
    let gains: Vec<f64> = taus.iter().map(gain).collect();
    let refractory = f64::from(neuron.refractory_steps) * dt;
    let thresholds = (0..n).map(|i| population.threshold(i)).collect();
    let neurons = neurons(membranes, vec![0.0; n], thresholds, [refractory, 0.0, 0.0, 0.0]);
    // The gain of neuron 0 is included in Ξ_in, the ratios of the other gains to it in Ξ_out.
    let recurrent = RecurrentWeights::Modes {
        modes,
        mode_in: get("mode_in", &[n, modes])?,
        score: get("score", &[modes])?,
        mode_out: scaled(&get("mode_out", &[n, modes])?, modes, |j, _| gains[j] / gains[0]),
    };
    let (recurrent, back) = recurrence(&recurrent, n, |_| gains[0] / current, |_| 1.0);
    let mut nodes = vec![
        end("input", "Input", channels),
        affine("w_in", n, scaled(&get("w_in", &[n, channels])?, channels, |_, _| 1.0 / current)),
        filter("current", vec![dt / current; n]),
        neurons,
        filter("decay", taus.iter().map(|tau| dt / gain_of(*tau)).collect()),
        affine("w_out", outputs, scaled(&get("w_out", &[outputs, n])?, n, |_, j| gains[j])),
        end("output", "Output", outputs),
    ];
    nodes.extend(recurrent);
    let mut forward = vec!["input", "w_in", "current", "lif"];
    if double {
        nodes.push(filter("rise", vec![dt / rise; n]));
        forward.push("rise");
    }
    forward.extend(["decay", "w_out", "output"]);
    let back = [&["decay"][..], &back, &["current"]].concat();
    Ok(Graph { nodes, paths: vec![forward, back], metadata: vec![number("dt", dt), readout(experiment)] })
}

/// Nodes of the recurrent weights as seen by the units, row i times `gain(i)`, column j times `outgoing(j)`, in order.
fn recurrence(
    weights: &RecurrentWeights,
    n: usize,
    gain: impl Fn(usize) -> f64,
    outgoing: impl Fn(usize) -> f64,
) -> (Vec<Node>, Vec<&'static str>) {
    match weights {
        RecurrentWeights::Dense { w_rec, sign, mask } => {
            let seen = |i: usize, j: usize| {
                let kept = mask.as_ref().is_none_or(|mask| mask[i * n + j] != 0);
                let positive = if w_rec[i * n + j] > 0.0 { 1.0 } else { 0.0 };
                let signed = sign.as_ref().map_or(1.0, |sign| f64::from(sign[j]) * positive);
                if kept { signed } else { 0.0 }
            };
            let weight = scaled(w_rec, n, |i, j| seen(i, j) * gain(i) * outgoing(j));
            (vec![affine("w_rec", n, weight)], vec!["w_rec"])
        }
        RecurrentWeights::Modes { modes, mode_in, score, mode_out } => {
            let transposed: Vec<f32> = (0..*modes).flat_map(|p| (0..n).map(move |j| mode_out[j * modes + p])).collect();
            let transposed = scaled(&transposed, n, |_, j| outgoing(j));
            let scored = scaled(mode_in, *modes, |i, p| f64::from(score[p]) * gain(i));
            (vec![affine("mode_out", *modes, transposed), affine("mode_in", n, scored)], vec!["mode_out", "mode_in"])
        }
    }
}

/// Matrix with a given number of columns, each entry times a factor.
fn scaled(weight: &[f32], columns: usize, factor: impl Fn(usize, usize) -> f64) -> Vec<f32> {
    let entry = |(at, w): (usize, &f32)| (f64::from(*w) * factor(at / columns, at % columns)) as f32;
    weight.iter().enumerate().map(entry).collect()
}

fn number(name: &'static str, value: f64) -> Field {
    Field { name: name.into(), shape: vec![1], values: Values::Double(vec![value]) }
}

fn text(name: &'static str, value: &str) -> Field {
    Field { name: name.into(), shape: vec![], values: Values::Text(value.into()) }
}

fn end(name: &'static str, kind: &'static str, channels: usize) -> Node {
    let shape = Field { name: "shape".into(), shape: vec![1], values: Values::Whole(vec![channels as i64]) };
    Node { name, kind, fields: vec![shape], metadata: vec![] }
}

fn linear(name: &'static str, rows: usize, weight: Vec<f32>) -> Node {
    let weight =
        Field { name: "weight".into(), shape: vec![rows, weight.len() / rows], values: Values::Single(weight) };
    Node { name, kind: "Linear", fields: vec![weight], metadata: vec![] }
}

fn affine(name: &'static str, rows: usize, weight: Vec<f32>) -> Node {
    let bias = Field { name: "bias".into(), shape: vec![rows], values: Values::Single(vec![0.0; rows]) };
    let mut node = Node { kind: "Affine", ..linear(name, rows, weight) };
    node.fields.push(bias);
    node
}

/// Field of a population, one value per unit.
fn each(name: &'static str, values: Vec<f64>) -> Field {
    Field { name: name.into(), shape: vec![values.len()], values: Values::Double(values) }
}

/// Leaky integrators.
fn filter(name: &'static str, tau: Vec<f64>) -> Node {
    let n = tau.len();
    let fields = vec![each("tau", tau), each("r", vec![1.0; n]), each("v_leak", vec![0.0; n])];
    Node { name, kind: "LI", fields, metadata: vec![] }
}

/// Leaky integrate-and-fire neurons with these leaks and thresholds that reset to 0, with the values of [`METADATA`].
fn neurons(tau: Vec<f64>, v_leak: Vec<f64>, v_threshold: Vec<f64>, metadata: [f64; 4]) -> Node {
    let alike = |value: f64| vec![value; v_threshold.len()];
    let fields = [("tau", tau), ("r", alike(1.0)), ("v_leak", v_leak), ("v_reset", alike(0.0))];
    let threshold = each("v_threshold", v_threshold);
    let mut fields: Vec<Field> = fields.into_iter().map(|(field, values)| each(field, values)).collect();
    fields.insert(3, threshold);
    let metadata = METADATA.into_iter().zip(metadata).map(|(name, value)| number(name, value)).collect();
    Node { name: "lif", kind: "LIF", fields, metadata }
}

/// The file: `/version`, and `/node` with its `type`, `nodes`, `edges` and `metadata`.
fn to_hdf5(graph: &Graph) -> std::result::Result<Vec<u8>, hdf5_pure::Error> {
    let mut file = FileBuilder::new();
    file.create_dataset("version").with_strings(&[VERSION])?.with_shape(&[]);
    let mut top = file.create_group("node");
    top.create_dataset("type").with_strings(&["NIRGraph"])?.with_shape(&[]);
    let edges: Vec<&str> = graph.edges().flatten().collect();
    top.create_dataset("edges").with_strings(&edges)?.with_shape(&[edges.len() as u64 / 2, 2]);
    let mut nodes = top.create_group("nodes");
    for node in &graph.nodes {
        let mut group = nodes.create_group(node.name);
        group.create_dataset("type").with_strings(&[node.kind])?.with_shape(&[]);
        add_fields(&mut group, &node.fields)?;
        if !node.metadata.is_empty() {
            let metadata = metadata(&mut group, &node.metadata)?;
            group.add_group(metadata);
        }
        nodes.add_group(group.finish());
    }
    top.add_group(nodes.finish());
    let metadata = metadata(&mut top, &graph.metadata)?;
    top.add_group(metadata);
    file.add_group(top.finish());
    file.finish()
}

fn metadata(parent: &mut GroupBuilder, fields: &[Field]) -> std::result::Result<FinishedGroup, FormatError> {
    let mut group = parent.create_group("metadata");
    add_fields(&mut group, fields)?;
    Ok(group.finish())
}

fn add_fields(group: &mut GroupBuilder, fields: &[Field]) -> std::result::Result<(), FormatError> {
    for Field { name, shape, values } in fields {
        let dataset = group.create_dataset(name);
        match values {
            Values::Single(v) => dataset.with_f32_data(v),
            Values::Double(v) => dataset.with_f64_data(v),
            Values::Whole(v) => dataset.with_i64_data(v),
            Values::Byte(v) => dataset.with_u8_data(v),
            Values::Text(text) => dataset.with_strings(&[text])?,
        };
        dataset.with_shape(&shape.iter().map(|extent| *extent as u64).collect::<Vec<_>>());
    }
    Ok(())
}
