//! Costs added to the loss: on firing rates, on silent units, and on weights.
//!
//! ```text
//! rate-target    c (ρ_n − target)²            mean over units n;  ρ_n: mean rate of unit n over the steps and trials of a batch
//! silent-units   c max(floor − ρ_n, 0)²       mean over units n
//! rate-l2        c ρ²                         mean over units, trials and, in rate networks, steps
//! weight-l1      c |w|                        mean over the entries of each parameter, summed over parameters
//! weight-l2      c w²                         likewise
//! ```
//!
//! c is the strength. Rates of rate networks are those of the activation φ; rates of spiking networks are spikes per unit
//! and time, in Hz, and their gradients are those of the surrogate. Under Dale's principle |w| and w² are those of the
//! effective weights: a connection that is absent has no cost. With a population, means are over its units and, for
//! weights, over the weights from its units (`w_rec`, `w_out`) or into them (`w_in`).
//!
//! Sources: the costs on rates and weights of Song, Yang & Wang, PLoS Comput. Biol. 12:e1004792 (2016); the lower bound of
//! rates of Zenke & Vogels, Neural Comput. 33:899 (2021).

use crate::network::{Network, Weights};
use candle_core::{D, Result, Tensor};
use mdl_data::field::{InvalidField, require, require_between, require_not_negative};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::ops::RangeInclusive;

/// Units with the same sign of their outgoing weights, in networks with Dale's principle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Population {
    /// Units with positive outgoing weights.
    Excitatory,
    /// Units with negative outgoing weights.
    Inhibitory,
}

/// Cost added to the loss, a mean of squares or of absolute values times its strength.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Regulariser {
    /// Squared distance of each unit's mean rate from a target.
    RateTarget {
        /// Factor of the cost.
        strength: f64,
        /// Target: the activation in rate networks, Hz in spiking networks.
        target: f64,
        /// Units to which the cost applies; none: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        population: Option<Population>,
    },
    /// Squared rates: of every step in rate networks, of every trial (Hz) in spiking networks.
    RateL2 {
        /// Factor of the cost.
        strength: f64,
        /// Units to which the cost applies; none: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        population: Option<Population>,
    },
    /// Squared distance of each unit's mean rate from a floor, for units below it.
    SilentUnits {
        /// Factor of the cost.
        strength: f64,
        /// Rate below which a unit has a cost: the activation in rate networks, Hz in spiking networks.
        floor: f64,
        /// Units to which the cost applies; none: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        population: Option<Population>,
    },
    /// Absolute values of weights.
    WeightL1 {
        /// Factor of the cost.
        strength: f64,
        /// Parameters, by their names in an artifact; none: `w_rec`, or `mode_in` and `mode_out` of networks with modes.
        #[serde(default, deserialize_with = "one_or_more", skip_serializing_if = "Vec::is_empty")]
        parameters: Vec<String>,
        /// Units to whose weights the cost applies; none: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        population: Option<Population>,
    },
    /// Squared weights.
    WeightL2 {
        /// Factor of the cost.
        strength: f64,
        /// Parameters, by their names in an artifact; none: `w_rec`, or `mode_in` and `mode_out` of networks with modes.
        #[serde(default, deserialize_with = "one_or_more", skip_serializing_if = "Vec::is_empty")]
        parameters: Vec<String>,
        /// Units to whose weights the cost applies; none: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        population: Option<Population>,
    },
}

/// A list with entries: an empty one would be read as no list, which has another meaning.
fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<String>, D::Error> {
    let names = Vec::deserialize(deserializer)?;
    let expected = "one or more parameters; leave the field out for a cost on the recurrent weights";
    if names.is_empty() { Err(serde::de::Error::invalid_length(0, &expected)) } else { Ok(names) }
}

/// Names of the parameters that are weights.
const WEIGHTS: [&str; 6] = ["w_in", "w_rec", "mode_in", "score", "mode_out", "w_out"];
/// Those on which costs are by default.
const RECURRENT: [&str; 3] = ["w_rec", "mode_in", "mode_out"];

impl Regulariser {
    fn strength(&self) -> f64 {
        match self {
            Self::RateTarget { strength, .. }
            | Self::RateL2 { strength, .. }
            | Self::SilentUnits { strength, .. }
            | Self::WeightL1 { strength, .. }
            | Self::WeightL2 { strength, .. } => *strength,
        }
    }

    fn population(&self) -> Option<Population> {
        match self {
            Self::RateTarget { population, .. }
            | Self::RateL2 { population, .. }
            | Self::SilentUnits { population, .. }
            | Self::WeightL1 { population, .. }
            | Self::WeightL2 { population, .. } => *population,
        }
    }

    /// Parameters on whose weights the cost is; none for a cost on rates.
    fn parameters(&self) -> Option<&[String]> {
        match self {
            Self::WeightL1 { parameters, .. } | Self::WeightL2 { parameters, .. } => Some(parameters),
            _ => None,
        }
    }

    /// Whether the cost depends on the rates of a batch.
    pub fn needs_rates(&self) -> bool {
        self.parameters().is_none()
    }

