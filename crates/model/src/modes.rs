//! Parameters of a mode network, rate or spiking.
//!
//! ```text
//! W_rec = Ξ_in diag(λ) Ξ_outᵀ          Ξ_in, Ξ_out [N, P],  λ [P] (the scores)
//! initial values: normal, mean 0, sd(W_in) = 1/√K, sd(Ξ_in) = sd(Ξ_out) = 1/√P, sd(λ) = 1/√N, sd(W_out) = 1/√O
//! ```
//!
//! W_rec is never formed. Source: Lin & Huang, *Spiking mode-based neural networks* (arXiv 2310.14621).

use candle_core::{Device, Result, Tensor};
use mdl_kernels::random::{Purpose, fill_normal};

/// Sizes of a mode network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeSizes {
    /// Neurons N.
    pub neurons: usize,
    /// Modes P.
    pub modes: usize,
    /// Input channels K.
    pub inputs: usize,
    /// Outputs O.
    pub outputs: usize,
}

/// The parameters of a mode network.
#[derive(Clone, Debug)]
pub struct ModeParameters {
    /// W_in `[N, K]`.
    pub w_in: Tensor,
    /// Ξ_in `[N, P]`.
    pub mode_in: Tensor,
    /// λ `[P]`.
    pub score: Tensor,
    /// Ξ_out `[N, P]`.
    pub mode_out: Tensor,
    /// W_out `[O, N]`.
    pub w_out: Tensor,
}

impl ModeParameters {
    /// Initial values for `seed`, `f32`. Each tensor has its own random numbers: its values depend on the other sizes
    /// only through their standard deviation.
    ///
    /// # Errors
    /// Only candle's own.
    pub fn initial(sizes: &ModeSizes, seed: u64) -> Result<Self> {
        let ModeSizes { neurons, modes, inputs, outputs } = *sizes;
        let normal = |index: u64, shape: &[usize], fan: usize| {
            let mut values = vec![0f32; shape.iter().product()];
            fill_normal(seed, Purpose::Initialisation, index, 0, 1.0 / (fan as f32).sqrt(), &mut values);
            Tensor::from_vec(values, shape, &Device::Cpu)
        };
        Ok(Self {
            w_in: normal(0, &[neurons, inputs], inputs)?,
            mode_in: normal(1, &[neurons, modes], modes)?,
            score: normal(2, &[modes], neurons)?,
            mode_out: normal(3, &[neurons, modes], modes)?,
            w_out: normal(4, &[outputs, neurons], outputs)?,
        })
    }

    /// Sizes of the tensors.
    ///
    /// # Errors
    /// Tensors of mismatched shapes; the message names the wrong one.
    pub fn sizes(&self) -> Result<ModeSizes> {
        let ((neurons, inputs), (outputs, _), modes) = (self.w_in.dims2()?, self.w_out.dims2()?, self.score.dims1()?);
        for (name, tensor, expected) in [
            ("mode_in", &self.mode_in, [neurons, modes]),
            ("mode_out", &self.mode_out, [neurons, modes]),
            ("w_out", &self.w_out, [outputs, neurons]),
        ] {
            if tensor.dims() != expected {
                candle_core::bail!("{name} has shape {:?}, expected {expected:?}", tensor.dims());
            }
        }
        Ok(ModeSizes { neurons, modes, inputs, outputs })
    }

