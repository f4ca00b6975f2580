//! Operators on a GPU against independent traces (PyTorch, double precision). Where there is no GPU these tests say so and why.
#![cfg(feature = "cuda")]

mod common;

use candle_core::{DType, Device, Tensor, Var};
use common::{distance, values};
use mdl_data::spikes::SpikeInput;
use mdl_device::random::{StreamKey, normal};
use mdl_device::{Backend, DeviceChoice, Gpu};
use mdl_kernels::random::{Purpose, fill_normal};
use mdl_model::modes::ModeParameters;
use mdl_model::readout::Readout;
use mdl_model::spiking::{self, Input, Population, PublishedGain, SpikingNeuron, Synapse, SynapticGain};
use std::collections::HashMap;
use std::sync::Arc;

const NAMES: [&str; 5] = ["w_in", "mode_in", "score", "mode_out", "w_out"];

fn check(name: &str, synapse: Synapse, gain: PublishedGain) {
    let Some(device) = DeviceChoice::first_gpu_or_skip() else { return };
    let path = format!("{}/../../tests/fixtures/oracle/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
    let trace: HashMap<String, Tensor> = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
    let single = |name: &str| trace[name].to_dtype(DType::F32).unwrap().to_device(&device).unwrap();
    let vars = NAMES.map(|name| Var::from_tensor(&single(name)).unwrap());
    let [w_in, mode_in, score, mode_out, w_out] = vars.each_ref().map(|var| var.as_tensor().clone());
    let parameters = ModeParameters { w_in, mode_in, score, mode_out, w_out };
    let neuron = SpikingNeuron { synapse, gain: SynapticGain::Published(gain), ..SpikingNeuron::default() };
    let population = Population::from(neuron);
    let digits = trace.contains_key("label");
    let input = if digits {
        let (t, b, k) = trace["x"].dims3().unwrap();
        let dense: Vec<f32> = values(&trace["x"]).iter().map(|x| *x as f32).collect();
        Input::Spikes(Arc::new(SpikeInput::from_dense(t, b, k, &dense).unwrap()))
    } else {
        Input::Signals(single("x"))
    };
    let states = spiking::states(&population, &parameters, &input).unwrap();
    assert_eq!(values(&states.spikes), values(&trace["s"]), "{name}: spikes");
    assert!(distance(&states.potential, &trace["u"]) < 1e-5, "{name}: U");
    assert!(distance(&states.synapses, &trace["r"]) < 1e-5, "{name}: r");
    let loss = if digits {
        let logits = spiking::run(&population, &parameters, &input, Readout::MaxOverTime).unwrap();
        let label = trace["label"].to_dtype(DType::U32).unwrap().to_device(&device).unwrap();
        candle_nn::loss::cross_entropy(&logits, &label).unwrap()
    } else {
        let y = spiking::run(&population, &parameters, &input, Readout::PerStep).unwrap();
        (y - single("target")).unwrap().sqr().unwrap().sum_all().unwrap().sqrt().unwrap()
    };
    assert!(distance(&loss, &trace["loss"]) < 1e-5, "{name}: loss");
    let gradients = loss.backward().unwrap();
    for (parameter, var) in NAMES.iter().zip(&vars) {
        let d = distance(gradients.get(var).unwrap(), &trace[&format!("grad.{parameter}")]);
        assert!(d < 1e-4, "{name}: gradient of {parameter}: {d}");
    }
}

#[test]
fn independent_traces_are_met() {
    check("spiking_single", Synapse::Single, PublishedGain::DtOverDecay);
    check("spiking_double", Synapse::Double, PublishedGain::OneMinusAlphaDecay);
    check("spiking_double_digits", Synapse::Double, PublishedGain::DtSquaredOverDecayRise);
    check("digits", Synapse::Double, PublishedGain::DtSquaredOverDecayRise);
}

#[test]
fn noise_has_the_bits_of_the_processor() {
    let Some(gpu) = DeviceChoice::first_gpu_or_skip().as_ref().and_then(Gpu::new) else { return };
    let (seed, index, count) = (7 << 40, 3, 100_000);
    let key = StreamKey { seed, purpose: Purpose::TrainingNoise as u32, index };
    let found = gpu.download(&normal(&gpu, key, 0.3, count).unwrap()).unwrap();
    let mut expected = vec![0f32; count];
    fill_normal(seed, Purpose::TrainingNoise, index, 0, 0.3, &mut expected);
    assert!(found.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
}
