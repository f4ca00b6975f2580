//! The populations whose units a figure tells apart.

use crate::style;

/// The population a unit belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Population {
    /// Excitatory units.
    Excitatory,
    /// Inhibitory units that are not somatostatin units.
    Inhibitory,
    /// Somatostatin units: inhibitory units that receive nothing from inhibitory units.
    Somatostatin,
    /// Units of a network without Dale's principle, which have no sign.
    Unsigned,
}

impl Population {
    /// Every population, in the order in which figures show them.
    pub const ALL: [Self; 4] = [Self::Excitatory, Self::Inhibitory, Self::Somatostatin, Self::Unsigned];

    /// Its name in a legend.
    pub fn label(self) -> &'static str {
        match self {
            Self::Excitatory => "excitatory",
            Self::Inhibitory => "inhibitory",
            Self::Somatostatin => "somatostatin",
            Self::Unsigned => "units",
        }
    }

    /// Its colour in every figure, as `#rrggbb`.
    pub fn colour(self) -> &'static str {
        match self {
            Self::Excitatory => style::VERMILLION,
            Self::Inhibitory => style::BLUE,
            Self::Somatostatin => style::GREEN,
            Self::Unsigned => style::INK,
        }
    }

    /// The populations that occur in `units`, each with its units in ascending order.
    pub(crate) fn groups(units: &[Self]) -> Vec<(Self, Vec<usize>)> {
        let members = |population| (0..units.len()).filter(|&unit| units[unit] == population).collect();
        Self::ALL.into_iter().map(|p| (p, members(p))).filter(|(_, m): &(_, Vec<usize>)| !m.is_empty()).collect()
    }
}
