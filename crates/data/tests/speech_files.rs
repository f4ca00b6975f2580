//! Files of the Spiking Heidelberg Digits: those of PyTables and h5py, and wrong, damaged and hostile ones.

use mdl_data::events::heidelberg::{Part, SpeechDataset};
use mdl_data::events::synthetic::Synthetic;
use mdl_data::tasks::{BatchInput, DataSet, Examples, Presentation, SpikingSpeech};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const NAME: &str = "shd_test.h5";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/heidelberg").join(name)
}

/// The task with the test file `bytes`.
fn task(dir: &TempDir, bytes: &[u8]) -> SpikingSpeech {
    std::fs::write(dir.path().join(NAME), bytes).unwrap();
    let directory = Some(dir.path().to_path_buf());
    SpikingSpeech { directory, verify: false, steps: 50, step_ms: 20.0, ..SpikingSpeech::default() }
}

fn error(bytes: &[u8]) -> String {
    let dir = TempDir::new().unwrap();
    match task(&dir, bytes).load_test() {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

/// Step and channel of each spike of an example.
fn spikes(examples: &dyn Examples, example: usize) -> Vec<[usize; 2]> {
    let presentation = Presentation { seed: 1, keys: &[0], in_training: false };
    let BatchInput::Spikes(spikes) = examples.input(&[example], &presentation).unwrap() else { panic!("no spikes") };
    let channels = spikes.channels();
    let dense = spikes.to_dense();
    (0..dense.len()).filter(|i| dense[*i] > 0.0).map(|i| [i / channels, i % channels]).collect()
}

#[test]
fn files_of_pytables_and_h5py_are_binned_as_by_numpy() {
    let expected = std::fs::read_to_string(fixture("spikes.json")).unwrap();
    let expected: Vec<serde_json::Value> = serde_json::from_str(&expected).unwrap();
    for name in ["pytables.h5", "h5py.h5"] {
        let dir = TempDir::new().unwrap();
        let examples = task(&dir, &std::fs::read(fixture(name)).unwrap()).load_test().unwrap();
        assert_eq!(examples.count(), expected.len());
        for (e, expected) in expected.iter().enumerate() {
            assert_eq!(u64::from(examples.labels()[e]), expected["label"].as_u64().unwrap(), "{name}");
            let expected: Vec<[usize; 2]> = serde_json::from_value(expected["spikes"].clone()).unwrap();
            assert_eq!(spikes(&*examples, e), expected, "{name}: example {e}");
        }
    }
}

#[test]
fn files_are_found_where_tonic_and_archive_managers_put_them() {
    let bytes = std::fs::read(fixture("pytables.h5")).unwrap();
    for place in ["SHD", "hsd", NAME] {
        let dir = TempDir::new().unwrap();
        std::fs::create_dir(dir.path().join(place)).unwrap();
        let path = dir.path().join(place).join(NAME);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(SpeechDataset::Shd.find(Part::Test, dir.path()), Some(path));
    }
}

#[test]
fn missing_and_packed_files_are_told_with_their_page() {
    let dir = TempDir::new().unwrap();
    let task = SpikingSpeech { directory: Some(dir.path().into()), ..SpikingSpeech::default() };
    let error = |task: &SpikingSpeech| task.load_training().err().unwrap().to_string();
    let told = error(&task);
    let place = dir.path().display();
    let advice = format!(
        "`get-data --dataset shd -o {place}` gets the data set; by hand: download shd_train.h5, shd_test.h5 (.gz or .zip) \
         from https://zenkelab.org/datasets to {place}"
    );
    assert!(told.contains("shd_train.h5: no such file") && told.contains(&advice), "{told}");
    std::fs::write(dir.path().join("shd_train.h5.gz"), "").unwrap();
    let told = error(&task);
    assert!(told.contains("found only") && told.contains("gunzip -k") && told.contains("shd_train.h5.gz"), "{told}");
}

#[test]
fn files_of_other_content_are_refused_by_name() {
    assert!(error(b"<!DOCTYPE html>").contains("shd_test.h5: found an HTML page, expected an HDF5 file with labels"));
    assert!(error(b"").contains("found an empty file"));
    let h5 = |make: &dyn Fn(&mut hdf5_pure::FileBuilder)| {
        let mut file = hdf5_pure::FileBuilder::new();
        make(&mut file);
        error(&file.finish().unwrap())
    };
    let none = h5(&|file| {
        file.create_dataset("weights").with_f32_data(&[1.0]);
    });
    assert!(none.contains("found no dataset `labels`, expected an HDF5 file with labels, spikes/times"), "{none}");
    let label = h5(&|file| {
        file.create_dataset("labels").with_u16_data(&[3, 20]);
    });
    assert!(label.contains("found label 20 of example 1, expected a class of shd from 0 to 19"), "{label}");
    let part = h5(&|file| {
        file.create_dataset("labels").with_f64_data(&[0.5]);
    });
    assert!(part.contains("found label 0.5 of example 0"), "{part}");
    let text = h5(&|file| {
        file.create_dataset("labels").with_vlen_strings(&["zero"]);
    });
    assert!(text.contains("found `labels` of text, expected numbers"), "{text}");
    let square = h5(&|file| {
        file.create_dataset("labels").with_u16_data(&[1; 4]).with_shape(&[2, 2]);
    });
    assert!(square.contains("`labels` of shape [2, 2]"), "{square}");
    let lists = h5(&|file| {
        file.create_dataset("labels").with_u16_data(&[1, 2]);
        let mut spikes = file.create_group("spikes");
        spikes.create_dataset("times").with_f32_data(&[0.1, 0.2]);
        spikes.create_dataset("units").with_u16_data(&[1, 2]);
        file.add_group(spikes.finish());
    });
    assert!(lists.contains("found `spikes/times` of float32, expected a list of numbers per example"), "{lists}");
}

#[test]
fn a_file_of_another_part_is_recognised_by_its_number_of_examples() {
    let dir = TempDir::new().unwrap();
    let file = Synthetic { examples: 2264, events: 2, seed: 1 };
    file.write(&dir.path().join("shd_train.h5")).unwrap();
    let task = SpikingSpeech { directory: Some(dir.path().into()), ..SpikingSpeech::default() };
    let told = task.load_training().err().unwrap().to_string();
    assert!(told.contains("found 2264 examples, as many as shd_test.h5 has, expected 8156"), "{told}");
}

#[test]
fn hostile_lists_are_refused_before_memory_is_allocated() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.h5");
    Synthetic { examples: 1, events: 100, seed: 1 }.write(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let heap = (0..bytes.len()).find(|at| bytes[*at..].starts_with(b"GCOL")).unwrap() as u64;
    // The reference of the times: their number, the heap and 1.
    let reference = |index: u32| [&heap.to_le_bytes()[..], &index.to_le_bytes()].concat();
    let at = (0..bytes.len()).find(|at| bytes[*at..].starts_with(&reference(1))).unwrap();
    let with = |from: usize, new: &[u8]| {
        let mut changed = bytes.clone();
        changed[from..from + new.len()].copy_from_slice(new);
        error(&changed)
    };
    let many = with(at - 4, &u32::MAX.to_le_bytes());
    assert!(many.contains("found 4294967295 numbers in `spikes/times`, expected at most the"), "{many}");
    let far = with(at, &(u64::MAX / 2).to_le_bytes());
    assert!(far.contains("truncated at byte"), "{far}");
    let none = with(at, &8u64.to_le_bytes());
    assert!(none.contains("found no heap at byte 8, for element 0 of `spikes/times`"), "{none}");
    let object = with(at + 8, &7u32.to_le_bytes());
    assert!(object.contains("found no object 7 of"), "{object}");
    let large = with(heap as usize + 8, &(u64::MAX / 2).to_le_bytes());
    assert!(large.contains("truncated at byte"), "{large}");
    let fewer = with(at - 4, &1u32.to_le_bytes());
    assert!(fewer.contains("found 1 times and"), "{fewer}");
    let first: [u8; 4] = bytes[heap as usize + 32..heap as usize + 36].try_into().unwrap();
    assert!((0.05..0.1).contains(&f32::from_le_bytes(first)), "the first time");
    let late = with(heap as usize + 32, &850_000f32.to_le_bytes());
    assert!(late.contains("found time 850000 in `spikes/times` of example 0, expected seconds from 0 to 60"), "{late}");
    let units = (heap as usize..).find(|at| bytes[*at..].starts_with(&[2, 0, 1, 0, 0, 0, 0, 0])).unwrap();
    let unit = with(units + 16, &700u16.to_le_bytes());
    assert!(unit.contains("found unit 700 in `spikes/units` of example 0, expected integers from 0 to 699"), "{unit}");
}

/// A cut or changed file is refused, or read as far as its data go; the reader does not panic.
#[test]
fn cut_and_changed_files_do_no_harm() {
    for name in ["pytables.h5", "h5py.h5"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let dir = TempDir::new().unwrap();
        let whole = task(&dir, &bytes).load_test().unwrap();
        let all = |examples: &dyn Examples| (0..examples.count()).map(|e| spikes(examples, e)).collect::<Vec<_>>();
        let mut refused = 0;
        for cut in (0..bytes.len()).step_by(997) {
            match task(&dir, &bytes[..cut]).load_test() {
                Ok(examples) => assert_eq!(all(&*examples), all(&*whole), "{name}: {cut}"),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 15, "{name}: {refused}");
        for at in (0..bytes.len()).step_by(61) {
            let mut changed = bytes.clone();
            changed[at] ^= 0xa5;
            let _ = task(&dir, &changed).load_test();
        }
    }
}

#[test]
fn validation_examples_are_held_out_once() {
    let dir = TempDir::new().unwrap();
    let file = Synthetic { examples: 60, events: 300, seed: 1 };
    file.write(&dir.path().join("shd_train.h5")).unwrap();
    let task = SpikingSpeech {
        directory: Some(dir.path().into()),
        verify: false,
        validation_examples: 20,
        ..SpikingSpeech::default()
    };
    let split = task.load_training().unwrap();
    assert_eq!((split.training.count(), split.validation.count()), (40, 20));
    let all = |examples: &dyn Examples| -> Vec<_> { (0..examples.count()).map(|e| spikes(examples, e)).collect() };
    let mut together = all(&*split.training);
    together.extend(all(&*split.validation));
    together.sort();
    together.dedup();
    assert_eq!(together.len(), 60, "every example once");
    let many = SpikingSpeech { validation_examples: 60, ..task };
    let told = many.load_training().err().unwrap().to_string();
    assert!(told.contains("validation_examples: found 60, expected fewer than the 60 examples"), "{told}");
}
