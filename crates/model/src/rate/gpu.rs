//! The recurrence on a GPU, or under emulation: arguments of the kernels in `rate.cu`.
//!
//! Before the operator, candle operations multiply signs and masks into the weights and turn modes into rows. The
//! gradient of the weights is a matrix product of the outputs of the backward kernel:
//!
//! ```text
//! ∂W = Σ_s δ_s r_{s−1}ᵀ          ∂A = Σ_s δ_s (Cᵀ r_{s−1})ᵀ,   ∂C = Σ_s r_{s−1} (Aᵀ δ_s)ᵀ
//! ```

use super::activation::{Activation, rectified};
use super::launch::{Plan, Rate};
use super::sequence::{RateSequence, RateStates, Recurrence};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use mdl_device::{Backend, Grid, Kernel, Output, Placed};

const NAME: &str = "rate-sequence";
/// Blocks and threads of the kernel that adds gradients.
const SUM: Grid = Grid { blocks: 16, threads: 256, shared_bytes: 0 };

/// Runs `sequence` on a device; all shapes have been checked.
pub(super) fn run<M: Backend>(
    machine: &M,
    sequence: &RateSequence,
    drive: &Tensor,
    weights: &Tensor,
    leak: &Tensor,
) -> Result<RateStates> {
    let modes = if sequence.recurrence == Recurrence::Modes { weights.dims3()?.2 } else { 0 };
    let contiguous = |noise: &Option<Tensor>| noise.as_ref().map(Tensor::contiguous).transpose();
    let table = match sequence.activation {
        Activation::Lif(lif) => {
            let table = lif.table();
            let values: Vec<f32> = table.rates.iter().chain(&*table.slopes).chain(&[0.0]).copied().collect();
            let values = Tensor::from_slice(&values, values.len(), drive.device())?;
            Some(Table { lowest: table.lowest_mv, per_input: table.per_mv, values })
        }
        _ => None,
    };
    let sequence = RateSequence {
        initial: sequence.initial.contiguous()?,
        noise: contiguous(&sequence.noise)?,
        spike_noise: contiguous(&sequence.spike_noise)?,
        ..sequence.clone()
    };
    let network = Network { sequence, modes, table };
    let (drive, leak) = (drive.contiguous()?, leak.contiguous()?);
    let weights = effective(&network.sequence.recurrence, weights)?;
    let Forward { x, r, overlap } = Launch::new(machine, &network, &drive, &weights, &leak)?.forward()?;
    let output = Output::new(machine, r, x.shape());
    let operator = Operator { output, network, x: x.clone(), overlap };
    Ok(RateStates { x, r: drive.apply_op3(&weights, &leak, operator)? })
}

/// Weights in the form of the operator: W_effᵀ `[N, N]`, or A and C as rows `[2, P, N]`.
fn effective(recurrence: &Recurrence, weights: &Tensor) -> Result<Tensor> {
    let Recurrence::Dense { sign, mask } = recurrence else { return weights.transpose(1, 2)?.contiguous() };
    let (n, device) = (weights.dims2()?.0, weights.device());
    let mut effective = weights.clone();
    if let Some(sign) = sign {
        effective = rectified(&effective)?.broadcast_mul(&Tensor::from_slice(sign, n, device)?)?;
    }
    if let Some(mask) = mask {
        effective = (effective * Tensor::from_slice(mask, (n, n), device)?)?;
    }
    effective.t()?.contiguous()
}

/// Operator without its three tensors.
struct Network {
    /// The run, its tensors contiguous.
    sequence: RateSequence,
    /// P, or 0 with one weight per pair.
    modes: usize,
    table: Option<Table>,
}

/// φ and its slope at equidistant inputs.
struct Table {
    lowest: f32,
    /// Entries per unit of input.
    per_input: f32,
    values: Tensor,
}

/// Results of the forward pass.
struct Forward<M: Backend> {
    /// x `[S + 1, B, N]`
    x: Tensor,
    /// r `[S + 1, B, N]`
    r: M::Buffer<f32>,
    /// Cᵀ r of every step, `[S·B, P]`.
    overlap: Option<Tensor>,
}

/// Operator after its forward pass.
struct Operator<M: Backend> {
    output: Output<M>,
    network: Network,
    x: Tensor,
    overlap: Option<Tensor>,
}

