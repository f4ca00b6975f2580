//! Mean rates by condition and population, and time constants by population.
//!
//! Rates are spikes per second of networks with spikes, and mean φ(x) of rate networks.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `rates.population` | `[G]` | U8 | populations, as in `population` |
//! | `rates.units` | `[G]` | U32 | units of each |
//! | `rates.mean`, `rates.sd` | `[C, G]` | F64 | mean and standard deviation over units of the rate in each condition |
//! | `rates.tau_mean_ms`, `rates.tau_sd_ms` | `[G]` | F64 | time constants τ of a population's units; absent where the artifact has none |

use super::variables::sd;
use crate::change::kinds;
use crate::error::Error;
use crate::found::Found;
use crate::settings::Settings;
use crate::subject::Subject;
use mdl_artifact::Artifact;
use mdl_model::rate::UnitKind;
use serde_json::{Map, json};

/// Populations in the order of their numbers, with their names in results.
const NAMES: [&str; 4] = ["excitatory", "inhibitory", "somatostatin", "all"];

/// Number of the population of each unit.
pub fn populations<E>(subject: &dyn Subject<Error = E>) -> Result<Vec<u8>, Error> {
    let kinds = kinds(subject.artifact(), subject.units())?;
    if kinds.is_empty() {
        return Ok(vec![3; subject.units()]);
    }
    Ok(kinds
        .iter()
        .map(|kind| match kind {
            UnitKind::Excitatory => 0,
            UnitKind::Inhibitory => 1,
            UnitKind::Somatostatin => 2,
        })
        .collect())
}

/// Rate of each unit in a trial `[N]`.
pub fn of_trial<E>(subject: &dyn Subject<Error = E>, trial: usize) -> Vec<f64> {
    let recording = subject.recording();
    let mut rates = vec![0.0; recording.units];
    if let Some(spikes) = recording.spikes.get(trial) {
        let seconds = subject.duration_ms(trial) / 1000.0;
        let inside = spikes.iter().filter(|spike| spike.time_ms <= subject.duration_ms(trial));
        inside.for_each(|spike| rates[spike.unit as usize] += 1.0 / seconds);
        return rates;
    }
    let last = subject.last(trial);
    for time in 0..=last {
        let row = recording.rates(trial, time);
        rates.iter_mut().zip(row).for_each(|(mean, r)| *mean += f64::from(*r) / (last + 1) as f64);
    }
    rates
}

/// Averages rates by condition and population.
///
/// # Errors
/// [`Error`].
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    _settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let of_units = populations(subject)?;
    let mut groups: Vec<u8> = of_units.clone();
    groups.sort_unstable();
    groups.dedup();
    let units = |group: u8| (0..of_units.len()).filter(|unit| of_units[*unit] == group).collect::<Vec<usize>>();
    let conditions = subject.task().conditions().len();
    let (mut mean, mut spread) = (vec![0.0; conditions * groups.len()], vec![0.0; conditions * groups.len()]);
    let mut summary = Map::new();
    for (condition, own) in subject.conditions() {
        let mut rates = vec![0.0; subject.units()];
        for trial in &own {
            let of_trial = of_trial(subject, *trial);
            rates.iter_mut().zip(of_trial).for_each(|(mean, r)| *mean += r / own.len() as f64);
        }
        let mut of_groups = Map::new();
        for (g, group) in groups.iter().enumerate() {
            let values: Vec<f64> = units(*group).into_iter().map(|unit| rates[unit]).collect();
            mean[condition * groups.len() + g] = values.iter().sum::<f64>() / values.len().max(1) as f64;
            spread[condition * groups.len() + g] = sd(&values);
            of_groups.insert(NAMES[usize::from(*group)].into(), json!(mean[condition * groups.len() + g]));
        }
        summary.insert(subject.task().conditions()[condition].clone(), of_groups.into());
    }
    let tensor = ["tau_ms", "tau_decay_ms"].into_iter().find(|name| subject.artifact().has(name));
    if let Some(tensor) = tensor {
        let tau_ms = subject.artifact().values::<f32>(tensor, &[subject.units()]).map_err(Error::from)?;
        let of = |group: &u8| units(*group).into_iter().map(|unit| f64::from(tau_ms[unit])).collect::<Vec<f64>>();
        let all: Vec<Vec<f64>> = groups.iter().map(of).collect();
        let means = all.iter().map(|tau| tau.iter().sum::<f64>() / tau.len().max(1) as f64).collect();
        artifact.insert("rates.tau_mean_ms", &[groups.len()], means);
        artifact.insert("rates.tau_sd_ms", &[groups.len()], all.iter().map(|tau| sd(tau)).collect());
    }
    let counts = groups.iter().map(|group| units(*group).len() as u32).collect();
    artifact.insert("rates.units", &[groups.len()], counts);
    artifact.insert("rates.mean", &[conditions, groups.len()], mean);
    artifact.insert("rates.sd", &[conditions, groups.len()], spread);
    artifact.insert("rates.population", &[groups.len()], groups);
    Ok(Found::some(summary.into()))
}
