//! Trials of all files of a section in memory: checked against each other, split into parts, with the rules of each.

use super::arrays::{Conditions, FileArrays, Labels};
use super::config::{MOST_NAMES, Part, PartContents, TrialsConfig, TrialsContents};
use super::error::TrialsError;
use super::judge::{Answer, Judge};
use super::read::TrialFile;
use crate::tasks::rule::{Evaluated, Rule};
use crate::tasks::trials::{Trial, Trials};
use mdl_kernels::random::{Purpose, Stream};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Trials of all files of a section.
pub(super) struct Loaded {
    pub contents: TrialsContents,
    /// Files that were read, with their SHA-256.
    pub files: Vec<(PathBuf, String)>,
    /// A trial of each condition.
    pub examples: Trials,
    sets: Vec<Set>,
    judge: Judge,
    /// Trials for training, validation and test, each with its file.
    parts: [Vec<(usize, u32)>; 3],
    /// Order of the latest pass through the training trials.
    order: Mutex<Order>,
}

/// Order of a pass through the training trials, a function of the seed and the number of the pass.
#[derive(Default)]
struct Order {
    of: Option<(u64, u64)>,
    trials: Vec<u32>,
}

/// Trials of a file.
struct Set {
    path: PathBuf,
    arrays: FileArrays,
    /// Outputs O, and targets `[B, T, O]`.
    outputs: usize,
    target: Vec<f32>,
    condition: Vec<usize>,
}

impl Loaded {
    /// Puts files together, in the order of the fields of the section that name them.
    pub fn new(config: &TrialsConfig, mut files: Vec<TrialFile>) -> Result<Self, TrialsError> {
        let arrays = files.iter_mut().map(FileArrays::new).collect::<Result<Vec<_>, _>>()?;
        refuse_twice(config, &files)?;
        refuse_different(&files, &arrays)?;
        refuse_other_step(config, &files)?;
        let names = Names::new(config, &files, &arrays)?;
        let judge = Judge::new(
            config.rule.as_ref(),
            config.step_ms,
            arrays.iter().all(|arrays| !arrays.rules.is_empty()),
            arrays.iter().all(|arrays| arrays.labels.is_some()),
        );
        check_judge(&judge, config, &files, &arrays, names.outputs.len())?;
        let parts = parts(config, &arrays)?;
        let sets = arrays.into_iter().zip(&files);
        let sets = sets.map(|(arrays, file)| Set::new(file, arrays, &names)).collect::<Result<Vec<_>, _>>()?;
        let of_part = |part: &Vec<(usize, u32)>| PartContents {
            trials: part.len() as u64,
            sha256: files[part[0].0].sha256.clone(),
        };
        let [training, validation, test] = [0, 1, 2].map(|part: usize| of_part(&parts[part]));
        let Names { inputs, outputs, conditions } = names;
        let steps = sets[0].arrays.steps;
        let contents =
            TrialsContents { steps, inputs, outputs, conditions, response: [None; 2], training, validation, test };
        let files = files.into_iter().map(|file| (file.path, file.sha256)).collect();
        let mut loaded =
            Self { contents, files, examples: Trials::default(), sets, judge, parts, order: Mutex::default() };
        loaded.check_rules()?;
        loaded.examples = loaded.find_examples();
        loaded.contents.response = [Evaluated::Trained, Evaluated::Lif].map(|evaluated| loaded.response(evaluated));
        Ok(loaded)
    }

    /// Part of the trials with a purpose.
    fn part(&self, purpose: Purpose) -> &[(usize, u32)] {
        &self.parts[match purpose {
            Purpose::TrainingTrial => 0,
            Purpose::ValidationTrial | Purpose::SearchTrial => 1,
            _ => 2,
        }]
    }

    /// Trials `first .. first + count` of a purpose: those for training in a new order in every pass, the others in their own.
    pub fn draw(&self, seed: u64, purpose: Purpose, first: u64, count: usize) -> Trials {
        let part = self.part(purpose);
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let mut trials = self.room(count);
        for index in 0..count {
            let number = first + index as u64;
            let (pass, mut place) = (number / part.len() as u64, (number % part.len() as u64) as usize);
            if purpose == Purpose::TrainingTrial {
                if order.of != Some((seed, pass)) {
                    let trials = Stream::new(seed, purpose, pass).permutation(part.len());
                    *order = Order { of: Some((seed, pass)), trials };
                }
                place = order.trials[place] as usize;
            }
            trials.set(index, &self.trial(part[place]));
        }
        trials
    }

