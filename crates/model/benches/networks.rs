//! Times of forward and backward passes, in a minute: `make bench-kernels`. Compare two versions on a quiet machine.

use candle_core::{DType, Device, Tensor, Var};
use divan::Bencher;
use mdl_kernels::random::{Purpose, fill_normal};
use mdl_model::modes::{ModeParameters, ModeSizes};
use mdl_model::rate::{Activation, RateSequence, Recurrence};
use mdl_model::readout::Readout;
use mdl_model::spiking::{self, Adaptation, Input, NeuronModel, SpikingNeuron};

fn main() {
    divan::main();
}

fn normal(index: u64, shape: &[usize], sd: f32) -> Tensor {
    let mut values = vec![0.0; shape.iter().product()];
    fill_normal(1, Purpose::Initialisation, index, 0, sd, &mut values);
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn backward(output: &Tensor) {
    divan::black_box(output.sqr().unwrap().sum_all().unwrap().backward().unwrap());
}

/// 100 neurons, 3 modes, 200 steps, 16 trials.
fn spiking_network(bencher: Bencher, neuron: SpikingNeuron, with_backward: bool) {
    let sizes = ModeSizes { neurons: 100, modes: 3, inputs: 4, outputs: 1 };
    let initial = ModeParameters::initial(&sizes, 1).unwrap();
    let w_in = Var::from_tensor(&(&initial.w_in * 2.0).unwrap()).unwrap();
    let parameters = ModeParameters { w_in: w_in.as_tensor().clone(), ..initial };
    let input = Input::Signals(normal(1, &[200, 16, 4], 1.0));
    let population = neuron.into();
    bencher.bench_local(|| {
        let output = spiking::run(&population, &parameters, &input, Readout::PerStep).unwrap();
        if with_backward {
            backward(&output);
        }
    });
}

#[divan::bench(args = [false, true], sample_count = 20)]
fn spiking_leaky_with_backward(bencher: Bencher, with_backward: bool) {
    spiking_network(bencher, SpikingNeuron::default(), with_backward);
}

#[divan::bench(args = [false, true], sample_count = 20)]
fn spiking_adaptive_with_backward(bencher: Bencher, with_backward: bool) {
    let model = NeuronModel::Adaptive(Adaptation::default());
    spiking_network(bencher, SpikingNeuron { model, ..SpikingNeuron::default() }, with_backward);
}

/// 200 units, 200 steps, 8 trials; one weight in `every` is present.
#[divan::bench(args = [1, 12], sample_count = 20)]
fn rate_with_backward(bencher: Bencher, every: usize) {
    let (steps, trials, n) = (200, 8, 200);
    let present: Vec<f32> = (0..n * n).map(|i| f32::from(i % every == 0)).collect();
    let present = Tensor::from_vec(present, (n, n), &Device::Cpu).unwrap();
    let weights = Var::from_tensor(&(normal(2, &[n, n], 0.1) * present).unwrap()).unwrap();
    let sequence = RateSequence {
        activation: Activation::Sigmoid,
        recurrence: Recurrence::Dense { sign: None, mask: None },
        initial: Tensor::zeros((trials, n), DType::F32, &Device::Cpu).unwrap(),
        noise: None,
        spike_noise: None,
        direct_drive: false,
    };
    let drive = normal(3, &[steps, trials, n], 1.0);
    let leak = Tensor::full(0.2f32, n, &Device::Cpu).unwrap();
    bencher.bench_local(|| {
        let states = sequence.run(&drive, weights.as_tensor(), &leak).unwrap();
        backward(&states.r);
    });
}
