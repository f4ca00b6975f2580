//! The spiking operator against independent traces and gradients, its own reference, and itself under other settings.
//!
//! The traces are those of `tests/fixtures/oracle/README.md`; equations: section 2 of docs/dynamics.md.

mod common;

use candle_core::{DType, Device, Result, Tensor, Var};
use common::{distance, values};
use mdl_data::spikes::SpikeInput;
use mdl_kernels::random::{Purpose, fill_normal};
use mdl_model::modes::{ModeParameters, ModeSizes};
use mdl_model::readout::Readout;
use mdl_model::spiking::{
    self, Adaptation, Bounds, Input, MultiGaussian, NeuronModel, Population, PublishedGain, SpikingNeuron, Surrogate,
    Synapse, SynapticGain, TimeConstants, reference,
};
use std::collections::HashMap;
use std::sync::Arc;

const NAMES: [&str; 5] = ["w_in", "mode_in", "score", "mode_out", "w_out"];

/// Parameters as variables, in the order of `NAMES`.
struct Network {
    vars: Vec<Var>,
    parameters: ModeParameters,
}

impl Network {
    fn new(tensors: [&Tensor; 5], dtype: DType) -> Result<Self> {
        let vars = tensors.iter().map(|t| Var::from_tensor(&t.to_dtype(dtype)?)).collect::<Result<Vec<_>>>()?;
        let [w_in, mode_in, score, mode_out, w_out] = std::array::from_fn(|i| vars[i].as_tensor().clone());
        Ok(Self { vars, parameters: ModeParameters { w_in, mode_in, score, mode_out, w_out } })
    }

    /// Strong enough weights that neurons spike and are refractory.
    fn random(sizes: ModeSizes, seed: u64, dtype: DType) -> Result<Self> {
        let p = ModeParameters::initial(&sizes, seed)?;
        Self::new([&(&p.w_in * 2.0)?, &p.mode_in, &(&p.score * 6.0)?, &p.mode_out, &p.w_out], dtype)
    }

    fn gradients(&self, loss: &Tensor) -> Result<Vec<Tensor>> {
        let gradients = loss.backward()?;
        let of = |var: &Var| gradients.get(var).cloned().map_or_else(|| var.zeros_like(), Ok);
        self.vars.iter().map(of).collect()
    }
}

fn normal(seed: u64, shape: &[usize], dtype: DType) -> Result<Tensor> {
    let mut values = vec![0f32; shape.iter().product()];
    fill_normal(seed, Purpose::WrittenTrial, 0, 0, 1.0, &mut values);
    Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)
}

/// A loss that every output and step has a share of.
fn weighted_sum(output: &Tensor, seed: u64) -> Result<Tensor> {
    output.mul(&normal(seed, output.dims(), output.dtype())?)?.sum_all()
}

// ---- independent traces -------------------------------------------------------------------------------------------