    fn room(&self, count: usize) -> Trials {
        let TrialsContents { steps, inputs, outputs, .. } = &self.contents;
        Trials::room(*steps, inputs.len(), outputs.len(), count)
    }

    /// A trial, all of whose rules can be made.
    fn trial(&self, (set, index): (usize, u32)) -> Trial {
        let set = &self.sets[set];
        Trial { rules: set.rules(&self.judge, index as usize).unwrap_or_default(), ..set.trial(index as usize) }
    }

    /// Refuses trials whose answers cannot be judged.
    fn check_rules(&self) -> Result<(), TrialsError> {
        for set in &self.sets {
            for trial in 0..set.arrays.count {
                set.rules(&self.judge, trial).map_err(|message| {
                    TrialsError::file(&set.path, format!("trial {trial} cannot be judged: {message}"))
                })?;
            }
        }
        Ok(())
    }

    /// The first trial of each condition among those for training and validation.
    fn find_examples(&self) -> Trials {
        let seen = || self.parts[0].iter().chain(&self.parts[1]);
        let condition = |at: &(usize, u32)| self.sets[at.0].condition[at.1 as usize];
        let first = |own: usize| seen().find(|at| condition(at) == own);
        let found: Vec<_> = (0..self.contents.conditions.len()).filter_map(first).collect();
        let mut examples = self.room(found.len());
        found.iter().enumerate().for_each(|(index, at)| examples.set(index, &self.trial(**at)));
        examples
    }

    fn response(&self, evaluated: Evaluated) -> Option<[usize; 2]> {
        let rules = self.examples.rules.iter().flatten();
        let own = rules.filter(|rule| rule.evaluated.is_none_or(|own| own == evaluated));
        own.map(|rule| [rule.window.start, rule.window.end]).reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])])
    }
}

/// Refuses a file that is named twice: trials for training would be those of a test.
fn refuse_twice(config: &TrialsConfig, files: &[TrialFile]) -> Result<(), TrialsError> {
    let fields = config.files();
    for (index, file) in files.iter().enumerate() {
        if let Some(same) = files[..index].iter().position(|other| other.sha256 == file.sha256) {
            let (field, path) = fields[index];
            let expected = format!("other trials than those of task.{}, which is the same file", fields[same].0);
            return Err(TrialsError::field(field, format!("{path:?}"), expected));
        }
    }
    Ok(())
}

/// Refuses files with different steps, channels or arrays.
fn refuse_different(files: &[TrialFile], arrays: &[FileArrays]) -> Result<(), TrialsError> {
    let (first, first_file) = (&arrays[0], &files[0]);
    for (own, file) in arrays.iter().zip(files).skip(1) {
        let as_in = |expected: &dyn std::fmt::Display| format!("{expected}, as in {}", first_file.path.display());
        let differ = |role: &str, found: String, expected: String| {
            let name = file.arrays.get(role).map_or(role, |array| array.name.as_str());
            Err(TrialsError::array(&file.path, name, found, &as_in(&expected)))
        };
        if own.steps != first.steps {
            let expected = format!("{} steps, with the array `length` for shorter trials", first.steps);
            return differ("input", format!("{} steps", own.steps), expected);
        }
        if own.channels != first.channels {
            return differ("input", format!("{} channels", own.channels), format!("{} channels", first.channels));
        }
        let outputs = |arrays: &FileArrays| arrays.target.as_ref().map(|(outputs, _)| *outputs);
        let named = |outputs: Option<usize>| outputs.map_or("no such array".into(), |count| format!("{count} outputs"));
        if outputs(own) != outputs(first) {
            return differ("target", named(outputs(own)), named(outputs(first)));
        }
        let there = |there: bool| (if there { "an array" } else { "no such array" }).to_string();
        if own.labels.is_some() != first.labels.is_some() {
            return differ("label", there(own.labels.is_some()), there(first.labels.is_some()));
        }
    }
    Ok(())
}

/// Refuses a step other than that with which `make-trials` drew the trials.
fn refuse_other_step(config: &TrialsConfig, files: &[TrialFile]) -> Result<(), TrialsError> {
    for file in files {
        let own = file.own.as_ref().and_then(|own| own.step_ms);
        if let Some(own) = own.filter(|own| (own - config.step_ms).abs() > 1e-9 * own) {
            let expected = format!("{own}, the step of the trials in {}", file.path.display());
            return Err(TrialsError::field("step_ms", config.step_ms, expected));
        }
    }
    Ok(())
}

