//! Present entries of a sparse matrix, one by one.

use super::pattern::Pattern;

/// Number of entries processed together.
pub const TOGETHER: usize = 4;

/// An entry by its target and source; the source is relative to its group.
#[derive(Clone, Copy, Default)]
pub struct Entry {
    /// Row.
    pub target: u32,
    /// Column, within its group.
    pub source: u32,
}

/// The present entries, ordered by group of sources and, within a group, by target.
pub struct Coordinates {
    /// Number of entries of each group.
    counts: Vec<usize>,
    /// Each group is padded with repeated entries.
    entries: Vec<Entry>,
}

impl Coordinates {
    /// Entries of `pattern`, with one row per target.
    pub fn new(pattern: &Pattern) -> Self {
        let room = pattern.count() + (pattern.groups() + 1) * TOGETHER;
        let mut coordinates =
            Self { counts: Vec::with_capacity(pattern.groups()), entries: vec![Entry::default(); room] };
        let mut end = 0;
        for group in 0..pattern.groups() {
            let begin = end;
            for target in 0..pattern.units() {
                // A fixed number is written at a time, whether or not there are that many, because the CPU cannot
                // predict the number.
                let mut word = pattern.word(target, group);
                let mut at = end;
                end += word.count_ones() as usize;
                while at < end {
                    for entry in &mut coordinates.entries[at..at + TOGETHER] {
                        *entry = Entry { target: target as u32, source: word.trailing_zeros() };
                        word &= word.wrapping_sub(1);
                    }
                    at += TOGETHER;
                }
            }
            coordinates.counts.push(end - begin);
            let full = begin + (end - begin).next_multiple_of(TOGETHER);
            coordinates.entries[end..full].fill(Entry::default());
            end = full;
        }
        coordinates
    }

    /// Number of entries.
    #[inline]
    pub fn count(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Number of entries of every group, and the entries.
    #[inline]
    pub fn groups(&self) -> impl Iterator<Item = (usize, &[[Entry; TOGETHER]])> {
        let mut rest = self.entries.as_chunks().0;
        self.counts.iter().map(move |count| {
            let mine;
            (mine, rest) = rest.split_at(count.div_ceil(TOGETHER));
            (*count, mine)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::common::GROUP;
    use super::*;

    #[test]
    fn lists_every_entry_once() {
        let n = 70;
        // Rows with none, one, and many entries.
        let present = |target: usize, source: usize| match target % 3 {
            0 => target.is_multiple_of(2) && !source.is_multiple_of(2),
            1 => source == target,
            _ => false,
        };
        let matrix: Vec<f32> = (0..n * n).map(|at| f32::from(u8::from(present(at / n, at % n)))).collect();
        let coordinates = Coordinates::new(&Pattern::of_rows(n, &matrix));
        let mut found = Vec::new();
        for (group, (count, entries)) in coordinates.groups().enumerate() {
            let entries = entries.as_flattened();
            assert!(count <= entries.len() && entries.len() < count + TOGETHER);
            found
                .extend(entries[..count].iter().map(|e| (group, e.target as usize, group * GROUP + e.source as usize)));
        }
        assert!(found.is_sorted(), "group by group, target by target");
        assert_eq!(found.len(), coordinates.count());
        let mut pairs: Vec<_> = found.into_iter().map(|(_, target, source)| (target, source)).collect();
        pairs.sort_unstable();
        let expected = (0..n * n).map(|at| (at / n, at % n)).filter(|(target, source)| present(*target, *source));
        assert_eq!(pairs, expected.collect::<Vec<_>>());
    }
}
