//! Tasks as users write them: one file in Starlark, the deterministic dialect of Python.
//!
//! The file states `step_ms`, `inputs`, `outputs`, `conditions`, `duration_ms` and, if it has any, `parameters`, and defines
//! `trial(t, p)`, which draws one trial through `t` (see `draw.rs`) with the parameters `p`, and returns the name of its
//! condition. All of these but `step_ms` and `parameters` may also be functions of `p`. The language has no input and no
//! output, its random numbers come from the counter-based streams, and its work and memory are limited, so that a trial is a
//! function of the text, the parameters, the seed and the trial's number.

pub mod allocation;
mod config;
mod declared;
mod draw;
mod failure;
mod limits;
mod math;
mod values;

use super::rule::{Evaluated, RuleSet};
use super::task::{Task, TaskError};
use super::trials::{Trial, Trials};
pub use config::ProgramConfig;
use declared::Declared;
use draw::Drawing;
pub use limits::LONGEST as LONGEST_TASK;
use limits::{CHUNK, STACK, TICKS};
use mdl_kernels::random::{Purpose, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use starlark::environment::{FrozenModule, Module};
use starlark::eval::Evaluator;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A task made ready to draw trials.
#[derive(Clone)]
pub struct Program {
    config: ProgramConfig,
    compiled: Arc<Compiled>,
}

/// What the file says with its parameters.
struct Compiled {
    module: FrozenModule,
    declared: Arc<Declared>,
    examples: OnceLock<Result<Trials, TaskError>>,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.config.fmt(f)
    }
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
    }
}

impl Serialize for Program {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.config.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Program {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(ProgramConfig::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Program {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TaskFile".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        ProgramConfig::json_schema(generator)
    }
}

impl Program {
    /// Reads the text of a task and draws its first trials. A config that has been read lately is not read again.
    ///
    /// # Errors
    /// [`TaskError`]: the file and, where one is to blame, the line.
    pub fn new(config: ProgramConfig) -> Result<Self, TaskError> {
        static LATELY: Mutex<Vec<(ProgramConfig, Program)>> = Mutex::new(Vec::new());
        const REMEMBERED: usize = 16;
        let lately = || LATELY.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, program)) = lately().iter().find(|(own, _)| *own == config) {
            return Ok(program.clone());
        }
        let program = Self::read_apart(config.clone())?;
        let mut lately = lately();
        if lately.len() == REMEMBERED {
            lately.remove(0);
        }
        lately.push((config, program.clone()));
        Ok(program)
    }

