//! Psychometric curves: how often the network chooses the larger output, against the evidence in an input channel.
//!
//! The evidence of a trial in a channel is its mean input over the steps in which the channel is not zero. Channels that are constant in a trial and
//! the same in many trials are contexts, and each combination of their values has its own curves. Evidence is graded where
//! the task grades it, and by its noise elsewhere. The slope is that of a logistic regression of the choice on the standardised
//! evidence of all channels of the context together, with a small ridge, for choices that the evidence separates.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `choices.context` | `[X, K]` | F64 | input of the context channels, 0 in others |
//! | `choices.channel` | `[L]` | U32 | channel of each curve |
//! | `choices.of_context` | `[L]` | U32 | its context |
//! | `choices.evidence`, `choices.share` | `[L, 8]` | F64 | mean evidence in eight bins of equal numbers of trials, and share of trials with the larger output |
//! | `choices.trials` | `[L, 8]` | U32 | trials in each |
//! | `choices.slope`, `choices.slope_error` | `[L]` | F64 | slope, and its standard error |

use super::variables::{choices, sd, standardised};
use crate::error::Error;
use crate::found::Found;
use crate::linear::Factors;
use crate::settings::Settings;
use crate::subject::Subject;
use mdl_artifact::Artifact;
use mdl_data::score::Score;
use serde_json::json;

/// Bins of a curve, and fewest trials in each.
const BINS: usize = 8;
const FEWEST: usize = 4;

/// Draws psychometric curves.
///
/// # Errors
/// [`Error`].
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    _settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let (trials, count) = (subject.trials(), subject.trials().count);
    let chosen = choices(subject);
    let at = |t: usize, trial: usize, k: usize| f64::from(trials.input[(t * count + trial) * trials.channels + k]);
    let constant = |trial: usize, k: usize| (1..trials.length[trial]).all(|t| at(t, trial, k) == at(0, trial, k));
    let is_context: Vec<bool> = (0..trials.channels).map(|k| (0..count).all(|trial| constant(trial, k))).collect();
    let evidence = |trial: usize, k: usize| {
        let values = (0..trials.length[trial]).map(|t| at(t, trial, k)).filter(|u| *u != 0.0);
        let (sum, steps) = values.fold((0.0, 0u32), |(sum, steps), u| (sum + u, steps + 1));
        sum / f64::from(steps.max(1))
    };
    let context = |trial: usize| -> Vec<f64> {
        (0..trials.channels).map(|k| if is_context[k] { at(0, trial, k) } else { 0.0 }).collect()
    };
    let mut contexts: Vec<(Vec<f64>, Vec<usize>)> = Vec::new();
    for trial in 0..count {
        let own = context(trial);
        match contexts.iter_mut().find(|(known, _)| *known == own) {
            Some((_, members)) => members.push(trial),
            None => contexts.push((own, vec![trial])),
        }
    }
    contexts.retain(|(_, own)| own.len() >= BINS * FEWEST);
    let mut curves = Vec::new();
    for (index, (_, own)) in contexts.iter().enumerate() {
        let channels: Vec<usize> = (0..trials.channels).filter(|k| !is_context[*k]).collect();
        let values: Vec<Vec<f64>> =
            channels.iter().map(|k| own.iter().map(|trial| evidence(*trial, *k)).collect()).collect();
        let graded: Vec<usize> = (0..channels.len()).filter(|k| distinct(&values[*k]) >= BINS).collect();
        let y: Vec<f64> = own.iter().map(|trial| f64::from(u8::from(chosen[*trial] > 0.0))).collect();
        let varies = y.contains(&0.0) && y.contains(&1.0);
        if graded.is_empty() || !varies {
            continue;
        }
        let columns: Vec<Vec<f64>> = graded.iter().map(|k| standardised(&values[*k])).collect();
        let fitted = logistic(&columns, &y);
        for (column, k) in graded.iter().enumerate() {
            curves.push(Curve::new(index, channels[*k], &values[*k], &y, fitted[column]));
        }
    }
    if curves.is_empty() {
        return Ok(Found::none("no input is graded, or there are too few trials; --count or --trials gives more"));
    }
    let names = subject.task().inputs();
    let summary = |curve: &Curve| {
        json!({
            "channel": names[curve.channel],
            "context": contexts[curve.context].0,
            "slope": curve.slope.0,
            "slope_error": curve.slope.1,
        })
    };
    let summary: Vec<_> = curves.iter().map(summary).collect();
    let l = curves.len();
    let context = contexts.iter().flat_map(|(context, _)| context.clone()).collect();
    artifact.insert("choices.context", &[contexts.len(), trials.channels], context);
    artifact.insert("choices.channel", &[l], curves.iter().map(|curve| curve.channel as u32).collect());
    artifact.insert("choices.of_context", &[l], curves.iter().map(|curve| curve.context as u32).collect());
    artifact.insert("choices.evidence", &[l, BINS], curves.iter().flat_map(|curve| curve.evidence).collect());
    let share = |score: &Score| score.performance();
    artifact.insert(
        "choices.share",
        &[l, BINS],
        curves.iter().flat_map(|curve| curve.bins.iter().map(share)).collect(),
    );
    let trials = curves.iter().flat_map(|curve| curve.bins.iter().map(|score| score.trials)).collect();
    artifact.insert("choices.trials", &[l, BINS], trials);
    artifact.insert("choices.slope", &[l], curves.iter().map(|curve| curve.slope.0).collect());
    artifact.insert("choices.slope_error", &[l], curves.iter().map(|curve| curve.slope.1).collect());
    Ok(Found::some(json!(summary)))
}

