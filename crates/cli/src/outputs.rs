//! Where the outputs of several inputs go.

use crate::status::usage;
use std::path::{Path, PathBuf};

/// The output of each input: of one input `output` itself, unless that is a directory or ends with a slash; of several
/// the same paths below the directory `output` that the inputs have below the directory which all of them share.
///
/// # Errors
/// No output, an input given twice, or several inputs for an output that is a file.
pub fn below(output: Option<&Path>, inputs: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let refused = |text: String| Err(usage(text));
    let Some(output) = output else { return refused("no output: name the file to write with -o FILE".into()) };
    let is_directory = output.is_dir() || output.as_os_str().as_encoded_bytes().ends_with(b"/");
    if let ([_], false) = (inputs, is_directory) {
        return Ok(vec![output.into()]);
    }
    if output.is_file() {
        let several = inputs.len();
        return refused(format!("{} is a file; expected a directory for {several} outputs", output.display()));
    }
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let paths: Vec<PathBuf> = inputs.iter().map(absolute).collect();
    if let Some(twice) = (1..paths.len()).find(|i| paths[..*i].contains(&paths[*i])) {
        return refused(format!("{} is given twice", inputs[twice].display()));
    }
    let shared = |path: &Path| paths.iter().all(|other| other.parent().is_some_and(|parent| parent.starts_with(path)));
    let root = paths[0].ancestors().find(|path| shared(path)).unwrap_or(Path::new(""));
    Ok(paths.iter().map(|path| output.join(path.strip_prefix(root).unwrap_or(path))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(output: &str, inputs: &[&str]) -> Vec<String> {
        let inputs: Vec<PathBuf> = inputs.iter().map(PathBuf::from).collect();
        let found = below(Some(Path::new(output)), &inputs).unwrap();
        found.iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn outputs_keep_what_differs_in_the_inputs() {
        assert_eq!(outputs("lif.st", &["a/rate.st"]), ["lif.st"]);
        assert_eq!(outputs("found/", &["a/rate.st"]), ["found/rate.st"]);
        assert_eq!(outputs("found", &["runs/1/rate.st", "runs/2/rate.st"]), ["found/1/rate.st", "found/2/rate.st"]);
        assert_eq!(outputs("found", &["runs/a.st", "runs/b.st"]), ["found/a.st", "found/b.st"]);
        assert_eq!(outputs("found", &["runs/a.st", "runs/b/c.st"]), ["found/a.st", "found/b/c.st"]);
    }

    #[test]
    fn an_input_given_twice_and_a_missing_output_are_refused() {
        let twice = ["x/a.st", "x/b.st", "x/a.st"].map(PathBuf::from);
        assert!(below(Some(Path::new("o")), &twice).unwrap_err().to_string().contains("x/a.st is given twice"));
        assert!(below(None, &twice).is_err());
    }
}
