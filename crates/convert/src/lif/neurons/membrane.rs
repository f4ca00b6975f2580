//! Interface of a neuron of the LIF simulation: membrane equation, constants, transfer function.
//!
//! ```text
//! v    += dt/τ_m · drift(v, I) · [not refractory] + noise          I = IPSC + bias + W_in u
//! spike = v ≥ v_peak;   v = v_reset where spike
//! ```

use super::transfer::Transfer;
use mdl_data::field::InvalidField;
use mdl_kernels::real::Real;

/// Unit constants shared by all neuron models.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit {
    /// Duration of a step (ms).
    pub step_ms: f64,
    /// Membrane time constant τ_m (ms).
    pub tau_membrane_ms: f64,
    /// Refractory period t_ref (ms).
    pub refractory_ms: f64,
    /// Potential after a spike (mV).
    pub v_reset_mv: f64,
    /// Potential at which a unit spikes (mV).
    pub v_peak_mv: f64,
    /// Constant current (mV).
    pub bias_mv: f64,
    /// Standard deviation of the noise of a step (mV).
    pub noise_sd_mv: f64,
}

impl Unit {
    /// √2 times the standard deviation of the potential of a leaky membrane under this noise alone (mV).
    pub fn spread_mv(&self) -> f64 {
        let keep = 1.0 - self.step_ms / self.tau_membrane_ms;
        std::f64::consts::SQRT_2 * self.noise_sd_mv / (1.0 - keep * keep).sqrt()
    }
}

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
