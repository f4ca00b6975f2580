//! Lesions by class of connection: performance without the connections from one population to another.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `lesions.from`, `lesions.to` | `[Z]` | U8 | populations, as in `population`; the first row, of twice 3, is the intact network |
//! | `lesions.connections` | `[Z]` | U32 | connections removed |
//! | `lesions.correct`, `lesions.trials` | `[Z]` | U32 | trials answered correctly, and all |

use crate::change::{Change, kinds};
use crate::error::Error;
use crate::found::Found;
use crate::settings::Settings;
use crate::subject::Subject;
use crate::weights::recurrent;
use mdl_artifact::Artifact;
use mdl_data::score::Score;
use mdl_model::rate::UnitKind;
use serde_json::{Map, Value, json};

/// The populations, in the order of their numbers, with their names in results.
const KINDS: [(UnitKind, &str); 3] =
    [(UnitKind::Excitatory, "E"), (UnitKind::Inhibitory, "I"), (UnitKind::Somatostatin, "SOM")];
/// Number of a population of units without sign.
const NONE: u8 = 3;

/// Removes the connections of each class.
///
/// # Errors
/// [`Error`], those of running a network, and an interruption.
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    _settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let n = subject.units();
    let kinds = kinds(subject.artifact(), n)?;
    if kinds.is_empty() || !subject.artifact().has("w_rec") {
        return Ok(Found::none("a network without excitatory and inhibitory units"));
    }
    let w = recurrent(subject.artifact(), n)?;
    let trials = subject.trials().count as u32;
    let count = |correct: &[bool]| correct.iter().map(|correct| u32::from(*correct)).sum::<u32>();
    let mut rows = vec![(NONE, NONE, 0u32, count(&subject.recording().correct))];
    for (from_number, (from, _)) in (0u8..).zip(KINDS) {
        for (to_number, (to, _)) in (0u8..).zip(KINDS) {
            let is_of_class = |k: &usize| kinds[k / n] == to && kinds[k % n] == from && w[*k] != 0.0;
            let connections = (0..n * n).filter(is_of_class).count() as u32;
            if connections > 0 {
                let correct = subject.judge(&Change::Connections { from, to })?;
                rows.push((from_number, to_number, connections, count(&correct)));
            }
        }
    }
    let name = |from: u8, to: u8| match (KINDS.get(usize::from(from)), KINDS.get(usize::from(to))) {
        (Some((_, from)), Some((_, to))) => format!("{from} to {to}"),
        _ => "intact".into(),
    };
    let row = |(from, to, connections, correct): &(u8, u8, u32, u32)| -> (String, Value) {
        let score = Score { trials, correct: *correct };
        let (performance, interval) = (score.performance(), score.interval());
        let found = json!({ "connections": connections, "performance": performance, "performance_interval": interval });
        (name(*from, *to), found)
    };
    let summary: Map<_, _> = rows.iter().map(row).collect();
    let shape = [rows.len()];
    artifact.insert("lesions.from", &shape, rows.iter().map(|row| row.0).collect());
    artifact.insert("lesions.to", &shape, rows.iter().map(|row| row.1).collect());
    artifact.insert("lesions.connections", &shape, rows.iter().map(|row| row.2).collect());
    artifact.insert("lesions.correct", &shape, rows.iter().map(|row| row.3).collect());
    artifact.insert("lesions.trials", &shape, vec![trials; rows.len()]);
    Ok(Found::some(summary.into()))
}
