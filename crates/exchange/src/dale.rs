//! Signs under Dale's principle: W_eff = relu(w) diag(sign).

use crate::options::Reading;
use crate::{Result, Variables};

/// Signs from the diagonal of a matrix or from a vector.
///
/// # Errors
/// Another shape; a non-zero element off the diagonal.
pub fn diagonal(variables: &Variables, name: &str, n: usize) -> Result<Vec<f32>> {
    if variables.shape(name)? != [n, n] || n == 1 {
        return Ok(variables.vector(name, n)?.iter().map(|x| *x as f32).collect());
    }
    let m = variables.numbers(name, &[n, n])?;
    match (0..n * n).find(|at| at / n != at % n && m[*at] != 0.0) {
        Some(at) => {
            let found = format!("{} at row {}, column {}", m[at], at / n, at % n);
            Err(variables.error(name, found, "±1 on the diagonal and 0 beside it"))
        }
        None => Ok((0..n).map(|j| m[j * n + j] as f32).collect()),
    }
}

/// Counts the weights that relu sets to zero, and refuses weights that already carry their signs, because relu would
/// remove all inhibition.
///
/// # Errors
/// Weights that are never positive from inhibitory units and never negative from excitatory ones.
pub fn check(variables: &Variables, name: &str, w: &[f32], sign: &[f32], reading: &mut Reading) -> Result<()> {
    let n = sign.len();
    let negative = w.iter().filter(|w| **w < 0.0).count();
    if negative == 0 {
        return Ok(());
    }
    if w.iter().enumerate().all(|(at, w)| w * sign[at % n] >= 0.0) {
        let found = "weights that carry the signs of their units already";
        let expected = "weights without sign beside an array of signs, W = relu(w)·sign: save their absolute values, or leave \
                        out the signs (a mapping without `sign`, the signs under \"ignore\")";
        return Err(variables.error(name, found, expected));
    }
    reading.warn(format!(
        "{negative} of {} entries of `{name}` are negative and count as 0: the signs are those of the units (Dale's principle)",
        w.len()
    ));
    Ok(())
}
