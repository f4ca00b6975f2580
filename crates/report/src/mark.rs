//! Compact SVG paths: large data must stay small in the file and fast to draw.

use std::fmt::Write;

/// SVG path data, with coordinates rounded to hundredths of a px and without redundant characters.
#[derive(Default)]
pub(crate) struct Path {
    data: String,
    /// End of the last run.
    run: Option<(f64, f64)>,
}

impl Path {
    /// Starts a new subpath at a point.
    pub fn start(&mut self, (x, y): (f64, f64)) {
        self.command('M', &[x, y]);
    }

    /// Draws a line to a point.
    pub fn on(&mut self, (x, y): (f64, f64)) {
        self.command('L', &[x, y]);
    }

    /// Closes the subpath.
    pub fn close(&mut self) {
        self.data.push('Z');
    }

    /// Path through `points`.
    pub fn polyline(&mut self, points: impl IntoIterator<Item = (f64, f64)>) {
        for (index, point) in points.into_iter().enumerate() {
            if index == 0 { self.start(point) } else { self.on(point) }
        }
    }

    /// Adds a filled rectangle.
    pub fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64) {
        self.command('M', &[x, y]);
        self.command('h', &[width]);
        self.command('v', &[height]);
        self.command('h', &[-width]);
        self.close();
    }

    /// Adds a horizontal run at height `y`; runs are sorted by height, then from left to right, and are stroked. They
    /// are exact if given in whole tenths of a px.
    pub fn run(&mut self, y: f64, from: f64, to: f64) {
        match self.run {
            Some((x, height)) if height == y => self.command('m', &[from - x, 0.0]),
            _ => self.start((from, y)),
        }
        self.command('h', &[to - from]);
        self.run = Some((to, y));
    }

    /// Adds a circle.
    pub fn circle(&mut self, (x, y): (f64, f64), radius: f64) {
        self.start((x - radius, y));
        for diameter in [2.0 * radius, -2.0 * radius] {
            self.command('a', &[radius, radius, 0.0, 1.0, 0.0, diameter, 0.0]);
        }
        self.close();
    }

    /// The path data.
    pub fn data(self) -> String {
        self.data
    }

    /// True if nothing was drawn.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    fn command(&mut self, letter: char, numbers: &[f64]) {
        self.data.push(letter);
        for (index, &number) in numbers.iter().enumerate() {
            let hundredths = (number * 100.0).round() as i64;
            if index > 0 && hundredths >= 0 {
                self.data.push(' ');
            }
            self.number(hundredths);
        }
    }

    fn number(&mut self, hundredths: i64) {
        if hundredths < 0 {
            self.data.push('-');
        }
        let (whole, part) = (hundredths.unsigned_abs() / 100, hundredths.unsigned_abs() % 100);
        let before = if whole == 0 { String::new() } else { whole.to_string() };
        // Writing to a String cannot fail.
        let _ = match (part, part % 10) {
            (0, _) => write!(self.data, "{whole}"),
            (_, 0) => write!(self.data, "{before}.{}", part / 10),
            _ => write!(self.data, "{before}.{part:02}"),
        };
    }
}

/// Splits a curve at values that are not finite.
pub(crate) fn stretches(points: &[(f64, f64)]) -> impl Iterator<Item = &[(f64, f64)]> {
    points.split(|(x, y)| !x.is_finite() || !y.is_finite()).filter(|stretch| !stretch.is_empty())
}

/// Thins a curve in px, ordered by x, without changing its appearance: in each half px of x it keeps the first, lowest,
/// highest and last point.
pub(crate) fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let column = |point: &(f64, f64)| (point.0 * 2.0).floor();
    let mut kept = Vec::new();
    for group in points.chunk_by(|a, b| column(a) == column(b)) {
        let by_y = |&a: &usize, &b: &usize| group[a].1.total_cmp(&group[b].1);
        let last = group.len() - 1;
        let (low, high) = ((0..=last).min_by(by_y).unwrap_or(0), (0..=last).max_by(by_y).unwrap_or(last));
        let mut indices = [0, low.min(high), low.max(high), last].to_vec();
        indices.dedup();
        kept.extend(indices.into_iter().map(|index| group[index]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let mut path = Path::default();
        path.polyline([(1.0, -2.5), (0.126, 10.004)]);
        assert_eq!(path.data(), "M1-2.5L.13 10");
    }

    #[test]
    fn runs_of_one_height_are_relative() {
        let mut path = Path::default();
        for (y, from, to) in [(5.0, 1.0, 1.9), (5.0, 3.1, 4.0), (6.5, 1.0, 1.9)] {
            path.run(y, from, to);
        }
        assert_eq!(path.data(), "M1 5h.9m1.2 0h.9M1 6.5h.9");
    }

    #[test]
    fn thinning_keeps_the_extremes_in_order() {
        let points: Vec<_> = (0..1000).map(|i| (f64::from(i) * 1e-4, f64::from((i * 37 + 500) % 1000))).collect();
        assert_eq!(thin(&points).len(), 4);
        let extremes = |p: &[(f64, f64)]| p.iter().fold((f64::MAX, f64::MIN), |(a, b), p| (a.min(p.1), b.max(p.1)));
        assert_eq!(extremes(&thin(&points)), extremes(&points));
        assert!(thin(&points).is_sorted_by_key(|p| p.0));
        assert_eq!(thin(&[(0.0, 1.0), (7.0, 2.0)]), [(0.0, 1.0), (7.0, 2.0)]);
    }

    #[test]
    fn curves_break_where_a_value_is_missing() {
        let points = [(0.0, 1.0), (1.0, f64::NAN), (2.0, 1.0), (3.0, 1.0)];
        assert_eq!(stretches(&points).map(<[_]>::len).collect::<Vec<_>>(), [1, 2]);
    }
}
