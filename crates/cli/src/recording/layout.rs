//! Trials, units, steps and quantities of a recording, and the tensors that they make.

use super::quantity::Quantity;
use super::selection::Selection;
use crate::status::usage;
use mdl_artifact::Kind;

/// Sizes of a network and its trials.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Kind of the network.
    pub network: Kind,
    /// Trials B.
    pub trials: usize,
    /// Steps of a trial: those of the simulation for LIF networks, those of the task for others.
    pub steps: usize,
    /// Units N.
    pub units: usize,
    /// Modes P; none for a network without modes.
    pub modes: Option<usize>,
    /// Input channels K.
    pub channels: usize,
    /// Outputs O.
    pub outputs: usize,
}

/// What is to be recorded, as given on the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<'a> {
    /// Quantities; none: the default ones of the kind of network.
    pub record: &'a [Quantity],
    /// Units; none: all.
    pub units: Option<&'a Selection>,
    /// Trials; none: all.
    pub trials: Option<&'a Selection>,
    /// Every so many steps.
    pub every: usize,
}

/// What is recorded.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub sizes: Sizes,
    pub quantities: Vec<Quantity>,
    /// Recorded units, ascending.
    pub units: Vec<usize>,
    /// Recorded trials, ascending.
    pub trials: Vec<usize>,
    /// Steps between two recorded ones.
    pub every: usize,
    /// Number of recorded steps R.
    pub times: usize,
}

impl Layout {
    /// Checks a choice against the sizes of the network and the trials.
    ///
    /// # Errors
    /// A quantity, unit, trial or interval that there is not (status 2).
    pub fn new(choice: &Choice, sizes: Sizes) -> anyhow::Result<Self> {
        let every = choice.every;
        if every > sizes.steps {
            return Err(usage(format!(
                "--every: found {every}, expected at most the {} steps of a trial",
                sizes.steps
            )));
        }
        let all = |selection: Option<&Selection>, count: usize, option, things| match selection {
            None => Ok((0..count).collect()),
            Some(selection) => selection.of(count, option, things),
        };
        Ok(Self {
            quantities: Quantity::requested(choice.record, sizes.network, sizes.modes.is_some())?,
            units: all(choice.units, sizes.units, "--units", "units")?,
            trials: all(choice.trials, sizes.trials, "--only", "trials")?,
            every,
            times: if sizes.network == Kind::Lif { sizes.steps / every } else { sizes.steps.div_ceil(every) },
            sizes,
        })
    }

    /// True if a quantity is recorded.
    pub fn has(&self, quantity: Quantity) -> bool {
        self.quantities.contains(&quantity)
    }

    /// Recorded steps: 0, k, 2k, … of trained networks; of LIF networks, whose steps are counted from 1, k, 2k, ….
    pub fn steps(&self) -> impl Iterator<Item = usize> + '_ {
        let first = if self.sizes.network == Kind::Lif { self.every } else { 0 };
        (0..self.times).map(move |index| first + index * self.every)
    }

    /// Values of a quantity at one step.
    pub fn width(&self, quantity: Quantity) -> usize {
        match quantity {
            Quantity::Potential | Quantity::Rate | Quantity::Current | Quantity::Spikes => self.units.len(),
            Quantity::Modes => self.sizes.modes.unwrap_or(0),
            Quantity::Output => self.sizes.outputs,
            Quantity::Input => self.sizes.channels,
        }
    }

    /// Values recorded in one trial.
    pub fn values_per_trial(&self) -> usize {
        self.times * self.quantities.iter().map(|quantity| self.width(*quantity)).sum::<usize>()
    }
}
