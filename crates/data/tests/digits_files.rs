//! IDX files as they arrive: right, cut short, damaged, or something else altogether.

use flate2::{Compression, write::GzEncoder};
use mdl_data::digits::idx::{Content, PIXELS, read_stream};
use mdl_data::digits::{Dataset, Images};
use mdl_data::error::DataError;
use mdl_data::files::collection;
use mdl_data::tasks::{DataSet, Digits};
use mdl_kernels::random::{Purpose, Stream};
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

fn idx(sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    sizes.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes.extend(values);
    bytes
}

/// Image i is filled with the byte i.
fn images(count: usize) -> Vec<u8> {
    let values: Vec<u8> = (0..count * PIXELS).map(|i| (i / PIXELS) as u8).collect();
    idx(&[count as u32, 28, 28], &values)
}

/// Label i is i mod 10.
fn labels(count: usize) -> Vec<u8> {
    let values: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
    idx(&[count as u32], &values)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read_bytes(bytes: &[u8], content: Content) -> Result<Vec<u8>, DataError> {
    let result = read_stream(bytes, bytes.len(), Path::new("file"), content);
    if let Err(error) = &result {
        assert!(error.to_string().starts_with("file: "), "names its file: {error}");
    }
    result.map(|idx| idx.values().to_vec())
}

/// The message without the file name.
fn message(bytes: &[u8], content: Content) -> String {
    let text = read_bytes(bytes, content).unwrap_err().to_string();
    text["file: ".len()..].to_string()
}

#[test]
fn plain_and_compressed_files_hold_the_same() {
    for (bytes, content, header) in [(images(3), Content::Images, 16), (labels(20), Content::Labels, 8)] {
        assert_eq!(read_bytes(&bytes, content).unwrap(), bytes[header..]);
        assert_eq!(read_bytes(&gzip(&bytes), content).unwrap(), bytes[header..]);
        let members = [gzip(&bytes[..11]), gzip(&bytes[11..])].concat();
        assert_eq!(read_bytes(&members, content).unwrap(), bytes[header..]);
    }
}

#[test]
fn every_truncation_is_an_error() {
    for (bytes, content, header) in [(images(1), Content::Images, 16), (labels(20), Content::Labels, 8)] {
        for n in 0..bytes.len() {
            let error = read_bytes(&bytes[..n], content).unwrap_err();
            let told =
                matches!(error, DataError::Truncated { found, expected, .. } if found == n && expected == bytes.len());
            assert_eq!(told, n >= header, "{n}: {error}");
            read_bytes(&gzip(&bytes[..n]), content).unwrap_err();
        }
        let compressed = gzip(&bytes);
        for n in 0..compressed.len() {
            read_bytes(&compressed[..n], content).unwrap_err();
        }
    }
}

#[test]
fn no_byte_makes_it_panic() {
    let mut stream = Stream::new(1, Purpose::Shuffle, 0);
    for (good, content) in [(images(1), Content::Images), (labels(30), Content::Labels)] {
        for bytes in [good.clone(), gzip(&good)] {
            for at in 0..bytes.len().min(120) {
                for value in [0, 1, 0x7f, 0xff, stream.next_u32() as u8] {
                    let mut damaged = bytes.clone();
                    damaged[at] = value;
                    let _ = read_bytes(&damaged, content);
                }
            }
        }
        for length in 0..200 {
            let noise: Vec<u8> = (0..length).map(|_| stream.next_u32() as u8).collect();
            assert!(read_bytes(&noise, content).is_err());
            assert!(read_bytes(&gzip(&noise), content).is_err());
        }
    }
}

#[test]
fn messages_say_what_was_found_and_what_expected() {
    use Content::{Images, Labels};
    let expected = "expected IDX images of unsigned bytes";
    let html = b"\n <!DOCTYPE html><html><head><title>404</title></head></html>";
    assert_eq!(message(html, Images), format!("found an HTML page, {expected}"));
    assert_eq!(message(b"<html>", Labels), "found an HTML page, expected IDX labels of unsigned bytes");
    assert_eq!(message(&gzip(html), Images), format!("found an HTML page inside gzip data, {expected}"));
    assert_eq!(message(b"<?xml version='1.0'?><Error>", Images), format!("found an XML document, {expected}"));
    assert_eq!(message(b"PK\x03\x04 and so forth, on and on", Images), format!("found a ZIP archive, {expected}"));
    assert_eq!(message(b"not found", Images), format!("found text that starts with \"not found\", {expected}"));
    assert_eq!(message(&labels(20), Images), format!("found IDX labels, {expected}"));
    assert_eq!(message(&gzip(&gzip(&images(1))), Images), format!("found gzip data inside gzip data, {expected}"));
    assert_eq!(message(b"", Images), format!("found an empty file, {expected}, with a header of 16 bytes"));
    assert_eq!(message(&images(1)[..7], Images), format!("found 7 bytes, {expected}, with a header of 16 bytes"));
    assert_eq!(
        message(&[0, 0, 0x0d, 3, 0, 0, 0, 1], Images),
        format!("found IDX data that are no unsigned bytes, {expected}")
    );
    assert_eq!(message(&images(2)[..100], Images), "truncated at byte 100 of 1584");
    let compressed = gzip(&images(2));
    assert_eq!(
        message(&compressed[..compressed.len() - 1], Images),
        "damaged gzip data: unexpected end of file",
        "only the checksum is lost"
    );

    assert_eq!(message(&idx(&[1, 32, 32], &[0; 1024]), Images), "found images of 32 × 32 pixels, expected 28 × 28");
    assert_eq!(message(&idx(&[0], &[]), Labels), "found 0 examples, expected 1 to 1000000");
    assert_eq!(message(&idx(&[u32::MAX], &[]), Labels), "found 4294967295 examples, expected 1 to 1000000");
    assert_eq!(message(&idx(&[3], &[9, 10, 0]), Labels), "found label 10 of example 1, expected labels from 0 to 9");
    let excess = idx(&[3], &[1, 2, 3, 4]);
    assert_eq!(message(&excess, Labels), "found more bytes, expected an end after byte 11, as its header says");
}

/// A data set in a directory of its own, with examples as told.
fn dataset(training: [usize; 2], test: usize) -> (TempDir, Digits) {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    write("train-images-idx3-ubyte", &images(training[0]));
    write("train-labels-idx1-ubyte.gz", &gzip(&labels(training[1])));
    write("t10k-images-idx3-ubyte.gz", &gzip(&images(test)));
    write("t10k-labels-idx1-ubyte", &labels(test));
    let directory = Some(dir.path().into());
    (dir, Digits { directory, verify: false, validation_examples: 20, ..Digits::default() })
}

#[test]
fn validation_examples_are_kept_out_of_training() {
    let (_dir, config) = dataset([100, 100], 10);
    let [training, validation] = config.image_files().load_training().unwrap();
    assert_eq!([training.count(), validation.count()], [80, 20]);
    let which = |digits: &Images| -> Vec<u8> {
        (0..digits.count())
            .map(|e| {
                let pixel = digits.image(e)[0];
                assert!(digits.image(e).iter().all(|p| *p == pixel) && digits.labels[e] == pixel % 10);
                pixel
            })
            .collect()
    };
    let (training, validation) = (which(&training), which(&validation));
    assert!(training.is_sorted() && validation.is_sorted(), "the order of the file");
    assert!(validation != (80..100).collect::<Vec<u8>>(), "not simply its end");
    let mut all = [training, validation].concat();
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<u8>>());

    let test = config.image_files().load_test().unwrap();
    assert_eq!(which(&test), (0..10).collect::<Vec<u8>>());
    assert!(test.sources[0].path.ends_with("t10k-images-idx3-ubyte.gz"));
}

