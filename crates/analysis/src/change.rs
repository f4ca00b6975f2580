//! Changes to a network: modes, units or connections removed, inputs added.

use crate::error::Error;
use mdl_artifact::{Array, Artifact, Values};
use mdl_model::rate::UnitKind;

/// A change to a network.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// None.
    None,
    /// The scores of these modes become 0.
    Modes(Vec<usize>),
    /// These units send nothing, to others or to the outputs.
    Units(Vec<usize>),
    /// The connections from units of one kind to units of another are removed.
    Connections {
        /// Kind of the sending units.
        from: UnitKind,
        /// Kind of the receiving units.
        to: UnitKind,
    },
    /// Input channels are added, each of which drives the units along a direction.
    Inputs {
        /// Directions, `[D, N]`
        directions: Vec<Vec<f64>>,
    },
}

impl Change {
    /// The artifact of the changed network of `units` units.
    ///
    /// # Errors
    /// [`Error::Artifact`]: a tensor of another type or shape than a network has.
    pub fn apply(&self, network: &Artifact, units: usize) -> Result<Artifact, Error> {
        let mut changed = network.clone();
        // A LIF network can also run with the weights from before its training.
        for prefix in ["", "initial."] {
            let name = |tensor: &str| format!("{prefix}{tensor}");
            match self {
                Self::None => {}
                Self::Modes(modes) => edit(&mut changed, &name("score"), |values, _| {
                    modes.iter().for_each(|mode| values[*mode] = 0.0);
                })?,
                Self::Units(removed) => {
                    for tensor in ["w_rec", "w_out"] {
                        edit(&mut changed, &name(tensor), |values, width| {
                            for row in values.chunks_exact_mut(width) {
                                removed.iter().for_each(|unit| row[*unit] = 0.0);
                            }
                        })?;
                    }
                    edit(&mut changed, &name("mode_out"), |values, modes| {
                        removed.iter().for_each(|unit| values[unit * modes..][..modes].fill(0.0));
                    })?;
                }
                Self::Connections { from, to } => {
                    let kinds = kinds(network, units)?;
                    edit(&mut changed, &name("w_rec"), |values, width| {
                        for (row, target) in values.chunks_exact_mut(width).zip(&kinds) {
                            if target == to {
                                row.iter_mut()
                                    .zip(&kinds)
                                    .filter(|(_, kind)| *kind == from)
                                    .for_each(|(w, _)| *w = 0.0);
                            }
                        }
                    })?;
                }
                Self::Inputs { directions } => {
                    let Some(w_in) = changed.tensors.get(&name("w_in")) else { continue };
                    let (Values::F32(values), &[n, channels]) = (&w_in.values, &w_in.shape[..]) else { continue };
                    let mut wider = Vec::with_capacity(n * (channels + directions.len()));
                    for (unit, row) in values.chunks_exact(channels.max(1)).enumerate() {
                        wider.extend_from_slice(row);
                        wider.extend(directions.iter().map(|direction| direction[unit] as f32));
                    }
                    changed.insert(&name("w_in"), &[n, channels + directions.len()], wider);
                }
            }
        }
        Ok(changed)
    }
}

/// Kinds of the units of a network with Dale's principle; empty of another.
///
/// # Errors
/// [`Error::Artifact`].
pub fn kinds(network: &Artifact, units: usize) -> Result<Vec<UnitKind>, Error> {
    if !network.has("sign") {
        return Ok(Vec::new());
    }
    let mask = network.has("mask").then(|| network.values::<u8>("mask", &[units, units])).transpose()?;
    Ok(UnitKind::of_units(network.values::<f32>("sign", &[units])?, mask))
}

/// Changes the values of a tensor of single precision, given the length of its rows; a tensor that is absent stays so.
fn edit(artifact: &mut Artifact, name: &str, change: impl FnOnce(&mut [f32], usize)) -> Result<(), Error> {
    let Some(Array { shape, values }) = artifact.tensors.get_mut(name) else { return Ok(()) };
    let width = shape.last().copied().unwrap_or(1);
    if let Values::F32(values) = values {
        change(values, width);
        return Ok(());
    }
    let found = values.type_name().to_owned();
    Err(artifact.tensor_error(name, found, "F32".into()).into())
}
