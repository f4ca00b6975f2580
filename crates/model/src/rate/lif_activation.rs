//! The firing rate of a leaky integrate-and-fire neuron as an activation: φ(x) = ν(x)/λ₀.
//!
//! ν is the rate of a neuron with membrane noise under a steady input of x mV above its bias ([`leaky_transfer`]), and λ₀ the
//! scaling factor with which the network will be converted. Its derivative is tabulated and linear between the entries, so
//! that φ is smooth; below the table φ is 0, above it constant.

use super::siegert::leaky_transfer;
use super::transfer::{INPUTS, Unit};
use candle_core::{DType, Result, Tensor};
use mdl_data::field::{InvalidField, LARGEST, require, require_between, require_duration_ms, require_not_negative};
use mdl_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

/// The neuron of the activation; the fields and defaults are those of the config's section `lif`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LifActivation {
    /// Scaling factor λ₀ with which the network will be converted (Hz).
    pub scaling_factor: f64,
    /// Time step dt of the simulation (ms).
    pub dt_ms: f64,
    /// Membrane time constant τ_m (ms).
    pub tau_membrane_ms: f64,
    /// Refractory period t_ref (ms).
    pub refractory_ms: f64,
    /// Potential after a spike (mV).
    pub v_reset_mv: f64,
    /// Threshold (mV).
    pub v_peak_mv: f64,
    /// Constant current (mV).
    pub bias_mv: f64,
    /// Standard deviation of the membrane noise of a step (mV).
    pub noise_sd_mv_per_step: f64,
}

impl Default for LifActivation {
    fn default() -> Self {
        Self {
            scaling_factor: 50.0,
            dt_ms: 0.05,
            tau_membrane_ms: 10.0,
            refractory_ms: 2.0,
            v_reset_mv: -65.0,
            v_peak_mv: -40.0,
            bias_mv: -40.0,
            noise_sd_mv_per_step: 0.1,
        }
    }
}

impl LifActivation {
    /// Constants of the unit.
    pub fn unit(&self) -> Unit {
        Unit {
            step_ms: self.dt_ms,
            tau_membrane_ms: self.tau_membrane_ms,
            refractory_ms: self.refractory_ms,
            v_reset_mv: self.v_reset_mv,
            v_peak_mv: self.v_peak_mv,
            bias_mv: self.bias_mv,
            noise_sd_mv: self.noise_sd_mv_per_step,
        }
    }

    /// Refuses constants of no neuron that fires.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside the activation.
    pub fn validate(&self) -> std::result::Result<(), InvalidField> {
        require_between("scaling_factor", self.scaling_factor, 1e-3, LARGEST)?;
        require_duration_ms("dt_ms", self.dt_ms)?;
        require_duration_ms("tau_membrane_ms", self.tau_membrane_ms)?;
        let at_most = format!("at most tau_membrane_ms = {}", self.tau_membrane_ms);
        require(self.dt_ms <= self.tau_membrane_ms, "dt_ms", self.dt_ms, &at_most)?;
        require_not_negative("refractory_ms", self.refractory_ms)?;
        let potentials = [("v_reset_mv", self.v_reset_mv), ("v_peak_mv", self.v_peak_mv), ("bias_mv", self.bias_mv)];
        potentials.iter().try_for_each(|(name, potential)| require_between(name, *potential, -LARGEST, LARGEST))?;
        let below = format!("a number below v_peak_mv = {}", self.v_peak_mv);
        require(self.v_reset_mv < self.v_peak_mv, "v_reset_mv", self.v_reset_mv, &below)?;
        let noise = self.noise_sd_mv_per_step;
        let with_noise = "a number above 0: without noise the rate has no slope at the threshold";
        require(noise > 0.0 && noise <= LARGEST, "noise_sd_mv_per_step", noise, with_noise)
    }

    /// The table of φ, computed when it is first asked for.
    pub(super) fn table(&self) -> Arc<LifTable> {
        static TABLES: Mutex<Vec<(LifActivation, Arc<LifTable>)>> = Mutex::new(Vec::new());
        const REMEMBERED: usize = 8;
        let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, table)) = tables.iter().find(|(own, _)| own == self) {
            return table.clone();
        }
        let table = Arc::new(LifTable::new(self));
        if tables.len() == REMEMBERED {
            tables.remove(0);
        }
        tables.push((*self, table.clone()));
        table
    }
}

/// φ and its slope at equidistant inputs.
#[derive(Debug)]
pub(super) struct LifTable {
    /// Smallest input in the table (mV above the bias).
    pub(super) lowest_mv: f32,
    /// Entries per mV.
    pub(super) per_mv: f32,
    /// φ
    pub(super) rates: Box<[f32; INPUTS]>,
    /// φ' times the distance of two entries.
    pub(super) slopes: Box<[f32; INPUTS]>,
}

/// The last place in the table, where the slope is 0.
const LAST: f32 = (INPUTS - 1) as f32;

impl LifTable {
    fn new(activation: &LifActivation) -> Self {
        let transfer = leaky_transfer(&activation.unit());
        let (lowest_mv, per_mv, rates_hz) = transfer.rates_hz();
        let exact: Vec<f64> = rates_hz.map(|hz| f64::from(hz) / activation.scaling_factor).collect();
        let (mut rates, mut slopes) = (Box::new([0.0; INPUTS]), Box::new([0.0; INPUTS]));
        let (mut rate, mut before) = (0.0, 0.0);
        for i in 0..INPUTS {
            // The slope is 0 at both ends, where φ becomes constant.
            let slope = if i == 0 || i == INPUTS - 1 { 0.0 } else { (exact[i + 1] - exact[i - 1]) / 2.0 };
            rate += (before + slope) / 2.0;
            (rates[i], slopes[i]) = (rate as f32, slope as f32);
            before = slope;
        }
        Self { lowest_mv, per_mv, rates, slopes }
    }

