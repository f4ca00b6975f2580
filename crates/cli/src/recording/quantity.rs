//! Quantities that can be recorded, and their tensors for each kind of network.

use crate::status::usage;
use clap::ValueEnum;
use mdl_artifact::Kind;

/// A quantity of a network at a step. Docs/artifacts.md has the definition and unit of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Quantity {
    /// Membrane potential of each unit: v (mV) of LIF networks, U of spiking, x of rate networks
    Potential,
    /// Rate of each unit: the filtered spikes r of LIF and spiking networks, r = φ(x) of rate networks
    Rate,
    /// Current into each unit: IPSC (mV) of LIF networks, I of the others
    Current,
    /// Number of spikes of each unit since the recorded step before; of LIF and spiking networks
    Spikes,
    /// Activity of each mode, Ξ_outᵀ r; of networks with modes
    Modes,
    /// Outputs, with their targets
    Output,
    /// Inputs
    Input,
}

impl Quantity {
    /// Tensor of a quantity of a network of this kind; none if such networks lack it.
    pub(crate) fn tensor(self, network: Kind) -> Option<&'static str> {
        Some(match (self, network) {
            (Self::Potential, Kind::Lif) => "v_mv",
            (Self::Potential, _) => "potential",
            (Self::Rate, _) => "rate",
            (Self::Current, Kind::Lif) => "ipsc_mv",
            (Self::Current, _) => "current",
            (Self::Spikes, Kind::Rate) => return None,
            (Self::Spikes, _) => "spike_count",
            (Self::Modes, _) => "mode_activity",
            (Self::Output, _) => "output",
            (Self::Input, _) => "input",
        })
    }

    /// Name in `--record`.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The requested quantities, each once, or the default ones of this kind of network.
    ///
    /// # Errors
    /// A quantity that the network lacks: names those it has (status 2).
    pub(crate) fn requested(requested: &[Self], network: Kind, has_modes: bool) -> anyhow::Result<Vec<Self>> {
        let has = |quantity: &Self| quantity.tensor(network).is_some() && (has_modes || *quantity != Self::Modes);
        if let Some(lacking) = requested.iter().find(|quantity| !has(quantity)) {
            let those: Vec<String> = Self::value_variants().iter().filter(|q| has(q)).map(|q| q.name()).collect();
            let without = if *lacking == Self::Modes { "network without modes" } else { "network" };
            let (found, those) = (lacking.name(), those.join(", "));
            return Err(usage(format!(
                "--record: found {found}, expected quantities of this {network} {without}: {those}"
            )));
        }
        if requested.is_empty() {
            return Ok(match network {
                Kind::Rate => vec![Self::Output, Self::Rate],
                _ => vec![Self::Output, Self::Spikes],
            });
        }
        let all = Self::value_variants().iter().copied();
        Ok(all.filter(|quantity| requested.contains(quantity)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_that_a_network_lacks_is_refused_with_those_it_has() {
        let error = |q, kind, modes| Quantity::requested(&[q], kind, modes).unwrap_err().to_string();
        let expected = "--record: found spikes, expected quantities of this rate network: potential, rate, current, \
                        modes, output, input";
        assert_eq!(error(Quantity::Spikes, Kind::Rate, true), expected);
        assert!(error(Quantity::Modes, Kind::Lif, false).contains("lif network without modes: potential, rate"));
        let requested = [Quantity::Output, Quantity::Rate, Quantity::Output];
        let found = Quantity::requested(&requested, Kind::Lif, false).unwrap();
        assert_eq!(found, [Quantity::Rate, Quantity::Output]);
        assert_eq!(Quantity::requested(&[], Kind::Rate, false).unwrap(), [Quantity::Output, Quantity::Rate]);
    }
}
