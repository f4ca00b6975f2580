//! `calibrate`: fits the units and the readout of a LIF network to its rate network.

use crate::options::ConfigOption;
use crate::outputs::{claim, plan_of_one, read_all, read_experiments};
use crate::programs::eval_lif::rate_network;
use crate::status::{Outcome, with_status};
use crate::watch::Watch;
use crate::{Common, OrExit, Status, evaluated, memory, progress, run_program, signal};
use clap::Parser;
use mdl_artifact::{Artifact, Kind};
use mdl_convert::calibration::{Calibrated, Reference, Version, VersionKind, calibrate, runs};
use mdl_convert::lif_artifact;
use mdl_convert::lif_task::Monitor;
use mdl_data::field::require;
use mdl_experiment::Experiment;
use mdl_experiment::derived::{Changes, DerivedExperiment};
use mdl_experiment::memory::Estimate;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Calibrate a LIF network after the search: fit its units and its output weights
///
/// Reads a LIF artifact. Gives every unit a scaling factor and a bias with which it follows its rate in the rate network,
/// corrects both after runs of the LIF network, and fits the output weights to the activity of the LIF network. Writes
/// the LIF artifact of the version that is closest to the rate network on held-out trials, of those that do not perform
/// worse than the best. Prints the result as JSON, on a terminal as a sentence.
///
/// Exit status: 0 written, 1 failed, 2 usage or config, 3 damaged artifact, 75 interrupted: rerun.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  calibrate lif.safetensors -o calibrated.safetensors
  calibrate lif.safetensors --set calibration.reference=target -o calibrated.safetensors
  calibrate lif.safetensors --set calibration.units=false -o readout.safetensors      (only the output weights)
  calibrate lif.safetensors --set lif.refractory_ms=4 -o calibrated.safetensors       (for other neurons)
  eval-lif calibrated.safetensors -o eval.safetensors"
)]
struct Arguments {
    /// LIF artifact; an earlier calibration is replaced
    #[arg(value_name = "LIF")]
    lif: PathBuf,

    #[command(flatten)]
    config: ConfigOption,

    #[command(flatten)]
    common: Common,
}

/// Sections of a config that this program uses.
pub(crate) const SECTIONS: [&str; 3] = ["task", "lif", "calibration"];

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.common.talk.json, || run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let common = &arguments.common;
    common.start()?;
    let lif = Artifact::read(&arguments.lif, Kind::Lif).or_exit(Status::DamagedInput)?;
    let (file, set, seed) = (arguments.config.config.as_deref(), &common.set[..], common.seed);
    let derived = resolved(&lif, &Changes { file, set, seed, sections: &SECTIONS })?;
    if common.print_config {
        return crate::status::print_config(&derived.experiment.to_json());
    }
    let (output, force) = (common.output()?, common.force);
    let mut plan = plan_of_one(common, "the LIF network", &arguments.lif)?;
    read_all(&mut plan, [("the config (--config)", arguments.config.config.as_ref())]);
    read_experiments(&mut plan, [&derived.experiment]);
    let _claims = claim(plan)?;
    let bar = progress::bar(0, &derived.experiment.name, common.talk.quiet);
    let (artifact, mut result) = bar.watch(|watch| calibrated(&lif, derived, watch))?;
    signal::hold();
    artifact.write(output, force)?;
    result["output"] = json!(output);
    Ok(Outcome::done(result))
}

/// Config of a LIF artifact with the changes, all settings of the calibration filled in.
///
/// # Errors
/// A change that is not possible (status 2), a damaged file of trials (status 3).
pub(crate) fn resolved(lif: &Artifact, changes: &Changes) -> anyhow::Result<DerivedExperiment> {
    let mut derived = evaluated::experiment(lif, changes)?;
    derived.experiment.calibration();
    with_status(derived.experiment.read_trials(&lif.path().display().to_string()))?;
    Ok(derived)
}

