//! A synapse as a low-pass filter over a whole sequence, an operator with a hand-written derivative.
//!
//! ```text
//! f_t = (1 − a) f_{t−1} + a v_t,   f_{−1} = 0                                                    t = 0 … T − 1
//! h_t = ∂L/∂f_t + (1 − a) h_{t+1},   ∂L/∂v_t = a h_t,   ∂L/∂a = Σ_t h_t (v_t − f_{t−1})
//! ```

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Tensor, bail};
use mdl_kernels::dispatch::dispatch;
use mdl_kernels::real::{Real, contiguous};

/// Values v `[T, B, N]` filtered by the leaks a `[N]` of their units: f `[T, B, N]`.
///
/// # Errors
/// Arguments of mismatched shapes or types.
pub fn low_pass(values: &Tensor, leak: &Tensor) -> Result<Tensor> {
    let (_, _, n) = values.dims3()?;
    if leak.dims() != [n] || leak.dtype() != values.dtype() {
        let (dims, dtype) = (leak.dims(), leak.dtype());
        bail!("leak of a filter: expected [{n}] of {:?}, found {dims:?} of {dtype:?}", values.dtype())
    }
    if !values.device().is_cpu() {
        return by_operations(values, leak);
    }
    values.contiguous()?.apply_op2(&leak.contiguous()?, LowPass)
}

/// The filter in candle operations, step by step.
fn by_operations(values: &Tensor, leak: &Tensor) -> Result<Tensor> {
    let keep = leak.affine(-1.0, 1.0)?;
    let mut filtered: Vec<Tensor> = Vec::with_capacity(values.dim(0)?);
    for step in 0..values.dim(0)? {
        let arriving = values.get(step)?.broadcast_mul(leak)?;
        let next = match filtered.last() {
            Some(before) => (before.broadcast_mul(&keep)? + arriving)?,
            None => arriving,
        };
        filtered.push(next);
    }
    Tensor::stack(&filtered, 0)
}

struct LowPass;

impl CustomOp2 for LowPass {
    fn name(&self) -> &'static str {
        "low-pass"
    }

    fn cpu_fwd(
        &self,
        values: &CpuStorage,
        values_layout: &Layout,
        leak: &CpuStorage,
        leak_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<R: Real>(storages: [&CpuStorage; 2], layouts: [&Layout; 2]) -> Result<CpuStorage> {
            let values = contiguous::<R>(storages[0], layouts[0], "the values of a filter")?;
            let leak = contiguous::<R>(storages[1], layouts[1], "the leak of a filter")?;
            Ok(R::to_cpu_storage_owned(forward(values, leak, layouts[0].dims()[1])))
        }
        let shape = values_layout.shape().clone();
        let (storages, layouts) = ([values, leak], [values_layout, leak_layout]);
        let filtered = match values.dtype() {
            DType::F32 => run::<f32>(storages, layouts)?,
            DType::F64 => run::<f64>(storages, layouts)?,
            other => bail!("a filter is of type F32 or F64, found {other:?}"),
        };
        Ok((filtered, shape))
    }

    fn bwd(
        &self,
        values: &Tensor,
        leak: &Tensor,
        filtered: &Tensor,
        outer: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        fn run<R: Real>([values, leak, filtered, outer]: [&Tensor; 4]) -> Result<(Option<Tensor>, Option<Tensor>)> {
            let data = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<R>();
            let leaks = data(leak)?;
            let states = [data(values)?, data(filtered)?, data(outer)?];
            let (of_values, of_leak) = backward(states.each_ref().map(Vec::as_slice), &leaks, values.dim(1)?);
            let tensor = |like: &Tensor, values: Vec<R>| Tensor::from_vec(values, like.shape(), like.device());
            Ok((Some(tensor(values, of_values)?), Some(tensor(leak, of_leak)?)))
        }
        let tensors = [values, leak, filtered, outer];
        if values.dtype() == DType::F64 { run::<f64>(tensors) } else { run::<f32>(tensors) }
    }
}

