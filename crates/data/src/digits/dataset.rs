//! The data sets: their files, and how they are split into training, validation and test examples.

use super::augment::Augmentation;
use super::error::DigitsError;
use super::idx::{self, CLASSES, Content, Idx, PIXELS};
use crate::field::{InvalidField, require, require_duration_ms};
use mdl_artifact::output::sha256;
use mdl_kernels::random::{Purpose, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A data set in the format of MNIST: 60 000 training and 10 000 test images of ten classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dataset {
    /// Handwritten digits (LeCun, Bottou, Bengio & Haffner 1998).
    #[default]
    Mnist,
    /// Articles of clothing (Xiao, Rasul & Vollgraf 2017).
    FashionMnist,
}

/// Which examples of a data set a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Training and validation examples.
    Training,
    /// Test examples.
    Test,
}

/// A file of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Name of the uncompressed file.
    pub name: &'static str,
    /// Directory that torchvision keeps the data set in.
    pub folder: &'static str,
    /// Which examples it holds.
    pub part: Part,
    /// What it holds of them.
    pub content: Content,
    /// SHA-256 of the uncompressed file.
    pub sha256: &'static str,
}

impl DataFile {
    /// Bytes of the uncompressed file.
    pub fn bytes(&self) -> usize {
        let examples = match self.part {
            Part::Training => 60_000,
            Part::Test => 10_000,
        };
        self.content.file_bytes(examples)
    }

    /// The file in `directory`, plain or else compressed, under its own name or those that other programs give it: archive
    /// managers write a dot before `idx`, or put it in a directory of its name; torchvision keeps it below the directory it is
    /// given, in `MNIST/raw`.
    pub(super) fn find(&self, directory: &Path) -> Option<PathBuf> {
        let dotted = self.name.replace("-idx", ".idx");
        let names = [self.name.to_string(), format!("{}.gz", self.name), dotted.clone(), format!("{dotted}.gz")];
        let places = [PathBuf::new(), "raw".into(), Path::new(self.folder).join("raw")];
        let inside = [self.name, &dotted].map(|name| Path::new(name).join(name));
        let named = places.iter().flat_map(|place| names.iter().map(move |name| place.join(name)));
        let mut paths = named.chain(inside).map(|path| directory.join(path));
        paths.find(|path| path.symlink_metadata().is_ok() && !path.is_dir())
    }

    /// Reads the file at `path` and, if asked to, makes sure that it is the data set's own.
    pub(super) fn read(&self, path: &Path, verify: bool) -> Result<(Idx, Source), DigitsError> {
        let idx = idx::read(path, self.content)?;
        let found = sha256(idx.bytes());
        if verify && found != self.sha256 {
            let other = Dataset::of_file(&found).map(Dataset::name);
            return Err(DigitsError::Checksum { path: path.into(), found, expected: self.sha256.into(), other });
        }
        Ok((idx, Source { path: path.into(), sha256: found }))
    }
}

impl Dataset {
    /// The name configs and commands use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
        }
    }

    /// The data set of that name.
    ///
    /// # Errors
    /// [`InvalidField`] for any other name.
    pub fn from_name(name: &str) -> Result<Self, InvalidField> {
        let found = [Self::Mnist, Self::FashionMnist].into_iter().find(|dataset| dataset.name() == name);
        found.ok_or_else(|| InvalidField {
            field: "dataset".into(),
            found: name.into(),
            expected: "mnist or fashion-mnist".into(),
        })
    }

    /// The data set that has a file of this checksum.
    fn of_file(sha256: &str) -> Option<Self> {
        [Self::Mnist, Self::FashionMnist].into_iter().find(|set| set.files().iter().any(|file| file.sha256 == sha256))
    }

    /// Where its files lie unless the config says otherwise.
    pub fn default_directory(self) -> PathBuf {
        Path::new("artifacts/data").join(self.name())
    }

    /// Its four files: training images and labels, test images and labels.
    pub fn files(self) -> [DataFile; 4] {
        let sums = match self {
            Self::Mnist => [
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ],
            Self::FashionMnist => [
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ],
        };
        let folder = match self {
            Self::Mnist => "MNIST",
            Self::FashionMnist => "FashionMNIST",
        };
        let file = |name, part, content, sha256| DataFile { name, folder, part, content, sha256 };
        [
            file("train-images-idx3-ubyte", Part::Training, Content::Images, sums[0]),
            file("train-labels-idx1-ubyte", Part::Training, Content::Labels, sums[1]),
            file("t10k-images-idx3-ubyte", Part::Test, Content::Images, sums[2]),
            file("t10k-labels-idx1-ubyte", Part::Test, Content::Labels, sums[3]),
        ]
    }

    /// The command that puts its files into `directory`.
    fn command(self, directory: &Path) -> String {
        if directory != self.default_directory() {
            return format!("get-data --dataset {} -o {}", self.name(), directory.display());
        }
        match self {
            Self::Mnist => "make data".into(),
            Self::FashionMnist => "make data DATASET=fashion-mnist".into(),
        }
    }
}

