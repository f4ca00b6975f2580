//! What tests of several modules share.

use crate::lif::{LifNetwork, Recurrent};
use mdl_kernels::random::{Purpose, fill_normal};

/// A network of random weights, of one input and one output, that is not silent.
pub(crate) fn network(units: usize) -> LifNetwork {
    let normal = |index, sd: f32, count| {
        let mut values = vec![0f32; count];
        fill_normal(8, Purpose::WrittenTrial, index, 0, sd, &mut values);
        values.into_iter().map(f64::from).collect::<Vec<f64>>()
    };
    LifNetwork {
        units,
        inputs: 1,
        outputs: 1,
        w_in: normal(0, 20.0, units),
        recurrent: Recurrent::Dense(normal(1, 10.0, units * units)),
        w_out: normal(2, 3.0, units),
        tau_decay_ms: vec![30.0; units],
        kinds: Vec::new(),
    }
}
