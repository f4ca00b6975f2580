//! What is kept of a simulated trial: only what is asked for.

use mdl_data::tasks::Extremes;
use std::ops::RangeInclusive;

/// Firing rates count the spikes from this step on, as published.
const FIRST_COUNTED_STEP: usize = 10;

/// What to keep. Steps are counted from 1; "every k" means after steps k, 2k, ….
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Steps of the response window, in which the largest and smallest output are found.
    pub response: Option<RangeInclusive<usize>>,
    /// Outputs every so many steps.
    pub out_every: Option<usize>,
    /// Every spike.
    pub spikes: bool,
    /// The synaptic variable r of all units every so many steps.
    pub rate_every: Option<usize>,
    /// Membrane potential and synaptic current of some units every so many steps.
    pub traces: Option<Traces>,
    /// The state after the last step.
    pub end_state: bool,
}

/// Units whose traces are kept, and how often.
#[derive(Clone, Debug)]
pub struct Traces {
    /// The units, counted from 0.
    pub units: Vec<usize>,
    /// Steps between two kept values.
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

/// What was kept of one trial with one scaling factor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Largest and smallest output inside the response window, `[O]`; not a number where the output is not.
    pub extremes: Vec<Extremes>,
    /// Spikes of each unit, from step 10 on, `[N]`
    pub spike_count: Vec<u32>,
    /// Spikes in the order of step, then unit.
    pub spikes: Vec<Spike>,
    /// Outputs `[times, O]`
    pub out: Vec<f64>,
    /// r `[times, N]`
    pub rate: Vec<f64>,
    /// Membrane potentials `[times, chosen units]` (mV)
    pub v_mv: Vec<f64>,
    /// Synaptic currents IPSC `[times, chosen units]` (mV)
    pub ipsc_mv: Vec<f64>,
    /// The state after the last step.
    pub end: Option<State>,
}

impl Run {
    /// Firing rate of each unit (Hz), over the whole trial as published.
    pub fn rate_hz(&self, trial_ms: f64) -> Vec<f64> {
        self.spike_count.iter().map(|count| f64::from(*count) * 1000.0 / trial_ms).collect()
    }
}

/// Fills a [`Run`] as the simulation goes.
#[derive(Debug)]
pub(super) struct Recorder<'a> {
    what: &'a Recording,
    next_out: usize,
    next_rate: usize,
    next_trace: usize,
    /// First and last step of the response window; no step lies between them where there is none.
    response: (usize, usize),
    pub run: Run,
}

/// The first of the steps k, 2k, …, or never.
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
            response: what.response.as_ref().map_or((usize::MAX, 0), |r| (*r.start(), *r.end())),
            run: Run { extremes: vec![Extremes::EMPTY; outputs], spike_count: vec![0; units], ..Run::default() },
        }
    }

    /// Notes the spikes of a step.
    #[inline(always)]
    pub fn spikes(&mut self, step: usize, units: &[u32]) {
        if step >= FIRST_COUNTED_STEP {
            units.iter().for_each(|unit| self.run.spike_count[*unit as usize] += 1);
        }
        if self.what.spikes {
            self.run.spikes.extend(units.iter().map(|unit| Spike { step: step as u32, unit: *unit }));
        }
    }

    /// Whether the outputs of this step are wanted.
    #[inline(always)]
    pub fn wants_out(&self, step: usize) -> bool {
        step == self.next_out || self.in_response(step)
    }

    #[inline(always)]
    fn in_response(&self, step: usize) -> bool {
        self.response.0 <= step && step <= self.response.1
    }

    /// Notes the outputs of a wanted step; `out(o)` computes one.
    #[inline(always)]
    pub fn out(&mut self, step: usize, out: impl Fn(usize) -> f64) {
        let keep = step == self.next_out;
        for o in 0..self.run.extremes.len() {
            let value = out(o);
            if self.in_response(step) {
                self.run.extremes[o].include(value);
            }
            if keep {
                self.run.out.push(value);
            }
        }
        if keep {
            self.next_out += first(self.what.out_every);
        }
    }

    /// The next step after which r is wanted.
    #[inline(always)]
    pub fn next_rates(&self) -> usize {
        self.next_rate
    }

    /// Notes r after a step, if wanted; `r(i)` reads one.
    #[inline(always)]
    pub fn rates(&mut self, step: usize, r: impl Fn(usize) -> f64) {
        if step == self.next_rate {
            self.run.rate.extend((0..self.run.spike_count.len()).map(r));
            self.next_rate += first(self.what.rate_every);
        }
    }

    /// Whether potentials and currents after this step are wanted.
    #[inline(always)]
    pub fn wants_traces(&self, step: usize) -> bool {
        step == self.next_trace
    }

    /// Notes potential and current of the chosen units after a step, if wanted; the functions read one.
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
    /// Comparisons skip what is not a number, but r keeps it to the end: then no extreme stands.
    pub fn finish(mut self, state: impl FnOnce() -> State) -> Run {
        let end = state();
        if end.r.iter().any(|r| !r.is_finite()) {
            self.run.extremes.fill(Extremes { max: f64::NAN, min: f64::NAN });
        }
        self.run.end = self.what.end_state.then_some(end);
        self.run
    }
}
