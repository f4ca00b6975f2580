//! LIF simulation (Kim, Li & Sejnowski, PNAS 116:22811, 2019).
//!
//! ```text
//! I     = IPSC + bias + b + W_in u                              b: a current of each unit, of calibrated networks
//! v    += dt/τ_m · (I − v) · [dt·i > t_last + t_ref] + noise_sd · N(0,1)           (other neurons: their drift for I − v)
//! spike = v ≥ v_peak;  t_last = dt·i there;  J = W/scaling_factor · spike
//! double synapse:  IPSC = IPSC·e^{−dt/τ_d} + h·dt;   h   = h·e^{−dt/τ_r}   + J/(τ_r τ_d)      (IPSC uses the old h)
//!                  r    = r·e^{−dt/τ_d} + h_r·dt;    h_r = h_r·e^{−dt/τ_r} + spike/(τ_r τ_d)
//! single synapse:  IPSC = IPSC·e^{−dt/τ_d} + J/τ_d;  r   = r·e^{−dt/τ_d}   + spike/τ_d
//! v     = v_reset where spike
//! out   = W_out r / scaling_factor                                                 (no b_out)
//! ```
//!
//! The neurons are in [`neurons`], one per file. These decisions follow the published code on purpose:
//!
//! - the noise is per step, whatever dt is (unless the config requests scaling), and also acts in the refractory
//!   period;
//! - t_last starts at 0, so every unit is refractory for the first t_ref;
//! - IPSC decays with τ_d of the receiving unit, r with that of the unit itself;
//! - the first input sample lasts half a sample ([`Timing`]); the last step reads the sample after the last one of the
//!   trial if the input has it, otherwise the last one;
//! - b_out of the rate network is left out;
//! - firing rates are the number of spikes from step 10 onwards, divided by the duration of the whole trial;
//! - synaptic variables too small to move a potential are set to 0, because subnormal numbers cost ten times as much.
//!
//! The modes differ only in arithmetic: [`LifMode::Exact`] spikes at the published steps; [`LifMode::Fast`] is another
//! sample of the same network, to be compared statistically; [`LifMode::FastDouble`] checks one against the other.

pub mod config;
mod constants;
mod draws;
mod exact;
mod fast;
mod filter;
#[cfg(any(test, feature = "cuda"))]
mod gpu;
#[cfg(any(test, feature = "cuda"))]
mod launch;
mod network;
pub mod neurons;
mod precision;
mod recording;
mod spikes;
mod timing;

pub use draws::{CHUNK, Draws, TrialDraws};
#[cfg(any(test, feature = "cuda"))]
pub(crate) use launch::TrialOnGpu;
pub use mdl_model::rate::UnitKind;
pub use network::{LifNetwork, Recurrent};
pub use recording::{FIRST_COUNTED_STEP, Recording, Run, Spike, State, Traces};
pub use timing::Timing;

use crate::error::{Error, Result};
use crate::lif::config::{LifConfig, LifMode};
use constants::Constants;

/// A network prepared for running trials: plain data, shared by threads.
#[derive(Debug)]
pub struct Simulator<'a> {
    network: &'a LifNetwork,
    timing: Timing,
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    Exact(Constants),
    Fast(fast::Prepared<f32>),
    FastDouble(fast::Prepared<f64>),
}

impl<'a> Simulator<'a> {
    /// Prepares `network`.
    ///
    /// # Errors
    /// An impossible config or network, or a stimulation of units that the network does not have.
    pub fn new(network: &'a LifNetwork, config: &LifConfig, timing: Timing) -> Result<Self> {
        config.validate()?;
        network.validate()?;
        let constants = Constants::new(network, config, &timing)?;
        let engine = match config.mode {
            LifMode::Exact => Engine::Exact(constants),
            LifMode::Fast => Engine::Fast(fast::Prepared::new(network, constants)),
            LifMode::FastDouble => Engine::FastDouble(fast::Prepared::new(network, constants)),
        };
        Ok(Self { network, timing, engine })
    }

    /// The timing of its trials.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// Runs one trial with each of the scaling factors, all with the same random numbers; returns one [`Run`] per
    /// factor.
    ///
    /// `input` `[samples, K]` may have one sample more than the trial, see the notes of the module.
    ///
    /// # Errors
    /// An input that is too short or not finite, a scaling factor that is not positive, or a recording of units that the
    /// network does not have.
    pub fn run(
        &self,
        input: &[f64],
        scaling_factors: &[f64],
        draws: &impl Draws,
        recording: &Recording,
    ) -> Result<Vec<Run>> {
        self.check(scaling_factors, recording)?;
        let drive = self.drive(input)?;
        let (network, steps) = (self.network, self.timing.steps);
        let sample = |step| self.timing.kept_sample(step);
        Ok(match &self.engine {
            Engine::Exact(c) => scaling_factors
                .iter()
                .map(|factor| exact::run(network, c, steps, &drive, sample, *factor, draws, recording))
                .collect(),
            Engine::Fast(p) => p.run(network, steps, &drive, sample, scaling_factors, draws, recording),
            Engine::FastDouble(p) => p.run(network, steps, &drive, sample, scaling_factors, draws, recording),
        })
    }

    fn check(&self, scaling_factors: &[f64], recording: &Recording) -> Result<()> {
        if let Some(index) = scaling_factors.iter().position(|f| !(f.is_finite() && *f > 0.0)) {
            let (name, expected) = ("scaling_factor", "a number above 0");
            return Err(Error::Value { name, index, found: scaling_factors[index], expected });
        }
        let traced = recording.traces.as_ref().map_or(&[][..], |t| &t.units);
        if let Some(index) = traced.iter().position(|unit| *unit >= self.network.units) {
            let (name, expected) = ("traces", "a unit of the network");
            return Err(Error::Value { name, index, found: traced[index] as f64, expected });
        }
        Ok(())
    }

    /// b + W_in u for every kept sample, `[samples, N]`.
    fn drive(&self, input: &[f64]) -> Result<Vec<f64>> {
        let (channels, t) = (self.network.inputs, &self.timing);
        let kept = t.steps / t.steps_per_sample;
        let expected = ((kept - 1) * t.downsample + 1) * channels;
        if input.len() < expected {
            return Err(Error::Length { name: "input", found: input.len(), expected });
        }
        if let Some(index) = input.iter().position(|u| !u.is_finite()) {
            return Err(Error::Value { name: "input", index, found: input[index], expected: "a finite number" });
        }
        let rows: Vec<&[f64]> = input.chunks_exact(channels).collect();
        let drive_of = |u: &[f64], w: &[f64]| w.iter().zip(u).map(|(w, u)| w * u).sum::<f64>();
        let mut drive: Vec<f64> = (0..=kept)
            .map(|k| rows[(k * t.downsample).min(rows.len() - 1)])
            .flat_map(|u| self.network.w_in.chunks_exact(channels).map(move |w| drive_of(u, w)))
            .collect();
        let bias = &self.network.bias_mv;
        if !bias.is_empty() {
            drive.iter_mut().zip(bias.iter().cycle()).for_each(|(drive, bias)| *drive += bias);
        }
        Ok(drive)
    }
}
