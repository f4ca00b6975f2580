//! Interface of a neuron, over which the loops over time, trials and threads are generic.
//!
//! The network around the neurons is the same for all models. It supplies I_t, and turns spikes s_t into the synaptic
//! trace r_t:
//!
//! ```text
//! I_t = α_s I_{t−1} + W_in x_t + W_rec r_{t−1}
//! (neuron) I_t, state of step t−1 → U_t, s_t
//! h_t = α_r h_{t−1} + s_{t−1},   r_t = α_d r_{t−1} + κ h_t
//! ```

use crate::spiking::surrogate::Derivative;
use candle_core::{Result, Tensor};
use mdl_data::field::InvalidField;
use mdl_kernels::lanes::Lanes;
use mdl_kernels::real::Real;

/// Membrane constants of every neuron.
#[derive(Clone, Copy, Debug)]
pub struct Membrane {
    /// Time step dt (ms).
    pub dt_ms: f64,
    /// α_m = exp(−dt/τ_m), where it is the same for all neurons.
    pub alpha: f64,
    /// Steps after a spike during which the membrane potential stays at 0.
    pub refractory_steps: u32,
}

/// A neuron model, computed for sixteen neurons at a time: lane group `i` of the network.
///
/// `threshold` is θ of the neurons of the group. All functions are `#[inline(always)]`, so that they are compiled for
/// the detected CPU.
pub(in crate::spiking) trait Neuron<R: Real>: Send + Sync + Sized + 'static {
    /// State needed only by the next step.
    type State: Copy + Send + Sync;
    /// State needed by the backward pass at every step: the membrane potential U, and all variables that determine the
    /// spike.
    type Kept: Copy + Send + Sync;
    /// Gradients with respect to state and kept state of the next step.
    type Adjoint: Copy;
    /// Number of constants per neuron with gradients: rows `[ROWS, N]` after the weights of the network, those of the
    /// neuron model before that of its membrane.
    const ROWS: usize;

    /// The neurons of a network; `rows` `[lane groups][ROWS]`.
    fn new(membrane: Membrane, rows: Vec<Lanes<R>>) -> Self;

    /// State before the first step.
    fn rest() -> (Self::State, Self::Kept);

    /// Adjoint state after the last step.
    fn adjoint() -> Self::Adjoint;

    /// U. A potential held at 0 by the refractory period is −0, which never occurs for a free one.
    fn potential(kept: Self::Kept) -> Lanes<R>;

    /// The potential above which the neuron spikes; θ, unless the neuron moves it.
    #[inline(always)]
    fn threshold(&self, _i: usize, threshold: Lanes<R>, _kept: Self::Kept) -> Lanes<R> {
        threshold
    }

    /// s, 0 or 1.
    fn spikes(&self, i: usize, threshold: Lanes<R>, kept: Self::Kept) -> Lanes<R>;

    /// V: the membrane potential without reset and refractory period.
    fn free_potential(&self, i: usize, before: Self::Kept, current: Lanes<R>) -> Lanes<R>;

    /// Step t with input current I_t.
    fn step(
        &self,
        i: usize,
        threshold: Lanes<R>,
        t: R,
        state: &mut Self::State,
        before: Self::Kept,
        current: Lanes<R>,
    ) -> Self::Kept;

    /// Adjoint of [`Neuron::step`]: from s̄_t, without the part from inside the neuron, to the gradients that leave the
    /// neuron at step t. `reset` is c_t = g_t V_t. Adds the gradients of the group's rows to `rows`.
    #[expect(clippy::too_many_arguments, reason = "one call in the innermost loop")]
    fn step_back(
        &self,
        i: usize,
        threshold: Lanes<R>,
        surrogate: &impl Derivative<R>,
        kept: Self::Kept,
        reset: Lanes<R>,
        adjoint: &mut Self::Adjoint,
        spike: Lanes<R>,
        rows: &mut [Lanes<R>],
    ) -> Leaving<R>;

    /// Sets values close to subnormal numbers to zero.
    fn flush(state: &mut Self::State, kept: &mut Self::Kept);

    /// Likewise for the adjoint state.
    fn flush_adjoint(adjoint: &mut Self::Adjoint);
}

/// Gradients that leave a neuron backward.
pub(in crate::spiking) struct Leaving<R> {
    /// With respect to I_t, except for the part through I_{t+1}.
    pub current: Lanes<R>,
    /// With respect to −s_{t−1}, through the reset factor 1 − s_{t−1}.
    pub reset: Lanes<R>,
}

/// Section of a neuron in the config: its properties outside of a run.
pub(in crate::spiking) trait Model {
    /// Refuses values that no neuron can have.
    fn validate(&self, _dt_ms: f64) -> std::result::Result<(), InvalidField> {
        Ok(())
    }

    /// Names and initial values of the tensors `[N]` trained with the network.
    fn trained(&self) -> Vec<(&'static str, f32)> {
        Vec::new()
    }

    /// Tensors `[N]` for readers of an artifact, computed from the trained ones.
    fn derived(&self, _trained: &[Tensor]) -> Result<Vec<(&'static str, Tensor)>> {
        Ok(Vec::new())
    }

    /// Rows of [`Neuron::ROWS`] apart from that of the membrane, `[N]` each, with the type and device of the tensor `like`.
    fn rows(&self, _dt_ms: f64, _trained: &[Tensor], _neurons: usize, _like: &Tensor) -> Result<Vec<Tensor>> {
        Ok(Vec::new())
    }

    /// Whether the threshold of a neuron changes from step to step.
    fn moves_threshold(&self) -> bool {
        false
    }

    /// The thresholds `[T, B, N]` of a run on a GPU, from θ `[N]`, the rows `[ROWS, N]` and the state `[T, B, N]` that the kernel
    /// kept beside U.
    #[cfg(any(test, feature = "cuda"))]
    fn thresholds(&self, threshold: Tensor, _rows: &Tensor, _kept: Option<Tensor>) -> Result<Tensor> {
        Ok(threshold)
    }

    /// Part of the names of its kernels.
    #[cfg(any(test, feature = "cuda"))]
    fn kernel(&self) -> &'static str;

    /// The neuron in candle operations, at rest; states are `[B, N]` like `zero`, and `leak` is 1 − α_m `[N]`.
    fn reference(
        &self,
        membrane: Membrane,
        leak: &Tensor,
        trained: &[Tensor],
        zero: &Tensor,
    ) -> Result<Box<dyn Reference>>;
}

/// A neuron in plain candle operations, for candle's autograd.
pub(in crate::spiking) trait Reference {
    /// Step t with input current I_t `[B, N]`, after spikes s_{t−1} `[B, N]`; `threshold` is θ `[B, N]`.
    fn step(&mut self, current: &Tensor, spikes_before: &Tensor, threshold: &Tensor) -> Result<ReferenceStep>;
}

/// A step of a [`Reference`], each `[B, N]`.
pub(in crate::spiking) struct ReferenceStep {
    /// V.
    pub free_potential: Tensor,
    /// U.
    pub potential: Tensor,
    /// The argument of the spike s = H(·): for most neurons U − θ.
    pub excess: Tensor,
}
