//! Evaluations in artifacts: the tensors that figures need besides the results, and how to read them back.
//!
//! A figure is drawn from a single artifact, so an evaluation includes [the parts of the network that its figures
//! show](keep_network).

use crate::ReportError;
use crate::check::Check;
use crate::population::{self, Population};
use crate::window::Window;
use mdl_artifact::{Artifact, Kind};
use mdl_data::field::length;
use mdl_data::tasks::{Evaluated, Task, Trials};
use mdl_experiment::Experiment;

/// Adds to an evaluation the parts of its network of `units` units that figures show:
///
/// | tensor | shape | type | content |
/// |---|---|---|---|
/// | `population` | `[N]` | U8 | 0 excitatory, 1 inhibitory, 2 somatostatin, 3 without sign |
/// | `history.*`, `search.*`, `calibration.*`, `scaling_factor`, `predicted_scaling_factor` | | | as in the network's artifact, if present |
///
/// # Errors
/// [`ReportError::Artifact`]: `sign` or `mask` of the network has the wrong type or shape.
pub fn keep_network(network: &Artifact, units: usize, evaluation: &mut Artifact) -> Result<(), ReportError> {
    Population::write(&Population::of_units(network, units)?, evaluation);
    let kept = |name: &str| {
        ["history.", "search.", "calibration."].iter().any(|part| name.starts_with(part))
            || name.ends_with("scaling_factor")
    };
    let kept = network.tensors.iter().filter(|(name, _)| kept(name));
    evaluation.tensors.extend(kept.map(|(name, array)| (name.clone(), array.clone())));
    Ok(())
}

/// Adds the importance of each mode of a network of `units` units to an evaluation on a task, as `importance` `[P]`, F64;
/// nothing for a network without modes.
///
/// # Errors
/// [`ReportError::Artifact`]: a tensor of the modes has the wrong type or shape.
pub fn keep_importance(network: &Artifact, units: usize, evaluation: &mut Artifact) -> Result<(), ReportError> {
    if let Some(importance) = importance(network, units)? {
        evaluation.insert("importance", &[importance.len()], importance);
    }
    Ok(())
}

/// Importance of each mode of a network: τ_μ = γ(‖ξ_in,μ‖ + ‖ξ_out,μ‖) + |λ_μ| with γ = Σ|λ_μ| / Σ(‖ξ_in,μ‖ + ‖ξ_out,μ‖); none
/// without modes.
fn importance(network: &Artifact, units: usize) -> Result<Option<Vec<f64>>, ReportError> {
    if !["score", "mode_in", "mode_out"].iter().all(|name| network.has(name)) {
        return Ok(None);
    }
    let [modes] = network.shape("score")?;
    let norm = |name| -> Result<Vec<f64>, ReportError> {
        let values = network.values::<f32>(name, &[units, modes])?;
        let square =
            |mode: usize| values.iter().skip(mode).step_by(modes.max(1)).map(|x| f64::from(*x).powi(2)).sum::<f64>();
        Ok((0..modes).map(|mode| square(mode).sqrt()).collect())
    };
    let norms: Vec<f64> = norm("mode_in")?.iter().zip(norm("mode_out")?).map(|(a, b)| a + b).collect();
    let scores: Vec<f64> =
        network.values::<f32>("score", &[modes])?.iter().map(|score| f64::from(score.abs())).collect();
    let gamma = scores.iter().sum::<f64>() / norms.iter().sum::<f64>();
    Ok(Some(norms.iter().zip(scores).map(|(norm, score)| gamma * norm + score).collect()))
}

