//! Reader of IDX files.
#![no_main]

#[path = "../readers/idx.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|data: &[u8]| reader::read(data));
