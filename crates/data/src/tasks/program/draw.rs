//! `t`: the trial that a task's function draws.
//!
//! Times are in milliseconds and mean the nearest step; a window `from_ms, to_ms` holds the steps from the first to before the
//! second. Signals are added to what a channel already has. Without a beginning a window starts with the trial, without an
//! end it ends with it.

use super::allocation;
use super::declared::Declared;
use super::failure::refused;
use super::values;
use crate::tasks::rule::{Demand, Evaluated, Rule, RuleSet};
use crate::tasks::trials::Trial;
use mdl_kernels::random::Stream;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder, MethodsStatic};
use starlark::eval::Evaluator;
use starlark::values::float::UnpackFloat;
use starlark::values::none::{NoneOr, NoneType};
use starlark::values::{NoSerialize, StarlarkValue, Value, starlark_value};
use starlark::{starlark_module, starlark_simple_value};
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

/// Largest number that a signal, a weight or a level may have.
const LARGEST: f64 = 1e6;
/// Most rules of a trial.
const MOST_RULES: usize = 256;

/// A trial while it is drawn.
#[derive(ProvidesStaticType)]
pub(super) struct Drawing {
    declared: Arc<Declared>,
    state: RefCell<State>,
}

struct State {
    stream: Stream,
    trial: Trial,
    /// Rules whose window ends with the trial.
    open: Vec<usize>,
}

type Done = starlark::Result<NoneType>;

/// A refusal of what was asked for.
macro_rules! refuse {
    ($($text:tt)*) => { return Err(refused!($($text)*)) };
}

/// Names of the networks in rules.
pub(super) fn network_name(evaluated: Evaluated) -> &'static str {
    if evaluated == Evaluated::Lif { "lif" } else { "trained" }
}

/// Names of the sets of rules.
pub(super) fn set_name(set: RuleSet) -> &'static str {
    if set == RuleSet::Strict { "strict" } else { "published" }
}

impl Drawing {
    pub fn new(declared: Arc<Declared>) -> Self {
        let trial = Trial {
            input: vec![0.0; declared.steps * declared.inputs.len()],
            target: vec![0.0; declared.steps * declared.outputs.len()],
            ..Trial::default()
        };
        let stream = Stream::new(0, mdl_kernels::random::Purpose::ExampleTrial, 0);
        Self { declared, state: RefCell::new(State { stream, trial, open: Vec::new() }) }
    }

    /// Begins a trial whose random numbers come from `stream`.
    pub fn begin(&self, stream: Stream) {
        let mut state = self.state.borrow_mut();
        state.stream = stream;
        let trial = &mut state.trial;
        trial.input.fill(0.0);
        trial.target.fill(0.0);
        trial.weight.clear();
        trial.rules.clear();
        trial.length = self.declared.steps;
        state.open.clear();
    }

