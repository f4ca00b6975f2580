//! Every byte of a small artifact and of a small checkpoint flipped, and both cut at every length: a clear error or an equal
//! load, no panic, and never more than twice the file's size in memory.

use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_experiment::Experiment;
use mdl_model::NetworkConfig;
use mdl_model::spiking::network::SpikingNetwork;
use mdl_train::task::TaskProblem;
use mdl_train::trainer::{Event, State, TrainError, train};
use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What the refusal of a file that is cut within its first few bytes may take.
const LITTLE: usize = 1 << 10;

/// The system's allocator, counting the bytes in use and the most there ever were.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(IN_USE.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn experiment() -> Experiment {
    let json = serde_json::json!({
        "name": "small",
        "task": { "kind": "go-nogo" },
        "network": { "kind": "spiking", "neurons": 200, "modes": 6, "neuron": { "dt_ms": 5.0, "tau_rise_ms": 5.0 } },
        "training": { "max_updates": 9, "evaluate_every": 3, "evaluation_trials": 2, "batch_size": 2, "stop": null },
    });
    Experiment::from_json(json, &[], None, "small").unwrap()
}

/// The artifact and the checkpoint of a training that is stopped after four updates.
fn trained(experiment: &Experiment) -> [Artifact; 2] {
    let NetworkConfig::Spiking(config) = &experiment.network else { unreachable!("a spiking network") };
    let (channels, outputs) = experiment.task.channels_and_outputs();
    let network = SpikingNetwork::initial(config, channels, outputs, 1).unwrap();
    let training = &experiment.training;
    let problem = TaskProblem::new(&network, experiment.task.task().unwrap(), Vec::new(), training, 1);
    let new = |kind| Artifact::new(kind, experiment.to_json(), Provenance::new("test", None, 1));
    let mut checkpoint = new(Kind::Checkpoint);
    let state = State::new(training, &problem).unwrap();
    let stopped = train(training, &problem, state, &mut |event| match event {
        Event::Updated { update: 4, state, .. } => {
            state.write(&mut checkpoint)?;
            Ok(ControlFlow::Break(()))
        }
        _ => Ok(ControlFlow::Continue(())),
    });
    assert!(matches!(stopped, Err(TrainError::Interrupted(4))), "{stopped:?}");
    let mut state = State::new(training, &problem).unwrap();
    state.restore(&checkpoint, training).unwrap();
    assert_eq!((state.updates(), state.history().len()), (4, 1));
    let mut artifact = new(Kind::Spiking);
    network.write(&mut artifact).unwrap();
    [artifact, checkpoint]
}

#[test]
fn flipped_bytes_and_cut_files_are_errors_in_bounded_memory() {
    let directory = tempfile::tempdir().unwrap();
    for artifact in trained(&experiment()) {
        let path = directory.path().join(artifact.kind.to_string());
        artifact.write(&path, false).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let whole = Artifact::from_bytes(&bytes, &path).unwrap();
        assert_eq!((&whole.tensors, &whole.config), (&artifact.tensors, &artifact.config));
        drop(whole);
        let load = |bytes: &[u8], what: &str| {
            let before = IN_USE.load(Relaxed);
            MOST.store(before, Relaxed);
            let read = Artifact::from_bytes(bytes, Path::new("damaged"));
            let taken = MOST.load(Relaxed) - before;
            assert!(taken <= (2 * bytes.len()).max(LITTLE), "{what}: {taken} bytes in memory for {}", bytes.len());
            match read {
                Ok(read) => assert!(read.tensors == artifact.tensors && read.config == artifact.config, "{what}"),
                Err(error) => assert!(error.to_string().contains("damaged"), "{what}: {error}"),
            }
        };
        for length in 0..bytes.len() {
            load(&bytes[..length], &format!("cut at {length}"));
        }
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            load(&bytes, &format!("byte {at} flipped"));
            bytes[at] ^= 1;
        }
    }
}