    pub(super) fn largest_rate(&self) -> f64 {
        f64::from(self.rates[INPUTS - 1])
    }

    /// The entry at or before x, and how far x is beyond it, both of a number inside of the table; a number that is none
    /// stays so.
    #[inline(always)]
    fn place<R: Real>(&self, x: R) -> (usize, R) {
        let place = (x - R::constant(f64::from(self.lowest_mv))) * R::constant(f64::from(self.per_mv));
        let last = R::constant(f64::from(LAST));
        let place = if place < R::zero() { R::zero() } else { place };
        let place = if place > last { last } else { place };
        let before = place.floor();
        (before.to_index() % INPUTS, place - before)
    }

    /// φ(x)
    #[inline(always)]
    pub(super) fn at<R: Real>(&self, x: R) -> R {
        let entry = |values: &[f32; INPUTS], index: usize| R::constant(f64::from(values[index % INPUTS]));
        let (index, part) = self.place(x);
        let (slope, next) = (entry(&self.slopes, index), entry(&self.slopes, index + 1));
        entry(&self.rates, index) + part * (slope + part * (R::constant(0.5) * (next - slope)))
    }

    /// φ'(x)
    #[inline(always)]
    pub(super) fn slope_at<R: Real>(&self, x: R) -> R {
        let entry = |index: usize| R::constant(f64::from(self.slopes[index % INPUTS]));
        let (index, part) = self.place(x);
        let (slope, next) = (entry(index), entry(index + 1));
        (slope + part * (next - slope)) * R::constant(f64::from(self.per_mv))
    }

    /// φ of every element, in candle operations.
    pub(super) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let table = |values: &[f32]| {
            let values = [values, &[0.0]].concat();
            Tensor::from_vec(values, INPUTS + 1, x.device())?.to_dtype(x.dtype())
        };
        let (rates, slopes) = (table(&self.rates[..])?, table(&self.slopes[..])?);
        let place = ((x - f64::from(self.lowest_mv))? * f64::from(self.per_mv))?;
        let clamped = place.detach().clamp(0.0, f64::from(LAST))?;
        let before = clamped.floor()?;
        let index = before.to_dtype(DType::U32)?.flatten_all()?;
        let entry = |table: &Tensor, index: &Tensor| table.index_select(index, 0)?.reshape(x.shape());
        let (slope, next) = (entry(&slopes, &index)?, entry(&slopes, &(&index + 1.0)?)?);
        let part = (clamped - before)?;
        let here = (entry(&rates, &index)? + (&part * (&slope + (&part * ((&next - &slope)? * 0.5)?)?)?)?)?;
        // The value of `here`, and the slope of the table as its derivative.
        let derivative = (&slope + (part * (next - &slope)?)?)?;
        here + ((&place - place.detach())? * derivative)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_rate_of_the_neuron_over_the_factor() {
        let activation = LifActivation::default();
        let (table, transfer) = (activation.table(), leaky_transfer(&activation.unit()));
        for x in [-20.0, -4.0, -1.0, 0.0, 0.37, 5.0, 60.0, 99.0] {
            let expected = transfer.at(x)[0] / 50.0;
            assert!((table.at(x) - expected).abs() <= 2e-3 * expected + 1e-6, "{x}: {} {expected}", table.at(x));
        }
        assert_eq!((table.at(-50f32), table.slope_at(-50f32), table.slope_at(1e6f32)), (0.0, 0.0, 0.0));
        assert_eq!(f64::from(table.at(1e6f32)), table.largest_rate());
        // t_ref + τ_m ln((I − v_reset)/(I − v_peak)), 100 mV above threshold.
        let interval_ms = 2.0 + 10.0 * 1.25f64.ln();
        assert!((table.largest_rate() * 50.0 * interval_ms / 1000.0 - 1.0).abs() < 1e-3, "{}", table.largest_rate());
        assert!(table.at(f32::NAN).is_nan());
        for x in [-3.0f64, 0.51, 12.3] {
            let difference = (table.at(x + 1e-6) - table.at(x - 1e-6)) / 2e-6;
            assert!((table.slope_at(x) - difference).abs() < 1e-6 * difference, "{x}: {difference}");
        }
    }

    #[test]
    fn impossible_constants_are_named() {
        let default = LifActivation::default;
        assert_eq!(default().validate(), Ok(()));
        let named = |activation: LifActivation| activation.validate().unwrap_err().field;
        assert_eq!(named(LifActivation { scaling_factor: 0.0, ..default() }), "scaling_factor");
        assert_eq!(named(LifActivation { dt_ms: 11.0, ..default() }), "dt_ms");
        assert_eq!(named(LifActivation { v_reset_mv: -30.0, ..default() }), "v_reset_mv");
        assert_eq!(named(LifActivation { bias_mv: f64::NAN, ..default() }), "bias_mv");
        assert_eq!(named(LifActivation { noise_sd_mv_per_step: 0.0, ..default() }), "noise_sd_mv_per_step");
    }
}
