//! Populations of units in figures.

use crate::{ReportError, style};
use mdl_artifact::Artifact;
use mdl_model::rate::UnitKind;

/// Population of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Population {
    /// Excitatory units.
    Excitatory,
    /// Inhibitory units that are not somatostatin units.
    Inhibitory,
    /// Somatostatin units: inhibitory units without input from inhibitory units.
    Somatostatin,
    /// Units of a network without Dale's principle, which have no sign.
    Unsigned,
}

impl Population {
    /// All populations, in the order of figures.
    pub const ALL: [Self; 4] = [Self::Excitatory, Self::Inhibitory, Self::Somatostatin, Self::Unsigned];

    /// Name in a legend.
    pub fn label(self) -> &'static str {
        match self {
            Self::Excitatory => "excitatory",
            Self::Inhibitory => "inhibitory",
            Self::Somatostatin => "somatostatin",
            Self::Unsigned => "units",
        }
    }

    /// Colour in all figures, as `#rrggbb`.
    pub fn colour(self) -> &'static str {
        match self {
            Self::Excitatory => style::VERMILLION,
            Self::Inhibitory => style::BLUE,
            Self::Somatostatin => style::GREEN,
            Self::Unsigned => style::INK,
        }
    }

    /// Populations that occur in `units`, each with its units in ascending order.
    pub(crate) fn groups(units: &[Self]) -> Vec<(Self, Vec<usize>)> {
        let members = |population| (0..units.len()).filter(|&unit| units[unit] == population).collect();
        Self::ALL.into_iter().map(|p| (p, members(p))).filter(|(_, m): &(_, Vec<usize>)| !m.is_empty()).collect()
    }

    /// Population of each of `units` units of a network or an evaluation, from the tensor `population` of an evaluation
    /// or from `sign` and `mask` of a network. Without these tensors, units have no sign.
    ///
    /// # Errors
    /// [`ReportError::Artifact`]: a tensor has the wrong type or shape, or an unknown number.
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

    /// Adds the tensor `population` `[N]` to an evaluation: the index of each unit's population in [`Population::ALL`].
    pub(crate) fn write(units: &[Self], artifact: &mut Artifact) {
        artifact.insert(TENSOR, &[units.len()], units.iter().map(|population| *population as u8).collect());
    }
}

/// Name of the tensor with the populations of an evaluation's units.
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
