//! Runs of a sequence on the device of its tensors.

#[cfg(feature = "cuda")]
use super::gpu;
use super::operator::{self, Sources};
use super::sequence::{RateSequence, RateStates, Recurrence};
use candle_core::{DType, Result, Tensor, bail};

impl RateSequence {
    /// Runs the recurrence over a drive d `[S, B, N]` with recurrent weights (see [`Recurrence`]) and leaks a `[N]`,
    /// all of the same type, f32 or f64.
    ///
    /// One operator runs the whole sequence, with a hand-written derivative. The gradient of an argument is not
    /// computed if the argument depends on no variable. Trials run in parallel; the result has the same bits on any
    /// number of threads.
    ///
    /// # Errors
    /// Arguments of mismatched shapes, types or devices.
    pub fn run(&self, drive: &Tensor, weights: &Tensor, leak: &Tensor) -> Result<RateStates> {
        self.check(drive, weights, leak)?;
        #[cfg(feature = "cuda")]
        if let Some(device) = mdl_device::Gpu::of(drive) {
            return gpu::run(&device, self, drive, weights, leak);
        }
        match drive.dtype() {
            DType::F32 => operator::states::<f32>(self, &Sources::default(), drive, weights, leak),
            DType::F64 => operator::states::<f64>(self, &Sources::default(), drive, weights, leak),
            other => bail!("a rate sequence is of type F32 or F64, found {other:?}"),
        }
    }

    /// Runs the recurrence like [`RateSequence::run`], with the readout `w_out` `[O, N]`: W_out r `[S + 1, B, O]`.
    ///
    /// The same operator applies the readout while the rates are in the cache, and no gradient of their size is stored.
    ///
    /// # Errors
    /// Those of [`RateSequence::run`], or a readout of another shape.
    pub fn outputs(&self, drive: &Tensor, weights: &Tensor, leak: &Tensor, w_out: &Tensor) -> Result<Tensor> {
        self.check(drive, weights, leak)?;
        let (outputs, n) = w_out.dims2()?;
        if outputs == 0 || n != leak.elem_count() || w_out.dtype() != leak.dtype() {
            let (dims, n) = (w_out.dims(), leak.elem_count());
            bail!(
                "readout of a rate sequence: expected [O, {n}] of {:?}, found {dims:?} of {:?}",
                leak.dtype(),
                w_out.dtype()
            )
        }
        #[cfg(feature = "cuda")]
        if let Some(device) = mdl_device::Gpu::of(drive) {
            let rates = gpu::run(&device, self, drive, weights, leak)?.r;
            let (steps, batch, n) = rates.dims3()?;
            return rates.reshape((steps * batch, n))?.matmul(&w_out.t()?)?.reshape((steps, batch, outputs));
        }
        match drive.dtype() {
            DType::F32 => operator::outputs::<f32>(self, &Sources::default(), drive, weights, leak, w_out),
            DType::F64 => operator::outputs::<f64>(self, &Sources::default(), drive, weights, leak, w_out),
            other => bail!("a rate sequence is of type F32 or F64, found {other:?}"),
        }
    }

    fn check(&self, drive: &Tensor, weights: &Tensor, leak: &Tensor) -> Result<()> {
        let (steps, batch, n) = drive.dims3()?;
        if n == 0 {
            bail!("a rate sequence needs a unit")
        }
        let expect = |what: &str, found: &Tensor, expected: &[usize]| {
            if found.dims() != expected || found.dtype() != drive.dtype() {
                let (dims, dtype) = (found.dims(), found.dtype());
                bail!(
                    "{what} of a rate sequence: expected {expected:?} of {:?}, found {dims:?} of {dtype:?}",
                    drive.dtype()
                )
            }
            Ok(())
        };
        expect("leak", leak, &[n])?;
        expect("initial state", &self.initial, &[batch, n])?;
        if let Some(noise) = &self.noise {
            expect("noise", noise, &[steps, batch, n])?;
        }
        if let Some(spike_noise) = &self.spike_noise {
            expect("spike noise", spike_noise, &[steps + 1, batch, n])?;
        }
        let Recurrence::Dense { sign, mask } = &self.recurrence else {
            let modes = weights.dims3()?.2.max(1);
            return expect("mode weights", weights, &[2, n, modes]);
        };
        let lengths = (sign.as_ref().map_or(n, Vec::len), mask.as_ref().map_or(n * n, Vec::len));
        if lengths != (n, n * n) {
            bail!("a rate sequence of {n} units needs {n} signs and {} mask entries, found {lengths:?}", n * n)
        }
        expect("recurrent weights", weights, &[n, n])
    }
}
