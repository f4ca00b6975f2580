//! A NIR graph as read from a file: nodes, edges, and the weights and filters on the way from one node to another.

use crate::mapping::matches_any;
use crate::{Error, Result, Variables};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number of nodes of a graph.
const MOST_NODES: usize = 1000;
/// Maximum number of steps of a search for a way through a graph.
const MOST_STEPS: usize = 20_000;
/// Kinds of nodes that spike.
const SPIKING: [&str; 4] = ["LIF", "CubaLIF", "IF", "Threshold"];
/// Kinds of nodes with weights.
const WEIGHTS: [&str; 2] = ["Affine", "Linear"];

/// A node.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Name, with those of the graphs that it is in, as in `layer.lif`.
    pub name: String,
    /// Type, as in `LIF`.
    pub kind: String,
    /// Name of the graph that it is in; empty for the whole graph.
    graph: String,
    /// Path of its group in the file.
    path: String,
    /// True if the node is left out of the graph.
    ignored: bool,
}

/// A filter on the way of a signal: v += dt/τ (x − v), with a gain of 1 at rest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filter {
    /// Node that filters.
    pub name: String,
    /// dt/τ, one for all or one per unit.
    pub shares: Vec<f64>,
}

/// Matrix of weights, row = to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f64>,
}

/// What happens to a signal on its way: filters, weights, filters.
#[derive(Clone, Debug, Default)]
pub(super) struct Segment {
    /// Filters before the first weights.
    pub before: Vec<Filter>,
    /// Weights, with the gains of all nodes.
    pub weights: Vec<Matrix>,
    /// Filters after the last weights.
    pub after: Vec<Filter>,
}

/// A graph. Graphs within it are part of it.
pub(super) struct Graph<'a> {
    variables: &'a Variables,
    ignore: &'a [String],
    /// Time step for which the decays are computed (s).
    pub dt: f64,
    nodes: BTreeMap<String, Node>,
    next: BTreeMap<String, Vec<String>>,
    /// Names of the graphs within it.
    graphs: BTreeSet<String>,
    /// Graphs whose input leads into their recurrent weights.
    pub misled: Vec<String>,
}

impl<'a> Graph<'a> {
    /// The graph in a file.
    ///
    /// # Errors
    /// Missing or wrong nodes and edges.
    pub fn read(variables: &'a Variables, ignore: &'a [String], dt: f64) -> Result<Self> {
        let (nodes, next) = (BTreeMap::new(), BTreeMap::new());
        let mut graph = Self { variables, ignore, dt, nodes, next, graphs: BTreeSet::new(), misled: Vec::new() };
        let mut edges = Vec::new();
        graph.collect("node", "", &mut edges)?;
        for (from, to) in edges {
            for from in graph.ends(&from, "Output")? {
                for to in graph.ends(&to, "Input")? {
                    graph.next.entry(from.clone()).or_default().push(to);
                }
            }
        }
        Ok(graph)
    }

    /// Collects the nodes and edges of the graph at `path`, whose nodes are named `prefix` and their name.
    fn collect(&mut self, path: &str, prefix: &str, edges: &mut Vec<(String, String)>) -> Result<()> {
        let begin = format!("{path}/nodes/");
        let inner = |name: &str| Some(name.strip_prefix(&begin)?.strip_suffix("/type")?.to_string());
        let names: Vec<String> = self.variables.names().filter_map(inner).filter(|name| !name.contains('/')).collect();
        for base in names {
            let (path, name) = (format!("{begin}{base}"), format!("{prefix}{base}"));
            let kind = self.variables.text(&format!("{path}/type"))?.to_string();
            if kind == "NIRGraph" {
                self.graphs.insert(name.clone());
                self.collect(&path, &format!("{name}."), edges)?;
                continue;
            }
            if self.nodes.len() == MOST_NODES {
                return Err(self.refuse(format!("more than {MOST_NODES} nodes")));
            }
            let ignored = matches_any(self.ignore, &name);
            let graph = prefix.trim_end_matches('.').into();
            self.nodes.insert(name.clone(), Node { name, kind, graph, path, ignored });
        }
        let of_file = self.variables.texts(&format!("{path}/edges"))?;
        let mut own: Vec<(String, String)> = Vec::new();
        for edge in of_file.as_chunks::<2>().0 {
            let [from, to] = edge.each_ref().map(|name| format!("{prefix}{name}"));
            if !own.contains(&(from.clone(), to.clone())) {
                own.push((from, to));
            }
        }
        self.lead_inputs_to_neurons(prefix, &mut own);
        edges.extend(own);
        Ok(())
    }

