//! The kernels on the emulator against the operator of the CPU and against independent traces.

use super::*;
use crate::modes::{ModeParameters, ModeSizes};
use crate::spiking::input::Input;
use crate::spiking::neuron::{PublishedGain, SpikingNeuron, Synapse, SynapticGain};
use crate::spiking::neurons::{Adaptation, NeuronModel};
use crate::spiking::run::{operands, sequence};
use crate::spiking::surrogate::{MultiGaussian, Surrogate};
use crate::spiking::time_constants::{Bounds, TimeConstants};
use crate::testing::{distance, values};
use candle_core::{DType, Device, Var};
use mdl_emulator::Emulator;
use mdl_kernels::random::{Purpose, fill_normal};
use std::collections::HashMap;
use std::sync::Arc;

/// Runs a network on the emulator.
fn emulate(
    machine: Emulator,
    population: &Population,
    parameters: &ModeParameters,
    input: &Input,
    output: Output,
) -> Result<Tensor> {
    let (first, weights) = operands(population, parameters, input, output)?;
    run(&machine, Network::new(population, &parameters.sizes()?, input, output), &first, &weights)
}

const NAMES: [&str; 5] = ["w_in", "mode_in", "score", "mode_out", "w_out"];

/// Variables in the order of `NAMES`, and a network of them.
fn network(tensors: [Tensor; 5]) -> Result<([Var; 5], ModeParameters)> {
    let vars = tensors.map(|tensor| Var::from_tensor(&tensor).unwrap());
    let [w_in, mode_in, score, mode_out, w_out] = vars.each_ref().map(|var| var.as_tensor().clone());
    Ok((vars, ModeParameters { w_in, mode_in, score, mode_out, w_out }))
}

/// Weights strong enough for spikes and refractory neurons.
fn random(sizes: ModeSizes) -> Result<([Var; 5], ModeParameters)> {
    let p = ModeParameters::initial(&sizes, 5)?;
    network([(&p.w_in * 2.0)?, p.mode_in, (&p.score * 6.0)?, p.mode_out, p.w_out])
}

fn normal(seed: u64, shape: &[usize]) -> Tensor {
    let mut values = vec![0f32; shape.iter().product()];
    fill_normal(seed, Purpose::WrittenTrial, 0, 0, 1.0, &mut values);
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// A loss that depends on every output.
fn weighted_sum(output: &Tensor) -> Tensor {
    output.mul(&normal(2, output.dims())).unwrap().sum_all().unwrap()
}

/// Output and gradients of the parameters and of `extra`, variables inside the input and of the neurons.
fn results(output: Result<Tensor>, vars: &[Var; 5], extra: &[&Var]) -> Vec<Tensor> {
    let output = output.unwrap();
    let gradients = weighted_sum(&output).backward().unwrap();
    let of = |var: &Var| gradients.get(var).cloned().unwrap_or_else(|| var.zeros_like().unwrap());
    let of_vars = vars.iter().chain(extra.iter().copied()).map(of);
    std::iter::once(output.detach()).chain(of_vars).collect()
}

/// The results of the emulator agree with those of the CPU, and have the same bits for both thread orders.
fn check(population: &Population, sizes: ModeSizes, input: &Input, extra: Option<&Var>, output: Output) {
    let Some(machine) = Emulator::new() else { return };
    let own: Vec<Var> = population.neuron().initial(sizes.neurons, 4).into_iter().map(own).collect();
    let population = &population.clone().with_trained(own.iter().map(|var| var.as_tensor().clone()).collect());
    let extra: Vec<&Var> = extra.into_iter().chain(&own).collect();
    let extra = &extra[..];
    let (vars, parameters) = random(sizes).unwrap();
    let expected = results(sequence(population, &parameters, input, output, None), &vars, extra);
    assert!(values(&expected[0]).iter().any(|x| *x != 0.0), "a silent network tests nothing");
    let found = results(emulate(machine, population, &parameters, input, output), &vars, extra);
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let d = distance(found, expected);
        assert!(d < if i == 0 { 1e-5 } else { 3e-4 }, "result {i} of {sizes:?}: {d}");
    }
    let descending = Emulator { descending: true };
    let again = results(emulate(descending, population, &parameters, input, output), &vars, extra);
    let bits = |tensors: &[Tensor]| -> Vec<u64> { tensors.iter().flat_map(values).map(f64::to_bits).collect() };
    assert!(bits(&found) == bits(&again), "results depend on the order of threads");
}

