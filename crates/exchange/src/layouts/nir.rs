//! NIR graphs with one population of recurrent LIF or CubaLIF neurons.
//!
//! ```text
//! LI        v += dt/τ (v_leak − v + r x)                  CubaLIF   I += dt/τ_syn (w_in x − I),  v += dt/τ_mem (v_leak − v + r I)
//! LIF       the same, with a spike and v = v_reset where v > v_threshold
//!
//! input → A → neurons           A, B, C: filters, weights, filters
//! neurons → B → neurons         spiking network:  A = W_in, current     B = synapse, W_rec, current    C = synapse, W_out
//! neurons → C → output          LIF network:      A = W_in              B = W_rec, synapse             C = synapse, W_out
//! ```
//!
//! A synapse is two filters (double exponential), one (single exponential) or none. A filter that is the same for all
//! units may be on either side of the weights. The filters of a CubaLIF node are `current`. Decays are read as Euler
//! steps, 1 − dt/τ, as NIR's simulators compute them; weights are multiplied by the gains that the equations here do not
//! have, and thresholds divided by r.
//!
//! A graph written by `export-network` also holds the config and the tensors that it was made of. They are taken if they
//! still make the same graph. A graph that was changed is read from its nodes.

mod graph;

use super::layout::{Layout, has};
use crate::export::nir::{TENSOR, differs};
use crate::mapping::{Mapping, Source};
use crate::options::{ImportOptions, Reading};
use crate::{Error, Result, Variables};
use graph::{Filter, Graph, Matrix, Node, Segment};
use mdl_artifact::arrays::{Content, Variable};
use mdl_artifact::{Kind, Provenance};
use serde_json::{Map, Value, json};

/// Beginning of the names of the metadata of a graph.
const METADATA: &str = "node/metadata/";

/// This layout.
pub struct Nir;

impl Layout for Nir {
    fn name(&self) -> &'static str {
        "NIR graph"
    }

    fn matches(&self, names: &[String]) -> bool {
        has(names, "node/edges") && names.iter().any(|name| name.starts_with("node/nodes/"))
    }

    fn wanted(&self, name: &str) -> bool {
        name.starts_with("node/")
    }

    fn is_record(&self, name: &str) -> bool {
        name.contains("/metadata/")
    }

    fn mapping(
        &self,
        variables: &mut Variables,
        options: &ImportOptions,
        reading: &mut Reading,
    ) -> Result<Option<Mapping>> {
        if options.kind == Some(Kind::Rate) {
            let message = "a NIR graph, whose neurons spike; expected --kind lif or spiking".into();
            return Err(Error::Undecided { path: variables.path.clone(), message });
        }
        let exported = exported(variables)?;
        if let Some(mapping) = &exported
            && agrees(mapping, variables)?
        {
            reading.record("the network that was exported, whose graph this is");
            mark_used(variables);
            return Ok(exported);
        }
        if exported.is_some() {
            reading.warn("the graph was changed after its export: the weights and constants of its nodes are read");
        }
        from_nodes(variables, exported.map(|mapping| mapping.config), options, reading).map(Some)
    }
}

/// Config and tensors that `export-network` wrote into the metadata.
fn exported(variables: &Variables) -> Result<Option<Mapping>> {
    let name = format!("{METADATA}config");
    if !variables.has(&name) {
        return Ok(None);
    }
    let config = serde_json::from_str::<Map<String, Value>>(variables.text(&name)?);
    let config = config.map_err(|e| variables.error(&name, e, "a config as JSON"))?;
    let begin = format!("{METADATA}{TENSOR}");
    let tensors =
        variables.names().filter_map(|name| Some((name.strip_prefix(&begin)?.to_string(), Source::array(name))));
    Ok(Some(Mapping { tensors: tensors.collect(), config, ..Mapping::default() }))
}

