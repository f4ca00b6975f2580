//! Warning signs in training without divergence: exploding gradients, silent or saturated networks.
//!
//! They only cause warnings; training is the same with and without them.

use candle_core::{Result, Tensor};

/// A gradient counts as exploding when its norm is this many times the usual one.
const EXPLODED: f64 = 100.0;
/// Number of gradients before a usual norm is defined.
const AT_FIRST: u64 = 20;
/// Weight of earlier norms in the usual norm.
const EARLIER: f64 = 0.98;
/// Fraction of units that makes a network silent or saturated.
const NEARLY_ALL: f64 = 0.95;
/// A unit is silent below this fraction of the largest rate, and saturated above 1 minus this fraction.
const MARGIN: f64 = 1e-3;

/// Number of trials on which the units of a network are checked.
pub const CONDITION_TRIALS: usize = 4;

/// Activity of the units of a network on a few trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Number of units N.
    pub units: usize,
    /// Units that are silent at every step of every trial.
    pub silent: usize,
    /// Units that are at their largest rate at every step of every trial.
    pub saturated: usize,
}

impl Condition {
    /// Computes it from rates `[T, B, N]` of at most `largest`.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn of_rates(rates: &Tensor, largest: f64) -> Result<Self> {
        let (low, high) = ((MARGIN * largest) as f32, ((1.0 - MARGIN) * largest) as f32);
        let always = |test: fn(f32, f32) -> bool, bound: f32| -> Result<usize> {
            let (steps, batch, units) = rates.dims3()?;
            let values = rates.reshape((steps * batch, units))?.t()?.to_vec2::<f32>()?;
            Ok(values.iter().filter(|unit| unit.iter().all(|r| test(r.abs(), bound))).count())
        };
        let (silent, saturated) = (always(|r, low| r < low, low)?, always(|r, high| r > high, high)?);
        Ok(Self { units: rates.dim(2)?, silent, saturated })
    }

    /// Computes it from spikes `[T, B, N]`, 0 or 1, of units with `refractory_steps` after each spike: a unit is
    /// saturated if it spikes nearly as often as possible.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn of_spikes(spikes: &Tensor, refractory_steps: u32) -> Result<Self> {
        let (steps, batch, units) = spikes.dims3()?;
        let counts = spikes.sum((0, 1))?.to_vec1::<f32>()?;
        // A spike takes one step, and one more in which the reset empties the membrane.
        let most = batch as f32 * steps as f32 / (2 + refractory_steps) as f32;
        let silent = counts.iter().filter(|count| **count == 0.0).count();
        Ok(Self { units, silent, saturated: counts.iter().filter(|count| **count > 0.9 * most).count() })
    }
}

/// Monitor of a training run that warns once about each condition.
#[derive(Debug, Default)]
pub struct Guard {
    gradients: u64,
    /// Mean logarithm of the norms.
    usual: f64,
    reported: f64,
    silent: bool,
    saturated: bool,
}

impl Guard {
    /// Warning about a gradient with this norm at this update, if any; a later one only if it is ten times worse.
    pub fn gradient(&mut self, update: u64, norm: f64, clip_norm: Option<f64>) -> Option<String> {
        if norm <= 0.0 {
            return None;
        }
        let times = norm / self.usual.exp();
        let exploded = self.gradients >= AT_FIRST && times > EXPLODED.max(10.0 * self.reported);
        let weight = if self.gradients == 0 { 0.0 } else { EARLIER };
        self.usual = weight * self.usual + (1.0 - weight) * norm.ln();
        self.gradients += 1;
        if !exploded {
            return None;
        }
        self.reported = times;
        let remedy = match clip_norm {
            Some(limit) => format!("it was clipped to training.clip_norm = {limit}"),
            None => "set training.clip_norm or lower training.learning_rate".into(),
        };
        Some(format!(
            "the gradient explodes: its norm at update {update} is {norm:.3e}, {times:.0} times the usual; {remedy}"
        ))
    }

    /// Warning about the units after this update, if any; `hints` state what to change in a silent network and in a
    /// saturated one.
    pub fn units(&mut self, update: u64, condition: &Condition, hints: [&str; 2]) -> Option<String> {
        let Condition { units, silent, saturated } = *condition;
        let nearly_all = |count: usize| count as f64 >= (NEARLY_ALL * units as f64).max(1.0);
        let (what, warned, remedy) = if nearly_all(silent) {
            ("silent", &mut self.silent, hints[0])
        } else if nearly_all(silent + saturated) {
            ("saturated", &mut self.saturated, hints[1])
        } else {
            return None;
        };
        let first = !std::mem::replace(warned, true);
        let counts = format!("of {units} units {silent} are silent and {saturated} at their largest rate all the time");
        first.then(|| format!("the network is {what} after update {update}: {counts}; {remedy}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_gradient_that_explodes_is_reported_once() {
        let mut guard = Guard::default();
        for update in 1..=100 {
            let norm = if update % 2 == 0 { 1.0 } else { 9.0 };
            assert_eq!(guard.gradient(update, norm, None), None);
        }
        let text = guard.gradient(101, 1e4, None).unwrap();
        assert!(text.contains("update 101 is 1.000e4") && text.contains("set training.clip_norm"), "{text}");
        assert_eq!(guard.gradient(102, 1e4, None), None);
        assert!(guard.gradient(103, 1e7, Some(1.0)).unwrap().contains("clipped to training.clip_norm = 1"));
    }

    #[test]
    fn silent_and_saturated_units_are_counted() {
        let rates = Tensor::new(&[[[0f32, 1.0, 0.5, 0.0]], [[0.0, -0.9999, 0.5, 1.0]]], &Device::Cpu).unwrap();
        let condition = Condition::of_rates(&rates, 1.0).unwrap();
        assert_eq!(condition, Condition { units: 4, silent: 1, saturated: 1 });
        // Two refractory steps: a unit can spike at steps 1 and 5 of 8.
        let mut spikes = vec![0f32; 8 * 2];
        (spikes[0], spikes[8]) = (1.0, 1.0);
        let spikes = Tensor::from_vec(spikes, (8, 1, 2), &Device::Cpu).unwrap();
        assert_eq!(Condition::of_spikes(&spikes, 2).unwrap(), Condition { units: 2, silent: 1, saturated: 1 });
    }

    #[test]
    fn a_silent_network_is_named_once() {
        let mut guard = Guard::default();
        let condition = |silent, saturated| Condition { units: 100, silent, saturated };
        assert_eq!(guard.units(1, &condition(60, 34), ["a", "b"]), None);
        assert!(
            guard
                .units(2, &condition(95, 5), ["a", "b"])
                .unwrap()
                .contains("silent after update 2: of 100 units 95 are silent")
        );
        assert_eq!(guard.units(3, &condition(95, 5), ["a", "b"]), None);
        assert!(guard.units(4, &condition(40, 60), ["a", "b"]).unwrap().contains("saturated"));
    }
}