/// Adds to an evaluation of a kind of network what figures show of the trials of a task: the inputs at the times of its
/// outputs, and how trials differ in time:
///
/// | tensor | shape | type | content |
/// |---|---|---|---|
/// | `input` | `[S, times, K]` | F32 | input of the recorded trials, the first ones |
/// | `mean_input` | `[C, times, K]` | F32 | mean input over the trials of each condition that have not ended; 0 without any |
/// | `length_ms` | `[B]` | F64 | duration of each trial; absent if all have the longest |
/// | `response_ms` | `[B, 2]` | F64 | when the answer to each trial is judged; absent if this is the same for all |
pub fn keep_trials(
    trials: &Trials,
    recorded: usize,
    (task, evaluated): (&dyn Task, Evaluated),
    time_ms: &[f64],
    evaluation: &mut Artifact,
) {
    let (conditions, step_ms) = (task.conditions().len(), task.step_ms());
    let (recorded, row) = (recorded.min(trials.count), time_ms.len() * trials.channels);
    let (mut input, mut sums) = (Vec::new(), vec![0f64; conditions * row]);
    // Trials that have not ended, by condition and time.
    let mut counts = vec![0u32; conditions * time_ms.len()];
    for trial in 0..trials.count {
        let own = trials.part(trial..trial + 1).input_at(time_ms, step_ms);
        let condition = trials.condition[trial];
        let end_ms = trials.length[trial] as f64 * step_ms;
        for (index, _) in time_ms.iter().enumerate().filter(|(_, time)| **time <= end_ms) {
            counts[condition * time_ms.len() + index] += 1;
            let at = index * trials.channels;
            let sums = &mut sums[condition * row + at..][..trials.channels];
            sums.iter_mut().zip(&own[at..]).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        if trial < recorded {
            input.extend(own);
        }
    }
    let count = |index: usize| f64::from(counts[index / trials.channels.max(1)].max(1));
    let mean = sums.iter().enumerate().map(|(index, sum)| (sum / count(index)) as f32).collect();
    if let Some(length_ms) = trials.length_ms(step_ms) {
        evaluation.insert("length_ms", &[trials.count], length_ms);
    }
    if let Some(response_ms) = task.response_ms(trials, evaluated) {
        evaluation.insert("response_ms", &[trials.count, 2], response_ms);
    }
    evaluation.insert("input", &[recorded, time_ms.len(), trials.channels], input);
    evaluation.insert("mean_input", &[conditions, time_ms.len(), trials.channels], mean);
}

/// Experiment in an artifact's config.
pub(crate) fn experiment(artifact: &Artifact) -> Result<Experiment, ReportError> {
    let mut config = artifact.config.clone();
    // The section of a sweep is not part of an experiment.
    config.as_object_mut().map(|sections| sections.remove("sweep"));
    Ok(Experiment::from_json(config, &[], None, &artifact.path().display().to_string())?)
}

/// `Accuracy` or `Performance`: name of the fraction of correct answers in an experiment.
pub(crate) fn measure(experiment: &Experiment) -> &'static str {
    if experiment.task.measure() == "accuracy" { "Accuracy" } else { "Performance" }
}

/// True if an artifact is the evaluation of a sweep.
pub(crate) fn is_sweep(artifact: &Artifact) -> bool {
    artifact.kind == Kind::Evaluation && artifact.has("parameter")
}

/// An evaluation of one network, or a recording of its activity.
pub(crate) struct Evaluation<'a> {
    pub artifact: &'a Artifact,
    pub experiment: Experiment,
    /// Kind of the evaluated network.
    pub evaluated: Evaluated,
}

/// Spikes of one recorded trial.
pub(crate) struct Spikes {
    /// Name of its condition or class.
    pub label: String,
    /// Time of each spike (ms).
    pub time_ms: Vec<f64>,
    /// Unit of each spike.
    pub unit: Vec<u32>,
}

impl<'a> Evaluation<'a> {
    /// Evaluation of an artifact; none for other artifacts and for sweeps.
    pub fn of(artifact: &'a Artifact) -> Result<Option<Self>, ReportError> {
        Ok(Self::with_activity(artifact)?.filter(|evaluation| !evaluation.is_recording()))
    }

    /// Evaluation or recording in an artifact; none for other artifacts and for sweeps.
    pub fn with_activity(artifact: &'a Artifact) -> Result<Option<Self>, ReportError> {
        // The tensor that only LIF networks have.
        let of_lif = match artifact.kind {
            Kind::Evaluation if !is_sweep(artifact) => "potential_time_ms",
            Kind::Activity => "scaling_factor",
            _ => return Ok(None),
        };
        let evaluated = if artifact.has(of_lif) { Evaluated::Lif } else { Evaluated::Trained };
        Ok(Some(Self { artifact, experiment: experiment(artifact)?, evaluated }))
    }

    /// True for a recording of a network's activity.
    pub fn is_recording(&self) -> bool {
        self.artifact.kind == Kind::Activity
    }