/// Names of channels and conditions.
struct Names {
    inputs: Vec<String>,
    outputs: Vec<String>,
    conditions: Vec<String>,
}

fn numbered(word: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{word} {index}")).collect()
}

impl Names {
    fn new(config: &TrialsConfig, files: &[TrialFile], arrays: &[FileArrays]) -> Result<Self, TrialsError> {
        let own = files[0].own.as_ref();
        let channels = arrays[0].channels;
        let of_file = |names: Option<&Vec<String>>, count: usize| names.filter(|names| names.len() == count).cloned();
        let inputs = match &config.input_names {
            Some(names) if names.len() != channels => {
                let expected = format!("{channels}, one per channel of the input");
                return Err(TrialsError::field("input_names", format!("{} names", names.len()), expected));
            }
            Some(names) => names.clone(),
            None => of_file(own.and_then(|own| own.inputs.as_ref()), channels)
                .unwrap_or_else(|| numbered("input", channels)),
        };
        let count = Self::outputs(config, files, arrays)?;
        let word = if arrays[0].target.is_some() { "output" } else { "class" };
        let outputs = match &config.output_names {
            Some(names) => names.clone(),
            None => of_file(own.and_then(|own| own.outputs.as_ref()), count).unwrap_or_else(|| numbered(word, count)),
        };
        let conditions = Self::conditions(config, files, arrays, &outputs)?;
        Ok(Self { inputs, outputs, conditions })
    }

    /// Number of outputs.
    fn outputs(config: &TrialsConfig, files: &[TrialFile], arrays: &[FileArrays]) -> Result<usize, TrialsError> {
        let ranges = || arrays.iter().filter_map(|arrays| arrays.labels.as_ref()?.range());
        let (smallest, largest) = (ranges().map(|range| range.0).min(), ranges().map(|range| range.1).max());
        let named = config.output_names.as_ref().map(Vec::len);
        let of_target = arrays[0].target.as_ref().map(|(outputs, _)| *outputs);
        if let (Some(classes), Some(other)) = (config.classes, of_target.or(named))
            && classes != other
        {
            return Err(TrialsError::field("classes", classes, format!("{other}, as there are outputs")));
        }
        if let (Some(named), Some(outputs)) = (named, of_target)
            && named != outputs
        {
            let expected = format!("{outputs}, one per output of the target");
            return Err(TrialsError::field("output_names", format!("{named} names"), expected));
        }
        let known = of_target.or(named).or(config.classes);
        let count = known.or(largest.filter(|_| smallest != largest).map(|largest| largest + 1));
        let count = count.ok_or_else(|| {
            let array = files[0].arrays.get("label").map_or("label", |array| array.name.as_str());
            let found = largest.map_or("no class".into(), |class| format!("class {class} alone"));
            let expected = "two classes or more; task.classes tells their number if the file lacks some";
            TrialsError::array(&files[0].path, array, found, expected)
        })?;
        match largest {
            Some(largest) if largest >= count => {
                let file = arrays.iter().position(|own| own.labels.as_ref().and_then(Labels::largest) == Some(largest));
                let file = &files[file.unwrap_or_default()];
                let expected = format!("classes below {count}, the number of outputs");
                Err(TrialsError::array(&file.path, &file.arrays["label"].name, format!("class {largest}"), &expected))
            }
            _ => Ok(count),
        }
    }

