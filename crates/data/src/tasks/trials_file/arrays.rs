//! Checked arrays of one file: extents that agree, finite values, whole numbers.

use super::axes::Axes;
use super::error::TrialsError;
use super::read::{Array, TrialFile};
use crate::field::LARGEST;
use crate::tasks::rule::Rule;
use mdl_artifact::arrays::Content;

/// Longest trial (steps), as for tasks that are drawn.
const MOST_STEPS: usize = 1_000_000;
/// Most channels of inputs, and of outputs.
const MOST_CHANNELS: usize = 4096;

/// Class of each trial or of each step.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Labels {
    /// `[B]`
    OfTrials(Vec<usize>),
    /// `[B, T]`; none for a step without a class.
    OfSteps(Vec<Option<usize>>),
}

impl Labels {
    /// Smallest and largest class.
    pub fn range(&self) -> Option<(usize, usize)> {
        let of = |classes: &mut dyn Iterator<Item = usize>| {
            classes.fold(None, |range: Option<(usize, usize)>, class| {
                let (low, high) = range.unwrap_or((class, class));
                Some((low.min(class), high.max(class)))
            })
        };
        match self {
            Self::OfTrials(classes) => of(&mut classes.iter().copied()),
            Self::OfSteps(classes) => of(&mut classes.iter().flatten().copied()),
        }
    }

    /// Largest class.
    pub fn largest(&self) -> Option<usize> {
        self.range().map(|(_, largest)| largest)
    }
}

/// Condition of each trial, `[B]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Conditions {
    Numbers(Vec<usize>),
    Names(Vec<String>),
}

/// Arrays of a file, trial by trial. Values beyond the end of a trial are 0.
pub(super) struct FileArrays {
    /// Trials B, steps T, input channels K.
    pub count: usize,
    pub steps: usize,
    pub channels: usize,
    /// `[B, T, K]`
    pub input: Vec<f32>,
    /// Outputs O, and `[B, T, O]`.
    pub target: Option<(usize, Vec<f32>)>,
    pub labels: Option<Labels>,
    /// Outputs that weights are for, O or 1, and `[B, T, O or 1]`.
    pub weight: Option<(usize, Vec<f32>)>,
    /// Steps of each trial, `[B]`
    pub length: Vec<usize>,
    pub conditions: Option<Conditions>,
    /// Rules of each trial, if the file has them.
    pub rules: Vec<Vec<Rule>>,
}

impl FileArrays {
    /// Checks the arrays of a file.
    pub fn new(file: &mut TrialFile) -> Result<Self, TrialsError> {
        let [count, steps, channels] = Reader { file }.extents()?;
        let mut length = vec![steps; count];
        if file.arrays.contains_key("length") {
            let expected = format!("whole numbers from 1 to {steps}, the steps of the longest trial");
            let fits = |x: f64| (1.0..=steps as f64).contains(&x).then_some(x as usize);
            length = Reader { file }.whole("length", &[count], &expected, fits)?;
        }
        let own_rules = file.own.as_mut().map(|own| std::mem::take(&mut own.rules)).unwrap_or_default();
        let mut reader = Reader { file };
        let (_, input) = reader.numbers("input", &length)?;
        let target = reader.has("target").then(|| reader.numbers("target", &length)).transpose()?;
        let weight = reader.has("weight").then(|| reader.numbers("weight", &length)).transpose()?;
        if let Some(at) = weight.iter().flat_map(|(_, weight)| weight).position(|weight| *weight < 0.0) {
            let (width, values) = weight.as_ref().expect("it has been looked at");
            let found = format!("{} in trial {}", values[at], at / (steps * width));
            return Err(reader.error("weight", found, "numbers of at least 0"));
        }
        let labels = reader.has("label").then(|| reader.labels(&length)).transpose()?;
        let conditions = reader.has("condition").then(|| reader.conditions(count)).transpose()?;
        // Rules are for the steps and outputs of the file itself.
        let rules = if own_rules.len() == count { own_rules } else { Vec::new() };
        Ok(Self { count, steps, channels, input, target, labels, weight, length, conditions, rules })
    }
}

/// Reads the arrays of a file.
struct Reader<'a> {
    file: &'a mut TrialFile,
}

