//! The operator on a GPU, or under emulation: arguments of the kernels in `spiking.cu`, and the data kept between the
//! passes.
//!
//! The forward pass keeps U (without a refractory period also V, with decay constants per neuron also r) and a of every
//! step, 4 (N + P) bytes per step and trial, from which the backward pass computes everything else. For spike input,
//! W_in is passed and returned as `[K, N]`.

use super::input::{FEW_SIGNALS, Input, States};
use super::launch::{Neurons, Plan, Spiking};
use super::neurons::{Neuron, NeuronModel, with_neuron};
use super::operator::Output;
use super::population::Population;
use crate::modes::ModeSizes;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use mdl_data::encode::Intensities;
use mdl_data::spikes::SpikeInput;
use mdl_device::random::{Channels, bernoulli};
use mdl_device::{Backend, Grid, Kernel, Output as Launched, Placed};
use mdl_kernels::random::Purpose;
use std::sync::Arc;

const NAME: &str = "spiking-sequence";
/// Blocks and threads of the kernel that adds gradients.
const SUM: Grid = Grid { blocks: 132, threads: 256, shared_bytes: 0 };

/// Network of an operator, without its two tensors.
pub(super) struct Network {
    population: Population,
    source: Source,
    output: Output,
    /// P.
    modes: usize,
}

/// Meaning of the first tensor, and the input if it is another one.
enum Source {
    /// x `[T, B, K]`.
    Signals,
    /// The drive `[T, B, N]`.
    Currents,
    /// W_in.
    Spikes(Arc<SpikeInput>),
    /// W_in; the spikes are drawn on the device.
    Intensities(Arc<Intensities>),
}

/// Runs a network on a device: the operator on its two tensors, see [`super::operator`].
///
/// # Errors
/// Tensors of mismatched shapes, no steps or trials, a network too large for the kernels, and errors of the device.
pub(super) fn run<M: Backend>(machine: &M, network: Network, first: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let first = network.oriented(first)?;
    let keep = if first.track_op() || weights.track_op() { Keep::Trace } else { Keep::Nothing };
    let Forward { out, dims, kept } = Launch::new(machine, &network, &first, weights)?.forward(keep)?;
    let operator = Operator { output: Launched::new(machine, out, dims), network, kept };
    first.apply_op2(weights, operator)
}

/// The states of every step.
///
/// # Errors
/// As for [`run`].
pub(super) fn states<M: Backend>(machine: &M, network: &Network, first: &Tensor, weights: &Tensor) -> Result<States> {
    let first = network.oriented(&first.detach())?;
    let Forward { out, dims, kept } = Launch::new(machine, network, &first, weights)?.forward(Keep::Membrane)?;
    let Some(Kept { potential, membrane: Some(membrane), further, .. }) = kept else { bail!("{NAME} kept no states") };
    let potential = machine.tensor(potential, &dims)?;
    let threshold: Vec<f32> = (0..weights.dim(1)?).map(|i| network.population.threshold(i) as f32).collect();
    let threshold = Tensor::from_vec(threshold, weights.dim(1)?, potential.device())?;
    let kept = further.map(|further| machine.tensor(further, &dims)).transpose()?;
    let model = network.population.neuron().model;
    let own_rows = with_neuron!(model, network.population.shares_membrane(), f32, N => N::ROWS);
    let rows = weights.narrow(0, weights.dim(0)? - own_rows, own_rows)?;
    let threshold = model.section().thresholds(threshold, &rows, kept)?;
    let spikes = potential.broadcast_gt(&threshold)?.to_dtype(potential.dtype())?;
    let (membrane, synapses) = (machine.tensor(membrane, &dims)?, machine.tensor(out, &dims)?);
    let threshold = model.moves_threshold().then_some(threshold);
    Ok(States { spikes, potential, membrane, synapses, threshold })
}

impl Network {
    /// The network of these sizes, its input and output.
    pub(super) fn new(population: &Population, sizes: &ModeSizes, input: &Input, output: Output) -> Self {
        let source = match input {
            Input::Signals(_) if sizes.inputs <= FEW_SIGNALS => Source::Signals,
            Input::Signals(_) | Input::Currents(_) => Source::Currents,
            Input::Spikes(spikes) => Source::Spikes(spikes.clone()),
            Input::Intensities(intensities) => Source::Intensities(intensities.clone()),
        };
        Self { population: population.clone(), source, output, modes: sizes.modes }
    }