    /// Some tools write a layer as input → recurrent weights, though its input reaches the neurons directly.
    fn lead_inputs_to_neurons(&mut self, prefix: &str, edges: &mut [(String, String)]) {
        let is = |name: &str, kinds: &[&str]| self.nodes.get(name).is_some_and(|node| kinds.contains(&&*node.kind));
        let wrong = |edges: &[(String, String)]| {
            edges.iter().enumerate().find_map(|(at, (from, to))| {
                let leads = is(from, &["Input"]) && is(to, &WEIGHTS);
                let direct = |neuron: &String| edges.iter().any(|(a, b)| a == from && b == neuron);
                let back = |neuron: &&String| {
                    is(neuron.as_str(), &SPIKING)
                        && edges.iter().any(|(a, b)| a == *neuron && b == to)
                        && !direct(neuron)
                };
                let neuron = edges.iter().filter(|(a, _)| a == to).map(|(_, b)| b).find(back)?;
                leads.then(|| (at, neuron.clone()))
            })
        };
        if let Some((at, neuron)) = wrong(edges) {
            edges[at].1 = neuron;
            self.misled.push(prefix.trim_end_matches('.').into());
        }
    }

    /// Nodes at the end of an edge: the node itself or, for a graph, its nodes of this kind.
    fn ends(&self, name: &str, kind: &str) -> Result<Vec<String>> {
        if self.nodes.contains_key(name) {
            return Ok(vec![name.into()]);
        }
        if !self.graphs.contains(name) {
            return Err(self.refuse(format!("an edge of node `{name}`, which is not in the graph")));
        }
        let within = |node: &&Node| node.kind == kind && node.graph == name;
        let ends: Vec<String> = self.nodes.values().filter(within).map(|node| node.name.clone()).collect();
        if ends.is_empty() {
            Err(self.refuse(format!("graph `{name}` without a node of type {kind}")))
        } else {
            Ok(ends)
        }
    }

    /// An error about the graph.
    pub fn refuse(&self, message: String) -> Error {
        Error::Undecided { path: self.variables.path.clone(), message: format!("NIR: {message}") }
    }

    /// An error about a node that has no counterpart here.
    pub fn unfit(&self, node: &Node, why: &str) -> Error {
        self.refuse(format!("node `{}` ({}): {why}", node.name, node.kind))
    }

    /// The node of the whole graph that is an input or an output.
    ///
    /// # Errors
    /// None, or several.
    pub fn end(&self, kind: &str) -> Result<&Node> {
        let ends: Vec<&Node> = self.nodes.values().filter(|n| n.kind == kind && n.graph.is_empty()).collect();
        match ends[..] {
            [end] => Ok(end),
            _ => Err(self.refuse(format!("{} nodes of type {kind}, expected one", ends.len()))),
        }
    }

    /// The only population of neurons that spike.
    ///
    /// # Errors
    /// None, or several.
    pub fn neurons(&self) -> Result<&Node> {
        let spiking: Vec<&Node> = self.nodes.values().filter(|node| is_spiking(node)).collect();
        match spiking[..] {
            [neurons] => Ok(neurons),
            [] => Err(self.refuse("no neurons that spike (LIF, CubaLIF)".into())),
            _ => {
                let names: Vec<&str> = spiking.iter().map(|node| node.name.as_str()).collect();
                let last = names[names.len() - 1];
                Err(self.refuse(format!(
                    "{} populations of neurons that spike, {}; networks here have one. --ignore {last} leaves out the \
                     neurons of an output layer, so that its weights are the readout",
                    names.len(),
                    names.join(", ")
                )))
            }
        }
    }