    fn conditions(
        config: &TrialsConfig,
        files: &[TrialFile],
        arrays: &[FileArrays],
        outputs: &[String],
    ) -> Result<Vec<String>, TrialsError> {
        if arrays.iter().any(|own| own.conditions.is_some() != arrays[0].conditions.is_some()) {
            let missing = arrays.iter().position(|own| own.conditions.is_none()).unwrap_or_default();
            let message = "no array `condition`, but another file of the section has it";
            return Err(TrialsError::file(&files[missing].path, message));
        }
        if arrays[0].conditions.is_none() {
            if config.conditions.is_some() {
                let expected = "no names, because the file has no array `condition`";
                return Err(TrialsError::field("conditions", "a list of names", expected));
            }
            let by_class = arrays.iter().all(|own| matches!(own.labels, Some(Labels::OfTrials(_))));
            return Ok(if by_class { outputs.to_vec() } else { vec!["trial".into()] });
        }
        let of_file = files[0].own.as_ref().and_then(|own| own.conditions.clone());
        let mut known = config.conditions.clone().or(of_file);
        let mut numbers = 0;
        let mut names = Vec::new();
        for (own, file) in arrays.iter().zip(files) {
            match &own.conditions {
                Some(Conditions::Numbers(found)) => {
                    let largest = found.iter().max().copied().unwrap_or_default();
                    if let Some(known) = known.as_ref().filter(|known| largest >= known.len()) {
                        let expected = format!("conditions below {}, the number of their names", known.len());
                        let name = &file.arrays["condition"].name;
                        return Err(TrialsError::array(&file.path, name, format!("condition {largest}"), &expected));
                    }
                    numbers = numbers.max(largest + 1);
                }
                Some(Conditions::Names(found)) => {
                    let known = config.conditions.as_ref();
                    let other = known.and_then(|known| found.iter().find(|name| !known.contains(name)));
                    if let (Some(known), Some(other)) = (known, other) {
                        let expected = format!("a condition in task.conditions: {}", known.join(", "));
                        let name = &file.arrays["condition"].name;
                        return Err(TrialsError::array(&file.path, name, format!("{other:?}"), &expected));
                    }
                    names.extend(found.iter().cloned());
                }
                None => {}
            }
        }
        if !names.is_empty() && config.conditions.is_none() {
            names.sort();
            names.dedup();
            known = Some(names);
        }
        let known = known.unwrap_or_else(|| numbered("condition", numbers));
        if known.len() > MOST_NAMES {
            let found = format!("{} different conditions", known.len());
            return Err(TrialsError::array(&files[0].path, "condition", found, &format!("at most {MOST_NAMES}")));
        }
        Ok(known)
    }
}

/// Refuses a rule for which the files lack arrays, or whose window is not inside the trials.
fn check_judge(
    judge: &Judge,
    config: &TrialsConfig,
    files: &[TrialFile],
    arrays: &[FileArrays],
    outputs: usize,
) -> Result<(), TrialsError> {
    use super::config::ClassSource::Label;
    let (steps, step_ms) = (arrays[0].steps, config.step_ms);
    let (Judge::Near { window, .. } | Judge::Largest { window, .. }) = judge else { return Ok(()) };
    if window.as_ref().is_some_and(|window| window.end > steps || window.is_empty()) {
        let found =
            config.rule.as_ref().and_then(|rule| rule.window_ms()).map_or_else(String::new, |w| format!("{w:?}"));
        let expected = format!(
            "a beginning and an end inside the {} ms of a trial, at least one step apart",
            steps as f64 * step_ms
        );
        return Err(TrialsError::field("rule.window_ms", found, expected));
    }
    if let Judge::Largest { source, .. } = judge {
        let without = arrays.iter().position(|arrays| arrays.labels.is_none()).filter(|_| *source == Label);
        if let Some(without) = without {
            let expected = format!("target, because {} has no array `label`", files[without].path.display());
            return Err(TrialsError::field("rule.largest", "label", expected));
        }
        if outputs < 2 {
            return Err(TrialsError::field(
                "rule.largest",
                "a single output",
                "two or more outputs, or the rule `near`",
            ));
        }
    }
    Ok(())
}

/// Trials for training, validation and test, each with its file.
fn parts(config: &TrialsConfig, arrays: &[FileArrays]) -> Result<[Vec<(usize, u32)>; 3], TrialsError> {
    let count = arrays[0].count;
    let split = &config.split;
    let mut order = Stream::new(split.seed, Purpose::Shuffle, 0).permutation(count);
    let (mut next_file, mut parts) = (1, [const { Vec::new() }; 3]);
    for (part, of, field) in [(1, &split.validation, "split.validation"), (2, &split.test, "split.test")] {
        match of {
            Part::File(_) => {
                parts[part] = (0..arrays[next_file].count as u32).map(|trial| (next_file, trial)).collect();
                next_file += 1;
            }
            Part::Fraction(fraction) => {
                let taken = ((fraction * count as f64).round() as usize).max(1);
                if taken >= order.len() {
                    let expected = format!("a fraction that leaves some of the {count} trials for training, or a file");
                    return Err(TrialsError::field(field, fraction, expected));
                }
                let mut own = order.split_off(order.len() - taken);
                own.sort_unstable();
                parts[part] = own.into_iter().map(|trial| (0, trial)).collect();
            }
        }
    }
    order.sort_unstable();
    parts[0] = order.into_iter().map(|trial| (0, trial)).collect();
    Ok(parts)
}