/// A trained constant that differs between neurons.
fn own(initial: Vec<f32>) -> Var {
    let scaled = |(i, value): (usize, f32)| value * (0.6 + 0.8 * (i % 5) as f32 / 4.0);
    let values: Vec<f32> = initial.into_iter().enumerate().map(scaled).collect();
    Var::new(values, &Device::Cpu).unwrap()
}

fn signals(steps: usize, trials: usize, inputs: usize) -> (Input, Var) {
    let x = Var::from_tensor(&normal(1, &[steps, trials, inputs])).unwrap();
    (Input::Signals(x.as_tensor().clone()), x)
}

const SMALL: ModeSizes = ModeSizes { neurons: 21, modes: 3, inputs: 4, outputs: 2 };

/// Neurons with individual thresholds and decay time constants.
fn diverse(neuron: SpikingNeuron, neurons: usize) -> Population {
    let threshold = (0..neurons).map(|i| 0.4 + 0.6 * (i % 7) as f32 / 6.0).collect();
    let tau_decay_ms = (0..neurons).map(|i| 20.0 + 30.0 * (i % 11) as f32 / 10.0).collect();
    Population::new(neuron, Some(threshold), Some(tau_decay_ms)).unwrap()
}

#[test]
fn every_surrogate_synapse_and_refractory_period_agrees_with_the_cpu() {
    let (input, x) = signals(70, 3, SMALL.inputs);
    let slope = 5.0;
    for surrogate in [
        Surrogate::default(),
        Surrogate::Arctan { slope },
        Surrogate::Sigmoid { slope },
        Surrogate::Triangular { slope: 1.0 },
        Surrogate::StraightThrough,
        Surrogate::MultiGaussian(MultiGaussian::default()),
    ] {
        for (synapse, refractory_steps) in [(Synapse::Single, 0), (Synapse::Double, 1), (Synapse::Double, 5)] {
            let neuron = SpikingNeuron { synapse, refractory_steps, surrogate, ..SpikingNeuron::default() };
            for output in [Output::Readout, Output::Synapses, Output::Peaks] {
                check(&neuron.clone().into(), SMALL, &input, Some(&x), output);
            }
        }
    }
}

/// One, four and sixteen neurons per thread, one warp and many, weights inside and outside of shared memory, segments
/// of all lengths, several trials per block of the backward pass.
#[test]
fn every_path_by_size_agrees_with_the_cpu() {
    let population = SpikingNeuron { threshold: 0.7, ..SpikingNeuron::default() }.into();
    for (sizes, steps, trials) in [
        (ModeSizes { neurons: 7, modes: 9, inputs: 6, outputs: 5 }, 33, 1),
        (ModeSizes { neurons: 200, modes: 2, inputs: 1, outputs: 1 }, 40, 2),
        (ModeSizes { neurons: 256, modes: 20, inputs: 3, outputs: 12 }, 9, 2),
        (ModeSizes { neurons: 600, modes: 3, inputs: 3, outputs: 1 }, 37, 2),
        (ModeSizes { neurons: 7, modes: 2, inputs: 2, outputs: 1 }, 3, 1030),
        (ModeSizes { neurons: 4200, modes: 2, inputs: 2, outputs: 1 }, 9, 1),
    ] {
        let (input, x) = signals(steps, trials, sizes.inputs);
        check(&population, sizes, &input, Some(&x), Output::Readout);
    }
}

