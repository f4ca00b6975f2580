//! Constant inputs under which a network is analysed.

use crate::settings::Settings;
use crate::subject::Subject;

/// A constant input.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstantInput {
    /// u `[K]`
    pub u: Vec<f64>,
    /// First condition that has it; the number of conditions for an input of the settings.
    pub condition: usize,
}

/// Constant inputs: those of the settings, or the mean input of each condition at their times, each once.
pub fn constant_inputs<E>(subject: &dyn Subject<Error = E>, settings: &Settings) -> Vec<ConstantInput> {
    let trials = subject.trials();
    let conditions = subject.conditions();
    if !settings.inputs.is_empty() {
        let condition = subject.task().conditions().len();
        return settings.inputs.iter().map(|u| ConstantInput { u: u.clone(), condition }).collect();
    }
    let last = |trial: usize| trials.length[trial].max(1) - 1;
    let at = |at_ms: f64, trial: usize| ((at_ms / subject.task().step_ms()) as usize).min(last(trial));
    let mut found: Vec<ConstantInput> = Vec::new();
    for (condition, own) in &conditions {
        let mut add = |step: &dyn Fn(usize) -> usize| {
            let mut u = vec![0.0; trials.channels];
            for trial in own {
                let row = &trials.input[(step(*trial) * trials.count + trial) * trials.channels..][..trials.channels];
                u.iter_mut().zip(row).for_each(|(sum, u)| *sum += f64::from(*u));
            }
            // Divided once, so that the mean of equal inputs is that input.
            u.iter_mut().for_each(|sum| *sum /= own.len() as f64);
            let same = |known: &ConstantInput| known.u.iter().zip(&u).all(|(a, b)| (a - b).abs() <= 1e-6);
            if !found.iter().any(same) {
                found.push(ConstantInput { u, condition: *condition });
            }
        };
        if settings.at_ms.is_empty() {
            add(&last);
        }
        settings.at_ms.iter().for_each(|at_ms| add(&|trial| at(*at_ms, trial)));
    }
    found
}
