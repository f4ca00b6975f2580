//! Arithmetic of the fast kernel in single and double precision.
//!
//! `f32` regroups constants and counts the refractory period in whole steps. `f64` keeps the published order of
//! evaluation and compares times, so that without noise it spikes on the same steps as the exact mode.

use super::constants::Constants;
use super::draws::Draws;
use mdl_kernels::lanes::Lanes;
use mdl_kernels::real::Real;

/// A number type of the fast kernel.
pub(super) trait Precision: Real {
    /// Time as compared by the refractory gate.
    type Time: Copy + std::fmt::Debug + Send + Sync;

    /// Smaller synaptic variables are set to zero: they are far below the resolution of a membrane potential, and far
    /// enough above the smallest normal number that none is reached before the next check.
    const TINY: Self;

    /// True if all scaling factors share one copy of the weights, with the factor applied in the synaptic gain.
    const SHARED_WEIGHTS: bool;

    /// Time of a step.
    fn time(step: usize, c: &Constants) -> Self::Time;

    /// The refractory period.
    fn refractory(c: &Constants) -> Self::Time;

    /// True if a unit that spiked at `last` integrates at `now`.
    fn is_open(now: Self::Time, last: Self::Time, refractory: Self::Time) -> bool;

    /// Stored time of a spike at `now`.
    fn stamp(now: Self::Time, last: Self::Time) -> Self::Time;

    /// dt and τ_m in the form of [`Precision::leak`].
    fn leak_constants(c: &Constants) -> [Self; 2];

    /// dt · (x/τ_m)
    fn leak(x: Self, constants: [Self; 2]) -> Self;

    /// Gain of a synapse, in the form of [`Precision::spread`]: `spread` is τ_r τ_d or τ_d.
    fn gain(spread: f64, scaling_factor: f64) -> Self;

    /// J / `spread`, also divided by the scaling factor if weights are shared.
    fn spread(j: Self, gain: Self) -> Self;

    /// Noise of one group of units.
    fn noise(draws: &impl Draws, group: usize, first_step: usize, sd_mv: f64, out: &mut [Lanes<Self>]);
}

impl Precision for f32 {
    type Time = i32;
    const TINY: Self = 1e-20;
    const SHARED_WEIGHTS: bool = true;

    #[inline(always)]
    fn time(step: usize, _: &Constants) -> i32 {
        step as i32
    }

    #[inline(always)]
    fn refractory(c: &Constants) -> i32 {
        c.refractory_steps
    }

    #[inline(always)]
    fn is_open(now: i32, last: i32, refractory: i32) -> bool {
        last < now - refractory
    }

    #[inline(always)]
    fn stamp(now: i32, _: i32) -> i32 {
        now
    }

    #[inline(always)]
    fn leak_constants(c: &Constants) -> [f32; 2] {
        [(c.dt / c.tau_m) as f32, 1.0]
    }

    #[inline(always)]
    fn leak(x: f32, [dt_over_tau, _]: [f32; 2]) -> f32 {
        x * dt_over_tau
    }

    #[inline(always)]
    fn gain(spread: f64, scaling_factor: f64) -> f32 {
        (1.0 / (spread * scaling_factor)) as f32
    }

    #[inline(always)]
    fn spread(j: f32, gain: f32) -> f32 {
        j * gain
    }

    fn noise(draws: &impl Draws, group: usize, first_step: usize, sd_mv: f64, out: &mut [Lanes<f32>]) {
        draws.noise_single(group, first_step, sd_mv, out);
    }
}

impl Precision for f64 {
    type Time = f64;
    const TINY: Self = 1e-200;
    const SHARED_WEIGHTS: bool = false;

    #[inline(always)]
    fn time(step: usize, c: &Constants) -> f64 {
        c.dt * step as f64
    }

    #[inline(always)]
    fn refractory(c: &Constants) -> f64 {
        c.t_ref
    }

    #[inline(always)]
    fn is_open(now: f64, last: f64, refractory: f64) -> bool {
        now > last + refractory
    }

    #[inline(always)]
    fn stamp(now: f64, last: f64) -> f64 {
        last + (now - last)
    }

    #[inline(always)]
    fn leak_constants(c: &Constants) -> [f64; 2] {
        [c.dt, c.tau_m]
    }

    #[inline(always)]
    fn leak(x: f64, [dt, tau_m]: [f64; 2]) -> f64 {
        dt * (x / tau_m)
    }

    #[inline(always)]
    fn gain(spread: f64, _: f64) -> f64 {
        spread
    }

    #[inline(always)]
    fn spread(j: f64, gain: f64) -> f64 {
        j / gain
    }

    fn noise(draws: &impl Draws, group: usize, first_step: usize, sd_mv: f64, out: &mut [Lanes<f64>]) {
        draws.noise(group, first_step, sd_mv, out);
    }
}
