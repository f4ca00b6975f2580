//! State of a training run, as tensors of an artifact.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `updates` | `[1]` | I64 | number of updates so far |
//! | `parameter.*` | as in the network's artifact | F32 | each trained parameter |
//! | `first_moment.*`, `second_moment.*` | the same | F32 | Adam's moments of it |
//! | `best.*` | the same | F32 | each parameter at the best evaluation of the stage; absent before the first |
//! | `loss_sum` | `[1]` | F64 | sum of the training losses since the last evaluation |
//! | `cost_sum` | `[regularisers]` | F64 | likewise of their costs; absent without regularisers |
//! | `history.*` | `[rows]` | | as in the network's artifact |
//!
//! The state is that after an update, before any evaluation due at that update.

use crate::config::TrainingConfig;
use crate::metrics::{read_history, write_history};
use crate::stages::{Next, Place};
use crate::trainer::{Since, State};
use candle_core::{Result, Tensor};
use mdl_artifact::{Artifact, ArtifactError};

/// Prefixes of the tensors of a parameter.
const KINDS: [&str; 3] = ["parameter", "first_moment", "second_moment"];

impl State {
    /// Adds the state to an artifact.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn write(&self, artifact: &mut Artifact) -> Result<()> {
        artifact.insert("updates", &[1], vec![self.updates() as i64]);
        artifact.insert("loss_sum", &[1], vec![self.since.sum]);
        if !self.since.costs.is_empty() {
            artifact.insert("cost_sum", &[self.since.costs.len()], self.since.costs.clone());
        }
        write_history(&self.history, artifact);
        let mut add = |kind: &str, name: &str, tensor: &Tensor| {
            artifact.insert(&format!("{kind}.{name}"), tensor.dims(), tensor.flatten_all()?.to_vec1::<f32>()?);
            Ok(())
        };
        for (name, tensors) in self.adam.state() {
            KINDS.iter().zip(tensors).try_for_each(|(kind, tensor)| add(kind, name, tensor))?;
        }
        self.adam.state().zip(&self.best).try_for_each(|((name, _), tensor)| add("best", name, tensor))
    }

    /// Continues from a saved state; the network receives its parameters.
    ///
    /// # Errors
    /// A tensor that is missing, has another shape, or has values that this training run cannot have reached.
    pub fn restore(&mut self, artifact: &Artifact, config: &TrainingConfig) -> std::result::Result<(), ArtifactError> {
        let updates = artifact.values::<i64>("updates", &[1])?[0];
        let refused = |name, found: String, expected: String| Err(artifact.tensor_error(name, found, expected));
        let most = config.total_updates();
        if !(1..=most).contains(&u64::try_from(updates).unwrap_or(0)) {
            return refused("updates", updates.to_string(), format!("1 to {most} updates"));
        }
        let (updates, history) = (updates as u64, read_history(artifact, config)?);
        let (mut place, mut last) = (Place::default(), 0);
        for (i, row) in history.iter().enumerate() {
            let expected = place.next_evaluation(config, last);
            let next = place.after(config, i, row.update.max(place.begin), row.loss, row.performance);
            if row.update != expected || matches!(next, Next::End(_)) {
                let expected = format!("evaluation {i} at update {expected}, and none after the end of the training");
                return refused("history.update", row.update.to_string(), expected);
            }
            if let Next::Stage(next) = next {
                place = next;
            }
            last = row.update;
        }
        let next = place.next_evaluation(config, last);
        if !(last + 1..=next).contains(&updates) {
            let expected = format!("{} to {next} updates after {} evaluations", last + 1, history.len());
            return refused("updates", updates.to_string(), expected);
        }
        let since = updates - last;
        let tensor = |kind: &str, name: &str, like: &Tensor| {
            let name = format!("{kind}.{name}");
            let values = artifact.values::<f32>(&name, like.dims())?;
            if kind == "second_moment" && values.iter().any(|v| *v < 0.0) {
                return Err(artifact.tensor_error(&name, "a number below 0".into(), "numbers of at least 0".into()));
            }
            let read = Tensor::from_slice(values, like.dims(), like.device());
            read.map_err(|e| artifact.tensor_error(&name, e.to_string(), "a tensor that fits in memory".into()))
        };
        let of_parameter = |(name, like): (&str, [&Tensor; 3])| {
            Ok([tensor(KINDS[0], name, like[0])?, tensor(KINDS[1], name, like[1])?, tensor(KINDS[2], name, like[2])?])
        };
        let state = self.adam.state().map(of_parameter).collect::<std::result::Result<Vec<_>, _>>()?;
        if history.len() > place.first_row {
            let best = self.adam.state().map(|(name, [like, ..])| tensor("best", name, like));
            self.best = best.collect::<std::result::Result<_, _>>()?;
        }
        let costs = match config.regularisers.len() {
            0 => Vec::new(),
            count => artifact.values::<f64>("cost_sum", &[count])?.to_vec(),
        };
        self.since = Since { sum: artifact.values::<f64>("loss_sum", &[1])?[0], costs, count: since };
        (self.history, self.place) = (history, place);
        let restored = self.adam.restore(updates, state);
        restored.map_err(|e| artifact.tensor_error("parameter", e.to_string(), "the network's parameters".into()))
    }
}
