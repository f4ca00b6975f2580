//! The stages as functions from artifacts to artifacts, for callers other than a command line.
//!
//! For the same config, seed and inputs the artifacts are those that the programs write, byte for byte. All of these
//! functions compute on the CPU, in the thread pool of rayon in which they are called. Errors carry an exit status, see
//! [`Status::of`].

pub use crate::start::Config;
pub use mdl_analysis::Settings;

use crate::evaluation::{self, Given};
use crate::programs::{
    analyze, calibrate, eval_lif, export_network, import_network, lambda_search, make_trials, run, train_rate,
    train_spiking,
};
use crate::recording::{Choice, Inputs, Layout, Memory, Quantity, Selection, describe_trials, target};
use crate::start::{Start, StartOptions};
use crate::status::{usage, with_status};
use crate::training::Checkpoints;
use crate::watch::Watch;
use crate::{OrExit, Status, evaluated, memory, training};
use candle_core::Device;
use clap::ValueEnum;
use mdl_artifact::checkpoint::{PartialError, PartialFile, ResumePolicy};
use mdl_artifact::output::write_atomically;
use mdl_artifact::plan::Plan;
use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_convert::lif_artifact;
use mdl_convert::search::queue::{self, Event as SearchEvent, Search};
use mdl_convert::search::trials::TrialResults;
use mdl_convert::search::{Found, SearchSpec, lif_task};
use mdl_data::field::{InvalidField, length};
use mdl_data::tasks::{Evaluated, RuleSet, Task, TaskError, Trials};
use mdl_exchange::{ForeignFile, ImportOptions};
use mdl_experiment::Experiment;
use mdl_experiment::derived::{Changes, DerivedExperiment};
use mdl_experiment::memory::Estimate;
use mdl_kernels::random::Purpose;
use mdl_model::NetworkConfig;
use mdl_report::evaluation::keep_network;
use mdl_train::guard::Guard;
use mdl_train::metrics::{Row, write_history};
use mdl_train::network::Network;
use mdl_train::trainer::{Event, State, TrainError};
use serde_json::{Value, json};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Changes to the config of a network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overrides<'a> {
    /// Overrides, such as `lif.refractory_ms=4`.
    pub set: &'a [String],
    /// Seed, if it differs from the config's.
    pub seed: Option<u64>,
}

impl<'a> Overrides<'a> {
    fn of_sections(self, sections: &'a [&'a str]) -> Changes<'a> {
        Changes { file: None, set: self.set, seed: self.seed, sections }
    }
}

/// Start of a training run.
#[derive(Clone, Debug, Default)]
pub struct StartFrom<'a> {
    /// Network to start from.
    pub network: Option<&'a Artifact>,
    /// Draw new input weights.
    pub new_inputs: bool,
    /// Draw new output weights.
    pub new_outputs: bool,
}

/// State of a training run that is kept in a file.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// File of the network that the run is for; the state is in `OUTPUT.partial`, as that of a program.
    pub output: PathBuf,
    /// Continue from a state that is there.
    pub resume: bool,
    /// Time between two saves.
    pub every: Duration,
}

impl Checkpoint {
    /// The file of the state, of a run with this config and provenance.
    fn file(&self, artifact: &Artifact) -> PartialFile {
        PartialFile::new(&self.output, artifact.config.clone(), artifact.provenance.clone(), 1, self.every)
    }

    /// The state of an earlier run, if there is one.
    fn earlier(&self, file: &PartialFile) -> anyhow::Result<Option<Artifact>> {
        file.earlier(ResumePolicy::from_options(self.resume, false)).map_err(|error| match error {
            PartialError::Exists(path) => {
                let path = path.display();
                usage(format!(
                    "{path} holds the state of an earlier training; resume=True continues it, or remove the file"
                ))
            }
            PartialError::AnotherRun { path, what, found, expected } => {
                let path = path.display();
                usage(format!("{path} holds the state of another training, {what}: found {found}, expected {expected}"))
            }
            other => with_status::<(), _>(Err(other)).expect_err("it is an error"),
        })
    }
}

