//! Trajectories in mode space: the mode variables Ξ_outᵀ r_t, averaged over the trials of each condition.

use candle_core::{DType, Result, Tensor};
use mdl_artifact::Artifact;

/// Mean mode variables of each condition; trials are added batch by batch.
#[derive(Clone, Debug)]
pub struct ModeSpace {
    conditions: usize,
    modes: usize,
    steps: usize,
    /// Number of trials of each condition so far.
    trials: Vec<usize>,
    /// Sums over trials, `[conditions][T][P]`.
    sums: Vec<f64>,
}

impl ModeSpace {
    /// An empty mean over this many conditions of `steps` steps.
    pub fn new(conditions: usize, steps: usize, modes: usize) -> Self {
        let sums = vec![0.0; conditions * steps * modes];
        Self { conditions, modes, steps, trials: vec![0; conditions], sums }
    }

    /// Adds trials of these conditions: their synaptic traces r `[T, B, N]`, read through Ξ_out `[N, P]`.
    ///
    /// # Errors
    /// Errors of candle: shapes that do not match.
    pub fn add(&mut self, synapses: &Tensor, mode_out: &Tensor, conditions: &[usize]) -> Result<()> {
        let variables = synapses.broadcast_matmul(mode_out)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        for (row, values) in variables.chunks_exact(self.modes).enumerate() {
            let (step, condition) = (row / conditions.len(), conditions[row % conditions.len()]);
            let sums = &mut self.sums[(condition * self.steps + step) * self.modes..][..self.modes];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        }
        for condition in conditions {
            self.trials[*condition] += 1;
        }
        Ok(())
    }

    /// Adds the means to an artifact as `mode_activity` `[conditions, T, P]`, F32; zero for conditions without trials.
    pub fn write(&self, artifact: &mut Artifact) {
        let per_condition = self.sums.chunks(self.steps * self.modes).zip(&self.trials);
        let means =
            per_condition.flat_map(|(sums, trials)| sums.iter().map(|sum| (sum / (*trials).max(1) as f64) as f32));
        artifact.insert("mode_activity", &[self.conditions, self.steps, self.modes], means.collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use mdl_artifact::{Kind, Provenance};

    #[test]
    fn means_by_hand() {
        // Two steps, three trials of two neurons; the modes are the first neuron and the sum of both.
        let mut space = ModeSpace::new(3, 2, 2);
        let r = [[[1f32, 2.0], [3.0, 4.0], [10.0, 0.0]], [[5.0, 6.0], [7.0, 8.0], [0.0, 20.0]]];
        let mode_out = [[1f32, 1.0], [0.0, 1.0]];
        let (r, mode_out) = (Tensor::new(&r, &Device::Cpu).unwrap(), Tensor::new(&mode_out, &Device::Cpu).unwrap());
        space.add(&r, &mode_out, &[2, 2, 0]).unwrap();
        let mut artifact = Artifact::new(Kind::Evaluation, serde_json::Value::Null, Provenance::new("test", None, 1));
        space.write(&mut artifact);
        let means = artifact.values::<f32>("mode_activity", &[3, 2, 2]).unwrap();
        assert_eq!(means[8..], [2.0, 5.0, 6.0, 13.0]);
        assert_eq!(means[..4], [10.0, 10.0, 0.0, 20.0]);
        assert_eq!(means[4..8], [0.0; 4], "no trial was of this condition");
    }
}