/// Thresholds, decay constants, or both per neuron; every output, synapse, kind of input and number of neurons per
/// thread.
#[test]
fn constants_per_neuron_agree_with_the_cpu() {
    let (input, x) = signals(70, 3, SMALL.inputs);
    for (synapse, refractory_steps) in [(Synapse::Single, 0), (Synapse::Double, 5)] {
        let neuron = SpikingNeuron { synapse, refractory_steps, ..SpikingNeuron::default() };
        let both = diverse(neuron.clone(), SMALL.neurons);
        let own = |name| both.own().find(|(own, _)| *own == name).map(|(_, values)| values.to_vec());
        let thresholds = Population::new(neuron.clone(), own("threshold"), None).unwrap();
        let decays = Population::new(neuron, None, own("tau_decay_ms")).unwrap();
        for population in [&both, &thresholds, &decays] {
            for output in [Output::Readout, Output::Synapses, Output::Peaks] {
                check(population, SMALL, &input, Some(&x), output);
            }
        }
    }
    for (neurons, steps) in [(600, 37), (4200, 9)] {
        let sizes = ModeSizes { neurons, ..SMALL };
        let (input, x) = signals(steps, 2, sizes.inputs);
        check(&diverse(SpikingNeuron::default(), neurons), sizes, &input, Some(&x), Output::Readout);
    }
    let drive = Var::from_tensor(&normal(3, &[50, 5, SMALL.neurons])).unwrap();
    let population = diverse(SpikingNeuron::default(), SMALL.neurons);
    check(&population, SMALL, &Input::Currents(drive.as_tensor().clone()), Some(&drive), Output::Synapses);
    let dense: Vec<f32> = values(&normal(6, &[75, 3, 4])).iter().map(|x| f32::from(*x > 0.3)).collect();
    let spikes = SpikeInput::from_dense(75, 3, 4, &dense).unwrap();
    check(&population, SMALL, &Input::Spikes(Arc::new(spikes)), None, Output::Peaks);
}

/// Adaptive neurons, trained and not; every output, kind of input and number of neurons per thread.
#[test]
fn adaptive_neurons_agree_with_the_cpu() {
    let neuron = |trained, refractory_steps| {
        let model = NeuronModel::Adaptive(Adaptation { tau_ms: 40.0, strength: 2.0, trained });
        SpikingNeuron { threshold: 0.7, refractory_steps, model, ..SpikingNeuron::default() }
    };
    let (input, x) = signals(70, 3, SMALL.inputs);
    for refractory_steps in [0, 5] {
        for output in [Output::Readout, Output::Synapses, Output::Peaks] {
            check(&neuron(true, refractory_steps).into(), SMALL, &input, Some(&x), output);
        }
    }
    check(&neuron(false, 5).into(), SMALL, &input, Some(&x), Output::Readout);
    check(&diverse(neuron(true, 5), SMALL.neurons), SMALL, &input, Some(&x), Output::Synapses);
    for (neurons, steps) in [(600, 37), (4200, 9)] {
        let sizes = ModeSizes { neurons, ..SMALL };
        let (input, x) = signals(steps, 2, sizes.inputs);
        check(&neuron(true, 1).into(), sizes, &input, Some(&x), Output::Readout);
    }
    let dense: Vec<f32> = values(&normal(6, &[75, 3, 4])).iter().map(|x| f32::from(*x > 0.3)).collect();
    let spikes = SpikeInput::from_dense(75, 3, 4, &dense).unwrap();
    check(&neuron(true, 5).into(), SMALL, &Input::Spikes(Arc::new(spikes)), None, Output::Peaks);
}

/// Membrane time constants of each neuron, drawn and trained, of leaky and adaptive neurons; every output.
#[test]
fn membrane_time_constants_per_neuron_agree_with_the_cpu() {
    let bounds = Bounds { min_ms: 4.0, max_ms: 90.0, spread: 1.5 };
    let adaptive = NeuronModel::Adaptive(Adaptation { tau_ms: 40.0, strength: 2.0, trained: true });
    let neuron = |model, membrane_time_constants, refractory_steps| SpikingNeuron {
        threshold: 0.7,
        refractory_steps,
        model,
        membrane_time_constants,
        ..SpikingNeuron::default()
    };
    let (input, x) = signals(70, 3, SMALL.inputs);
    for model in [NeuronModel::default(), adaptive] {
        for refractory_steps in [0, 5] {
            let trained = neuron(model, TimeConstants::Trained(bounds), refractory_steps);
            for output in [Output::Readout, Output::Synapses, Output::Peaks] {
                check(&trained.clone().into(), SMALL, &input, Some(&x), output);
            }
            check(&diverse(trained, SMALL.neurons), SMALL, &input, Some(&x), Output::Synapses);
        }
        let drawn = neuron(model, TimeConstants::Drawn(bounds), 5);
        check(&Population::initial(&drawn, SMALL.neurons, 3).unwrap(), SMALL, &input, Some(&x), Output::Readout);
    }
    let trained = neuron(NeuronModel::default(), TimeConstants::Trained(bounds), 1);
    for (neurons, steps) in [(600, 37), (4200, 9)] {
        let sizes = ModeSizes { neurons, ..SMALL };
        let (input, x) = signals(steps, 2, sizes.inputs);
        check(&trained.clone().into(), sizes, &input, Some(&x), Output::Readout);
    }
}

