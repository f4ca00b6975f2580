//! Interface of a neuron of the LIF simulation: membrane equation, constants, transfer function.
//!
//! ```text
//! v    += dt/τ_m · drift(v, I) · [not refractory] + noise          I = IPSC + bias + W_in u
//! spike = v ≥ v_peak;   v = v_reset where spike
//! ```

use mdl_data::field::InvalidField;
use mdl_kernels::real::Real;
use mdl_model::rate::transfer::{Transfer, Unit};

/// A neuron in the GPU kernel (`lif.cu`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kernel {
    /// Number of its drift in the kernel.
    pub number: i32,
    /// Parameters of the drift.
    pub constants: [f64; 2],
}

/// A neuron model.
///
/// The functions without a type parameter belong to the config; the others run at every step, inlined into the loop
/// over time, which is compiled once per neuron and number type.
pub(crate) trait Membrane {
    /// Name in messages, such as "quadratic neurons".
    fn name(&self) -> &'static str;

    /// Default threshold (mV).
    fn v_peak_mv(&self) -> f64;

    /// Default constant current (mV).
    fn bias_mv(&self, v_peak_mv: f64) -> f64;

    /// Potential above which a unit spikes without further input (mV).
    fn threshold_mv(&self, v_peak_mv: f64) -> f64 {
        v_peak_mv
    }

    /// Refuses constants with which no unit can run.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside the neuron's section.
    fn validate(&self, v_peak_mv: f64) -> Result<(), InvalidField>;

    /// Firing rate and its fluctuations against the input, for the prediction of the scaling factor; none if no such
    /// function is known.
    fn transfer(&self, unit: &Unit) -> Option<Transfer>;

    /// The neuron on a GPU.
    fn kernel(&self) -> Kernel;

    /// τ_m dv/dt at potential v under the current I (mV).
    fn drift<R: Real>(&self, v: R, current: R) -> R
    where
        Self: Sized;

    /// True if a unit at potential v spikes.
    #[inline(always)]
    fn spikes<R: Real>(&self, v: R, v_peak: R) -> bool
    where
        Self: Sized,
    {
        v >= v_peak
    }

    /// Potential after a spike.
    #[inline(always)]
    fn reset<R: Real>(&self, v_reset: R) -> R
    where
        Self: Sized,
    {
        v_reset
    }
}
