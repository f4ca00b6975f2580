//! Rate networks in candle: parameters as variables, and runs over a batch of trials.

use super::config::{Integration, RateConfig, SpikeNoise, Start, TimeConstants};
use super::filter::low_pass;
use super::operator::{self, Sources};
use super::parameters::{RateParameters, RecurrentWeights};
use super::{RateSequence, RateStates, Recurrence};
use candle_core::{Device, Result, Tensor, Var, bail};
use mdl_kernels::memory::Pool;
use mdl_kernels::random::{Purpose, UnitNoise, fill_normal};
use std::sync::Arc;

/// The recurrent weights as variables.
enum Recurrent {
    Dense { w_rec: Var, recurrence: Recurrence },
    Modes { mode_in: Var, score: Tensor, trained_score: Option<Var>, mode_out: Var },
}

/// A rate network on a device.
pub struct RateNetwork {
    config: RateConfig,
    step_ms: f64,
    parameters: RateParameters,
    w_in: Tensor,
    trained_w_in: Option<Var>,
    recurrent: Recurrent,
    theta: Option<Var>,
    w_out: Var,
    b_out: Option<Var>,
    frozen: Vec<String>,
    /// Memory of the runs.
    pool: Arc<Pool<f32>>,
}

/// Key of the noise of a run.
#[derive(Clone, Copy, Debug)]
pub struct NoiseKey {
    /// Seed of the run.
    pub seed: u64,
    /// Purpose of the run.
    pub purpose: Purpose,
    /// Index of the run for this purpose, below 2⁶²: a run uses three streams.
    pub index: u64,
}

/// States of all units at every task step, each `[T, B, N]`.
#[derive(Clone, Debug)]
pub struct NetworkStates {
    /// x.
    pub potential: Tensor,
    /// r = φ(x).
    pub rates: Tensor,
    /// What the readout sees: r, or with `lif_filters` what units send, filtered.
    pub read: Tensor,
    /// Current I that led to x, recurrent and external; 0 for a drawn initial state.
    pub currents: Option<Tensor>,
}

/// Inputs of a batched run.
struct Run {
    sequence: RateSequence,
    drive: Drive,
    /// Noise that is drawn step by step.
    noise: Option<UnitNoise>,
    weights: Tensor,
    leak: Tensor,
    /// Row of the first step of the task.
    first: usize,
}

/// The drive d of a run.
enum Drive {
    /// d `[S, B, N]`
    Given(Tensor),
    /// Input u `[S, B, K]` and W_in `[N, K]`, both constants, of d = W_in u.
    Projected(Tensor, Tensor),
}

impl Drive {
    /// d `[S, B, N]`
    fn tensor(&self) -> Result<Tensor> {
        match self {
            Self::Given(drive) => Ok(drive.clone()),
            Self::Projected(input, w_in) => projected(input, w_in),
        }
    }
}

/// W_in u `[S, B, N]` of an input u `[S, B, K]`.
fn projected(input: &Tensor, w_in: &Tensor) -> Result<Tensor> {
    let (steps, batch, channels) = input.dims3()?;
    input.reshape((steps * batch, channels))?.matmul(&w_in.t()?)?.reshape((steps, batch, w_in.dim(0)?))
}