/// The task section of a config that trains on digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DigitsConfig {
    /// The data set.
    pub dataset: Dataset,
    /// Directory of its four files, plain or .gz, or torchvision's root; none: artifacts/data/ and the name of the data set.
    pub directory: Option<PathBuf>,
    /// Refuse files that are not the data set's own, by their SHA-256; false accepts any images in the same format.
    pub verify: bool,
    /// Examples kept out of the training file for validation: the same ones under every seed.
    pub validation_examples: usize,
    /// Steps T that an image is shown for.
    pub steps: usize,
    /// Duration of a step in milliseconds.
    pub step_ms: f64,
    /// Small changes of each training image, drawn anew each time it is shown.
    pub augmentation: Augmentation,
}

impl Default for DigitsConfig {
    /// MNIST for 50 steps of 2 ms (Lin & Huang 2023), with 5000 validation examples.
    fn default() -> Self {
        Self {
            dataset: Dataset::Mnist,
            directory: None,
            verify: true,
            validation_examples: 5000,
            steps: 50,
            step_ms: 2.0,
            augmentation: Augmentation::default(),
        }
    }
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of its uncompressed content.
    pub sha256: String,
}

/// Images and their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digits {
    /// Intensities from 0 (black) to 255, `[count, 784]`, row by row.
    pub images: Vec<u8>,
    /// Classes from 0 to 9, `[count]`.
    pub labels: Vec<u8>,
    /// The files of images and labels.
    pub sources: Vec<Source>,
}

impl Digits {
    /// Number of examples.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// Intensities of image `example`, `[784]`.
    pub fn image(&self, example: usize) -> &[u8] {
        &self.images[example * PIXELS..(example + 1) * PIXELS]
    }

    /// The examples of these indices, in their order.
    fn select(&self, examples: &[u32]) -> Self {
        let mut images = Vec::with_capacity(examples.len() * PIXELS);
        examples.iter().for_each(|e| images.extend_from_slice(self.image(*e as usize)));
        let labels = examples.iter().map(|e| self.labels[*e as usize]).collect();
        Self { images, labels, sources: self.sources.clone() }
    }
}

/// The training file of a data set, split in two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Examples to train on.
    pub training: Digits,
    /// Examples on which training is judged while it runs.
    pub validation: Digits,
}

impl DigitsConfig {
    /// Input channels K: one a pixel.
    pub fn channels(&self) -> usize {
        PIXELS
    }

    /// Output channels O: one a class.
    pub fn outputs(&self) -> usize {
        CLASSES
    }

    /// Directory of the files.
    pub fn directory(&self) -> PathBuf {
        self.directory.clone().unwrap_or_else(|| self.dataset.default_directory())
    }

    /// The files of the data set that are there, plain or compressed.
    pub fn files(&self) -> Vec<PathBuf> {
        let directory = self.directory();
        self.dataset.files().iter().filter_map(|file| file.find(&directory)).collect()
    }

