//! A data set of another form than digits trains without a change of the trainer: stored spikes on 700 channels, 20 classes,
//! as the Spiking Heidelberg Digits have.

use candle_core::Device;
use mdl_data::error::DataError;
use mdl_data::field::InvalidField;
use mdl_data::files::Source;
use mdl_data::spikes::SpikeInput;
use mdl_data::tasks::{BatchInput, DataSet, Drive, Examples, Presentation, Size, Split};
use mdl_model::rate::network::RateNetwork;
use mdl_model::rate::parameters::RateParameters;
use mdl_model::spiking::network::SpikingNetwork;
use mdl_train::config::{Loss, TrainingConfig};
use mdl_train::examples::{ExamplesProblem, classify_test, confusion, test_input};
use mdl_train::network::Network;
use mdl_train::readout::ExampleReadout;
use mdl_train::trainer::{Problem, SampleOutputs, State, train};
use std::ops::ControlFlow;
use std::path::PathBuf;

const CHANNELS: usize = 700;
const STEPS: usize = 30;
const NAMES: [&str; 20] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "null", "eins", "zwei", "drei",
    "vier", "fünf", "sechs", "sieben", "acht", "neun",
];

/// Class c fires on channels 35 c … 35 c + 34, two of three at each step.
struct Spoken;

impl DataSet for Spoken {
    fn channels(&self) -> usize {
        CHANNELS
    }

    fn classes(&self) -> &'static [&'static str] {
        &NAMES
    }

    fn steps(&self) -> usize {
        STEPS
    }

    fn step_ms(&self) -> f64 {
        2.0
    }

    fn drive(&self) -> Drive {
        Drive::Spikes
    }

    fn size(&self) -> Size {
        Size { training: 100, test: 40, example_bytes: 1000 }
    }

    fn fixed_fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    fn validate(&self) -> Result<(), InvalidField> {
        Ok(())
    }

    fn load_training(&self) -> Result<Split, DataError> {
        Ok(Split { training: Box::new(Recordings::of(100)), validation: Box::new(Recordings::of(40)) })
    }

    fn load_test(&self) -> Result<Box<dyn Examples>, DataError> {
        Ok(Box::new(Recordings::of(40)))
    }
}

struct Recordings {
    labels: Vec<u8>,
}

impl Recordings {
    fn of(count: usize) -> Self {
        Self { labels: (0..count).map(|e| (e % NAMES.len()) as u8).collect() }
    }
}

impl Examples for Recordings {
    fn labels(&self) -> &[u8] {
        &self.labels
    }

    fn sources(&self) -> &[Source] {
        &[]
    }

    fn input(&self, examples: &[usize], presentation: &Presentation) -> Result<BatchInput, DataError> {
        assert_eq!(examples.len(), presentation.keys.len());
        let mut values = vec![0f32; STEPS * examples.len() * CHANNELS];
        for (b, e) in examples.iter().enumerate() {
            let first = 35 * usize::from(self.labels[*e]);
            for t in 0..STEPS {
                for channel in (first..first + 35).filter(|channel| !(*channel + t + e).is_multiple_of(3)) {
                    values[(t * examples.len() + b) * CHANNELS + channel] = 1.0;
                }
            }
        }
        Ok(BatchInput::Spikes(SpikeInput::from_dense(STEPS, examples.len(), CHANNELS, &values).unwrap()))
    }
}

/// Trains and judges a network; returns the accuracy on the test examples.
fn accuracy(network: &impl Network, learning_rate: f64, readout: ExampleReadout) -> f64 {
    let training = TrainingConfig {
        loss: Loss::CrossEntropy,
        readout,
        batch_size: 20,
        learning_rate,
        max_updates: 60,
        evaluate_every: 60,
        stop: None,
        ..TrainingConfig::default()
    };
    let split = Spoken.load_training().unwrap();
    let problem = ExamplesProblem::new(network, &Spoken, &split, &training, 1);
    let start = State::new(&training, &problem).unwrap();
    let trained = train(&training, &problem, start, &mut |_| Ok(ControlFlow::Continue(()))).unwrap();
    assert_eq!(trained.updates, 60);
    let SampleOutputs::Confusion { classes, counts } = problem.sample_outputs().unwrap() else {
        panic!("no confusion")
    };
    assert_eq!((classes, counts.len(), counts.iter().sum::<u64>()), (&NAMES[..], 400, 40));

    let test = Spoken.load_test().unwrap();
    let answers = classify_test(network, &*test, test.count(), &training, 1, &|_| ()).unwrap();
    let counts = confusion(NAMES.len(), test.labels(), &answers.predicted);
    (0..NAMES.len()).map(|class| counts[class * NAMES.len() + class]).sum::<u64>() as f64 / 40.0
}

#[test]
fn stored_spikes_train_spiking_and_rate_networks() {
    let config = serde_json::from_str(r#"{ "neurons": 100, "modes": 3 }"#).unwrap();
    let spiking = SpikingNetwork::initial(&config, CHANNELS, NAMES.len(), 1).unwrap();
    let spikes = test_input(&Recordings::of(20), 0..20, 1, &Device::Cpu).unwrap();
    assert!(spiking.states(&spikes).unwrap().spikes.sum_all().unwrap().to_scalar::<f32>().unwrap() > 0.0);
    let found = accuracy(&spiking, 0.01, ExampleReadout::Maximum);
    assert!(found > 0.8, "spiking: {found}");

    let config = r#"{ "neurons": 60, "recurrence": { "kind": "modes", "modes": 3 }, "train_input": true,
        "activation": "tanh", "input_sd": 0.05, "noise_sd": 0, "start": { "kind": "zero" } }"#;
    let config = serde_json::from_str(config).unwrap();
    let parameters = RateParameters::draw(&config, CHANNELS, NAMES.len(), 1);
    let rate = RateNetwork::new(&config, parameters, Spoken.step_ms(), &Device::Cpu).unwrap();
    let found = accuracy(&rate, 0.01, ExampleReadout::Maximum);
    assert!(found > 0.8, "rate: {found}");
}

#[test]
fn examples_are_learned_with_every_readout() {
    let config = serde_json::from_str(r#"{ "neurons": 100, "modes": 3 }"#).unwrap();
    for readout in [ExampleReadout::Mean, ExampleReadout::Last, ExampleReadout::SoftmaxSum] {
        let spiking = SpikingNetwork::initial(&config, CHANNELS, NAMES.len(), 1).unwrap();
        let found = accuracy(&spiking, 0.02, readout);
        assert!(found > 0.8, "{readout:?}: {found}");
    }
}
