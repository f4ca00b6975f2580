//! The search section of a config.

use mdl_data::field::{InvalidField, LARGEST, require, require_probability, require_trials};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rule for choosing a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// The middle of the best plateau: the run of factors that cannot be distinguished from the best one.
    Plateau,
    /// The smallest factor with the best performance (Kim et al. 2019).
    First,
    /// Of the factors that are not worse than the best one, trial by trial, the one whose outputs are closest to the target.
    Fidelity,
    /// The factor that the network was trained for, without a search, or the only one in `factors`.
    Fixed,
}

/// Start of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SearchStart {
    /// All factors of the grid.
    #[default]
    Grid,
    /// The factors with which the network in mean field succeeds, and their neighbours; further factors of the grid
    /// follow while the plateau touches the edge of those tried.
    Predicted,
}

/// Smallest scaling factor.
pub(crate) const LEAST_FACTOR: f64 = 1e-3;
/// Maximum number of factors in a config.
const MOST_FACTORS: usize = 10_000;

/// The search section of a config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SearchConfig {
    /// Scaling factors to try, ascending; none: 20, 25, …, 75 for sigmoid networks, 4, 6, …, 26 for softplus and relu.
    pub factors: Option<Vec<f64>>,
    /// Trials per factor.
    pub trials: u32,
    /// Start of the search.
    pub start: SearchStart,
    /// Rule for choosing the factor.
    pub select: Select,
    /// Add factors beyond the edge of the grid while the plateau touches it. By default, yes for the published grid and
    /// no if `factors` is given.
    pub extend: Option<bool>,
    /// Stop testing factors that are clearly worse, and spend at most 40 % of the trials of the full grid.
    pub race: bool,
    /// Finally halve the grid step around the plateau.
    pub refine: bool,
    /// Performance that the chosen factor must reach for a successful search.
    pub performance_at_least: f64,
}

impl Default for SearchConfig {
    fn default() -> Self {
        Self {
            factors: None,
            trials: 100,
            start: SearchStart::Grid,
            select: Select::Plateau,
            extend: None,
            race: false,
            refine: false,
            performance_at_least: 0.95,
        }
    }
}

impl SearchConfig {
    /// True if factors beyond the edge of the grid are tried.
    pub fn extends(&self) -> bool {
        self.select != Select::Fixed && self.extend.unwrap_or(self.factors.is_none())
    }

    /// Refuses values with which nothing can run.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside this section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        if let Some(factors) = &self.factors {
            let ascending = factors.windows(2).all(|w| w[0] < w[1]);
            let wrong = factors.iter().find(|factor| !(LEAST_FACTOR..=LARGEST).contains(*factor));
            let expected = format!("numbers from {LEAST_FACTOR} to {LARGEST}: weights are divided by them");
            wrong.map_or(Ok(()), |factor| require(false, "factors", factor, &expected))?;
            let count = factors.len();
            require((1..=MOST_FACTORS).contains(&count), "factors", count, &format!("1 to {MOST_FACTORS} factors"))?;
            require(ascending, "factors", "no ascending list", "each factor above the one before it")?;
        }
        require_trials("trials", self.trials)?;
        require_probability("performance_at_least", self.performance_at_least)
    }
}