    /// Refuses values no digits can be shown with.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside its section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        require((1..=1_000_000).contains(&self.steps), "steps", self.steps, "1 to 1000000 steps")?;
        require_duration_ms("step_ms", self.step_ms)?;
        self.augmentation.validate().map_err(|e| e.within("augmentation"))?;
        // Training is judged on them.
        let validation = self.validation_examples;
        require(validation > 0, "validation_examples", validation, "at least 1")?;
        if self.verify { self.validate_split(60_000) } else { Ok(()) }
    }

    /// Loads training and validation examples.
    ///
    /// The validation examples are the last of a fixed permutation of the training file; both sets keep its order.
    ///
    /// # Errors
    /// Any [`DigitsError`] of reading.
    pub fn load_training(&self) -> Result<Split, DigitsError> {
        let digits = self.load(Part::Training)?;
        self.validate_split(digits.count())?;
        let mut order = Stream::new(0, Purpose::Shuffle, u64::MAX).permutation(digits.count());
        let (training, validation) = order.split_at_mut(digits.count() - self.validation_examples);
        training.sort_unstable();
        validation.sort_unstable();
        Ok(Split { training: digits.select(training), validation: digits.select(validation) })
    }

    /// Loads the test examples, in the order of their file.
    ///
    /// # Errors
    /// Any [`DigitsError`] of reading.
    pub fn load_test(&self) -> Result<Digits, DigitsError> {
        self.load(Part::Test)
    }

    fn validate_split(&self, examples: usize) -> Result<(), InvalidField> {
        let expected = format!("fewer than the {examples} examples of the training file");
        require(self.validation_examples < examples, "validation_examples", self.validation_examples, &expected)
    }

    fn load(&self, part: Part) -> Result<Digits, DigitsError> {
        let (images, images_source) = self.read(part, Content::Images)?;
        let (labels, labels_source) = self.read(part, Content::Labels)?;
        if images.count() != labels.count() {
            return Err(DigitsError::Counts {
                images_path: images_source.path,
                images: images.count(),
                labels_path: labels_source.path,
                labels: labels.count(),
            });
        }
        Ok(Digits {
            images: images.values().to_vec(),
            labels: labels.values().to_vec(),
            sources: vec![images_source, labels_source],
        })
    }

    /// Adds what to do about a file that is not the data set's own.
    fn advise(&self, error: DigitsError, directory: &Path) -> DigitsError {
        let force = if directory == self.dataset.default_directory() { "" } else { " --force" };
        let replace = format!("`{}{force}` replaces it", self.dataset.command(directory));
        let advice = match error {
            DigitsError::Unreadable { .. } => return error,
            DigitsError::Checksum { other: Some(other), .. } if other != self.dataset.name() => {
                format!("set task.dataset to {other}, or task.directory to where {} is", self.dataset.name())
            }
            DigitsError::Checksum { .. } => format!("{replace}; `verify` set to false accepts it"),
            _ if self.verify => replace,
            _ => return error,
        };
        DigitsError::Unusable { reason: Box::new(error), advice }
    }

    fn read(&self, part: Part, content: Content) -> Result<(Idx, Source), DigitsError> {
        let directory = self.directory();
        let found = self.dataset.files().into_iter().find(|f| f.part == part && f.content == content);
        let file = found.expect("every data set has images and labels of both parts");
        let path = file.find(&directory).ok_or_else(|| DigitsError::Missing {
            path: directory.join(file.name),
            command: self.dataset.command(&directory),
        })?;
        file.read(&path, self.verify).map_err(|error| self.advise(error, &directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_data_set_is_named_and_not_advised_away() {
        let fashion = Dataset::FashionMnist.files()[0].sha256;
        let (path, expected) = ("d/train-images-idx3-ubyte".into(), Dataset::Mnist.files()[0].sha256.into());
        let other = Dataset::of_file(fashion);
        assert_eq!((other, Dataset::of_file("0")), (Some(Dataset::FashionMnist), None));
        let error = DigitsError::Checksum { path, found: fashion.into(), expected, other: other.map(Dataset::name) };
        let told = DigitsConfig::default().advise(error, Path::new("d")).to_string();
        assert!(told.contains("found a file of fashion-mnist, SHA-256 c59f"), "{told}");
        assert!(told.contains("set task.dataset to fashion-mnist") && !told.contains("--force"), "{told}");
    }
}
