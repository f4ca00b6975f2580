//! The network near a point: the derivative of a step, its eigenvalues, and what the slowest direction reads and shows.
//!
//! ```text
//! M = diag(1 − a) + diag(a) W diag(φ'(x))        δx ← M δx
//! time constant of an eigenvalue m: −Δt / ln |m|     its frequency: |arg m| / (2π Δt)
//! ```
//!
//! The selection vector is the left eigenvector ℓ of the largest real eigenvalue, whose right eigenvector ρ, the slow direction,
//! has length 1; ℓᵀρ = 1. A short input pulse u moves the state along ρ by ℓᵀ (a ⊙ W_in u) (Mante et al. 2013).

use super::search::Point;
use super::system::System;
use crate::error::Error;
use crate::linear::{Factors, dot, eigenvalues, magnitude, norm};
use crate::rate_model::RateModel;
use nalgebra::Complex;

/// The network near a point.
#[derive(Clone, Debug)]
pub struct Linearised {
    /// State x `[N]`.
    pub state: Vec<f64>,
    /// Outputs `[O]`.
    pub output: Vec<f64>,
    /// Eigenvalues m of a step `[N]`, those of the largest magnitude first.
    pub eigenvalues: Vec<Complex<f64>>,
    /// Number of eigenvalues with |m| > 1.
    pub unstable: usize,
    /// W_out diag(φ'(x)), by which the outputs follow small changes of x, `[O, N]`.
    pub readout: Vec<f64>,
    /// ρ `[N]`; zero without a real eigenvalue.
    pub slow_direction: Vec<f64>,
    /// ℓ `[N]`; zero without a real eigenvalue.
    pub selection: Vec<f64>,
    /// ℓᵀ diag(a) W_in, what a pulse in each input channel does along ρ, `[K]`.
    pub selected_input: Vec<f64>,
}

/// |m| above which a direction grows: rounding leaves the eigenvalue 1 of a line attractor within this of 1.
const GROWS: f64 = 1.0 + 1e-9;

/// Linearises the network at a point.
///
/// # Errors
/// [`Error::Eigenvalues`].
pub fn linearise(system: &System, point: &Point) -> Result<Linearised, Error> {
    let (model, state) = (system.model, system.state(&point.z));
    let (n, slopes) = (model.units, model.slopes(&state));
    let derivative = model.derivative(&state);
    let eigenvalues = eigenvalues_of_step(model, &slopes, &derivative)?;
    let readout = model.w_out.chunks_exact(n).flat_map(|row| row.iter().zip(&slopes).map(|(w, slope)| w * slope));
    let real = |m: &&Complex<f64>| m.im.abs() <= 1e-9 * magnitude(**m);
    let leading = eigenvalues.iter().filter(real).map(|m| m.re).reduce(f64::max);
    let vectors =
        leading.and_then(|m| Some([eigenvector(n, &derivative, m, false)?, eigenvector(n, &derivative, m, true)?]));
    let [slow_direction, selection] = match vectors {
        Some([right, left]) if dot(&left, &right).abs() > 1e-12 => {
            let product = dot(&left, &right);
            [right, left.into_iter().map(|x| x / product).collect()]
        }
        _ => [vec![0.0; n], vec![0.0; n]],
    };
    let selected =
        |k: usize| (0..n).map(|i| selection[i] * model.leak[i] * model.w_in[i * model.channels + k]).sum::<f64>();
    Ok(Linearised {
        output: model.output(&state),
        unstable: eigenvalues.iter().filter(|m| magnitude(**m) > GROWS).count(),
        readout: readout.collect(),
        selected_input: (0..model.channels).map(selected).collect(),
        eigenvalues,
        slow_direction,
        selection,
        state,
    })
}

