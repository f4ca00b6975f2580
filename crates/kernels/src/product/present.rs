//! Gradient of the present entries of a sparse matrix, for a block of trials side by side.
//!
//! ```text
//! ∂W_ij = Σ_s δ_s,i r_{s−1},j        of each trial, in windows of eight steps from the last to the first: to the sum is added that
//!                                    of the even steps of a window plus that of its odd ones, both by fused multiply-add
//! ```
//!
//! Each trial keeps its own sums, so the result depends neither on the trials beside it nor on the vector unit. The deltas and rates
//! of a window are turned so that the steps of a unit lie side by side: then the vectors of a target's deltas stay in registers for
//! all its entries, the rates of an entry are next to each other, and two steps of few trials fill a vector.

use super::common::GROUP;
use super::pattern::Pattern;
use crate::dispatch::dispatch;
use crate::real::Real;

/// Steps of a window.
pub const WINDOW: usize = 8;

/// Trials whose gradient is computed together: with more, the deltas of a window would not fit the registers. A block of more
/// trials has parts of so many.
pub const PART: usize = 8;

/// Pairs of steps in a window.
const PAIRS: usize = WINDOW / 2;

/// Bytes of rates, of all the sources of a group over a window, that stay in the nearest cache.
const CACHE: usize = 32 << 10;

/// Sources that are listed together.
const TOGETHER: usize = 8;

/// The present entries: for each group of sources, the targets with few entries before those with many.
pub struct Runs {
    /// Target and number of entries of each run of entries with the same target and group.
    runs: Vec<(u32, u32)>,
    sources: Vec<u32>,
}

impl Runs {
    /// Entries of `pattern`, with one row per target, for blocks of at most `width` trials.
    pub fn new(pattern: &Pattern, width: usize) -> Self {
        let groups = pattern.groups();
        let most = (CACHE / (WINDOW * width.min(PART) * size_of::<f32>() * GROUP)).clamp(1, groups.max(1));
        let parts = groups.div_ceil(most);
        let mut runs = Vec::with_capacity(parts * pattern.units());
        let mut sources = vec![0; pattern.count() + TOGETHER];
        let mut end = 0;
        let mut targets: Vec<_> = (0..pattern.units() as u32).collect();
        for part in 0..parts {
            let part = part * groups / parts..(part + 1) * groups / parts;
            // Runs of one length after those of another, so that the CPU predicts where the next ones end.
            let count = |target: usize| part.clone().map(|group| pattern.word(target, group).count_ones()).sum::<u32>();
            targets.sort_by_cached_key(|target| (count(*target as usize), *target));
            for target in &targets {
                let (begin, target) = (end, *target as usize);
                for group in part.clone() {
                    // A fixed number is written at a time, whether or not there are that many, because the CPU cannot
                    // predict the number.
                    let mut word = pattern.word(target, group);
                    let mut at = end;
                    end += word.count_ones() as usize;
                    while at < end {
                        for source in &mut sources[at..at + TOGETHER] {
                            *source = (group * GROUP) as u32 + word.trailing_zeros();
                            word &= word.wrapping_sub(1);
                        }
                        at += TOGETHER;
                    }
                }
                if end > begin {
                    runs.push((target as u32, (end - begin) as u32));
                }
            }
        }
        sources.truncate(end);
        Self { runs, sources }
    }

    /// Number of entries.
    pub fn count(&self) -> usize {
        self.sources.len()
    }

    /// Adds the gradient of a window to that of the entries, `[entries, trials]` of each part in turn, from its deltas and rates as
    /// [`turn_window`] gives them.
    pub fn accumulate<R: Real>(&self, width: usize, [delta, rates]: [&[R]; 2], gradient: &mut [R]) {
        let (trials, parts) = (width.min(PART), width.div_ceil(PART));
        let windows = delta.chunks_exact(delta.len() / parts).zip(rates.chunks_exact(rates.len() / parts));
        for (gradient, (delta, rates)) in gradient.chunks_exact_mut(self.count().max(1) * trials).zip(windows) {
            match trials {
                1 => self.accumulate_part::<R, 1, 2>(delta, rates, gradient),
                4 => self.accumulate_part::<R, 4, 8>(delta, rates, gradient),
                PART => self.accumulate_part::<R, PART, 16>(delta, rates, gradient),
                _ => unreachable!("no block has a part of {trials} trials"),
            }
        }
    }

    /// The gradient of a part of `TRIALS` trials, of which two steps are `DOUBLE` numbers.
    fn accumulate_part<R: Real, const TRIALS: usize, const DOUBLE: usize>(
        &self,
        delta: &[R],
        rates: &[R],
        gradient: &mut [R],
    ) {
        let [delta, rates] = [delta, rates].map(|values| values.as_chunks::<DOUBLE>().0.as_chunks::<PAIRS>().0);
        let gradient = gradient.as_chunks_mut::<TRIALS>().0;
        dispatch(
            #[inline(always)]
            || {
                let (mut sources, mut gradient) = (&self.sources[..], &mut gradient[..]);
                for (target, count) in &self.runs {
                    let (mine, of_mine);
                    (mine, sources) = sources.split_at(*count as usize);
                    (of_mine, gradient) = std::mem::take(&mut gradient).split_at_mut(*count as usize);
                    let [a, b, c, d] = delta[*target as usize];
                    for (source, gradient) in mine.iter().zip(of_mine) {
                        let rates = &rates[*source as usize];
                        let mut sums = [R::zero(); DOUBLE];
                        for l in 0..DOUBLE {
                            let sum = a[l] * rates[0][l];
                            let sum = b[l].mul_add(rates[1][l], sum);
                            let sum = c[l].mul_add(rates[2][l], sum);
                            sums[l] = d[l].mul_add(rates[3][l], sum);
                        }
                        // Hidden from the loop, which the compiler would otherwise run at half of the width.
                        let sums = if TRIALS < PART { std::hint::black_box(sums) } else { sums };
                        let mut total = *gradient;
                        for trial in 0..TRIALS {
                            total[trial] += sums[trial] + sums[trial + TRIALS];
                        }
                        *gradient = total;
                    }
                }
            },
        );
    }

