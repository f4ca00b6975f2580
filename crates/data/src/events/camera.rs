//! Recordings of event cameras: N-MNIST and DVS128 Gesture, and the readers of their files.
//!
//! ```text
//! N-MNIST         DIR/Train/CLASS/NUMBER.bin, DIR/Test/…
//!                 events of 5 bytes: x, y, polarity (1 bit) and time (23 bits, µs, big-endian); y = 240 adds 2¹³ µs
//! DVS128 Gesture  DIR/NAME.aedat, NAME_labels.csv, trials_to_train.txt, trials_to_test.txt (names of .aedat files)
//!                 AEDAT 3.1: lines of text to #!END-HEADER, then packets: a header of 28 bytes and events of 8 bytes
//!                 (valid 1 bit, polarity 1 bit, y 15 bits, x 15 bits; time, 32 bits, µs; all little-endian)
//!                 labels: class from 1, start and end (µs); each line is an example
//! ```
//!
//! The unit of an event is (p · side + y) · side + x. Sources: Orchard, Jayawant, Cohen & Thakor 2015 (Front. Neurosci. 9,
//! 437); Amir et al. 2017 (CVPR).

use super::store::{Clock, Events};
use crate::error::DataError;
use crate::files::Source;
use mdl_artifact::output::{sha256, sha256_file};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Largest file (bytes); recordings of DVS128 Gesture have up to 50 MB.
const MOST_BYTES: u64 = 1 << 30;
/// The y of an N-MNIST event that only counts time.
const OVERFLOW: u8 = 240;
/// Type of packets of events in AEDAT 3.1.
const POLARITY_EVENT: u16 = 1;

static DIGITS: [&str; 10] = crate::digits::idx::CLASS_NAMES;
static GESTURES: [&str; 11] = [
    "hand clapping",
    "right hand wave",
    "left hand wave",
    "right arm clockwise",
    "right arm counterclockwise",
    "left arm clockwise",
    "left arm counterclockwise",
    "arm roll",
    "air drums",
    "air guitar",
    "other gestures",
];

/// A data set of recordings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CameraRecordings {
    /// N-MNIST: digits on a screen before a moving camera of 34 × 34 pixels.
    #[default]
    NMnist,
    /// DVS128 Gesture: gestures before a camera of 128 × 128 pixels.
    DvsGesture,
}

