//! Files of N-MNIST and DVS128 Gesture, made here from the descriptions of their formats.

use mdl_data::events::camera::CameraRecordings;
use mdl_data::tasks::{BatchInput, DataSet, EventCamera, Examples, Presentation};
use std::path::Path;
use tempfile::TempDir;

/// An event of N-MNIST: 5 bytes, with the time in its last 23 bits.
fn digit_event(x: u8, y: u8, polarity: u8, time_us: u32) -> [u8; 5] {
    let time = time_us.to_be_bytes();
    [x, y, polarity << 7 | time[1], time[2], time[3]]
}

fn write_digits(directory: &Path, part: &str, events: &[[u8; 5]]) {
    for class in 0..10 {
        let folder = directory.join(part).join(class.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{:05}.bin", class + 1)), events.concat()).unwrap();
    }
}

fn digits(directory: &Path) -> EventCamera {
    EventCamera { directory: Some(directory.into()), validation_examples: 3, ..EventCamera::default() }
}

/// An AEDAT 3.1 file with these events (valid, x, y, polarity, time), in packets of two.
fn aedat(events: &[(bool, u32, u32, u32, u32)]) -> Vec<u8> {
    let mut bytes = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n".to_vec();
    // A packet of another type, 6, is passed over.
    for (kind, size, data) in [(6u16, 4u32, vec![1, 2, 3, 4])].into_iter().chain(events.chunks(2).map(|packet| {
        let event = |(valid, x, y, polarity, time): &(bool, u32, u32, u32, u32)| {
            let data = x << 17 | y << 2 | polarity << 1 | u32::from(*valid);
            [data.to_le_bytes(), time.to_le_bytes()].concat()
        };
        (1, 8, packet.iter().flat_map(event).collect::<Vec<u8>>())
    })) {
        let count = (data.len() as u32 / size).to_le_bytes();
        let fields = [[0; 4]; 3].concat();
        bytes.extend(
            [&kind.to_le_bytes()[..], &[1, 0], &size.to_le_bytes(), &fields[..8], &count, &count, &count].concat(),
        );
        bytes.extend(data);
    }
    bytes
}

fn write_gestures(directory: &Path, name: &str, recording: &[u8], labels: &str) {
    std::fs::write(directory.join(format!("{name}.aedat")), recording).unwrap();
    std::fs::write(directory.join(format!("{name}_labels.csv")), labels).unwrap();
    for list in ["trials_to_train.txt", "trials_to_test.txt"] {
        std::fs::write(directory.join(list), format!("{name}.aedat\n\n")).unwrap();
    }
}

fn gestures(directory: &Path) -> EventCamera {
    EventCamera {
        recordings: CameraRecordings::DvsGesture,
        directory: Some(directory.into()),
        pool_pixels: 8,
        steps: 100,
        step_ms: 10.0,
        ..EventCamera::default()
    }
}

/// Step and channel of each spike of an example.
fn spikes(examples: &dyn Examples, example: usize) -> Vec<[usize; 2]> {
    let presentation = Presentation { seed: 1, keys: &[0], in_training: false };
    let BatchInput::Spikes(spikes) = examples.input(&[example], &presentation).unwrap() else { panic!("no spikes") };
    let (channels, dense) = (spikes.channels(), spikes.to_dense());
    (0..dense.len()).filter(|i| dense[*i] > 0.0).map(|i| [i / channels, i % channels]).collect()
}

fn error(task: &EventCamera) -> String {
    task.load_test().err().expect("refused").to_string()
}

#[test]
fn digits_are_binned_in_time_and_space() {
    let dir = TempDir::new().unwrap();
    // Pixels (0, 0) and (33, 33), which is channel 16 · 17 + 16 of the second polarity; an overflow moves the third event
    // by 8.192 ms; the last is after the trial.
    let events = [
        digit_event(1, 0, 0, 1_999),
        digit_event(33, 33, 1, 2_000),
        digit_event(0, 240, 0, 0),
        digit_event(2, 0, 0, 2_000),
        digit_event(0, 0, 0, 300_000),
    ];
    write_digits(dir.path(), "Test", &events);
    write_digits(dir.path(), "Train", &events);
    let task = digits(dir.path());
    assert_eq!((task.channels(), task.classes().len()), (578, 10));
    let test = task.load_test().unwrap();
    assert_eq!(test.labels(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(spikes(&*test, 4), [[0, 0], [1, 289 + 288], [5, 1]]);
    assert_eq!(test.sources().len(), 1);
    let split = task.load_training().unwrap();
    assert_eq!((split.training.count(), split.validation.count()), (7, 3));
}

#[test]
fn gestures_are_cut_from_their_recordings() {
    let dir = TempDir::new().unwrap();
    let recording = aedat(&[
        (true, 5, 7, 0, 1_000),
        (true, 127, 127, 1, 2_000_000),
        (false, 0, 0, 0, 2_000_000),
        (true, 0, 8, 0, 2_015_000),
        (true, 1, 1, 1, 3_500_000),
    ]);
    let labels = "class,startTime_usec,endTime_usec\n11,2000000,3000000\n1,0,1500000\n";
    write_gestures(dir.path(), "user01_led", &recording, labels);
    let test = gestures(dir.path()).load_test().unwrap();
    assert_eq!(test.labels(), [10, 0]);
    assert_eq!(spikes(&*test, 0), [[0, 256 + 255], [1, 16]]);
    assert_eq!(spikes(&*test, 1), [[0, 0]]);
    assert_eq!(test.sources()[0].path, dir.path().join("user01_led.aedat"));
}

#[test]
fn wrong_recordings_are_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let task = digits(dir.path());
    let told = error(&task);
    assert!(
        told.contains("Test: no such file") && told.contains("download Train.zip and Test.zip from https://"),
        "{told}"
    );
    for (bytes, reason) in [
        (&[1u8, 2, 3, 4, 5, 6][..], "00001.bin: found 6 bytes, expected events of 5 bytes"),
        (&[], "found 0 bytes"),
        (&digit_event(34, 0, 0, 1), "found pixel (34, 0) of event 0, expected pixels of 34 × 34"),
    ] {
        write_digits(dir.path(), "Test", &[]);
        std::fs::write(dir.path().join("Test/0/00001.bin"), bytes).unwrap();
        let told = error(&task);
        assert!(told.contains(reason), "{told}");
    }
    std::fs::remove_file(dir.path().join("Test/0/00001.bin")).unwrap();
    assert!(error(&task).contains("found no file *.bin, expected recordings of this class"));
}

#[test]
fn wrong_gestures_are_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let task = gestures(dir.path());
    assert!(error(&task).contains("trials_to_test.txt: no such file"));
    let good = aedat(&[(true, 5, 7, 0, 1_000)]);
    let labels = "class,startTime_usec,endTime_usec\n1,0,1500000\n";
    let mut huge = good.clone();
    let count = huge.len() - 8 - 28 + 20;
    huge[count..count + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    for (recording, labels, reason) in [
        (
            &b"<!DOCTYPE html>"[..],
            labels,
            "a.aedat: found a file that starts with \"<!DOCTYPE ht\", expected AEDAT 3.1",
        ),
        (&b"#!AER-DAT3.1\r\n"[..], labels, "found a header without end"),
        (&good[..good.len() - 3], labels, "a.aedat: truncated at byte"),
        (&huge, labels, "a.aedat: truncated at byte"),
        (&aedat(&[(true, 128, 0, 0, 1)]), labels, "found pixel (128, 0) of an event, expected pixels of 128 × 128"),
        (&good, "class\n12,0,5\n", "a_labels.csv: found \"12,0,5\" in line 2, expected a class from 1 to 11"),
        (&good, "class\n1,5,5\n", "found \"1,5,5\" in line 2"),
    ] {
        write_gestures(dir.path(), "a", recording, labels);
        let told = error(&task);
        assert!(told.contains(reason), "{reason}: {told}");
    }
    write_gestures(dir.path(), "a", &good, labels);
    std::fs::write(dir.path().join("trials_to_test.txt"), "../../etc/passwd\n").unwrap();
    assert!(error(&task).contains("trials_to_test.txt: found \"../../etc/passwd\", expected names of .aedat files"));
}
