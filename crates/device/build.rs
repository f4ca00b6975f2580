//! Compiles the kernels to PTX where the feature `cuda` asks for it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "cuda")]
    compile();
}

#[cfg(feature = "cuda")]
fn compile() {
    println!("cargo::rerun-if-changed=kernels");
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let built = cudaforge::KernelBuilder::new()
        .source_dir("kernels")
        .args(["-std=c++17", "-O3"])
        .build_ptx()
        .and_then(|bindings| bindings.write(out.join("ptx.rs")));
    if let Err(error) = built {
        panic!("compiling the CUDA kernels: {error}");
    }
}
