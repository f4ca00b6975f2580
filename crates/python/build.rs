//! Puts the configs and tasks into the module, and lets it be linked without Python's library, which the interpreter that
//! loads it provides.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() {
    pyo3_build_config::add_extension_module_link_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut table = String::from("pub static FILES: &[(&str, &str)] = &[\n");
    for folder in ["configs", "tasks"] {
        let folder_path = root.join(folder);
        println!("cargo::rerun-if-changed={}", folder_path.display());
        let entries = std::fs::read_dir(&folder_path).expect("the repository has this folder");
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "json" || e == "star")) {
            let name = file.file_name().expect("it is a file").to_string_lossy();
            writeln!(table, "    ({:?}, include_str!({:?})),", format!("{folder}/{name}"), file).expect("a text");
        }
    }
    table.push_str("];\n");
    let output = std::env::var_os("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&output).join("shipped.rs"), table).expect("the folder can be written");
}