/// Trains the network of a config; returns its artifact and the result that the program prints. `evaluated` sees every
/// evaluation, and returns false to stop. With a `checkpoint`, an interrupted run can be continued.
///
/// # Errors
/// A config that cannot be run (status 2), damaged data (status 3), diverging training (status 1), an interruption
/// (status 75).
pub fn train(
    config: Option<Config>,
    from: &StartFrom,
    overrides: Overrides,
    checkpoint: Option<&Checkpoint>,
    evaluated: &mut dyn FnMut(&Row) -> bool,
    watch: &Watch,
) -> anyhow::Result<(Artifact, Value)> {
    let Overrides { set, seed } = overrides;
    let kind = match (from.network, &config) {
        (Some(network), _) if network.kind != Kind::Lif => network.kind,
        (Some(_), _) | (None, None) => Kind::Rate,
        (None, Some(config)) => match with_status(config.load(set, seed))?.network {
            NetworkConfig::Rate(_) => Kind::Rate,
            NetworkConfig::Spiking(_) => Kind::Spiking,
        },
    };
    let start = Start::read(kind, config, from.network.cloned(), set, seed)?;
    let options = StartOptions { config: None, from: None, new_inputs: from.new_inputs, new_outputs: from.new_outputs };
    memory::check(&Estimate::training(&start.experiment))?;
    let mut plan = Plan::default();
    checkpoint.iter().for_each(|kept| plan.write_with_partial("the checkpoint", &kept.output, true, 1));
    let _claims = with_status(plan.claim())?;
    let training = Training { start: &start, kind, checkpoint, evaluated, watch };
    match &start.experiment.network {
        NetworkConfig::Rate(config) => {
            let train_rate::Trainee { network, initial, provenance } =
                train_rate::Trainee::new(&start, &options, config, &Device::Cpu)?;
            training.run(&network, provenance, |artifact| train_rate::write(&network, &initial, artifact))
        }
        NetworkConfig::Spiking(config) => {
            let train_spiking::Trainee { network, provenance } =
                train_spiking::Trainee::new(&start, &options, config, &Device::Cpu)?;
            training.run(&network, provenance, |artifact| Ok(network.write(artifact)?))
        }
    }
}

struct Training<'a> {
    start: &'a Start,
    kind: Kind,
    checkpoint: Option<&'a Checkpoint>,
    evaluated: &'a mut dyn FnMut(&Row) -> bool,
    watch: &'a Watch<'a>,
}

impl Training<'_> {
    fn run(
        self,
        network: &impl Network,
        mut provenance: Provenance,
        write: impl FnOnce(&mut Artifact) -> anyhow::Result<()>,
    ) -> anyhow::Result<(Artifact, Value)> {
        let Self { start, kind, checkpoint, evaluated, watch } = self;
        let experiment = &start.experiment;
        training::with_problem(network, experiment, &start.stages, |problem, inputs| {
            provenance.inputs.extend(inputs);
            let config = &experiment.training;
            (watch.begin)(config.total_updates());
            let mut state = State::new(config, problem)?;
            let mut artifact = Artifact::new(kind, experiment.to_json(), provenance);
            let mut file = checkpoint.map(|checkpoint| checkpoint.file(&artifact));
            let earlier = checkpoint.zip(file.as_ref()).map(|(checkpoint, file)| checkpoint.earlier(file));
            let earlier = earlier.transpose()?.flatten();
            if let Some(earlier) = &earlier {
                state.restore(earlier, config).or_exit(Status::DamagedInput)?;
                (watch.done)(state.updates());
            }
            let saved = earlier.map(|_| state.updates());
            let mut checkpoints = file.as_mut().map(|file| Checkpoints::new(file, saved));
            let (mut guard, mut go_on) = (Guard::default(), true);
            let trained = mdl_train::trainer::train(config, problem, state, &mut |event| {
                let (warning, state) = match event {
                    Event::Updated { update, gradient_norm, state, .. } => {
                        (watch.done)(1);
                        (guard.gradient(update, gradient_norm, config.clip_norm), Some(state))
                    }
                    Event::Evaluated(row, condition) => {
                        go_on &= evaluated(row);
                        (guard.units(row.update, &condition, problem.hints()), None)
                    }
                };
                warning.into_iter().for_each(|text| tracing::warn!("{text}"));
                let stop = !go_on || (watch.stopped)();
                match (&mut checkpoints, state) {
                    (Some(checkpoints), Some(state)) => return checkpoints.updated(state, stop),
                    // The next update saves the state and stops.
                    (Some(_), None) => return Ok(ControlFlow::Continue(())),
                    (None, _) => {}
                }
                Ok(if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            });
            let trained = match (trained, &file) {
                (Err(error @ TrainError::Interrupted(_)), Some(file)) => {
                    let kept = format!("the state is kept in {}: resume=True continues from it", file.path().display());
                    return Err(anyhow::anyhow!("{error}; {kept}")).or_exit(Status::Interrupted);
                }
                (Err(error @ TrainError::Interrupted(_)), None) => return Err(error).or_exit(Status::Interrupted),
                (trained, _) => trained?,
            };
            write(&mut artifact)?;
            write_history(&trained.history, &mut artifact);
            file.iter().for_each(|file| file.remove().unwrap_or_else(|error| tracing::warn!("{error}")));
            Ok((artifact, training::result(&trained, experiment, &Device::Cpu)))
        })
    }
}

