//! Outputs: their locations for several inputs, their roles, and secondary outputs, whose failure never affects a
//! result.

use crate::Common;
use crate::status::{usage, with_status};
use mdl_artifact::Artifact;
use mdl_artifact::output::write_atomically;
use mdl_artifact::plan::{Claims, Plan};
use mdl_experiment::Experiment;
use mdl_report::FigureFiles;
use mdl_report::figures::{self, Drawn};
use mdl_report::from_artifact::report;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Role of the file named by `-o`.
pub const ARTIFACT: &str = "the output (-o)";
/// Role of its figures.
pub const FIGURES: &str = "a figure of the output (-o)";
const REPORT: &str = "the report (--report)";

/// Claims a plan.
///
/// # Errors
/// Status 1 for an output that another process writes and for a full disk, otherwise status 2.
pub fn claim(plan: Plan) -> anyhow::Result<Claims> {
    with_status(plan.claim())
}

/// Plan of a run that reads the file `input`, with this role, and writes one output.
///
/// # Errors
/// As for [`Common::output`].
pub fn plan_of_one(common: &Common, role: &str, input: &Path) -> anyhow::Result<Plan> {
    let mut plan = Plan::default();
    plan.read(role, input);
    plan.write(ARTIFACT, common.output()?, common.force);
    Ok(plan)
}

/// Adds optional inputs: files with their roles.
pub fn read_all<'a>(plan: &mut Plan, inputs: impl IntoIterator<Item = (&'a str, Option<&'a PathBuf>)>) {
    inputs.into_iter().filter_map(|(role, path)| Some((role, path?))).for_each(|(role, path)| plan.read(role, path));
}

/// Adds the files that experiments are read from besides their configs.
pub fn read_experiments<'a>(plan: &mut Plan, experiments: impl IntoIterator<Item = &'a Experiment>) {
    let files = experiments.into_iter().flat_map(Experiment::files).collect::<BTreeSet<_>>();
    files.iter().for_each(|(role, file)| plan.read(role, file));
}

/// Adds the figures of an output.
pub fn write_figures(plan: &mut Plan, files: &FigureFiles, replace: bool) {
    plan.write_set(FIGURES, &files.name(), files.paths(), replace);
}

/// Adds a report, if requested.
pub fn write_report(plan: &mut Plan, report: Option<&Path>, force: bool) {
    report.into_iter().for_each(|path| plan.write(REPORT, path, force));
}

/// Draws the figures of these names from an artifact and writes them; a warning names each that cannot be drawn or
/// written. With `force`, the figures of an earlier output of the same name are removed.
pub fn save_figures(files: &FigureFiles, artifact: &Artifact, force: bool) -> Drawn {
    let drawn = figures::draw(artifact, files.names());
    for (name, error) in &drawn.failed {
        tracing::warn!("{} was not drawn: {error}", files.svg(name).display());
    }
    for (name, figure) in &drawn.figures {
        files.write(name, figure, force).iter().for_each(|problem| tracing::warn!("{problem}"));
    }
    if force {
        files.remove_others(&drawn.figures.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }
    drawn
}

/// Writes the report of an artifact with its figures, or warns if that fails; returns its path if it was written.
pub fn save_report<'p>(path: Option<&'p Path>, artifact: &Artifact, drawn: &Drawn, force: bool) -> Option<&'p Path> {
    let path = path?;
    let written = report(artifact, drawn)
        .map_err(anyhow::Error::from)
        .and_then(|report| Ok(write_atomically(path, report.html().as_bytes(), force)?));
    match written {
        Ok(()) => Some(path),
        Err(error) => {
            tracing::warn!("{error}: the report was not written");
            None
        }
    }
}

