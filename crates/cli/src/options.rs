//! Options shared by several programs.

use clap::Args;
use mdl_device::DeviceChoice;
use std::path::PathBuf;

/// `--quiet` and `--json`: messages of a program besides its result, and the form of the result.
#[derive(Args, Clone, Debug)]
pub struct TalkOptions {
    /// No progress and no warnings
    #[arg(short, long)]
    pub quiet: bool,

    /// Print the result as JSON on a terminal, too (as is done where stdout is a pipe or a file)
    #[arg(long)]
    pub json: bool,
}

/// `--device`
#[derive(Args, Clone, Debug)]
pub struct DeviceOption {
    /// Where to compute: cpu, cuda, cuda:N, or auto (a GPU if one can be used)
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: DeviceChoice,
}

/// `--resume`
#[derive(Args, Clone, Debug)]
pub struct ResumeOption {
    /// Continue an interrupted run; outputs that are complete are left as they are
    #[arg(long)]
    pub resume: bool,
}

/// `--config` of programs that take a config from an artifact.
#[derive(Args, Clone, Debug)]
pub struct ConfigOption {
    /// Take the sections that --set can change from this config instead of the artifact's
    #[arg(long, value_name = "FILE", value_parser = crate::shipped::config)]
    pub config: Option<PathBuf>,
}

/// `--config` of programs that start from a config.
#[derive(Args, Clone, Debug)]
pub struct ExperimentOption {
    /// Config of the experiment
    #[arg(short, long, value_name = "FILE", value_parser = crate::shipped::config)]
    pub config: PathBuf,
}

/// `--trials`, `--accept-other-trials` and `--report` of programs that evaluate a network.
#[derive(Args, Clone, Debug)]
pub struct EvaluationOptions {
    /// Evaluate on these trials, written by make-trials (default: fresh ones; of a data set the test examples)
    #[arg(long, value_name = "FILE")]
    pub trials: Option<PathBuf>,

    /// Accept trials that were made with another task than the network's
    #[arg(long, requires = "trials")]
    pub accept_other_trials: bool,

    /// Write a self-contained HTML report
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}
