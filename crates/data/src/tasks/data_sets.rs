//! The list of all kinds of data set, at the end of this file: `"name in configs" => Type`.

use super::data_set::DataSet;
use super::digits::Digits;
use super::event_camera::EventCamera;
use super::sequential_mnist::SequentialMnist;
use super::spiking_speech::SpikingSpeech;

/// Defines [`DataSetConfig`] from the list.
macro_rules! data_sets {
    ($($(#[$description:meta])* $name:literal => $Kind:ident,)*) => {
        /// The task section of a config that names a data set.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(tag = "kind")]
        pub enum DataSetConfig {
            $(
                $(#[$description])*
                #[serde(rename = $name)]
                $Kind($Kind),
            )*
        }

        impl DataSetConfig {
            /// Every kind with its default values, in the order of the list.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$Kind($Kind::default())),*]
            }

            /// Name of the kind in configs.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$Kind(_) => $name,)*
                }
            }

            /// The data set itself.
            pub fn data_set(&self) -> &dyn DataSet {
                match self {
                    $(Self::$Kind(kind) => kind,)*
                }
            }
        }
    };
}

data_sets! {
    /// Handwritten digits, or another data set of images in their format.
    "digits" => Digits,
    /// Digits pixel by pixel (S-MNIST), in reading order or permuted (PS-MNIST).
    "sequential-mnist" => SequentialMnist,
    /// Spoken words as spikes: the Spiking Heidelberg Digits and the Spiking Speech Commands.
    "spiking-speech" => SpikingSpeech,
    /// Recordings of an event camera: N-MNIST and DVS128 Gesture.
    "event-camera" => EventCamera,
}
