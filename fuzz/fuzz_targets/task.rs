//! Reader of tasks in Starlark.
#![no_main]

#[path = "../readers/task.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|data: &[u8]| reader::read(data));
