//! Progress of several searches, whose numbers of trials become known as they run.

use crate::progress::{self, Progress};

/// Trial results of one search.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    /// Number expected at the start.
    expected: u64,
    known: u64,
    /// Number requested but not yet known.
    open: u64,
    done: bool,
}

impl Course {
    /// Estimated number at the end.
    fn length(&self) -> u64 {
        if self.done { self.known } else { self.expected.max(self.known + self.open) }
    }
}

/// Progress bar over the trial results of all searches.
pub struct Searches {
    /// The bar.
    pub bar: Progress,
    courses: Vec<Course>,
}

impl Searches {
    /// Searches, each with the numbers of expected and known trial results.
    pub fn new(label: &str, quiet: bool, searches: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let course = |(expected, known)| Course { expected, known, ..Course::default() };
        let courses: Vec<Course> = searches.into_iter().map(course).collect();
        let bar = progress::bar(0, label, quiet);
        bar.begin_at(courses.iter().map(|course| course.known).sum());
        let searches = Self { bar, courses };
        searches.show();
        searches
    }

    /// Records that a search needs this many more results.
    pub fn asked(&mut self, search: usize, count: u64) {
        self.courses[search].open = count;
        self.show();
    }

    /// Records that a search received this many results.
    pub fn finished(&mut self, search: usize, count: u64) {
        let course = &mut self.courses[search];
        (course.known, course.open) = (course.known + count, course.open.saturating_sub(count));
        self.bar.inc(count);
    }

    /// Records that a search ended.
    pub fn found(&mut self, search: usize) {
        self.courses[search].done = true;
        self.show();
    }

    /// Number of searches that have ended.
    pub fn done(&self) -> usize {
        self.courses.iter().filter(|course| course.done).count()
    }

    fn show(&self) {
        self.bar.set_length(self.courses.iter().map(Course::length).sum());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_follows_extensions_and_early_ends() {
        let mut searches = Searches::new("test", true, [(100, 0), (100, 40)]);
        let lengths = |searches: &Searches| searches.courses.iter().map(Course::length).collect::<Vec<_>>();
        searches.asked(0, 100);
        searches.asked(1, 60);
        assert_eq!(lengths(&searches), [100, 100]);
        searches.finished(0, 100);
        searches.asked(0, 20);
        assert_eq!(lengths(&searches), [120, 100], "the grid was extended");
        searches.finished(0, 20);
        searches.finished(1, 10);
        searches.found(1);
        assert_eq!((lengths(&searches), searches.done()), (vec![120, 50], 1), "the second needed fewer");
    }
}