impl Set {
    fn new(file: &TrialFile, mut arrays: FileArrays, names: &Names) -> Result<Self, TrialsError> {
        let outputs = names.outputs.len();
        let (steps, count) = (arrays.steps, arrays.count);
        let target = match arrays.target.take() {
            Some((_, target)) => target,
            None => one_hot(arrays.labels.as_ref(), &arrays.length, steps, outputs),
        };
        if let Some((width, _)) = arrays.weight.as_ref().filter(|(width, _)| *width != 1 && *width != outputs) {
            let name = &file.arrays["weight"].name;
            let expected = format!("{outputs}, one per output, or 1 for all");
            return Err(TrialsError::array(&file.path, name, format!("{width} channels"), &expected));
        }
        let condition = match arrays.conditions.take() {
            Some(Conditions::Numbers(numbers)) => numbers,
            Some(Conditions::Names(own)) => {
                let place = |name: &String| names.conditions.iter().position(|known| known == name);
                own.iter().filter_map(place).collect()
            }
            None => match &arrays.labels {
                Some(Labels::OfTrials(classes)) => classes.clone(),
                _ => vec![0; count],
            },
        };
        Ok(Self { path: file.path.clone(), arrays, outputs, target, condition })
    }

    /// Target of a trial, `[T, O]`.
    fn target(&self, trial: usize) -> &[f32] {
        of_trial(&self.target, trial, self.arrays.steps * self.outputs)
    }

    /// Weights of a trial, `[T, O]`, 0 beyond its end; empty where all are 1.
    fn weight(&self, trial: usize) -> Vec<f32> {
        let (steps, length) = (self.arrays.steps, self.arrays.length[trial]);
        match &self.arrays.weight {
            None if length == steps => Vec::new(),
            None => {
                let mut weight = vec![1.0; steps * self.outputs];
                weight[length * self.outputs..].fill(0.0);
                weight
            }
            Some((width, values)) if *width == self.outputs => of_trial(values, trial, steps * width).to_vec(),
            Some((_, values)) => {
                of_trial(values, trial, steps).iter().flat_map(|x| std::iter::repeat_n(*x, self.outputs)).collect()
            }
        }
    }

    /// A trial without rules.
    fn trial(&self, trial: usize) -> Trial {
        let arrays = &self.arrays;
        Trial {
            input: of_trial(&arrays.input, trial, arrays.steps * arrays.channels).to_vec(),
            target: self.target(trial).to_vec(),
            weight: self.weight(trial),
            length: arrays.length[trial],
            condition: self.condition[trial],
            rules: Vec::new(),
        }
    }

    /// Rules of a trial.
    fn rules(&self, judge: &Judge, trial: usize) -> Result<Vec<Rule>, String> {
        if let (Judge::OfFile, Some(rules)) = (judge, self.arrays.rules.get(trial)) {
            return if rules.is_empty() { Err("it has no rule".into()) } else { Ok(rules.clone()) };
        }
        let labels = self.arrays.labels.as_ref().map(|labels| (trial, labels));
        let (length, weight) = (self.arrays.length[trial], self.weight(trial));
        judge.rules(&Answer { outputs: self.outputs, length, target: self.target(trial), weight: &weight, labels })
    }
}

fn of_trial(values: &[f32], trial: usize, size: usize) -> &[f32] {
    &values[trial * size..][..size]
}

/// Targets of labels: 1 for the class of a step, 0 for the others and beyond the end of a trial.
fn one_hot(labels: Option<&Labels>, length: &[usize], steps: usize, outputs: usize) -> Vec<f32> {
    let mut target = vec![0.0; length.len() * steps * outputs];
    for (trial, length) in length.iter().enumerate() {
        for step in 0..*length {
            let class = match labels {
                Some(Labels::OfTrials(classes)) => Some(classes[trial]),
                Some(Labels::OfSteps(classes)) => classes[trial * steps + step],
                None => None,
            };
            if let Some(class) = class {
                target[(trial * steps + step) * outputs + class] = 1.0;
            }
        }
    }
    target
}
