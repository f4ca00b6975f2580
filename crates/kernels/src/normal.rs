//! Tails of the normal distribution.

/// e^{x²} erfc(x), without overflow or underflow for x ≥ 0 (continued fraction above 2, series below; below zero from
/// erfc(x) = 2 − erfc(−x)).
pub fn scaled_erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 * (x * x).exp() - scaled_erfc(-x);
    }
    if x < 2.0 {
        // erf x = 2/√π Σ (−1)^k x^(2k+1) / (k! (2k+1))
        let (mut term, mut sum) = (x, x);
        for k in 1..120 {
            term *= -x * x / f64::from(k);
            sum += term / f64::from(2 * k + 1);
        }
        return (x * x).exp() * (1.0 - sum * std::f64::consts::FRAC_2_SQRT_PI);
    }
    let fraction = (1..=60).rev().fold(0.0, |tail, k| f64::from(k) / 2.0 / (x + tail));
    std::f64::consts::FRAC_2_SQRT_PI / 2.0 / (x + fraction)
}

/// Probability that a standard normal number exceeds z.
pub fn normal_tail(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let tail = 0.5 * scaled_erfc(x) * (-x * x).exp();
    if z < 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERFCX: [(f64, f64); 8] = [
        (-4.0, 17_772_220.904016286),
        (-1.0, 5.008980080762283),
        (0.0, 1.000000000000000),
        (0.5, 0.615690344192926),
        (1.9, 0.266509373661673),
        (2.1, 0.245119123345172),
        (5.0, 0.110704637733069),
        (30.0, 0.018795888861417),
    ];
    const TAILS: [(f64, f64); 4] =
        [(-3.0, 0.998650101968370), (0.0, 0.500000000000000), (1.5, 0.066807201268858), (4.0, 0.000031671241833)];

    /// Compared with scipy's `erfcx` and `norm.sf`.
    #[test]
    fn known_tails() {
        for (x, expected) in ERFCX {
            assert!((scaled_erfc(x) - expected).abs() < 1e-10 * expected, "{x}: {}", scaled_erfc(x));
        }
        for (z, expected) in TAILS {
            assert!((normal_tail(z) - expected).abs() < 1e-12, "{z}: {}", normal_tail(z));
        }
    }
}
