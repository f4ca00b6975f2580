//! Readout of labelled examples: from the outputs of every step to one output per class.
//!
//! ```text
//! maximum       y = W_out max_t r_t              Lin & Huang 2023
//! mean          y = (1/T) Σ_t W_out r_t
//! last          y = W_out r_T
//! softmax-sum   y = Σ_t softmax(W_out r_t)       Bittar & Garner 2022 (Front. Neurosci. 16, 865897)
//! ```

use candle_core::{D, Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Readout of an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExampleReadout {
    /// Output weights applied to the largest value of each unit over time.
    #[default]
    Maximum,
    /// Mean of the outputs over time.
    Mean,
    /// Outputs of the last step.
    Last,
    /// Sum over time of the softmax of the outputs (Bittar & Garner 2022).
    SoftmaxSum,
}

impl ExampleReadout {
    /// True for the readout of configs without this field.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Description in exported files.
    pub fn described(self) -> &'static str {
        match self {
            Self::Maximum => "max-over-time",
            Self::Mean => "mean-over-time",
            Self::Last => "last-step",
            Self::SoftmaxSum => "sum-of-softmax-over-time",
        }
    }

    /// Outputs `[B, O]` from those of every step, `[T, B, O]`; none for the maximum, which is taken of the units.
    ///
    /// # Errors
    /// Errors of candle: no steps.
    pub fn of_steps(self, outputs: &Tensor) -> Result<Option<Tensor>> {
        Ok(match self {
            Self::Maximum => None,
            Self::Mean => Some(outputs.mean(0)?),
            Self::Last => Some(outputs.get(outputs.dim(0)?.saturating_sub(1))?),
            Self::SoftmaxSum => Some(candle_nn::ops::softmax(outputs, D::Minus1)?.sum(0)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn readouts_by_hand() {
        // Two steps, one trial, two classes.
        let outputs = Tensor::new(&[[[0f64, 1.0]], [[4.0, 2.0]]], &Device::Cpu).unwrap();
        let of = |readout: ExampleReadout| {
            readout.of_steps(&outputs).unwrap().map(|y| y.flatten_all().unwrap().to_vec1::<f64>().unwrap())
        };
        assert_eq!(of(ExampleReadout::Maximum), None);
        assert_eq!(of(ExampleReadout::Mean), Some(vec![2.0, 1.5]));
        assert_eq!(of(ExampleReadout::Last), Some(vec![4.0, 2.0]));
        // σ(−1) + σ(2) and σ(1) + σ(−2), with σ(x) = 1/(1 + e⁻ˣ).
        let found = of(ExampleReadout::SoftmaxSum).unwrap();
        for (found, expected) in
            found.iter().zip([0.268_941_421_37 + 0.880_797_077_98, 0.731_058_578_63 + 0.119_202_922_02])
        {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let (steps, trials, classes) = (4, 3, 5);
        let values: Vec<f64> = (0..steps * trials * classes).map(|i| (i as f64 * 0.7).sin() * 2.0).collect();
        let weights: Vec<f64> = (0..trials * classes).map(|i| (i as f64 * 1.3).cos()).collect();
        let weights = Tensor::from_vec(weights, (trials, classes), &Device::Cpu).unwrap();
        for readout in [ExampleReadout::Mean, ExampleReadout::Last, ExampleReadout::SoftmaxSum] {
            let cost = |outputs: &Tensor| {
                let read = readout.of_steps(outputs).unwrap().unwrap();
                (read * &weights).unwrap().sum_all().unwrap()
            };
            let tensor = |values: Vec<f64>| Tensor::from_vec(values, (steps, trials, classes), &Device::Cpu).unwrap();
            let outputs = Var::from_tensor(&tensor(values.clone())).unwrap();
            let gradients = cost(&outputs).backward().unwrap();
            let found = gradients.get(&outputs).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
            for (i, found) in found.iter().enumerate() {
                let at = |by: f64| {
                    let mut changed = values.clone();
                    changed[i] += by;
                    cost(&tensor(changed)).to_scalar::<f64>().unwrap()
                };
                let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((found - expected).abs() < 1e-8, "{readout:?}: {i}: {found} {expected}");
            }
        }
    }
}
