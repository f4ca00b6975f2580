//! Settings of the analyses.

use mdl_data::field::{InvalidField, require};

/// Settings of the analyses.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Times (ms) at which the mean input of each condition is taken as constant input; none: the end of each trial.
    pub at_ms: Vec<f64>,
    /// Constant inputs `[K]` in place of those of the conditions.
    pub inputs: Vec<Vec<f64>>,
    /// Starts of the search for fixed points, per constant input.
    pub starts: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { at_ms: Vec::new(), inputs: Vec::new(), starts: 200 }
    }
}

impl Settings {
    /// Refuses settings that do not fit a task with this many channels and trials of this duration.
    ///
    /// # Errors
    /// [`InvalidField`].
    pub fn validate(&self, channels: usize, duration_ms: f64) -> Result<(), InvalidField> {
        require((1..=1_000_000).contains(&self.starts), "starts", self.starts, "1 to 1000000 starts")?;
        for at_ms in &self.at_ms {
            let ok = (0.0..=duration_ms).contains(at_ms);
            require(ok, "at", at_ms, &format!("times from 0 to {duration_ms} ms, the duration of a trial"))?;
        }
        for input in &self.inputs {
            let expected = format!("{channels} finite numbers, one per input channel");
            let fits = input.len() == channels && input.iter().all(|u| u.is_finite() && u.abs() <= 1e6);
            require(fits, "input", format!("{input:?}"), &expected)?;
        }
        Ok(())
    }
}
