//! Reader of artifacts.
#![no_main]

#[path = "../readers/artifact.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|data: &[u8]| reader::read(data));
