//! Readers of the metrics of a training run.
#![no_main]

#[path = "../readers/metrics.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|data: &[u8]| reader::read(data));
