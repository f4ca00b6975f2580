//! The rate operator against PyTorch, against the same dynamics in plain candle operations, and against finite differences.

mod common;

use candle_core::{DType, Device, Result, Tensor, Var};
use common::distance;
use mdl_kernels::random::{Purpose, Stream};
use mdl_model::rate::{Activation, LifActivation, RateSequence, RateStates, Recurrence, low_pass};
use std::collections::HashMap;

const ACTIVATIONS: [Activation; 4] = [Activation::Sigmoid, Activation::Tanh, Activation::Softplus, Activation::Relu];

/// Spike noise and a direct drive, with the activations of a network that is trained for conversion.
fn lif_variants() -> [(Activation, [bool; 2]); 5] {
    let lif = Activation::Lif(LifActivation::default());
    [
        (lif, [false, false]),
        (lif, [true, false]),
        (lif, [false, true]),
        (lif, [true, true]),
        (Activation::Sigmoid, [true, true]),
    ]
}

/// Traces of a network by PyTorch.
struct Oracle(HashMap<String, Tensor>);

impl Oracle {
    fn read(name: &str) -> Self {
        let path = format!("{}/../../tests/fixtures/oracle/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
        Self(candle_core::safetensors::load(path, &Device::Cpu).unwrap())
    }

    fn get(&self, name: &str, dtype: DType) -> Tensor {
        self.0[name].to_dtype(dtype).unwrap()
    }

    fn var(&self, name: &str, dtype: DType) -> Var {
        Var::from_tensor(&self.get(name, dtype)).unwrap()
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.get(name, DType::F32).flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Compares the loss's gradients with the stored ones.
    fn check(&self, loss: &Tensor, variables: &[(&str, &Var)], tolerance: f64) {
        assert!(distance(&loss.reshape(1).unwrap(), &self.get("loss", DType::F64)) < tolerance);
        let gradients = loss.backward().unwrap();
        for (name, variable) in variables {
            let far = distance(gradients.get(variable).unwrap(), &self.get(&format!("grad.{name}"), DType::F64));
            assert!(far < tolerance, "gradient of {name}: {far:e}");
        }
    }
}

/// `[T, B, K]` times the transposed `[N, K]`.
fn drive(input: &Tensor, w_in: &Tensor) -> Result<Tensor> {
    input.broadcast_matmul(&w_in.t()?)
}

fn root_sum_squared(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    (a - b)?.sqr()?.sum_all()?.sqrt()
}

/// A dense network as Kim, Li & Sejnowski (2019) train it: forward and backward of the stored network, in one precision.
fn dense_oracle(name: &str, dale: bool, dtype: DType, [forward, backward]: [f64; 2]) -> Result<()> {
    let oracle = Oracle::read(name);
    let get = |name: &str| oracle.get(name, dtype);
    let [w_rec, theta, w_out, b_out] = ["w_rec", "theta", "w_out", "b_out"].map(|name| oracle.var(name, dtype));
    let (noise, steps) = (get("noise"), get("noise").dim(0)? - 1);
    let sequence = RateSequence {
        activation: Activation::Sigmoid,
        recurrence: Recurrence::Dense { sign: dale.then(|| oracle.floats("sign")), mask: Some(oracle.floats("mask")) },
        initial: noise.get(0)?,
        noise: Some(noise.narrow(0, 1, steps)?),
        spike_noise: None,
        direct_drive: false,
    };
    let leak = candle_nn::ops::sigmoid(theta.as_tensor())?.affine(16.0, 4.0)?.recip()?;
    let drive = drive(&get("input").narrow(0, 0, steps)?, &get("w_in"))?;
    let RateStates { x, r } = sequence.run(&drive, &w_rec, &leak)?;
    assert!(distance(&x, &get("state")) < forward && distance(&r, &get("r")) < forward);
    let y = r.broadcast_matmul(&w_out.t()?)?.broadcast_add(&b_out)?;
    assert!(distance(&y, &get("y")) < forward);
    let loss = root_sum_squared(&y.narrow(0, 1, steps)?, &get("target").narrow(0, 1, steps)?)?;
    let variables = [("w_rec", &w_rec), ("theta", &theta), ("w_out", &w_out), ("b_out", &b_out)];
    oracle.check(&loss, &variables, backward);
    Ok(())
}

/// A mode network as Lin & Huang (arXiv 2310.14621) have it, likewise.
fn modes_oracle(name: &str, activation: Activation, dtype: DType, [forward, backward]: [f64; 2]) -> Result<()> {
    let oracle = Oracle::read(name);
    let get = |name: &str| oracle.get(name, dtype);
    let names = ["w_in", "mode_in", "score", "mode_out", "w_out"];
    let variables = names.map(|name| oracle.var(name, dtype));
    let [w_in, mode_in, score, mode_out, w_out] = &variables;
    let (steps, batch, n) = get("u").dims3()?;
    let sequence = RateSequence {
        activation,
        recurrence: Recurrence::Modes,
        initial: Tensor::zeros((batch, n), dtype, &Device::Cpu)?,
        noise: None,
        spike_noise: None,
        direct_drive: false,
    };
    let weights = Tensor::stack(&[mode_in.broadcast_mul(score)?, mode_out.as_tensor().clone()], 0)?;
    let leak = Tensor::full(1.0 - (-2f64 / 20.0).exp(), n, &Device::Cpu)?.to_dtype(dtype)?;
    let RateStates { x, r } = sequence.run(&drive(&get("x"), w_in)?, &weights, &leak)?;
    let (x, r) = (x.narrow(0, 1, steps)?, r.narrow(0, 1, steps)?);
    assert!(distance(&x, &get("u")) < forward && distance(&r, &get("r")) < forward);
    let y = r.broadcast_matmul(&w_out.t()?)?;
    assert!(distance(&y, &get("y")) < forward);
    let named: Vec<_> = names.into_iter().zip(&variables).collect();
    oracle.check(&root_sum_squared(&y, &get("target"))?, &named, backward);
    Ok(())
}

#[test]
fn networks_of_pytorch_in_single_precision() -> Result<()> {
    let tolerance = [1e-5, 1e-4];
    dense_oracle("rate_dale", true, DType::F32, tolerance)?;
    dense_oracle("rate_free", false, DType::F32, tolerance)?;
    modes_oracle("rate_modes_tanh", Activation::Tanh, DType::F32, tolerance)?;
    modes_oracle("rate_modes_sigmoid", Activation::Sigmoid, DType::F32, tolerance)
}

#[test]
fn networks_of_pytorch_in_double_precision() -> Result<()> {
    // The leak of mode networks and the loss are the same numbers in both programs, to rounding.
    let tolerance = [1e-12, 1e-11];
    dense_oracle("rate_dale", true, DType::F64, tolerance)?;
    dense_oracle("rate_free", false, DType::F64, tolerance)?;
    modes_oracle("rate_modes_tanh", Activation::Tanh, DType::F64, tolerance)?;
    modes_oracle("rate_modes_sigmoid", Activation::Sigmoid, DType::F64, tolerance)
}

/// A network that is trained for its conversion, as [`rate_lif.py`](../../../tests/fixtures/oracle/rate_lif.py) has it; the
/// table of the activation is not exact.
#[test]
fn a_network_for_conversion_of_numpy() -> Result<()> {
    let (oracle, dtype, tolerance) = (Oracle::read("rate_lif"), DType::F64, 3e-4);
    let get = |name: &str| oracle.get(name, dtype);
    let names = ["w_in", "w_rec", "theta", "w_out", "b_out"];
    let variables = names.map(|name| oracle.var(name, dtype));
    let [w_in, w_rec, theta, w_out, b_out] = &variables;
    let (noise, steps) = (get("noise"), get("noise").dim(0)? - 1);
    let sequence = RateSequence {
        activation: Activation::Lif(LifActivation::default()),
        recurrence: Recurrence::Dense { sign: Some(oracle.floats("sign")), mask: None },
        initial: noise.get(0)?,
        noise: Some(noise.narrow(0, 1, steps)?),
        spike_noise: Some(get("spike_noise")),
        direct_drive: true,
    };
    let leak = (candle_nn::ops::sigmoid(theta.as_tensor())?.affine(80.0, 20.0)?.recip()? * 5.0)?;
    let drive = drive(&get("input").narrow(0, 0, steps)?, w_in)?;
    let RateStates { x, r } = sequence.run(&drive, w_rec, &leak)?;
    assert!(distance(&x, &get("state")) < tolerance && distance(&r, &get("r")) < tolerance);
    let y = low_pass(&sequence.sent(&r)?, &leak)?.broadcast_matmul(&w_out.t()?)?.broadcast_add(b_out)?;
    assert!(distance(&y, &get("y")) < tolerance);
    let loss = root_sum_squared(&y.narrow(0, 1, steps)?, &get("target").narrow(0, 1, steps)?)?;
    let named: Vec<_> = names.into_iter().zip(&variables).collect();
    oracle.check(&loss, &named, tolerance);
    Ok(())
}

/// How a random network is connected.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Dale,
    /// With this share of its connections in thousandths.
    SparseDale(u32),
    Free,
    Modes,
}

/// A random network with everything it can have, and weights of a loss on its rates.
struct Random {
    sequence: RateSequence,
    drive: Var,
    weights: Var,
    leak: Var,
    outer: Tensor,
}

impl Random {
    fn new(kind: Kind, activation: Activation, [steps, batch, n]: [usize; 3], dtype: DType) -> Result<Self> {
        let mut stream = Stream::new(11, Purpose::Initialisation, (steps * 1000 + batch * 100 + n) as u64);
        let mut normal = |shape: &[usize], sd: f32| {
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| stream.normal() * sd).collect();
            Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)
        };
        let sd = 1.2 / (n as f32).sqrt();
        let weights = match kind {
            Kind::Modes => normal(&[2, n, 3], sd.sqrt())?,
            _ => normal(&[n, n], sd)?,
        };
        let outer = normal(&[steps + 1, batch, n], 1.0)?;
        let drive = normal(&[steps, batch, n], 1.0)?;
        let (initial, noise) = (normal(&[batch, n], 0.5)?, Some(normal(&[steps, batch, n], 0.2)?));
        let mut uniform = |length: usize| (0..length).map(|_| stream.uniform() as f32).collect::<Vec<_>>();
        let sign = uniform(n).iter().map(|u| if *u < 0.3 { -1.0 } else { 1.0 }).collect();
        let mask: Vec<f32> = uniform(n * n).iter().map(|u| if *u < 0.1 { 0.0 } else { 1.0 }).collect();
        let leak: Vec<f32> = uniform(n).iter().map(|u| 0.05 + 0.5 * u).collect();
        let leak = Tensor::from_vec(leak, n, &Device::Cpu)?.to_dtype(dtype)?;
        let weights = match kind {
            Kind::SparseDale(thousandths) => {
                let present = uniform(n * n).iter().map(|u| f32::from(*u < thousandths as f32 / 1000.0)).collect();
                let present = Tensor::from_vec::<_, f32>(present, (n, n), &Device::Cpu)?.to_dtype(dtype)?;
                (weights.abs()? * present)?
            }
            _ => weights,
        };
        let recurrence = match kind {
            Kind::Dale => Recurrence::Dense { sign: Some(sign), mask: Some(mask) },
            Kind::SparseDale(_) => Recurrence::Dense { sign: Some(sign), mask: None },
            Kind::Free => Recurrence::Dense { sign: None, mask: Some(mask) },
            Kind::Modes => Recurrence::Modes,
        };
        Ok(Self {
            sequence: RateSequence { activation, recurrence, initial, noise, spike_noise: None, direct_drive: false },
            drive: Var::from_tensor(&drive)?,
            weights: Var::from_tensor(&weights)?,
            leak: Var::from_tensor(&leak)?,
            outer,
        })
    }

    /// With spike noise, and with a direct drive.
    fn with(mut self, [spiking, direct_drive]: [bool; 2]) -> Result<Self> {
        self.sequence.direct_drive = direct_drive;
        self.sequence.spike_noise = spiking.then(|| &self.outer * 0.3).transpose()?;
        Ok(self)
    }

    fn states(&self, reference: bool) -> Result<RateStates> {
        let Self { sequence, drive, weights, leak, .. } = self;
        if reference { sequence.run_reference(drive, weights, leak) } else { sequence.run(drive, weights, leak) }
    }

    /// x, r, and the gradients of drive, weights and leak.
    fn results(&self, reference: bool) -> Result<[Tensor; 5]> {
        let RateStates { x, r } = self.states(reference)?;
        let gradients = (&r * &self.outer)?.sum_all()?.backward()?;
        let gradient = |variable: &Var| gradients.get(variable).unwrap().clone();
        Ok([x, r, gradient(&self.drive), gradient(&self.weights), gradient(&self.leak)])
    }

    fn loss(&self) -> Result<f64> {
        (self.states(false)?.r * &self.outer)?.sum_all()?.to_scalar()
    }
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
}

