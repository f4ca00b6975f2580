//! A recording in memory.

use super::layout::Layout;
use super::quantity::Quantity;
use super::sink::{Records, TrialRecord, describe, tensor};
use mdl_artifact::output::OutputError;
use mdl_artifact::{Artifact, Element};
use std::collections::BTreeMap;

/// Records, each quantity in one array with room for all trials.
pub(crate) struct Memory<'a> {
    layout: &'a Layout,
    values: BTreeMap<&'static str, Vec<f32>>,
    spike_count: Vec<u8>,
    correct: Vec<u8>,
}

impl<'a> Memory<'a> {
    /// Room for the records of a layout.
    pub fn new(layout: &'a Layout) -> Self {
        let size = |quantity| layout.trials.len() * layout.times * layout.width(quantity);
        let values = layout.quantities.iter().filter(|quantity| **quantity != Quantity::Spikes);
        let values = values.map(|quantity| (tensor(layout, *quantity), vec![0.0; size(*quantity)])).collect();
        let spikes = if layout.has(Quantity::Spikes) { size(Quantity::Spikes) } else { 0 };
        Self { layout, values, spike_count: vec![0; spikes], correct: vec![0; layout.trials.len()] }
    }

    /// Adds the records and the times of their steps to an artifact; returns which of the trials were answered
    /// correctly, 0 or 1 each.
    pub fn finish(mut self, time_ms: &[f64], artifact: &mut Artifact) -> Vec<u8> {
        describe(self.layout, time_ms, artifact);
        for quantity in &self.layout.quantities {
            let name = tensor(self.layout, *quantity);
            let shape = [self.layout.trials.len(), self.layout.times, self.layout.width(*quantity)];
            match self.values.remove(name) {
                Some(values) => artifact.insert(name, &shape, values),
                None => artifact.insert(name, &shape, std::mem::take(&mut self.spike_count)),
            }
        }
        self.correct
    }
}

impl Records for Memory<'_> {
    fn add(&mut self, index: usize, record: TrialRecord) -> Result<(), OutputError> {
        self.correct[index] = u8::from(record.correct);
        for (quantity, values) in &record.values {
            if let Some(all) = self.values.get_mut(tensor(self.layout, *quantity)) {
                put(index, values, all);
            }
        }
        record.spike_count.iter().for_each(|counts| put(index, counts, &mut self.spike_count));
        Ok(())
    }
}

/// Copies the values of the `index`-th trial to their place.
fn put<T: Element>(index: usize, values: &[T], all: &mut [T]) {
    all[index * values.len()..][..values.len()].copy_from_slice(values);
}
