//! Augmentation: each presentation of a training example is moved along the units, blurred and stretched in time.
//!
//! ```text
//! unit' = unit + d + ⌊ξ⌉          d: an integer from −shift to shift, one per presentation; ξ ~ N(0, jitter²), one per event
//! (x, y)' = (x, y) + d            of a camera: two integers from −shift to shift
//! t'    = s t                     s: uniform in 1 − stretch … 1 + stretch, one per presentation
//! ```
//!
//! Events that leave the units or the trial are dropped. The random numbers of a presentation depend only on (seed, key).
//! Sources: Cramer, Stradmann, Schemmel & Zenke 2022 (IEEE TNNLS 33, 2744); Nowotny, Turner & Knight 2022 (arXiv 2212.01232).

use super::store::TICKS_PER_STEP;
use crate::field::{InvalidField, require};
use mdl_kernels::random::{Purpose, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ranges of the changes to training examples; with all zero, examples are unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpeechAugmentation {
    /// Maximum shift of an example along the units of the recording, in either direction (units).
    pub shift_units: u32,
    /// Standard deviation of the shift of each event along the units (units).
    pub jitter_units: f64,
    /// Maximum relative change of the speed.
    pub stretch: f64,
}

impl SpeechAugmentation {
    /// Refuses changes that would leave nothing of an example.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside its section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        require(self.shift_units <= 350, "shift_units", self.shift_units, "0 to 350 units")?;
        let within = |field, x: f64, most: f64| {
            require((0.0..=most).contains(&x), field, x, &format!("a number from 0 to {most}"))
        };
        within("jitter_units", self.jitter_units, 350.0)?;
        within("stretch", self.stretch, 0.5)
    }
}

/// Augmentation of events.
pub trait Augmentation: Send + Sync {
    /// True if examples are unchanged.
    fn is_none(&self) -> bool;

    /// Changes of one presentation.
    fn draw(&self, seed: u64, key: u64) -> Change;
}

impl Augmentation for SpeechAugmentation {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn draw(&self, seed: u64, key: u64) -> Change {
        let mut stream = Stream::new(seed, Purpose::Augmentation, key);
        let along = shift(&mut stream, self.shift_units);
        let speed = speed(&mut stream, self.stretch);
        Change { speed, shift: Shift::Line { along, jitter: self.jitter_units as f32, stream } }
    }
}

/// An integer from −most to most.
fn shift(stream: &mut Stream, most: u32) -> i32 {
    stream.below(2 * most + 1) as i32 - most as i32
}

/// A number in 1 − stretch … 1 + stretch.
fn speed(stream: &mut Stream, stretch: f64) -> f32 {
    (1.0 + (2.0 * stream.uniform() - 1.0) * stretch) as f32
}

/// Changes of one presentation of an example.
pub struct Change {
    speed: f32,
    shift: Shift,
}

/// Shift of the units of a presentation.
// One at a time, on the stack: its size does not matter.
#[allow(clippy::large_enum_variant)]
enum Shift {
    /// Along a line of units.
    Line { along: i32, jitter: f32, stream: Stream },
    /// In the plane of a sensor of `side` × `side` pixels.
    Plane { x: i32, y: i32, side: i32 },
}

impl Change {
    /// Unit of an event; none outside of a sensor, and a number that may be outside of a line.
    pub fn unit(&mut self, unit: u16) -> Option<usize> {
        let unit = i32::from(unit);
        match &mut self.shift {
            Shift::Line { along, jitter, stream } => {
                let jitter = if *jitter > 0.0 { (*jitter * stream.normal()).round() as i32 } else { 0 };
                usize::try_from(unit + *along + jitter).ok()
            }
            Shift::Plane { x, y, side } => {
                let (side, pixel) = (*side, unit % (*side * *side));
                let (column, row) = (pixel % side + *x, pixel / side + *y);
                let inside = (0..side).contains(&column) && (0..side).contains(&row);
                inside.then_some((unit - pixel + row * side + column) as usize)
            }
        }
    }

    /// Time step of an event.
    pub fn step(&self, tick: u16) -> usize {
        // The middle of the tick.
        (self.speed * (f32::from(tick) + 0.5)) as usize / TICKS_PER_STEP as usize
    }
}

/// Ranges of the changes to training recordings of a camera; with all zero, recordings are unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CameraAugmentation {
    /// Maximum shift along each axis (pixels of the sensor).
    pub shift_pixels: u32,
    /// Maximum relative change of the speed.
    pub stretch: f64,
}

