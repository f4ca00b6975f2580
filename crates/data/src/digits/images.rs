//! Labelled images in memory, and the split of files into training, validation and test images.

use super::collections::{Dataset, TRAINING_IMAGES};
use super::idx::{Content, PIXELS};
use crate::error::DataError;
use crate::field::{InvalidField, require};
use crate::files::Source;
use crate::files::known;
use mdl_kernels::random::{Purpose, Stream};
use std::path::{Path, PathBuf};

/// Images and their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// Intensities from 0 (black) to 255, `[count, 784]`, row by row.
    pub images: Vec<u8>,
    /// Classes from 0 to 9, `[count]`.
    pub labels: Vec<u8>,
    /// The files of images and labels.
    pub sources: Vec<Source>,
}

impl Images {
    /// Number of images.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// Intensities of image `example`, `[784]`.
    pub fn image(&self, example: usize) -> &[u8] {
        &self.images[example * PIXELS..(example + 1) * PIXELS]
    }

    /// Intensities of image `example` from 0 to 1, `[784]`.
    pub fn intensities(&self, example: usize) -> impl Iterator<Item = f32> {
        self.image(example).iter().map(|pixel| f32::from(*pixel) / 255.0)
    }

    /// Images with these indices, in their order.
    fn select(&self, examples: &[u32]) -> Self {
        let mut images = Vec::with_capacity(examples.len() * PIXELS);
        examples.iter().for_each(|e| images.extend_from_slice(self.image(*e as usize)));
        let labels = examples.iter().map(|e| self.labels[*e as usize]).collect();
        Self { images, labels, sources: self.sources.clone() }
    }
}

/// Split of the files.
#[derive(Clone, Copy)]
enum Part {
    /// Training and validation images.
    Training,
    /// Test images.
    Test,
}

/// Files of images and labels, as named in a config.
#[derive(Clone, Copy, Debug)]
pub struct ImageFiles<'a> {
    /// The data set.
    pub dataset: Dataset,
    /// Directory of the four files; none: the default directory of the data set.
    pub directory: Option<&'a Path>,
    /// Refuses files that do not belong to the data set.
    pub verify: bool,
    /// Images of the training file held out for validation.
    pub validation_examples: usize,
}

impl ImageFiles<'_> {
    /// Directory of the files.
    pub fn directory(&self) -> PathBuf {
        self.directory.map_or_else(|| self.dataset.collection().default_directory(), Path::to_path_buf)
    }

    /// Existing files, plain or compressed.
    pub fn files(&self) -> Vec<PathBuf> {
        let directory = self.directory();
        self.dataset.collection().files.iter().filter_map(|file| file.find(&directory)).collect()
    }

    /// Refuses a number of validation images that leaves no image for training or for validation.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside its section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        let validation = self.validation_examples;
        require(validation > 0, "validation_examples", validation, "at least 1")?;
        if self.verify { self.validate_split(TRAINING_IMAGES) } else { Ok(()) }
    }

    /// Reads training and validation images.
    ///
    /// The validation images are the last ones of a fixed permutation of the training file; both sets keep its order.
    ///
    /// # Errors
    /// Any [`DataError`] from reading.
    pub fn load_training(&self) -> Result<[Images; 2], DataError> {
        let images = self.load(Part::Training)?;
        self.validate_split(images.count())?;
        let mut order = Stream::new(0, Purpose::Shuffle, u64::MAX).permutation(images.count());
        let (training, validation) = order.split_at_mut(images.count() - self.validation_examples);
        training.sort_unstable();
        validation.sort_unstable();
        Ok([images.select(training), images.select(validation)])
    }

    /// Reads the test images, in the order of their file.
    ///
    /// # Errors
    /// Any [`DataError`] from reading.
    pub fn load_test(&self) -> Result<Images, DataError> {
        self.load(Part::Test)
    }

    fn validate_split(&self, images: usize) -> Result<(), InvalidField> {
        let expected = format!("fewer than the {images} examples of the training file");
        require(self.validation_examples < images, "validation_examples", self.validation_examples, &expected)
    }

    fn load(&self, part: Part) -> Result<Images, DataError> {
        let (images, images_source) = self.read(part, Content::Images)?;
        let (labels, labels_source) = self.read(part, Content::Labels)?;
        let count = images.len() / Content::Images.example_bytes();
        if count != labels.len() {
            return Err(DataError::Counts {
                images_path: images_source.path,
                images: count,
                labels_path: labels_source.path,
                labels: labels.len(),
            });
        }
        Ok(Images { images, labels, sources: vec![images_source, labels_source] })
    }

    /// Values of a file: `[count, 784]` pixels or `[count]` labels.
    fn read(&self, part: Part, content: Content) -> Result<(Vec<u8>, Source), DataError> {
        let directory = self.directory();
        let collection = self.dataset.collection();
        let file = &collection.files[2 * part as usize + content as usize];
        let path = file.find(&directory).ok_or_else(|| DataError::Missing {
            path: directory.join(file.name),
            command: collection.command(&directory),
        })?;
        let (bytes, source) = known::read(file, &path, self.verify).map_err(|error| self.advise(error, &directory))?;
        Ok((bytes[content.header_bytes()..].to_vec(), source))
    }

    /// Adds the remedy for a file that does not belong to the data set.
    fn advise(&self, error: DataError, directory: &Path) -> DataError {
        let collection = self.dataset.collection();
        let force = if directory == collection.default_directory() { "" } else { " --force" };
        let replace = format!("`{}{force}` replaces it", collection.command(directory));
        let advice = match error {
            DataError::Unreadable { .. } => return error,
            DataError::Checksum { other: Some(other), .. } if other != self.dataset.name() => {
                format!("set task.dataset to {other}, or task.directory to where {} is", self.dataset.name())
            }
            DataError::Checksum { .. } => format!("{replace}; `verify` set to false accepts it"),
            _ if self.verify => replace,
            _ => return error,
        };
        DataError::Unusable { reason: Box::new(error), advice }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_data_set_is_named_and_not_advised_away() {
        let [expected, found] = [Dataset::Mnist, Dataset::FashionMnist].map(|set| set.collection().files[0].sha256);
        let (path, expected) = ("d/train-images-idx3-ubyte".into(), expected.into());
        let error = DataError::Checksum { path, found: found.into(), expected, other: Some("fashion-mnist") };
        let files = ImageFiles { dataset: Dataset::Mnist, directory: None, verify: true, validation_examples: 5000 };
        let told = files.advise(error, Path::new("d")).to_string();
        assert!(told.contains("found a file of fashion-mnist, SHA-256 c59f"), "{told}");
        assert!(told.contains("set task.dataset to fashion-mnist") && !told.contains("--force"), "{told}");
    }
}
