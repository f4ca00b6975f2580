//! Events of many examples in memory, and the clock that counts their times.

use crate::files::Source;

/// Ticks of the clock per time step of the network: the resolution in which stretched times are computed.
pub const TICKS_PER_STEP: u32 = 16;
/// Maximum number of time steps of an example, of which twice as many must fit in 16 bits of ticks.
pub const MOST_STEPS: usize = 2000;

/// Converts times to ticks, of which a time step has `TICKS_PER_STEP`.
///
/// ```text
/// tick = ⌊16 t / dt⌋, so that ⌊tick / 16⌋ = ⌊t / dt⌋
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    ticks_per_ms: f64,
    /// Number of ticks after which nothing is shown.
    end: f64,
}

impl Clock {
    /// Clock for `steps` steps of `step_ms`, of which events up to `stretch` times later are kept: with stretched times
    /// they may fall into the trial.
    pub fn new(steps: usize, step_ms: f64, stretch: f64) -> Self {
        let end = (steps as f64 * f64::from(TICKS_PER_STEP) / (1.0 - stretch)).min(f64::from(u16::MAX) + 1.0);
        Self { ticks_per_ms: f64::from(TICKS_PER_STEP) / step_ms, end }
    }

    /// Tick of an event; none after the end of the trial.
    pub fn tick(&self, time_ms: f64) -> Option<u16> {
        let tick = time_ms * self.ticks_per_ms;
        (tick < self.end).then_some(tick as u16)
    }
}

/// Labelled examples, each a list of events.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// Class of each example.
    pub labels: Vec<u8>,
    /// Files from which they were read.
    pub sources: Vec<Source>,
    /// Example e owns the events `starts[e]..starts[e + 1]`.
    starts: Vec<usize>,
    /// Unit in the upper 16 bits, tick in the lower ones; sorted and different within an example.
    events: Vec<u32>,
}

impl Events {
    /// No examples.
    pub fn new() -> Self {
        Self { starts: vec![0], ..Self::default() }
    }

    /// Adds an example. Several events of one unit in one tick become one; `events` is emptied.
    pub fn push(&mut self, label: u8, events: &mut Vec<(u16, u16)>) {
        events.sort_unstable();
        events.dedup();
        self.events.extend(events.drain(..).map(|(unit, tick)| u32::from(unit) << 16 | u32::from(tick)));
        self.starts.push(self.events.len());
        self.labels.push(label);
    }

    /// Events of an example: unit and tick of each.
    pub fn example(&self, example: usize) -> impl Iterator<Item = (u16, u16)> {
        let events = &self.events[self.starts[example]..self.starts[example + 1]];
        events.iter().map(|event| ((event >> 16) as u16, *event as u16))
    }

    /// Number of examples.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// Number of events of all examples.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// True without any event.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Examples with these indices, in their order.
    pub fn select(&self, examples: &[u32]) -> Self {
        let mut selected = Self { sources: self.sources.clone(), ..Self::new() };
        for example in examples.iter().map(|example| *example as usize) {
            selected.events.extend_from_slice(&self.events[self.starts[example]..self.starts[example + 1]]);
            selected.starts.push(selected.events.len());
            selected.labels.push(self.labels[example]);
        }
        selected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_a_step_begin_with_the_step() {
        let clock = Clock::new(250, 4.0, 0.0);
        let tick = |ms| clock.tick(ms).map(|tick| u32::from(tick) / TICKS_PER_STEP);
        assert_eq!([tick(0.0), tick(3.999), tick(4.0), tick(999.9)], [Some(0), Some(0), Some(1), Some(249)]);
        assert_eq!([tick(1000.0), Clock::new(250, 4.0, 0.2).tick(1249.0).map(|_| 0)], [None, Some(0)]);
        // The largest trial, with the largest stretch, still fits.
        assert_eq!(Clock::new(MOST_STEPS, 1.0, 0.5).tick(3999.99), Some(63_999));
    }

    #[test]
    fn examples_keep_their_events_and_repetitions_become_one() {
        let mut events = Events::new();
        events.push(3, &mut vec![(699, 5), (0, 7), (699, 5)]);
        events.push(1, &mut vec![]);
        events.push(0, &mut vec![(2, 9)]);
        assert_eq!(events.example(0).collect::<Vec<_>>(), [(0, 7), (699, 5)]);
        assert_eq!((events.example(1).count(), events.len(), events.count()), (0, 3, 3));
        let selected = events.select(&[2, 0]);
        assert_eq!(selected.labels, [0, 3]);
        assert_eq!(selected.example(0).collect::<Vec<_>>(), [(2, 9)]);
        assert_eq!(selected.example(1).collect::<Vec<_>>(), [(0, 7), (699, 5)]);
    }
}