/// The filtered values of `trials` trials side by side.
fn forward<R: Real>(values: &[R], leak: &[R], trials: usize) -> Vec<R> {
    let (n, row) = (leak.len(), leak.len() * trials);
    let mut filtered = vec![R::zero(); values.len()];
    dispatch(
        #[inline(always)]
        || {
            let mut before = vec![R::zero(); row];
            for (filtered, values) in filtered.chunks_exact_mut(row).zip(values.chunks_exact(row)) {
                let trials = filtered.chunks_exact_mut(n).zip(values.chunks_exact(n)).zip(before.chunks_exact_mut(n));
                for ((filtered, values), before) in trials {
                    for (((f, v), before), a) in filtered.iter_mut().zip(values).zip(before).zip(leak) {
                        *before = (R::one() - *a) * *before + *a * *v;
                        *f = *before;
                    }
                }
            }
        },
    );
    filtered
}

/// The gradients of the values and of the leak, from the values, the filtered ones and the gradient of the latter.
fn backward<R: Real>([values, filtered, outer]: [&[R]; 3], leak: &[R], trials: usize) -> (Vec<R>, Vec<R>) {
    let (n, row) = (leak.len(), leak.len() * trials);
    let (mut of_values, mut of_leak) = (vec![R::zero(); values.len()], vec![R::zero(); row]);
    let zeros = vec![R::zero(); row];
    dispatch(
        #[inline(always)]
        || {
            let mut h = vec![R::zero(); row];
            for begin in (0..values.len()).step_by(row).rev() {
                let before = if begin == 0 { &zeros[..] } else { &filtered[begin - row..begin] };
                for trial in (0..row).step_by(n) {
                    let here = begin + trial..begin + trial + n;
                    let [h, of_leak] = [&mut h, &mut of_leak].map(|all| &mut all[trial..trial + n]);
                    let states = of_values[here.clone()].iter_mut().zip(&values[here.clone()]).zip(&outer[here]);
                    let units = h.iter_mut().zip(of_leak).zip(leak).zip(&before[trial..trial + n]);
                    for (((of_value, value), outer), (((h, of_leak), a), before)) in states.zip(units) {
                        *h = *outer + (R::one() - *a) * *h;
                        *of_value = *a * *h;
                        *of_leak += *h * (*value - *before);
                    }
                }
            }
        },
    );
    let mut sum = vec![R::zero(); n];
    for of_trial in of_leak.chunks_exact(n) {
        sum.iter_mut().zip(of_trial).for_each(|(sum, part)| *sum += *part);
    }
    (of_values, sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::distance;
    use candle_core::{Device, Var};
    use mdl_kernels::random::{Purpose, Stream};

    /// Result and gradients against the same in candle operations.
    #[test]
    fn the_filter_is_its_recurrence() -> Result<()> {
        for ([steps, trials, n], dtype, tolerance) in
            [([40, 3, 33], DType::F32, 1e-5), ([1, 1, 1], DType::F64, 1e-12), ([300, 5, 20], DType::F64, 1e-11)]
        {
            let mut stream = Stream::new(5, Purpose::WrittenTrial, n as u64);
            let mut drawn = |shape: &[usize]| {
                let values = (0..shape.iter().product()).map(|_| stream.uniform() as f32).collect::<Vec<_>>();
                Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)
            };
            let (values, leak) = (Var::from_tensor(&drawn(&[steps, trials, n])?)?, Var::from_tensor(&drawn(&[n])?)?);
            let outer = drawn(&[steps, trials, n])?;
            let results = |filtered: Tensor| {
                let gradients = (&filtered * &outer)?.sum_all()?.backward()?;
                Ok::<_, candle_core::Error>([&values, &leak].map(|variable| gradients.get(variable).unwrap().clone()))
            };
            let (found, expected) = (low_pass(&values, &leak)?, by_operations(&values, &leak)?);
            assert!(distance(&found, &expected) < tolerance);
            for (found, expected) in results(found)?.iter().zip(&results(expected)?) {
                assert!(distance(found, expected) < tolerance, "{}", distance(found, expected));
            }
        }
        Ok(())
    }

    #[test]
    fn misfits_are_refused() -> Result<()> {
        let values = Tensor::zeros((4, 2, 3), DType::F32, &Device::Cpu)?;
        let refused = low_pass(&values, &Tensor::zeros(2, DType::F32, &Device::Cpu)?).unwrap_err().to_string();
        assert!(refused.contains("leak of a filter: expected [3]"), "{refused}");
        Ok(())
    }
}
