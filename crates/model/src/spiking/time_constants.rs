//! Time constants of the neurons: the same for all, drawn once for each, or trained.
//!
//! ```text
//! τ_i = τ_min + (τ_max − τ_min) sigmoid(θ_i)                   between the bounds for every θ_i
//! θ_i = ln((τ − τ_min)/(τ_max − τ)) + w N(0, 1)                at the start
//! ```
//!
//! τ is the time constant of the config, and the median of those that are drawn; w is their spread. Drawn time constants
//! are constants of the network; of trained ones, θ_i is a parameter of it. With w = 0 all start at τ.
//!
//! Sources: Perez-Nieves, Leung, Dragotti & Goodman, *Neural heterogeneity promotes robust learning* (Nature
//! Communications 12:5791, 2021), for drawn and trained time constants; Kim, Li & Sejnowski (PNAS 116:22811, 2019) for
//! bounds by a sigmoid.

use candle_core::{Result, Tensor};
use mdl_data::field::{InvalidField, require, require_between, require_duration_ms};
use mdl_kernels::random::{Purpose, fill_normal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Largest spread w.
const LARGEST_SPREAD: f64 = 10.0;
/// Largest time constant, in steps.
const MOST_STEPS: f64 = 1e6;

/// Time constants of the neurons of a network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[schemars(rename = "NeuronTimeConstants")]
pub enum TimeConstants {
    /// The same for all neurons.
    Fixed(Same),
    /// One per neuron, drawn with the initial parameters and then constant.
    Drawn(Bounds),
    /// One per neuron, drawn with the initial parameters and trained.
    Trained(Bounds),
}

/// Time constants that are the same for all neurons have no settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Same {}

/// Bounds and initial spread of time constants per neuron. The field with the time constant of all neurons is their median.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// Lower bound (ms), at least the step.
    pub min_ms: f64,
    /// Upper bound (ms), at most a million steps.
    pub max_ms: f64,
    /// Standard deviation w of θ at the start, from 0 to 10; τ = sigmoid(θ)(max − min) + min.
    pub spread: f64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { min_ms: 3.0, max_ms: 100.0, spread: 1.0 }
    }
}

impl Default for TimeConstants {
    fn default() -> Self {
        Self::Fixed(Same {})
    }
}

impl TimeConstants {
    /// True for the default, which configs need not name.
    pub fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }

    /// Whether they are parameters of the network.
    pub fn are_trained(&self) -> bool {
        matches!(self, Self::Trained(_))
    }

    fn bounds(&self) -> Option<&Bounds> {
        match self {
            Self::Fixed(_) => None,
            Self::Drawn(bounds) | Self::Trained(bounds) => Some(bounds),
        }
    }

    /// Refuses bounds that no time constant can have in steps of `dt_ms`, or that do not surround `median_ms`, the field
    /// `median`.
    pub(super) fn validate(
        &self,
        (median, median_ms): (&str, f64),
        dt_ms: f64,
    ) -> std::result::Result<(), InvalidField> {
        let Some(Bounds { min_ms, max_ms, spread }) = self.bounds() else { return Ok(()) };
        require_duration_ms("min_ms", *min_ms)?;
        require_duration_ms("max_ms", *max_ms)?;
        let expected = format!("at least the step, dt_ms = {dt_ms}: the step must follow it");
        require(*min_ms >= dt_ms, "min_ms", min_ms, &expected)?;
        let expected = format!("below {median} = {median_ms}, the median of the neurons");
        require(*min_ms < median_ms, "min_ms", min_ms, &expected)?;
        let expected = format!("above {median} = {median_ms}, the median of the neurons");
        require(*max_ms > median_ms, "max_ms", max_ms, &expected)?;
        let most_ms = MOST_STEPS * dt_ms;
        require(*max_ms <= most_ms, "max_ms", max_ms, &format!("at most {most_ms} ms, a million steps"))?;
        require_between("spread", *spread, 0.0, LARGEST_SPREAD)
    }

    /// θ of each neuron at the start, around that of `median_ms`; `index` is that of the stream of random numbers. Empty
    /// if the time constants are fixed.
    pub(super) fn initial(&self, median_ms: f64, neurons: usize, seed: u64, index: u64) -> Vec<f32> {
        let Some(Bounds { min_ms, max_ms, spread }) = self.bounds() else { return Vec::new() };
        let centre = ((median_ms - min_ms) / (max_ms - median_ms)).ln();
        let mut normal = vec![0f32; neurons];
        fill_normal(seed, Purpose::Initialisation, index, 0, 1.0, &mut normal);
        normal.iter().map(|z| (centre + spread * f64::from(*z)) as f32).collect()
    }

    /// τ of each neuron (ms), from θ `[N]`.
    pub(super) fn of_theta(&self, theta: &Tensor) -> Result<Tensor> {
        let Some(Bounds { min_ms, max_ms, .. }) = self.bounds() else {
            candle_core::bail!("time constants that are the same for all neurons have no θ")
        };
        candle_nn::ops::sigmoid(theta)?.affine(max_ms - min_ms, *min_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn impossible_bounds_are_named() {
        let named = |bounds: Bounds| {
            let invalid = TimeConstants::Drawn(bounds).validate(("tau_membrane_ms", 20.0), 2.0);
            invalid.map_err(|error| error.field)
        };
        let default = Bounds::default;
        assert_eq!(named(default()), Ok(()));
        assert_eq!(named(Bounds { min_ms: 1.0, ..default() }), Err("min_ms".into()));
        assert_eq!(named(Bounds { min_ms: 20.0, ..default() }), Err("min_ms".into()));
        assert_eq!(named(Bounds { min_ms: f64::NAN, ..default() }), Err("min_ms".into()));
        assert_eq!(named(Bounds { max_ms: 20.0, ..default() }), Err("max_ms".into()));
        assert_eq!(named(Bounds { max_ms: f64::INFINITY, ..default() }), Err("max_ms".into()));
        assert_eq!(named(Bounds { spread: -1.0, ..default() }), Err("spread".into()));
        assert_eq!(named(Bounds { spread: f64::NAN, ..default() }), Err("spread".into()));
        assert_eq!(TimeConstants::default().validate(("tau_membrane_ms", 20.0), 2.0), Ok(()));
    }

    #[test]
    fn drawn_time_constants_are_within_their_bounds_around_the_median() -> Result<()> {
        let drawn = |spread| TimeConstants::Drawn(Bounds { min_ms: 5.0, max_ms: 60.0, spread });
        let tau_ms = |of: TimeConstants| -> Result<Vec<f32>> {
            of.of_theta(&Tensor::new(of.initial(20.0, 2001, 7, 5), &Device::Cpu)?)?.to_vec1()
        };
        let mut wide = tau_ms(drawn(10.0))?;
        assert!(wide.iter().all(|tau_ms| (5.0..=60.0).contains(tau_ms)));
        wide.sort_by(f32::total_cmp);
        // 5 standard errors of the median of θ, π/2 · 10/√2001, are 1.4; sigmoid'(θ) ≤ 1/4.
        let mut moderate = tau_ms(drawn(1.0))?;
        moderate.sort_by(f32::total_cmp);
        assert!((moderate[1000] - 20.0).abs() < 0.25 * 55.0 * 0.14, "{}", moderate[1000]);
        assert!(moderate[1800] > 30.0 && moderate[200] < 12.0);
        for same in tau_ms(drawn(0.0))? {
            assert!((same - 20.0).abs() < 1e-5, "{same}");
        }
        assert!(TimeConstants::default().initial(20.0, 3, 7, 5).is_empty());
        Ok(())
    }
}