impl CameraRecordings {
    /// Names of the classes.
    pub fn classes(self) -> &'static [&'static str] {
        match self {
            Self::NMnist => &DIGITS,
            Self::DvsGesture => &GESTURES,
        }
    }

    /// Name in configs.
    pub fn name(self) -> &'static str {
        match self {
            Self::NMnist => "n-mnist",
            Self::DvsGesture => "dvs-gesture",
        }
    }

    /// Pixels along each side of the sensor.
    pub fn side(self) -> usize {
        match self {
            Self::NMnist => 34,
            Self::DvsGesture => 128,
        }
    }

    /// Number of examples for training and for test.
    pub fn examples(self) -> [usize; 2] {
        match self {
            Self::NMnist => [60_000, 10_000],
            Self::DvsGesture => [1176, 288],
        }
    }

    /// Default directory of the files.
    pub fn default_directory(self) -> PathBuf {
        Path::new("artifacts/data").join(self.name())
    }

    /// Source of the files.
    fn remedy(self, directory: &Path) -> String {
        let place = directory.display();
        match self {
            Self::NMnist => format!(
                "download Train.zip and Test.zip from https://www.garrickorchard.com/datasets/n-mnist to {place} and unpack \
                 them there"
            ),
            Self::DvsGesture => format!(
                "download DvsGesture.tar.gz from https://research.ibm.com/interactive/dvsgesture to {place} and unpack it there"
            ),
        }
    }

    /// Directory that has `name`: the one in the config, or one in it that an archive or tonic makes.
    fn place(self, directory: &Path, name: &str) -> Result<PathBuf, DataError> {
        let folders = match self {
            Self::NMnist => ["", "NMNIST", "N-MNIST"],
            Self::DvsGesture => ["", "DvsGesture", "DVSGesture/DvsGesture"],
        };
        let mut places = folders.iter().map(|folder| directory.join(folder));
        places
            .find(|place| place.join(name).exists())
            .ok_or_else(|| DataError::NotThere { path: directory.join(name), advice: self.remedy(directory) })
    }

    /// Reads the recordings for training or for test.
    ///
    /// # Errors
    /// Files that are missing, damaged, or of other content.
    pub fn read(self, training: bool, directory: &Path, clock: Clock) -> Result<Events, DataError> {
        let read = match self {
            Self::NMnist => self.read_digits(training, directory, clock),
            Self::DvsGesture => self.read_gestures(training, directory, clock),
        };
        read.map_err(|error| match error {
            error @ (DataError::Unreadable { .. } | DataError::NotThere { .. }) => error,
            error => DataError::Unusable { reason: Box::new(error), advice: self.remedy(directory) },
        })
    }

    fn read_digits(self, training: bool, directory: &Path, clock: Clock) -> Result<Events, DataError> {
        let part = if training { "Train" } else { "Test" };
        let place = self.place(directory, part)?.join(part);
        let (mut events, mut of_example, mut sums) = (Events::new(), Vec::new(), String::new());
        for class in 0..self.classes().len() {
            let folder = place.join(class.to_string());
            let files = files_in(&folder, "bin")?;
            if files.is_empty() {
                let (found, expected) = ("no file *.bin".into(), "recordings of this class".into());
                return Err(DataError::Unexpected { path: folder, found, expected });
            }
            for path in files {
                let bytes = read_file(&path)?;
                sums += &format!("{} {}\n", sha256(&bytes), path.display());
                digit_events(&path, &bytes, |unit, time_us| {
                    of_example.extend(clock.tick(time_us * 1e-3).map(|tick| (unit, tick)));
                })?;
                events.push(class as u8, &mut of_example);
            }
        }
        // One checksum for the folder: that of the list of its files with their checksums.
        events.sources = vec![Source { path: place, sha256: sha256(sums.as_bytes()) }];
        Ok(events)
    }

    fn read_gestures(self, training: bool, directory: &Path, clock: Clock) -> Result<Events, DataError> {
        let list = if training { "trials_to_train.txt" } else { "trials_to_test.txt" };
        let place = self.place(directory, list)?;
        let (mut events, mut of_example, mut sources) = (Events::new(), Vec::new(), Vec::new());
        for name in text(&place.join(list))?.lines().map(str::trim).filter(|name| !name.is_empty()) {
            let is_name = name.ends_with(".aedat") && !name.contains(['/', '\\']);
            if !is_name {
                let (path, found) = (place.join(list), format!("{name:?}"));
                return Err(DataError::Unexpected { path, found, expected: "names of .aedat files".into() });
            }
            let path = place.join(name);
            let labels = self.labels(&place.join(name.replace(".aedat", "_labels.csv")))?;
            let recording = gesture_events(&path, &read_file(&path)?)?;
            for (class, start_us, end_us) in labels {
                let during = recording.iter().filter(|(_, time_us)| (start_us..end_us).contains(time_us));
                of_example
                    .extend(during.filter_map(|(unit, time_us)| {
                        Some((*unit, clock.tick(f64::from(time_us - start_us) * 1e-3)?))
                    }));
                events.push(class, &mut of_example);
            }
            let sha256 = sha256_file(&path).map_err(|reason| DataError::Unreadable { path: path.clone(), reason })?;
            sources.push(Source { path, sha256 });
        }
        if events.count() == 0 {
            let (path, found) = (place.join(list), "no recording".into());
            return Err(DataError::Unexpected { path, found, expected: "names of .aedat files".into() });
        }
        events.sources = sources;
        Ok(events)
    }

    /// Class, start and end (µs) of each gesture.
    fn labels(self, path: &Path) -> Result<Vec<(u8, u32, u32)>, DataError> {
        let classes = self.classes().len() as u32;
        let text = text(path)?;
        let rows = text.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty());
        rows.map(|(number, line)| {
            let numbers: Vec<u32> = line.split(',').map_while(|number| number.trim().parse().ok()).collect();
            match numbers[..] {
                [class, start, end] if (1..=classes).contains(&class) && start < end => {
                    Ok((class as u8 - 1, start, end))
                }
                _ => Err(DataError::Unexpected {
                    path: path.into(),
                    found: format!("{line:?} in line {}", number + 1),
                    expected: format!("a class from 1 to {classes}, the start and a later end in µs"),
                }),
            }
        })
        .collect()
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, DataError> {
    let unreadable = |reason| DataError::Unreadable { path: path.into(), reason };
    let length = path.metadata().map_err(unreadable)?.len();
    if length > MOST_BYTES {
        let (found, expected) = (format!("{length} bytes"), format!("a recording of at most {MOST_BYTES}"));
        return Err(DataError::Unexpected { path: path.into(), found, expected });
    }
    std::fs::read(path).map_err(unreadable)
}