    /// The first tensor in the form of the kernels: W_in as `[K, N]`.
    fn oriented(&self, first: &Tensor) -> Result<Tensor> {
        match self.source {
            Source::Spikes(_) | Source::Intensities(_) => first.t()?.contiguous(),
            Source::Signals | Source::Currents => Ok(first.clone()),
        }
    }
}

/// Operator after its forward pass.
struct Operator<M: Backend> {
    output: Launched<M>,
    network: Network,
    kept: Option<Kept<M>>,
}

impl<M: Backend> CustomOp2 for Operator<M> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.output.on_cpu()
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        _: &candle_core::CudaStorage,
        _: &Layout,
        _: &candle_core::CudaStorage,
        _: &Layout,
    ) -> Result<(candle_core::CudaStorage, Shape)> {
        self.output.on_gpu()
    }

    fn bwd(
        &self,
        first: &Tensor,
        weights: &Tensor,
        _: &Tensor,
        arriving: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Some(kept) = &self.kept else { bail!("{NAME} kept nothing for its gradients") };
        let launch = Launch::new(self.output.machine(), &self.network, first, weights)?;
        let gradients = launch.backward(&arriving.contiguous()?, kept, first.track_op())?;
        let of_first = gradients.first.map(|buffer| self.output.machine().tensor(buffer, first.dims())).transpose()?;
        Ok((of_first, Some(self.output.machine().tensor(gradients.weights, weights.dims())?)))
    }
}

/// Spikes of a batch on a device.
struct Spikes<M: Backend> {
    starts: M::Buffer<u32>,
    active: M::Buffer<u32>,
    raster: M::Buffer<u32>,
}

/// Data kept by the forward pass.
struct Kept<M: Backend> {
    spikes: Option<Spikes<M>>,
    /// a `[T, B, P]`.
    activity: M::Buffer<f32>,
    /// U `[T, B, N]`.
    potential: M::Buffer<f32>,
    /// V `[T, B, N]`.
    membrane: Option<M::Buffer<f32>>,
    /// r `[T, B, N]`.
    synapses: Option<M::Buffer<f32>>,
    /// State `[T, B, N]` that the neuron keeps in addition to U.
    further: Option<M::Buffer<f32>>,
    /// Step of each maximum, `[B, N]`.
    peak: Option<M::Buffer<u32>>,
}

/// Results of the forward pass.
struct Forward<M: Backend> {
    /// y, r or the maxima of r.
    out: M::Buffer<f32>,
    /// Their dimensions.
    dims: Vec<usize>,
    /// Data kept, if requested.
    kept: Option<Kept<M>>,
}

/// Data that the forward pass keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Nothing,
    /// Data for the backward pass.
    Trace,
    /// The same, and V for any refractory period.
    Membrane,
}

/// Gradients of the operator's two tensors.
struct Backward<M: Backend> {
    first: Option<M::Buffer<f32>>,
    weights: M::Buffer<f32>,
}

/// The two tensors of the operator on a device, and the launch plan of its kernels.
struct Launch<'a, M: Backend> {
    machine: &'a M,
    network: &'a Network,
    plan: Plan,
    arguments: Spiking,
    /// Owners that keep both tensors at the addresses in the arguments.
    _placed: [Placed<M>; 2],
    /// Owners of the constants per neuron.
    _own: [Option<M::Buffer<f32>>; 3],
}

