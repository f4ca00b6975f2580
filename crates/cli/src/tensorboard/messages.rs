//! Protocol-buffer messages of event files, restricted to those written here: `event.proto`, `summary.proto` of
//! TensorBoard.

use prost::{Message, Oneof};

/// One record of an event file.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    /// Number of updates so far.
    #[prost(int64, tag = "2")]
    pub step: i64,
    /// Content of the record.
    #[prost(oneof = "What", tags = "3, 5, 7")]
    pub what: Option<What>,
}

/// Content of an event.
#[derive(Clone, PartialEq, Oneof)]
pub enum What {
    /// First event of a file: `brain.Event:2`.
    #[prost(string, tag = "3")]
    FileVersion(String),
    /// Values.
    #[prost(message, tag = "5")]
    Summary(Summary),
    /// Start or restart of a training run at this step: earlier events of this and later steps are discarded.
    #[prost(message, tag = "7")]
    Session(Session),
}

/// Start of a training run.
#[derive(Clone, PartialEq, Message)]
pub struct Session {
    /// [`Session::START`].
    #[prost(int32, tag = "1")]
    pub status: i32,
}

impl Session {
    /// Status of a start.
    pub const START: i32 = 1;
}

/// Values of one step.
#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    /// The values.
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Value>,
}

/// A value with its name.
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    /// Name; the part before the first slash groups values.
    #[prost(string, tag = "1")]
    pub tag: String,
    /// Content of the value.
    #[prost(oneof = "Content", tags = "2, 4, 5")]
    pub content: Option<Content>,
}

/// Content of a value.
#[derive(Clone, PartialEq, Oneof)]
pub enum Content {
    /// A number.
    #[prost(float, tag = "2")]
    Scalar(f32),
    /// An image.
    #[prost(message, tag = "4")]
    Image(Image),
    /// A histogram.
    #[prost(message, tag = "5")]
    Histogram(Histogram),
}

/// An image.
#[derive(Clone, PartialEq, Message)]
pub struct Image {
    /// Height in pixels.
    #[prost(int32, tag = "1")]
    pub height: i32,
    /// Width in pixels.
    #[prost(int32, tag = "2")]
    pub width: i32,
    /// Channels: 4 are red, green, blue, opacity.
    #[prost(int32, tag = "3")]
    pub colorspace: i32,
    /// The bytes of a PNG file.
    #[prost(bytes = "vec", tag = "4")]
    pub encoded_image_string: Vec<u8>,
}

/// A histogram. The first interval is from `min` to `bucket_limit[0]`.
#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    /// Smallest number.
    #[prost(double, tag = "1")]
    pub min: f64,
    /// Largest number.
    #[prost(double, tag = "2")]
    pub max: f64,
    /// Number of numbers.
    #[prost(double, tag = "3")]
    pub num: f64,
    /// Sum of the numbers.
    #[prost(double, tag = "4")]
    pub sum: f64,
    /// Sum of their squares.
    #[prost(double, tag = "5")]
    pub sum_squares: f64,
    /// Upper end of each interval.
    #[prost(double, repeated, tag = "6")]
    pub bucket_limit: Vec<f64>,
    /// Count in each interval.
    #[prost(double, repeated, tag = "7")]
    pub bucket: Vec<f64>,
}
