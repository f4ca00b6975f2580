//! Table of a transfer function: rate and regularity of an integrate-and-fire unit under a steady input.

/// Number of inputs in a table.
pub(super) const INPUTS: usize = 4096;

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

/// Firing rate and its fluctuations against the input of a unit.
#[derive(Debug)]
pub struct Transfer {
    lowest_mv: f32,
    per_mv: f32,
    /// ν (Hz) and CV √ν at ascending inputs.
    table: Vec<[f32; 2]>,
}

impl Transfer {
    /// Tabulates a transfer function over inputs above the bias (mV): the rate is zero below the lowest input, and
    /// constant above the highest. `rate_and_cv(μ)` is the rate (1/ms) and the coefficient of variation of the
    /// intervals under a current μ, the sum of bias and input (mV).
    pub fn tabulate(bias_mv: f64, [lowest_mv, highest_mv]: [f64; 2], rate_and_cv: impl Fn(f64) -> [f64; 2]) -> Self {
        let step = (highest_mv - lowest_mv) / (INPUTS - 1) as f64;
        let entry = |k: usize| {
            let [rate, cv] = rate_and_cv(bias_mv + lowest_mv + step * k as f64);
            [1000.0 * rate, cv * (1000.0 * rate).sqrt()].map(|x| x as f32)
        };
        Self { lowest_mv: lowest_mv as f32, per_mv: (1.0 / step) as f32, table: (0..INPUTS).map(entry).collect() }
    }

    /// ν (Hz) and CV √ν of a unit whose input is `x_mv` above the bias.
    #[inline(always)]
    pub fn at(&self, x_mv: f32) -> [f32; 2] {
        let place = (x_mv - self.lowest_mv) * self.per_mv;
        if place.is_nan() || place <= 0.0 {
            return [0.0; 2];
        }
        let index = (place as usize).min(INPUTS - 2);
        let part = (place - index as f32).min(1.0);
        let (low, high) = (self.table[index], self.table[index + 1]);
        [low[0] + part * (high[0] - low[0]), low[1] + part * (high[1] - low[1])]
    }

    /// Smallest input in the table (mV above the bias), inputs per mV, and the rate at every input (Hz).
    pub(super) fn rates_hz(&self) -> (f32, f32, impl Iterator<Item = f32>) {
        (self.lowest_mv, self.per_mv, self.table.iter().map(|[rate, _]| *rate))
    }
}