impl RateNetwork {
    /// Creates a network with these parameters for a task with steps of `step_ms`.
    ///
    /// # Errors
    /// Errors of candle: out of memory on the device.
    pub fn new(config: &RateConfig, parameters: RateParameters, step_ms: f64, device: &Device) -> Result<Self> {
        let (n, k, o) = (parameters.neurons, parameters.channels, parameters.outputs);
        let var = |values: &[f32], shape: &[usize]| Var::from_slice(values, shape, device);
        let w_in = var(&parameters.w_in, &[n, k])?;
        let recurrent = match &parameters.recurrent {
            RecurrentWeights::Dense { w_rec, sign, mask } => Recurrent::Dense {
                w_rec: var(w_rec, &[n, n])?,
                recurrence: Recurrence::Dense {
                    sign: sign.clone(),
                    mask: mask.as_ref().map(|mask| mask.iter().map(|m| f32::from(*m)).collect()),
                },
            },
            RecurrentWeights::Modes { modes, mode_in, score, mode_out } => {
                let score = var(score, &[*modes])?;
                Recurrent::Modes {
                    mode_in: var(mode_in, &[n, *modes])?,
                    score: score.as_detached_tensor(),
                    trained_score: config.trains_scores().then_some(score),
                    mode_out: var(mode_out, &[n, *modes])?,
                }
            }
        };
        Ok(Self {
            w_in: w_in.as_detached_tensor(),
            trained_w_in: config.train_input.then_some(w_in),
            recurrent,
            theta: parameters.theta.as_ref().map(|theta| var(theta, &[n])).transpose()?,
            w_out: var(&parameters.w_out, &[o, n])?,
            b_out: parameters.b_out.as_ref().map(|b| var(b, &[o])).transpose()?,
            config: config.clone(),
            step_ms,
            parameters,
            frozen: Vec::new(),
            pool: Arc::default(),
        })
    }

    /// The same network, in which the parameters of these names are constants.
    #[must_use]
    pub fn with_frozen(self, names: &[String]) -> Self {
        Self { frozen: names.to_vec(), ..self }
    }

    fn is_trained(&self, name: &str) -> bool {
        !self.frozen.iter().any(|frozen| frozen == name)
    }

    /// A parameter as a tensor of the graph; a constant if it is frozen.
    fn in_graph(&self, name: &str, variable: &Var) -> Tensor {
        if self.is_trained(name) { variable.as_tensor().clone() } else { variable.as_detached_tensor() }
    }

    /// Config of the network.
    pub fn config(&self) -> &RateConfig {
        &self.config
    }

    /// Device of the parameters.
    pub fn device(&self) -> &Device {
        self.w_out.device()
    }

    /// Trained parameters, by their names in an artifact.
    pub fn variables(&self) -> Vec<(&'static str, &Var)> {
        let mut variables = Vec::new();
        if let Some(w_in) = &self.trained_w_in {
            variables.push(("w_in", w_in));
        }
        match &self.recurrent {
            Recurrent::Dense { w_rec, .. } => variables.push(("w_rec", w_rec)),
            Recurrent::Modes { mode_in, trained_score, mode_out, .. } => {
                variables.extend([("mode_in", mode_in), ("mode_out", mode_out)]);
                variables.extend(trained_score.as_ref().map(|score| ("score", score)));
            }
        }
        variables.extend(self.theta.as_ref().map(|theta| ("theta", theta)));
        variables.push(("w_out", &self.w_out));
        variables.extend(self.b_out.as_ref().map(|b_out| ("b_out", b_out)));
        variables.retain(|(name, _)| self.is_trained(name));
        variables
    }

    /// Weights of this name in an artifact, as a tensor of the graph; a constant if they are not trained.
    pub fn weight(&self, name: &str) -> Option<Tensor> {
        let constant = |variable: &Option<Var>, values: &Tensor| {
            variable.as_ref().map_or_else(|| values.clone(), |variable| self.in_graph(name, variable))
        };
        match (name, &self.recurrent) {
            ("w_in", _) => Some(constant(&self.trained_w_in, &self.w_in)),
            ("w_out", _) => Some(self.in_graph(name, &self.w_out)),
            ("w_rec", Recurrent::Dense { w_rec, .. }) => Some(self.in_graph(name, w_rec)),
            ("mode_in", Recurrent::Modes { mode_in, .. }) => Some(self.in_graph(name, mode_in)),
            ("mode_out", Recurrent::Modes { mode_out, .. }) => Some(self.in_graph(name, mode_out)),
            ("score", Recurrent::Modes { score, trained_score, .. }) => Some(constant(trained_score, score)),
            _ => None,
        }
    }

