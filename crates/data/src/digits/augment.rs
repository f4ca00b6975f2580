//! Augmentation: each presentation of a training image is slightly shifted, rotated, stretched and slanted.
//!
//! ```text
//! out[p] = image[c + S R(θ) diag(s_x, s_y)⁻¹ (p − c − d)]        bilinear, black outside the image
//! the shift d, the angle θ, s_x − 1, s_y − 1 and the slant a in S = (1 a; 0 1): uniform and symmetric about 0
//! ```
//!
//! c is the centre of the image. The random numbers of a presentation depend only on (seed, key).

use super::idx::{PIXELS, SIDE};
use crate::field::{InvalidField, require};
use mdl_kernels::random::{Purpose, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ranges of the changes to training images; with all zero, images are unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Maximum shift along each axis (pixels).
    pub shift_pixels: f64,
    /// Maximum rotation in either direction (degrees).
    pub rotation_degrees: f64,
    /// Maximum relative change of width and of height.
    pub stretch: f64,
    /// Maximum slant: horizontal shift per row (pixels).
    pub slant: f64,
}

impl Augmentation {
    /// True if images are unchanged.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses changes that would leave nothing of an image.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside its section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        let within = |field, x: f64, most: f64| {
            require((0.0..=most).contains(&x), field, x, &format!("a number from 0 to {most}"))
        };
        within("shift_pixels", self.shift_pixels, 14.0)?;
        within("rotation_degrees", self.rotation_degrees, 180.0)?;
        within("stretch", self.stretch, 0.5)?;
        within("slant", self.slant, 1.0)
    }

    /// Intensities from 0 to 1, `[784]`, of `image` `[784]` in presentation `key`.
    pub fn show(&self, image: &[u8], seed: u64, key: u64) -> [f32; PIXELS] {
        let mut stream = Stream::new(seed, Purpose::Augmentation, key);
        let mut draw = |most: f64| (2.0 * stream.uniform() - 1.0) * most;
        let shift = [draw(self.shift_pixels), draw(self.shift_pixels)];
        let (sin, cos) = draw(self.rotation_degrees).to_radians().sin_cos();
        let [wide, high] = [draw(self.stretch), draw(self.stretch)].map(|change| 1.0 / (1.0 + change));
        let slant = draw(self.slant);
        // Columns: displacement in the image for one step to the right and one step down.
        let (right, down) = ([cos * wide, sin * wide], [-sin * high, cos * high]);
        let matrix = [right[0] + slant * right[1], down[0] + slant * down[1], right[1], down[1]].map(|m| m as f32);
        let centre = (SIDE - 1) as f32 / 2.0;
        let from = shift.map(|d| -centre - d as f32);
        std::array::from_fn(|i| {
            let (x, y) = ((i % SIDE) as f32 + from[0], (i / SIDE) as f32 + from[1]);
            sample(image, centre + matrix[0] * x + matrix[1] * y, centre + matrix[2] * x + matrix[3] * y)
        })
    }
}

/// Intensity of an image between its pixels.
fn sample(image: &[u8], x: f32, y: f32) -> f32 {
    let (column, row) = (x.floor(), y.floor());
    let (right, below) = (x - column, y - row);
    let (column, row) = (column as i32, row as i32);
    let side = SIDE as i32;
    let pixel = |column: i32, row: i32| {
        let inside = (0..side).contains(&column) && (0..side).contains(&row);
        if inside { f32::from(image[(row * side + column) as usize]) } else { 0.0 }
    };
    let line = |row| pixel(column, row) * (1.0 - right) + pixel(column + 1, row) * right;
    ((line(row) * (1.0 - below) + line(row + 1) * below) / 255.0).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bright dot at (column, row).
    fn dot(column: usize, row: usize) -> Vec<u8> {
        (0..PIXELS).map(|i| if i == row * SIDE + column { 255 } else { 0 }).collect()
    }

    /// Centre of mass of the intensity, and its sum.
    fn centre_of_mass(image: &[f32; PIXELS]) -> (f64, f64, f64) {
        let sum = |weight: &dyn Fn(usize) -> usize| -> f64 {
            image.iter().enumerate().map(|(i, p)| f64::from(*p) * weight(i) as f64).sum()
        };
        let total = sum(&|_| 1);
        (sum(&|i| i % SIDE) / total, sum(&|i| i / SIDE) / total, total)
    }

    #[test]
    fn without_change_every_pixel_stays() {
        let image: Vec<u8> = (0..PIXELS).map(|i| (i * 37 % 256) as u8).collect();
        let shown = Augmentation::default().show(&image, 1, 2);
        assert!(shown.iter().zip(&image).all(|(shown, pixel)| *shown == f32::from(*pixel) / 255.0));
    }

    #[test]
    fn shifts_fill_their_range_and_depend_on_seed_and_key_alone() {
        let shift = Augmentation { shift_pixels: 2.0, ..Augmentation::default() };
        let places: Vec<_> = (0..300).map(|key| centre_of_mass(&shift.show(&dot(10, 15), 1, key))).collect();
        let columns = places.iter().map(|p| p.0 - 10.0);
        let (low, high) = columns.clone().fold((0f64, 0f64), |(low, high), c| (low.min(c), high.max(c)));
        assert!((-2.0..-1.8).contains(&low) && (1.8..2.0).contains(&high), "{low} {high}");
        assert!((columns.sum::<f64>() / 300.0).abs() < 0.3);
        assert!(places.iter().all(|p| (p.1 - 15.0).abs() <= 2.0 && (p.2 - 1.0).abs() < 1e-5));
        assert_eq!(shift.show(&dot(10, 15), 1, 7), shift.show(&dot(10, 15), 1, 7));
        assert_ne!(shift.show(&dot(10, 15), 1, 7), shift.show(&dot(10, 15), 2, 7));
    }

    #[test]
    fn turning_keeps_the_distance_from_the_centre_and_stretching_scales_it() {
        let turn = Augmentation { rotation_degrees: 20.0, ..Augmentation::default() };
        let (from, centre) = (20.0 - 13.5, 13.5);
        for key in 0..50 {
            // A dot 6.5 pixels to the right of the centre line, half a pixel below it.
            let (x, y, _) = centre_of_mass(&turn.show(&dot(20, 14), 3, key));
            assert!(((x - centre).hypot(y - centre) - f64::hypot(from, 0.5)).abs() < 0.2, "{key}: {x} {y}");
            assert!((y - 14.0).abs() <= from * 20f64.to_radians().sin() + 0.2);
        }
        let stretch = Augmentation { stretch: 0.2, ..Augmentation::default() };
        let reached = (0..200).map(|key| centre_of_mass(&stretch.show(&dot(20, 14), 3, key)).0 - centre);
        let (low, high) = reached.fold((99f64, 0f64), |(low, high), x| (low.min(x), high.max(x)));
        assert!((low - from * 0.8).abs() < 0.3 && (high - from * 1.2).abs() < 0.3, "{low} {high}");
    }

    #[test]
    fn changes_that_leave_nothing_are_refused() {
        let field = |augmentation: Augmentation| augmentation.validate().unwrap_err().field;
        assert_eq!(field(Augmentation { shift_pixels: 15.0, ..Augmentation::default() }), "shift_pixels");
        assert_eq!(field(Augmentation { rotation_degrees: f64::NAN, ..Augmentation::default() }), "rotation_degrees");
        assert_eq!(field(Augmentation { stretch: -0.1, ..Augmentation::default() }), "stretch");
        assert_eq!(field(Augmentation { slant: 2.0, ..Augmentation::default() }), "slant");
    }
}