impl<'a, M: Backend> Launch<'a, M> {
    fn new(machine: &'a M, network: &'a Network, first: &Tensor, weights: &Tensor) -> Result<Self> {
        let Network { population, source, output, modes } = network;
        let neuron = population.neuron();
        let (rows, neurons) = weights.dims2()?;
        let (steps, trials, signals, channels) = match (source, first.dims()) {
            (Source::Signals, &[steps, trials, signals]) => (steps, trials, signals, 0),
            (Source::Currents, &[steps, trials, width]) if width == neurons => (steps, trials, 0, 0),
            (Source::Spikes(spikes), &[k, n]) if n == neurons && k == spikes.channels() => {
                (spikes.steps(), spikes.trials(), 0, k)
            }
            (Source::Intensities(spikes), &[k, n]) if n == neurons && k == spikes.channels() => {
                (spikes.steps(), spikes.trials(), 0, k)
            }
            _ => bail!("input of shape {:?} does not fit weights of {neurons} neurons", first.dims()),
        };
        if steps == 0 || trials == 0 {
            bail!("a GPU needs at least one step and one trial, found {steps} and {trials}")
        }
        let shared = population.shares_membrane();
        let own_rows = with_neuron!(neuron.model, shared, f32, N => N::ROWS);
        let (inputs, outputs) = (modes + signals, rows - modes - signals - own_rows);
        let Some(plan) = Plan::new(trials, neurons, inputs, outputs, channels) else {
            bail!(
                "a network of {neurons} neurons, {modes} modes and {outputs} columns is too large for the GPU's kernels"
            )
        };
        let (surrogate, shape) = neuron.surrogate.code();
        let source = match source {
            Source::Signals => 0,
            Source::Currents => 1,
            Source::Spikes(_) | Source::Intensities(_) => 2,
        };
        let output = match output {
            Output::Readout => 0,
            Output::Synapses => 1,
            Output::Peaks => 2,
        };
        let membrane = neuron.membrane();
        let rows_before = |rows: usize| (4 * rows * neurons) as u64;
        let placed = [machine.place(first)?, machine.place(weights)?];
        let (threshold, tau_decay_ms) = (population.shared_threshold(), population.shared_tau_decay_ms());
        let own = |shared: bool, constant: &dyn Fn(usize) -> f64| {
            let values = || (0..neurons).map(|i| constant(i) as f32).collect::<Vec<f32>>();
            (!shared).then(|| machine.upload(&values())).transpose()
        };
        let own = [
            own(threshold.is_some(), &|i| population.threshold(i))?,
            own(tau_decay_ms.is_some(), &|i| neuron.alpha(population.tau_decay_ms(i)))?,
            own(tau_decay_ms.is_some(), &|i| neuron.gain_at(population.tau_decay_ms(i)))?,
        ];
        let [own_threshold, own_decay, own_gain] =
            own.each_ref().map(|buffer| buffer.as_ref().map_or(0, |buffer| machine.address(buffer)));
        let arguments = Spiking {
            steps: steps as i32,
            trials: trials as i32,
            neurons: neurons as i32,
            modes: *modes as i32,
            inputs: inputs as i32,
            outputs: outputs as i32,
            channels: channels as i32,
            source,
            output,
            surrogate,
            cached: i32::from(plan.cached),
            groups: plan.groups as i32,
            segment: plan.segment as i32,
            rows: own_rows as i32,
            alpha_current: neuron.alpha(neuron.tau_current_ms) as f32,
            alpha_decay: neuron.alpha(tau_decay_ms.unwrap_or(neuron.tau_decay_ms)) as f32,
            alpha_rise: neuron.alpha_rise() as f32,
            gain: neuron.gain_at(tau_decay_ms.unwrap_or(neuron.tau_decay_ms)) as f32,
            threshold: threshold.unwrap_or(neuron.threshold) as f32,
            shape,
            first: placed[0].address,
            neuron: Neurons {
                alpha: membrane.alpha as f32,
                one_minus_alpha: (1.0 - membrane.alpha) as f32,
                hold: membrane.refractory_steps.max(1) as i32,
                count: neurons as i32,
                rows: placed[1].address + rows_before(inputs + outputs),
                // The last row.
                leaks: if shared { 0 } else { placed[1].address + rows_before(rows - 1) },
                further: 0,
            },
            weights: placed[1].address,
            own_threshold,
            own_decay,
            own_gain,
            ..Spiking::default()
        };
        Ok(Self { machine, network, plan, arguments, _placed: placed, _own: own })
    }

