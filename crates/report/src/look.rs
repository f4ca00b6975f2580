//! Layout of figures: for the screen, or for a column of a journal.

use crate::style;
use std::str::FromStr;

/// Length of a unit of a figure's coordinates, in mm. Text of ticks, 10 units high, has 6.4 pt.
pub(crate) const UNIT_MM: f64 = 0.85 * 25.4 / 96.0;
/// Widths that a figure can be laid out for, in mm.
const WIDTHS_MM: (f64, f64) = (60.0, 300.0);

/// Layout of figures. That for the screen has titles and two widths; that for print has a given width, no titles, which
/// journals put into the caption, and letters beside panels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look {
    width_mm: Option<f64>,
}

impl Look {
    /// Figures on a screen.
    pub const SCREEN: Self = Self { width_mm: None };

    /// Figures of this width in print, such as 89 mm for one column and 183 mm for two.
    ///
    /// # Errors
    /// A width outside 60 to 300 mm: what was found and expected.
    pub fn print(width_mm: f64) -> Result<Self, String> {
        let (least, most) = WIDTHS_MM;
        if (least..=most).contains(&width_mm) {
            Ok(Self { width_mm: Some(width_mm) })
        } else {
            Err(format!("found {width_mm} mm, expected {least} to {most} mm (89 for one column, 183 for two)"))
        }
    }

    /// True for figures in print.
    pub fn is_print(self) -> bool {
        self.width_mm.is_some()
    }

    /// Width of a figure that has `screen` units on a screen.
    pub(crate) fn width(self, screen: f64) -> f64 {
        self.width_mm.map_or(screen, |mm| mm / UNIT_MM)
    }

    /// The same for a square figure, which does not fill more than one column.
    pub(crate) fn square(self, screen: f64) -> f64 {
        self.width(screen).min(screen)
    }

    /// Width of a figure with one panel.
    pub(crate) fn narrow(self) -> f64 {
        self.width(style::NARROW)
    }

    /// Width of a figure with panels side by side.
    pub(crate) fn wide(self) -> f64 {
        self.width(style::WIDE)
    }
}

impl FromStr for Look {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let width_mm = text.parse().map_err(|_| "expected a width in mm, such as 89 or 183".to_owned())?;
        Self::print(width_mm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_columns() {
        assert!((Look::print(89.0).unwrap().narrow() * UNIT_MM - 89.0).abs() < 1e-9);
        assert_eq!((Look::SCREEN.narrow(), Look::SCREEN.wide()), (style::NARROW, style::WIDE));
        assert!("183".parse::<Look>().unwrap().wide() > style::WIDE);
        for wrong in ["", "x", "0", "-89", "1e9", "NaN", "inf"] {
            assert!(wrong.parse::<Look>().is_err(), "{wrong}");
        }
    }
}
