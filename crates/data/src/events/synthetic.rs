//! Synthetic spoken words in the format of the Spiking Heidelberg Digits: for timing, and for tests without the data set.
//!
//! A word of class c has three ridges, which move from one unit to another while it is spoken. Events are drawn around them:
//!
//! ```text
//! unit = a + (b − a) s + shift + N(0, 15²)      s: uniform in 0 … 1, for 90 % of the events; others anywhere
//! t    = 0.05 s + s · duration                  duration: uniform in 0.5 … 0.9 s; shift: uniform in −20 … 20
//! ```
//!
//! The ends a and b of the ridges are a function of the class; all else depends on the seed. An example has some 8000 events, as
//! those of SHD.

use super::heidelberg::UNITS;
use hdf5_pure::{CharacterSet, Datatype, DatatypeByteOrder, Error, File, FileBuilder, FloatingPointLayout, Layout};
use mdl_kernels::random::{Purpose, Stream};
use std::path::Path;

/// Classes of SHD.
const CLASSES: usize = 20;
/// Ridges of a word.
const RIDGES: u32 = 3;

/// Size of a synthetic file.
#[derive(Clone, Copy, Debug)]
pub struct Synthetic {
    /// Number of examples; their classes take turns.
    pub examples: usize,
    /// Mean number of events of an example.
    pub events: u32,
    /// Seed of the examples; training and test files need different ones.
    pub seed: u64,
}

impl Synthetic {
    /// Writes the file.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let examples: Vec<(Vec<f32>, Vec<u16>)> = (0..self.examples).map(|e| self.example(e)).collect();
        let labels: Vec<u16> = (0..self.examples).map(|e| (e % CLASSES) as u16).collect();
        // The address of the lists is known once the file has been laid out.
        let draft = File::from_bytes(lay_out(&labels, &examples, 0)?)?;
        let Layout::Contiguous { address: Some(address), .. } = draft.dataset("heap")?.layout()? else {
            return Err(Error::NotADataset("heap".into()));
        };
        drop(draft);
        std::fs::write(path, lay_out(&labels, &examples, address)?).map_err(Error::Io)
    }

    /// Times (s) and units of an example.
    fn example(&self, example: usize) -> (Vec<f32>, Vec<u16>) {
        let mut ends = Stream::new(0, Purpose::Shuffle, (example % CLASSES) as u64);
        let ridges: Vec<[f64; 2]> =
            (0..RIDGES).map(|_| [ends.uniform(), ends.uniform()].map(|x| 50.0 + 600.0 * x)).collect();
        let mut stream = Stream::new(self.seed, Purpose::Encoding, example as u64);
        let (duration, shift) = (0.5 + 0.4 * stream.uniform(), 40.0 * stream.uniform() - 20.0);
        let count = (f64::from(self.events) * (0.75 + 0.5 * stream.uniform())) as usize;
        let mut events: Vec<(f32, u16)> = (0..count)
            .map(|_| {
                let [a, b] = ridges[stream.below(RIDGES) as usize];
                let s = stream.uniform();
                let unit = match stream.below(10) {
                    0 => UNITS as f64 * stream.uniform(),
                    _ => a + (b - a) * s + shift + 15.0 * f64::from(stream.normal()),
                };
                ((0.05 + s * duration) as f32, unit.clamp(0.0, UNITS as f64 - 1.0) as u16)
            })
            .collect();
        events.sort_by(|a, b| a.0.total_cmp(&b.0));
        events.into_iter().unzip()
    }
}

/// Bytes of a file whose dataset `heap` is at `address`. Its bytes are the heaps of the lists, one per example with the times
/// as object 1 and the units as object 2.
fn lay_out(labels: &[u16], examples: &[(Vec<f32>, Vec<u16>)], address: u64) -> Result<Vec<u8>, Error> {
    let mut heap = Vec::new();
    let mut references = [Vec::new(), Vec::new()];
    for (times, units) in examples {
        let at = address + heap.len() as u64;
        let objects = [
            times.iter().flat_map(|time| time.to_le_bytes()).collect::<Vec<u8>>(),
            units.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        ];
        let size: usize = 16 + objects.iter().map(|object| 16 + object.len().next_multiple_of(8)).sum::<usize>();
        heap.extend_from_slice(b"GCOL\x01\0\0\0");
        heap.extend_from_slice(&(size as u64).to_le_bytes());
        for (index, (object, references)) in (1u32..).zip(objects.iter().zip(&mut references)) {
            references.extend_from_slice(&(times.len() as u32).to_le_bytes());
            references.extend_from_slice(&at.to_le_bytes());
            references.extend_from_slice(&index.to_le_bytes());
            heap.extend_from_slice(&[index as u8, 0, 1, 0, 0, 0, 0, 0]);
            heap.extend_from_slice(&(object.len() as u64).to_le_bytes());
            heap.extend_from_slice(object);
            heap.resize(heap.len().next_multiple_of(8), 0);
        }
    }
    let mut file = FileBuilder::new();
    file.create_dataset("labels").with_u16_data(labels);
    file.create_dataset("heap").with_u8_data(&heap);
    let mut spikes = file.create_group("spikes");
    let [times, units] = references;
    let single = Datatype::FloatingPoint {
        size: 4,
        byte_order: DatatypeByteOrder::LittleEndian,
        layout: FloatingPointLayout::IEEE754_BINARY32,
    };
    for (name, base, references) in [("times", single, times), ("units", hdf5_pure::make_u16_type(), units)] {
        let lists = Datatype::VariableLength {
            is_string: false,
            padding: None,
            charset: None::<CharacterSet>,
            base_type: Box::new(base),
        };
        spikes.create_dataset(name).with_raw_data(lists, references, labels.len() as u64);
    }
    file.add_group(spikes.finish());
    file.finish()
}
