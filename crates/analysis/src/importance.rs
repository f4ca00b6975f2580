//! Importance of the modes, and its fall over ranks (Lin & Huang, figure 5).
//!
//! ```text
//! τ_μ = γ (‖ξ_in,μ‖ + ‖ξ_out,μ‖) + |λ_μ|          γ = Σ|λ_μ| / Σ(‖ξ_in,μ‖ + ‖ξ_out,μ‖)
//! ln τ = a + b ln rank, by least squares over ranks of a range; the slope b of a power law
//! ```

use crate::error::Error;
use crate::found::Found;
use crate::linear::norm;
use crate::modes::Modes;
use crate::settings::Settings;
use crate::subject::Subject;
use mdl_artifact::Artifact;
use serde_json::json;

/// Importance τ of each mode `[P]`.
pub fn importance(modes: &Modes) -> Vec<f64> {
    let norms: Vec<f64> = (0..modes.count).map(|k| norm(&modes.column_in(k)) + norm(&modes.column_out(k))).collect();
    let scores: f64 = modes.score.iter().map(|score| score.abs()).sum();
    let total: f64 = norms.iter().sum();
    let gamma = if total > 0.0 { scores / total } else { 0.0 };
    norms.iter().zip(&modes.score).map(|(norm, score)| gamma * norm + score.abs()).collect()
}

/// Least-squares slope of ln τ against ln rank over ranks `from` to `to` (both included, counted from 1) of descending values;
/// none with fewer than three positive values.
pub fn slope(descending: &[f64], from: usize, to: usize) -> Option<f64> {
    let points: Vec<(f64, f64)> = (from..=to.min(descending.len()))
        .filter(|rank| descending[rank - 1] > 0.0)
        .map(|rank| ((rank as f64).ln(), descending[rank - 1].ln()))
        .collect();
    let count = points.len() as f64;
    if points.len() < 3 {
        return None;
    }
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let products = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>();
    Some(products / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>())
}

/// Ranges of ranks: 1 to 10, 10 to 100, 100 to nine tenths of the modes, and the last tenth, as far as there are so many.
fn ranges(modes: usize) -> Vec<(usize, usize)> {
    let tail = (9 * modes).div_ceil(10);
    let all = [(1, 10.min(modes)), (10, 100.min(tail)), (100, tail), (tail, modes)];
    all.into_iter().filter(|(from, to)| *from >= 1 && to >= &(from + 2)).collect()
}

/// Ranks the modes of a network:
///
/// | tensor | shape | type | content |
/// |---|---|---|---|
/// | `importance.mode` | `[P]` | U32 | modes, the most important first |
/// | `importance.value`, `importance.score` | `[P]` | F64 | τ by rank, and the magnitudes of the scores in descending order |
/// | `importance.rank_from`, `importance.rank_to` | `[L]` | U32 | ranges of ranks |
/// | `importance.slope`, `importance.score_slope` | `[L]` | F64 | slopes of τ and of the scores there |
///
/// # Errors
/// [`Error`].
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    _settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let Some(modes) = Modes::of(subject.artifact())? else { return Ok(Found::none("a network without modes")) };
    let values = importance(&modes);
    let mut order: Vec<usize> = (0..modes.count).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    let ranked: Vec<f64> = order.iter().map(|mode| values[*mode]).collect();
    let mut scores: Vec<f64> = modes.score.iter().map(|score| score.abs()).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    let fitted: Vec<(usize, usize, f64, f64)> = ranges(modes.count)
        .into_iter()
        .filter_map(|(from, to)| Some((from, to, slope(&ranked, from, to)?, slope(&scores, from, to)?)))
        .collect();
    let summary = json!({
        "first": ranked[0],
        "last": ranked[ranked.len() - 1],
        "slopes": fitted.iter().map(|(from, to, slope, _)| json!({ "from": from, "to": to, "slope": slope })).collect::<Vec<_>>(),
    });
    let (p, l) = (modes.count, fitted.len());
    artifact.insert("importance.mode", &[p], order.iter().map(|mode| *mode as u32).collect());
    artifact.insert("importance.value", &[p], ranked);
    artifact.insert("importance.score", &[p], scores);
    artifact.insert("importance.rank_from", &[l], fitted.iter().map(|fit| fit.0 as u32).collect());
    artifact.insert("importance.rank_to", &[l], fitted.iter().map(|fit| fit.1 as u32).collect());
    artifact.insert("importance.slope", &[l], fitted.iter().map(|fit| fit.2).collect());
    artifact.insert("importance.score_slope", &[l], fitted.iter().map(|fit| fit.3).collect());
    Ok(Found::some(summary))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn importance_by_hand_and_the_slope_of_a_power_law() {
        // Norms (5, 1) and (0, 10): sums 5 and 11; γ = 3/16.
        let modes = Modes {
            count: 2,
            mode_in: vec![3.0, 0.0, 4.0, 1.0],
            score: vec![-2.0, 1.0],
            mode_out: vec![0.0, 6.0, 0.0, 8.0],
        };
        let found = importance(&modes);
        assert!((found[0] - (15.0 / 16.0 + 2.0)).abs() < 1e-12 && (found[1] - (33.0 / 16.0 + 1.0)).abs() < 1e-12);
        let law: Vec<f64> = (1..=200).map(|rank| 3.0 * f64::from(rank).powf(-0.4)).collect();
        for (from, to) in ranges(200) {
            assert!((slope(&law, from, to).unwrap() + 0.4).abs() < 1e-12);
        }
        assert_eq!(ranges(200), [(1, 10), (10, 100), (100, 180), (180, 200)]);
        assert_eq!((ranges(3), ranges(2)), (vec![(1, 3)], vec![]));
        assert_eq!(slope(&[1.0, 0.0, 0.0], 1, 3), None);
    }
}