/// Searches for the scaling factor of a network; returns the LIF artifact and the result that the program prints.
///
/// # Errors
/// A change that is not possible, a network that cannot be converted (status 2), an interruption (status 75).
pub fn find_scaling_factor(rate: &Artifact, overrides: Overrides, watch: &Watch) -> anyhow::Result<(Artifact, Value)> {
    refuse_other_kinds(rate, &[Kind::Rate, Kind::Lif])?;
    let DerivedExperiment { experiment, differs, .. } =
        evaluated::experiment(rate, &overrides.of_sections(&lambda_search::SECTIONS))?;
    let origin = rate.path().display().to_string();
    with_status(experiment.read_trials(&origin))?;
    memory::check(&Estimate::search([&experiment], rayon::current_num_threads()))?;
    let provenance = lambda_search::provenance(rate, &experiment, differs, &Device::Cpu);
    let network = with_status(lif_artifact::read_network(rate, &experiment.conversion()))?;
    let conversion = experiment.conversion();
    let lif_task = with_status(lif_task(&conversion, &network))?;
    let spec = with_status(SearchSpec::new(&conversion, &network, &lif_task))?;
    (watch.begin)(spec.expected_results());
    let search =
        Search { lif_task: &lif_task, results: TrialResults::default(), plan: Box::new(|results| spec.find(results)) };
    let mut found: Option<Found> = None;
    let hear = |_: usize, event| {
        match event {
            SearchEvent::Requested(_) => {}
            SearchEvent::TrialRun(_, _, results) => (watch.done)(results.len() as u64),
            SearchEvent::Found(result) => found = Some(result),
        }
        Ok(())
    };
    with_status(queue::run(&Device::Cpu, vec![search], watch.stopped, hear))?;
    let found = found.ok_or(mdl_convert::Error::Interrupted);
    let found = with_status(found)?;
    let (artifact, predicted) = with_status(lambda_search::artifact(rate, &experiment, &network, provenance, &found))?;
    lambda_search::warn(&found, &experiment.search, rate.path());
    let mut result = lambda_search::result(rate.path(), &found, predicted);
    remove_output(&mut result);
    result["device"] = json!(mdl_device::name(&Device::Cpu));
    Ok((artifact, result))
}

/// Calibrates a LIF network; returns its artifact and the result that the program prints.
///
/// # Errors
/// A change that is not possible, a neuron that cannot be calibrated (status 2), an interruption (status 75).
pub fn calibrate(lif: &Artifact, overrides: Overrides, watch: &Watch) -> anyhow::Result<(Artifact, Value)> {
    refuse_other_kinds(lif, &[Kind::Lif])?;
    let derived = calibrate::resolved(lif, &overrides.of_sections(&calibrate::SECTIONS))?;
    calibrate::calibrated(lif, derived, watch)
}