    /// Refuses values that no cost can have, and what a network with these `parameters` lacks; `signed` says whether its
    /// units are excitatory or inhibitory, and `rates` which mean rates they can have.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside this section.
    pub fn validate(
        &self,
        parameters: &[(&str, bool)],
        signed: bool,
        rates: &RangeInclusive<f64>,
    ) -> std::result::Result<(), InvalidField> {
        require_not_negative("strength", self.strength())?;
        match self {
            Self::RateTarget { target, .. } => require_between("target", *target, *rates.start(), *rates.end())?,
            Self::SilentUnits { floor, .. } => require_between("floor", *floor, 0.0, *rates.end())?,
            _ => {}
        }
        let known: Vec<&str> = parameters.iter().map(|(name, _)| *name).filter(|name| WEIGHTS.contains(name)).collect();
        for (i, name) in self.parameters().unwrap_or_default().iter().enumerate() {
            let expected = format!("one of {}", known.join(", "));
            require(known.contains(&name.as_str()), &format!("parameters.{i}"), name, &expected)?;
        }
        let own = self.parameters().unwrap_or_default();
        if let Some(i) = (1..own.len()).find(|i| own[..*i].contains(&own[*i])) {
            require(false, &format!("parameters.{i}"), &own[i], "each parameter once")?;
        }
        let is_trained = |name: &str| parameters.iter().any(|(known, trained)| *known == name && *trained);
        if self.parameters().is_some() {
            let costly: Vec<&str> = match own {
                [] => RECURRENT.into_iter().filter(|name| known.contains(name)).collect(),
                own => own.iter().map(String::as_str).collect(),
            };
            let fixed = costly.iter().find(|name| !is_trained(name));
            let trained: Vec<&str> = known.iter().copied().filter(|name| is_trained(name)).collect();
            let expected = format!("parameters that are trained: {}", trained.join(", "));
            require(fixed.is_none(), "parameters", fixed.unwrap_or(&""), &expected)?;
        }
        let found = match self.population() {
            Some(Population::Excitatory) => "excitatory",
            Some(Population::Inhibitory) => "inhibitory",
            None => "none",
        };
        let expected = "no population: only units of dense rate networks with Dale's principle have signs";
        require(signed || self.population().is_none(), "population", found, expected)
    }

    /// The cost, a scalar; `rates` `[S, B, N]` are those of a batch, needed where [`Regulariser::needs_rates`].
    fn cost(&self, network: &impl Network, rates: Option<&Tensor>) -> Result<Tensor> {
        let units = Units::of(self.population(), network)?;
        let of_rates = || rates.ok_or_else(|| candle_core::Error::Msg("a cost on rates without rates".into()));
        let cost = match self {
            Self::RateTarget { target, .. } => units.mean(&(of_rates()?.mean((0, 1))? - *target)?.sqr()?, 0)?,
            Self::SilentUnits { floor, .. } => {
                let missing = of_rates()?.mean((0, 1))?.affine(-1.0, *floor)?;
                // The gradient of relu at 0 does not matter: it is multiplied by 0.
                units.mean(&missing.relu()?.sqr()?, 0)?
            }
            Self::RateL2 { .. } => units.mean(&of_rates()?.sqr()?.mean((0, 1))?, 0)?,
            Self::WeightL1 { parameters, .. } => units.of_weights(network, parameters, |w| {
                // The gradient at 0 is 0.
                w * w.detach().sign()?
            })?,
            Self::WeightL2 { parameters, .. } => units.of_weights(network, parameters, Tensor::sqr)?,
        };
        cost * self.strength()
    }
}

/// Costs of all regularisers, scalars in their order; `rates` `[S, B, N]` are those of a batch, if one of them needs them.
///
/// # Errors
/// Errors of candle.
pub fn costs(regularisers: &[Regulariser], network: &impl Network, rates: Option<&Tensor>) -> Result<Vec<Tensor>> {
    regularisers.iter().map(|regulariser| regulariser.cost(network, rates)).collect()
}

/// Units that a mean is over.
struct Units {
    /// 1 for each of them, else 0, `[N]`, over their number; none for all units.
    share: Option<Tensor>,
}

impl Units {
    fn of(population: Option<Population>, network: &impl Network) -> Result<Self> {
        let Some(population) = population else { return Ok(Self { share: None }) };
        let Some(signs) = network.signs() else { candle_core::bail!("a population of units without signs") };
        let inside = |sign: &f32| (*sign < 0.0) == (population == Population::Inhibitory);
        let count = signs.iter().filter(|sign| inside(sign)).count().max(1) as f32;
        let share: Vec<f32> = signs.iter().map(|sign| if inside(sign) { 1.0 / count } else { 0.0 }).collect();
        Ok(Self { share: Some(Tensor::from_vec(share, signs.len(), &network.device())?) })
    }

    /// Mean over the units along axis `axis`, and over all other axes.
    fn mean(&self, values: &Tensor, axis: usize) -> Result<Tensor> {
        let Some(share) = &self.share else { return values.mean_all() };
        let last = values.transpose(axis, D::Minus1)?;
        let others = values.elem_count() / share.elem_count();
        last.broadcast_mul(share)?.sum_all()? / others as f64
    }

    /// Sum over parameters of the mean of `function` of their entries.
    fn of_weights(
        &self,
        network: &impl Network,
        parameters: &[String],
        function: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let named: Vec<&str> = match parameters {
            [] => RECURRENT.into_iter().filter(|name| network.weights(name).is_ok_and(|w| w.is_some())).collect(),
            names => names.iter().map(String::as_str).collect(),
        };
        let means = named.into_iter().map(|name| {
            let Some(Weights { values, present, units }) = network.weights(name)? else {
                candle_core::bail!("{name} is no weight of this network")
            };
            let mut values = function(&values)?;
            if let Some(present) = present {
                values = (values * present)?;
            }
            units.map_or_else(|| values.mean_all(), |axis| self.mean(&values, axis))
        });
        means.reduce(|sum, mean| sum? + mean?).unwrap_or_else(|| candle_core::bail!("no weights to put a cost on"))
    }
}