    /// Runs the network.
    fn forward(&self, keep: Keep) -> Result<Forward<M>> {
        let (machine, mut arguments) = (self.machine, self.arguments);
        let [steps, trials, neurons, modes, outputs] =
            [arguments.steps, arguments.trials, arguments.neurons, arguments.modes, arguments.outputs]
                .map(|n| n as usize);
        let dims = match arguments.output {
            0 => vec![steps, trials, outputs - modes],
            1 => vec![steps, trials, neurons],
            _ => vec![trials, neurons],
        };
        let floats = |count| machine.empty::<f32>(count);
        let spikes = self.spikes()?;
        let out = floats(dims.iter().product())?;
        let (activity, potential) = match keep {
            Keep::Nothing => (None, None),
            _ => (Some(floats(steps * trials * modes)?), Some(floats(steps * trials * neurons)?)),
        };
        let population = &self.network.population;
        let with_membrane =
            keep == Keep::Membrane || (keep == Keep::Trace && population.neuron().refractory_steps == 0);
        let membrane = with_membrane.then(|| floats(steps * trials * neurons)).transpose()?;
        let with_synapses = keep == Keep::Trace && population.shared_tau_decay_ms().is_none();
        let synapses = with_synapses.then(|| floats(steps * trials * neurons)).transpose()?;
        let of_model = arguments.rows as usize - usize::from(!population.shares_membrane());
        let with_further = keep != Keep::Nothing && of_model > 0;
        let further = with_further.then(|| floats(steps * trials * neurons)).transpose()?;
        let with_peak = keep != Keep::Nothing && arguments.output == 2;
        let peak = with_peak.then(|| machine.empty::<u32>(trials * neurons)).transpose()?;

        self.point_to_spikes(&mut arguments, spikes.as_ref());
        arguments.out = machine.address(&out);
        arguments.activity = self.address(activity.as_ref());
        arguments.potential = self.address(potential.as_ref());
        arguments.membrane = self.address(membrane.as_ref());
        arguments.synapses = self.address(synapses.as_ref());
        arguments.neuron.further = self.address(further.as_ref());
        arguments.peak = peak.as_ref().map_or(0, |peak| machine.address(peak));
        let name = self.kernel("forward");
        let grid = Grid { blocks: trials, threads: self.plan.threads, shared_bytes: self.plan.shared[0] };
        // SAFETY: the buffers above have the sizes stated in the kernel's structure. They live until the launch, and
        // their memory until the kernel has run.
        unsafe { machine.launch(Kernel { source: "spiking", name: &name }, grid, &arguments)? };
        let kept = activity.zip(potential);
        let kept =
            kept.map(|(activity, potential)| Kept { spikes, activity, potential, membrane, synapses, further, peak });
        Ok(Forward { out, dims, kept })
    }

    /// Gradients of the weights, and of the first tensor if `of_first`, from that of the output.
    fn backward(&self, arriving: &Tensor, kept: &Kept<M>, of_first: bool) -> Result<Backward<M>> {
        let (machine, plan, mut arguments) = (self.machine, self.plan, self.arguments);
        let [steps, trials, neurons, columns, channels] = [
            arguments.steps,
            arguments.trials,
            arguments.neurons,
            arguments.inputs + arguments.outputs + arguments.rows,
            arguments.channels,
        ]
        .map(|n| n as usize);
        let signals = (arguments.inputs - arguments.modes) as usize;
        let first = match &self.network.source {
            Source::Signals => steps * trials * signals,
            Source::Currents => steps * trials * neurons,
            Source::Spikes(_) | Source::Intensities(_) => channels * neurons,
        };
        let first = of_first.then(|| machine.empty::<f32>(first)).transpose()?;
        let weights = machine.empty::<f32>(columns * neurons)?;
        let weights_parts = machine.zeros::<f32>(plan.groups * columns * neurons)?;
        let columns_parts = machine.zeros::<f32>(plan.groups * channels * neurons)?;
        let held = machine.empty::<f32>(plan.groups * plan.segment * neurons)?;

        self.point_to_spikes(&mut arguments, kept.spikes.as_ref());
        let arriving = machine.place(arriving)?;
        arguments.arriving = arriving.address;
        arguments.activity = machine.address(&kept.activity);
        arguments.potential = machine.address(&kept.potential);
        arguments.membrane = if self.network.population.neuron().refractory_steps == 0 {
            self.address(kept.membrane.as_ref())
        } else {
            0
        };
        arguments.synapses = self.address(kept.synapses.as_ref());
        arguments.neuron.further = self.address(kept.further.as_ref());
        arguments.peak = kept.peak.as_ref().map_or(0, |peak| machine.address(peak));
        arguments.of_first = self.address(first.as_ref());
        arguments.of_weights = machine.address(&weights);
        arguments.weights_parts = machine.address(&weights_parts);
        arguments.columns_parts = machine.address(&columns_parts);
        arguments.held = machine.address(&held);
        let name = self.kernel("backward");
        let grid = Grid { blocks: plan.groups, threads: plan.threads, shared_bytes: plan.shared[1] };
        // SAFETY: as in the forward pass; the kept data belong to the same arguments.
        unsafe {
            machine.launch(Kernel { source: "spiking", name: &name }, grid, &arguments)?;
            machine.launch(Kernel { source: "spiking", name: "spiking_sum" }, SUM, &arguments)?;
        }
        Ok(Backward { first, weights })
    }

