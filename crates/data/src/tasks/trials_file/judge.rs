//! Rules of a trial from its targets or labels.

use super::arrays::Labels;
use super::config::{ClassSource, RuleConfig};
use crate::tasks::rule::{Demand, Evaluated, Rule};
use std::ops::Range;

/// Tolerance of the rule for trials without labels.
pub(super) const TOLERANCE: f64 = 0.2;
/// Most rules of a trial.
const MOST_RULES: usize = 1 << 14;

/// Where the rules of trials come from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Judge {
    /// The file has them.
    OfFile,
    /// Outputs are near their targets.
    Near { tolerance: f64, window: Option<Range<usize>> },
    /// The output of the right class is the largest.
    Largest { source: ClassSource, window: Option<Range<usize>> },
}

/// What rules are made from.
pub(super) struct Answer<'a> {
    /// Outputs O.
    pub outputs: usize,
    /// Steps of the trial.
    pub length: usize,
    /// `[T, O]`
    pub target: &'a [f32],
    /// `[T, O]`; empty where all weights are 1.
    pub weight: &'a [f32],
    /// The trial and all labels.
    pub labels: Option<(usize, &'a Labels)>,
}

impl Judge {
    /// The judge that a config names, or the default.
    pub fn new(rule: Option<&RuleConfig>, step_ms: f64, has_rules: bool, has_labels: bool) -> Self {
        let window = rule.and_then(RuleConfig::window_ms).map(|[from, to]| {
            let step = |ms: f64| (ms / step_ms).round() as usize;
            step(from)..step(to)
        });
        match rule {
            Some(RuleConfig::Near(rule)) => Self::Near { tolerance: rule.near, window },
            Some(RuleConfig::Largest(rule)) => Self::Largest { source: rule.largest, window },
            None if has_rules => Self::OfFile,
            None if has_labels => Self::Largest { source: ClassSource::Label, window },
            None => Self::Near { tolerance: TOLERANCE, window },
        }
    }

    /// Rules of a trial that the file has no rules for.
    ///
    /// # Errors
    /// Description of a trial that cannot be judged.
    pub fn rules(&self, answer: &Answer) -> Result<Vec<Rule>, String> {
        let inside = |window: &Option<Range<usize>>| match window {
            None => Ok(None),
            Some(window) if window.start < window.end.min(answer.length) => {
                Ok(Some(window.start..window.end.min(answer.length)))
            }
            Some(window) => Err(format!(
                "it has {} steps, and no step of the window, steps {} to {}",
                answer.length, window.start, window.end
            )),
        };
        match self {
            Self::OfFile => Err("it has no rule".into()),
            Self::Near { tolerance, window } => near(answer, *tolerance, inside(window)?.unwrap_or(1..answer.length)),
            Self::Largest { source, window } => {
                let (class, window) = answer.class(*source, inside(window)?)?;
                let demand = Demand::Largest(class);
                Ok(vec![Rule { evaluated: None, set: None, window, outputs: 0..answer.outputs, demand }])
            }
        }
    }
}

