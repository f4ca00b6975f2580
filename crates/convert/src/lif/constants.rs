//! Constants of a simulation in the units of the equations: seconds and millivolts.

use super::network::LifNetwork;
use super::neurons::LifNeuron;
use super::timing::Timing;
use crate::error::Result;
use crate::lif::config::{LifConfig, LifSynapse, StimulatedUnits};
use mdl_data::field::require;
use mdl_model::rate::UnitKind;
use std::ops::Range;

/// An artificial stimulation, resolved for a network.
#[derive(Clone, Debug)]
pub(super) struct Kicks {
    pub units: Vec<usize>,
    /// Steps, counted from 1.
    pub steps: Range<usize>,
    pub amplitude_mv: f64,
    pub probability: f64,
}

/// All constants except the weights.
#[derive(Clone, Debug)]
pub(super) struct Constants {
    pub dt: f64,
    pub tau_m: f64,
    pub t_ref: f64,
    /// Number of steps after a spike, plus one, until the gate opens.
    pub refractory_steps: i32,
    pub v_reset: f64,
    pub v_initial_max: f64,
    pub v_peak: f64,
    pub bias: f64,
    pub noise_sd: f64,
    pub neuron: LifNeuron,
    pub double: bool,
    /// e^{−dt/τ_d} `[N]`
    pub decay_d: Vec<f64>,
    /// e^{−dt/τ_r}
    pub decay_r: f64,
    /// The weight of a spike is divided by this value to enter h (τ_r τ_d) or IPSC (τ_d) `[N]`.
    pub spread: Vec<f64>,
    pub pulses: Option<Kicks>,
}

impl Constants {
    /// Constants of `network` for a valid `config`.
    ///
    /// # Errors
    /// A stimulation of units that the network does not have.
    pub fn new(network: &LifNetwork, config: &LifConfig, timing: &Timing) -> Result<Self> {
        let dt = timing.step_ms / 1000.0;
        let tau_r = config.tau_rise_ms / 1000.0;
        let double = config.synapse == LifSynapse::Double;
        let tau_d: Vec<f64> = network.tau_decay_ms.iter().map(|tau| tau / 1000.0).collect();
        let ratio = config.refractory_ms / timing.step_ms;
        Ok(Self {
            dt,
            tau_m: config.tau_membrane_ms / 1000.0,
            t_ref: config.refractory_ms / 1000.0,
            // A ratio meant to be an integer may have been rounded to just below it.
            refractory_steps: (ratio * (1.0 + 1e-12)).floor().min(f64::from(i32::MAX)) as i32,
            v_reset: config.v_reset_mv,
            v_initial_max: config.v_initial_max_mv,
            v_peak: config.v_peak_mv(),
            bias: config.bias_mv(),
            noise_sd: config.noise_sd_mv(),
            neuron: config.neuron,
            double,
            decay_d: tau_d.iter().map(|tau| (-dt / tau).exp()).collect(),
            decay_r: (-dt / tau_r).exp(),
            spread: tau_d.iter().map(|tau| if double { tau_r * tau } else { *tau }).collect(),
            pulses: pulses(network, config, timing)?,
        })
    }
}

/// Finds the stimulated units.
fn pulses(network: &LifNetwork, config: &LifConfig, timing: &Timing) -> Result<Option<Kicks>> {
    let Some(stimulation) = &config.stimulation else { return Ok(None) };
    let of_kind = |wanted: &[UnitKind]| {
        (0..network.kinds.len()).filter(|i| wanted.contains(&network.kinds[*i])).collect::<Vec<_>>()
    };
    let (units, name) = match &stimulation.population {
        StimulatedUnits::Excitatory => (of_kind(&[UnitKind::Excitatory]), "excitatory".to_owned()),
        StimulatedUnits::Inhibitory => {
            (of_kind(&[UnitKind::Inhibitory, UnitKind::Somatostatin]), "inhibitory".to_owned())
        }
        StimulatedUnits::Somatostatin => (of_kind(&[UnitKind::Somatostatin]), "somatostatin".to_owned()),
        StimulatedUnits::Units { units } => (units.clone(), format!("{units:?}")),
    };
    let n = network.units;
    let known = !units.is_empty() && units.iter().all(|i| *i < n);
    let expected = format!("units that this network of {n} units has");
    require(known, "stimulation.population", name, &expected)?;
    Ok(Some(Kicks {
        units,
        steps: timing.step_at(stimulation.from_ms)..timing.step_at(stimulation.to_ms),
        amplitude_mv: stimulation.amplitude_mv,
        probability: stimulation.probability,
    }))
}
