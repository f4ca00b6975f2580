//! The Spiking Heidelberg Digits and the Spiking Speech Commands: files, and their reader.
//!
//! ```text
//! labels          [examples]          class of each example
//! spikes/times    [examples][events]  times in seconds, a list per example
//! spikes/units    [examples][events]  units from 0 (low frequency) to 699, likewise
//! ```
//!
//! Source: Cramer, Stradmann, Schemmel & Zenke 2022, *The Heidelberg spiking data sets for the systematic evaluation of
//! spiking neural networks* (IEEE TNNLS 33, 2744; arXiv 1910.07407).

use super::hdf5::Numbers;
use super::store::{Clock, Events};
use crate::error::DataError;
use crate::files::{Collection, Origin, Source, ZippedFile};
use mdl_artifact::output::sha256_file;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Units of the recordings: channels of the model of the cochlea.
pub const UNITS: usize = 700;
/// Latest time of an event (s); the recordings last up to 1.4 s.
const LATEST_S: f64 = 60.0;
/// Content of a file, for messages.
const CONTENT: &str = "an HDF5 file with labels, spikes/times and spikes/units, as of SHD and SSC";
/// Page from which the files are downloaded by hand.
pub const PAGE: &str = "https://zenkelab.org/datasets";

/// A data set of spoken words as spikes of 700 units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SpeechDataset {
    /// Spiking Heidelberg Digits: the digits in English and German.
    #[default]
    Shd,
    /// Spiking Speech Commands: 35 English words.
    Ssc,
}

/// Part of a data set, which is one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Training examples.
    Training,
    /// Validation examples, of which SHD has no file.
    Validation,
    /// Test examples.
    Test,
}

/// Digits in English, then in German.
static DIGITS: [&str; 20] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "null", "eins", "zwei", "drei",
    "vier", "fünf", "sechs", "sieben", "acht", "neun",
];
/// The words of SSC by their numbers; `extra/keys` of its files names them.
static WORDS: [&str; 35] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20",
    "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32", "33", "34",
];