/// Rules for each stretch of steps of the window with a constant target and weight above 0, output by output.
fn near(answer: &Answer, tolerance: f64, window: Range<usize>) -> Result<Vec<Rule>, String> {
    let mut stretches = Vec::new();
    for o in 0..answer.outputs {
        let at = |step: usize| answer.target[step * answer.outputs + o];
        let mut start = None;
        for step in window.clone().chain([window.end]) {
            let counts = step < window.end && answer.counts(step, o);
            if let Some(first) = start.filter(|first| !counts || at(*first) != at(step)) {
                stretches.push((first..step, o));
                start = None;
            }
            if counts && start.is_none() {
                start = Some(step);
            }
        }
    }
    if stretches.is_empty() {
        return Err("it has no step of weight above 0 in the window".into());
    }
    if 2 * stretches.len() > MOST_RULES {
        let found = stretches.len();
        return Err(format!(
            "its targets have {found} stretches of steps with a constant value, expected at most {}: shorten task.rule.window_ms",
            MOST_RULES / 2
        ));
    }
    // In the order of their windows, of which rules of several outputs share many.
    stretches.sort_by_key(|(window, o)| (window.start, window.end, *o));
    let of_stretch = |(window, o): (Range<usize>, usize)| {
        let value = f64::from(answer.target[window.start * answer.outputs + o]);
        let rule = |evaluated, demand| Rule {
            evaluated: Some(evaluated),
            set: None,
            window: window.clone(),
            outputs: o..o + 1,
            demand,
        };
        // The output of a LIF network fluctuates from one step of its simulation to the next.
        [
            rule(Evaluated::Trained, Demand::Between(value - tolerance, value + tolerance)),
            rule(Evaluated::Lif, Demand::Near { value, tolerance }),
        ]
    };
    Ok(stretches.into_iter().flat_map(of_stretch).collect())
}

