//! Learning rate over the updates.

use crate::config::{Schedule, TrainingConfig};

/// Learning rate of update `update`, counted from 0, of at most `max_updates`.
pub fn learning_rate(config: &TrainingConfig, update: u64, max_updates: u64) -> f64 {
    let base = config.learning_rate;
    match config.schedule {
        Schedule::Constant => base,
        Schedule::Cosine { final_fraction } => {
            let done = update as f64 / (max_updates.saturating_sub(1)).max(1) as f64;
            let half = 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos());
            base * (final_fraction + (1.0 - final_fraction) * half)
        }
        Schedule::Step { every_updates, factor } => base * factor.powf((update / every_updates) as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_begin_and_end_where_they_say() {
        let config = |schedule| TrainingConfig { schedule, learning_rate: 0.1, ..Default::default() };
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        let cosine = config(Schedule::Cosine { final_fraction: 0.2 });
        close(learning_rate(&cosine, 0, 101), 0.1);
        close(learning_rate(&cosine, 50, 101), 0.06);
        close(learning_rate(&cosine, 100, 101), 0.02);
        let step = config(Schedule::Step { every_updates: 10, factor: 0.5 });
        close(learning_rate(&step, 9, 101), 0.1);
        close(learning_rate(&step, 25, 101), 0.025);
        close(learning_rate(&config(Schedule::Constant), 77, 101), 0.1);
    }
}
