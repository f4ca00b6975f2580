//! The figures, one file each.

pub mod confusion;
pub mod digits;
pub mod membrane;
pub mod output;
pub mod raster;
pub mod rates;
pub mod search;
pub mod sweep;
pub mod training;
pub mod trajectory;
mod window;

pub use confusion::Confusion;
pub use digits::ExampleDigits;
pub use membrane::MembraneTraces;
pub use output::Output;
pub use raster::Raster;
pub use rates::RateDistribution;
pub use search::SearchCurve;
pub use sweep::Sweep;
pub use training::TrainingCurve;
pub use trajectory::Trajectory;
pub use window::Window;
