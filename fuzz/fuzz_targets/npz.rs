//! The reader of NumPy files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = mdl_exchange::numpy::read(data, |_| true);
});