/// True if the graph is the one that the config and tensors in its metadata make.
fn agrees(mapping: &Mapping, variables: &Variables) -> Result<bool> {
    if mapping.tensors.is_empty() {
        return Ok(false);
    }
    let (options, mut reading) = (ImportOptions { name: "network", ..ImportOptions::default() }, Reading::default());
    let experiment = mapping.experiment(variables, &options, &mut reading)?;
    let provenance = Provenance::new("import-network", None, 0);
    let artifact = mapping.artifact(variables, &experiment, &options, provenance, &mut reading)?;
    Ok(!differs(&artifact, &experiment, variables)?)
}

/// The graph was read as a whole.
fn mark_used(variables: &Variables) {
    let names: Vec<String> = variables.names().map(String::from).collect();
    names.iter().filter(|name| name.starts_with("node/")).for_each(|name| variables.mark_used(name));
    variables.mark_used("version");
}

/// Time step of the graph (s), and of the network (ms).
fn time_step(variables: &Variables, options: &ImportOptions) -> Result<(f64, f64)> {
    let asked = options.set.iter().find_map(|argument| argument.strip_prefix("task.step_ms=")?.parse::<f64>().ok());
    let in_metadata = |name: &str| {
        let name = format!("{METADATA}{name}");
        variables.has(&name).then(|| variables.scalar(&name)).transpose()
    };
    let dt = match (in_metadata("dt")?, asked) {
        (Some(dt), _) => dt,
        (None, Some(step_ms)) => step_ms / 1e3,
        (None, None) => {
            let message =
                "a NIR graph that does not say for which time step its time constants are (metadata `dt`): --set \
                           task.step_ms=1 reads it as a network of 1 ms; snnTorch writes graphs of 0.1 ms"
                    .into();
            return Err(Error::Undecided { path: variables.path.clone(), message });
        }
    };
    let step_ms = in_metadata("step")?.unwrap_or(dt) * 1e3;
    if dt > 0.0 && step_ms > 0.0 && step_ms.is_finite() {
        return Ok((dt, snapped(step_ms)));
    }
    let message = format!("NIR: found a time step of {dt} s, expected a number above 0");
    Err(Error::Undecided { path: variables.path.clone(), message })
}

/// A number to 10 digits, if it is that up to rounding: 10 for 9.999999999999998.
fn snapped(x: f64) -> f64 {
    let rounded = format!("{x:.9e}").parse().unwrap_or(x);
    if (x - rounded).abs() <= 1e-12 * x.abs() { rounded } else { x }
}

/// What makes up a network.
struct Parts<'g> {
    neurons: &'g Node,
    units: usize,
    input: Segment,
    back: Segment,
    out: Segment,
}

/// The mapping of a network as its nodes say.
fn from_nodes(
    variables: &mut Variables,
    exported: Option<Map<String, Value>>,
    options: &ImportOptions,
    reading: &mut Reading,
) -> Result<Mapping> {
    let (dt, step_ms) = time_step(variables, options)?;
    let mut config = Value::Object(exported.unwrap_or_default());
    let tensors = {
        let graph = Graph::read(variables, options.ignore, dt)?;
        let parts = parts(&graph)?;
        for name in &graph.misled {
            let name = if name.is_empty() { "the graph" } else { name };
            reading.warn(format!(
                "the input of `{name}` leads into its recurrent weights; read as leading to its neurons"
            ));
        }
        let offset = scalar(variables, &parts.neurons.metadata("v_offset"))?.unwrap_or(0.0);
        let leak = graph.optional(parts.neurons, "v_leak")?.unwrap_or_else(|| vec![0.0]);
        let lif = offset != 0.0 || leak.iter().any(|v| *v != 0.0);
        if lif && options.kind != Some(Kind::Spiking) && variables.has(&parts.neurons.metadata("v_offset")) {
            lif_network(&graph, parts, variables, offset, &mut config)?
        } else {
            graph.require_zero(parts.neurons, "v_leak")?;
            spiking_network(&graph, parts, variables, step_ms, &mut config, reading)?
        }
    };
    mark_used(variables);
    let mut mapping = Mapping::default();
    for (tensor, shape, values) in tensors {
        let name = format!("{tensor} of the graph");
        variables.derive(&name, Variable { shape, content: Content::Numbers(values) }, &[]);
        mapping.tensors.insert(tensor.into(), Source::array(&name));
    }
    if let Value::Object(config) = config {
        mapping.config = config;
    }
    Ok(mapping)
}

