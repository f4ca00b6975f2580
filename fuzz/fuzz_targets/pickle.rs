//! Reader of the pickles in PyTorch files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = mdl_exchange::readers::torch::pickle::read(data);
});
