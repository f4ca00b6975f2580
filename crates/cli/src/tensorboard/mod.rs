//! Learning curves for TensorBoard: event files with scalars, histograms and images.
//!
//! An event file is a sequence of [`record`]s, each one of the [`messages`]. The events of a training run are
//!
//! | tag | content |
//! |---|---|
//! | `loss/training`, `loss/evaluation` | losses of each evaluation |
//! | `performance` or `accuracy` | fraction of fresh trials answered correctly |
//! | `learning_rate` | learning rate of the last update |
//! | `weights/…` | histogram of each trained tensor |
//! | `rates` | histogram of the units' mean rates |
//! | `figures/…` | images, at the end |
//!
//! A resumed training run starts a new file with its first step: a killed run may have written events after its last
//! checkpoint, which TensorBoard then ignores.

pub mod messages;
pub mod record;

use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_experiment::Experiment;
use mdl_report::{Figure, figures};
use mdl_train::metrics::{Row, write_history};
use mdl_train::trainer::{Problem, SampleOutputs, Trained};
use messages::{Content, Event, Histogram, Image, Session, Summary, Value, What};
use prost::Message;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Number of intervals of a histogram.
const INTERVALS: usize = 40;
/// Pixels of an image per inch of the figure.
const DPI: f32 = 170.0;
/// Prefix and suffix of the names of event files; TensorBoard looks for `tfevents`.
const NAME: [&str; 2] = ["events.out.tfevents.", ".mdl-rnn"];

/// Event file of a training run, to which events are appended.
pub struct EventFile {
    file: File,
    path: PathBuf,
    measure: &'static str,
}

impl EventFile {
    /// Creates an event file in `directory` for a training run that has already made the evaluations `rows`; `measure`
    /// names the measure on fresh trials.
    ///
    /// TensorBoard reads the files of a directory in order. Files of earlier evaluations are kept; those of the same or
    /// later evaluations are refused, or removed if `replace`.
    ///
    /// # Errors
    /// The file cannot be created, or conflicting files exist.
    pub fn create(directory: &Path, rows: &[Row], measure: &'static str, replace: bool) -> io::Result<Self> {
        let path = directory.join(format!("{}{:010}{}", NAME[0], rows.len(), NAME[1]));
        let begin = || {
            std::fs::create_dir_all(directory)?;
            for other in event_files(directory)?.into_iter().filter(|other| *other >= path) {
                if !replace {
                    return Err(in_the_way());
                }
                std::fs::remove_file(other)?;
            }
            OpenOptions::new().create_new(true).append(true).open(&path)
        };
        let file = begin().map_err(|error| about(directory, error))?;
        let mut events = Self { file, path, measure };
        events.append(0, What::FileVersion("brain.Event:2".into()))?;
        if let Some(last) = rows.last() {
            events.append(last.update + 1, What::Session(Session { status: Session::START }))?;
        }
        Ok(events)
    }

    /// Checks that `directory` has no event files of another training.
    ///
    /// # Errors
    /// Such files exist, or the directory cannot be read.
    pub fn check_free(directory: &Path) -> io::Result<()> {
        if event_files(directory)?.is_empty() { Ok(()) } else { Err(about(directory, in_the_way())) }
    }

    /// Appends an evaluation: its losses, the trained tensors, and the mean rate of each unit.
    ///
    /// # Errors
    /// The file cannot be written, or the network cannot be run.
    pub fn evaluated(&mut self, row: &Row, problem: &dyn Problem) -> io::Result<()> {
        let mut values = vec![
            scalar("loss/training", row.training_loss),
            scalar("loss/evaluation", row.loss),
            scalar(self.measure, row.performance),
            scalar("learning_rate", row.learning_rate),
        ];
        values.extend(row.stage.map(|stage| scalar("stage", stage as f64)));
        let costs = row.costs.iter().enumerate();
        values.extend(costs.map(|(i, cost)| scalar(&format!("cost/{i}"), *cost)));
        for (name, variable) in problem.variables() {
            let numbers = variable.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).map_err(io::Error::other)?;
            values.push(histogram(format!("weights/{name}"), &numbers));
        }
        values.push(histogram("rates".into(), &problem.unit_rates().map_err(io::Error::other)?));
        self.append(row.update, What::Summary(Summary { value: values }))
    }

    /// Appends images of the learning curve of a finished training run and of the outputs of its network.
    ///
    /// # Errors
    /// The figures cannot be drawn, or the file cannot be written.
    pub fn finished(&mut self, trained: &Trained, problem: &dyn Problem, experiment: &Experiment) -> io::Result<()> {
        let mut kept =
            Artifact::new(Kind::Evaluation, experiment.to_json(), Provenance::new("", None, experiment.seed));
        write_history(&trained.history, &mut kept);
        keep_outputs(&problem.sample_outputs().map_err(io::Error::other)?, &mut kept);
        let mut drawn = figures::draw(&kept, &["training", "output", "confusion"]);
        if let Some((_, error)) = drawn.failed.pop() {
            return Err(io::Error::other(error));
        }
        // The learning curve comes first.
        drawn.figures.sort_by_key(|(name, _)| *name != "training");
        for (name, figure) in drawn.figures {
            self.figure(trained.updates, name, &figure)?;
        }
        Ok(())
    }

    fn figure(&mut self, update: u64, name: &str, figure: &Figure) -> io::Result<()> {
        let png = figure.png_of_dpi(DPI).map_err(io::Error::other)?;
        // A PNG file starts with its signature and the length and name of its header.
        let side =
            |at: usize| png.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_be_bytes);
        let image = Image { width: side(16), height: side(20), colorspace: 3, encoded_image_string: png.clone() };
        let value = Value { tag: format!("figures/{name}"), content: Some(Content::Image(image)) };
        self.append(update, What::Summary(Summary { value: vec![value] }))
    }

    fn append(&mut self, update: u64, what: What) -> io::Result<()> {
        let wall_time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        let event = Event { wall_time, step: update as i64, what: Some(what) };
        self.file.write_all(&record::framed(&event.encode_to_vec())).map_err(|error| about(&self.path, error))
    }
}