/// Evaluates a network on fresh trials, on `trials`, or on the test examples of its data set; returns the evaluation and
/// the result that the program prints. `accept_other` accepts trials of another task.
///
/// # Errors
/// A change that is not possible, trials that do not fit (status 2), an interruption (status 75).
pub fn evaluate(
    network: &Artifact,
    trials: Option<&Artifact>,
    accept_other: bool,
    overrides: Overrides,
    watch: &Watch,
) -> anyhow::Result<(Artifact, Value)> {
    refuse_other_kinds(network, &[Kind::Rate, Kind::Spiking, Kind::Lif])?;
    if network.kind == Kind::Lif {
        return evaluate_lif(network, trials, accept_other, overrides, watch);
    }
    let DerivedExperiment { experiment, differs, .. } =
        evaluated::experiment(network, &overrides.of_sections(&evaluation::SECTIONS))?;
    let fresh = if trials.is_some() { 0 } else { length(experiment.evaluation.trials) };
    memory::check(&Estimate::evaluation(&experiment, fresh))?;
    let program = if network.kind == Kind::Rate { "eval-rate" } else { "eval-spiking" };
    let mut provenance = mdl_artifact::provenance!(program, experiment.seed).from(network);
    provenance.note_differences(differs);
    let given = Given { trials, accept_other };
    let (artifact, result) = evaluation::judge(network, &experiment, given, provenance, &Device::Cpu, watch)?;
    Ok((artifact, Value::Object(result)))
}

fn evaluate_lif(
    lif: &Artifact,
    trials: Option<&Artifact>,
    accept_other: bool,
    overrides: Overrides,
    watch: &Watch,
) -> anyhow::Result<(Artifact, Value)> {
    let DerivedExperiment { experiment, differs, .. } =
        evaluated::experiment(lif, &overrides.of_sections(&eval_lif::SECTIONS))?;
    let memory = |trials| memory::check(&Estimate::lif_evaluation(&experiment, trials, rayon::current_num_threads()));
    memory(if trials.is_some() { 0 } else { length(experiment.evaluation.trials) })?;
    let mut provenance = mdl_artifact::provenance!("eval-lif", experiment.seed).from(lif);
    provenance.note_differences(differs);
    let origin = lif.path().display().to_string();
    let (trials, other_trials) = evaluated::trials_of(trials, accept_other, &experiment, &origin, &mut provenance)?;
    memory(trials.count)?;
    let (artifact, mut result) = eval_lif::judge(lif, &experiment, &trials, provenance, &Device::Cpu, watch)?;
    if !other_trials.is_empty() {
        result["other_trials"] = json!(other_trials);
    }
    Ok((artifact, result))
}

/// Analyses of a network.
#[derive(Clone, Debug, Default)]
pub struct Analyses {
    /// Their names; none: all that apply to the network.
    pub only: Vec<String>,
    /// Their settings.
    pub settings: Settings,
}

/// Analyses a network on fresh trials or on `trials`, or compares it with another; returns the analysis and the result that the program prints.
/// `accept_other` accepts trials of another task.
///
/// # Errors
/// A name, setting or change that is not possible, trials that do not fit (status 2), an interruption (status 75).
pub fn analyse(
    (network, other): (&Artifact, Option<&Artifact>),
    trials: Option<&Artifact>,
    accept_other: bool,
    what: &Analyses,
    overrides: Overrides,
    watch: &Watch,
) -> anyhow::Result<(Artifact, Value)> {
    for network in [Some(network), other].into_iter().flatten() {
        refuse_other_kinds(network, &[Kind::Rate, Kind::Spiking, Kind::Lif])?;
    }
    let known = analyze::all_names();
    if let Some(unknown) = what.only.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(usage(format!("only: found {unknown}, expected {}", known.join(", "))));
    }
    let DerivedExperiment { experiment, differs, .. } =
        evaluated::experiment(network, &overrides.of_sections(run::sections(network)))?;
    let other = other.map(|other| analyze::second(other, &experiment, overrides.set, overrides.seed)).transpose()?;
    analyze::check(&what.settings, &experiment)?;
    let memory = |trials| memory::check(&analyze::estimate(&experiment, network, trials));
    memory(if trials.is_some() { 0 } else { length(experiment.evaluation.trials) })?;
    let mut provenance = mdl_artifact::provenance!("analyze", experiment.seed).from(network);
    provenance.note_differences(differs);
    provenance.inputs.extend(other.as_ref().map(|(other, _)| other.as_input()));
    let origin = network.path().display().to_string();
    let (trials, other_trials) = evaluated::trials_of(trials, accept_other, &experiment, &origin, &mut provenance)?;
    memory(trials.count)?;
    let other = other.as_ref().map(|(other, experiment)| (*other, experiment));
    let what = analyze::What { only: &what.only, settings: &what.settings, other };
    let (artifact, mut result) = analyze::analyse(network, &experiment, &trials, what, provenance, watch)?;
    if !other_trials.is_empty() {
        result.insert("other_trials".into(), json!(other_trials));
    }
    Ok((artifact, Value::Object(result)))
}