/// A tensor: name, shape, values.
type Tensor = (&'static str, Vec<usize>, Vec<f64>);

fn scalar(variables: &Variables, name: &str) -> Result<Option<f64>> {
    variables.has(name).then(|| variables.scalar(name)).transpose()
}

fn parts<'g>(graph: &'g Graph) -> Result<Parts<'g>> {
    let (input, output, neurons) = (graph.end("Input")?, graph.end("Output")?, graph.neurons()?);
    if !["LIF", "CubaLIF"].contains(&&*neurons.kind) {
        return Err(graph.unfit(neurons, "expected neurons of type LIF or CubaLIF"));
    }
    graph.require_zero(neurons, "v_reset")?;
    let way = |from: &Node, to: &Node| {
        let missing = || graph.refuse(format!("no way from `{}` to `{}`; networks here have one", from.name, to.name));
        graph.way(from, to)?.ok_or_else(missing)
    };
    let ways = [way(input, neurons)?, way(neurons, neurons)?, way(neurons, output)?];
    if graph.way(input, output)?.is_some() {
        return Err(graph.refuse("a way from the input to the output past the neurons".into()));
    }
    let ends = [input, output, neurons];
    if let [first, ..] = graph.beside(&[&ends[..], &ways[0][..], &ways[1][..], &ways[2][..]])[..] {
        return Err(graph.refuse(format!("node `{first}` is on no way between input, neurons and output")));
    }
    let [mut input, mut back, out] = [&ways[0], &ways[1], &ways[2]].map(|way| graph.segment(way));
    if neurons.kind == "CubaLIF" {
        let shares = graph.shares(neurons, "tau_syn")?;
        let gain = graph.gain(neurons, "w_in", &shares)?;
        for segment in [&mut input, &mut back].into_iter().flatten() {
            graph.scale(neurons, segment, &mut Vec::new(), &gain)?;
            segment.after.push(Filter { name: format!("tau_syn of {}", neurons.name), shares: shares.clone() });
        }
    }
    let (input, back, out) = (input?, back?, out?);
    let units = back.weights.last().map_or(0, |weights| weights.rows);
    let parts = Parts { neurons, units, input, back, out };
    let sizes = [parts.input.rows(), parts.back.columns(), parts.out.columns()];
    if units == 0 || sizes.iter().any(|size| *size != units) {
        return Err(
            graph.refuse(format!("weights of {sizes:?} units in and out of the {units} neurons `{}`", neurons.name))
        );
    }
    Ok(parts)
}

impl Segment {
    fn rows(&self) -> usize {
        self.weights.last().map_or(0, |weights| weights.rows)
    }

    fn columns(&self) -> usize {
        self.weights.first().map_or(0, |weights| weights.columns)
    }

    /// All filters, those before the weights first.
    fn filters(&self) -> Vec<&Filter> {
        self.before.iter().chain(&self.after).collect()
    }

    /// The product of all weights.
    fn product(&self) -> Matrix {
        let mut weights = self.weights.iter();
        let first = weights.next().cloned().unwrap_or(Matrix { rows: 0, columns: 0, values: Vec::new() });
        weights.fold(first, |product, next| next.times(&product))
    }

    /// Ξ_in and Ξ_out, W = Ξ_in Ξ_outᵀ, if there are several weights in a row.
    fn modes(&self) -> Option<(Matrix, Matrix)> {
        let (last, others) = self.weights.split_last()?;
        let first = Self { weights: others.to_vec(), ..Self::default() };
        (!others.is_empty()).then(|| (last.clone(), first.product().transposed()))
    }
}

impl Matrix {
    fn identity(n: usize) -> Self {
        Self { rows: n, columns: n, values: (0..n * n).map(|at| f64::from(u8::from(at / n == at % n))).collect() }
    }

    fn transposed(&self) -> Self {
        let (rows, columns) = (self.columns, self.rows);
        let values = (0..rows * columns).map(|at| self.values[at % columns * rows + at / columns]).collect();
        Self { rows, columns, values }
    }