impl CameraAugmentation {
    /// Refuses changes that would leave nothing of a recording.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside its section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        require(self.shift_pixels <= 64, "shift_pixels", self.shift_pixels, "0 to 64 pixels")?;
        require((0.0..=0.5).contains(&self.stretch), "stretch", self.stretch, "a number from 0 to 0.5")
    }

    /// This augmentation of recordings of a sensor of `side` × `side` pixels.
    pub fn on(self, side: usize) -> impl Augmentation {
        OnSensor { ranges: self, side: side as i32 }
    }
}

/// Augmentation of recordings of a sensor of `side` × `side` pixels.
struct OnSensor {
    ranges: CameraAugmentation,
    side: i32,
}

impl Augmentation for OnSensor {
    fn is_none(&self) -> bool {
        self.ranges == CameraAugmentation::default()
    }

    fn draw(&self, seed: u64, key: u64) -> Change {
        let mut stream = Stream::new(seed, Purpose::Augmentation, key);
        let [x, y] = [(); 2].map(|()| shift(&mut stream, self.ranges.shift_pixels));
        Change { speed: speed(&mut stream, self.ranges.stretch), shift: Shift::Plane { x, y, side: self.side } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_and_speeds_fill_their_ranges_and_are_a_function_of_seed_and_key() {
        let augmentation = SpeechAugmentation { shift_units: 20, stretch: 0.25, jitter_units: 0.0 };
        let changes: Vec<(usize, usize)> = (0..4000)
            .map(|key| {
                let mut change = augmentation.draw(1, key);
                (change.unit(100).unwrap(), change.step(1600))
            })
            .collect();
        let units = changes.iter().map(|(unit, _)| *unit);
        assert_eq!((units.clone().min(), units.clone().max()), (Some(80), Some(120)));
        assert!((units.sum::<usize>() as f64 / 4000.0 - 100.0).abs() < 5.0 * 11.8 / 4000f64.sqrt());
        let steps = changes.iter().map(|(_, step)| *step);
        assert_eq!(steps.clone().min(), Some(75));
        assert!(steps.clone().max().is_some_and(|latest| (124..=125).contains(&latest)));
        assert!((steps.sum::<usize>() as f64 / 4000.0 - 99.5).abs() < 5.0 * 14.5 / 4000f64.sqrt());
        let again = |seed, key| augmentation.draw(seed, key).unit(100);
        assert_eq!(again(1, 7), again(1, 7));
        assert!((0..9).any(|key| again(1, key) != again(2, key)));
    }

    #[test]
    fn jitter_moves_each_event_on_its_own() {
        let mut change = SpeechAugmentation { jitter_units: 3.0, ..Default::default() }.draw(1, 0);
        let moved: Vec<f64> = (0..10_000).map(|_| change.unit(300).unwrap() as f64 - 300.0).collect();
        let variance = moved.iter().map(|x| x * x).sum::<f64>() / 10_000.0;
        // Rounding to whole units adds 1/12.
        assert!((variance - 9.0 - 1.0 / 12.0).abs() < 5.0 * 9.0 * (2.0f64 / 10_000.0).sqrt(), "{variance}");
        assert_eq!(change.step(33), 2, "times stay");
    }

    #[test]
    fn recordings_of_a_camera_move_in_the_plane_and_keep_their_polarity() {
        // Column 1 and row 2 of the second polarity, on 10 × 10 pixels.
        let unit = 100 + 21;
        let augmentation = CameraAugmentation { shift_pixels: 2, stretch: 0.0 }.on(10);
        let mut seen: Vec<Option<usize>> = (0..500).map(|key| augmentation.draw(1, key).unit(unit)).collect();
        seen.sort_unstable();
        seen.dedup();
        // Four columns, 0 to 3, of five rows, 0 to 4, and outside.
        let inside = (0..5).flat_map(|row| (0..4).map(move |column| Some(100 + 10 * row + column)));
        assert_eq!(seen, [None].into_iter().chain(inside).collect::<Vec<_>>());
        assert!(CameraAugmentation::default().on(10).is_none());
    }

    #[test]
    fn changes_that_leave_nothing_are_refused() {
        let field = |augmentation: SpeechAugmentation| augmentation.validate().unwrap_err().field;
        assert_eq!(field(SpeechAugmentation { shift_units: 351, ..Default::default() }), "shift_units");
        assert_eq!(field(SpeechAugmentation { jitter_units: f64::NAN, ..Default::default() }), "jitter_units");
        assert_eq!(field(SpeechAugmentation { stretch: 0.6, ..Default::default() }), "stretch");
    }
}