impl<M: Backend> CustomOp3 for Operator<M> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.output.on_cpu()
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        _: &candle_core::CudaStorage,
        _: &Layout,
        _: &candle_core::CudaStorage,
        _: &Layout,
        _: &candle_core::CudaStorage,
        _: &Layout,
    ) -> Result<(candle_core::CudaStorage, Shape)> {
        self.output.on_gpu()
    }

    fn bwd(
        &self,
        drive: &Tensor,
        weights: &Tensor,
        leak: &Tensor,
        r: &Tensor,
        arriving: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (steps, batch, n) = drive.dims3()?;
        // The kernel multiplies with Wᵀ: one row per target unit, or the same rows A and C.
        let turned = if self.network.modes == 0 { weights.t()?.contiguous()? } else { weights.clone() };
        let launch = Launch::new(self.output.machine(), &self.network, drive, &turned, leak)?;
        let Gradients { delta, of_drive, of_leak, overlap } = launch.backward(&self.x, r, &arriving.contiguous()?)?;
        let of_weights = if weights.track_op() {
            let before = self.network.sequence.sent(r)?.narrow(0, 0, steps)?.reshape((steps * batch, n))?;
            let delta = delta.reshape((steps * batch, n))?;
            Some(match &self.overlap {
                None => before.t()?.matmul(&delta)?,
                Some(of_rates) => Tensor::stack(&[of_rates.t()?.matmul(&delta)?, overlap.t()?.matmul(&before)?], 0)?,
            })
        } else {
            None
        };
        Ok((Some(of_drive.unwrap_or(delta)), of_weights, Some(of_leak)))
    }
}

/// Results of the backward pass.
struct Gradients {
    /// δ `[S, B, N]`
    delta: Tensor,
    /// Gradient of a direct drive `[S, B, N]`.
    of_drive: Option<Tensor>,
    /// Gradient of the leak `[N]`.
    of_leak: Tensor,
    /// Aᵀ δ `[S·B, P]`
    overlap: Tensor,
}

/// Tensors of the operator on a device, and the launch plan of its kernels.
struct Launch<'a, M: Backend> {
    machine: &'a M,
    plan: Plan,
    arguments: Rate,
    /// Owners that keep the tensors at the addresses in the arguments.
    _placed: Vec<Placed<M>>,
}

impl<'a, M: Backend> Launch<'a, M> {
    fn new(machine: &'a M, network: &Network, drive: &Tensor, weights: &Tensor, leak: &Tensor) -> Result<Self> {
        let (steps, batch, n) = drive.dims3()?;
        if steps == 0 || batch == 0 {
            bail!("a GPU needs at least one step and one trial, found {steps} and {batch}")
        }
        let Some(plan) = Plan::new(batch, n, network.modes) else {
            bail!("a rate network of {n} units and {} modes is too large for the GPU's kernels", network.modes)
        };
        let Network { sequence, table, .. } = network;
        let mut placed: Vec<Placed<M>> = Vec::new();
        let mut address = |tensor: Option<&Tensor>| -> Result<u64> {
            let Some(tensor) = tensor else { return Ok(0) };
            placed.push(machine.place(tensor)?);
            Ok(placed[placed.len() - 1].address)
        };
        let arguments = Rate {
            steps: steps as i32,
            trials: batch as i32,
            neurons: n as i32,
            modes: network.modes as i32,
            activation: match sequence.activation {
                Activation::Sigmoid => 0,
                Activation::Tanh => 1,
                Activation::Softplus => 2,
                Activation::Relu => 3,
                Activation::Lif(_) => 4,
            },
            cached: i32::from(plan.cached),
            blocks: plan.blocks as i32,
            direct: i32::from(sequence.direct_drive),
            lowest: table.as_ref().map_or(0.0, |table| table.lowest),
            per_input: table.as_ref().map_or(0.0, |table| table.per_input),
            initial: address(Some(&sequence.initial))?,
            drive: address(Some(drive))?,
            weights: address(Some(weights))?,
            leak: address(Some(leak))?,
            noise: address(sequence.noise.as_ref())?,
            spike_noise: address(sequence.spike_noise.as_ref())?,
            table: address(table.as_ref().map(|table| &table.values))?,
            ..Rate::default()
        };
        Ok(Self { machine, plan, arguments, _placed: placed })
    }

    /// S, B, N and P.
    fn sizes(&self) -> [usize; 4] {
        let Rate { steps, trials, neurons, modes, .. } = self.arguments;
        [steps, trials, neurons, modes].map(|n| n as usize)
    }