impl Reader<'_> {
    fn has(&self, role: &str) -> bool {
        self.file.arrays.contains_key(role)
    }

    fn array(&self, role: &str) -> &Array {
        &self.file.arrays[role]
    }

    fn error(&self, role: &str, found: impl std::fmt::Display, expected: &str) -> TrialsError {
        TrialsError::array(&self.file.path, &self.array(role).name, found, expected)
    }

    /// Trials, steps and input channels, in which all arrays agree.
    fn extents(&self) -> Result<[usize; 3], TrialsError> {
        let axes = self.file.axes;
        let input = self.shape("input");
        let Some([count, steps, channels]) = axes.extents(input) else {
            let expected = format!("the axes {}, by task.axes, or two of them for one channel", axes.words());
            return Err(self.error("input", format!("shape {input:?}"), &expected));
        };
        if !self.agree(axes) {
            return Err(self.disagreement(axes, [count, steps]));
        }
        if count == 0 {
            return Err(self.error("input", format!("shape {input:?}, no trial"), "at least one trial"));
        }
        if !(2..=MOST_STEPS).contains(&steps) {
            return Err(self.error("input", format!("{steps} steps"), &format!("2 to {MOST_STEPS} steps")));
        }
        if !(1..=MOST_CHANNELS).contains(&channels) {
            let expected = format!("1 to {MOST_CHANNELS} channels; task.axes gives the order of the axes");
            return Err(self.error("input", format!("{channels} channels"), &expected));
        }
        if self.has("target") {
            let outputs = axes.extents(self.shape("target")).map_or(0, |[_, _, outputs]| outputs);
            if !(1..=MOST_CHANNELS).contains(&outputs) {
                return Err(self.error("target", format!("{outputs} outputs"), &format!("1 to {MOST_CHANNELS}")));
            }
        }
        Ok([count, steps, channels])
    }

    fn shape(&self, role: &str) -> &[usize] {
        &self.array(role).variable.shape
    }

    /// Extents that an array must have under an order of the axes; none for a number of dimensions that it cannot have.
    fn expected(&self, role: &str, axes: Axes, [count, steps]: [usize; 2]) -> Option<Vec<Option<usize>>> {
        use super::axes::Axis::{Channel, Time, Trial};
        let extent = |axis| match axis {
            Trial => Some(count),
            Time => Some(steps),
            Channel => None,
        };
        match (role, self.shape(role).len()) {
            ("length" | "condition", 1) | ("label", 1) => Some(vec![Some(count)]),
            ("label", 2) | ("target" | "weight" | "input", 2 | 3) => {
                Some(axes.of(self.shape(role).len())?.into_iter().map(extent).collect())
            }
            _ => None,
        }
    }

    /// Whether every array agrees with the input under an order of the axes.
    fn agree(&self, axes: Axes) -> bool {
        let Some([count, steps, _]) = axes.extents(self.shape("input")) else { return false };
        let outputs = self.has("target").then(|| axes.extents(self.shape("target"))).flatten().map(|found| found[2]);
        let fits = |role: &&str| {
            let expected = self.expected(role, axes, [count, steps]);
            let fits = |expected: Vec<Option<usize>>| {
                self.shape(role).iter().zip(expected).all(|(found, expected)| expected.is_none_or(|own| own == *found))
            };
            // Weights are for every output or for all together.
            let width = axes.extents(self.shape(role)).filter(|_| **role == *"weight").map(|found| found[2]);
            let wide = width.is_none_or(|width| width == 1 || outputs.is_none_or(|outputs| width == outputs));
            wide && expected.is_some_and(fits)
        };
        self.file.arrays.keys().all(fits)
    }

    /// Error about the first array that does not agree with the input.
    fn disagreement(&self, axes: Axes, extents: [usize; 2]) -> TrialsError {
        let other = Axes::all().find(|other| *other != axes && self.agree(*other));
        let remedy = match other {
            Some(other) => format!("; all arrays agree if task.axes is \"{}\"", other.words()),
            None => String::new(),
        };
        let order = axes.words();
        let input = self.shape("input");
        for role in ["target", "label", "weight", "length", "condition"].into_iter().filter(|role| self.has(role)) {
            let shape = self.shape(role);
            let expected = self.expected(role, axes, extents);
            let fits = expected.as_ref().is_some_and(|expected| {
                shape.iter().zip(expected).all(|(found, expected)| expected.is_none_or(|own| own == *found))
            });
            if fits && role != "weight" {
                continue;
            }
            let any = |expected: &Vec<Option<usize>>| {
                let extent = |extent: &Option<usize>| extent.map_or_else(|| "any".into(), |own| own.to_string());
                format!("[{}]", expected.iter().map(extent).collect::<Vec<String>>().join(", "))
            };
            let expected = match (role, &expected) {
                ("weight", Some(own)) if fits => format!("{} with a channel per output, or without channels", any(own)),
                (_, Some(own)) => any(own),
                ("label", None) => format!("[{}] or [{}, {}]", extents[0], extents[0], extents[1]),
                ("length" | "condition", None) => format!("[{}], a number per trial", extents[0]),
                (_, None) => format!("the axes {order}"),
            };
            let expected = format!("{expected}, because the input has shape {input:?} and the axes {order}{remedy}");
            return self.error(role, format!("shape {shape:?}"), &expected);
        }
        self.error("input", format!("shape {input:?}"), &format!("the axes {order}{remedy}"))
    }

    /// Takes the numbers of an array.
    fn take(&mut self, role: &str, expected: &str) -> Result<(Vec<usize>, Vec<f64>), TrialsError> {
        let variable = self.file.arrays.get_mut(role).map(|array| &mut array.variable).expect("it is there");
        let shape = variable.shape.clone();
        let content = std::mem::replace(&mut variable.content, Content::Numbers(Vec::new()));
        let found = match content {
            Content::Numbers(values) => return Ok((shape, values)),
            Content::Text(_) | Content::Texts(_) => "text".into(),
            Content::Other(what) if what == "pickled objects" => {
                format!("{what}, as of lists of different lengths: pad them to one length, and give the array `length`")
            }
            Content::Other(what) => what,
        };
        Err(self.error(role, found, expected))
    }

    /// Channels and values `[B, T, channels]` of an array; values beyond the end of a trial count as 0.
    fn numbers(&mut self, role: &str, length: &[usize]) -> Result<(usize, Vec<f32>), TrialsError> {
        let axes = self.file.axes;
        let (shape, stored) = self.take(role, "numbers")?;
        let [_, steps, channels] = axes.extents(&shape).expect("it agrees with the input");
        let mut values = axes.arranged(&stored, &shape).expect("likewise");
        drop(stored);
        for (trial, (values, length)) in values.chunks_exact_mut(steps * channels).zip(length).enumerate() {
            let (inside, beyond) = values.split_at_mut(length * channels);
            beyond.fill(0.0);
            if let Some(at) = inside.iter().position(|x| !(x.is_finite() && f64::from(x.abs()) <= LARGEST)) {
                let (step, channel) = (at / channels, at % channels);
                let found = format!("{} in trial {trial}, step {step}, channel {channel}", inside[at]);
                let expected =
                    "finite numbers of at most a million in size (steps from the `length` of a trial on are not read)";
                return Err(self.error(role, found, expected));
            }
        }
        Ok((channels, values))
    }

    /// Whole numbers of an array of this shape.
    fn whole<T>(
        &mut self,
        role: &str,
        shape: &[usize],
        expected: &str,
        fits: impl Fn(f64) -> Option<T>,
    ) -> Result<Vec<T>, TrialsError> {
        let (found, values) = self.take(role, expected)?;
        if found != shape {
            return Err(self.error(role, format!("shape {found:?}"), &format!("shape {shape:?}")));
        }
        let one = |(at, x): (usize, &f64)| {
            let value = (x.fract() == 0.0).then(|| fits(*x)).flatten();
            value.ok_or_else(|| self.error(role, format!("{x} at element {at}"), expected))
        };
        values.iter().enumerate().map(one).collect()
    }

    fn labels(&mut self, length: &[usize]) -> Result<Labels, TrialsError> {
        let shape = self.shape("label").to_vec();
        let class = |x: f64| (0.0..MOST_CHANNELS as f64).contains(&x).then_some(x as usize);
        if shape.len() == 1 {
            let expected = format!("classes, whole numbers from 0 to {}", MOST_CHANNELS - 1);
            return Ok(Labels::OfTrials(self.whole("label", &shape, &expected, class)?));
        }
        let expected = format!("classes, whole numbers from 0 to {}, or -1 for none", MOST_CHANNELS - 1);
        let fits = |x: f64| if x == -1.0 { Some(None) } else { class(x).map(Some) };
        let axes = self.file.axes;
        let [_, steps, _] = axes.extents(&shape).expect("it agrees with the input");
        let (_, values) = self.take("label", &expected)?;
        let arranged = axes.arranged(&values, &shape).expect("likewise");
        let mut classes = Vec::with_capacity(arranged.len());
        for (trial, (labels, length)) in arranged.chunks_exact(steps).zip(length).enumerate() {
            for (step, label) in labels.iter().enumerate() {
                let x = f64::from(*label);
                let value = if step < *length { (x.fract() == 0.0).then(|| fits(x)).flatten() } else { Some(None) };
                let found = || format!("{label} in trial {trial}, step {step}");
                classes.push(value.ok_or_else(|| self.error("label", found(), &expected))?);
            }
        }
        Ok(Labels::OfSteps(classes))
    }

    fn conditions(&mut self, count: usize) -> Result<Conditions, TrialsError> {
        let variable = self.file.arrays.get_mut("condition").map(|array| &mut array.variable).expect("it is there");
        let names = match &mut variable.content {
            Content::Texts(names) => std::mem::take(names),
            Content::Text(name) => vec![std::mem::take(name)],
            _ => {
                let expected = "names, or whole numbers from 0 to 4095";
                let fits = |x: f64| (0.0..MOST_CHANNELS as f64).contains(&x).then_some(x as usize);
                return Ok(Conditions::Numbers(self.whole("condition", &[count], expected, fits)?));
            }
        };
        let odd = |name: &&String| name.is_empty() || name.contains(char::is_control);
        if let Some(name) = names.iter().find(odd) {
            return Err(self.error("condition", format!("{name:?}"), "names without control characters"));
        }
        if names.len() != count {
            return Err(self.error("condition", format!("{} names", names.len()), &format!("{count}, one per trial")));
        }
        Ok(Conditions::Names(names))
    }
}