fn oracle(name: &str) -> HashMap<String, Tensor> {
    let path = format!("{}/../../tests/fixtures/oracle/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()
}

fn neuron(synapse: Synapse, gain: PublishedGain) -> SpikingNeuron {
    SpikingNeuron { synapse, gain: SynapticGain::Published(gain), ..SpikingNeuron::default() }
}

fn oracle_network(trace: &HashMap<String, Tensor>, dtype: DType) -> Network {
    Network::new(NAMES.map(|name| &trace[name]), dtype).unwrap()
}

/// Spikes, states and gradients of the traces made by PyTorch in double precision.
fn check_oracle(
    trace: &HashMap<String, Tensor>,
    population: &Population,
    network: &Network,
    input: &Input,
    loss: &Tensor,
    (states, gradients): (f64, f64),
) {
    let found = spiking::states(population, &network.parameters, input).unwrap();
    assert_eq!(values(&found.spikes), values(&trace["s"]), "spikes");
    assert!(distance(&found.potential, &trace["u"]) < states, "U {}", distance(&found.potential, &trace["u"]));
    assert!(distance(&found.synapses, &trace["r"]) < states, "r {}", distance(&found.synapses, &trace["r"]));
    assert!(distance(&loss.reshape(1).unwrap(), &trace["loss"]) < states, "loss");
    for (name, gradient) in NAMES.iter().zip(network.gradients(loss).unwrap()) {
        let d = distance(&gradient, &trace[&format!("grad.{name}")]);
        assert!(d < gradients, "gradient of {name}: {d}");
    }
}

fn check_contextual(name: &str, neuron: SpikingNeuron) {
    let trace = oracle(name);
    assert!((neuron.gain() - values(&trace["kappa"])[0]).abs() < 1e-15);
    let population = Population::from(neuron);
    for (dtype, tolerance) in [(DType::F32, (1e-5, 1e-4)), (DType::F64, (1e-13, 1e-11))] {
        let network = oracle_network(&trace, dtype);
        let input = Input::Signals(trace["x"].to_dtype(dtype).unwrap());
        let y = spiking::run(&population, &network.parameters, &input, Readout::PerStep).unwrap();
        let target = trace["target"].to_dtype(dtype).unwrap();
        let loss = (y - target).unwrap().sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
        check_oracle(&trace, &population, &network, &input, &loss, tolerance);
    }
}

#[test]
fn oracle_single_exponential() {
    check_contextual("spiking_single", neuron(Synapse::Single, PublishedGain::DtOverDecay));
}

#[test]
fn oracle_double_exponential() {
    check_contextual("spiking_double", neuron(Synapse::Double, PublishedGain::OneMinusAlphaDecay));
}

#[test]
fn oracle_double_exponential_with_the_gain_of_the_digits() {
    check_contextual("spiking_double_digits", neuron(Synapse::Double, PublishedGain::DtSquaredOverDecayRise));
}

#[test]
fn oracle_digits() {
    let trace = oracle("digits");
    let population = neuron(Synapse::Double, PublishedGain::DtSquaredOverDecayRise).into();
    let (t, b, k) = trace["x"].dims3().unwrap();
    let dense: Vec<f32> = values(&trace["x"]).iter().map(|x| *x as f32).collect();
    let spikes = Arc::new(SpikeInput::from_dense(t, b, k, &dense).unwrap());
    for (dtype, tolerance) in [(DType::F32, (1e-5, 1e-4)), (DType::F64, (1e-13, 1e-11))] {
        for input in [Input::Spikes(spikes.clone()), Input::Signals(trace["x"].to_dtype(dtype).unwrap())] {
            let network = oracle_network(&trace, dtype);
            let logits = spiking::run(&population, &network.parameters, &input, Readout::MaxOverTime).unwrap();
            assert!(distance(&logits, &trace["logits"]) < tolerance.0);
            let loss = candle_nn::loss::cross_entropy(&logits, &trace["label"].to_dtype(DType::U32).unwrap()).unwrap();
            check_oracle(&trace, &population, &network, &input, &loss, tolerance);
        }
    }
}

/// Spikes, outputs and gradients of a simulation in NumPy (`spiking_per_neuron.py` beside the traces) of neurons that all
/// have a threshold and a decay time constant of their own.
#[test]
fn oracle_constants_per_neuron() {
    let trace = oracle("spiking_per_neuron");
    let single = |name: &str| trace[name].to_vec1::<f32>().unwrap();
    for (case, synapse, gain) in [
        ("single", Synapse::Single, PublishedGain::DtOverDecay),
        ("double", Synapse::Double, PublishedGain::OneMinusAlphaDecay),
        ("digits", Synapse::Double, PublishedGain::DtSquaredOverDecayRise),
    ] {
        let of_case = |name: &str| &trace[&format!("{case}.{name}")];
        let (threshold, tau_decay_ms) = (Some(single("threshold")), Some(single("tau_decay_ms")));
        let population = Population::new(neuron(synapse, gain), threshold, tau_decay_ms).unwrap();
        for (dtype, states, gradients) in [(DType::F32, 1e-5, 1e-3), (DType::F64, 1e-13, 1e-11)] {
            let network = oracle_network(&trace, dtype);
            let input = Input::Signals(trace["x"].to_dtype(dtype).unwrap());
            let found = spiking::states(&population, &network.parameters, &input).unwrap();
            assert_eq!(values(&found.spikes), values(of_case("s")), "{case}: spikes");
            let last = found.synapses.get(found.synapses.dims()[0] - 1).unwrap();
            assert!(distance(&last, of_case("r")) < states, "{case}: r {}", distance(&last, of_case("r")));
            let y = spiking::run(&population, &network.parameters, &input, Readout::PerStep).unwrap();
            assert!(distance(&y, of_case("y")) < states, "{case}: y {}", distance(&y, of_case("y")));
            let target = trace["target"].to_dtype(dtype).unwrap();
            let loss = (y - target).unwrap().sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
            assert!(distance(&loss.reshape(1).unwrap(), of_case("loss")) < states, "{case}: loss");
            for (name, gradient) in NAMES.iter().zip(network.gradients(&loss).unwrap()) {
                let d = distance(&gradient, of_case(&format!("grad.{name}")));
                assert!(d < gradients, "{case}, {dtype:?}: gradient of {name}: {d}");
            }
        }
    }
}

/// Spikes, outputs and gradients of a simulation in NumPy (`spiking_adaptive.py` beside the traces) of adaptive neurons whose
/// time constants and strengths are trained.
#[test]
fn oracle_adaptive() {
    let trace = oracle("spiking_adaptive");
    let own_names = ["log_tau_adaptation", "adaptation_strength"];
    let strength = &trace["adaptation_strength"];
    for (case, surrogate) in
        [("fast-sigmoid", Surrogate::default()), ("multi-gaussian", Surrogate::MultiGaussian(MultiGaussian::default()))]
    {
        let model = NeuronModel::Adaptive(Adaptation { trained: true, ..Adaptation::default() });
        let neuron =
            SpikingNeuron { threshold: 0.8, refractory_steps: 3, surrogate, model, ..SpikingNeuron::default() };
        let of_case = |name: &str| &trace[&format!("{case}.{name}")];
        for (dtype, states, gradients) in [(DType::F32, 1e-5, 1e-3), (DType::F64, 1e-13, 1e-11)] {
            let network = oracle_network(&trace, dtype);
            let log_strength = strength.to_dtype(DType::F64).unwrap().log().unwrap();
            let own = [&trace["log_tau_adaptation"], &log_strength];
            let own = own.map(|tensor| Var::from_tensor(&tensor.to_dtype(dtype).unwrap()).unwrap());
            let population = Population::from(neuron.clone()).with_trained(tensors(&own));
            let input = Input::Signals(trace["x"].to_dtype(dtype).unwrap());
            let found = spiking::states(&population, &network.parameters, &input).unwrap();
            assert_eq!(values(&found.spikes), values(of_case("s")), "{case}: spikes");
            let expected = reference::states(&population, &network.parameters, &input).unwrap().threshold.unwrap();
            let threshold = found.threshold.unwrap();
            assert!(distance(&threshold, &expected) < states, "{case}: {}", distance(&threshold, &expected));
            assert!(values(&threshold).iter().any(|theta| *theta > 0.9), "{case}: a threshold at rest tests nothing");
            let y = spiking::run(&population, &network.parameters, &input, Readout::PerStep).unwrap();
            assert!(distance(&y, of_case("y")) < states, "{case}: y {}", distance(&y, of_case("y")));
            let target = trace["target"].to_dtype(dtype).unwrap();
            let loss = (y - target).unwrap().sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
            assert!(distance(&loss.reshape(1).unwrap(), of_case("loss")) < states, "{case}: loss");
            let of_neurons = loss.backward().unwrap();
            let of_neurons = own.each_ref().map(|var| of_neurons.get(var).unwrap().clone());
            let found = network.gradients(&loss).unwrap().into_iter().chain(of_neurons);
            for (name, gradient) in NAMES.iter().chain(&own_names).zip(found) {
                let mut expected = of_case(&format!("grad.{name}")).clone();
                if *name == "adaptation_strength" {
                    // ∂/∂ ln β = β ∂/∂β
                    expected = (expected * strength.to_dtype(DType::F64).unwrap()).unwrap();
                }
                let d = distance(&gradient, &expected);
                assert!(d < gradients, "{case}, {dtype:?}: gradient of {name}: {d}");
            }
        }
    }
}

/// Spikes, potentials, outputs and gradients of a simulation in NumPy (`spiking_time_constants.py` beside the traces) of
/// neurons whose membrane time constants are trained.
#[test]
fn oracle_trained_time_constants() {
    let trace = oracle("spiking_time_constants");
    for (case, refractory_steps) in [("refractory", 3), ("free", 0)] {
        let bounds = Bounds { min_ms: 4.0, max_ms: 80.0, ..Bounds::default() };
        let membrane_time_constants = TimeConstants::Trained(bounds);
        let neuron =
            SpikingNeuron { threshold: 0.6, refractory_steps, membrane_time_constants, ..SpikingNeuron::default() };
        assert_eq!((neuron.validate(), neuron.trained()), (Ok(()), vec!["theta_membrane"]));
        let of_case = |name: &str| &trace[&format!("{case}.{name}")];
        for (dtype, states, gradients) in [(DType::F32, 1e-5, 1e-3), (DType::F64, 1e-13, 1e-11)] {
            let network = oracle_network(&trace, dtype);
            let theta = Var::from_tensor(&trace["theta_membrane"].to_dtype(dtype).unwrap()).unwrap();
            let population = Population::from(neuron.clone()).with_trained(vec![theta.as_tensor().clone()]);
            let input = Input::Signals(trace["x"].to_dtype(dtype).unwrap());
            let found = spiking::states(&population, &network.parameters, &input).unwrap();
            assert_eq!(values(&found.spikes), values(of_case("s")), "{case}: spikes");
            let last = found.potential.get(found.potential.dims()[0] - 1).unwrap();
            assert!(distance(&last, of_case("u")) < states, "{case}: U {}", distance(&last, of_case("u")));
            let y = spiking::run(&population, &network.parameters, &input, Readout::PerStep).unwrap();
            assert!(distance(&y, of_case("y")) < states, "{case}: y {}", distance(&y, of_case("y")));
            let target = trace["target"].to_dtype(dtype).unwrap();
            let loss = (y - target).unwrap().sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
            assert!(distance(&loss.reshape(1).unwrap(), of_case("loss")) < states, "{case}: loss");
            let of_theta = loss.backward().unwrap().get(&theta).unwrap().clone();
            let found = network.gradients(&loss).unwrap().into_iter().chain([of_theta]);
            for (name, gradient) in NAMES.iter().chain(&["theta_membrane"]).zip(found) {
                let d = distance(&gradient, of_case(&format!("grad.{name}")));
                assert!(d < gradients, "{case}, {dtype:?}: gradient of {name}: {d}");
            }
        }
    }
}

// ---- the operator against the reference ---------------------------------------------------------------------------

/// Counting by the inverse of the synaptic filter: the same rates, and the same gradients of the surrogate.
#[test]
fn mean_rates_and_their_gradients_as_of_the_spikes_of_the_reference() -> Result<()> {
    let sizes = ModeSizes { neurons: 37, modes: 3, inputs: 2, outputs: 1 };
    let (steps, trials) = (90, 5);
    let tau_decay_ms = (0..37u8).map(|i| 20.0 + f32::from(i)).collect();
    let double = neuron(Synapse::Double, PublishedGain::DtSquaredOverDecayRise);
    let single = neuron(Synapse::Single, PublishedGain::DtOverDecay);
    let diverse = Population::new(double.clone(), None, Some(tau_decay_ms)).expect("positive time constants");
    for population in [double.into(), single.into(), diverse] {
        let network = Network::random(sizes, 5, DType::F64)?;
        let input = Input::Signals(normal(1, &[steps, trials, sizes.inputs], DType::F64)?);
        let spikes = reference::states(&population, &network.parameters, &input)?.spikes;
        let per_step = spikes.narrow(0, 0, steps - 1)?.mean(0)?;
        let expected = (per_step * (1e3 / population.neuron().dt_ms))?;
        let synapses = spiking::synapses(&population, &network.parameters, &input)?;
        let found = spiking::mean_rates_hz(&population, &synapses)?;
        assert!(values(&expected).iter().sum::<f64>() > 100.0, "few spikes");
        assert!(distance(&found, &expected) < 1e-12, "{}", distance(&found, &expected));
        let [found, expected] = [found, expected].map(|rates| network.gradients(&weighted_sum(&rates, 2)?));
        for ((name, a), b) in NAMES.iter().zip(found?).zip(&expected?) {
            assert!(*name == "w_out" || distance(&a, b) < 1e-10, "{name}: {}", distance(&a, b));
        }
        let none = spiking::mean_rates_hz(&population, &synapses.narrow(0, 0, 1)?)?;
        assert_eq!(values(&none), vec![0.0; trials * sizes.neurons]);
    }
    Ok(())
}

/// Output and gradients of operator and reference in double precision, for one neuron and both readouts.
fn check_reference(population: &Population, sizes: ModeSizes, steps: usize, trials: usize) {
    let (population, own) = with_trained(population, sizes.neurons);
    let population = &population;
    let x = Var::from_tensor(&normal(1, &[steps, trials, sizes.inputs], DType::F64).unwrap()).unwrap();
    let input = Input::Signals(x.as_tensor().clone());
    for readout in [Readout::PerStep, Readout::MaxOverTime] {
        let network = Network::random(sizes, 5, DType::F64).unwrap();
        let expected = reference::run(population, &network.parameters, &input, readout).unwrap();
        let spikes = reference::states(population, &network.parameters, &input).unwrap().spikes;
        assert!(values(&spikes).iter().sum::<f64>() > 0.005 * spikes.elem_count() as f64, "few spikes");
        let loss = weighted_sum(&expected, 2).unwrap();
        let expected_gradients = network.gradients(&loss).unwrap();
        let expected_others = of_others(&loss, &x, &own);
        let found = spiking::run(population, &network.parameters, &input, readout).unwrap();
        assert!(distance(&found, &expected) < 1e-12, "{readout:?}: {}", distance(&found, &expected));
        let loss = weighted_sum(&found, 2).unwrap();
        for ((name, a), b) in NAMES.iter().zip(network.gradients(&loss).unwrap()).zip(&expected_gradients) {
            assert!(distance(&a, b) < 1e-10, "{readout:?}, {name}: {}", distance(&a, b));
        }
        for (i, (a, b)) in of_others(&loss, &x, &own).iter().zip(&expected_others).enumerate() {
            assert!(distance(a, b) < 1e-10, "{readout:?}, x or row {i}: {}", distance(a, b));
        }
    }
}

fn tensors(vars: &[Var]) -> Vec<Tensor> {
    vars.iter().map(|var| var.as_tensor().clone()).collect()
}

/// The population with trained constants that differ between neurons, in double precision.
fn with_trained(population: &Population, neurons: usize) -> (Population, Vec<Var>) {
    let row = |initial: Vec<f32>| {
        let scaled = |(i, value): (usize, f32)| f64::from(value) * (0.6 + 0.8 * (i % 5) as f64 / 4.0);
        let values: Vec<f64> = initial.into_iter().enumerate().map(scaled).collect();
        Var::from_vec(values, neurons, &Device::Cpu).unwrap()
    };
    let own: Vec<Var> = population.neuron().initial(neurons, 4).into_iter().map(row).collect();
    (population.clone().with_trained(tensors(&own)), own)
}

/// Gradients of the input and of the trained constants of the neurons.
fn of_others(loss: &Tensor, x: &Var, own: &[Var]) -> Vec<Tensor> {
    let gradients = loss.backward().unwrap();
    std::iter::once(x).chain(own).map(|var| gradients.get(var).unwrap().clone()).collect()
}

const SMALL: ModeSizes = ModeSizes { neurons: 21, modes: 3, inputs: 4, outputs: 2 };

#[test]
fn every_surrogate_synapse_and_refractory_period_agrees_with_the_reference() {
    let slope = 5.0;
    for surrogate in [
        Surrogate::default(),
        Surrogate::Arctan { slope },
        Surrogate::Sigmoid { slope },
        Surrogate::Triangular { slope: 1.0 },
        Surrogate::StraightThrough,
        Surrogate::MultiGaussian(MultiGaussian { width: 0.3, ..MultiGaussian::default() }),
    ] {
        for synapse in [Synapse::Single, Synapse::Double] {
            for refractory_steps in [0, 1, 5] {
                let neuron = SpikingNeuron { synapse, refractory_steps, surrogate, ..SpikingNeuron::default() };
                check_reference(&neuron.into(), SMALL, 90, 3);
            }
        }
    }
}

#[test]
fn neurons_without_filters_agree_with_the_reference() {
    for (tau_current_ms, tau_decay_ms) in [(0.0, 30.0), (10.0, 0.0), (0.0, 0.0)] {
        let neuron = SpikingNeuron { tau_current_ms, tau_decay_ms, refractory_steps: 0, ..SpikingNeuron::default() };
        let neuron =
            SpikingNeuron { synapse: Synapse::Single, gain: SynapticGain::Value(2.0), threshold: 0.2, ..neuron };
        assert_eq!(neuron.validate(), Ok(()));
        check_reference(&neuron.into(), SMALL, 90, 3);
    }
}

/// Neurons of which each has a threshold and a decay time constant of its own.
fn diverse(neuron: &SpikingNeuron, neurons: usize) -> Population {
    Population::new(neuron.clone(), Some(thresholds(neurons)), Some(tau_decays_ms(neurons))).unwrap()
}

fn thresholds(neurons: usize) -> Vec<f32> {
    (0..neurons).map(|i| 0.4 + 0.6 * (i % 7) as f32 / 6.0).collect()
}

fn tau_decays_ms(neurons: usize) -> Vec<f32> {
    (0..neurons).map(|i| 20.0 + 30.0 * (i % 11) as f32 / 10.0).collect()
}

#[test]
fn constants_per_neuron_agree_with_the_reference() {
    for synapse in [Synapse::Single, Synapse::Double] {
        for gain in [PublishedGain::DtOverDecay, PublishedGain::OneMinusAlphaDecay] {
            for refractory_steps in [0, 1, 5] {
                let neuron = SpikingNeuron { refractory_steps, ..neuron(synapse, gain) };
                let (threshold, tau) = (Some(thresholds(SMALL.neurons)), Some(tau_decays_ms(SMALL.neurons)));
                for (threshold, tau) in [(threshold.clone(), tau.clone()), (threshold, None), (None, tau)] {
                    let population = Population::new(neuron.clone(), threshold, tau).unwrap();
                    check_reference(&population, SMALL, 90, 3);
                }
            }
        }
    }
}

/// Adaptive neurons, trained and not, with and without constants of their own.
fn adaptive(trained: bool) -> SpikingNeuron {
    let model = NeuronModel::Adaptive(Adaptation { tau_ms: 40.0, strength: 2.0, trained });
    SpikingNeuron { threshold: 0.7, model, ..SpikingNeuron::default() }
}

#[test]
fn adaptive_neurons_agree_with_the_reference() {
    for synapse in [Synapse::Single, Synapse::Double] {
        for refractory_steps in [0, 1, 5] {
            for trained in [false, true] {
                let neuron = SpikingNeuron { synapse, refractory_steps, ..adaptive(trained) };
                check_reference(&diverse(&neuron, SMALL.neurons), SMALL, 90, 3);
                check_reference(&neuron.into(), SMALL, 90, 3);
            }
        }
    }
    let sizes = ModeSizes { neurons: 600, modes: 2, inputs: 3, outputs: 1 };
    check_reference(&adaptive(true).into(), sizes, 100, 6);
}

/// Membrane time constants of each neuron: drawn or trained, of leaky and adaptive neurons.
fn membranes(time_constants: fn(Bounds) -> TimeConstants, neuron: SpikingNeuron) -> SpikingNeuron {
    let bounds = Bounds { min_ms: 4.0, max_ms: 90.0, spread: 1.5 };
    SpikingNeuron { threshold: 0.7, membrane_time_constants: time_constants(bounds), ..neuron }
}

#[test]
fn membrane_time_constants_per_neuron_agree_with_the_reference() {
    for refractory_steps in [0, 1, 5] {
        for neuron in [SpikingNeuron::default(), adaptive(false), adaptive(true)] {
            let neuron = SpikingNeuron { refractory_steps, ..neuron };
            let trained = membranes(TimeConstants::Trained, neuron.clone());
            check_reference(&diverse(&trained, SMALL.neurons), SMALL, 90, 3);
            check_reference(&trained.into(), SMALL, 90, 3);
            let drawn = membranes(TimeConstants::Drawn, neuron);
            check_reference(&Population::initial(&drawn, SMALL.neurons, 3).unwrap(), SMALL, 90, 3);
        }
    }
    let sizes = ModeSizes { neurons: 600, modes: 2, inputs: 3, outputs: 1 };
    check_reference(&membranes(TimeConstants::Trained, SpikingNeuron::default()).into(), sizes, 100, 6);
}

/// Time constants per neuron that are all that of the config give the spikes and, to rounding, the outputs and gradients of
/// the shared one.
#[test]
fn equal_membrane_time_constants_are_the_shared_one() {
    let network = Network::random(SMALL, 9, DType::F64).unwrap();
    let input = Input::Signals(normal(2, &[150, 5, SMALL.inputs], DType::F64).unwrap());
    let bounds = Bounds { spread: 0.0, ..Bounds::default() };
    let own = SpikingNeuron { membrane_time_constants: TimeConstants::Drawn(bounds), ..SpikingNeuron::default() };
    let own = Population::from(own).with_tau_membrane_ms(vec![20.0; SMALL.neurons]).unwrap();
    let [found, expected] = [own, SpikingNeuron::default().into()].map(|population| {
        let y = spiking::run(&population, &network.parameters, &input, Readout::PerStep).unwrap();
        let states = spiking::states(&population, &network.parameters, &input).unwrap();
        let gradients = network.gradients(&weighted_sum(&y, 1).unwrap()).unwrap();
        (states.spikes, [vec![y, states.potential], gradients].concat())
    });
    assert_eq!(values(&found.0), values(&expected.0));
    for (a, b) in found.1.iter().zip(&expected.1) {
        assert!(distance(a, b) < 1e-12, "{}", distance(a, b));
    }
}

/// Without adaptation the neuron is the leaky one, bit by bit.
#[test]
fn adaptive_neurons_of_no_strength_are_leaky() {
    let model = NeuronModel::Adaptive(Adaptation { strength: 0.0, ..Adaptation::default() });
    let input = Input::Signals(normal(2, &[150, 5, SMALL.inputs], DType::F32).unwrap());
    for refractory_steps in [0, 5] {
        let leaky = SpikingNeuron { refractory_steps, ..SpikingNeuron::default() };
        let adaptive = SpikingNeuron { model, ..leaky.clone() };
        let [a, b] =
            [leaky, adaptive].map(|neuron| output_and_gradients(&neuron.into(), &input, SMALL, Readout::PerStep));
        assert!(a == b);
    }
}

#[test]
fn other_sizes_agree_with_the_reference() {
    let neuron = SpikingNeuron { threshold: 0.7, dt_ms: 1.0, ..SpikingNeuron::default() };
    let all = |neurons| [Population::from(neuron.clone()), diverse(&neuron, neurons)];
    // More neurons than a block, fewer than a cell, one trial, several bands, more modes and signals than a register block.
    for (sizes, steps, trials) in [
        (ModeSizes { neurons: 600, modes: 2, inputs: 3, outputs: 1 }, 40, 2),
        (ModeSizes { neurons: 7, modes: 9, inputs: 6, outputs: 5 }, 70, 1),
        (ModeSizes { neurons: 16, modes: 1, inputs: 40, outputs: 3 }, 30, 11),
    ] {
        for population in all(sizes.neurons) {
            check_reference(&population, sizes, steps, trials);
        }
    }
}

#[test]
fn synapses_of_a_given_drive_agree_with_the_reference() {
    let network = Network::random(SMALL, 8, DType::F64).unwrap();
    let drive = Var::from_tensor(&normal(3, &[50, 6, 21], DType::F64).unwrap()).unwrap();
    let input = Input::Currents(drive.as_tensor().clone());
    let gradients = |r: &Tensor| {
        let loss = weighted_sum(r, 4).unwrap();
        let mut gradients = network.gradients(&loss).unwrap();
        gradients.push(loss.backward().unwrap().get(&drive).unwrap().clone());
        gradients
    };
    for population in [SpikingNeuron::default().into(), diverse(&SpikingNeuron::default(), SMALL.neurons)] {
        let expected = reference::states(&population, &network.parameters, &input).unwrap();
        let found = spiking::synapses(&population, &network.parameters, &input).unwrap();
        assert!(distance(&found, &expected.synapses) < 1e-12);
        for (a, b) in gradients(&found).iter().zip(&gradients(&expected.synapses)) {
            assert!(distance(a, b) < 1e-10, "{}", distance(a, b));
        }
        let states = spiking::states(&population, &network.parameters, &input).unwrap();
        assert_eq!(values(&states.spikes), values(&expected.spikes));
        assert!(distance(&states.potential, &expected.potential) < 1e-12);
        assert!(distance(&states.membrane, &expected.membrane) < 1e-12);
    }
}

#[test]
fn spikes_are_the_signals_they_stand_for() {
    let sizes = ModeSizes { neurons: 150, modes: 3, inputs: 90, outputs: 4 };
    let (steps, trials) = (130, 6);
    let dense: Vec<f32> = values(&normal(5, &[steps, trials, 90], DType::F32).unwrap())
        .iter()
        .map(|x| f32::from(u8::from(*x > 1.0)))
        .collect();
    let spikes = Input::Spikes(Arc::new(SpikeInput::from_dense(steps, trials, 90, &dense).unwrap()));
    let x = Tensor::from_vec(dense, (steps, trials, 90), &Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
    let network = Network::random(sizes, 6, DType::F64).unwrap();
    let default = SpikingNeuron::default;
    for (population, readout) in [
        (default().into(), Readout::PerStep),
        (default().into(), Readout::MaxOverTime),
        (diverse(&default(), sizes.neurons), Readout::PerStep),
        (diverse(&default(), sizes.neurons), Readout::MaxOverTime),
    ] {
        let [a, b] = [&spikes, &Input::Signals(x.clone())].map(|input| {
            let y = spiking::run(&population, &network.parameters, input, readout).unwrap();
            let gradients = network.gradients(&weighted_sum(&y, 7).unwrap()).unwrap();
            (y, gradients)
        });
        assert!(distance(&a.0, &b.0) < 1e-12);
        for ((name, a), b) in NAMES.iter().zip(&a.1).zip(&b.1) {
            assert!(distance(a, b) < 1e-10, "{readout:?}, {name}: {}", distance(a, b));
        }
    }
}

// ---- the same bits ------------------------------------------------------------------------------------------------

fn bits(tensors: &[Tensor]) -> Vec<u32> {
    tensors.iter().flat_map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap()).map(f32::to_bits).collect()
}

fn output_and_gradients(population: &Population, input: &Input, sizes: ModeSizes, readout: Readout) -> Vec<u32> {
    let network = Network::random(sizes, 9, DType::F32).unwrap();
    let y = spiking::run(population, &network.parameters, input, readout).unwrap();
    let mut tensors = network.gradients(&weighted_sum(&y, 1).unwrap()).unwrap();
    tensors.push(y);
    bits(&tensors)
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let sizes = ModeSizes { neurons: 100, modes: 3, inputs: 40, outputs: 3 };
    let dense: Vec<f32> = (0..70 * 45 * 40).map(|i| f32::from(u8::from(i * i % 11 == 3))).collect();
    let spikes = Input::Spikes(Arc::new(SpikeInput::from_dense(70, 45, 40, &dense).unwrap()));
    let signals = Input::Signals(normal(2, &[70, 45, 4], DType::F32).unwrap());
    let default = SpikingNeuron::default;
    let membranes = Population::initial(&membranes(TimeConstants::Drawn, default()), sizes.neurons, 3).unwrap();
    for population in [default().into(), diverse(&default(), sizes.neurons), adaptive(false).into(), membranes] {
        for (input, inputs) in [(&spikes, 40), (&signals, 4)] {
            for readout in [Readout::PerStep, Readout::MaxOverTime] {
                let run = || output_and_gradients(&population, input, ModeSizes { inputs, ..sizes }, readout);
                let one = pool(1).install(run);
                assert!(one == pool(2).install(run) && one == pool(5).install(run), "{readout:?}");
            }
        }
    }
}

#[test]
fn equal_constants_per_neuron_give_the_bits_of_shared_ones() {
    let input = Input::Signals(normal(2, &[70, 5, SMALL.inputs], DType::F32).unwrap());
    let neuron = SpikingNeuron { threshold: 0.75, tau_decay_ms: 40.0, ..SpikingNeuron::default() };
    let other = SpikingNeuron { threshold: 2.0, tau_decay_ms: 10.0, ..neuron.clone() };
    let (threshold, tau) = (Some(vec![0.75; SMALL.neurons]), Some(vec![40.0; SMALL.neurons]));
    let own = Population::new(other, threshold, tau).unwrap();
    for readout in [Readout::PerStep, Readout::MaxOverTime] {
        let [own, shared] = [&own, &neuron.clone().into()].map(|of| output_and_gradients(of, &input, SMALL, readout));
        assert!(own == shared, "{readout:?}");
    }
}

/// One neuron that nobody hears makes the constants differ: outputs and states of the others keep their bits.
#[test]
fn constants_per_neuron_give_the_bits_of_shared_ones_where_they_are_equal() {
    let n = SMALL.neurons;
    let input = Input::Signals(normal(2, &[150, 5, SMALL.inputs], DType::F32).unwrap());
    let mut network = Network::random(SMALL, 9, DType::F32).unwrap();
    let heard: Vec<f32> = (0..n).map(|i| if i == n - 2 { 0.0 } else { 1.0 }).collect();
    let heard = Tensor::from_vec(heard, n, &Device::Cpu).unwrap();
    let others: Vec<u32> = (0..n as u32).filter(|i| *i != n as u32 - 2).collect();
    let others = Tensor::new(others, &Device::Cpu).unwrap();
    let parameters = &mut network.parameters;
    parameters.w_out = parameters.w_out.broadcast_mul(&heard).unwrap();
    parameters.mode_out = parameters.mode_out.broadcast_mul(&heard.reshape((n, 1)).unwrap()).unwrap();
    let neuron = SpikingNeuron { threshold: 0.75, tau_decay_ms: 40.0, ..SpikingNeuron::default() };
    let but_one = |common: f32| (0..n).map(|i| if i == n - 2 { 20.0 } else { common }).collect::<Vec<f32>>();
    let own = Population::new(neuron.clone(), Some(but_one(0.75)), Some(but_one(40.0))).unwrap();
    let [found, expected] = [own, neuron.into()].map(|population| {
        let y = spiking::run(&population, &network.parameters, &input, Readout::PerStep).unwrap();
        let states = spiking::states(&population, &network.parameters, &input).unwrap();
        let of_others = |tensor: Tensor| tensor.index_select(&others, 2).unwrap();
        bits(&[y, of_others(states.potential), of_others(states.synapses), of_others(states.spikes)])
    });
    assert!(found == expected);
}

// ---- bad input ----------------------------------------------------------------------------------------------------

#[test]
fn an_input_that_does_not_fit_is_refused() {
    let network = Network::random(SMALL, 0, DType::F32).unwrap();
    let run = |input| {
        spiking::run(&SpikingNeuron::default().into(), &network.parameters, &input, Readout::PerStep)
            .unwrap_err()
            .to_string()
    };
    let found = run(Input::Signals(normal(0, &[10, 2, 3], DType::F32).unwrap()));
    assert!(found.contains("[10, 2, 3]"), "{found}");
    let found = run(Input::Currents(normal(0, &[10, 2, 20], DType::F32).unwrap()));
    assert!(found.contains("[10, 2, 20]"), "{found}");
    let found = run(Input::Spikes(Arc::new(SpikeInput::from_dense(2, 1, 3, &[1.0; 6]).unwrap())));
    assert!(found.contains("spikes on 3 channels for a network of 4 inputs"), "{found}");
    let found = run(Input::Signals(normal(0, &[10, 2, 4], DType::F64).unwrap()));
    assert!(found.contains("F64"), "{found}");
    let population = diverse(&SpikingNeuron::default(), 20);
    let input = Input::Signals(normal(0, &[10, 2, 4], DType::F32).unwrap());
    let found = spiking::run(&population, &network.parameters, &input, Readout::PerStep).unwrap_err().to_string();
    assert!(found.contains("threshold has shape [20], expected [21]"), "{found}");
    let population = Population::initial(&membranes(TimeConstants::Drawn, SpikingNeuron::default()), 20, 1).unwrap();
    let found = spiking::run(&population, &network.parameters, &input, Readout::PerStep).unwrap_err().to_string();
    assert!(found.contains("tau_membrane_ms has shape [20], expected [21]"), "{found}");
    let found = Population::from(SpikingNeuron::default()).with_tau_membrane_ms(vec![20.0; 21]).unwrap_err();
    assert!(found.expected.contains("network.neuron.membrane_time_constants"), "{found}");
    let drawn = Population::from(membranes(TimeConstants::Drawn, SpikingNeuron::default()));
    assert_eq!(drawn.with_tau_membrane_ms(vec![20.0, 0.0]).unwrap_err().field, "tau_membrane_ms[1]");
}
