//! Order of the axes of arrays, and its conversion to trials, steps and channels.

use crate::field::InvalidField;

/// An axis of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Trial,
    Time,
    Channel,
}

/// Order of the axes of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axes(pub [Axis; 3]);

const NAMES: [(&str, Axis); 3] = [("trial", Axis::Trial), ("time", Axis::Time), ("channel", Axis::Channel)];

impl Axes {
    /// `[B, T, K]`
    pub const TRIALS_FIRST: Self = Self([Axis::Trial, Axis::Time, Axis::Channel]);
    /// `[T, B, K]`, as `make-trials` writes it.
    pub const TIME_FIRST: Self = Self([Axis::Time, Axis::Trial, Axis::Channel]);

    /// Order given by the words trial, time and channel.
    ///
    /// # Errors
    /// [`InvalidField`] for other words.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        let axes: Option<Vec<Axis>> =
            words.map(|word| NAMES.iter().find(|(name, _)| *name == word).map(|(_, axis)| *axis)).collect();
        let axes = axes.and_then(|axes| <[Axis; 3]>::try_from(axes).ok());
        let whole = axes.filter(|axes| NAMES.iter().all(|(_, axis)| axes.contains(axis)));
        whole.map(Self).ok_or_else(|| InvalidField {
            field: "axes".into(),
            found: format!("{text:?}"),
            expected: "the words trial, time and channel in the order of the arrays, such as \"time trial channel\""
                .into(),
        })
    }

    /// Every order.
    pub fn all() -> impl Iterator<Item = Self> {
        let [a, b, c] = [Axis::Trial, Axis::Time, Axis::Channel];
        [[a, b, c], [b, a, c], [a, c, b], [b, c, a], [c, a, b], [c, b, a]].into_iter().map(Self)
    }

    /// The words of the order.
    pub fn words(self) -> String {
        let word = |axis: &Axis| NAMES.iter().find(|(_, own)| own == axis).map_or("", |(name, _)| *name);
        self.0.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    /// The axes of an array with this number of dimensions; two are trials and steps of a single channel. None for other
    /// numbers.
    pub fn of(self, dimensions: usize) -> Option<Vec<Axis>> {
        match dimensions {
            3 => Some(self.0.to_vec()),
            2 => Some(self.0.into_iter().filter(|axis| *axis != Axis::Channel).collect()),
            _ => None,
        }
    }

    /// Trials B, steps T and channels of an array of this shape; none for a number of dimensions other than 2 and 3.
    pub fn extents(self, shape: &[usize]) -> Option<[usize; 3]> {
        let axes = self.of(shape.len())?;
        let extent = |axis| axes.iter().position(|own| *own == axis).map_or(1, |at| shape[at]);
        Some([Axis::Trial, Axis::Time, Axis::Channel].map(extent))
    }

    /// Values of a row-major array of this shape as `[B, T, C]`, in single precision.
    pub fn arranged(self, values: &[f64], shape: &[usize]) -> Option<Vec<f32>> {
        let axes = self.of(shape.len())?;
        let stride = |axis| axes.iter().position(|own| *own == axis).map_or(0, |at| shape[at + 1..].iter().product());
        let [by_trial, by_time, by_channel] = [Axis::Trial, Axis::Time, Axis::Channel].map(stride);
        let [trials, steps, channels] = self.extents(shape)?;
        let mut arranged = Vec::with_capacity(values.len());
        for trial in 0..trials {
            for step in 0..steps {
                let first = trial * by_trial + step * by_time;
                arranged.extend((0..channels).map(|channel| values[first + channel * by_channel] as f32));
            }
        }
        Some(arranged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_arranged_as_trials_steps_and_channels() {
        // Element (b, t, c) of 2 trials, 3 steps and 4 channels is 100 b + 10 t + c.
        let expected: Vec<f32> = (0..24).map(|i| (100 * (i / 12) + 10 * (i / 4 % 3) + i % 4) as f32).collect();
        for axes in Axes::all() {
            let extent = |axis: &Axis| match axis {
                Axis::Trial => 2,
                Axis::Time => 3,
                Axis::Channel => 4,
            };
            let shape = axes.0.iter().map(extent).collect::<Vec<usize>>();
            let mut values = Vec::new();
            for i in 0..shape[0] {
                for j in 0..shape[1] {
                    for k in 0..shape[2] {
                        let index = |axis| [i, j, k][axes.0.iter().position(|own| *own == axis).unwrap()];
                        values.push((100 * index(Axis::Trial) + 10 * index(Axis::Time) + index(Axis::Channel)) as f64);
                    }
                }
            }
            assert_eq!(axes.extents(&shape), Some([2, 3, 4]), "{}", axes.words());
            assert_eq!(axes.arranged(&values, &shape).unwrap(), expected, "{}", axes.words());
            assert_eq!(Axes::parse(&axes.words()).unwrap(), axes);
        }
    }

    #[test]
    fn two_dimensions_are_a_single_channel() {
        assert_eq!(Axes::TIME_FIRST.extents(&[3, 2]), Some([2, 3, 1]));
        assert_eq!(
            Axes::TIME_FIRST.arranged(&[0.0, 10.0, 1.0, 11.0, 2.0, 12.0], &[3, 2]).unwrap(),
            [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]
        );
        assert_eq!(Axes::TRIALS_FIRST.extents(&[3]), None);
    }

    #[test]
    fn other_words_are_refused() {
        for text in ["", "trial time", "trial trial channel", "batch time channel", "trial time channel time"] {
            assert!(Axes::parse(text).unwrap_err().to_string().contains("axes: found"), "{text}");
        }
        assert_eq!(Axes::parse("time, trial, channel").unwrap(), Axes::TIME_FIRST);
    }
}