fn text(path: &Path) -> Result<String, DataError> {
    String::from_utf8(read_file(path)?).map_err(|_| DataError::Unexpected {
        path: path.into(),
        found: "bytes that are no text".into(),
        expected: "text".into(),
    })
}

/// Files of a folder with this ending, in the order of their names.
fn files_in(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, DataError> {
    let unreadable = |reason| DataError::Unreadable { path: folder.into(), reason };
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut paths = paths.map_err(unreadable)?;
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    Ok(paths)
}

/// Passes unit and time (µs) of each event of an N-MNIST recording to `add`.
fn digit_events(path: &Path, bytes: &[u8], mut add: impl FnMut(u16, f64)) -> Result<(), DataError> {
    let unexpected =
        |found: String, expected: &str| DataError::Unexpected { path: path.into(), found, expected: expected.into() };
    let (rows, rest) = bytes.as_chunks::<5>();
    if rows.is_empty() || !rest.is_empty() {
        return Err(unexpected(format!("{} bytes", bytes.len()), "events of 5 bytes"));
    }
    let side = CameraRecordings::NMnist.side() as u16;
    let mut overflows = 0u32;
    for (at, [x, y, high, middle, low]) in rows.iter().enumerate() {
        if *y == OVERFLOW {
            overflows += 1;
            continue;
        }
        let (column, row) = (u16::from(*x), u16::from(*y));
        if column >= side || row >= side {
            return Err(unexpected(format!("pixel ({x}, {y}) of event {at}"), "pixels of 34 × 34"));
        }
        let time_us = u32::from_be_bytes([0, high & 0x7f, *middle, *low]);
        let unit = (u16::from(high >> 7) * side + row) * side + column;
        add(unit, f64::from(time_us) + f64::from(overflows) * f64::from(1 << 13));
    }
    Ok(())
}

/// Unit and time (µs) of each valid event of an AEDAT 3.1 file.
fn gesture_events(path: &Path, bytes: &[u8]) -> Result<Vec<(u16, u32)>, DataError> {
    const HEADER: usize = 28;
    const EVENT: usize = 8;
    const END: &[u8] = b"#!END-HEADER";
    let unexpected =
        |found: String, expected: &str| DataError::Unexpected { path: path.into(), found, expected: expected.into() };
    if !bytes.starts_with(b"#!AER-DAT3") {
        let start: Vec<u8> = bytes.iter().take(12).copied().collect();
        return Err(unexpected(format!("a file that starts with {:?}", String::from_utf8_lossy(&start)), "AEDAT 3.1"));
    }
    // Lines of text, the last of which is END.
    let mut rest = bytes;
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let Some((line, after)) = end.map(|end| (&rest[..end], &rest[end + 1..])) else {
            return Err(unexpected("a header without end".into(), "the line #!END-HEADER"));
        };
        rest = after;
        if line.starts_with(END) {
            break;
        }
    }
    let side = CameraRecordings::DvsGesture.side() as u32;
    let mut events = Vec::new();
    while !rest.is_empty() {
        let truncated = |missing: usize| DataError::Truncated {
            path: path.into(),
            found: bytes.len(),
            expected: bytes.len() + missing,
        };
        let (header, data) = rest.split_at_checked(HEADER).ok_or_else(|| truncated(HEADER - rest.len()))?;
        let half = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let word =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize;
        let (kind, size, count) = (half(0), word(4), word(20));
        let length = size.checked_mul(count).ok_or_else(|| truncated(usize::MAX - bytes.len()))?;
        let packet = data.get(..length).ok_or_else(|| truncated(length - data.len()))?;
        rest = &data[length..];
        if kind != POLARITY_EVENT {
            continue;
        }
        if size != EVENT {
            return Err(unexpected(format!("events of {size} bytes"), "8 bytes"));
        }
        let (rows, _) = packet.as_chunks::<EVENT>();
        for [a, b, c, d, time @ ..] in rows {
            let data = u32::from_le_bytes([*a, *b, *c, *d]);
            let (valid, polarity, y, x) = (data & 1, data >> 1 & 1, data >> 2 & 0x7fff, data >> 17);
            if valid == 0 {
                continue;
            }
            if x >= side || y >= side {
                return Err(unexpected(format!("pixel ({x}, {y}) of an event"), "pixels of 128 × 128"));
            }
            events.push((((polarity * side + y) * side + x) as u16, u32::from_le_bytes(*time)));
        }
    }
    Ok(events)
}
