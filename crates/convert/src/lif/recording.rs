//! Recording of a simulated trial, limited to the requested variables.

use mdl_data::tasks::Extremes;
use std::ops::RangeInclusive;

/// Firing rates count the spikes from this step onwards, as in the published code.
pub const FIRST_COUNTED_STEP: usize = 10;

/// Variables to record. Steps are counted from 1; "every k" means after steps k, 2k, ….
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Steps of the windows in which the extremes of the outputs are found.
    pub windows: Vec<RangeInclusive<usize>>,
    /// Outputs every so many steps.
    pub out_every: Option<usize>,
    /// Every spike.
    pub spikes: bool,
    /// Synaptic variable r of all units, at this interval in steps.
    pub rate_every: Option<usize>,
    /// Membrane potential and synaptic current of some units, at regular intervals.
    pub traces: Option<Traces>,
    /// State after the last step.
    pub end_state: bool,
    /// Last step whose spikes are counted in firing rates; none for the last of all.
    pub counted_to: Option<usize>,
}

/// Units whose traces are recorded, and the interval.
#[derive(Clone, Debug)]
pub struct Traces {
    /// The units, counted from 0.
    pub units: Vec<usize>,
    /// Steps between two recorded values.
    pub every: usize,
}

/// A spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spike {
    /// Step, counted from 1.
    pub step: u32,
    /// Unit, counted from 0.
    pub unit: u32,
}

/// The state of all units after a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Membrane potentials `[N]` (mV)
    pub v_mv: Vec<f64>,
    /// Synaptic currents IPSC `[N]` (mV)
    pub ipsc_mv: Vec<f64>,
    /// h `[N]`; unused by a single-exponential synapse.
    pub h: Vec<f64>,
    /// r `[N]`
    pub r: Vec<f64>,
    /// h_r `[N]`; unused by a single-exponential synapse.
    pub h_r: Vec<f64>,
}

/// Recording of one trial with one scaling factor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Extremes of the outputs inside the windows, `[windows, O]`; not a number where the output is not.
    pub extremes: Vec<Extremes>,
    /// Spikes of each unit, from step 10 to the last that is counted, `[N]`
    pub spike_count: Vec<u32>,
    /// Spikes, ordered by step, then unit.
    pub spikes: Vec<Spike>,
    /// Outputs `[times, O]`
    pub out: Vec<f64>,
    /// r `[times, N]`
    pub rate: Vec<f64>,
    /// Mode variables of an evaluation `[times, P]`, in place of r.
    pub modes: Vec<f64>,
    /// Membrane potentials `[times, chosen units]` (mV)
    pub v_mv: Vec<f64>,
    /// Synaptic currents IPSC `[times, chosen units]` (mV)
    pub ipsc_mv: Vec<f64>,
    /// State after the last step.
    pub end: Option<State>,
}

impl Run {
    /// Firing rate of each unit (Hz) in a trial of this duration, all of which is counted as published.
    pub fn rate_hz(&self, trial_ms: f64) -> Vec<f64> {
        self.spike_count.iter().map(|count| f64::from(*count) * 1000.0 / trial_ms).collect()
    }
}

/// Fills a [`Run`] during the simulation.
#[derive(Debug)]
pub(super) struct Recorder<'a> {
    what: &'a Recording,
    next_out: usize,
    next_rate: usize,
    next_trace: usize,
    outputs: usize,
    /// First and last step of all windows together; no step lies between them where there is none.
    response: (usize, usize),
    counted_to: usize,
    pub run: Run,
}

/// First of the steps k, 2k, …, or never.
fn first(every: Option<usize>) -> usize {
    every.unwrap_or(usize::MAX)
}

impl<'a> Recorder<'a> {
    pub fn new(what: &'a Recording, units: usize, outputs: usize) -> Self {
        Self {
            what,
            next_out: first(what.out_every),
            next_rate: first(what.rate_every),
            next_trace: first(what.traces.as_ref().map(|t| t.every)),
            outputs,
            response: what
                .windows
                .iter()
                .fold((usize::MAX, 0), |(from, to), window| (from.min(*window.start()), to.max(*window.end()))),
            counted_to: what.counted_to.unwrap_or(usize::MAX),
            run: Run {
                extremes: vec![Extremes::EMPTY; what.windows.len() * outputs],
                spike_count: vec![0; units],
                ..Run::default()
            },
        }
    }

    /// Records the spikes of a step.
    #[inline(always)]
    pub fn spikes(&mut self, step: usize, units: &[u32]) {
        if (FIRST_COUNTED_STEP..=self.counted_to).contains(&step) {
            units.iter().for_each(|unit| self.run.spike_count[*unit as usize] += 1);
        }
        if self.what.spikes {
            self.run.spikes.extend(units.iter().map(|unit| Spike { step: step as u32, unit: *unit }));
        }
    }

    /// True if the outputs of this step are to be recorded.
    #[inline(always)]
    pub fn wants_out(&self, step: usize) -> bool {
        step == self.next_out || self.in_response(step)
    }

    #[inline(always)]
    fn in_response(&self, step: usize) -> bool {
        self.response.0 <= step && step <= self.response.1
    }

    /// Records the outputs of a step; `out(o)` computes one.
    #[inline(always)]
    pub fn out(&mut self, step: usize, out: impl Fn(usize) -> f64) {
        let keep = step == self.next_out;
        for o in 0..self.outputs {
            let value = out(o);
            for (window, extremes) in self.what.windows.iter().zip(self.run.extremes.chunks_exact_mut(self.outputs)) {
                if *window.start() <= step && step <= *window.end() {
                    extremes[o].include(value);
                }
            }
            if keep {
                self.run.out.push(value);
            }
        }
        if keep {
            self.next_out += first(self.what.out_every);
        }
    }

    /// Next step after which r is to be recorded.
    #[inline(always)]
    pub fn next_rates(&self) -> usize {
        self.next_rate
    }

    /// Records r after a step, if requested; `r(i)` reads one.
    #[inline(always)]
    pub fn rates(&mut self, step: usize, r: impl Fn(usize) -> f64) {
        if step == self.next_rate {
            self.run.rate.extend((0..self.run.spike_count.len()).map(r));
            self.next_rate += first(self.what.rate_every);
        }
    }

    /// True if potentials and currents after this step are to be recorded.
    #[inline(always)]
    pub fn wants_traces(&self, step: usize) -> bool {
        step == self.next_trace
    }

    /// Records potential and current of the selected units after a step, if requested; the functions read one.
    #[inline(always)]
    pub fn traces(&mut self, step: usize, v_mv: impl Fn(usize) -> f64, ipsc_mv: impl Fn(usize) -> f64) {
        if step == self.next_trace
            && let Some(traces) = &self.what.traces
        {
            self.run.v_mv.extend(traces.units.iter().map(|i| v_mv(*i)));
            self.run.ipsc_mv.extend(traces.units.iter().map(|i| ipsc_mv(*i)));
            self.next_trace += traces.every;
        }
    }

    /// Ends the recording with the state after the last step.
    ///
    /// Comparisons ignore values that are not a number, but r keeps them to the end; the extremes are then invalid.
    pub fn finish(mut self, state: impl FnOnce() -> State) -> Run {
        let end = state();
        if end.r.iter().any(|r| !r.is_finite()) {
            self.run.extremes.fill(Extremes::UNDEFINED);
        }
        self.run.end = self.what.end_state.then_some(end);
        self.run
    }
}