const KINDS: [Kind; 6] =
    [Kind::Dale, Kind::SparseDale(300), Kind::SparseDale(60), Kind::SparseDale(0), Kind::Free, Kind::Modes];

#[test]
fn operator_and_reference_agree() -> Result<()> {
    // Sizes below, at and above the widths of the kernels; more steps than a window.
    for shape in [[7, 1, 5], [40, 3, 33], [25, 20, 64], [300, 2, 70], [1, 1, 1]] {
        for kind in KINDS {
            let plain = ACTIVATIONS.map(|activation| (activation, [false, false]));
            for (activation, with) in plain.into_iter().chain(lif_variants()) {
                for (dtype, tolerance) in [(DType::F32, 5e-5), (DType::F64, 1e-11)] {
                    let network = Random::new(kind, activation, shape, dtype)?.with(with)?;
                    let (found, expected) = (network.results(false)?, network.results(true)?);
                    for (what, (found, expected)) in
                        ["x", "r", "of drive", "of weights", "of leak"].iter().zip(found.iter().zip(&expected))
                    {
                        let far = distance(found, expected);
                        assert!(far < tolerance, "{kind:?} {activation:?} {shape:?} {dtype:?}: {what} {far:e}");
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn gradients_are_finite_differences() -> Result<()> {
    for kind in [Kind::Dale, Kind::SparseDale(300), Kind::Free, Kind::Modes] {
        for activation in ACTIVATIONS {
            let network = Random::new(kind, activation, [6, 2, 7], DType::F64)?;
            let [_, _, of_drive, of_weights, of_leak] = network.results(false)?;
            for (variable, gradient) in
                [(&network.drive, of_drive), (&network.weights, of_weights), (&network.leak, of_leak)]
            {
                check_differences(&network, variable, &gradient, &format!("{kind:?} {activation:?}"))?;
            }
        }
    }
    Ok(())
}

/// With a direct drive, and with an activation of a table. (The gradient does not pass the root in the spike noise.)
#[test]
fn gradients_of_networks_for_conversion_are_finite_differences() -> Result<()> {
    for kind in [Kind::SparseDale(300), Kind::Modes] {
        for (activation, with) in lif_variants().into_iter().filter(|(_, [spiking, _])| !spiking) {
            let network = Random::new(kind, activation, [6, 2, 7], DType::F64)?.with(with)?;
            let [_, _, of_drive, of_weights, of_leak] = network.results(false)?;
            for (variable, gradient) in
                [(&network.drive, of_drive), (&network.weights, of_weights), (&network.leak, of_leak)]
            {
                check_differences(&network, variable, &gradient, &format!("{kind:?} {activation:?} {with:?}"))?;
            }
        }
    }
    Ok(())
}

/// Every seventh element's gradient against a central difference.
fn check_differences(network: &Random, variable: &Var, gradient: &Tensor, what: &str) -> Result<()> {
    let centre = variable.as_tensor().copy()?;
    let (values, gradient) = (centre.flatten_all()?.to_vec1::<f64>()?, gradient.flatten_all()?.to_vec1::<f64>()?);
    let h = 1e-6;
    for i in (0..values.len()).step_by(7).filter(|i| values[*i].abs() > 1e-5) {
        let at = |step: f64| {
            let mut moved = values.clone();
            moved[i] += step;
            variable.set(&Tensor::from_vec(moved, centre.shape(), &Device::Cpu)?)?;
            network.loss()
        };
        let difference = (at(h)? - at(-h)?) / (2.0 * h);
        assert!(
            (difference - gradient[i]).abs() < 1e-6 * (1.0 + difference.abs()),
            "{what} {i}: {difference} {}",
            gradient[i]
        );
    }
    variable.set(&centre)
}

/// The outputs, and the gradients of drive, weights, leak and readout.
fn read(network: &Random, w_out: &Var, reference: bool) -> Result<[Tensor; 5]> {
    let Random { sequence, drive, weights, leak, outer } = network;
    let outputs = if reference {
        sequence.run_reference(drive, weights, leak)?.r.broadcast_matmul(&w_out.t()?)?
    } else {
        sequence.outputs(drive, weights, leak, w_out)?
    };
    let outer = outer.narrow(2, 0, w_out.dim(0)?)?;
    let gradients = (&outputs * outer)?.sum_all()?.backward()?;
    let gradient = |variable: &Var| gradients.get(variable).unwrap().clone();
    Ok([outputs, gradient(drive), gradient(weights), gradient(leak), gradient(w_out)])
}

#[test]
fn outputs_are_the_rates_read_out() -> Result<()> {
    // Blocks of trials of every width; the last ones with more steps than a window.
    for (shape, outputs) in [([9, 1, 5], 1), ([40, 3, 33], 2), ([25, 37, 64], 3), ([300, 14, 40], 1)] {
        for kind in KINDS {
            for (dtype, tolerance) in [(DType::F32, 5e-5), (DType::F64, 1e-11)] {
                let network = Random::new(kind, Activation::Sigmoid, shape, dtype)?;
                let w_out = Var::from_tensor(&network.outer.flatten_all()?.narrow(0, 0, outputs * shape[2])?)?;
                let w_out = Var::from_tensor(&w_out.reshape((outputs, shape[2]))?)?;
                let (found, expected) = (read(&network, &w_out, false)?, read(&network, &w_out, true)?);
                for (what, (found, expected)) in ["outputs", "of drive", "of weights", "of leak", "of readout"]
                    .iter()
                    .zip(found.iter().zip(&expected))
                {
                    let far = distance(found, expected);
                    assert!(far < tolerance, "{kind:?} {shape:?} {dtype:?}: {what} {far:e}");
                }
                for (one, many) in on_threads(1, || read(&network, &w_out, false))?
                    .iter()
                    .zip(&on_threads(3, || read(&network, &w_out, false))?)
                {
                    assert_eq!(
                        one.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?,
                        many.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?
                    );
                }
            }
        }
    }
    Ok(())
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn any_number_of_threads_gives_the_same_bits() -> Result<()> {
    for kind in KINDS {
        let results = |threads: usize| {
            let network = Random::new(kind, Activation::Sigmoid, [50, 37, 40], DType::F32)?;
            on_threads(threads, || network.results(false))
        };
        for (one, many) in results(1)?.iter().zip(&results(3)?) {
            assert_eq!(bits(one), bits(many), "{kind:?}");
        }
    }
    Ok(())
}

/// A batch is cut into blocks for the threads there are on the way there; on the way back there may be others.
#[test]
fn a_backward_pass_may_have_other_threads() -> Result<()> {
    let network = Random::new(Kind::SparseDale(60), Activation::Sigmoid, [50, 37, 40], DType::F32)?;
    let r = on_threads(1, || network.states(false))?.r;
    let loss = (r * &network.outer)?.sum_all()?;
    let gradients = on_threads(3, || loss.backward())?;
    let [.., of_weights, _] = on_threads(1, || network.results(false))?;
    assert_eq!(bits(gradients.get(&network.weights).unwrap()), bits(&of_weights));
    Ok(())
}

#[test]
fn a_trial_does_not_depend_on_its_batch() -> Result<()> {
    // A batch of blocks of trials side by side and of some trials left over.
    for kind in KINDS {
        let network = Random::new(kind, Activation::Softplus, [30, 69, 41], DType::F32)?;
        let together = network.states(false)?;
        for trial in [0, 7, 31, 32, 63, 64, 68] {
            let one = |t: &Tensor| t.narrow(t.rank() - 2, trial, 1);
            let sequence = RateSequence {
                initial: one(&network.sequence.initial)?,
                noise: network.sequence.noise.as_ref().map(one).transpose()?,
                ..network.sequence.clone()
            };
            let alone = sequence.run(&one(&network.drive)?, &network.weights, &network.leak)?;
            assert_eq!(bits(&alone.x), bits(&one(&together.x)?), "{kind:?} {trial}");
            assert_eq!(bits(&alone.r), bits(&one(&together.r)?), "{kind:?} {trial}");
        }
    }
    Ok(())
}

#[test]
fn what_no_variable_enters_has_no_gradient() -> Result<()> {
    let Random { sequence, drive, weights, leak, .. } =
        Random::new(Kind::Dale, Activation::Tanh, [9, 2, 6], DType::F32)?;
    let r = sequence.run(&drive.as_detached_tensor(), &weights, &leak.as_detached_tensor())?.r;
    let gradients = r.sum_all()?.backward()?;
    assert!(gradients.get(&weights).is_some() && gradients.get(&drive).is_none() && gradients.get(&leak).is_none());
    Ok(())
}

#[test]
fn a_weight_that_is_not_a_number_shows() -> Result<()> {
    let Random { sequence, drive, leak, .. } = Random::new(Kind::Dale, Activation::Tanh, [9, 1, 6], DType::F32)?;
    let weights = Tensor::full(f32::NAN, (6, 6), &Device::Cpu)?;
    let last = sequence.run(&drive, &weights, &leak)?.r.get(9)?.flatten_all()?.to_vec1::<f32>()?;
    assert!(last.iter().all(|r| r.is_nan()));
    Ok(())
}

#[test]
fn misfits_are_refused() -> Result<()> {
    let network = Random::new(Kind::Dale, Activation::Tanh, [9, 2, 6], DType::F32)?;
    let Random { sequence, drive, weights, leak, .. } = &network;
    let message = |run: Result<RateStates>| run.unwrap_err().to_string();
    let short = leak.narrow(0, 0, 5)?;
    assert!(message(sequence.run(drive, weights, &short)).contains("leak of a rate sequence: expected [6]"));
    let wide = weights.to_dtype(DType::F64)?;
    assert!(message(sequence.run(drive, &wide, leak)).contains("recurrent weights"));
    let modes = RateSequence { recurrence: Recurrence::Modes, ..sequence.clone() };
    assert!(message(modes.run(drive, weights, leak)).contains("unexpected rank"));
    let narrow = weights.narrow(1, 0, 5)?;
    let refused = sequence.outputs(drive, weights, leak, &narrow).unwrap_err().to_string();
    assert!(refused.contains("readout of a rate sequence: expected [O, 6]"), "{refused}");
    let few = Recurrence::Dense { sign: Some(vec![1.0; 5]), mask: None };
    assert!(message(RateSequence { recurrence: few, ..sequence.clone() }.run(drive, weights, leak)).contains("signs"));
    Ok(())
}