    fn times(&self, other: &Self) -> Self {
        let mut values = vec![0.0; self.rows * other.columns];
        for i in 0..self.rows {
            for k in 0..self.columns {
                let factor = self.values[i * self.columns + k];
                let row = &other.values[k * other.columns..][..other.columns];
                values[i * other.columns..][..other.columns]
                    .iter_mut()
                    .zip(row)
                    .for_each(|(sum, x)| *sum += factor * x);
            }
        }
        Self { rows: self.rows, columns: other.columns, values }
    }

    /// As a tensor, each entry times a factor of its row and column.
    fn tensor(self, name: &'static str, factor: impl Fn(usize, usize) -> f64) -> Tensor {
        let columns = self.columns.max(1);
        let entry = |(at, value): (usize, f64)| value * factor(at / columns, at % columns);
        (name, vec![self.rows, self.columns], self.values.into_iter().enumerate().map(entry).collect())
    }
}

/// True if two filters decay alike.
fn alike(a: &Filter, b: &Filter) -> bool {
    let n = a.shares.len().max(b.shares.len());
    (0..n).all(|i| {
        let [a, b] = [a, b].map(|filter| filter.shares[i % filter.shares.len()]);
        (a - b).abs() <= 1e-6 * a
    })
}

/// dt/τ of a unit.
fn share(filter: Option<&Filter>, unit: usize) -> f64 {
    filter.map_or(1.0, |filter| filter.shares[unit % filter.shares.len()])
}

/// The synapse: the filters of `back` without those of the input, which must be those of the readout, as (rise, decay).
fn synapse<'p>(
    graph: &Graph,
    back: &[&'p Filter],
    out: &[&Filter],
) -> Result<(Option<&'p Filter>, Option<&'p Filter>)> {
    let named = |filters: &[&Filter]| {
        let names: Vec<&str> = filters.iter().map(|filter| filter.name.as_str()).collect();
        if names.is_empty() { "nothing".into() } else { names.join(", ") }
    };
    let mut left = out.to_vec();
    for filter in back {
        if let Some(at) = left.iter().position(|other| alike(filter, other)) {
            left.remove(at);
        }
    }
    if !left.is_empty() || back.len() != out.len() || back.len() > 2 {
        return Err(graph.refuse(format!(
            "spikes are filtered by {} on the way back and by {} on the way out; here both have the same one or two filters, \
             or none",
            named(back),
            named(out)
        )));
    }
    match *back {
        [] => Ok((None, None)),
        [decay] => Ok((None, Some(decay))),
        [a, b, ..] => {
            let faster =
                |x: &Filter, y: &Filter| x.shares.len() == 1 && (y.shares.len() > 1 || x.shares[0] >= y.shares[0]);
            let (rise, decay) = if faster(a, b) { (a, b) } else { (b, a) };
            if rise.shares.len() > 1 {
                return Err(graph.refuse(format!("filters `{}` and `{}` both differ between units", a.name, b.name)));
            }
            Ok((Some(rise), Some(decay)))
        }
    }
}

/// One number for all neurons.
fn shared(graph: &Graph, node: &Node, field: &str, values: &[f64]) -> Result<f64> {
    match values {
        [value] => Ok(*value),
        _ => Err(graph.unfit(node, &format!("found {field} that differs between neurons, expected one for all"))),
    }
}