/// Output of each input. For a single input, `output` itself, unless it is a directory or ends with a slash. For
/// several inputs, the paths relative to their common directory, placed below the directory `output` and renamed.
///
/// # Errors
/// No output, duplicate inputs, or several inputs for an output that is a file.
pub fn output_paths(
    output: Option<&Path>,
    inputs: &[PathBuf],
    renamed: impl Fn(&Path) -> PathBuf,
) -> anyhow::Result<Vec<PathBuf>> {
    let refused = |text: String| Err(usage(text));
    let Some(output) = output else { return refused("no output: name the file to write with -o FILE".into()) };
    if output == Path::new("-") {
        return Ok(vec![output.into()]);
    }
    let is_directory = output.is_dir() || output.as_os_str().as_encoded_bytes().ends_with(b"/");
    if let ([_], false) = (inputs, is_directory) {
        return Ok(vec![output.into()]);
    }
    if output.is_file() {
        let several = inputs.len();
        return refused(format!("{} is a file; expected a directory for {several} outputs", output.display()));
    }
    let paths: Vec<PathBuf> = inputs.iter().map(|path| plain(path)).collect();
    if let Some(twice) = (1..paths.len()).find(|i| paths[..*i].contains(&paths[*i])) {
        return refused(format!("{} is given twice", inputs[twice].display()));
    }
    let shared = |path: &Path| paths.iter().all(|other| other.parent().is_some_and(|parent| parent.starts_with(path)));
    let root = paths[0].ancestors().find(|path| shared(path)).unwrap_or(Path::new(""));
    Ok(paths.iter().map(|path| output.join(renamed(path.strip_prefix(root).unwrap_or(path)))).collect())
}

/// The absolute path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let mut plain = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => _ = plain.pop(),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Path of a LIF network made from the rate network at `path`: the word `rate` in its name becomes `lif`.
pub fn as_lif(path: &Path) -> PathBuf {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return path.into() };
    let is_word = |c: char| c.is_alphanumeric();
    let (mut renamed, mut rest) = (String::new(), name);
    while let Some(at) = rest.find("rate") {
        let (before, after) = (&rest[..at], &rest[at + 4..]);
        let alone = !before.ends_with(is_word) && !after.starts_with(is_word);
        renamed += &format!("{before}{}", if alone { "lif" } else { "rate" });
        rest = after;
    }
    path.with_file_name(renamed + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(output: &str, inputs: &[&str]) -> Vec<String> {
        let inputs: Vec<PathBuf> = inputs.iter().map(PathBuf::from).collect();
        let found = output_paths(Some(Path::new(output)), &inputs, as_lif).unwrap();
        found.iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn outputs_keep_what_differs_in_the_inputs() {
        assert_eq!(outputs("lif.st", &["a/rate.st"]), ["lif.st"]);
        assert_eq!(outputs("found/", &["a/rate.st"]), ["found/lif.st"]);
        assert_eq!(outputs("found", &["runs/1/rate.st", "runs/2/rate.st"]), ["found/1/lif.st", "found/2/lif.st"]);
        assert_eq!(outputs("found", &["r/a.st", "../../b.st"]).iter().filter(|path| path.contains("..")).count(), 0);
        assert_eq!(outputs("found", &["x/../r/a.st", "r/./b.st"]), ["found/a.st", "found/b.st"]);
        assert_eq!(outputs("found/", &["a/xor-rate-7.st"]), ["found/xor-lif-7.st"]);
        assert_eq!(outputs("found/", &["a/moderate.st"]), ["found/moderate.st"]);
        assert_eq!(outputs("found", &["runs/a.st", "runs/b.st"]), ["found/a.st", "found/b.st"]);
        assert_eq!(outputs("found", &["runs/a.st", "runs/b/c.st"]), ["found/a.st", "found/b/c.st"]);
    }

    #[test]
    fn an_input_given_twice_and_a_missing_output_are_refused() {
        let twice = ["x/a.st", "x/b.st", "x/a.st"].map(PathBuf::from);
        assert!(
            output_paths(Some(Path::new("o")), &twice, as_lif)
                .unwrap_err()
                .to_string()
                .contains("x/a.st is given twice")
        );
        assert!(output_paths(None, &twice, as_lif).is_err());
    }
}