/// What to record of a run.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Names of the quantities; none: the default ones of the kind of network.
    pub quantities: Vec<String>,
    /// Units; none: all.
    pub units: Option<Vec<usize>>,
    /// Trials; none: all.
    pub trials: Option<Vec<usize>>,
    /// Every so many steps.
    pub every: usize,
}

impl Record {
    fn layout<T>(&self, network: Kind, layout: impl FnOnce(&Choice) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let quantity = |name: &String| {
            Quantity::from_str(name, false).map_err(|_| {
                let known = Quantity::value_variants().iter().filter(|quantity| quantity.tensor(network).is_some());
                let known: Vec<String> = known.map(|quantity| quantity.name()).collect();
                usage(format!("record: found {name}, expected {}", known.join(", ")))
            })
        };
        let record = self.quantities.iter().map(quantity).collect::<anyhow::Result<Vec<_>>>()?;
        let selection = |numbers: &Option<Vec<usize>>, name: &str| match numbers {
            Some(numbers) if numbers.is_empty() => Err(usage(format!("{name}: found none, expected one or more"))),
            numbers => Ok(numbers.as_ref().map(|numbers| numbers.iter().copied().collect::<Selection>())),
        };
        let (units, trials) = (selection(&self.units, "units")?, selection(&self.trials, "only")?);
        if self.every == 0 {
            return Err(usage("every: found 0, expected 1 or more steps"));
        }
        layout(&Choice { record: &record, units: units.as_ref(), trials: trials.as_ref(), every: self.every })
    }
}

/// Trials on which a network runs.
pub enum Trialset<'a> {
    /// Fresh ones of its task.
    Fresh,
    /// Those of an artifact; and whether they may be of another task.
    Given(&'a Artifact, bool),
    /// Inputs without targets.
    Inputs(&'a dyn InputArray),
}

/// Inputs of trials, from whatever array holds them.
pub trait InputArray: Sync {
    /// Trials B, steps T and channels K.
    fn shape(&self) -> [usize; 3];

    /// Copies the inputs of some trials to `to`, `[T, trials, K]`.
    ///
    /// # Errors
    /// An input that is not finite.
    fn copy(&self, trials: Range<usize>, to: &mut [f32]) -> Result<(), InvalidField>;
}

/// Inputs with the outputs of a network, all targets 0 and no rules.
struct Bare<'a> {
    array: &'a dyn InputArray,
    outputs: usize,
}

impl Inputs for Bare<'_> {
    fn part(&self, trials: Range<usize>) -> Result<Trials, InvalidField> {
        let [_, steps, channels] = self.array.shape();
        let mut part = Trials::room(steps, channels, self.outputs, trials.len());
        self.array.copy(trials, &mut part.input)?;
        Ok(part)
    }
}

/// A task of another number of steps.
struct Resized<'a> {
    task: &'a dyn Task,
    steps: usize,
}

impl Task for Resized<'_> {
    fn inputs(&self) -> &[String] {
        self.task.inputs()
    }

    fn output_names(&self) -> &[String] {
        self.task.output_names()
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn step_ms(&self) -> f64 {
        self.task.step_ms()
    }

    fn conditions(&self) -> &[String] {
        self.task.conditions()
    }

    fn rule_set(&self) -> RuleSet {
        self.task.rule_set()
    }

    fn draw(&self, seed: u64, purpose: Purpose, first: u64, count: usize) -> Result<Trials, TaskError> {
        self.task.draw(seed, purpose, first, count)
    }

    fn examples(&self) -> &Trials {
        self.task.examples()
    }
}