    /// Refuses an evaluation of an earlier version, without this tensor.
    pub fn require(&self, figure: Check, tensor: &'static str) -> Result<(), ReportError> {
        if self.artifact.has(tensor) {
            return Ok(());
        }
        Err(ReportError::Missing { figure: figure.0, tensor, program: self.artifact.provenance.program.clone() })
    }

    /// Cognitive task; none for images.
    pub fn task(&self) -> Option<&dyn Task> {
        self.experiment.task.task().ok()
    }

    /// `LIF`, `spiking` or `rate`: kind of the evaluated network.
    pub fn network(&self) -> &str {
        match self.evaluated {
            Evaluated::Lif => "LIF",
            Evaluated::Trained => self.experiment.network.kind(),
        }
    }

    /// Population of each unit. Units of spiking networks have no sign, including in evaluations of earlier versions.
    pub fn populations(&self, figure: Check) -> Result<Vec<Population>, ReportError> {
        if self.evaluated == Evaluated::Lif {
            self.require(figure, population::TENSOR)?;
        }
        Population::of_units(self.artifact, self.experiment.network.neurons())
    }

    /// Response window of all trials of a task; none for images, and where trials have their own.
    pub fn windows(&self) -> Vec<Window<'static>> {
        let task = self.task().filter(|_| !self.artifact.has("response_ms"));
        task.and_then(|task| Window::response(task, self.evaluated)).into_iter().collect()
    }

    /// Response windows of each of the first trials.
    pub fn windows_by_trial(&self, trials: usize) -> Result<Vec<Vec<Window<'static>>>, ReportError> {
        if !self.artifact.has("response_ms") {
            return Ok(vec![self.windows(); trials]);
        }
        let shape = self.artifact.shape::<2>("response_ms")?;
        let values = self.artifact.values::<f64>("response_ms", &[shape[0], 2])?;
        if shape[0] < trials {
            let expected = format!("at least {trials} trials");
            return Err(self.artifact.tensor_error("response_ms", format!("{} trials", shape[0]), expected).into());
        }
        let window = |ms: &[f64]| Window { label: "response", from_ms: ms[0], to_ms: ms[1] };
        let of_trial =
            |ms: &[f64]| Some(window(ms)).filter(|window| window.from_ms < window.to_ms).into_iter().collect();
        Ok(values.chunks_exact(2).take(trials).map(of_trial).collect())
    }

    /// When each trial ended (ms); none if all have the longest duration.
    pub fn ends_ms(&self) -> Result<Option<&'a [f64]>, ReportError> {
        if !self.artifact.has("length_ms") {
            return Ok(None);
        }
        let shape = self.artifact.shape::<1>("length_ms")?;
        Ok(Some(self.artifact.values("length_ms", &shape)?))
    }

    /// Duration of a trial or of an image presentation (ms).
    pub fn duration_ms(&self) -> f64 {
        self.experiment.task.steps() as f64 * self.experiment.task.step_ms()
    }

    /// Condition of each trial, less than the number of conditions.
    pub fn conditions(&self, task: &dyn Task) -> Result<Vec<usize>, ReportError> {
        let shape = self.artifact.shape::<1>("condition")?;
        let conditions = self.artifact.values::<u32>("condition", &shape)?;
        let known = task.conditions().len();
        if let Some(other) = conditions.iter().find(|condition| length(**condition) >= known) {
            let expected = format!("conditions below {known}");
            return Err(self.artifact.tensor_error("condition", other.to_string(), expected).into());
        }
        Ok(conditions.iter().map(|condition| length(*condition)).collect())
    }

    /// Name of each trial: its condition, or the class of its image.
    pub fn labels(&self) -> Result<Vec<String>, ReportError> {
        if let Some(task) = self.task() {
            return Ok(self.conditions(task)?.into_iter().map(|c| task.conditions()[c].clone()).collect());
        }
        let shape = self.artifact.shape::<1>("label")?;
        Ok(self
            .artifact
            .values::<u8>("label", &shape)?
            .iter()
            .map(|class| format!("class {}", self.class(usize::from(*class))))
            .collect())
    }

    /// Name of a class.
    pub fn class(&self, class: usize) -> String {
        let classes = self.experiment.task.data_set().map_or(&[][..], |data_set| data_set.classes());
        classes.get(class).map_or_else(|| class.to_string(), |name| (*name).to_owned())
    }

    /// Potentials of the recorded units: name of the tensor with its shape `[S, times, U]`.
    pub fn potentials(&self) -> Result<(&'static str, [usize; 3]), ReportError> {
        let name = if self.evaluated == Evaluated::Lif { "v_mv" } else { "potential" };
        Ok((name, self.artifact.shape(name)?))
    }

    /// Spikes of each recorded trial; empty if none was recorded.
    pub fn spikes(&self) -> Result<Vec<Spikes>, ReportError> {
        let artifact = self.artifact;
        if self.is_recording() {
            return self.counted_spikes();
        }
        if !artifact.has("spike_step") {
            return Ok(Vec::new());
        }
        let recorded = self.potentials()?.1[0];
        let empty = |label| Spikes { label, time_ms: Vec::new(), unit: Vec::new() };
        let mut trials: Vec<Spikes> = self.labels()?.into_iter().take(recorded).map(empty).collect();
        let shape = artifact.shape::<1>("spike_step")?;
        let column = |name| artifact.values::<u32>(name, &shape);
        let (step, unit, trial) = (column("spike_step")?, column("spike_unit")?, column("spike_trial")?);
        let count = trials.len();
        for ((step, unit), trial) in step.iter().zip(unit).zip(trial) {
            let Some(spikes) = trials.get_mut(length(*trial)) else {
                let expected = format!("trials below {count}");
                return Err(artifact.tensor_error("spike_trial", trial.to_string(), expected).into());
            };
            spikes.time_ms.push(self.spike_ms(*step));
            spikes.unit.push(*unit);
        }
        Ok(trials)
    }

    /// Spikes of each trial of a recording, numbered by recorded unit, at the recorded steps; empty if none was recorded.
    fn counted_spikes(&self) -> Result<Vec<Spikes>, ReportError> {
        if !self.artifact.has("spike_count") {
            return Ok(Vec::new());
        }
        let shape @ [_, times, units] = self.artifact.shape::<3>("spike_count")?;
        if times * units == 0 {
            return Ok(Vec::new());
        }
        let counts = self.artifact.values::<u8>("spike_count", &shape)?;
        let time_ms = self.artifact.values::<f64>("time_ms", &[times])?;
        let of_trial = |(label, counts): (String, &[u8])| {
            let mut spikes = Spikes { label, time_ms: Vec::new(), unit: Vec::new() };
            for (row, time_ms) in counts.chunks_exact(units).zip(time_ms) {
                for (unit, count) in (0u32..).zip(row) {
                    spikes.time_ms.extend(std::iter::repeat_n(*time_ms, usize::from(*count)));
                    spikes.unit.extend(std::iter::repeat_n(unit, usize::from(*count)));
                }
            }
            spikes
        };
        Ok(self.labels()?.into_iter().zip(counts.chunks_exact(times * units)).map(of_trial).collect())
    }

    /// Population of each unit whose spikes are drawn: all units, or those of a recording.
    pub fn drawn_populations(&self, figure: Check) -> Result<Vec<Population>, ReportError> {
        let all = self.populations(figure)?;
        if !self.is_recording() {
            return Ok(all);
        }
        let shape = self.artifact.shape::<1>("recorded_unit")?;
        let units = self.artifact.values::<u32>("recorded_unit", &shape)?;
        let of = |unit: &u32| {
            let expected = format!("units below {}", all.len());
            let population = all.get(length(*unit)).copied();
            population.ok_or_else(|| self.artifact.tensor_error("recorded_unit", unit.to_string(), expected).into())
        };
        units.iter().map(of).collect()
    }

    /// Time of a spike in a step, counted from 1: the end of the step for LIF networks, the beginning for others.
    fn spike_ms(&self, step: u32) -> f64 {
        match self.evaluated {
            Evaluated::Lif => f64::from(step) * self.experiment.lif.step_ms(),
            Evaluated::Trained => f64::from(step.saturating_sub(1)) * self.experiment.task.step_ms(),
        }
    }
}

/// Name of the data set, or of the file of the task.
pub(crate) fn task_name(task: &serde_json::Value) -> Option<String> {
    let name = ["dataset", "kind", "file"].into_iter().find_map(|field| task[field].as_str())?;
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    Some(name.strip_suffix(".star").unwrap_or(name).to_owned())
}
