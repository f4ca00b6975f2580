//! Compiles the kernels of the networks to PTX where the feature `cuda` asks for it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "cuda")]
    compile();
}

#[cfg(feature = "cuda")]
fn compile() {
    /// Folders of kernels and of what they include, seen from this crate.
    const FOLDERS: [&str; 6] = [
        "kernels",
        "../model/src/rate",
        "../model/src/readout",
        "../model/src/spiking",
        "../convert/src/lif",
        "../train/src/adam",
    ];
    let mut sources = Vec::new();
    let mut builder = cudaforge::KernelBuilder::new().args(["-std=c++17", "-O3"]);
    for folder in FOLDERS {
        builder = builder.include_path(folder);
        for entry in std::fs::read_dir(folder).expect("the folder of kernels is there") {
            let path = entry.expect("a folder that can be read").path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            if matches!(ending, Some("cu" | "cuh")) {
                println!("cargo::rerun-if-changed={}", path.display());
            }
            if ending == Some("cu") {
                sources.push(path);
            }
        }
    }
    sources.sort();
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let built = builder.source_files(sources).build_ptx().and_then(|bindings| bindings.write(out.join("ptx.rs")));
    if let Err(error) = built {
        panic!("compiling the CUDA kernels: {error}");
    }
}