    fn forward(&self) -> Result<Forward<M>> {
        let (machine, [steps, batch, n, modes]) = (self.machine, self.sizes());
        let states = || machine.empty::<f32>((steps + 1) * batch * n);
        let (x, r, overlap) = (states()?, states()?, machine.empty(steps * batch * modes)?);
        let arguments = Rate {
            x: machine.address(&x),
            r: machine.address(&r),
            overlap: machine.address(&overlap),
            ..self.arguments
        };
        self.launch("forward", &arguments)?;
        let overlap = (modes > 0).then(|| machine.tensor(overlap, &[steps * batch, modes])).transpose()?;
        Ok(Forward { x: machine.tensor(x, &[steps + 1, batch, n])?, r, overlap })
    }

    fn backward(&self, x: &Tensor, r: &Tensor, arriving: &Tensor) -> Result<Gradients> {
        let (machine, [steps, batch, n, modes]) = (self.machine, self.sizes());
        let (delta, overlap) = (machine.empty(steps * batch * n)?, machine.empty(steps * batch * modes)?);
        let direct = self.arguments.direct != 0;
        let of_drive = machine.empty(if direct { steps * batch * n } else { 0 })?;
        let (leak_parts, of_leak) = (machine.empty::<f32>(self.plan.blocks * n)?, machine.empty(n)?);
        let [x, r, arriving] = [machine.place(x)?, machine.place(r)?, machine.place(arriving)?];
        let arguments = Rate {
            x: x.address,
            r: r.address,
            arriving: arriving.address,
            delta: machine.address(&delta),
            of_drive: machine.address(&of_drive),
            overlap: machine.address(&overlap),
            leak_parts: machine.address(&leak_parts),
            of_leak: machine.address(&of_leak),
            ..self.arguments
        };
        self.launch("backward", &arguments)?;
        // SAFETY: as in `launch`.
        unsafe { machine.launch(Kernel { source: "rate", name: "rate_sum" }, SUM, &arguments)? };
        let of_drive = direct.then(|| machine.tensor(of_drive, &[steps, batch, n])).transpose()?;
        Ok(Gradients {
            delta: machine.tensor(delta, &[steps, batch, n])?,
            of_drive,
            of_leak: machine.tensor(of_leak, &[n])?,
            overlap: machine.tensor(overlap, &[steps * batch, modes])?,
        })
    }