    /// Numbers of a field of a node: one, if all are equal.
    ///
    /// # Errors
    /// A missing field, or other content than finite numbers.
    pub fn field(&self, node: &Node, field: &str) -> Result<Vec<f64>> {
        let values = self.variables.flat(&format!("{}/{field}", node.path))?;
        let first = values.first().ok_or_else(|| self.unfit(node, &format!("no numbers in `{field}`")))?;
        Ok(if values.iter().all(|value| value == first) { vec![*first] } else { values.to_vec() })
    }

    /// Numbers of a field that may be missing.
    pub fn optional(&self, node: &Node, field: &str) -> Result<Option<Vec<f64>>> {
        if self.variables.has(&format!("{}/{field}", node.path)) { self.field(node, field).map(Some) } else { Ok(None) }
    }

    /// Refuses a field whose numbers are not all 0; a missing one is 0.
    pub fn require_zero(&self, node: &Node, field: &str) -> Result<()> {
        let Some(values) = self.optional(node, field)? else { return Ok(()) };
        let name = format!("{}.{field}", node.name);
        match values.iter().find(|value| **value != 0.0) {
            Some(other) if !matches_any(self.ignore, &name) => {
                Err(self.unfit(node, &format!("found {field} = {other}, expected 0; --ignore {name} leaves it out")))
            }
            _ => Ok(()),
        }
    }

    /// dt/τ of a field with time constants.
    ///
    /// # Errors
    /// A time constant below the step.
    pub fn shares(&self, node: &Node, field: &str) -> Result<Vec<f64>> {
        let taus = self.field(node, field)?;
        // Time constants in single precision may round to just below the step.
        match taus.iter().find(|tau| **tau < self.dt * (1.0 - 1e-6)) {
            Some(tau) => Err(self.unfit(node, &format!("{field} = {tau} s, below the time step of {} s", self.dt))),
            None => Ok(taus.iter().map(|tau| (self.dt / tau).min(1.0)).collect()),
        }
    }

    /// Gain r or w_in of a filter. Under `--ignore r` it is τ/dt, as if each input were added whole.
    pub fn gain(&self, node: &Node, field: &str, shares: &[f64]) -> Result<Vec<f64>> {
        if matches_any(self.ignore, "r") {
            return Ok(shares.iter().map(|share| 1.0 / share).collect());
        }
        self.field(node, field)
    }

    /// Nodes on the only way from one node to another that passes no neurons; none if there is no way.
    ///
    /// # Errors
    /// Several ways.
    pub fn way(&self, from: &Node, to: &Node) -> Result<Option<Vec<&Node>>> {
        let mut search = Search { graph: self, to, steps: 0, found: Vec::new() };
        search.from(&mut vec![from.name.clone()]).map_err(|()| self.refuse("a graph with too many edges".into()))?;
        match &search.found[..] {
            [] => Ok(None),
            [way] => Ok(Some(way.iter().map(|name| &self.nodes[name]).collect())),
            _ => Err(self.refuse(format!("two ways from `{}` to `{}`; networks here have one", from.name, to.name))),
        }
    }

