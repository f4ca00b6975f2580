//! Mapping from a rate network to a LIF network (Kim, Li & Sejnowski 2019).
//!
//! ```text
//! W      = relu(W_rec)·M ⊙ S          (without Dale's principle W_rec ⊙ S; modes stay modes)
//! W_in, W_out as trained, τ_d,i = τ_i; W and W_out are divided by the scaling factor in a run
//! ```
//!
//! Only networks with non-negative rates can be converted to spikes. In a network with one time constant for all units,
//! it is the τ_d of every unit.

use crate::error::{Error, Result};
use crate::lif::{LifNetwork, Recurrent};
use mdl_model::rate::config::RateConfig;
use mdl_model::rate::parameters::{RateParameters, RecurrentWeights};
use mdl_model::rate::{Activation, UnitKind, effective_weights};

/// LIF network of a rate network with the recurrent weights of `recurrent`: its own, or those from before training.
///
/// # Errors
/// A tanh network.
pub fn lif_network(
    config: &RateConfig,
    parameters: &RateParameters,
    recurrent: &RecurrentWeights,
) -> Result<LifNetwork> {
    if config.activation == Activation::Tanh {
        return Err(Error::NegativeRates);
    }
    let double = |values: &[f32]| values.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
    let network = LifNetwork {
        units: parameters.neurons,
        inputs: parameters.channels,
        outputs: parameters.outputs,
        w_in: double(&parameters.w_in),
        recurrent: effective(recurrent, parameters.neurons),
        w_out: double(&parameters.w_out),
        tau_decay_ms: double(&parameters.tau_ms(config)),
        bias_mv: Vec::new(),
        kinds: kinds(recurrent),
    };
    network.validate()?;
    Ok(network)
}

/// Published grid of scaling factors for an activation; of an activation made for a factor, the grid around it.
pub fn published_factors(activation: Activation) -> Vec<f64> {
    let (first, last, step, unit) = match activation {
        Activation::Softplus | Activation::Relu => (4, 26, 2, 1.0),
        Activation::Sigmoid | Activation::Tanh => (20, 75, 5, 1.0),
        // The factors of sigmoid networks, relative to the one in their middle.
        Activation::Lif(lif) => (20, 75, 5, lif.scaling_factor / 50.0),
    };
    (first..=last).step_by(step).map(|factor| f64::from(factor) * unit).collect()
}

/// Weights as seen by the units.
fn effective(recurrent: &RecurrentWeights, n: usize) -> Recurrent {
    let double = |values: &[f32]| values.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
    match recurrent {
        RecurrentWeights::Modes { mode_in, score, mode_out, .. } => {
            Recurrent::Modes { mode_in: double(mode_in), score: double(score), mode_out: double(mode_out) }
        }
        RecurrentWeights::Dense { w_rec, sign, mask } => {
            let mask = mask.as_ref().map(|mask| mask.iter().map(|kept| f32::from(*kept)).collect::<Vec<f32>>());
            Recurrent::Dense(double(&effective_weights(n, sign.as_deref(), mask.as_deref(), w_rec)))
        }
    }
}

/// Kind of each unit under Dale's principle; empty otherwise.
fn kinds(recurrent: &RecurrentWeights) -> Vec<UnitKind> {
    let RecurrentWeights::Dense { sign: Some(sign), mask, .. } = recurrent else { return Vec::new() };
    UnitKind::of_units(sign, mask.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(recurrent: RecurrentWeights) -> RateParameters {
        RateParameters {
            neurons: 3,
            channels: 1,
            outputs: 1,
            w_in: vec![1.0; 3],
            recurrent,
            theta: Some(vec![0.0; 3]),
            w_out: vec![0.5; 3],
            b_out: Some(vec![9.0]),
        }
    }

    fn config(activation: &str, recurrence: &str) -> RateConfig {
        let text = format!(r#"{{"neurons": 3, "activation": "{activation}", "recurrence": {recurrence}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn dale_networks_carry_signs_by_column_and_keep_absent_connections_absent() {
        let weights = RecurrentWeights::Dense {
            w_rec: vec![1.0, 2.0, -3.0, 4.0, 5.0, 6.0, 7.0, -8.0, 9.0],
            sign: Some(vec![1.0, -1.0, -1.0]),
            mask: Some(vec![1, 1, 1, 1, 0, 0, 1, 1, 1]),
        };
        let config = config("sigmoid", r#"{"kind": "dense"}"#);
        let network = lif_network(&config, &parameters(weights.clone()), &weights).unwrap();
        let expected = [1.0, -2.0, 0.0, 4.0, 0.0, 0.0, 7.0, 0.0, -9.0];
        assert_eq!(network.recurrent, Recurrent::Dense(expected.to_vec()));
        assert_eq!(network.kinds, [UnitKind::Excitatory, UnitKind::Somatostatin, UnitKind::Inhibitory]);
        assert_eq!(network.tau_decay_ms, [60.0; 3]);
    }

    #[test]
    fn modes_stay_modes_and_tanh_is_refused() {
        let weights =
            RecurrentWeights::Modes { modes: 1, mode_in: vec![1.0; 3], score: vec![0.5], mode_out: vec![2.0; 3] };
        let modes = r#"{"kind": "modes", "modes": 1}"#;
        let network = lif_network(&config("sigmoid", modes), &parameters(weights.clone()), &weights).unwrap();
        assert!(matches!(network.recurrent, Recurrent::Modes { .. }) && network.kinds.is_empty());
        let error = lif_network(&config("tanh", modes), &parameters(weights.clone()), &weights).unwrap_err();
        assert!(error.to_string().contains("tanh"), "{error}");
    }

    #[test]
    fn grids_are_the_published_ones() {
        assert_eq!(published_factors(Activation::Sigmoid).len(), 12);
        assert_eq!(published_factors(Activation::Relu), (2..14).map(|k| f64::from(2 * k)).collect::<Vec<_>>());
    }
}
