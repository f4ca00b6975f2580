//! Readers of files of other tools.
#![no_main]

#[path = "../readers/foreign.rs"]
mod foreign;

libfuzzer_sys::fuzz_target!(|data: &[u8]| foreign::read(data));
