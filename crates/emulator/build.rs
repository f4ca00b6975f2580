//! Compiles the kernels for the host. Without a C++ compiler the crate still builds, and says so when it is asked to run.

fn main() {
    let kernels = "../device/kernels";
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=host");
    println!("cargo::rerun-if-changed={kernels}");
    println!("cargo::rustc-check-cfg=cfg(emulated)");
    let compiled = cc::Build::new()
        .cpp(true)
        .std("c++17")
        .include("host")
        .include(kernels)
        .opt_level(2)
        // As the CPU's operators: every product is rounded before it is added.
        .flag_if_supported("-ffp-contract=off")
        // The fortified longjmp refuses to leave one stack for another.
        .flag_if_supported("-U_FORTIFY_SOURCE")
        .flag_if_supported("-Wno-unknown-pragmas")
        .file("host/emulator.cpp")
        .try_compile("mdl_kernels");
    match compiled {
        Ok(()) => println!("cargo::rustc-cfg=emulated"),
        Err(error) => println!("cargo::warning=the CUDA kernels are not tested: no C++ compiler ({error})"),
    }
}