/// Runs a network on trials and records its states; returns the activity artifact. On inputs without targets, it has
/// neither targets nor answers.
///
/// # Errors
/// A change, quantity or unit that there is not, inputs that do not fit (status 2), an interruption (status 75).
pub fn run_network(
    artifact: &Artifact,
    trials: &Trialset,
    what: &Record,
    overrides: Overrides,
    watch: &Watch,
) -> anyhow::Result<(Artifact, Value)> {
    refuse_other_kinds(artifact, &[Kind::Rate, Kind::Spiking, Kind::Lif])?;
    let DerivedExperiment { experiment, differs, .. } =
        evaluated::experiment(artifact, &overrides.of_sections(run::sections(artifact)))?;
    let network = run::Network::read(artifact, &experiment)?;
    let task = experiment.task.task().or_exit(Status::Usage)?;
    let mut provenance = mdl_artifact::provenance!("run", experiment.seed).from(artifact);
    provenance.note_differences(differs);
    let (resized, bare);
    let mut of_task: Option<Trials> = None;
    let (inputs, task, count): (&dyn Inputs, &dyn Task, usize) = match trials {
        Trialset::Inputs(array) => {
            let [count, steps, channels] = array.shape();
            let expected = format!("trials, 1 or more steps and {} channels, as the network has", task.channels());
            if channels != task.channels() || steps == 0 || count == 0 {
                let found = format!("({count}, {steps}, {channels})");
                return Err(usage(format!("inputs: found shape {found}, expected 1 or more {expected}")));
            }
            resized = Resized { task, steps };
            bare = Bare { array: *array, outputs: task.outputs() };
            (&bare, &resized, count)
        }
        _ => {
            let (given, accept) = match trials {
                Trialset::Given(given, accept) => (Some(*given), *accept),
                _ => (None, false),
            };
            if given.is_none() {
                memory::check(&Estimate::trials(&experiment))?;
            }
            let origin = artifact.path().display().to_string();
            let (trials, _) = evaluated::trials_of(given, accept, &experiment, &origin, &mut provenance)?;
            let trials = of_task.insert(trials);
            (&*trials, task, trials.count)
        }
    };
    let sizes = network.sizes_for(artifact, &experiment, count, task.steps())?;
    let layout = what.layout(artifact.kind, |choice| Layout::new(choice, sizes))?;
    memory::check(&run::estimate(&experiment, &layout))?;
    let mut activity = Artifact::new(Kind::Activity, experiment.to_json(), provenance);
    activity.config["evaluation"]["trials"] = json!(count);
    keep_network(artifact, layout.sizes.units, &mut activity).or_exit(Status::DamagedInput)?;
    let time_ms: Vec<f64> = layout.steps().map(|step| step as f64 * network.step_ms(&experiment)).collect();
    let mut records = Memory::new(&layout);
    run::record(&network, &experiment, task, &layout, inputs, &mut records, watch)?;
    let correct = records.finish(&time_ms, &mut activity);
    let mut result = json!({ "trials": layout.trials.len(), "steps": layout.times, "units": layout.units.len() });
    if let Some(trials) = &of_task {
        let evaluated = if artifact.kind == Kind::Lif { Evaluated::Lif } else { Evaluated::Trained };
        describe_trials(&layout, trials, (task, evaluated), &mut activity);
        if layout.has(Quantity::Output) {
            let of_trial = |trial: &usize| target(trials, *trial, &time_ms, task.step_ms());
            let targets = layout.trials.iter().flat_map(of_trial).collect();
            activity.insert("target", &[layout.trials.len(), layout.times, task.outputs()], targets);
        }
        let right = correct.iter().map(|correct| f64::from(*correct)).sum::<f64>();
        result["performance"] = json!(right / correct.len().max(1) as f64);
        activity.insert("correct", &[correct.len()], correct);
    }
    Ok((activity, result))
}

/// Draws as many trials of a task as the config evaluates on; returns their artifact.
///
/// # Errors
/// A config that cannot be run (status 2), a damaged file of trials (status 3).
pub fn draw_trials(config: Config, overrides: Overrides) -> anyhow::Result<Artifact> {
    let experiment = with_status(config.load(overrides.set, overrides.seed))?;
    memory::check(&Estimate::trials(&experiment))?;
    with_status(experiment.read_trials(&config.origin()))?;
    let task = experiment.task.task().or_exit(Status::Usage)?;
    Ok(make_trials::draw(&experiment, task)?.1)
}

