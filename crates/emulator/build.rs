//! Compiles the kernels for the host. Without a C++ compiler the crate still builds, and says so when it is asked to run.

fn main() {
    const FOLDERS: [&str; 6] = [
        "../device/kernels",
        "../model/src/rate",
        "../model/src/readout",
        "../model/src/spiking",
        "../convert/src/lif",
        "../train/src/adam",
    ];
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=host");
    for entry in FOLDERS.iter().flat_map(|folder| std::fs::read_dir(folder).expect("the folder of kernels is there")) {
        let path = entry.expect("a folder that can be read").path();
        if path.extension().is_some_and(|ending| ending == "cu" || ending == "cuh") {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    println!("cargo::rustc-check-cfg=cfg(emulated)");
    let compiled = cc::Build::new()
        .cpp(true)
        .std("c++17")
        .include("host")
        .includes(FOLDERS)
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