#[test]
fn every_training_example_can_be_trained_on() {
    let (_dir, config) = dataset([30, 30], 1);
    let all = Digits { validation_examples: 0, ..config.clone() };
    assert_eq!(all.image_files().load_training().unwrap()[0].images, images(30)[16..]);
    let error = Digits { validation_examples: 30, ..config }.load_training().err().unwrap();
    let expected = "validation_examples: found 30, expected fewer than the 30 examples of the training file";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn unequal_counts_are_named() {
    let (dir, config) = dataset([30, 29], 1);
    let at = |name| dir.path().join(name).display().to_string();
    let expected = format!(
        "{} holds 30 images, but {} 29 labels; expected as many",
        at("train-images-idx3-ubyte"),
        at("train-labels-idx1-ubyte.gz")
    );
    assert_eq!(config.load_training().err().unwrap().to_string(), expected);
}

#[test]
fn missing_and_foreign_data_name_the_command_that_helps() {
    let (dir, config) = dataset([30, 30], 1);
    let path = dir.path().display();
    let verified = Digits { verify: true, ..config.clone() };
    let error = verified.load_test().err().unwrap().to_string();
    assert!(error.contains("found SHA-256 ") && error.contains("expected 0fa7898d5092"), "{error}");
    let advice =
        format!("(`get-data --dataset mnist -o {path} --force` replaces it; `verify` set to false accepts it)");
    assert!(error.ends_with(&advice), "{error}");

    std::fs::write(dir.path().join("t10k-labels-idx1-ubyte"), "<html>").unwrap();
    let error = config.load_test().err().unwrap().to_string();
    assert!(error.ends_with("found an HTML page, expected IDX labels of unsigned bytes"), "{error}");

    std::fs::remove_file(dir.path().join("train-images-idx3-ubyte")).unwrap();
    let expected = format!("`get-data --dataset mnist -o {path}` gets the data set");
    let error = config.load_training().err().unwrap().to_string();
    assert!(error.ends_with(&expected), "{error}");

    for (dataset, command) in
        [(Dataset::Mnist, "`make data`"), (Dataset::FashionMnist, "`make data DATASET=fashion-mnist`")]
    {
        let error = Digits { dataset, ..Digits::default() }.load_test().err().unwrap().to_string();
        let file = Path::new("artifacts/data").join(dataset.name()).join("t10k-images-idx3-ubyte");
        let from = std::env::current_dir().unwrap();
        let (file, from) = (file.display(), from.display());
        assert_eq!(
            error,
            format!("{file}: no such file, plain or .gz (seen from {from}); {command} gets the data set")
        );
    }
}

#[test]
fn the_config_is_plain_data() {
    let config: Digits = serde_json::from_str(r#"{"dataset": "fashion-mnist", "steps": 100}"#).unwrap();
    assert_eq!(config, Digits { dataset: Dataset::FashionMnist, steps: 100, ..Digits::default() });
    assert_eq!(config.image_files().directory(), Path::new("artifacts/data/fashion-mnist"));
    assert!(serde_json::from_str::<Digits>(r#"{"step": 100}"#).is_err());

    assert_eq!(Digits::default().validate(), Ok(()));
    let field = |config: Digits| config.validate().unwrap_err().field;
    assert_eq!(field(Digits { steps: 0, ..Digits::default() }), "steps");
    assert_eq!(field(Digits { step_ms: f64::NAN, ..Digits::default() }), "step_ms");
    assert_eq!(field(Digits { validation_examples: 60_000, ..Digits::default() }), "validation_examples");
    assert!(collection("minst").err().unwrap().to_string().contains("mnist, fashion-mnist"));
}
