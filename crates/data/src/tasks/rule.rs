//! Rules: when the outputs of a network count as a correct answer to a trial.

use std::ops::Range;

/// Which network's output is judged: published windows and rules differ between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Evaluated {
    /// A trained rate or spiking network's own output, one value per task step.
    Trained,
    /// The output of the LIF network built from a rate network.
    Lif,
}

/// The two sets of rules of a task.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum RuleSet {
    /// The rules of the publication that the task comes from.
    #[default]
    Published,
    /// Stricter rules, where the published ones accept what an experimenter would not.
    Strict,
}

/// Largest, smallest and mean value of an output inside a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extremes {
    /// Largest value.
    pub max: f64,
    /// Smallest value.
    pub min: f64,
    /// Sum of the values.
    pub sum: f64,
    /// Number of values.
    pub count: f64,
}

impl Extremes {
    /// The extremes of nothing; [`Extremes::include`] adds to them.
    pub const EMPTY: Self = Self { max: f64::NEG_INFINITY, min: f64::INFINITY, sum: 0.0, count: 0.0 };
    /// The extremes of an output that is not a number. No rule accepts them.
    pub const UNDEFINED: Self = Self { max: f64::NAN, min: f64::NAN, sum: f64::NAN, count: 1.0 };

    /// Adds a value.
    #[inline(always)]
    pub fn include(&mut self, value: f64) {
        self.max = if value > self.max { value } else { self.max };
        self.min = if value < self.min { value } else { self.min };
        self.sum += value;
        self.count += 1.0;
    }

    /// The extremes of some values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut extremes = Self::EMPTY;
        values.into_iter().for_each(|value| extremes.include(value));
        extremes
    }

    /// The mean value.
    pub fn mean(&self) -> f64 {
        self.sum / self.count
    }
}

/// What a rule demands of outputs inside its window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Demand {
    /// Each output exceeds the level at least once.
    Above(f64),
    /// Each output falls below the level at least once.
    Below(f64),
    /// Each output stays above the first and below the second level throughout.
    Between(f64, f64),
    /// The mean of each output lies within a tolerance of a value.
    Near {
        /// The value.
        value: f64,
        /// Largest distance from it.
        tolerance: f64,
    },
    /// The mean of the output of this index, counted from the rule's first, is larger than those of all others.
    Largest(usize),
    /// The direction that the means of the outputs point to lies within a tolerance of an angle. Output i of n is tuned to
    /// 360°·i/n, and negative means count as 0.
    Direction {
        /// The angle (degrees).
        degrees: f64,
        /// Largest distance from it (degrees).
        tolerance: f64,
    },
}

/// A rule of a trial. All rules that apply must accept the outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The network that it applies to; none: both.
    pub evaluated: Option<Evaluated>,
    /// The set that it belongs to; none: both.
    pub set: Option<RuleSet>,
    /// Steps of its window.
    pub window: Range<usize>,
    /// The outputs that it looks at.
    pub outputs: Range<usize>,
    /// What it demands.
    pub demand: Demand,
}

impl Rule {
    /// Whether the rule is one of a set, and about a network.
    pub fn applies(&self, evaluated: Evaluated, set: RuleSet) -> bool {
        self.evaluated.is_none_or(|own| own == evaluated) && self.set.is_none_or(|own| own == set)
    }

    /// Whether outputs with these extremes in the window are accepted; `extremes(o)` are those of output `o`. An output that
    /// is not a number never is.
    pub fn accepts(&self, extremes: impl Fn(usize) -> Extremes) -> bool {
        let each = |accepts: &dyn Fn(Extremes) -> bool| self.outputs.clone().all(|o| accepts(extremes(o)));
        let mean = |o: usize| extremes(o).mean();
        match self.demand {
            Demand::Above(level) => each(&|e| e.max > level),
            Demand::Below(level) => each(&|e| e.min < level),
            Demand::Between(low, high) => each(&|e| e.max < high && e.min > low),
            Demand::Near { value, tolerance } => each(&|e| (e.mean() - value).abs() <= tolerance),
            Demand::Largest(index) => {
                let largest = self.outputs.start + index;
                self.outputs.clone().all(|o| o == largest || mean(o) < mean(largest))
            }
            Demand::Direction { degrees, tolerance } => {
                let means = self.outputs.clone().map(mean).collect::<Vec<f64>>();
                direction(&means).is_some_and(|found| distance(found, degrees) <= tolerance)
            }
        }
    }
}

/// The direction (degrees) that means of outputs tuned to equally spaced angles point to; none where they point nowhere.
fn direction(means: &[f64]) -> Option<f64> {
    if means.iter().any(|mean| !mean.is_finite()) {
        return None;
    }
    let (mut x, mut y) = (0.0, 0.0);
    for (i, mean) in means.iter().enumerate() {
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * i as f64 / means.len() as f64);
        x += mean.max(0.0) * cos;
        y += mean.max(0.0) * sin;
    }
    (x * x + y * y > 1e-18).then(|| libm::atan2(y, x).to_degrees())
}

/// The distance of two angles (degrees).
fn distance(a: f64, b: f64) -> f64 {
    let apart = (a - b).rem_euclid(360.0);
    apart.min(360.0 - apart)
}