    /// 1 for each entry of W_rec `[N, N]` that is a connection, else 0, a constant; none if all are.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn present(&self, w_rec: &Tensor) -> Result<Option<Tensor>> {
        let Recurrent::Dense { recurrence: Recurrence::Dense { sign, mask }, .. } = &self.recurrent else {
            return Ok(None);
        };
        let mask = mask.as_ref().map(|mask| Tensor::from_slice(mask, w_rec.shape(), w_rec.device())).transpose()?;
        let positive = sign.as_ref().map(|_| w_rec.detach().gt(0f32)?.to_dtype(w_rec.dtype())).transpose()?;
        match (positive, mask) {
            (Some(positive), Some(mask)) => (positive * mask).map(Some),
            (positive, mask) => Ok(positive.or(mask)),
        }
    }

    /// Sign of each unit's outgoing weights, `[N]`; none without Dale's principle.
    pub fn signs(&self) -> Option<&[f32]> {
        match &self.parameters.recurrent {
            RecurrentWeights::Dense { sign, .. } => sign.as_deref(),
            RecurrentWeights::Modes { .. } => None,
        }
    }

    /// Current parameters.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn parameters(&self) -> Result<RateParameters> {
        let mut now = self.parameters.clone();
        for (name, variable) in self.variables() {
            let values = variable.flatten_all()?.to_vec1::<f32>()?;
            match (name, &mut now.recurrent) {
                ("w_in", _) => now.w_in = values,
                ("theta", _) => now.theta = Some(values),
                ("w_out", _) => now.w_out = values,
                ("b_out", _) => now.b_out = Some(values),
                ("w_rec", RecurrentWeights::Dense { w_rec, .. }) => *w_rec = values,
                ("mode_in", RecurrentWeights::Modes { mode_in, .. }) => *mode_in = values,
                ("mode_out", RecurrentWeights::Modes { mode_out, .. }) => *mode_out = values,
                ("score", RecurrentWeights::Modes { score, .. }) => *score = values,
                (name, _) => candle_core::bail!("{name} is no parameter of this network"),
            }
        }
        Ok(now)
    }

    /// Leak a per step of each unit, the fraction of the distance to its input, `[N]`.
    fn leak(&self) -> Result<Tensor> {
        let dt = self.step_ms;
        match (&self.theta, self.config.time_constants) {
            (Some(theta), TimeConstants::Trained { min_ms, max_ms }) => {
                let tau = candle_nn::ops::sigmoid(&self.in_graph("theta", theta))?.affine(max_ms - min_ms, min_ms)?;
                match self.config.integration {
                    Integration::Euler => tau.recip()? * dt,
                    Integration::Exponential => (tau.recip()? * -dt)?.exp()?.affine(-1.0, 1.0),
                }
            }
            (_, TimeConstants::Fixed { ms } | TimeConstants::Trained { min_ms: ms, .. }) => {
                let leak = match self.config.integration {
                    Integration::Euler => dt / ms,
                    Integration::Exponential => -(-dt / ms).exp_m1(),
                };
                Tensor::full(leak as f32, self.parameters.neurons, self.w_out.device())
            }
        }
    }

    /// Outputs `[T, B, O]` for inputs `[T, B, K]`; the noise depends only on `key`.
    ///
    /// # Errors
    /// Errors of candle: an input of another shape.
    pub fn run(&self, input: &Tensor, key: NoiseKey) -> Result<Tensor> {
        let steps = input.dim(0)?;
        let run = self.prepare(input, key)?;
        if self.config.lif_filters {
            let rates = self.states_of(&run)?.r;
            let (read, units) = (self.seen_by_readout(&run, &rates, steps)?, self.parameters.neurons);
            return self.read(&read.reshape(((), units))?)?.reshape((steps, input.dim(1)?, ()));
        }
        self.with_bias(self.outputs_of(&run)?.narrow(0, run.first, steps)?)
    }

    /// The same network's operators for drive and noise that they compute themselves, and their memory.
    fn sources<'a>(&self, run: &'a Run) -> (Sources<f32>, &'a Tensor) {
        let (w_in, drive) = match &run.drive {
            Drive::Given(drive) => (None, drive),
            Drive::Projected(input, w_in) => (Some(w_in.clone()), input),
        };
        (Sources { w_in, noise: run.noise.clone(), pool: self.pool.clone() }, drive)
    }

    /// States of a run, row 0 the initial one.
    fn states_of(&self, run: &Run) -> Result<RateStates> {
        if !self.device().is_cpu() {
            return run.sequence.run(&run.drive.tensor()?, &run.weights, &run.leak);
        }
        let (sources, drive) = self.sources(run);
        operator::states(&run.sequence, &sources, drive, &run.weights, &run.leak)
    }

    /// Outputs W_out r of a run `[S + 1, B, O]`.
    fn outputs_of(&self, run: &Run) -> Result<Tensor> {
        let w_out = self.in_graph("w_out", &self.w_out);
        if !self.device().is_cpu() {
            return run.sequence.outputs(&run.drive.tensor()?, &run.weights, &run.leak, &w_out);
        }
        let (sources, drive) = self.sources(run);
        operator::outputs(&run.sequence, &sources, drive, &run.weights, &run.leak, &w_out)
    }

    /// Outputs W_out v + b_out `[rows, O]` of what the readout sees `[rows, N]`.
    ///
    /// # Errors
    /// Errors of candle: rates of another shape.
    pub fn read(&self, rates: &Tensor) -> Result<Tensor> {
        self.with_bias(rates.matmul(&self.in_graph("w_out", &self.w_out).t()?)?)
    }

    fn with_bias(&self, outputs: Tensor) -> Result<Tensor> {
        match &self.b_out {
            Some(b_out) => outputs.broadcast_add(&self.in_graph("b_out", b_out)),
            None => Ok(outputs),
        }
    }

    /// Firing rates r `[T, B, N]`, one row per task step, for inputs `[T, B, K]`; the noise depends only on `key`.
    ///
    /// # Errors
    /// Errors of candle: an input of another shape.
    pub fn rates(&self, input: &Tensor, key: NoiseKey) -> Result<Tensor> {
        Ok(self.rates_and_read(input, key)?.0)
    }

    /// Firing rates as of [`RateNetwork::rates`], and what the readout sees, `[T, B, N]`.
    ///
    /// # Errors
    /// Errors of candle: an input of another shape.
    pub fn rates_and_read(&self, input: &Tensor, key: NoiseKey) -> Result<(Tensor, Tensor)> {
        let (run, steps) = (self.prepare(input, key)?, input.dim(0)?);
        let rates = self.states_of(&run)?.r;
        Ok((rates.narrow(0, run.first, steps)?, self.seen_by_readout(&run, &rates, steps)?))
    }

    /// What the readout sees `[T, B, N]` of the rates of a run, `[S + 1, B, N]`.
    fn seen_by_readout(&self, run: &Run, rates: &Tensor, steps: usize) -> Result<Tensor> {
        if self.config.lif_filters {
            low_pass(&run.sequence.sent(rates)?.narrow(0, run.first, steps)?, &run.leak)
        } else {
            rates.narrow(0, run.first, steps)
        }
    }

    /// States of all units, one row per task step, for inputs `[T, B, K]`, with their currents if requested; the noise
    /// depends only on `key`.
    ///
    /// # Errors
    /// Errors of candle: an input of another shape.
    pub fn states(&self, input: &Tensor, key: NoiseKey, with_currents: bool) -> Result<NetworkStates> {
        let (run, steps) = (self.prepare(input, key)?, input.dim(0)?);
        let (states, first) = (self.states_of(&run)?, run.first);
        let currents = || {
            let currents = run.sequence.currents(&run.drive.tensor()?, &run.weights, &states.r)?;
            if first == 0 { currents.pad_with_zeros(0, 1, 0) } else { Ok(currents) }
        };
        Ok(NetworkStates {
            potential: states.x.narrow(0, first, steps)?,
            rates: states.r.narrow(0, first, steps)?,
            read: self.seen_by_readout(&run, &states.r, steps)?,
            currents: with_currents.then(currents).transpose()?,
        })
    }

    /// Ξ_out `[N, P]`; none for a network without modes.
    pub fn mode_out(&self) -> Option<&Tensor> {
        match &self.recurrent {
            Recurrent::Dense { .. } => None,
            Recurrent::Modes { mode_out, .. } => Some(mode_out.as_tensor()),
        }
    }

    fn prepare(&self, input: &Tensor, key: NoiseKey) -> Result<Run> {
        let (steps, batch, channels) = input.dims3()?;
        let (driven, first) = match self.config.start {
            Start::Drawn { .. } => (steps - 1, 0),
            Start::Zero => (steps, 1),
        };
        let w_in = self.trained_w_in.as_ref().map_or_else(|| self.w_in.clone(), |w| self.in_graph("w_in", w));
        if channels != self.parameters.channels {
            bail!("a network of {} input channels has an input of {channels}", self.parameters.channels)
        }
        let input = input.narrow(0, 0, driven)?;
        let on_cpu = self.device().is_cpu();
        let drive = if on_cpu && !w_in.track_op() && !input.track_op() {
            Drive::Projected(input, w_in)
        } else {
            Drive::Given(projected(&input, &w_in)?)
        };
        let noise = (self.config.noise_sd > 0.0).then(|| self.noise(batch, key));
        let (recurrence, weights) = match &self.recurrent {
            Recurrent::Dense { w_rec, recurrence } => (recurrence.clone(), self.in_graph("w_rec", w_rec)),
            Recurrent::Modes { mode_in, score, trained_score, mode_out } => {
                let score = trained_score.as_ref().map_or_else(|| score.clone(), |s| self.in_graph("score", s));
                let into = self.in_graph("mode_in", mode_in).broadcast_mul(&score)?;
                (Recurrence::Modes, Tensor::stack(&[into, self.in_graph("mode_out", mode_out)], 0)?)
            }
        };
        let sequence = RateSequence {
            activation: self.config.activation,
            recurrence,
            initial: self.initial_state(batch, key)?,
            noise: noise
                .as_ref()
                .filter(|_| !on_cpu)
                .map(|noise| self.noise_tensor(noise, driven, batch, key))
                .transpose()?,
            spike_noise: self.spike_noise(driven + 1, batch, key)?,
            direct_drive: self.config.lif_filters,
        };
        Ok(Run { sequence, drive, noise: noise.filter(|_| on_cpu), weights, leak: self.leak()?, first })
    }

    /// State before the first driven step, `[B, N]`: block 0 of the noise stream of the run's odd half.
    fn initial_state(&self, batch: usize, key: NoiseKey) -> Result<Tensor> {
        let shape = (batch, self.parameters.neurons);
        match self.config.start {
            Start::Zero => Tensor::zeros(shape, candle_core::DType::F32, self.w_out.device()),
            Start::Drawn { sd } => self.normal(&[shape.0, shape.1], sd, 2 * key.index + 1, key),
        }
    }

    fn noise(&self, batch: usize, key: NoiseKey) -> UnitNoise {
        let stream = [key.seed, 2 * key.index];
        UnitNoise::new(stream, key.purpose, self.config.noise_sd as f32, self.parameters.neurons, batch)
    }

    /// The noise of a run as a tensor `[steps, batch, N]`.
    fn noise_tensor(&self, noise: &UnitNoise, steps: usize, batch: usize, key: NoiseKey) -> Result<Tensor> {
        // As `UnitNoise` lays out the stream: step, group, lane and trial make the block, sixteen of which take turns by number.
        let groups = self.parameters.neurons.div_ceil(64);
        let stream = self.normal(&[noise.count(steps) / 64, 4, 16], self.config.noise_sd, 2 * key.index, key)?;
        let by_number = stream.transpose(0, 1)?.reshape(&[4, steps, groups, 16, batch][..])?;
        let by_unit = by_number.permute([1, 4, 2, 0, 3])?.reshape((steps, batch, groups * 64))?;
        by_unit.narrow(2, 0, self.parameters.neurons)?.contiguous()
    }

    /// ζ of every row: cv/√(λ₀ Δt) N(0, 1).
    fn spike_noise(&self, rows: usize, batch: usize, key: NoiseKey) -> Result<Option<Tensor>> {
        let Some(SpikeNoise { cv, .. }) = self.config.spike_noise.filter(|noise| noise.cv > 0.0) else {
            return Ok(None);
        };
        let Some(scaling_factor) = self.config.scaling_factor() else {
            candle_core::bail!("spike noise without a scaling factor")
        };
        let sd = cv / (scaling_factor * self.step_ms / 1000.0).sqrt();
        self.normal(&[rows, batch, self.parameters.neurons], sd, 1 << 63 | key.index, key).map(Some)
    }

    fn normal(&self, shape: &[usize], sd: f64, index: u64, key: NoiseKey) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if let Some(gpu) = mdl_device::Gpu::of(&self.w_out) {
            let stream = mdl_device::random::StreamKey { seed: key.seed, purpose: key.purpose as u32, index };
            let values = mdl_device::random::normal(&gpu, stream, sd as f32, shape.iter().product())?;
            return mdl_device::Backend::tensor(&gpu, values, shape);
        }
        let mut values = vec![0f32; shape.iter().product()];
        fill_normal(key.seed, key.purpose, index, 0, sd as f32, &mut values);
        Tensor::from_vec(values, shape, self.w_out.device())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::distance;

    /// Drive and noise that the operator computes step by step are those of tensors, with the gradients that follow.
    #[test]
    fn a_run_that_drives_itself_is_one_with_a_given_drive() -> Result<()> {
        let config: RateConfig =
            serde_json::from_str(r#"{ "neurons": 70, "recurrence": { "kind": "dense" } }"#).unwrap();
        let (steps, n) = (21, config.neurons);
        for batch in [1, 9] {
            let network = RateNetwork::new(&config, RateParameters::draw(&config, 3, 2, 5), 5.0, &Device::Cpu)?;
            let mut input = vec![0f32; steps * batch * 3];
            fill_normal(5, Purpose::TrainingTrial, 0, 0, 1.0, &mut input);
            let input = Tensor::from_vec(input, (steps, batch, 3), &Device::Cpu)?;
            let key = NoiseKey { seed: 4, purpose: Purpose::TrainingNoise, index: 6 };
            let run = network.prepare(&input, key)?;
            let (Drive::Projected(..), Some(drawn)) = (&run.drive, &run.noise) else { panic!("of tensors") };
            let noise = network.noise_tensor(drawn, steps - 1, batch, key)?;
            let mut of_step = vec![0f32; n];
            drawn.fill(7, batch - 1, 1, &mut of_step);
            assert_eq!(noise.get(7)?.get(batch - 1)?.to_vec1::<f32>()?, of_step);

            let (w_out, sequence) = (&network.w_out, RateSequence { noise: Some(noise), ..run.sequence.clone() });
            let given = sequence.outputs(&run.drive.tensor()?, &run.weights, &run.leak, w_out)?;
            let found = network.outputs_of(&run)?;
            assert!(distance(&found, &given) < 1e-5, "{}", distance(&found, &given));
            let (found, given) = (found.sqr()?.sum_all()?.backward()?, given.sqr()?.sum_all()?.backward()?);
            for (name, variable) in network.variables().into_iter().filter(|(name, _)| *name != "b_out") {
                let far = distance(found.get(variable).unwrap(), given.get(variable).unwrap());
                assert!(far < 1e-4, "gradient of {name}: {far}");
            }
        }
        Ok(())
    }
}