    fn launch(&self, pass: &str, arguments: &Rate) -> Result<()> {
        let form = if self.arguments.modes > 0 { "modes" } else { "pairs" };
        let name = format!("rate_{pass}_{form}_{}", self.plan.items);
        let grid = Grid { blocks: self.plan.blocks, threads: self.plan.threads, shared_bytes: self.plan.shared };
        // SAFETY: the buffers have the sizes stated in the kernel's structure. They live until the launch, and their
        // memory until the kernel has run.
        unsafe { self.machine.launch(Kernel { source: "rate", name: &name }, grid, arguments) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::LifActivation;
    use super::*;
    use crate::testing::{distance, values};
    use candle_core::{Device, Var};
    use mdl_emulator::Emulator;
    use mdl_kernels::random::{Purpose, fill_normal};

    fn normal(seed: u64, shape: &[usize], sd: f32) -> Tensor {
        let mut values = vec![0f32; shape.iter().product()];
        fill_normal(seed, Purpose::WrittenTrial, 0, 0, sd, &mut values);
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// x, r and the gradients of drive, weights and leak agree with the CPU's, and have the same bits for both thread
    /// orders.
    fn check(activation: Activation, recurrence: Recurrence, sizes: [usize; 4], noisy: bool) {
        check_as([false; 2], activation, recurrence, sizes, noisy);
    }

    /// [`check`] with spike noise, and with a direct drive.
    fn check_as(
        [spiking, direct_drive]: [bool; 2],
        activation: Activation,
        recurrence: Recurrence,
        [steps, batch, n, modes]: [usize; 4],
        noisy: bool,
    ) {
        if Emulator::new().is_none() {
            return;
        }
        let var = |tensor: &Tensor| Var::from_tensor(tensor).unwrap();
        let drive = var(&normal(1, &[steps, batch, n], 1.0));
        let weights = match recurrence {
            Recurrence::Modes => var(&normal(2, &[2, n, modes], 1.0 / (modes as f32).sqrt())),
            Recurrence::Dense { .. } => var(&normal(2, &[n, n], 2.0 / (n as f32).sqrt())),
        };
        let leak = var(&normal(3, &[n], 0.1).abs().unwrap().affine(1.0, 0.1).unwrap());
        let noise = noisy.then(|| normal(4, &[steps, batch, n], 0.1));
        let spike_noise = spiking.then(|| normal(7, &[steps + 1, batch, n], 0.3));
        let initial = normal(5, &[batch, n], 0.1);
        let sequence = RateSequence { activation, recurrence, initial, noise, spike_noise, direct_drive };
        let results = |states: Result<RateStates>| -> Vec<Tensor> {
            let RateStates { x, r } = states.unwrap();
            let loss = r.mul(&normal(6, r.dims(), 1.0)).unwrap().sum_all().unwrap();
            let gradients = loss.backward().unwrap();
            let of = |var: &Var| gradients.get(var).unwrap().clone();
            vec![x, r.detach(), of(&drive), of(&weights), of(&leak)]
        };
        let expected = results(sequence.run(&drive, &weights, &leak));
        let [found, again] =
            [false, true].map(|descending| results(run(&Emulator { descending }, &sequence, &drive, &weights, &leak)));
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let d = distance(found, expected);
            assert!(d < if i < 2 { 1e-5 } else { 1e-4 }, "{activation:?}, result {i}: {d}");
        }
        let bits = |tensors: &[Tensor]| -> Vec<u64> { tensors.iter().flat_map(values).map(f64::to_bits).collect() };
        assert!(bits(&found) == bits(&again), "results depend on the order of threads");
    }

    #[test]
    fn every_activation_and_recurrence_agrees_with_the_cpu() {
        let n = 37;
        let sign = Some((0..n).map(|i| if i % 5 == 0 { -1.0 } else { 1.0 }).collect());
        let mask = Some((0..n * n).map(|i| f32::from(u8::from(i % 7 != 0))).collect());
        for activation in [Activation::Sigmoid, Activation::Tanh, Activation::Softplus, Activation::Relu] {
            for noisy in [false, true] {
                check(activation, Recurrence::Modes, [19, 3, n, 4], noisy);
                check(activation, Recurrence::Dense { sign: sign.clone(), mask: mask.clone() }, [19, 6, n, 0], noisy);
            }
        }
    }

    #[test]
    fn lif_networks_agree_with_the_cpu() {
        let n = 37;
        let sign = Some((0..n).map(|i| if i % 5 == 0 { -1.0 } else { 1.0 }).collect());
        for spiking in [false, true] {
            for direct in [false, true] {
                let lif = Activation::Lif(LifActivation::default());
                let dense = Recurrence::Dense { sign: sign.clone(), mask: None };
                check_as([spiking, direct], lif, Recurrence::Modes, [19, 3, n, 4], direct);
                check_as([spiking, direct], lif, dense.clone(), [19, 6, n, 0], spiking);
                check_as([spiking, direct], Activation::Sigmoid, dense, [19, 6, n, 0], true);
            }
        }
    }

    /// One and four units per thread, A and C inside and outside of shared memory, more modes than threads; signs of
    /// Dale's principle.
    #[test]
    fn every_path_by_size_agrees_with_the_cpu() {
        let free = || Recurrence::Dense { sign: None, mask: None };
        check(Activation::Tanh, Recurrence::Modes, [9, 2, 300, 40], false);
        check(Activation::Sigmoid, Recurrence::Modes, [5, 1, 1100, 3], false);
        check(Activation::Tanh, Recurrence::Modes, [3, 1, 4096, 128], false);
        check(Activation::Tanh, Recurrence::Modes, [6, 2, 5, 70], false);
        check(Activation::Sigmoid, free(), [7, 5, 200, 0], true);
        check(Activation::Tanh, free(), [3, 2, 1100, 0], false);
        let sign = Some((0..4096).map(|i| if i % 5 == 0 { -1.0 } else { 1.0 }).collect());
        check(Activation::Sigmoid, Recurrence::Dense { sign, mask: None }, [2, 2, 4096, 0], true);
    }

    #[test]
    fn what_the_kernels_cannot_run_is_refused() {
        let Some(machine) = Emulator::new() else { return };
        let refuse = |steps, n| {
            let zeros = |shape: &[usize]| Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
            let (activation, recurrence) = (Activation::Tanh, Recurrence::Modes);
            let initial = zeros(&[1, n]);
            let (noise, spike_noise, direct_drive) = (None, None, false);
            let sequence = RateSequence { activation, recurrence, initial, noise, spike_noise, direct_drive };
            let weights = zeros(&[2, n, 1]);
            run(&machine, &sequence, &zeros(&[steps, 1, n]), &weights, &zeros(&[n])).unwrap_err().to_string()
        };
        assert!(refuse(2, 5000).contains("5000 units"));
        assert!(refuse(0, 5).contains("at least one step"));
    }
}