/// The network of a config before its training.
///
/// # Errors
/// A config that cannot be run (status 2).
pub fn draw_network(config: Config, overrides: Overrides) -> anyhow::Result<Artifact> {
    let experiment = with_status(config.load(overrides.set, overrides.seed))?;
    let kind = match experiment.network {
        NetworkConfig::Rate(_) => Kind::Rate,
        NetworkConfig::Spiking(_) => Kind::Spiking,
    };
    let start = Start { experiment, stages: Vec::new(), network: None };
    let (experiment, options) = (&start.experiment, StartOptions::default());
    let provenance = mdl_artifact::provenance!("mdl_rnn", experiment.seed);
    let mut artifact = Artifact::new(kind, experiment.to_json(), provenance);
    match &experiment.network {
        NetworkConfig::Rate(config) => {
            let drawn = train_rate::Trainee::new(&start, &options, config, &Device::Cpu)?;
            train_rate::write(&drawn.network, &drawn.initial, &mut artifact)?;
        }
        NetworkConfig::Spiking(config) => {
            train_spiking::Trainee::new(&start, &options, config, &Device::Cpu)?.network.write(&mut artifact)?;
        }
    }
    Ok(artifact)
}

/// The resolved config.
///
/// # Errors
/// A config that cannot be run (status 2).
pub fn resolve(config: Config, overrides: Overrides) -> anyhow::Result<Value> {
    Ok(with_status(config.load(overrides.set, overrides.seed))?.to_json())
}

/// Imports a network of another tool.
///
/// # Errors
/// A file that cannot be read (status 3), arrays that are no network (status 2).
pub fn import(path: &Path, options: ImportOptions, mapping: Option<&Path>) -> anyhow::Result<Artifact> {
    let bytes = with_status(import_network::read(path))?;
    let file = with_status(ForeignFile::open(&bytes, path))?;
    let mapping = with_status(mapping.map(mdl_exchange::mapping::Mapping::load).transpose())?;
    let mut network = with_status(mdl_exchange::Network::read(&file, mapping, options))?;
    let experiment = with_status(network.experiment())?;
    let provenance = import_network::provenance(path, &bytes, &experiment);
    let (artifact, unused) = with_status(network.artifact(&experiment, provenance))?;
    network.reading.notes.iter().for_each(|note| tracing::warn!("{}: {note}", path.display()));
    import_network::warn_of_unused(path, &network, &unused);
    Ok(artifact)
}

/// Exports an artifact to the file `output`, in the format of its extension, in the layout of this name if one is given.
///
/// # Errors
/// A network that the format or layout cannot hold, an existing file without `force` (status 2).
pub fn export(
    artifact: &Artifact,
    output: &Path,
    layout: Option<&str>,
    overrides: Overrides,
    force: bool,
) -> anyhow::Result<()> {
    let experiment = export_network::experiment(artifact, overrides.set, overrides.seed)?;
    let known =
        |name: &str| export_network::layout(name).map_err(|expected| usage(format!("layout {name:?}: {expected}")));
    let layout = layout.map(known).transpose()?;
    let bytes = export_network::file(artifact, &experiment, output, layout.as_deref(), artifact.path())?;
    write_atomically(output, &bytes, force).or_exit(Status::Usage)
}

/// Checks that the tensors of a network are those of its config.
///
/// # Errors
/// A tensor that is missing, or of another shape or type (status 3).
pub fn check_network(artifact: &Artifact) -> anyhow::Result<()> {
    let origin = artifact.path().display().to_string();
    let experiment = with_status(Experiment::from_json(artifact.config.clone(), &[], None, &origin))?;
    run::Network::read(artifact, &experiment).map(drop)
}

fn refuse_other_kinds(network: &Artifact, kinds: &[Kind]) -> anyhow::Result<()> {
    if kinds.contains(&network.kind) {
        return Ok(());
    }
    let names: Vec<String> = kinds.iter().map(Kind::to_string).collect();
    Err(usage(format!(
        "network: found {} artifact, expected a network: {}",
        network.kind.with_article(),
        names.join(", ")
    )))
}

fn remove_output(result: &mut Value) {
    result.as_object_mut().and_then(|result| result.remove("output"));
}
