//! Reader of checkpoints of training runs.
#![no_main]

#[path = "../readers/checkpoint.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|data: &[u8]| reader::read(data));