    /// Reads a task on a thread of its own, with a stack that deeply nested text does not exhaust.
    fn read_apart(config: ProgramConfig) -> Result<Self, TaskError> {
        let file = config.file.clone();
        let failed = |message: String| TaskError { file, line: None, message };
        let thread = std::thread::Builder::new().name("task".into()).stack_size(STACK);
        let owner = allocation::owner();
        let read = move || {
            allocation::set_owner(owner);
            Self::read(config)
        };
        match thread.spawn(read) {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|_| Err(failed("the language cannot run this; write it in another way".into()))),
            Err(error) => Err(failed(format!("no thread to read it on: {error}"))),
        }
    }

    fn read(config: ProgramConfig) -> Result<Self, TaskError> {
        let error = |message: String| TaskError { file: config.file.clone(), line: None, message };
        let source =
            config.source.clone().ok_or_else(|| error("its text is missing: name the file in a config".into()))?;
        let module = allocation::limited(&config.file, || values::evaluate(&config.file, &source))?;
        let declared = Declared::new(&module, &config).map_err(|error| failure::at_definition(&source, error))?;
        let declared = Arc::new(declared);
        let config = ProgramConfig { parameters: declared.parameters.clone(), ..config };
        let config = ProgramConfig { step_ms: Some(declared.step_ms), ..config };
        let program = Self { config, compiled: Arc::new(Compiled { module, declared, examples: OnceLock::new() }) };
        program.compiled.examples.get_or_init(|| program.find_examples()).as_ref().map_err(Clone::clone)?;
        Ok(program)
    }

    /// One of the tasks that come with the programs, with other parameters than its own.
    ///
    /// # Errors
    /// [`TaskError`]: no such task, or parameters that it does not have.
    pub fn built_in(name: &str, parameters: Map<String, Json>) -> Result<Self, TaskError> {
        let file = format!("{name}.star");
        let source = super::built_in::source(name).ok_or_else(|| TaskError {
            file: file.clone(),
            line: None,
            message: "no task of this name comes with the programs".into(),
        })?;
        let (step_ms, rules) = (None, RuleSet::default());
        Self::new(ProgramConfig { file, parameters, step_ms, rules, source: Some(source.into()) })
    }

    /// What the config says.
    pub fn config(&self) -> &ProgramConfig {
        &self.config
    }

    /// Name of the task: that of its file.
    pub fn name(&self) -> &str {
        let file = self.config.file.rsplit(['/', '\\']).next().unwrap_or_default();
        file.strip_suffix(".star").unwrap_or(file)
    }

    /// An error of a drawn trial.
    fn error(&self, message: String) -> TaskError {
        self.in_trial(TaskError { file: self.config.file.clone(), line: None, message })
    }

    /// The error with the line of `trial`, if it has none.
    fn in_trial(&self, error: TaskError) -> TaskError {
        let source = self.config.source.as_deref().unwrap_or_default();
        TaskError { line: error.line.or_else(|| failure::definition(source, "trial")), ..error }
    }

    /// The first trial of each condition among some. A condition that none of them has is left out.
    fn find_examples(&self) -> Result<Trials, TaskError> {
        const LOOKED_AT: usize = 512;
        let declared = &self.compiled.declared;
        let mut found: Vec<Option<Trial>> = vec![None; declared.conditions.len()];
        let mut looked_at = 0;
        while looked_at < LOOKED_AT && found.iter().any(Option::is_none) {
            let count = declared.conditions.len().min(CHUNK);
            self.each(1, Purpose::ExampleTrial, looked_at as u64, count, |_, trial| {
                found[trial.condition].get_or_insert_with(|| trial.clone());
            })?;
            looked_at += count;
        }
        let found: Vec<Trial> = found.into_iter().flatten().collect();
        let mut examples = self.room(found.len());
        found.iter().enumerate().for_each(|(index, trial)| examples.set(index, trial));
        Ok(examples)
    }

    fn room(&self, count: usize) -> Trials {
        let declared = &self.compiled.declared;
        Trials::room(declared.steps, declared.inputs.len(), declared.outputs.len(), count)
    }

    /// Draws trials one after the other and shows each to `see`.
    fn each(
        &self,
        seed: u64,
        purpose: Purpose,
        first: u64,
        count: usize,
        mut see: impl FnMut(usize, &Trial),
    ) -> Result<(), TaskError> {
        let declared = &self.compiled.declared;
        for from in (0..count).step_by(CHUNK) {
            let here = CHUNK.min(count - from);
            let drawing = Drawing::new(declared.clone());
            let draw = |module: Module| {
                let mut evaluator = Evaluator::new(&module);
                values::limit(&mut evaluator, TICKS * here as u64);
                evaluator.extra = Some(&drawing);
                let function = self.compiled.module.get("trial").expect("it has been looked for");
                let function = module.heap().access_owned_frozen_value(&function);
                let p = values::parameters(&module, &declared.parameters);
                let t = module.heap().alloc_simple(draw::TrialValue);
                for trial in from..from + here {
                    drawing.begin(Stream::new(seed, purpose, first + trial as u64));
                    let call = || evaluator.eval_function(function, &[t, p], &[]);
                    let returned = allocation::limited(&self.config.file, call);
                    let returned = returned.map_err(|error| self.in_trial(failure::of(&self.config.file, error)))?;
                    let condition = returned.unpack_str().and_then(|name| declared.condition(name));
                    let condition = condition.ok_or_else(|| {
                        let known = declared.conditions.join(", ");
                        let returned = values::shown(returned);
                        self.error(format!("trial returned {returned}, expected the name of a condition: {known}"))
                    })?;
                    let drawn = drawing.finish(condition).map_err(|message| self.error(message))?;
                    self.check_rules(&drawn)?;
                    see(trial, &drawn);
                }
                Ok(())
            };
            Module::with_temp_heap(draw)?;
        }
        Ok(())
    }

    /// Refuses a trial whose answers cannot be judged.
    fn check_rules(&self, trial: &Trial) -> Result<(), TaskError> {
        for evaluated in [Evaluated::Trained, Evaluated::Lif] {
            for set in [RuleSet::Published, RuleSet::Strict] {
                if !trial.rules.iter().any(|rule| rule.applies(evaluated, set)) {
                    let condition = &self.compiled.declared.conditions[trial.condition];
                    let (network, set) = (draw::network_name(evaluated), draw::set_name(set));
                    return Err(self.error(format!(
                        "a trial of condition {condition} has no rule for the {network} network in the {set} set; \
                         call t.reach, t.keep, t.near, t.largest or t.direction, without network and rules for all"
                    )));
                }
            }
        }
        Ok(())
    }
}

impl Task for Program {
    fn inputs(&self) -> &[String] {
        &self.compiled.declared.inputs
    }

    fn output_names(&self) -> &[String] {
        &self.compiled.declared.outputs
    }

    fn steps(&self) -> usize {
        self.compiled.declared.steps
    }

    fn step_ms(&self) -> f64 {
        self.compiled.declared.step_ms
    }

    fn conditions(&self) -> &[String] {
        &self.compiled.declared.conditions
    }

    fn rule_set(&self) -> RuleSet {
        self.config.rules
    }

    fn draw(&self, seed: u64, purpose: Purpose, first: u64, count: usize) -> Result<Trials, TaskError> {
        let mut trials = self.room(count);
        self.each(seed, purpose, first, count, |index, trial| trials.set(index, trial))?;
        Ok(trials)
    }

    fn examples(&self) -> &Trials {
        match self.compiled.examples.get() {
            Some(Ok(examples)) => examples,
            _ => unreachable!("a program is made with its examples"),
        }
    }
}