/// Tensors of a spiking network; its section of the config is written into `config`.
fn spiking_network(
    graph: &Graph,
    parts: Parts,
    variables: &Variables,
    step_ms: f64,
    config: &mut Value,
    reading: &mut Reading,
) -> Result<Vec<Tensor>> {
    let Parts { neurons, units, input, back, out } = parts;
    let mut on_back = back.filters();
    let current = match input.filters()[..] {
        [] => None,
        [filter] if filter.shares.len() == 1 => {
            let at = on_back.iter().rposition(|other| alike(filter, other)).ok_or_else(|| {
                graph.refuse(format!("the input is filtered by {}, the recurrent input is not", filter.name))
            })?;
            on_back.remove(at);
            Some(filter)
        }
        [filter] => return Err(graph.refuse(format!("{} differs between neurons, expected one for all", filter.name))),
        _ => return Err(graph.refuse("more than one filter between input and neurons".into())),
    };
    let late =
        |filter: &&&Filter| filter.shares.len() > 1 && back.after.iter().any(|after| std::ptr::eq(after, **filter));
    if let Some(filter) = on_back.iter().find(late) {
        let message =
            format!("filter `{}` differs between the neurons that receive; expected before the weights", filter.name);
        return Err(graph.refuse(message));
    }
    let (rise, decay) = synapse(graph, &on_back, &out.filters())?;
    let field = if neurons.kind == "LIF" { "tau" } else { "tau_mem" };
    let membrane = graph.shares(neurons, field)?;
    let gain = graph.gain(neurons, "r", &membrane)?;
    let membrane = shared(graph, neurons, field, &membrane)?;
    let thresholds = graph.field(neurons, "v_threshold")?;
    let n = thresholds.len().max(gain.len());
    let thresholds: Vec<f64> = (0..n).map(|i| thresholds[i % thresholds.len()] / gain[i % gain.len()]).collect();
    let tau_ms = |share: f64| if share > 1.0 - 1e-9 { 0.0 } else { snapped(-step_ms / (-share).ln_1p()) };
    let refractory = scalar(variables, &neurons.metadata("refractory"))?;
    let mut neuron = json!({
        "dt_ms": step_ms,
        "tau_current_ms": tau_ms(share(current, 0)),
        "tau_membrane_ms": tau_ms(membrane),
        "tau_decay_ms": tau_ms(share(decay, 0)),
        "threshold": thresholds[0],
        "refractory_steps": (refractory.unwrap_or(0.0) / graph.dt).round() as u64,
        "synapse": if rise.is_some() { "double" } else { "single" },
        "gain": "one-minus-alpha-decay",
    });
    if let Some(rise) = rise {
        neuron["tau_rise_ms"] = json!(tau_ms(rise.shares[0]));
    }
    let surrogate = config["network"]["neuron"]["surrogate"].clone();
    if !surrogate.is_null() {
        neuron["surrogate"] = surrogate;
    }
    config["network"] = json!({ "kind": "spiking", "neuron": neuron });
    if config["task"].is_null() {
        config["task"] = json!({});
    }
    config["task"]["step_ms"] = json!(step_ms);
    if refractory.is_none() {
        reading.choose(
            "neurons without a refractory period beyond the step of the reset",
            "--set network.neuron.refractory_steps=N gives them one",
        );
    }
    reading.record("decays as Euler steps, 1 − dt/τ, and spikes as they act here, two steps later");
    // Filters have a gain of 1 at rest in NIR; here the current adds its input whole, and the synapse that of κ = 1 − α_d.
    let (current, rise) = (share(current, 0), share(rise, 0));
    let (mode_in, mode_out) = back.modes().unwrap_or_else(|| (back.product(), Matrix::identity(units)));
    let mut tensors = vec![
        input.product().tensor("w_in", |_, _| current),
        mode_in.tensor("mode_in", |_, _| current * rise),
        mode_out.tensor("mode_out", |_, _| 1.0),
        out.product().tensor("w_out", |_, _| rise),
    ];
    if n > 1 {
        tensors.push(("threshold", vec![units], thresholds));
    }
    if let Some(decay) = decay
        && decay.shares.len() > 1
    {
        tensors.push(("tau_decay_ms", vec![units], decay.shares.iter().map(|share| tau_ms(*share)).collect()));
    }
    Ok(tensors)
}