/// Every input and output at the minimum size that the kernels are designed for.
#[test]
fn large_networks_agree_with_the_cpu() {
    let population = SpikingNeuron { threshold: 0.7, ..SpikingNeuron::default() }.into();
    let sizes = ModeSizes { neurons: 4096, modes: 128, inputs: 4, outputs: 2 };
    let (steps, trials) = (6, 2);
    let (input, x) = signals(steps, trials, sizes.inputs);
    for output in [Output::Readout, Output::Synapses, Output::Peaks] {
        check(&population, sizes, &input, Some(&x), output);
    }
    let drive = Var::from_tensor(&normal(3, &[steps, trials, sizes.neurons])).unwrap();
    check(&population, sizes, &Input::Currents(drive.as_tensor().clone()), Some(&drive), Output::Readout);
    let dense: Vec<f32> = (0..steps * trials * sizes.inputs).map(|i| f32::from(u8::from(i % 3 > 0))).collect();
    let spikes = SpikeInput::from_dense(steps, trials, sizes.inputs, &dense).unwrap();
    check(&population, sizes, &Input::Spikes(Arc::new(spikes)), None, Output::Peaks);
}

#[test]
fn currents_agree_with_the_cpu() {
    let drive = Var::from_tensor(&normal(3, &[50, 5, SMALL.neurons])).unwrap();
    let input = Input::Currents(drive.as_tensor().clone());
    check(&SpikingNeuron::default().into(), SMALL, &input, Some(&drive), Output::Synapses);
}

#[test]
fn spikes_agree_with_the_cpu() {
    let sizes = ModeSizes { neurons: 150, modes: 3, inputs: 90, outputs: 4 };
    let (steps, trials) = (75, 3);
    let dense: Vec<f32> =
        values(&normal(6, &[steps, trials, sizes.inputs])).iter().map(|x| f32::from(*x > 1.3)).collect();
    let spikes = SpikeInput::from_dense(steps, trials, sizes.inputs, &dense).unwrap();
    let input = Input::Spikes(Arc::new(spikes));
    for output in [Output::Readout, Output::Peaks] {
        check(&SpikingNeuron::default().into(), sizes, &input, None, output);
    }
}

#[test]
fn spikes_drawn_on_the_machine_are_those_of_the_cpu() {
    let sizes = ModeSizes { neurons: 60, modes: 3, inputs: 50, outputs: 4 };
    let values: Vec<f32> = (0..3 * 50).map(|i| [0.0, 1.0, 0.2, 0.6, 0.004][i % 5]).collect();
    let intensities = Intensities::new(values, 50, 75, 3, vec![1, 9 << 40, 4]).unwrap();
    check(&SpikingNeuron::default().into(), sizes, &Input::Intensities(Arc::new(intensities)), None, Output::Peaks);
}

#[test]
fn states_agree_with_the_cpu() {
    let Some(machine) = Emulator::new() else { return };
    let (_, parameters) = random(SMALL).unwrap();
    let (input, _) = signals(60, 2, SMALL.inputs);
    let model = NeuronModel::Adaptive(Adaptation { tau_ms: 40.0, ..Adaptation::default() });
    let adaptive = SpikingNeuron { model, ..SpikingNeuron::default() };
    let drawn =
        SpikingNeuron { membrane_time_constants: TimeConstants::Drawn(Bounds::default()), ..SpikingNeuron::default() };
    let drawn = [drawn.clone(), SpikingNeuron { model, ..drawn }];
    let [drawn, both] = drawn.map(|neuron| Population::initial(&neuron, SMALL.neurons, 3).unwrap());
    let diverse = diverse(SpikingNeuron::default(), SMALL.neurons);
    for population in [SpikingNeuron::default().into(), diverse, adaptive.into(), drawn, both] {
        let (first, weights) = operands(&population, &parameters, &input, Output::Synapses).unwrap();
        let expected = crate::spiking::run::states(&population, &parameters, &input).unwrap();
        let network = Network::new(&population, &SMALL, &input, Output::Synapses);
        let found = states(&machine, &network, &first, &weights).unwrap();
        assert_eq!(values(&found.spikes), values(&expected.spikes));
        assert!(distance(&found.potential, &expected.potential) < 1e-5);
        assert!(distance(&found.membrane, &expected.membrane) < 1e-5);
        assert!(distance(&found.synapses, &expected.synapses) < 1e-5);
    }
}