impl SpeechDataset {
    /// Names of the classes.
    pub fn classes(self) -> &'static [&'static str] {
        match self {
            Self::Shd => &DIGITS,
            Self::Ssc => &WORDS,
        }
    }

    /// Name in configs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shd => "shd",
            Self::Ssc => "ssc",
        }
    }

    /// Name of a file.
    pub fn file(self, part: Part) -> &'static str {
        match (self, part) {
            (Self::Shd, Part::Training | Part::Validation) => "shd_train.h5",
            (Self::Shd, Part::Test) => "shd_test.h5",
            (Self::Ssc, Part::Training) => "ssc_train.h5",
            (Self::Ssc, Part::Validation) => "ssc_valid.h5",
            (Self::Ssc, Part::Test) => "ssc_test.h5",
        }
    }

    /// Number of examples in a file.
    pub fn examples(self, part: Part) -> usize {
        match (self, part) {
            (Self::Shd, Part::Training | Part::Validation) => 8156,
            (Self::Shd, Part::Test) => 2264,
            (Self::Ssc, Part::Training) => 75_466,
            (Self::Ssc, Part::Validation) => 9981,
            (Self::Ssc, Part::Test) => 20_382,
        }
    }

    /// The files.
    pub fn files(self) -> &'static [Part] {
        match self {
            Self::Shd => &[Part::Training, Part::Test],
            Self::Ssc => &[Part::Training, Part::Validation, Part::Test],
        }
    }

    /// Files of the data set, for downloads.
    pub fn collection(self) -> &'static Collection {
        match self {
            Self::Shd => &SHD,
            Self::Ssc => &SSC,
        }
    }

    /// Default directory of the files.
    pub fn default_directory(self) -> PathBuf {
        self.collection().default_directory()
    }

    /// A file in `directory`, or where tonic or an archive manager has put it: in a directory with the name of the data set,
    /// or of the file.
    pub fn find(self, part: Part, directory: &Path) -> Option<PathBuf> {
        let name = self.file(part);
        let folders = ["", &self.name().to_uppercase(), "hsd", name];
        let mut paths = folders.iter().map(|folder| directory.join(folder).join(name));
        paths.find(|path| path.symlink_metadata().is_ok() && !path.is_dir())
    }

    /// How to get the files of the data set.
    fn remedy(self, directory: &Path) -> String {
        let names: Vec<&str> = self.collection().names().collect();
        format!(
            "`{}` gets the data set; by hand: download {} (.gz or .zip) from {PAGE} to {} and unpack them there",
            self.collection().command(directory),
            names.join(", "),
            directory.display()
        )
    }

    /// Reads a file. With `verify`, it must have the number of examples of the data set.
    ///
    /// # Errors
    /// A file that is missing, damaged, or of other content.
    pub fn read(self, part: Part, directory: &Path, clock: Clock, verify: bool) -> Result<Events, DataError> {
        let Some(path) = self.find(part, directory) else { return Err(self.missing(part, directory)) };
        self.read_file(part, &path, clock, verify).map_err(|error| match error {
            error @ DataError::Unreadable { .. } => error,
            error => DataError::Unusable { reason: Box::new(error), advice: self.remedy(directory) },
        })
    }

    fn missing(self, part: Part, directory: &Path) -> DataError {
        let path = directory.join(self.file(part));
        for (ending, command) in [("gz", "gunzip -k"), ("zip", "unzip")] {
            let packed = directory.join(format!("{}.{ending}", self.file(part)));
            if packed.exists() {
                let found = format!("only {}", packed.display());
                let reason = DataError::Unexpected { path, found, expected: "the unpacked file".into() };
                let advice = format!("`{command} {}` unpacks it", packed.display());
                return DataError::Unusable { reason: Box::new(reason), advice };
            }
        }
        DataError::NotThere { path, advice: self.remedy(directory) }
    }

    /// Refuses a file that is not this one, by its datasets and its number of examples.
    fn check(self, part: Part, path: &Path) -> Result<(), DataError> {
        let file = Numbers::open(path, CONTENT)?;
        file.lists("spikes/times").and_then(|_| file.lists("spikes/units"))?;
        self.check_count(part, path, file.count("labels")?)
    }

    fn check_count(self, part: Part, path: &Path, count: usize) -> Result<(), DataError> {
        let expected = self.examples(part);
        if count == expected {
            return Ok(());
        }
        let other = [Self::Shd, Self::Ssc].into_iter().find_map(|set| {
            let same = set.files().iter().find(|part| set.examples(**part) == count)?;
            Some(format!(", as many as {} has", set.file(*same)))
        });
        let found = format!("{count} examples{}", other.unwrap_or_default());
        let expected = format!("{expected}; `verify` set to false accepts any number");
        Err(DataError::Unexpected { path: path.into(), found, expected })
    }

    fn read_file(self, part: Part, path: &Path, clock: Clock, verify: bool) -> Result<Events, DataError> {
        let unexpected = |found: String, expected: String| DataError::Unexpected { path: path.into(), found, expected };
        let file = Numbers::open(path, CONTENT)?;
        let count = file.count("labels")?;
        if verify {
            self.check_count(part, path, count)?;
        }
        let labels = file.numbers("labels")?;
        let classes = self.classes().len();
        let is_class = |label: f64| label >= 0.0 && label < classes as f64 && label.fract() == 0.0;
        if let Some(at) = labels.iter().position(|label| !is_class(*label)) {
            let found = format!("label {} of example {at}", labels[at]);
            return Err(unexpected(found, format!("a class of {} from 0 to {}", self.name(), classes - 1)));
        }
        let (mut times, mut units) = (file.lists("spikes/times")?, file.lists("spikes/units")?);
        for lists in [&times, &units] {
            if lists.count() != count {
                let found = format!("{count} labels and {} lists of {}", lists.count(), lists.name());
                return Err(unexpected(found, "one list per label".into()));
            }
        }
        let mut events = Events::new();
        let mut of_example = Vec::new();
        for (example, label) in labels.iter().enumerate() {
            let (times, units) = (times.read(example)?, units.read(example)?);
            if times.len() != units.len() {
                let found = format!("{} times and {} units in example {example}", times.len(), units.len());
                return Err(unexpected(found, "one unit per time".into()));
            }
            for (time_s, unit) in times.into_iter().zip(units) {
                if !(0.0..=LATEST_S).contains(&time_s) {
                    let found = format!("time {time_s} in `spikes/times` of example {example}");
                    return Err(unexpected(found, format!("seconds from 0 to {LATEST_S}")));
                }
                if !(unit >= 0.0 && unit < UNITS as f64 && unit.fract() == 0.0) {
                    let found = format!("unit {unit} in `spikes/units` of example {example}");
                    return Err(unexpected(found, format!("integers from 0 to {}", UNITS - 1)));
                }
                of_example.extend(clock.tick(1000.0 * time_s).map(|tick| (unit as u16, tick)));
            }
            events.push(*label as u8, &mut of_example);
        }
        let sha256 = sha256_file(path).map_err(|reason| DataError::Unreadable { path: path.into(), reason })?;
        events.sources = vec![Source { path: path.into(), sha256 }];
        Ok(events)
    }
}

const fn zipped(
    name: &'static str,
    md5: &'static str,
    find: fn(&Path) -> Option<PathBuf>,
    check: fn(&Path) -> Result<(), DataError>,
) -> ZippedFile {
    ZippedFile { name, md5, most_bytes: 1 << 33, find, check }
}

/// Mirrors of both data sets.
fn origins() -> Vec<Origin> {
    ["https://zenkelab.org/datasets", "https://compneuro.net/datasets"].map(|page| Origin::Mirror(page.into())).into()
}

/// Entry of a collection: a part of a data set, with the MD5 of its archive.
macro_rules! part {
    ($set:ident $part:ident $name:literal $md5:literal) => {
        zipped(
            $name,
            $md5,
            |directory| SpeechDataset::$set.find(Part::$part, directory),
            |path| SpeechDataset::$set.check(Part::$part, path),
        )
    };
}

/// The Spiking Heidelberg Digits.
pub static SHD: Collection = Collection {
    name: "shd",
    files: &[],
    zipped: &[
        part!(Shd Training "shd_train.h5" "f3252aeb598ac776c1b526422d90eecb"),
        part!(Shd Test "shd_test.h5" "1503a5064faa34311c398fb0a1ed0a6f"),
    ],
    page: PAGE,
    origins,
    command: "make data DATASET=shd",
};

/// The Spiking Speech Commands.
pub static SSC: Collection = Collection {
    name: "ssc",
    files: &[],
    zipped: &[
        part!(Ssc Training "ssc_train.h5" "d102be95e7144fcc0553d1f45ba94170"),
        part!(Ssc Validation "ssc_valid.h5" "b4eee3516a4a90dd0c71a6ac23a8ae43"),
        part!(Ssc Test "ssc_test.h5" "a35ff1e9cffdd02a20eb850c17c37748"),
    ],
    page: PAGE,
    origins,
    command: "make data DATASET=ssc",
};
