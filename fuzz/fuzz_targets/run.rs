//! Configs that validate, run.
#![no_main]

#[path = "../readers/run.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|data: &[u8]| reader::read(data));