/// The rules of a trial that apply to a network, over windows of which each is named once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Criterion {
    /// The windows, in steps.
    pub windows: Vec<Range<usize>>,
    /// The rules, each with the index of its window.
    rules: Vec<(usize, Rule)>,
}

impl Criterion {
    /// The rules among `rules` that apply.
    pub fn new(rules: &[Rule], evaluated: Evaluated, set: RuleSet) -> Self {
        let mut criterion = Self::default();
        for rule in rules.iter().filter(|rule| rule.applies(evaluated, set)) {
            let known = criterion.windows.iter().rposition(|window| *window == rule.window);
            let index = known.unwrap_or_else(|| {
                criterion.windows.push(rule.window.clone());
                criterion.windows.len() - 1
            });
            criterion.rules.push((index, rule.clone()));
        }
        criterion
    }

    /// Whether all rules accept outputs with these extremes, `extremes(window, output)`. Without a rule no answer is correct.
    pub fn accepts(&self, extremes: impl Fn(usize, usize) -> Extremes) -> bool {
        !self.rules.is_empty() && self.rules.iter().all(|(window, rule)| rule.accepts(|o| extremes(*window, o)))
    }

    /// The rules.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|(_, rule)| rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(outputs: Range<usize>, demand: Demand) -> Rule {
        Rule { evaluated: None, set: None, window: 0..1, outputs, demand }
    }

    fn accepts(demand: Demand, values: &[&[f64]]) -> bool {
        rule(0..values.len(), demand).accepts(|o| Extremes::of(values[o].iter().copied()))
    }

    #[test]
    fn levels_are_passed_or_kept() {
        assert!(accepts(Demand::Above(0.7), &[&[0.1, 0.8]]) && !accepts(Demand::Above(0.7), &[&[0.1, 0.7]]));
        assert!(accepts(Demand::Below(-0.7), &[&[0.1, -0.8]]) && !accepts(Demand::Below(-0.7), &[&[0.1, -0.7]]));
        let within = Demand::Between(-0.3, 0.3);
        assert!(accepts(within, &[&[0.29, -0.29]]) && !accepts(within, &[&[0.3, 0.0]]) && !accepts(within, &[&[-0.3]]));
        let under = Demand::Between(f64::NEG_INFINITY, 0.3);
        assert!(accepts(under, &[&[0.29, -0.4]]) && !accepts(under, &[&[f64::INFINITY]]));
    }

    #[test]
    fn means_are_near_a_value_or_the_largest() {
        let near = Demand::Near { value: 0.5, tolerance: 0.25 };
        assert!(accepts(near, &[&[0.0, 1.5]]) && !accepts(near, &[&[0.0, 0.4]]));
        assert!(accepts(Demand::Largest(1), &[&[0.9, 0.0], &[0.5, 0.5]]));
        assert!(!accepts(Demand::Largest(0), &[&[0.5], &[0.5]]));
    }

    #[test]
    fn directions_are_decoded_from_a_ring() {
        let ring: Vec<Vec<f64>> = (0..8).map(|i| vec![f64::from(i == 7 || i == 0)]).collect();
        let ring: Vec<&[f64]> = ring.iter().map(Vec::as_slice).collect();
        let at = |degrees, tolerance| accepts(Demand::Direction { degrees, tolerance }, &ring);
        assert!(at(-22.5, 0.1) && at(337.5, 0.1) && at(0.0, 23.0) && !at(0.0, 22.0));
        assert!(!accepts(Demand::Direction { degrees: 0.0, tolerance: 180.0 }, &[&[-1.0], &[-2.0]]));
    }

    #[test]
    fn not_a_number_is_never_accepted() {
        for demand in [
            Demand::Above(0.0),
            Demand::Below(0.0),
            Demand::Between(-1.0, 1.0),
            Demand::Near { value: 0.0, tolerance: 9.0 },
            Demand::Largest(0),
            Demand::Direction { degrees: 0.0, tolerance: 180.0 },
        ] {
            assert!(!rule(0..2, demand).accepts(|_| Extremes::UNDEFINED), "{demand:?}");
        }
    }

    #[test]
    fn rules_of_a_network_and_a_set_share_windows() {
        let all = [
            Rule { evaluated: Some(Evaluated::Lif), window: 2..5, ..rule(0..1, Demand::Above(0.5)) },
            Rule { window: 2..5, ..rule(0..1, Demand::Below(0.9)) },
            Rule { set: Some(RuleSet::Strict), window: 0..9, ..rule(0..1, Demand::Below(0.1)) },
        ];
        let windows = |evaluated, set| Criterion::new(&all, evaluated, set).windows;
        assert_eq!(windows(Evaluated::Lif, RuleSet::Published), std::slice::from_ref(&(2..5)));
        assert_eq!(windows(Evaluated::Trained, RuleSet::Strict), [2..5, 0..9]);
        let both = Criterion::new(&all, Evaluated::Lif, RuleSet::Published);
        assert!(both.accepts(|_, _| Extremes::of([0.6])) && !both.accepts(|_, _| Extremes::of([0.4])));
        assert!(!Criterion::default().accepts(|_, _| Extremes::of([0.6])));
    }
}
