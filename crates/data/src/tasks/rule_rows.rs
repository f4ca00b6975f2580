//! Rules as rows of numbers, as artifacts of trials keep them.

use super::rule::{Demand, Evaluated, Rule, RuleSet};
use super::trials::Trials;

/// Columns of `rule`: trial, network (0 both, 1 trained, 2 LIF), set (0 both, 1 published, 2 strict), first and last step
/// of the window (the last not inside), first and last output (likewise), demand, and its two numbers.
pub(super) const COLUMNS: usize = 10;

/// The row of a rule of a trial.
pub(super) fn row(trial: usize, rule: &Rule) -> [f64; COLUMNS] {
    let (demand, a, b) = match rule.demand {
        Demand::Above(level) => (0, level, 0.0),
        Demand::Below(level) => (1, level, 0.0),
        // Artifacts hold finite numbers: no limit is the largest one.
        Demand::Between(low, high) => (2, low.max(f64::MIN), high.min(f64::MAX)),
        Demand::Near { value, tolerance } => (3, value, tolerance),
        Demand::Largest(index) => (4, index as f64, 0.0),
        Demand::Direction { degrees, tolerance } => (5, degrees, tolerance),
    };
    let evaluated = rule.evaluated.map_or(0, |evaluated| if evaluated == Evaluated::Trained { 1 } else { 2 });
    let set = rule.set.map_or(0, |set| if set == RuleSet::Published { 1 } else { 2 });
    let counts =
        [trial, evaluated, set, rule.window.start, rule.window.end, rule.outputs.start, rule.outputs.end, demand];
    let mut row = [0.0; COLUMNS];
    row.iter_mut().zip(counts).for_each(|(to, from)| *to = from as f64);
    row[COLUMNS - 2..].copy_from_slice(&[a, b]);
    row
}

/// The rule of a row and its trial; none for numbers that no rule has.
pub(super) fn rule(row: &[f64], trials: &Trials) -> Option<(usize, Rule)> {
    let count = |column: usize| Some(row[column] as usize).filter(|count| *count as f64 == row[column]);
    let &[a, b] = row.last_chunk().expect("a row has ten columns");
    let demand = match count(7)? {
        0 => Demand::Above(a),
        1 => Demand::Below(a),
        2 => Demand::Between(
            if a == f64::MIN { f64::NEG_INFINITY } else { a },
            if b == f64::MAX { f64::INFINITY } else { b },
        ),
        3 => Demand::Near { value: a, tolerance: b },
        4 => Demand::Largest(count(8)?),
        5 => Demand::Direction { degrees: a, tolerance: b },
        _ => return None,
    };
    let evaluated = [None, Some(Evaluated::Trained), Some(Evaluated::Lif)];
    let set = [None, Some(RuleSet::Published), Some(RuleSet::Strict)];
    let rule = Rule {
        evaluated: *evaluated.get(count(1)?)?,
        set: *set.get(count(2)?)?,
        window: count(3)?..count(4)?,
        outputs: count(5)?..count(6)?,
        demand,
    };
    let fits = !rule.window.is_empty() && rule.window.end <= trials.steps;
    let fits = fits && !rule.outputs.is_empty() && rule.outputs.end <= trials.outputs;
    let fits = fits && !matches!(demand, Demand::Largest(index) if index >= rule.outputs.len());
    Some((count(0)?, rule)).filter(|(trial, _)| fits && *trial < trials.count)
}