// ---- independent traces -------------------------------------------------------------------------------------------

/// Potentials and gradients of the traces that PyTorch made in double precision.
fn check_oracle(name: &str, population: Population, input: impl Fn(&Tensor) -> Input, digits: bool) {
    let Some(machine) = Emulator::new() else { return };
    let path = format!("{}/../../tests/fixtures/oracle/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
    let trace: HashMap<String, Tensor> = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
    let (vars, parameters) = network(NAMES.map(|name| trace[name].to_dtype(DType::F32).unwrap())).unwrap();
    let input = input(&trace["x"].to_dtype(DType::F32).unwrap());
    let r = emulate(machine, &population, &parameters, &input, Output::Synapses).unwrap();
    assert!(distance(&r, &trace["r"]) < 1e-5, "{name}: r {}", distance(&r, &trace["r"]));
    let loss = if digits {
        let peaks = emulate(machine, &population, &parameters, &input, Output::Peaks).unwrap();
        let logits = peaks.matmul(&parameters.w_out.t().unwrap()).unwrap();
        candle_nn::loss::cross_entropy(&logits, &trace["label"].to_dtype(DType::U32).unwrap()).unwrap()
    } else {
        let y = emulate(machine, &population, &parameters, &input, Output::Readout).unwrap();
        let target = trace["target"].to_dtype(DType::F32).unwrap();
        (y - target).unwrap().sqr().unwrap().sum_all().unwrap().sqrt().unwrap()
    };
    assert!(distance(&loss.reshape(1).unwrap(), &trace["loss"]) < 1e-5, "{name}: loss");
    let gradients = loss.backward().unwrap();
    for (parameter, var) in NAMES.iter().zip(&vars) {
        let d = distance(gradients.get(var).unwrap(), &trace[&format!("grad.{parameter}")]);
        assert!(d < 1e-4, "{name}: gradient of {parameter}: {d}");
    }
}

#[test]
fn independent_traces_are_met() {
    let with = |synapse, gain| -> Population {
        SpikingNeuron { synapse, gain: SynapticGain::Published(gain), ..SpikingNeuron::default() }.into()
    };
    let signals = |x: &Tensor| Input::Signals(x.clone());
    check_oracle("spiking_single", with(Synapse::Single, PublishedGain::DtOverDecay), signals, false);
    check_oracle("spiking_double", with(Synapse::Double, PublishedGain::OneMinusAlphaDecay), signals, false);
    let digits = with(Synapse::Double, PublishedGain::DtSquaredOverDecayRise);
    check_oracle("spiking_double_digits", digits.clone(), signals, false);
    let spikes = |x: &Tensor| {
        let (t, b, k) = x.dims3().unwrap();
        Input::Spikes(Arc::new(
            SpikeInput::from_dense(t, b, k, &values(x).iter().map(|x| *x as f32).collect::<Vec<_>>()).unwrap(),
        ))
    };
    check_oracle("digits", digits, spikes, true);
}

#[test]
fn what_the_kernels_cannot_run_is_refused() {
    let Some(machine) = Emulator::new() else { return };
    let refuse = |sizes, steps| {
        let (_, parameters) = random(sizes).unwrap();
        let input = signals(steps, 2, sizes.inputs).0;
        emulate(machine, &SpikingNeuron::default().into(), &parameters, &input, Output::Readout)
            .unwrap_err()
            .to_string()
    };
    let error = refuse(ModeSizes { neurons: 20_000, modes: 1, inputs: 1, outputs: 1 }, 2);
    assert!(error.contains("20000 neurons"), "{error}");
    assert!(refuse(SMALL, 0).contains("at least one step"));
}

#[test]
fn a_kernel_that_is_not_there_is_refused() {
    let Some(machine) = Emulator::new() else { return };
    let grid = Grid { blocks: 1, threads: 32, shared_bytes: 0 };
    let key = Spiking::default();
    // SAFETY: nothing runs.
    let launch = |name| unsafe { machine.launch(Kernel { source: "spiking", name }, grid, &key) };
    assert!(launch("nothing").unwrap_err().to_string().contains("no kernel nothing"));
    assert!(launch("random_normal").unwrap_err().to_string().contains("another size"));
}
