//! Writes synthetic spoken words in the format of the Spiking Heidelberg Digits, to time a training without the data set:
//!
//! ```sh
//! cargo run --release -p mdl-data --example synthetic_speech -- DIRECTORY [EXAMPLES]
//! ```
//!
//! The training file has 8156 examples by default and the test file 2264, as those of SHD.

use mdl_data::events::heidelberg::{Part, SpeechDataset};
use mdl_data::events::synthetic::Synthetic;
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (directory, examples) = match &arguments[..] {
        [directory] => (directory, None),
        [directory, examples] => (directory, Some(examples.parse::<usize>()?)),
        _ => return Err("usage: synthetic_speech DIRECTORY [EXAMPLES]".into()),
    };
    let shd = SpeechDataset::Shd;
    std::fs::create_dir_all(directory)?;
    for (part, seed) in [(Part::Training, 1), (Part::Test, 2)] {
        let examples = examples.unwrap_or(shd.examples(part));
        Synthetic { examples, events: 8000, seed }.write(&Path::new(directory).join(shd.file(part)))?;
    }
    Ok(())
}