    /// The name of the kernel of a pass.
    fn kernel(&self, pass: &str) -> String {
        let neuron = self.network.population.neuron().model.section().kernel();
        format!("spiking_{neuron}_{pass}_{}", self.plan.items)
    }

    fn address(&self, buffer: Option<&M::Buffer<f32>>) -> u64 {
        buffer.map_or(0, |buffer| self.machine.address(buffer))
    }

    fn point_to_spikes(&self, arguments: &mut Spiking, spikes: Option<&Spikes<M>>) {
        if let Some(spikes) = spikes {
            [arguments.starts, arguments.active, arguments.raster] =
                [&spikes.starts, &spikes.active, &spikes.raster].map(|buffer| self.machine.address(buffer));
        }
    }

    /// Spikes of the input, if it is spikes.
    fn spikes(&self) -> Result<Option<Spikes<M>>> {
        let machine = self.machine;
        let (starts, active, raster) = match &self.network.source {
            Source::Signals | Source::Currents => return Ok(None),
            Source::Spikes(spikes) => {
                let (starts, active, raster) = flat(spikes);
                (starts, active, machine.upload(&raster)?)
            }
            Source::Intensities(intensities) => {
                let (starts, active, channels) = lit(intensities);
                let stream = (intensities.seed(), Purpose::Encoding as u32);
                (starts, active, bernoulli(machine, stream, &channels, intensities.steps())?)
            }
        };
        Ok(Some(Spikes { starts: machine.upload(&starts)?, active: machine.upload(&active)?, raster }))
    }
}

/// Start of each trial's list of channels that may spike, their numbers, and the inputs of their spikes.
fn lit(intensities: &Intensities) -> (Vec<u32>, Vec<u32>, Channels) {
    let (mut starts, mut active, mut channels) = (vec![0], Vec::new(), Channels::default());
    for (key, probabilities) in (0..intensities.trials()).map(|b| intensities.trial(b)) {
        let mut drawn = 0;
        for (channel, probability) in probabilities {
            active.push(channel);
            channels.keys.push([key as u32, (key >> 32) as u32]);
            channels.probability.push(probability);
            channels.drawn.push(drawn);
            drawn += u32::from(probability < 1 << 16);
        }
        starts.push(active.len() as u32);
    }
    (starts, active, channels)
}

/// The spikes of all trials, one after the other: where each trial begins, its channels, and their bits in pairs of words.
fn flat(spikes: &SpikeInput) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
    let (mut starts, mut active, mut raster) = (vec![0], Vec::new(), Vec::new());
    for trial in (0..spikes.trials()).map(|b| spikes.trial(b)) {
        active.extend_from_slice(trial.active);
        raster.extend(trial.raster.iter().flat_map(|word| [*word as u32, (*word >> 32) as u32]));
        starts.push(active.len() as u32);
    }
    (starts, active, raster)
}

#[cfg(test)]
#[path = "gpu_tests.rs"]
mod tests;