    /// The trial as it was drawn.
    pub fn finish(&self, condition: usize) -> Result<std::cell::Ref<'_, Trial>, String> {
        {
            let State { trial, open, .. } = &mut *self.state.borrow_mut();
            trial.condition = condition;
            let (length, steps) = (trial.length, self.declared.steps);
            for rule in open.drain(..) {
                trial.rules[rule].window.end = length;
            }
            for rule in &trial.rules {
                if rule.window.is_empty() || rule.window.end > length {
                    let ms = |step: usize| step as f64 * self.declared.step_ms;
                    return Err(format!(
                        "a rule looks at {} to {} ms of a trial of {} ms, expected a window inside of the trial",
                        ms(rule.window.start),
                        ms(rule.window.end),
                        ms(length)
                    ));
                }
            }
            if length < steps {
                let outputs = self.declared.outputs.len();
                if trial.weight.is_empty() {
                    trial.weight.resize(steps * outputs, 1.0);
                }
                trial.input[length * self.declared.inputs.len()..].fill(0.0);
                trial.target[length * outputs..].fill(0.0);
                trial.weight[length * outputs..].fill(0.0);
            }
        }
        Ok(std::cell::Ref::map(self.state.borrow(), |state| &state.trial))
    }

    /// The step nearest to a time.
    fn step(&self, name: &str, ms: f64) -> starlark::Result<usize> {
        let (steps, step) = (self.declared.steps, (ms / self.declared.step_ms).round());
        if ms >= 0.0 && step <= steps as f64 {
            return Ok(step as usize);
        }
        let last = steps as f64 * self.declared.step_ms;
        refuse!("{name} = {ms} lies outside of the trial; expected 0 to {last} ms")
    }

    /// The steps of a window.
    fn window(&self, from_ms: f64, to_ms: Option<f64>) -> starlark::Result<Range<usize>> {
        let from = self.step("from_ms", from_ms)?;
        let to = to_ms.map_or(Ok(self.declared.steps), |to_ms| self.step("to_ms", to_ms))?;
        if to < from {
            refuse!("the window from {from_ms} to {} ms ends before it begins", to_ms.unwrap_or_default());
        }
        Ok(from..to)
    }

    /// Channels by name: a single one, a group, a pair of a group and an index in it, or a list of these.
    fn channels(&self, value: Value) -> starlark::Result<(bool, Vec<usize>)> {
        self.channels_in(value, 2)
    }

    /// Channels in a value with at most so many lists inside one another.
    fn channels_in(&self, value: Value, depth: usize) -> starlark::Result<(bool, Vec<usize>)> {
        let groups = [(false, &self.declared.input_groups), (true, &self.declared.output_groups)];
        if let Some(name) = value.unpack_str() {
            let found = groups.iter().find_map(|(output, groups)| Some((*output, groups.get(name)?.clone().collect())));
            return found.ok_or_else(|| {
                let [inputs, outputs] =
                    groups.map(|(_, groups)| groups.keys().map(String::as_str).collect::<Vec<_>>().join(", "));
                refused!("unknown channel `{name}`; the inputs are {inputs}, the outputs {outputs}")
            });
        }
        let items = values::items(value).unwrap_or_default();
        if let [group, index] = items[..]
            && let (Some(group), Some(index)) = (group.unpack_str(), index.unpack_i32())
        {
            let (output, channels) = self.channels_in(items[0], 0)?;
            let Some(channel) = usize::try_from(index).ok().and_then(|index| channels.get(index)) else {
                refuse!("`{group}` has no channel {index}; expected 0 to {}", channels.len() - 1)
            };
            return Ok((output, vec![*channel]));
        }
        if items.is_empty() || depth == 0 {
            refuse!("found {}, expected the name of a channel, or a list of names", values::shown(value));
        }
        let all =
            items.into_iter().map(|item| self.channels_in(item, depth - 1)).collect::<starlark::Result<Vec<_>>>()?;
        let output = all[0].0;
        if all.iter().any(|(other, _)| *other != output) {
            let value = values::shown(value);
            refuse!("{value} names inputs and outputs; expected the one or the other");
        }
        Ok((output, all.into_iter().flat_map(|(_, channels)| channels).collect()))
    }

    /// Output channels that follow one another.
    fn outputs(&self, value: Value) -> starlark::Result<Range<usize>> {
        let (output, channels) = self.channels(value)?;
        if !output {
            let value = values::shown(value);
            refuse!("{value} is an input, expected an output: {}", self.declared.outputs.join(", "));
        }
        let range = channels[0]..channels[0] + channels.len();
        if !range.clone().eq(channels.iter().copied()) {
            let value = values::shown(value);
            refuse!("{value}: expected outputs that follow one another: {}", self.declared.outputs.join(", "));
        }
        Ok(range)
    }

    /// Adds to channels what `fill(stream, first step, values)` draws: the values of some steps of the window one after the
    /// other, and in each step those of the channels in the order of the list. `values` hold what was drawn before.
    fn add(
        &self,
        channels: Value,
        window: Range<usize>,
        mut fill: impl FnMut(&mut Stream, usize, &mut [f32]),
    ) -> starlark::Result<()> {
        /// Numbers drawn together, if that is a step at least.
        const TOGETHER: usize = 1024;
        let (output, channels) = self.channels(channels)?;
        let State { stream, trial, .. } = &mut *self.state.borrow_mut();
        let (width, values) = match output {
            true => (self.declared.outputs.len(), &mut trial.target),
            false => (self.declared.inputs.len(), &mut trial.input),
        };
        let (count, first) = (channels.len(), channels[0]);
        let follow_one_another = channels.iter().copied().eq(first..first + count);
        let steps = (TOGETHER / count).clamp(1, window.len().max(1));
        let mut drawn = vec![0.0; steps * count];
        let all = values[window.start * width..window.end * width].chunks_mut(steps * width);
        for (rows, begin) in all.zip((0..).step_by(steps)) {
            let drawn = &mut drawn[..rows.len() / width * count];
            fill(stream, begin, drawn);
            if count == 1 {
                rows.iter_mut().skip(first).step_by(width).zip(&*drawn).for_each(|(to, value)| *to += value);
                continue;
            }
            for (row, drawn) in rows.chunks_exact_mut(width).zip(drawn.chunks_exact(count)) {
                if follow_one_another {
                    row[first..first + count].iter_mut().zip(drawn).for_each(|(to, value)| *to += value);
                } else {
                    channels.iter().zip(drawn).for_each(|(channel, value)| row[*channel] += value);
                }
            }
        }
        Ok(())
    }

    /// Adds a rule.
    fn rule(
        &self,
        outputs: Value,
        demand: impl FnOnce(Range<usize>) -> starlark::Result<(Range<usize>, Demand)>,
        (from_ms, to_ms): (NoneOr<UnpackFloat>, NoneOr<UnpackFloat>),
        (network, rules): (NoneOr<&str>, NoneOr<&str>),
    ) -> Done {
        let (outputs, demand) = demand(self.outputs(outputs)?)?;
        let from_ms = from_ms.into_option().map_or(0.0, |from| from.0);
        let to_ms = to_ms.into_option().map(|to| to.0);
        let window = self.window(from_ms, to_ms)?;
        if window.is_empty() {
            refuse!("the window from {from_ms} to {} ms has no step", to_ms.unwrap_or_default());
        }
        let evaluated = match network.into_option() {
            None => None,
            Some("trained") => Some(Evaluated::Trained),
            Some("lif") => Some(Evaluated::Lif),
            Some(other) => refuse!(r#"network = "{other}", expected "trained" or "lif", or nothing for both"#),
        };
        let set = match rules.into_option() {
            None => None,
            Some("published") => Some(RuleSet::Published),
            Some("strict") => Some(RuleSet::Strict),
            Some(other) => refuse!(r#"rules = "{other}", expected "published" or "strict", or nothing for both"#),
        };
        let state = &mut *self.state.borrow_mut();
        let index = state.trial.rules.len();
        if index == MOST_RULES {
            refuse!("a trial has at most {MOST_RULES} rules");
        }
        if to_ms.is_none() {
            state.open.push(index);
        }
        state.trial.rules.push(Rule { evaluated, set, window, outputs, demand });
        Ok(NoneType)
    }
}

/// The drawing that an evaluator works at.
fn drawing<'a>(evaluator: &Evaluator<'_, 'a, '_>) -> starlark::Result<&'a Drawing> {
    let extra = evaluator.extra.and_then(|extra| extra.downcast_ref::<Drawing>());
    extra.ok_or_else(|| refused!("trials are drawn by `trial(t, p)` alone"))
}