/// Tensors of a LIF network, with the scaling factor 1 or that of its export; its sections of the config are written into
/// `config`.
fn lif_network(
    graph: &Graph,
    parts: Parts,
    variables: &Variables,
    offset: f64,
    config: &mut Value,
) -> Result<Vec<Tensor>> {
    let Parts { neurons, units, input, back, out } = parts;
    if neurons.kind != "LIF" || !input.filters().is_empty() {
        return Err(graph.unfit(neurons, "a LIF network has unfiltered input and neurons of type LIF"));
    }
    let (rise, decay) = synapse(graph, &back.filters(), &out.filters())?;
    let decay = decay.ok_or_else(|| graph.refuse("a LIF network without a synapse".into()))?;
    let field = |name: &str| shared(graph, neurons, name, &graph.field(neurons, name)?);
    if field("r")? != 1.0 {
        return Err(graph.unfit(neurons, "found r other than 1"));
    }
    let metadata = |name: &str| -> Result<f64> { Ok(scalar(variables, &neurons.metadata(name))?.unwrap_or(0.0)) };
    let tau = |share: f64| -graph.dt / (-share).ln_1p();
    let rise = rise.map(|rise| (rise.shares[0], tau(rise.shares[0])));
    let share_of = |unit: usize| share(Some(decay), unit);
    // The inverse of the gains of the export.
    let gain = |unit: usize| {
        let (a, tau) = (share_of(unit), tau(share_of(unit)));
        rise.map_or(a * tau, |(a_rise, tau_rise)| a * tau * a_rise * tau_rise / graph.dt)
    };
    let lif = [
        ("dt_ms", snapped(graph.dt * 1e3)),
        ("tau_membrane_ms", snapped(field("tau")? * 1e3)),
        ("refractory_ms", snapped(metadata("refractory")? * 1e3)),
        ("v_reset_mv", offset),
        ("v_initial_max_mv", offset + metadata("v_initial_max")?),
        ("v_peak_mv", offset + field("v_threshold")?),
        ("bias_mv", offset + field("v_leak")?),
        ("noise_sd_mv_per_step", metadata("noise_sd")?),
        ("tau_rise_ms", rise.map_or(2.0, |(_, tau)| snapped(tau * 1e3))),
    ];
    let section = |config: &Value, name: &str| match &config[name] {
        Value::Object(section) => Value::Object(section.clone()),
        _ => json!({}),
    };
    let mut section_lif = section(config, "lif");
    lif.into_iter().for_each(|(name, value)| section_lif[name] = json!(value));
    section_lif["downsample"] = json!(1);
    section_lif["scale_noise_with_dt"] = json!(false);
    section_lif["synapse"] = json!(if rise.is_some() { "double" } else { "single" });
    config["lif"] = section_lif;
    let taus_ms: Vec<f64> = decay.shares.iter().map(|share| snapped(tau(*share) * 1e3)).collect();
    let factor = scalar(variables, &format!("{METADATA}{TENSOR}scaling_factor"))?.unwrap_or(1.0);
    let modes = back.modes();
    let mut network = json!({
        "kind": "rate",
        "output_bias": false,
        "recurrence": if modes.is_some() { json!({ "kind": "modes" }) } else { json!({ "kind": "dense", "dale": false }) },
        "time_constants": { "kind": "fixed", "ms": taus_ms[0] },
    });
    let mut tensors = vec![
        input.product().tensor("w_in", |_, _| 1.0),
        out.product().tensor("w_out", |_, j| gain(j) * factor),
        ("scaling_factor", vec![1], vec![factor]),
    ];
    match modes {
        Some((mode_in, mode_out)) => {
            tensors.push(mode_in.tensor("mode_in", |i, _| gain(i) * factor));
            tensors.push(mode_out.tensor("mode_out", |_, _| 1.0));
        }
        None => tensors.push(back.product().tensor("w_rec", |i, _| gain(i) * factor)),
    }
    if taus_ms.len() > 1 {
        let bounds = taus_ms.iter().fold((f64::MAX, 0f64), |(low, high), tau| (low.min(*tau), high.max(*tau)));
        let (low, high) = (0.9 * bounds.0, 1.1 * bounds.1);
        network["time_constants"] = json!({ "kind": "trained", "min_ms": low, "max_ms": high });
        let theta = taus_ms.iter().map(|tau| ((tau - low) / (high - tau)).ln()).collect();
        tensors.push(("theta", vec![units], theta));
    }
    for field in ["activation", "noise_sd", "start", "integration"] {
        let stated = section(config, "network")[field].clone();
        if !stated.is_null() {
            network[field] = stated;
        }
    }
    config["network"] = network;
    Ok(tensors)
}
