//! The reader of MATLAB files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = mdl_exchange::mat::read(data, |_| true);
});
