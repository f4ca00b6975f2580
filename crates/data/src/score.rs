//! Correct answers among trials, with their uncertainty.

/// Correct answers among some trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// Number of trials.
    pub trials: u32,
    /// Number of correct ones.
    pub correct: u32,
}

impl Score {
    /// Fraction of correct trials.
    pub fn performance(&self) -> f64 {
        f64::from(self.correct) / f64::from(self.trials.max(1))
    }

    /// 95 % interval of the fraction.
    pub fn interval(&self) -> (f64, f64) {
        wilson_interval(self.correct, self.trials)
    }
}

/// Mean and standard deviation over networks, which are the independent units wherever several are shown together:
/// trials of one network do not show how networks differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation (n − 1); none for a single value.
    pub sd: Option<f64>,
}

impl Spread {
    /// Spread of one value per network; zero without values.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n.max(1.0);
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, sd: (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()) }
    }
}

/// Two-sided 95 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % interval of a proportion (Wilson 1927): `correct` of `trials`; (0, 1) without trials.
pub fn wilson_interval(correct: u32, trials: u32) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (f64::from(trials), f64::from(correct) / f64::from(trials));
    let centre = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // It contains p itself; rounding must not move an end at 0 or 1 past it.
    (((centre - half) / scale).clamp(0.0, p), ((centre + half) / scale).clamp(p, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compared with scipy's `binomtest(…).proportion_ci(method="wilson")`.
    #[test]
    fn known_intervals() {
        for (correct, trials, low, high) in
            [(95, 100, 0.888_249_5, 0.978_456_3), (100, 100, 0.963_006_5, 1.0), (0, 20, 0.0, 0.161_125_2)]
        {
            let (l, h) = wilson_interval(correct, trials);
            assert!((l - low).abs() < 1e-6 && (h - high).abs() < 1e-6, "{correct}/{trials}: {l} {h}");
        }
        assert_eq!(wilson_interval(0, 0), (0.0, 1.0));
        assert!((1..1000).all(|n| wilson_interval(0, n).0 == 0.0 && wilson_interval(n, n).1 == 1.0));
    }

    /// Compared with Python's `statistics.mean` and `statistics.stdev`.
    #[test]
    fn known_spreads() {
        let spread = Spread::of(&[1.0, 0.787, 0.933, 0.993, 0.98, 0.873, 0.983, 0.693]);
        assert!((spread.mean - 0.90525).abs() < 1e-12, "{spread:?}");
        assert!((spread.sd.unwrap() - 0.11285483722780468).abs() < 1e-12, "{spread:?}");
        assert_eq!(Spread::of(&[0.5]), Spread { mean: 0.5, sd: None });
    }
}