/// Adds the trial results of a network to an evaluation, in the form used by figures.
fn keep_outputs(answers: &SampleOutputs, evaluation: &mut Artifact) {
    match answers {
        SampleOutputs::Outputs { task, trials, values } => {
            let time_ms: Vec<f64> = (0..trials.steps).map(|step| step as f64 * task.step_ms()).collect();
            let shape = [trials.count, trials.steps, trials.outputs];
            evaluation.insert("condition", &[trials.count], trials.condition.iter().map(|c| *c as u32).collect());
            evaluation.insert("output", &shape, values.iter().map(|y| *y as f32).collect());
            evaluation.insert("target", &shape, trials.target_at(&time_ms, task.step_ms()));
            evaluation.insert("time_ms", &[trials.steps], time_ms);
        }
        SampleOutputs::Confusion { classes, counts } => {
            let shape = [classes.len(), classes.len()];
            evaluation.insert("confusion", &shape, counts.iter().map(|count| *count as u32).collect());
        }
    }
}

/// Error that names the file.
fn about(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
}

fn in_the_way() -> io::Error {
    let message = "event files of another training are there; use --force to overwrite them";
    io::Error::new(io::ErrorKind::AlreadyExists, message)
}

/// Event files of training runs in a directory.
fn event_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = std::fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let ours = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        name.starts_with(NAME[0]) && name.ends_with(NAME[1])
    };
    Ok(paths.into_iter().filter(ours).collect())
}

fn scalar(tag: &str, value: f64) -> Value {
    Value { tag: tag.into(), content: Some(Content::Scalar(value as f32)) }
}

/// Histogram of finite numbers, with intervals of equal width.
fn histogram(tag: String, numbers: &[f32]) -> Value {
    let wide = || numbers.iter().map(|x| f64::from(*x));
    let (min, max) = wide().fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), x| (min.min(x), max.max(x)));
    let mut histogram = Histogram {
        min,
        max,
        num: numbers.len() as f64,
        sum: wide().sum(),
        sum_squares: wide().map(|x| x * x).sum(),
        ..Histogram::default()
    };
    if max > min {
        let width = (max - min) / INTERVALS as f64;
        histogram.bucket_limit = (1..=INTERVALS).map(|i| min + i as f64 * width).collect();
        histogram.bucket = vec![0.0; INTERVALS];
        wide().for_each(|x| histogram.bucket[(((x - min) / width) as usize).min(INTERVALS - 1)] += 1.0);
    } else if !numbers.is_empty() {
        histogram.bucket_limit = vec![max];
        histogram.bucket = vec![numbers.len() as f64];
    }
    Value { tag, content: Some(Content::Histogram(histogram)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(numbers: &[f32]) -> Histogram {
        match histogram("h".into(), numbers).content {
            Some(Content::Histogram(histogram)) => histogram,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn histograms_count_every_number_once() {
        let spread = counts(&[-1.0, -1.0, 0.0, 0.99, 1.0]);
        assert_eq!((spread.min, spread.max, spread.num), (-1.0, 1.0, 5.0));
        assert_eq!((spread.bucket[0], spread.bucket[20], spread.bucket[39]), (2.0, 1.0, 2.0));
        assert_eq!((spread.bucket.iter().sum::<f64>(), spread.bucket_limit[39]), (5.0, 1.0));
        let same = counts(&[3.0, 3.0]);
        assert_eq!((same.bucket, same.bucket_limit, same.sum_squares), (vec![2.0], vec![3.0], 18.0));
    }

    #[test]
    fn a_directory_keeps_one_training_unless_forced() {
        let directory = std::env::temp_dir().join(format!("mdl-events-{}", std::process::id()));
        let row = Row { update: 1, ..Row::default() };
        let create =
            |rows, replace| EventFile::create(&directory, &vec![row.clone(); rows], "performance", replace).map(drop);
        create(0, false).unwrap();
        assert!(create(0, false).unwrap_err().to_string().contains("--force"));
        // The file of a resumed run is beside that of its beginning, and replaces that of an earlier continuation.
        create(3, true).unwrap();
        create(5, true).unwrap();
        create(3, true).unwrap();
        assert_eq!(event_files(&directory).unwrap().len(), 2);
        create(0, true).unwrap();
        assert_eq!(event_files(&directory).unwrap().len(), 1);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