    /// Tensors with their names in an artifact.
    pub fn named(&self) -> [(&'static str, &Tensor); 5] {
        [
            ("w_in", &self.w_in),
            ("mode_in", &self.mode_in),
            ("score", &self.score),
            ("mode_out", &self.mode_out),
            ("w_out", &self.w_out),
        ]
    }

    /// Ξ_in diag(λ) `[N, P]`, the factor of the recurrence that includes the scores.
    ///
    /// # Errors
    /// Tensors of mismatched shapes.
    pub fn scored_mode_in(&self) -> Result<Tensor> {
        self.mode_in.broadcast_mul(&self.score)
    }

    /// Importance of each mode, τ_μ = γ(‖ξ_in,μ‖ + ‖ξ_out,μ‖) + |λ_μ|, where γ = Σ|λ_μ| / Σ(‖ξ_in,μ‖ + ‖ξ_out,μ‖)
    /// brings both terms to the same scale.
    ///
    /// # Errors
    /// Tensors of mismatched shapes.
    pub fn importance(&self) -> Result<Vec<f64>> {
        let f64s = |tensor: &Tensor| tensor.to_dtype(candle_core::DType::F64);
        let norm = |modes: &Tensor| f64s(modes)?.sqr()?.sum(0)?.sqrt()?.to_vec1::<f64>();
        let norms: Vec<f64> = norm(&self.mode_in)?.iter().zip(norm(&self.mode_out)?).map(|(a, b)| a + b).collect();
        let scores: Vec<f64> = f64s(&self.score)?.abs()?.to_vec1()?;
        let gamma = scores.iter().sum::<f64>() / norms.iter().sum::<f64>();
        Ok(norms.iter().zip(scores).map(|(norm, score)| gamma * norm + score).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initial_values_have_the_published_spread() {
        let sizes = ModeSizes { neurons: 4000, modes: 9, inputs: 25, outputs: 16 };
        let parameters = ModeParameters::initial(&sizes, 3).unwrap();
        assert_eq!(parameters.sizes().unwrap(), sizes);
        for (name, expected) in [("w_in", 0.2), ("mode_in", 1.0 / 3.0), ("mode_out", 1.0 / 3.0), ("w_out", 0.25)] {
            let (_, tensor) = *parameters.named().iter().find(|(n, _)| *n == name).unwrap();
            let variance = tensor.sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
            assert!((variance.sqrt() / expected - 1.0).abs() < 0.02, "{name}: {}", variance.sqrt());
        }
        let again = ModeParameters::initial(&sizes, 3).unwrap();
        assert_eq!(again.score.to_vec1::<f32>().unwrap(), parameters.score.to_vec1::<f32>().unwrap());
        let other = ModeParameters::initial(&sizes, 4).unwrap();
        assert_ne!(other.score.to_vec1::<f32>().unwrap(), parameters.score.to_vec1::<f32>().unwrap());
    }

    #[test]
    fn importance_by_hand() {
        let tensor = |values: &[f32], shape: &[usize]| Tensor::from_slice(values, shape, &Device::Cpu).unwrap();
        let parameters = ModeParameters {
            w_in: tensor(&[1.0, 1.0], &[2, 1]),
            mode_in: tensor(&[3.0, 0.0, 4.0, 1.0], &[2, 2]),
            score: tensor(&[-2.0, 1.0], &[2]),
            mode_out: tensor(&[0.0, 6.0, 0.0, 8.0], &[2, 2]),
            w_out: tensor(&[1.0, 1.0], &[1, 2]),
        };
        // Norms (5, 1) and (0, 10): sums 5 and 11; γ = 3/16.
        let importance = parameters.importance().unwrap();
        assert!((importance[0] - (15.0 / 16.0 + 2.0)).abs() < 1e-12, "{importance:?}");
        assert!((importance[1] - (33.0 / 16.0 + 1.0)).abs() < 1e-12, "{importance:?}");
    }

    #[test]
    fn a_tensor_that_does_not_fit_is_named() {
        let sizes = ModeSizes { neurons: 5, modes: 2, inputs: 3, outputs: 1 };
        let mut parameters = ModeParameters::initial(&sizes, 0).unwrap();
        parameters.mode_out = parameters.mode_out.narrow(0, 0, 4).unwrap();
        let error = parameters.sizes().unwrap_err().to_string();
        assert!(error.contains("mode_out has shape [4, 2], expected [5, 2]"), "{error}");
    }
}
