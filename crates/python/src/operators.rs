//! The dynamics of networks as differentiable operators on whole sequences, for other tools that train them. A tape is a
//! finished run, which is differentiated later.

use crate::errors::{self, OrRaise};
use crate::inputs::{ArrayArgument, Numbers};
use crate::job::{self, Manner};
use crate::memory::Memory;
use candle_core::{DType, Device, Tensor, Var};
use mdl_artifact::{Artifact as Content, Kind, Provenance};
use mdl_kernels::random::Purpose;
use mdl_model::modes::ModeParameters;
use mdl_model::rate::config::RateConfig;
use mdl_model::rate::network::{NoiseKey, RateNetwork};
use mdl_model::rate::parameters::RateParameters;
use mdl_model::readout::Readout;
use mdl_model::spiking::{self, Input, Population, SpikingNeuron};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::Value;
use std::sync::Arc;

/// A run of a network and its differentiable tensors.
struct Tape {
    output: Tensor,
    /// Tensors that receive gradients, by name.
    variables: Vec<(&'static str, Var)>,
}

impl Tape {
    fn backward(&self, py: Python, gradient: &Bound<PyAny>, manner: &Manner) -> PyResult<Py<PyDict>> {
        let gradient = tensor(gradient, "gradient")?;
        if (gradient.dims(), gradient.dtype()) != (self.output.dims(), self.output.dtype()) {
            let shown = |tensor: &Tensor| format!("{:?} {:?}", tensor.dtype(), tensor.dims());
            return Err(errors::argument(py, "gradient", &shown(&gradient), &shown(&self.output)));
        }
        let (output, variables) = (self.output.clone(), self.variables.clone());
        let gradients = job::run(py, manner, None, move |_, _| {
            let gradients = (output * gradient)?.sum_all()?.backward()?;
            let of = |(name, variable): &(&'static str, Var)| Some((*name, gradients.get(variable)?.clone()));
            Ok(variables.iter().filter_map(of).collect::<Vec<_>>())
        })?;
        let all = PyDict::new(py);
        for (name, gradient) in gradients {
            all.set_item(name, array(py, &gradient)?)?;
        }
        Ok(all.unbind())
    }
}

/// A run of a spiking mode network.
#[pyclass(frozen, module = "mdl_rnn._mdl_rnn")]
pub struct SpikingTape {
    tape: Arc<Tape>,
}

#[pymethods]
impl SpikingTape {
    /// Runs a network of neurons with these constants (JSON) on inputs `[T, B, K]`. `readout` is `every-step` or
    /// `max-over-time`; `differentiate_inputs` says whether to differentiate with respect to the inputs, too.
    #[staticmethod]
    fn run(
        py: Python,
        neuron: &str,
        parameters: &Bound<PyDict>,
        inputs: &Bound<PyAny>,
        readout: &str,
        differentiate_inputs: bool,
        manner: Manner,
    ) -> PyResult<Self> {
        let neuron: SpikingNeuron =
            of_json(neuron).map_err(|error| errors::exception(py, "ConfigError", &error.to_string()))?;
        neuron.validate().map_err(|field| errors::exception(py, "ConfigError", &field.within("neuron").to_string()))?;
        if !neuron.membrane_time_constants.is_fixed() {
            return Err(errors::argument(
                py,
                "neuron",
                "membrane time constants per neuron",
                "membrane_time_constants of the kind fixed",
            ));
        }
        let readout = match readout {
            "every-step" => Readout::PerStep,
            "max-over-time" => Readout::MaxOverTime,
            other => return Err(errors::argument(py, "readout", other, "every-step or max-over-time")),
        };
        let mut variables = Vec::new();
        for name in ["w_in", "mode_in", "score", "mode_out", "w_out"] {
            variables.push((name, variable(parameters, name)?));
        }
        let of = |index: usize| -> &Tensor { variables[index].1.as_tensor() };
        let parameters = ModeParameters {
            w_in: of(0).clone(),
            mode_in: of(1).clone(),
            score: of(2).clone(),
            mode_out: of(3).clone(),
            w_out: of(4).clone(),
        };
        let mut inputs = tensor(inputs, "inputs")?;
        if differentiate_inputs {
            let variable = Var::from_tensor(&inputs).or_raise(py)?;
            inputs = variable.as_tensor().clone();
            variables.push(("inputs", variable));
        }
        let output = job::run(py, &manner, None, move |_, _| {
            Ok(spiking::run(&Population::from(neuron), &parameters, &Input::Signals(inputs), readout)?)
        })?;
        Ok(Self { tape: Arc::new(Tape { output, variables }) })
    }

    /// Outputs, `[T, B, O]` or `[B, O]`.
    fn output(&self, py: Python) -> PyResult<Memory> {
        array(py, &self.tape.output)
    }

