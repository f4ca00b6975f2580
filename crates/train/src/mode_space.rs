//! Trajectories in mode space: the mode variables Ξ_outᵀ r_t, averaged over the trials of each condition.

use candle_core::{DType, Result, Tensor};
use mdl_artifact::Artifact;

/// Mean mode variables of each condition, over the trials that have not ended; trials are added batch by batch.
#[derive(Clone, Debug)]
pub struct ModeSpace {
    conditions: usize,
    modes: usize,
    steps: usize,
    /// Number of trials of each condition so far that have each step, `[conditions][T]`.
    trials: Vec<usize>,
    /// Sums over trials, `[conditions][T][P]`.
    sums: Vec<f64>,
}

impl ModeSpace {
    /// An empty mean over this many conditions of `steps` steps.
    pub fn new(conditions: usize, steps: usize, modes: usize) -> Self {
        let sums = vec![0.0; conditions * steps * modes];
        Self { conditions, modes, steps, trials: vec![0; conditions * steps], sums }
    }

    /// Adds trials of these conditions and lengths in steps: their synaptic traces r `[T, B, N]`, read through Ξ_out
    /// `[N, P]`.
    ///
    /// # Errors
    /// Errors of candle: shapes that do not match.
    pub fn add(&mut self, synapses: &Tensor, mode_out: &Tensor, conditions: &[usize], lengths: &[usize]) -> Result<()> {
        let variables = synapses.broadcast_matmul(mode_out)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        for (row, values) in variables.chunks_exact(self.modes).enumerate() {
            let (step, trial) = (row / conditions.len(), row % conditions.len());
            if step >= lengths[trial] {
                continue;
            }
            let place = conditions[trial] * self.steps + step;
            self.trials[place] += 1;
            let sums = &mut self.sums[place * self.modes..][..self.modes];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        }
        Ok(())
    }

    /// Adds the means to an artifact as `mode_activity` `[conditions, T, P]`, F32; zero for conditions without trials, and
    /// the last mean again after all trials of a condition have ended.
    pub fn write(&self, artifact: &mut Artifact) {
        let mut means: Vec<f32> = Vec::with_capacity(self.sums.len());
        for (place, (sums, trials)) in self.sums.chunks(self.modes.max(1)).zip(&self.trials).enumerate() {
            match means.len().checked_sub(self.modes) {
                Some(last) if *trials == 0 && place % self.steps > 0 => means.extend_from_within(last..),
                _ => means.extend(sums.iter().map(|sum| (sum / (*trials).max(1) as f64) as f32)),
            }
        }
        artifact.insert("mode_activity", &[self.conditions, self.steps, self.modes], means);
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
        space.add(&r, &mode_out, &[2, 2, 0], &[2, 2, 1]).unwrap();
        let mut artifact = Artifact::new(Kind::Evaluation, serde_json::Value::Null, Provenance::new("test", None, 1));
        space.write(&mut artifact);
        let means = artifact.values::<f32>("mode_activity", &[3, 2, 2]).unwrap();
        assert_eq!(means[8..], [2.0, 5.0, 6.0, 13.0]);
        assert_eq!(means[..4], [10.0, 10.0, 10.0, 10.0], "its only trial ended after one step");
        assert_eq!(means[4..8], [0.0; 4], "no trial was of this condition");
    }
}