/// Calibrates a network; returns the artifact and the fields of the result.
///
/// # Errors
/// A network that cannot be calibrated (status 2), or is damaged (status 3), and an interruption (status 75).
pub(crate) fn calibrated(
    lif: &Artifact,
    derived: DerivedExperiment,
    watch: &Watch,
) -> anyhow::Result<(Artifact, Value)> {
    let DerivedExperiment { mut experiment, differs, .. } = derived;
    let config = experiment.calibration().clone();
    with_status(check_reference(&experiment, config.reference))?;
    memory::check(&Estimate::calibration(&experiment, &config, rayon::current_num_threads()))?;
    let conversion = experiment.conversion();
    let network = with_status(lif_artifact::read_network(lif, &conversion))?;
    let factor = with_status(lif_artifact::read_scaling_factor(lif))?;
    let rate = rate_network(lif, &experiment)?;
    (watch.begin)(runs(&config));
    let monitor = Monitor { trial_done: &|| (watch.done)(1), stopped: watch.stopped };
    let calibrated = with_status(calibrate(&rate, &network, factor, &conversion, &config, &monitor))?;
    if calibrated.chosen == 0 {
        tracing::warn!("no calibration was better on the held-out trials: the network is written as it was converted");
    }
    let mut provenance = mdl_artifact::provenance!("calibrate", experiment.seed).from(lif);
    provenance.note_differences(differs);
    provenance.inputs.extend(experiment.inputs());
    let mut artifact = Artifact::new(Kind::Lif, experiment.to_json(), provenance);
    artifact.tensors = lif_artifact::converted_tensors(lif);
    lif_artifact::write_calibration(&calibrated, &mut artifact);
    Ok((artifact, result(&calibrated, factor, &experiment)))
}

/// Refuses a target whose size the outputs need not have.
fn check_reference(experiment: &Experiment, reference: Reference) -> mdl_convert::Result<()> {
    let usable = reference != Reference::Target || experiment.training.loss.compares_size();
    let expected = "rate-network: the loss of this network does not compare outputs with their target";
    Ok(require(usable, "calibration.reference", "target", expected)?)
}

fn result(calibrated: &Calibrated, scaling_factor: f64, experiment: &Experiment) -> Value {
    let sizes = experiment.training.loss.compares_size();
    let of = |version: &Version| {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| _ = fields.insert(name.into(), value);
        let score = version.score();
        put("performance", json!(score.performance()));
        put("performance_interval", json!(score.interval()));
        if let Some(strict) = version.strict_score() {
            put("strict_performance", json!(strict.performance()));
            put("strict_performance_interval", json!(strict.interval()));
        }
        let errors = [("output_error", version.output_error), ("rate_network_error", version.rate_network_error)];
        for (name, error) in
            errors.into_iter().filter(|(name, error)| error.is_finite() && (sizes || *name != "output_error"))
        {
            put(name, json!(error));
        }
        put("rate_hz", json!(version.rate_hz));
        put("ridge", json!(version.ridge));
        fields
    };
    let chosen = &calibrated.versions[calibrated.chosen];
    let mut fields = of(chosen);
    fields.insert("version".into(), name(chosen.kind).into());
    fields.insert("trials".into(), json!(chosen.results.len()));
    fields.insert("scaling_factor".into(), json!(scaling_factor));
    let versions = calibrated.versions.iter().map(|version| {
        let mut fields = of(version);
        fields.insert("version".into(), name(version.kind).into());
        Value::Object(fields)
    });
    fields.insert("versions".into(), versions.collect());
    Value::Object(fields)
}

/// Name of a version.
fn name(kind: VersionKind) -> String {
    match kind {
        VersionKind::Converted => "converted".into(),
        VersionKind::Readout => "readout".into(),
        VersionKind::Units(0) => "units".into(),
        VersionKind::Units(runs) => format!("units-{runs}"),
    }
}