/// Eigenvalues of a step. Where units share a leak, all but P of those of a mode network are 1 − a, and the others are
/// 1 − a + a μ with the eigenvalues μ of Cᵀ diag(φ'(x)) A.
fn eigenvalues_of_step(model: &RateModel, slopes: &[f64], derivative: &[f64]) -> Result<Vec<Complex<f64>>, Error> {
    let n = model.units;
    let (Some(leak), Some(between)) = (model.shared_leak(), model.between_modes(slopes)) else {
        return eigenvalues(n, derivative);
    };
    let modes = (between.len() as f64).sqrt() as usize;
    if modes >= n {
        return eigenvalues(n, derivative);
    }
    let mut all: Vec<_> = eigenvalues(modes, &between)?.into_iter().map(|mu| mu * leak + (1.0 - leak)).collect();
    all.resize(n, Complex::new(1.0 - leak, 0.0));
    all.sort_by(|a, b| b.norm_sqr().total_cmp(&a.norm_sqr()).then(b.re.total_cmp(&a.re)).then(b.im.total_cmp(&a.im)));
    Ok(all)
}

/// Eigenvector of length 1 of a real eigenvalue, by inverse iteration: the right one, or the left one. The largest entry is
/// positive.
fn eigenvector(n: usize, matrix: &[f64], eigenvalue: f64, left: bool) -> Option<Vec<f64>> {
    const TIMES: usize = 4;
    let mut shifted = matrix.to_vec();
    // Beside the eigenvalue, where the matrix has no inverse.
    let shift = eigenvalue + 1e-7 * (1.0 + eigenvalue.abs());
    (0..n).for_each(|i| shifted[i * n + i] -= shift);
    let factors = Factors::new(n, shifted)?;
    let mut vector: Vec<f64> = (0..n).map(|i| 1.0 + ((i * 7919) % 104_729) as f64 / 104_729.0).collect();
    for _ in 0..TIMES {
        vector = if left { factors.solve_transposed(&vector) } else { factors.solve(&vector) };
        let length = norm(&vector);
        vector.iter_mut().for_each(|x| *x /= length);
    }
    let largest = vector.iter().fold(0.0, |best: f64, x| if x.abs() > best.abs() { *x } else { best });
    vector.iter_mut().for_each(|x| *x *= largest.signum());
    vector.iter().all(|x| x.is_finite()).then_some(vector)
}

/// Time constant −Δt/ln |m| (ms) of an eigenvalue; negative if its direction grows. At most ±10⁹.
pub fn time_constant_ms(m: Complex<f64>, step_ms: f64) -> f64 {
    const MOST: f64 = 1e9;
    let log = magnitude(m).ln();
    if log == 0.0 { MOST } else { (-step_ms / log).clamp(-MOST, MOST) }
}

/// Frequency |arg m|/(2π Δt) (Hz) of an eigenvalue.
pub fn frequency_hz(m: Complex<f64>, step_ms: f64) -> f64 {
    m.im.atan2(m.re).abs() / (2.0 * std::f64::consts::PI * step_ms) * 1000.0
}

/// True if small changes of the state x die out: the growth of a vector under many steps, without eigenvalues.
pub fn is_stable(model: &RateModel, state: &[f64]) -> bool {
    const STEPS: usize = 600;
    let slopes = model.slopes(state);
    let mut vector: Vec<f64> = (0..model.units).map(|i| 1.0 + ((i * 7919) % 104_729) as f64 / 104_729.0).collect();
    let mut growth = 0.0;
    for step in 0..STEPS {
        let sent: Vec<f64> = vector.iter().zip(&slopes).map(|(x, slope)| x * slope).collect();
        let arrived = model.recurrent(&sent);
        for ((x, arrived), leak) in vector.iter_mut().zip(arrived).zip(&model.leak) {
            *x += leak * (arrived - *x);
        }
        let length = norm(&vector);
        if length == 0.0 {
            return true;
        }
        vector.iter_mut().for_each(|x| *x /= length);
        if step >= STEPS / 2 {
            growth += length.ln();
        }
    }
    growth <= 0.0
}
