//! Analyses of trained networks: fixed points, mode space, importance and removal of modes and units, populations,
//! comparison.
//!
//! Each analysis is one file and one line of [`analyses`]. It asks a [`Subject`] for its parameters, its recorded states and,
//! where it must, for runs with a [`Change`]; it adds its results to an artifact and returns a summary.

pub mod change;
pub mod comparison;
mod constant_inputs;
mod error;
pub mod fixed_points;
mod found;
pub mod importance;
pub mod lesions;
pub mod linear;
pub mod mode_space;
pub mod modes;
pub mod moments;
pub mod plane;
pub mod populations;
pub mod rate_model;
pub mod removal;
pub mod settings;
pub mod subject;
pub mod switching;
pub mod weights;

pub use change::Change;
pub use error::Error;
pub use found::Found;
pub use settings::Settings;
pub use subject::{Recording, Spike, Subject};

use mdl_artifact::Artifact;

/// An analysis: its name, and its function, which adds its results to an artifact.
pub type Analysis<E> = (&'static str, fn(&dyn Subject<Error = E>, &Settings, &mut Artifact) -> Result<Found, E>);

/// Every analysis in the order of a report, by its name in options and results.
pub fn analyses<E: From<Error>>() -> Vec<Analysis<E>> {
    let all: [Analysis<E>; 15] = [
        ("mode_space", mode_space::analyse::<E>),
        ("flow", mode_space::flow::analyse::<E>),
        ("attractors", mode_space::attractors::analyse::<E>),
        ("fixed_points", fixed_points::analyse::<E>),
        ("importance", importance::analyse::<E>),
        ("removal", removal::analyse::<E>),
        ("lesions", lesions::analyse::<E>),
        ("components", populations::components::analyse::<E>),
        ("targeted", populations::targeted::analyse::<E>),
        ("selectivity", populations::selectivity::analyse::<E>),
        ("rates", populations::rates::analyse::<E>),
        ("choices", populations::choices::analyse::<E>),
        ("intervals", populations::intervals::analyse::<E>),
        ("operations", populations::operations::analyse::<E>),
        ("switching", switching::analyse::<E>),
    ];
    all.to_vec()
}

/// Names of all analyses.
pub fn names() -> Vec<&'static str> {
    analyses::<Error>().into_iter().map(|(name, _)| name).collect()
}
