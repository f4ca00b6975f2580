//! Progress on stderr: a bar on a terminal; otherwise, as in the log of a batch job, one line per minute.

use crate::watch::Watch;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time between two lines without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(60);
/// Time after which an estimate of the remaining time is shown.
const ESTIMATE_AFTER: Duration = Duration::from_secs(2);

/// Writes a line.
type Line = Box<dyn Fn(&str) + Send + Sync>;

/// Progress of a program.
pub struct Progress {
    bar: ProgressBar,
    label: String,
    course: Mutex<Course>,
    line: Option<Line>,
}

/// Position of a program, and the time it was reached.
struct Course {
    /// Start position of this process, after the steps of an earlier one.
    first: u64,
    position: u64,
    /// Position from which the program may end early, if any.
    earliest: Option<u64>,
    length: u64,
    message: String,
    started: Instant,
    written: Instant,
}

/// Progress over `length` steps; hidden if `quiet`.
pub fn bar(length: u64, label: &str, quiet: bool) -> Progress {
    let terminal = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    let bar = if quiet || !terminal {
        ProgressBar::hidden()
    } else {
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(length).with_style(style).with_prefix(label.to_string())
    };
    let to_stderr: Line = Box::new(|line| eprintln!("{line}"));
    Progress::new(bar, length, label, (!quiet && !terminal).then_some(to_stderr))
}

impl Progress {
    fn new(bar: ProgressBar, length: u64, label: &str, line: Option<Line>) -> Self {
        let now = Instant::now();
        let course = Course {
            first: 0,
            position: 0,
            earliest: None,
            length,
            message: String::new(),
            started: now,
            written: now,
        };
        Self { bar, label: label.into(), course: Mutex::new(course), line }
    }

    /// Steps of an earlier process, which are not used to estimate the speed of this one.
    pub fn begin_at(&self, position: u64) {
        self.change(|course| (course.first, course.position) = (position, position));
    }

    /// Position from which the program may end before its length, for example by a stopping rule.
    pub fn may_end_at(&self, earliest: Option<u64>) {
        self.change(|course| course.earliest = earliest);
    }

    /// Changes the number of steps.
    pub fn set_length(&self, length: u64) {
        self.bar.set_length(length);
        self.change(|course| course.length = length);
    }

    /// Sets the number of steps done.
    pub fn set_position(&self, position: u64) {
        self.change(|course| course.position = position);
    }

    /// Adds steps done.
    pub fn inc(&self, steps: u64) {
        self.change(|course| course.position += steps);
    }

    /// Sets the text after the position.
    pub fn set_message(&self, message: impl Into<String>) {
        self.change(|course| course.message = message.into());
    }

    /// Runs `f`, which writes to the terminal, with the bar hidden.
    pub fn suspend<T>(&self, f: impl FnOnce() -> T) -> T {
        self.bar.suspend(f)
    }

    /// Shows a stage that runs while it calls `run`, and removes the bar. Signals end the process.
    pub fn watch<T>(&self, run: impl FnOnce(&Watch) -> T) -> T {
        let watch =
            Watch { begin: &|steps| self.set_length(steps), done: &|steps| self.inc(steps), stopped: &|| false };
        let result = run(&watch);
        self.finish_and_clear();
        result
    }

    /// Removes the bar.
    pub fn finish_and_clear(&self) {
        self.bar.finish_and_clear();
    }

    fn change(&self, change: impl FnOnce(&mut Course)) {
        let mut course = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut course);
        let now = Instant::now();
        if !self.bar.is_hidden() {
            self.bar.set_position(course.position);
            self.bar.set_message(course.described(now));
        }
        if let Some(line) = &self.line
            && now.duration_since(course.written) >= LINE_EVERY
        {
            course.written = now;
            line(&format!("{}: {}/{} {}", self.label, course.position, course.length, course.described(now)));
        }
    }
}

impl Course {
    /// Message with the remaining time.
    fn described(&self, now: Instant) -> String {
        match self.left(now) {
            Some(left) if self.message.is_empty() => left,
            Some(left) => format!("{}, {left}", self.message),
            None => self.message.clone(),
        }
    }

    /// Remaining time at the speed so far, for the earliest and the latest end.
    fn left(&self, now: Instant) -> Option<String> {
        let (made, taken) = (self.position.saturating_sub(self.first), now.duration_since(self.started));
        if made == 0 || taken < ESTIMATE_AFTER {
            return None;
        }
        let until = |end: u64| taken.as_secs_f64() / made as f64 * end.saturating_sub(self.position) as f64;
        Some(match self.earliest.filter(|earliest| *earliest < self.length) {
            Some(earliest) if earliest > self.position => {
                format!("{} to {} left", rounded(until(earliest)), rounded(until(self.length)))
            }
            Some(_) => format!("at most {} left", rounded(until(self.length))),
            None => format!("{} left", rounded(until(self.length))),
        })
    }
}

/// Time in seconds, minutes or hours, with the precision of an estimate.
fn rounded(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn ago(seconds: u64) -> Instant {
        Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap()
    }

    fn left(first: u64, position: u64, earliest: Option<u64>, length: u64, seconds: u64) -> Option<String> {
        let (started, message) = (ago(seconds), String::new());
        Course { first, position, earliest, length, message, started, written: started }.left(Instant::now())
    }

    #[test]
    fn the_time_left_follows_a_resume_and_a_stopping_rule() {
        assert_eq!(left(0, 100, None, 300, 10).as_deref(), Some("20 s left"));
        assert_eq!(left(632, 732, None, 8000, 10).as_deref(), Some("12 min left"), "not of the steps made before");
        assert_eq!(left(0, 100, Some(200), 300, 10).as_deref(), Some("10 s to 20 s left"));
        assert_eq!(left(0, 250, Some(200), 300, 25).as_deref(), Some("at most 5 s left"));
        assert_eq!(left(0, 100, None, 10_000_000, 10).as_deref(), Some("277.8 h left"));
        assert_eq!(left(50, 50, None, 100, 10), None, "no step made");
    }

    #[test]
    fn without_a_terminal_there_is_a_line_per_minute() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let line: Line = Box::new(move |text| kept.lock().unwrap().push(text.to_owned()));
        let progress = Progress::new(ProgressBar::hidden(), 100, "xor", Some(line));
        progress.set_position(1);
        assert!(lines.lock().unwrap().is_empty(), "not before a minute has passed");
        let early = ago(61);
        progress.change(|course| (course.started, course.written) = (early, early));
        progress.set_message("loss 1");
        progress.set_position(20);
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("xor: 1/100 "), "{lines:?}");
    }
}