/// Number of distinct values, at most those that matter.
fn distinct(values: &[f64]) -> usize {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    if sd(values) > 1e-9 { sorted.len() } else { 1 }
}

struct Curve {
    context: usize,
    channel: usize,
    evidence: [f64; BINS],
    bins: [Score; BINS],
    slope: (f64, f64),
}

impl Curve {
    fn new(context: usize, channel: usize, evidence: &[f64], y: &[f64], slope: (f64, f64)) -> Self {
        let mut order: Vec<usize> = (0..evidence.len()).collect();
        order.sort_by(|a, b| evidence[*a].total_cmp(&evidence[*b]));
        let (mut means, mut bins) = ([0.0; BINS], [Score { trials: 0, correct: 0 }; BINS]);
        for (rank, trial) in order.iter().enumerate() {
            let bin = rank * BINS / order.len();
            means[bin] += evidence[*trial];
            bins[bin].trials += 1;
            bins[bin].correct += u32::from(y[*trial] > 0.5);
        }
        means.iter_mut().zip(&bins).for_each(|(mean, bin)| *mean /= f64::from(bin.trials.max(1)));
        Self { context, channel, evidence: means, bins, slope }
    }
}

/// Slopes of a logistic regression of y on columns `[V][B]` and a constant, each with its standard error.
fn logistic(columns: &[Vec<f64>], y: &[f64]) -> Vec<(f64, f64)> {
    const ITERATIONS: usize = 100;
    const RIDGE: f64 = 0.05;
    let (v, trials) = (columns.len() + 1, y.len());
    let x = |trial: usize, k: usize| columns.get(k).map_or(1.0, |column| column[trial]);
    let mut b = vec![0.0; v];
    let mut covariance = None;
    for _ in 0..ITERATIONS {
        let (mut gradient, mut information) = (vec![0.0; v], vec![0.0; v * v]);
        for trial in 0..trials {
            let p = 1.0 / (1.0 + (-(0..v).map(|k| b[k] * x(trial, k)).sum::<f64>()).exp());
            for a in 0..v {
                gradient[a] += (y[trial] - p) * x(trial, a);
                (0..v).for_each(|c| information[a * v + c] += p * (1.0 - p) * x(trial, a) * x(trial, c));
            }
        }
        for k in 0..v {
            gradient[k] -= RIDGE * b[k];
            information[k * v + k] += RIDGE;
        }
        let Some(factors) = Factors::new(v, information) else { break };
        let step = factors.solve(&gradient);
        b.iter_mut().zip(&step).for_each(|(b, step)| *b += step.clamp(-2.0, 2.0));
        covariance = Some(factors);
        if step.iter().all(|step| step.abs() < 1e-10) {
            break;
        }
    }
    let error = |k: usize| {
        let mut unit = vec![0.0; v];
        unit[k] = 1.0;
        covariance.as_ref().map_or(0.0, |factors| factors.solve(&unit)[k].max(0.0).sqrt())
    };
    (0..columns.len()).map(|k| (b[k], error(k))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_of_choices_drawn_from_a_logistic_curve() {
        // Every x with its expected share of choices: the maximum of the likelihood is the curve itself.
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for k in -20..=20 {
            let evidence = f64::from(k) / 8.0;
            let share = 1.0 / (1.0 + (-1.5 * evidence - 0.3).exp());
            let chosen = (1000.0 * share).round() as usize;
            for trial in 0..1000 {
                x.push(evidence);
                y.push(f64::from(u8::from(trial < chosen)));
            }
        }
        let (slope, error) = logistic(&[x], &y)[0];
        assert!((slope - 1.5).abs() < 0.005 && error > 0.005 && error < 0.05, "{slope} {error}");
        let separated = logistic(&[vec![-1.0, -0.5, 0.5, 1.0]], &[0.0, 0.0, 1.0, 1.0])[0];
        assert!(separated.0.is_finite() && separated.0 > 1.0, "{separated:?}");
    }

    #[test]
    fn bins_hold_equal_numbers_of_trials() {
        let evidence: Vec<f64> = (0..80).map(|k| f64::from((k * 37) % 80)).collect();
        let y: Vec<f64> = evidence.iter().map(|x| f64::from(u8::from(*x >= 40.0))).collect();
        let curve = Curve::new(0, 0, &evidence, &y, (0.0, 0.0));
        assert!(curve.bins.iter().all(|bin| bin.trials == 10));
        assert_eq!((curve.evidence[0], curve.bins[3].correct, curve.bins[4].correct), (4.5, 0, 10));
    }
}