    /// Filters and weights of the nodes of a way.
    ///
    /// # Errors
    /// Nodes that have no counterpart here.
    pub fn segment(&self, way: &[&Node]) -> Result<Segment> {
        let mut segment = Segment::default();
        let mut gain = vec![1.0];
        for node in way.iter().filter(|node| !node.ignored) {
            match node.kind.as_str() {
                "Input" | "Output" | "Flatten" => {}
                kind if WEIGHTS.contains(&kind) => {
                    self.require_zero(node, "bias")?;
                    let mut weights = self.weights(node)?;
                    let fits = segment.weights.last().is_none_or(|last| last.rows == weights.columns);
                    let per_unit = segment.after.iter().any(|filter| filter.shares.len() > 1);
                    if !fits || per_unit || ![1, weights.columns].contains(&gain.len()) {
                        return Err(self.unfit(node, "weights that do not fit what is before them"));
                    }
                    for (at, value) in weights.values.iter_mut().enumerate() {
                        *value *= gain[at % weights.columns % gain.len()];
                    }
                    gain = vec![1.0];
                    segment.weights.push(weights);
                }
                "Scale" => self.scale(node, &mut segment, &mut gain, &self.field(node, "scale")?)?,
                "LI" => {
                    self.require_zero(node, "v_leak")?;
                    let shares = self.shares(node, "tau")?;
                    self.scale(node, &mut segment, &mut gain, &self.gain(node, "r", &shares)?)?;
                    let filter = Filter { name: node.name.clone(), shares };
                    let filters = if segment.weights.is_empty() { &mut segment.before } else { &mut segment.after };
                    filters.push(filter);
                }
                _ => {
                    let known = "networks here have none of these; Input, Output, Affine, Linear, Scale, LI, LIF and CubaLIF \
                                 are read";
                    return Err(self.unfit(node, known));
                }
            }
        }
        if segment.weights.is_empty() {
            let names: Vec<&str> = way.iter().map(|node| node.name.as_str()).collect();
            return Err(self.refuse(format!("no weights (Affine, Linear) among {}", names.join(" → "))));
        }
        Ok(segment)
    }

    /// Multiplies the rows of the last weights, or the columns of those to come.
    pub fn scale(&self, node: &Node, segment: &mut Segment, to_come: &mut Vec<f64>, by: &[f64]) -> Result<()> {
        let misfit = || self.unfit(node, "a number of units that does not fit the weights before it");
        let Some(weights) = segment.weights.last_mut() else {
            let length = to_come.len().max(by.len());
            if [to_come.len(), by.len()].iter().any(|n| ![1, length].contains(n)) {
                return Err(misfit());
            }
            *to_come = (0..length).map(|i| to_come[i % to_come.len()] * by[i % by.len()]).collect();
            return Ok(());
        };
        if ![1, weights.rows].contains(&by.len()) {
            return Err(misfit());
        }
        for (at, value) in weights.values.iter_mut().enumerate() {
            *value *= by[at / weights.columns % by.len()];
        }
        Ok(())
    }

    fn weights(&self, node: &Node) -> Result<Matrix> {
        let name = format!("{}/weight", node.path);
        let [rows, columns] = self.variables.matrix_shape(&name)?;
        Ok(Matrix { rows, columns, values: self.variables.numbers(&name, &[rows, columns])?.to_vec() })
    }

    /// Names of the nodes that none of these ways passes.
    pub fn beside(&self, ways: &[&[&Node]]) -> Vec<&str> {
        let on_a_way = |name: &str| ways.iter().any(|way| way.iter().any(|node| node.name == name));
        self.nodes.values().filter(|n| !n.ignored && !on_a_way(&n.name)).map(|n| n.name.as_str()).collect()
    }
}

impl Node {
    /// Metadata of the node, by the name of the variable.
    pub fn metadata(&self, name: &str) -> String {
        format!("{}/metadata/{name}", self.path)
    }
}

fn is_spiking(node: &Node) -> bool {
    SPIKING.contains(&&*node.kind) && !node.ignored
}

/// A search for ways through a graph, which ends when two are found.
struct Search<'a> {
    graph: &'a Graph<'a>,
    to: &'a Node,
    steps: usize,
    found: Vec<Vec<String>>,
}

impl Search<'_> {
    fn from(&mut self, way: &mut Vec<String>) -> std::result::Result<(), ()> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(());
        }
        let next = way.last().and_then(|name| self.graph.next.get(name)).cloned().unwrap_or_default();
        for name in next {
            if name == self.to.name {
                self.found.push(way[1..].to_vec());
            } else if !way.contains(&name) && !is_spiking(&self.graph.nodes[&name]) {
                way.push(name);
                self.from(way)?;
                way.pop();
            }
            if self.found.len() > 1 {
                return Ok(());
            }
        }
        Ok(())
    }
}