    /// Gradients of the parameters and inputs, by name, for the gradient of the outputs.
    fn backward(&self, py: Python, gradient: &Bound<PyAny>, manner: Manner) -> PyResult<Py<PyDict>> {
        self.tape.backward(py, gradient, &manner)
    }
}

/// A run of a rate network.
#[pyclass(frozen, module = "mdl_rnn._mdl_rnn")]
pub struct RateTape {
    tape: Arc<Tape>,
}

#[pymethods]
impl RateTape {
    /// Runs the network of this section of a config (JSON) on inputs `[T, B, K]`, in steps of `step_ms`. The noise is
    /// that of run `index` under `seed`.
    #[staticmethod]
    fn run(
        py: Python,
        config: &str,
        step_ms: f64,
        parameters: &Bound<PyDict>,
        inputs: &Bound<PyAny>,
        noise: (u64, u64),
        differentiate_inputs: bool,
        manner: Manner,
    ) -> PyResult<Self> {
        let config: RateConfig =
            of_json(config).map_err(|error| errors::exception(py, "ConfigError", &error.to_string()))?;
        let valid = config.validate().and_then(|()| config.validate_step(step_ms));
        valid.map_err(|field| errors::exception(py, "ConfigError", &field.within("network").to_string()))?;
        let mut content = Content::new(Kind::Rate, Value::Null, Provenance::new("", None, 0));
        for (name, value) in parameters {
            let name: String = name.extract()?;
            let array: ArrayArgument = value.extract()?;
            match array.numbers() {
                Some(Numbers::F32(values)) => content.insert(&name, array.shape(), values),
                Some(Numbers::U8(values)) => content.insert(&name, array.shape(), values),
                _ => return Err(errors::argument(py, &name, "another type", "float32, or uint8 of a mask")),
            }
        }
        let parameters = RateParameters::read(&content, &config, "")
            .map_err(|error| errors::exception(py, "ArgumentError", &error.without_path()))?;
        let network = RateNetwork::new(&config, parameters, step_ms, &Device::Cpu).or_raise(py)?;
        let mut variables: Vec<(&'static str, Var)> =
            network.variables().into_iter().map(|(name, variable)| (name, variable.clone())).collect();
        let mut inputs = tensor(inputs, "inputs")?;
        if inputs.dtype() != DType::F32 || inputs.rank() != 3 {
            let found = format!("{:?} {:?}", inputs.dtype(), inputs.dims());
            return Err(errors::argument(py, "inputs", &found, "float32 of shape (steps, trials, channels)"));
        }
        if differentiate_inputs {
            let variable = Var::from_tensor(&inputs).or_raise(py)?;
            inputs = variable.as_tensor().clone();
            variables.push(("inputs", variable));
        }
        let key = NoiseKey { seed: noise.0, purpose: Purpose::TrainingNoise, index: noise.1 };
        let output = job::run(py, &manner, None, move |_, _| Ok(network.run(&inputs, key)?))?;
        Ok(Self { tape: Arc::new(Tape { output, variables }) })
    }

    /// Outputs, `[T, B, O]`.
    fn output(&self, py: Python) -> PyResult<Memory> {
        array(py, &self.tape.output)
    }

    /// Gradients of the parameters and inputs, by name, for the gradient of the outputs.
    fn backward(&self, py: Python, gradient: &Bound<PyAny>, manner: Manner) -> PyResult<Py<PyDict>> {
        self.tape.backward(py, gradient, &manner)
    }
}

fn variable(parameters: &Bound<PyDict>, name: &str) -> PyResult<Var> {
    let py = parameters.py();
    let value = parameters.get_item(name)?.ok_or_else(|| errors::argument(py, name, "nothing", "an array"))?;
    Var::from_tensor(&tensor(&value, name)?).or_raise(py)
}

/// A copy of an array of single or double precision.
fn tensor(argument: &Bound<PyAny>, name: &str) -> PyResult<Tensor> {
    let array: ArrayArgument = argument.extract()?;
    let tensor = match array.numbers() {
        Some(Numbers::F32(values)) => Tensor::from_vec(values, array.shape(), &Device::Cpu),
        Some(Numbers::F64(values)) => Tensor::from_vec(values, array.shape(), &Device::Cpu),
        _ => return Err(errors::argument(argument.py(), name, "another type", "float32 or float64")),
    };
    tensor.or_raise(argument.py())
}

/// The memory of a tensor.
fn array(py: Python, tensor: &Tensor) -> PyResult<Memory> {
    let flat = tensor.flatten_all().or_raise(py)?;
    Ok(match tensor.dtype() {
        DType::F64 => Memory::of_f64(flat.to_vec1().or_raise(py)?, tensor.dims()),
        _ => Memory::of_f32(flat.to_vec1().or_raise(py)?, tensor.dims()),
    })
}

/// A section of a config. Numbers keep all their digits only on the way through a [`Value`].
fn of_json<T: serde::de::DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    serde_json::from_value(serde_json::from_str::<Value>(text)?)
}
