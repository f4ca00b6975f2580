//! Networks saved by PsychRNN (`model.save`, a `.npz` file).
//!
//! | array | shape | content |
//! |---|---|---|
//! | `W_in`, `W_rec`, `W_out`, `b_out` | N×K, N×N, O×N, O | as used by the network, with masks and signs applied |
//! | `Dale_rec` | N×N | ±1 on the diagonal |
//! | `rec_connectivity`, `input_connectivity`, `output_connectivity` | as the weights | masks, already applied to the weights |
//! | `b_rec`, `init_state` | N, 1×N | accepted only if zero |
//!
//! x_t = (1 − α) x_{t−1} + α (W_rec φ(x_{t−1}) + W_in u_t + b_rec), y_t = W_out φ(x_t) + b_out with α = dt/τ. The file
//! contains neither dt nor τ, and φ (relu by default) only as a Python object.

use super::layout::{Layout, has};
use crate::mapping::{Mapping, Source};
use crate::options::{ImportOptions, Reading};
use crate::{Error, Result, Variables, dale};
use mdl_artifact::arrays::{Content, Variable};
use mdl_data::tasks::TaskConfig;
use serde_json::json;

/// Tensors and the arrays that contain them.
const ARRAYS: [(&str, &str); 4] = [("w_in", "W_in"), ("w_rec", "W_rec"), ("w_out", "W_out"), ("b_out", "b_out")];
/// Masks, already applied to the weights.
const MASKS: [&str; 3] = ["rec_connectivity", "input_connectivity", "output_connectivity"];
/// Signs of the units, and of their readout.
const SIGNS: [&str; 2] = ["Dale_rec", "Dale_out"];
/// Absolute values of `W_rec`.
const MAGNITUDES: &str = "|W_rec|";

/// This layout.
pub struct PsychRnn;

impl Layout for PsychRnn {
    fn name(&self) -> &'static str {
        "PsychRNN"
    }

    fn matches(&self, names: &[String]) -> bool {
        let has = |name: &str| has(names, name);
        has("W_in")
            && has("W_rec")
            && has("W_out")
            && ["Dale_rec", "rec_connectivity", "dale_ratio"].into_iter().any(has)
    }

    fn wanted(&self, name: &str) -> bool {
        ARRAYS.iter().any(|(_, array)| *array == name) || MASKS.contains(&name) || SIGNS.contains(&name)
    }

    fn is_record(&self, name: &str) -> bool {
        ["dale_ratio", "transfer_function"].contains(&name) || name.contains("/Adam") || name.ends_with("_power")
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

/// Mapping of a network.
///
/// # Errors
/// A missing or mismatched array; sizes that match no task; unspecified time constants or step.
fn mapping(variables: &mut Variables, options: &ImportOptions, reading: &mut Reading) -> Result<Mapping> {
    let undecided = |path, message: String| Error::Undecided { path, message };
    let path = variables.path.clone();
    let [outputs, _] = variables.matrix_shape("W_out")?;
    let kinds = TaskConfig::known();
    if options.task.is_none() && kinds.iter().all(|kind| kind.channels_and_outputs().1 != outputs) {
        let known: Vec<_> = kinds.iter().map(|k| format!("{} ({})", k.name(), k.channels_and_outputs().1)).collect();
        let message = format!(
            "a PsychRNN network with {outputs} outputs; the tasks here and their outputs: {}; --task names the file of another",
            known.join(", ")
        );
        return Err(undecided(path, message));
    }
    let missing = ["network.time_constants", "task.step_ms"].into_iter().find(|field| !options.sets(field));
    if let Some(missing) = missing {
        let message = format!(
            "a PsychRNN network, whose file holds neither tau nor dt: {missing} is not set. For tau = 100 and dt = 10: --set \
             'network.time_constants={{\"kind\":\"fixed\",\"ms\":100}}' --set task.step_ms=10"
        );
        return Err(undecided(path, message));
    }
    let has = |name: &&str| variables.has(name);
    MASKS.iter().chain(&SIGNS[1..]).copied().filter(has).for_each(|name| variables.mark_used(name));
    let present = ARRAYS.into_iter().filter(|(_, array)| variables.has(array) || *array != "b_out");
    let mut tensors: std::collections::BTreeMap<_, _> =
        present.map(|(tensor, array)| (tensor.to_string(), Source::array(array))).collect();
    if let Some(magnitudes) = magnitudes(variables)? {
        variables.derive(MAGNITUDES, magnitudes, &["W_rec"]);
        tensors.insert("w_rec".into(), Source::array(MAGNITUDES));
        tensors.insert("sign".into(), Source::array(SIGNS[0]));
        reading.record("a network of Dale's principle, as `Dale_rec` says");
    } else if variables.has(SIGNS[0]) {
        variables.mark_used(SIGNS[0]);
    }
    let mut network = json!({ "kind": "rate", "start": { "kind": "zero" }, "noise_sd": 0.0 });
    if !options.sets("network.activation") {
        network["activation"] = json!("relu");
        reading.choose(
            "a network of relu units, clipped at 20, without noise",
            "the file holds its transfer function as a Python object: --set network.activation=sigmoid (tanh, softplus) \
             names another one, --set network.noise_sd=… adds noise",
        );
    }
    Ok(Mapping { tensors, config: serde_json::Map::from_iter([("network".into(), network)]), ..Mapping::default() })
}

/// Absolute values of the weights of units with signs. The weights in the file carry the signs.
fn magnitudes(variables: &Variables) -> Result<Option<Variable>> {
    if !variables.has(SIGNS[0]) {
        return Ok(None);
    }
    let [n, _] = variables.matrix_shape("W_rec")?;
    let sign = dale::diagonal(variables, SIGNS[0], n)?;
    if sign.iter().all(|sign| *sign >= 0.0) {
        return Ok(None);
    }
    let weights = variables.numbers("W_rec", &[n, n])?;
    if let Some(at) = (0..n * n).find(|at| weights[*at] * f64::from(sign[at % n]) < 0.0) {
        let found = format!("{} at row {}, column {}", weights[at], at / n, at % n);
        return Err(variables.error("W_rec", found, format!("the sign of `Dale_rec`, {}", sign[at % n])));
    }
    let magnitudes = weights.iter().map(|w| w.abs()).collect();
    Ok(Some(Variable { shape: vec![n, n], content: Content::Numbers(magnitudes) }))
}
