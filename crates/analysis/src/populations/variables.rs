//! Variables of the trials that units may carry: the mean input of each channel, and the choice.
//!
//! The choice of a trial is 1 if its first output, averaged over the window in which answers are judged (without rules, over the
//! last fifth of the trial), is above the middle of the range that it covers over trials, else −1.

use crate::error::Error;
use crate::linear::Factors;
use crate::subject::Subject;
use mdl_artifact::Kind;
use mdl_data::tasks::Evaluated;

/// Variables of the trials.
#[derive(Clone, Debug)]
pub struct Variables {
    /// Name of each: of an input channel, or `choice`.
    pub names: Vec<String>,
    /// Their values as they are, `[V][B]`
    pub values: Vec<Vec<f64>>,
}

impl Variables {
    /// The variables that differ between the trials.
    pub fn of<E: From<Error>>(subject: &dyn Subject<Error = E>) -> Self {
        let trials = subject.trials();
        let mean_input = |channel: usize, trial: usize| {
            let length = trials.length[trial].max(1);
            let at = |t: usize| f64::from(trials.input[(t * trials.count + trial) * trials.channels + channel]);
            (0..length).map(at).sum::<f64>() / length as f64
        };
        let channels = subject.task().inputs().iter().enumerate();
        let mut all: Vec<(String, Vec<f64>)> = channels
            .map(|(k, name)| (name.clone(), (0..trials.count).map(|trial| mean_input(k, trial)).collect()))
            .collect();
        all.push(("choice".into(), choices(subject)));
        all.retain(|(_, values)| sd(values) > 1e-9);
        let (names, values) = all.into_iter().unzip();
        Self { names, values }
    }

    /// The variables with mean 0 and standard deviation 1, `[V][B]`.
    pub fn standard(&self) -> Vec<Vec<f64>> {
        self.values.iter().map(|values| standardised(values)).collect()
    }
}

/// The choice of each trial, −1 or 1; all 0 if outputs hardly differ.
pub fn choices<E>(subject: &dyn Subject<Error = E>) -> Vec<f64> {
    let (recording, trials) = (subject.recording(), subject.trials());
    let evaluated = if subject.kind() == Kind::Lif { Evaluated::Lif } else { Evaluated::Trained };
    let step_ms = subject.task().step_ms();
    let window = subject.task().response_window(evaluated);
    let mean = |trial: usize| {
        let last = subject.last(trial);
        let (from_ms, to_ms) = match &window {
            Some(window) => (window.start as f64 * step_ms, window.end as f64 * step_ms),
            None => (0.8 * subject.duration_ms(trial), subject.duration_ms(trial)),
        };
        let (from, to) = (recording.last(from_ms).min(last), recording.last(to_ms).min(last));
        let sum: f64 = (from..=to).map(|time| f64::from(recording.outputs(trial, time)[0])).sum();
        sum / (to + 1 - from) as f64
    };
    let means: Vec<f64> = (0..trials.count).map(mean).collect();
    let (low, high) =
        means.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    if (high - low).is_nan() || high - low <= 1e-6 {
        return vec![0.0; trials.count];
    }
    let middle = (low + high) / 2.0;
    means.iter().map(|mean| if *mean > middle { 1.0 } else { -1.0 }).collect()
}

/// Standard deviation.
pub fn sd(values: &[f64]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// Values with mean 0 and standard deviation 1; all 0 if they do not differ.
pub fn standardised(values: &[f64]) -> Vec<f64> {
    let (mean, sd) = (values.iter().sum::<f64>() / values.len().max(1) as f64, sd(values));
    values.iter().map(|x| if sd > 1e-12 { (x - mean) / sd } else { 0.0 }).collect()
}

/// Least squares with many sides: coefficients b `[columns]` of y ≈ Σ b_v x_v for columns x `[V][B]`. A ridge of 10⁻⁶ of the
/// mean square keeps collinear columns solvable.
#[derive(Debug)]
pub struct Regression<'a> {
    columns: &'a [Vec<f64>],
    factors: Option<Factors>,
}

impl<'a> Regression<'a> {
    /// Prepares a regression on these columns, of the trials in `rows`.
    pub fn new(columns: &'a [Vec<f64>], rows: &[usize]) -> Self {
        let v = columns.len();
        let product = |a: usize, b: usize| rows.iter().map(|row| columns[a][*row] * columns[b][*row]).sum::<f64>();
        let mut products: Vec<f64> = (0..v * v).map(|k| product(k / v, k % v)).collect();
        let ridge = 1e-6 * (0..v).map(|k| products[k * v + k]).sum::<f64>() / v.max(1) as f64;
        (0..v).for_each(|k| products[k * v + k] += ridge);
        Self { columns, factors: Factors::new(v, products) }
    }

    /// Coefficients for y `[B]`, of the trials in `rows`.
    pub fn coefficients(&self, y: &[f64], rows: &[usize]) -> Vec<f64> {
        let side: Vec<f64> =
            self.columns.iter().map(|column| rows.iter().map(|row| column[*row] * y[*row]).sum()).collect();
        self.factors.as_ref().map_or_else(|| vec![0.0; side.len()], |factors| factors.solve(&side))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_those_of_the_data() {
        let columns = [vec![1.0, 1.0, 1.0, 1.0, 1.0], vec![-2.0, -1.0, 0.0, 1.0, 2.0]];
        let y: Vec<f64> = columns[1].iter().map(|x| 3.0 - 0.5 * x).collect();
        let rows: Vec<usize> = (0..5).collect();
        let found = Regression::new(&columns, &rows).coefficients(&y, &rows);
        assert!((found[0] - 3.0).abs() < 1e-4 && (found[1] + 0.5).abs() < 1e-4, "{found:?}");
        let standard = standardised(&[1.0, 3.0]);
        assert_eq!(standard, [-1.0, 1.0]);
        assert_eq!(standardised(&[2.0, 2.0]), [0.0, 0.0]);
    }
}