    /// Gradients of the entries, as they are listed, as a matrix `[N, N]`, each multiplied by `factor(source)`.
    pub fn spread<R: Real>(&self, n: usize, gradients: &[R], factor: impl Fn(usize) -> R) -> Vec<R> {
        let mut matrix = vec![R::zero(); n * n];
        let mut entries = self.sources.iter().zip(gradients);
        for (target, count) in &self.runs {
            let row = &mut matrix[*target as usize * n..][..n];
            for (source, gradient) in entries.by_ref().take(*count as usize) {
                row[*source as usize] = factor(*source as usize) * *gradient;
            }
        }
        matrix
    }
}

/// Turns up to eight rows of units `[N, width]` into a window: for each part `[N, 8, trials]`, 0 where there is no row.
pub fn turn_window<'a, R: Real>(n: usize, width: usize, rows: impl Iterator<Item = &'a [R]>, window: &mut [R]) {
    match width {
        1 => turn_block::<R, 1, 1>(n, rows, window),
        4 => turn_block::<R, 4, 4>(n, rows, window),
        8 => turn_block::<R, 8, PART>(n, rows, window),
        16 => turn_block::<R, 16, PART>(n, rows, window),
        _ => unreachable!("no block has {width} trials"),
    }
}

fn turn_block<'a, R: Real, const WIDTH: usize, const PART: usize>(
    n: usize,
    rows: impl Iterator<Item = &'a [R]>,
    window: &mut [R],
) {
    let window = window.as_chunks_mut::<PART>().0.as_chunks_mut::<WINDOW>().0;
    let (mut steps, mut count) = ([&[][..]; WINDOW], 0);
    for (step, row) in steps.iter_mut().zip(rows) {
        *step = &row.as_chunks::<WIDTH>().0[..n];
        count += 1;
    }
    // A row that is there stands for those that are not.
    let first = steps[0];
    steps[count..].fill(first);
    for (part, units) in window.chunks_exact_mut(n).enumerate() {
        for (unit, turned) in units.iter_mut().enumerate() {
            for (turned, step) in turned.iter_mut().zip(&steps) {
                turned.copy_from_slice(&step[unit][part * PART..][..PART]);
            }
        }
    }
    if count < WINDOW {
        window.iter_mut().for_each(|turned| turned[count..].fill([R::zero(); PART]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, fill_normal};

    /// Each trial's sums, one entry after the other, in plain loops; and for every width the same bits.
    #[test]
    fn gradients_are_sums_over_windows_for_every_width() {
        for (n, every, steps) in [(1, 1, 1), (70, 3, 8), (200, 9, 5), (33, 40, 7)] {
            let matrix: Vec<f32> = (0..n * n).map(|at| f32::from(u8::from(at * 7 % every == 0))).collect();
            let pattern = Pattern::of_rows(n, &matrix);
            for width in [1, 4, 8, 16] {
                let runs = Runs::new(&pattern, width);
                assert_eq!(runs.count(), pattern.count());
                let mut values = vec![0f32; 2 * steps * n * width];
                fill_normal(1, Purpose::TrainingNoise, 4, 0, 1.0, &mut values);
                let (delta, rates) = values.split_at(steps * n * width);
                let window = |values: &[f32]| {
                    let mut window = vec![f32::NAN; n * WINDOW * width];
                    turn_window(n, width, values.chunks_exact(n * width), &mut window);
                    window
                };
                let mut gradient = vec![0.5; runs.count() * width];
                runs.accumulate(width, [&window(delta), &window(rates)], &mut gradient);
                for trial in 0..width {
                    let at = |values: &[f32], step: usize, unit: usize| values[(step * n + unit) * width + trial];
                    let part = &gradient[trial / PART * PART * runs.count()..];
                    let of_trial = part.iter().skip(trial % PART).step_by(width.min(PART)).take(runs.count());
                    let of_trial: Vec<f32> = of_trial.copied().collect();
                    let found = runs.spread(n, &of_trial, |source| source as f32);
                    for (to, from) in (0..n).flat_map(|to| (0..n).map(move |from| (to, from))) {
                        let sum = |first: usize| {
                            let steps = (first..steps).step_by(2);
                            let terms = steps.map(|step| (at(delta, step, to), at(rates, step, from)));
                            terms.fold(0f32, |sum, (delta, rate)| delta.mul_add(rate, sum))
                        };
                        let sum = 0.5 + (sum(0) + sum(1));
                        let expected = if matrix[to * n + from] == 0.0 { 0.0 } else { sum * from as f32 };
                        assert_eq!(found[to * n + from], expected, "{n} units, {width} trials");
                    }
                }
            }
        }
    }
}
