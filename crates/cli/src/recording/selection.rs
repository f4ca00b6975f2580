//! Selections of units and trials on the command line: `0..20,35`.

use crate::status::usage;
use std::collections::BTreeSet;
use std::ops::Range;
use std::str::FromStr;

/// Some of many numbered things. The end of a range is not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection(Vec<Range<usize>>);

impl FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || "expected numbers and ranges such as 0..20,35, where 0..20 are 0 to 19".to_string();
        let number = |text: &str| text.trim().parse::<usize>().ok().filter(|number| *number < usize::MAX);
        let range = |part: &str| {
            let (from, to) = match part.split_once("..") {
                None => (number(part)?, number(part)? + 1),
                Some((from, to)) => (number(from)?, number(to)?),
            };
            (from < to).then_some(from..to)
        };
        text.split(',').map(range).collect::<Option<Vec<_>>>().map(Self).ok_or_else(refused)
    }
}

impl FromIterator<usize> for Selection {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Self {
        Self(numbers.into_iter().map(|number| number..number.saturating_add(1)).collect())
    }
}

impl Selection {
    /// The selected ones of `count` things, ascending and each once; `option` and `things` are for messages.
    ///
    /// # Errors
    /// A number that none of them has (status 2).
    pub(crate) fn of(&self, count: usize, option: &str, things: &str) -> anyhow::Result<Vec<usize>> {
        let last = self.0.iter().map(|range| range.end - 1).max().unwrap_or(0);
        if last >= count {
            return Err(usage(format!("{option}: found {last}, expected {things} below {count}")));
        }
        Ok(self.0.iter().cloned().flatten().collect::<BTreeSet<_>>().into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_select() {
        let selected = |text: &str| Selection::from_str(text).unwrap().of(40, "--units", "units").unwrap();
        assert_eq!(selected("0..3,35"), [0, 1, 2, 35]);
        assert_eq!(selected("5, 3..6 ,3"), [3, 4, 5]);
        assert_eq!(selected("0..40").len(), 40);
        for wrong in ["", "a", "3..3", "4..2", "-1", "0..", "..4", "1,,2", "18446744073709551615", "1..2..3", "0.5"] {
            assert!(Selection::from_str(wrong).unwrap_err().contains("0..20,35"), "{wrong}");
        }
        // Refused before anything is allocated for it.
        let many = Selection::from_str("0..18446744073709551614").unwrap();
        let error = many.of(40, "--units", "units").unwrap_err().to_string();
        assert!(error.contains("--units: found 18446744073709551613, expected units below 40"), "{error}");
    }
}
