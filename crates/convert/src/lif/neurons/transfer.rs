//! Table of a transfer function: rate and regularity of a unit under a steady input.

/// Number of inputs in a table.
const INPUTS: usize = 4096;

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
    pub(super) fn tabulate(
        bias_mv: f64,
        [lowest_mv, highest_mv]: [f64; 2],
        rate_and_cv: impl Fn(f64) -> [f64; 2],
    ) -> Self {
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
}