/// A number that networks can compute with.
fn number(name: &str, x: f64) -> starlark::Result<f64> {
    if x.abs() <= LARGEST {
        Ok(x)
    } else {
        Err(refused!("{name} = {x}, expected a number from -{LARGEST} to {LARGEST}"))
    }
}

/// `t` itself; what it does is done to the evaluator's [`Drawing`].
#[derive(Clone, Copy, Debug, ProvidesStaticType, NoSerialize, allocative::Allocative)]
pub(super) struct TrialValue;

impl std::fmt::Display for TrialValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("t")
    }
}

starlark_simple_value!(TrialValue);

#[starlark_value(type = "trial")]
impl<'v> StarlarkValue<'v> for TrialValue {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("trial", methods);
        Some(METHODS.methods())
    }
}

/// A span of time that may be left out.
type Ms = NoneOr<UnpackFloat>;

fn span(drawing: &Drawing, from_ms: UnpackFloat, to_ms: Ms) -> starlark::Result<Range<usize>> {
    drawing.window(from_ms.0, to_ms.into_option().map(|to| to.0))
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    // Random numbers.

    /// True with probability p.
    fn coin(
        #[starlark(this)] _t: Value,
        #[starlark(default = UnpackFloat(0.5))] p: UnpackFloat,
        eval: &mut Evaluator,
    ) -> starlark::Result<bool> {
        if !(0.0..=1.0).contains(&p.0) {
            refuse!("coin: p = {}, expected a probability from 0 to 1", p.0);
        }
        Ok(drawing(eval)?.state.borrow_mut().stream.uniform() < p.0)
    }

    /// A whole number from 0 to n - 1.
    fn integer(#[starlark(this)] _t: Value, n: i32, eval: &mut Evaluator) -> starlark::Result<i32> {
        if n < 1 {
            refuse!("integer: n = {n}, expected 1 or more");
        }
        Ok(drawing(eval)?.state.borrow_mut().stream.below(n as u32) as i32)
    }

    /// One of the items of a list.
    fn choose<'v>(
        #[starlark(this)] _t: Value<'v>,
        items: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let all = values::items(items).filter(|all| !all.is_empty());
        let Some(all) = all else {
            refuse!("choose: found {}, expected a list with at least one item", values::shown(items))
        };
        Ok(all[drawing(eval)?.state.borrow_mut().stream.below(all.len() as u32) as usize])
    }

    /// A number between two others.
    fn uniform(
        #[starlark(this)] _t: Value,
        low: UnpackFloat,
        high: UnpackFloat,
        eval: &mut Evaluator,
    ) -> starlark::Result<f64> {
        let (low, high) = (number("uniform: low", low.0)?, number("uniform: high", high.0)?);
        if low > high {
            refuse!("uniform: low = {low} is larger than high = {high}");
        }
        Ok(low + (high - low) * drawing(eval)?.state.borrow_mut().stream.uniform())
    }

    /// A normal number.
    fn normal(
        #[starlark(this)] _t: Value,
        #[starlark(default = UnpackFloat(0.0))] mean: UnpackFloat,
        #[starlark(default = UnpackFloat(1.0))] sd: UnpackFloat,
        eval: &mut Evaluator,
    ) -> starlark::Result<f64> {
        let (mean, sd) = (number("normal: mean", mean.0)?, number("normal: sd", sd.0)?);
        if sd < 0.0 {
            refuse!("normal: sd = {sd}, expected 0 or more");
        }
        Ok(mean + sd * f64::from(drawing(eval)?.state.borrow_mut().stream.normal()))
    }

    /// An exponential number.
    fn exponential(#[starlark(this)] _t: Value, mean: UnpackFloat, eval: &mut Evaluator) -> starlark::Result<f64> {
        let mean = number("exponential: mean", mean.0)?;
        if mean < 0.0 {
            refuse!("exponential: mean = {mean}, expected 0 or more");
        }
        Ok(-mean * libm::log(1.0 - drawing(eval)?.state.borrow_mut().stream.uniform()))
    }

    // Signals.

    /// A constant between two times.
    fn pulse<'v>(
        #[starlark(this)] _t: Value<'v>,
        channels: Value<'v>,
        #[starlark(default = UnpackFloat(0.0))] from_ms: UnpackFloat,
        #[starlark(default = NoneOr::None)] to_ms: Ms,
        #[starlark(default = UnpackFloat(1.0))] height: UnpackFloat,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let (drawing, height) = (drawing(eval)?, number("pulse: height", height.0)? as f32);
        drawing.add(channels, span(drawing, from_ms, to_ms)?, |_, begin, values| {
            if begin == 0 {
                values.fill(height);
            }
        })?;
        Ok(NoneType)
    }

    /// A straight line from one height to another.
    fn ramp<'v>(
        #[starlark(this)] _t: Value<'v>,
        channels: Value<'v>,
        #[starlark(default = UnpackFloat(0.0))] from_ms: UnpackFloat,
        #[starlark(default = NoneOr::None)] to_ms: Ms,
        #[starlark(default = UnpackFloat(0.0))] start: UnpackFloat,
        #[starlark(default = UnpackFloat(1.0))] end: UnpackFloat,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let (start, end) = (number("ramp: start", start.0)?, number("ramp: end", end.0)?);
        let drawing = drawing(eval)?;
        let window = span(drawing, from_ms, to_ms)?;
        let slope = (end - start) / window.len().max(1) as f64;
        let count = drawing.channels(channels)?.1.len();
        drawing.add(channels, window, |_, begin, values| {
            for (step, row) in (begin..).zip(values.chunks_exact_mut(count)) {
                row.fill((start + slope * step as f64) as f32);
            }
        })?;
        Ok(NoneType)
    }

    /// A sine wave that begins at a phase.
    fn sine<'v>(
        #[starlark(this)] _t: Value<'v>,
        channels: Value<'v>,
        hz: UnpackFloat,
        #[starlark(default = UnpackFloat(0.0))] from_ms: UnpackFloat,
        #[starlark(default = NoneOr::None)] to_ms: Ms,
        #[starlark(default = UnpackFloat(1.0))] height: UnpackFloat,
        #[starlark(default = UnpackFloat(0.0))] degrees: UnpackFloat,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let (hz, height) = (number("sine: hz", hz.0)?, number("sine: height", height.0)?);
        let turns = number("sine: degrees", degrees.0)? / 360.0;
        let drawing = drawing(eval)?;
        let turns_per_step = hz * drawing.declared.step_ms / 1000.0;
        let count = drawing.channels(channels)?.1.len();
        drawing.add(channels, span(drawing, from_ms, to_ms)?, |_, begin, values| {
            for (step, row) in (begin..).zip(values.chunks_exact_mut(count)) {
                let turn = (turns_per_step * step as f64 + turns).rem_euclid(1.0);
                row.fill((height * libm::sin(std::f64::consts::TAU * turn)) as f32);
            }
        })?;
        Ok(NoneType)
    }

    /// A normal number at each step and in each channel.
    fn noise<'v>(
        #[starlark(this)] _t: Value<'v>,
        channels: Value<'v>,
        sd: UnpackFloat,
        #[starlark(default = UnpackFloat(0.0))] from_ms: UnpackFloat,
        #[starlark(default = NoneOr::None)] to_ms: Ms,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        if sd.0 < 0.0 {
            refuse!("noise: sd = {}, expected 0 or more", sd.0);
        }
        let (drawing, sd) = (drawing(eval)?, number("noise: sd", sd.0)? as f32);
        drawing.add(channels, span(drawing, from_ms, to_ms)?, |stream, _, values| {
            stream.normals(values);
            values.iter_mut().for_each(|value| *value *= sd);
        })?;
        Ok(NoneType)
    }

    /// Clicks at random times, at most one per step and channel; returns their number.
    fn clicks<'v>(
        #[starlark(this)] _t: Value<'v>,
        channels: Value<'v>,
        hz: UnpackFloat,
        #[starlark(default = UnpackFloat(0.0))] from_ms: UnpackFloat,
        #[starlark(default = NoneOr::None)] to_ms: Ms,
        #[starlark(default = UnpackFloat(1.0))] height: UnpackFloat,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<i32> {
        let (drawing, height) = (drawing(eval)?, number("clicks: height", height.0)? as f32);
        let p = hz.0 * drawing.declared.step_ms / 1000.0;
        if !(0.0..=1.0).contains(&p) {
            let most = 1000.0 / drawing.declared.step_ms;
            refuse!("clicks: hz = {}, expected 0 to {most} (one click per step)", hz.0);
        }
        let (mut count, mut uniform) = (0, Vec::new());
        drawing.add(channels, span(drawing, from_ms, to_ms)?, |stream, _, values| {
            uniform.resize(values.len(), 0.0);
            stream.uniforms(&mut uniform);
            for (value, uniform) in values.iter_mut().zip(&uniform) {
                let click = *uniform < p;
                count += i32::from(click);
                *value = if click { height } else { 0.0 };
            }
        })?;
        Ok(count)
    }

    /// A bump on a ring of channels, which are tuned to equally spaced angles: height · exp((cos(angle - own) - 1) / width²)
    /// with the width in radians, or, as a Gaussian, height · exp(-(distance / width)² / 2).
    fn bump<'v>(
        #[starlark(this)] _t: Value<'v>,
        channels: Value<'v>,
        degrees: UnpackFloat,
        #[starlark(default = UnpackFloat(0.0))] from_ms: UnpackFloat,
        #[starlark(default = NoneOr::None)] to_ms: Ms,
        #[starlark(default = UnpackFloat(1.0))] height: UnpackFloat,
        #[starlark(default = UnpackFloat(30.0))] width_degrees: UnpackFloat,
        #[starlark(default = "von Mises")] profile: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let (degrees, height) = (number("bump: degrees", degrees.0)?, number("bump: height", height.0)?);
        let width_degrees = width_degrees.0;
        if !(1e-3..=360.0).contains(&width_degrees) {
            refuse!("bump: width_degrees = {width_degrees}, expected more than 0 and at most 360");
        }
        let drawing = drawing(eval)?;
        let count = drawing.channels(channels)?.1.len();
        let width = width_degrees.to_radians();
        let von_mises = |place: usize| {
            let turn = (degrees / 360.0 - place as f64 / count as f64).rem_euclid(1.0);
            libm::exp((libm::cos(std::f64::consts::TAU * turn) - 1.0) / (width * width))
        };
        let gaussian = |place: usize| {
            let ahead = (degrees - 360.0 * place as f64 / count as f64).rem_euclid(360.0);
            let apart = ahead.min(360.0 - ahead) / width_degrees;
            libm::exp(-apart * apart / 2.0)
        };
        let profile: &dyn Fn(usize) -> f64 = match profile {
            "von Mises" => &von_mises,
            "Gaussian" => &gaussian,
            other => refuse!(r#"bump: profile = "{other}", expected "von Mises" or "Gaussian""#),
        };
        let heights: Vec<f32> = (0..count).map(|place| (height * profile(place)) as f32).collect();
        drawing.add(channels, span(drawing, from_ms, to_ms)?, |_, begin, values| {
            if begin == 0 {
                values[..count].copy_from_slice(&heights);
                repeat(count, values);
            }
        })?;
        Ok(NoneType)
    }

    // Loss and length.

    /// Sets the weight of errors in the loss.
    fn weight<'v>(
        #[starlark(this)] _t: Value<'v>,
        weight: UnpackFloat,
        #[starlark(default = UnpackFloat(0.0))] from_ms: UnpackFloat,
        #[starlark(default = NoneOr::None)] to_ms: Ms,
        #[starlark(default = NoneOr::None)] outputs: NoneOr<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        if weight.0 < 0.0 {
            refuse!("weight: found {}, expected 0 or more", weight.0);
        }
        let (drawing, weight) = (drawing(eval)?, number("weight", weight.0)? as f32);
        let (window, count) = (span(drawing, from_ms, to_ms)?, drawing.declared.outputs.len());
        let outputs = outputs.into_option().map_or(Ok(0..count), |outputs| drawing.outputs(outputs))?;
        let trial = &mut drawing.state.borrow_mut().trial;
        if trial.weight.is_empty() {
            allocation::unlimited(|| trial.weight.resize(trial.target.len(), 1.0));
        }
        for row in trial.weight.chunks_exact_mut(count).skip(window.start).take(window.len()) {
            row[outputs.clone()].fill(weight);
        }
        Ok(NoneType)
    }

    /// Ends the trial: later steps are padding, which counts neither in the loss nor in rules.
    fn end(#[starlark(this)] _t: Value, ms: UnpackFloat, eval: &mut Evaluator) -> starlark::Result<NoneType> {
        let drawing = drawing(eval)?;
        let length = drawing.step("end: ms", ms.0)?;
        if length < 1 {
            refuse!("end: {} ms is not a step long", ms.0);
        }
        drawing.state.borrow_mut().trial.length = length;
        Ok(NoneType)
    }

    // Rules.

    /// The output passes a level at least once.
    fn reach<'v>(
        #[starlark(this)] _t: Value<'v>,
        outputs: Value<'v>,
        #[starlark(default = NoneOr::None)] above: Ms,
        #[starlark(default = NoneOr::None)] below: Ms,
        #[starlark(default = NoneOr::None)] from_ms: Ms,
        #[starlark(default = NoneOr::None)] to_ms: Ms,
        #[starlark(default = NoneOr::None)] network: NoneOr<&'v str>,
        #[starlark(default = NoneOr::None)] rules: NoneOr<&'v str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let demand = match (above.into_option(), below.into_option()) {
            (Some(level), None) => Demand::Above(number("reach: above", level.0)?),
            (None, Some(level)) => Demand::Below(number("reach: below", level.0)?),
            _ => refuse!("reach: expected a level, either above or below"),
        };
        drawing(eval)?.rule(outputs, |outputs| Ok((outputs, demand)), (from_ms, to_ms), (network, rules))
    }

    /// The output keeps above a level, below one, or between two, throughout.
    fn keep<'v>(
        #[starlark(this)] _t: Value<'v>,
        outputs: Value<'v>,
        #[starlark(default = NoneOr::None)] above: Ms,
        #[starlark(default = NoneOr::None)] below: Ms,
        #[starlark(default = NoneOr::None)] from_ms: Ms,
        #[starlark(default = NoneOr::None)] to_ms: Ms,
        #[starlark(default = NoneOr::None)] network: NoneOr<&'v str>,
        #[starlark(default = NoneOr::None)] rules: NoneOr<&'v str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let level = |name: &str, level: Ms| level.into_option().map(|level| number(name, level.0)).transpose();
        let demand = match (level("keep: above", above)?, level("keep: below", below)?) {
            (None, None) => refuse!("keep: expected a level, above, below or both"),
            (Some(low), Some(high)) if low >= high => refuse!("keep: above = {low} is not less than below = {high}"),
            (low, high) => Demand::Between(low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY)),
        };
        drawing(eval)?.rule(outputs, |outputs| Ok((outputs, demand)), (from_ms, to_ms), (network, rules))
    }

    /// The mean of the output is near a value.
    fn near<'v>(
        #[starlark(this)] _t: Value<'v>,
        outputs: Value<'v>,
        value: UnpackFloat,
        tolerance: UnpackFloat,
        #[starlark(default = NoneOr::None)] from_ms: Ms,
        #[starlark(default = NoneOr::None)] to_ms: Ms,
        #[starlark(default = NoneOr::None)] network: NoneOr<&'v str>,
        #[starlark(default = NoneOr::None)] rules: NoneOr<&'v str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let demand =
            Demand::Near { value: number("near: value", value.0)?, tolerance: tolerance_of("near", tolerance)? };
        drawing(eval)?.rule(outputs, |outputs| Ok((outputs, demand)), (from_ms, to_ms), (network, rules))
    }

    /// The mean of this output is the largest of all outputs, or of those `among`.
    fn largest<'v>(
        #[starlark(this)] _t: Value<'v>,
        output: Value<'v>,
        #[starlark(default = NoneOr::None)] among: NoneOr<Value<'v>>,
        #[starlark(default = NoneOr::None)] from_ms: Ms,
        #[starlark(default = NoneOr::None)] to_ms: Ms,
        #[starlark(default = NoneOr::None)] network: NoneOr<&'v str>,
        #[starlark(default = NoneOr::None)] rules: NoneOr<&'v str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let drawing = drawing(eval)?;
        let all = among.into_option().map_or(Ok(0..drawing.declared.outputs.len()), |among| drawing.outputs(among))?;
        let demand = |own: Range<usize>| {
            if own.len() != 1 || !all.contains(&own.start) || all.len() < 2 {
                refuse!("largest: expected one output among two or more");
            }
            Ok((all.clone(), Demand::Largest(own.start - all.start)))
        };
        drawing.rule(output, demand, (from_ms, to_ms), (network, rules))
    }

    /// The outputs, tuned to equally spaced angles, point to a direction.
    fn direction<'v>(
        #[starlark(this)] _t: Value<'v>,
        outputs: Value<'v>,
        degrees: UnpackFloat,
        tolerance: UnpackFloat,
        #[starlark(default = NoneOr::None)] from_ms: Ms,
        #[starlark(default = NoneOr::None)] to_ms: Ms,
        #[starlark(default = NoneOr::None)] network: NoneOr<&'v str>,
        #[starlark(default = NoneOr::None)] rules: NoneOr<&'v str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let degrees = number("direction: degrees", degrees.0)?;
        let tolerance = tolerance_of("direction", tolerance)?;
        let demand = |outputs: Range<usize>| {
            if outputs.len() < 3 {
                refuse!("direction: expected a group of three or more outputs");
            }
            Ok((outputs, Demand::Direction { degrees, tolerance }))
        };
        drawing(eval)?.rule(outputs, demand, (from_ms, to_ms), (network, rules))
    }
}

fn tolerance_of(rule: &str, tolerance: UnpackFloat) -> starlark::Result<f64> {
    if tolerance.0 >= 0.0 {
        return number(&format!("{rule}: tolerance"), tolerance.0);
    }
    refuse!("{rule}: tolerance = {}, expected 0 or more", tolerance.0)
}

/// Fills `values` with repetitions of its first `count` numbers.
fn repeat(count: usize, values: &mut [f32]) {
    let mut filled = count;
    while filled < values.len() {
        let more = filled.min(values.len() - filled);
        values.copy_within(..more, filled);
        filled += more;
    }
}
