//! Structure of a network: what its parameters depend on, and a training run that starts from them must share.

use mdl_artifact::differences;
use mdl_data::field::InvalidField;
use mdl_model::NetworkConfig;

/// Fields of the network section that may differ: they describe initial values, noise, or what is trained.
const FREE: [&str; 13] = [
    "initial_readout",
    "input_sd",
    "neuron.membrane_time_constants.spread",
    "neuron.surrogate",
    "noise_sd",
    "output_sd",
    "recurrence.connection_probability",
    "recurrence.gain",
    "recurrence.mode_sd",
    "recurrence.score_sd",
    "recurrence.train_scores",
    "start.sd",
    "train_input",
];

/// Refuses a network section that does not describe a network with the parameters of `from`.
///
/// # Errors
/// [`InvalidField`] naming the field inside the section; expected is its value in `from`.
///
/// # Panics
/// Never: every section is plain data.
pub fn check_structure(network: &NetworkConfig, from: &NetworkConfig) -> Result<(), InvalidField> {
    let [network, from] = [network, from].map(|section| serde_json::to_value(section).expect("plain data is JSON"));
    let is_free = |field: &str| {
        FREE.iter().any(|free| field.strip_prefix(free).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    };
    let differ = differences(&network, &from);
    let fixed = || differ.iter().filter(|difference| !is_free(&difference.field));
    // Another kind of something has other fields.
    let of_kind = fixed().find(|difference| difference.field.split('.').next_back() == Some("kind"));
    match of_kind.or_else(|| fixed().next()) {
        None => Ok(()),
        Some(difference) => Err(InvalidField {
            field: difference.field.clone(),
            found: difference.first.to_string(),
            expected: difference.second.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn differing(a: Value, b: Value) -> Option<InvalidField> {
        let [a, b] = [a, b].map(|json| serde_json::from_value(json).unwrap());
        check_structure(&a, &b).err()
    }

    #[test]
    fn only_fields_that_parameters_depend_on_count() {
        let rate = |neurons: u32, gain: f64, activation: &str| {
            json!({"kind": "rate", "neurons": neurons, "recurrence": {"kind": "dense", "gain": gain},
                "activation": activation, "noise_sd": gain, "start": {"kind": "drawn", "sd": gain}})
        };
        assert_eq!(differing(rate(5, 1.0, "sigmoid"), rate(5, 1.5, "sigmoid")), None);
        let error = differing(rate(5, 1.0, "sigmoid"), rate(6, 1.0, "sigmoid")).unwrap();
        assert_eq!(error.to_string(), "neurons: found 5, expected 6");
        assert_eq!(differing(rate(5, 1.0, "sigmoid"), rate(5, 1.0, "relu")).unwrap().field, "activation");
        let mut modes = rate(5, 1.0, "sigmoid");
        modes["recurrence"] = json!({"kind": "modes", "modes": 2});
        assert_eq!(differing(rate(5, 1.0, "sigmoid"), modes).unwrap().field, "recurrence.kind");
        let mut other = rate(5, 1.0, "sigmoid");
        other["recurrence"]["inhibitory_fraction"] = json!(0.9);
        let error = differing(other, rate(5, 1.0, "sigmoid")).unwrap();
        assert_eq!(error.field, "recurrence.inhibitory_fraction", "the signs are those of the network");
        let spiking =
            |modes: u32, neuron: Value| json!({"kind": "spiking", "neurons": 5, "modes": modes, "neuron": neuron});
        assert_eq!(differing(spiking(2, json!({})), spiking(2, json!({"surrogate": {"arctan": {"slope": 2}}}))), None);
        assert_eq!(differing(spiking(2, json!({})), spiking(3, json!({}))).unwrap().field, "modes");
        let adaptive = json!({"model": {"kind": "adaptive"}});
        assert!(differing(spiking(2, json!({})), spiking(2, adaptive)).unwrap().field.starts_with("neuron.model"));
        assert_eq!(differing(spiking(2, json!({})), rate(5, 1.0, "relu")).unwrap().field, "kind");
    }
}
