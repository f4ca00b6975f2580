//! The populations whose units a figure tells apart.

use crate::{ReportError, style};
use mdl_artifact::Artifact;
use mdl_model::rate::UnitKind;

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

    /// The population of each of `units` units of a network or an evaluation: from the tensor `population` of the latter,
    /// else from `sign` and `mask` of the former. Without these, units have no sign.
    ///
    /// # Errors
    /// [`ReportError::Artifact`]: a tensor has another type or shape, or an unknown number.
    pub fn of_units(artifact: &Artifact, units: usize) -> Result<Vec<Self>, ReportError> {
        if artifact.has(TENSOR) {
            let numbers = artifact.values::<u8>(TENSOR, &[units])?;
            let unknown = |number: u8| artifact.tensor_error(TENSOR, number.to_string(), "0 to 3".into()).into();
            let population = |number: &u8| Self::ALL.get(usize::from(*number)).copied().ok_or_else(|| unknown(*number));
            return numbers.iter().map(population).collect();
        }
        if !artifact.has("sign") {
            return Ok(vec![Self::Unsigned; units]);
        }
        let sign = artifact.values::<f32>("sign", &[units])?;
        let mask = if artifact.has("mask") { Some(artifact.values::<u8>("mask", &[units, units])?) } else { None };
        Ok(UnitKind::of_units(sign, mask).into_iter().map(Self::from).collect())
    }

    /// Adds the tensor `population` `[N]` to an evaluation: the place of each unit's population in [`Population::ALL`].
    pub(crate) fn write(units: &[Self], artifact: &mut Artifact) {
        artifact.insert(TENSOR, &[units.len()], units.iter().map(|population| *population as u8).collect());
    }
}

/// Name of the tensor that holds the populations of an evaluation's units.
pub(crate) const TENSOR: &str = "population";

impl From<UnitKind> for Population {
    fn from(kind: UnitKind) -> Self {
        match kind {
            UnitKind::Excitatory => Self::Excitatory,
            UnitKind::Inhibitory => Self::Inhibitory,
            UnitKind::Somatostatin => Self::Somatostatin,
        }
    }
}