impl Answer<'_> {
    fn counts(&self, step: usize, output: usize) -> bool {
        self.weight.is_empty() || self.weight[step * self.outputs + output] > 0.0
    }

    /// Whether any output counts.
    fn any_counts(&self, step: usize) -> bool {
        (0..self.outputs).any(|o| self.counts(step, o))
    }

    /// The class of a step; none without one.
    fn class_at(&self, source: ClassSource, step: usize) -> Option<usize> {
        match (source, self.labels) {
            (ClassSource::Label, Some((trial, Labels::OfTrials(classes)))) => Some(classes[trial]),
            (ClassSource::Label, Some((trial, Labels::OfSteps(classes)))) => {
                classes[trial * (self.target.len() / self.outputs) + step]
            }
            (ClassSource::Label, None) => None,
            (ClassSource::Target, _) => {
                let row = &self.target[step * self.outputs..][..self.outputs];
                let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let mut places = (0..self.outputs).filter(|o| row[*o] == largest);
                places.next().filter(|_| places.next().is_none())
            }
        }
    }

    /// The right class, and the window over which its output is the largest.
    fn class(&self, source: ClassSource, window: Option<Range<usize>>) -> Result<(usize, Range<usize>), String> {
        let class = |step: usize| self.class_at(source, step).filter(|_| self.any_counts(step));
        let of_trial = matches!((source, self.labels), (ClassSource::Label, Some((_, Labels::OfTrials(_)))));
        if let (None, true) = (&window, of_trial) {
            let window = self.hull(0..self.length).ok_or("it has no step of weight above 0")?;
            return Ok((class(window.start).ok_or("it has no class")?, window));
        }
        let steps = window.clone().unwrap_or(0..self.length);
        let last = steps.clone().rev().find(|step| class(*step).is_some());
        let last = last.ok_or_else(|| self.without_class(source, &steps))?;
        let right = class(last).ok_or("it has no class")?;
        let Some(window) = window else {
            let first = (0..last).rev().find(|step| class(*step) != Some(right)).map_or(0, |step| step + 1);
            return Ok((right, first..last + 1));
        };
        match window.clone().filter_map(|step| Some((step, class(step)?))).find(|(_, own)| *own != right) {
            None => Ok((right, window)),
            Some((step, own)) => Err(format!(
                "its class changes inside the window: {own} at step {step}, {right} at step {last}; expected one class"
            )),
        }
    }

    fn without_class(&self, source: ClassSource, steps: &Range<usize>) -> String {
        let missing = match source {
            ClassSource::Label => "label of at least 0",
            ClassSource::Target => "target that is larger than those of the other outputs",
        };
        format!("no step of weight above 0 from {} to {} has a {missing}", steps.start, steps.end)
    }

    /// From the first to the last step of some that counts.
    fn hull(&self, steps: Range<usize>) -> Option<Range<usize>> {
        let first = steps.clone().find(|step| self.any_counts(*step))?;
        let last = steps.rev().find(|step| self.any_counts(*step))?;
        Some(first..last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(judge: &Judge, target: &[f32], weight: &[f32], labels: Option<&Labels>) -> Result<Vec<Rule>, String> {
        let length = target.len() / 2;
        judge.rules(&Answer { outputs: 2, length, target, weight, labels: labels.map(|labels| (0, labels)) })
    }

    fn largest(source: ClassSource, window: Option<Range<usize>>) -> Judge {
        Judge::Largest { source, window }
    }

    /// Window and class.
    fn class(found: Result<Vec<Rule>, String>) -> (Range<usize>, usize) {
        match &found.unwrap()[..] {
            [Rule { window, demand: Demand::Largest(class), .. }] => (window.clone(), *class),
            other => panic!("{other:?}"),
        }
    }

    const TARGET: [f32; 12] = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0];

    #[test]
    fn the_class_of_a_trial_is_judged_where_its_weights_are() {
        let labels = Labels::OfTrials(vec![1]);
        let judge = largest(ClassSource::Label, None);
        assert_eq!(class(rules(&judge, &TARGET, &[], Some(&labels))), (0..6, 1));
        let weight = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(class(rules(&judge, &TARGET, &weight, Some(&labels))), (1..4, 1));
        assert!(rules(&judge, &TARGET, &[0.0; 12], Some(&labels)).unwrap_err().contains("weight above 0"));
    }

    #[test]
    fn the_class_of_steps_and_targets_is_the_last_one() {
        let target = largest(ClassSource::Target, None);
        assert_eq!(class(rules(&target, &TARGET, &[], None)), (3..5, 0));
        let classes = [Some(0), Some(0), None, Some(1), Some(1), Some(1)];
        let labels = Labels::OfSteps(classes.to_vec());
        assert_eq!(class(rules(&largest(ClassSource::Label, None), &TARGET, &[], Some(&labels))), (3..6, 1));
        let window = |window| largest(ClassSource::Label, Some(window));
        assert_eq!(class(rules(&window(0..3), &TARGET, &[], Some(&labels))), (0..3, 0));
        assert_eq!(class(rules(&window(4..99), &TARGET, &[], Some(&labels))), (4..6, 1));
        let message = |window_: Range<usize>| rules(&window(window_), &TARGET, &[], Some(&labels)).unwrap_err();
        assert!(
            message(1..4).contains("class changes inside the window: 0 at step 1, 1 at step 3"),
            "{}",
            message(1..4)
        );
        assert!(message(2..3).contains("no step of weight above 0 from 2 to 3"));
        assert!(message(6..9).contains("no step of the window"));
    }

    #[test]
    fn stretches_of_constant_targets_have_rules_for_each_network() {
        let judge = Judge::Near { tolerance: 0.25, window: None };
        let found = rules(&judge, &TARGET, &[], None).unwrap();
        let of = |evaluated, o: usize| {
            let own = found.iter().filter(|rule| rule.evaluated == Some(evaluated) && rule.outputs == (o..o + 1));
            own.map(|rule| (rule.window.clone(), rule.demand)).collect::<Vec<_>>()
        };
        assert_eq!(
            of(Evaluated::Lif, 0),
            [(1..3, 0.0), (3..5, 1.0), (5..6, 0.0)].map(|(w, value)| (w, Demand::Near { value, tolerance: 0.25 }))
        );
        assert_eq!(
            of(Evaluated::Trained, 1),
            [(1..2, 1.0), (2..6, 0.0)].map(|(w, z)| (w, Demand::Between(z - 0.25, z + 0.25)))
        );
        let weight = [1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        let found = rules(&judge, &TARGET, &weight, None).unwrap();
        let windows: Vec<_> = found.iter().step_by(2).map(|rule| (rule.window.clone(), rule.outputs.start)).collect();
        assert_eq!(windows, [(1..3, 0), (3..6, 1), (4..5, 0), (5..6, 0)]);
    }
}
