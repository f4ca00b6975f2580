//! Adam (Kingma & Ba 2015) whose state can be read and restored.
//!
//! ```text
//! m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
//! p ← p − η · m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε)
//! ```

use crate::config::AdamConfig;
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result, Storage, Tensor, Var, bail};
use mdl_kernels::real::contiguous;
#[cfg(any(test, feature = "cuda"))]
mod launch;

#[cfg(feature = "cuda")]
use {candle_core::CudaStorage, mdl_device::Gpu};

/// One trained parameter with its moments.
struct Moments {
    name: &'static str,
    parameter: Var,
    first: Tensor,
    second: Tensor,
}

/// The optimizer: parameters, their moments, and the number of updates so far.
pub struct Adam {
    config: AdamConfig,
    moments: Vec<Moments>,
    updates: u64,
}

impl Adam {
    /// An optimizer of these parameters, with all moments zero.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn new(config: AdamConfig, parameters: &[(&'static str, &Var)]) -> Result<Self> {
        let moments = parameters
            .iter()
            .map(|(name, parameter)| {
                let zeros = || Tensor::zeros(parameter.shape(), parameter.dtype(), parameter.device());
                Ok(Moments { name, parameter: (*parameter).clone(), first: zeros()?, second: zeros()? })
            })
            .collect::<Result<_>>()?;
        Ok(Self { config, moments, updates: 0 })
    }

    /// Number of updates so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Name, parameter, first and second moment of every parameter.
    pub fn state(&self) -> impl Iterator<Item = (&'static str, [&Tensor; 3])> {
        self.moments.iter().map(|m| (m.name, [m.parameter.as_tensor(), &m.first, &m.second]))
    }

    /// Continues after `updates` updates from these parameters and moments, in the order of [`Adam::state`].
    ///
    /// # Errors
    /// Errors of candle: a tensor of another shape.
    pub fn restore(&mut self, updates: u64, state: Vec<[Tensor; 3]>) -> Result<()> {
        self.updates = updates;
        for (moments, [parameter, first, second]) in self.moments.iter_mut().zip(state) {
            moments.parameter.set(&parameter)?;
            (moments.first, moments.second) = (first, second);
        }
        Ok(())
    }

    /// Euclidean norm of all gradients together; parameters without a gradient count as zero.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn gradient_norm(&self, gradients: &GradStore) -> Result<f64> {
        let squares = self.moments.iter().map(|m| sum_of_squares(gradients.get(&m.parameter)));
        Ok(squares.sum::<Result<f64>>()?.sqrt())
    }

    /// Name of the first parameter whose gradient is not finite.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn not_finite(&self, gradients: &GradStore) -> Result<Option<&'static str>> {
        for moments in &self.moments {
            if !sum_of_squares(gradients.get(&moments.parameter))?.is_finite() {
                return Ok(Some(moments.name));
            }
        }
        Ok(None)
    }

    /// One update with learning rate η = `rate`; every gradient is first multiplied by `scale`.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn step(&mut self, gradients: &GradStore, rate: f64, scale: f64) -> Result<()> {
        self.updates += 1;
        let AdamConfig { beta1, beta2, epsilon } = self.config;
        let correction = |beta: f64| 1.0 / (1.0 - beta.powf(self.updates as f64));
        let descend = Descend {
            rate: (rate * correction(beta1)) as f32,
            root: correction(beta2).sqrt() as f32,
            epsilon: epsilon as f32,
        };
        for Moments { parameter, first, second, .. } in &self.moments {
            let Some(gradient) = gradients.get(parameter) else { continue };
            let gradient = gradient.contiguous()?;
            first.inplace_op2(&gradient, &Average { beta: beta1 as f32, scale: scale as f32, square: false })?;
            second.inplace_op2(&gradient, &Average { beta: beta2 as f32, scale: scale as f32, square: true })?;
            parameter.inplace_op3(first, second, &descend)?;
        }
        Ok(())
    }
}

/// Σ g², 0 without a gradient.
fn sum_of_squares(gradient: Option<&Tensor>) -> Result<f64> {
    let Some(gradient) = gradient else { return Ok(0.0) };
    let gradient = gradient.contiguous()?;
    let (storage, layout) = gradient.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Ok(f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?));
    };
    let values = contiguous::<f32>(storage, layout, "a gradient")?;
    // Computed one after the other in the same order on every CPU: clipping scales by this sum, and training must be
    // reproducible.
    let mut sums = [0f32; 64];
    mdl_kernels::dispatch::dispatch(
        #[inline(always)]
        || {
            let (chunks, rest) = values.as_chunks::<64>();
            for chunk in chunks {
                for (sum, value) in sums.iter_mut().zip(chunk) {
                    *sum += value * value;
                }
            }
            for (sum, value) in sums.iter_mut().zip(rest) {
                *sum += value * value;
            }
        },
    );
    Ok(sums.iter().map(|sum| f64::from(*sum)).sum())
}

/// x ← β x + (1 − β) s g, or the same with (s g)².
struct Average {
    beta: f32,
    scale: f32,
    square: bool,
}

impl InplaceOp2 for Average {
    fn name(&self) -> &'static str {
        "adam-moment"
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, lx: &Layout, g: &CpuStorage, lg: &Layout) -> Result<()> {
        let x = contiguous_mut(x, lx)?;
        let g = contiguous::<f32>(g, lg, "a gradient")?;
        let (beta, rest) = (self.beta, 1.0 - self.beta);
        mdl_kernels::dispatch::dispatch(
            #[inline(always)]
            || {
                for (x, g) in x.iter_mut().zip(g) {
                    let g = g * self.scale;
                    *x = beta * *x + rest * if self.square { g * g } else { g };
                }
            },
        );
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &mut CudaStorage, lx: &Layout, g: &CudaStorage, lg: &Layout) -> Result<()> {
        let ((gpu, x), (_, g)) = (Gpu::locate(x, lx)?, Gpu::locate(g, lg)?);
        // SAFETY: both tensors have the same shape.
        unsafe { launch::average(&gpu, lx.shape().elem_count(), [x, g], self.beta, self.scale, self.square) }
    }
}

/// p ← p − η m / (c √v + ε), the bias corrections in η and c.
struct Descend {
    rate: f32,
    root: f32,
    epsilon: f32,
}

impl InplaceOp3 for Descend {
    fn name(&self) -> &'static str {
        "adam-descend"
    }

    fn cpu_fwd(
        &self,
        p: &mut CpuStorage,
        lp: &Layout,
        m: &CpuStorage,
        lm: &Layout,
        v: &CpuStorage,
        lv: &Layout,
    ) -> Result<()> {
        let p = contiguous_mut(p, lp)?;
        let (m, v) = (contiguous::<f32>(m, lm, "a moment")?, contiguous::<f32>(v, lv, "a moment")?);
        mdl_kernels::dispatch::dispatch(
            #[inline(always)]
            || {
                for ((p, m), v) in p.iter_mut().zip(m).zip(v) {
                    *p -= self.rate * m / (self.root * v.sqrt() + self.epsilon);
                }
            },
        );
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        p: &mut CudaStorage,
        lp: &Layout,
        m: &CudaStorage,
        lm: &Layout,
        v: &CudaStorage,
        lv: &Layout,
    ) -> Result<()> {
        let ((gpu, p), (_, m), (_, v)) = (Gpu::locate(p, lp)?, Gpu::locate(m, lm)?, Gpu::locate(v, lv)?);
        let factors = [self.rate, self.root, self.epsilon];
        // SAFETY: all tensors have the same shape.
        unsafe { launch::descend(&gpu, lp.shape().elem_count(), [p, m, v], factors) }
    }
}

/// Values of a contiguous tensor, for changes in place.
fn contiguous_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((from, to))) => Ok(&mut values[from..to]),
        _ => bail!("a parameter must be contiguous and of type F32"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// Compared with numbers from torch.optim.Adam(lr=0.1): x = [1, -2], three steps on Σ x³.
    ///
    /// ```python
    /// x = torch.tensor([1., -2.], requires_grad=True); adam = torch.optim.Adam([x], lr=0.1)
    /// for _ in range(3): adam.zero_grad(); (x**3).sum().backward(); adam.step(); print(x)
    /// ```
    #[test]
    fn three_steps_as_in_pytorch() {
        let x = Var::new(&[1f32, -2.0], &Device::Cpu).unwrap();
        let mut adam = Adam::new(AdamConfig::default(), &[("x", &x)]).unwrap();
        let expected = [[0.9, -2.1], [0.801_090_8, -2.200_135_2], [0.704_153_8, -2.300_493_7]];
        for expected in expected {
            let gradients = x.powf(3.0).unwrap().sum_all().unwrap().backward().unwrap();
            adam.step(&gradients, 0.1, 1.0).unwrap();
            for (found, expected) in x.to_vec1::<f32>().unwrap().iter().zip(expected) {
                assert!((found - expected).abs() < 2e-6, "{found} {expected}");
            }
        }
        assert_eq!(adam.updates(), 3);
    }

    #[test]
    fn the_norm_is_over_all_parameters() {
        let (a, b) = (Var::new(3f32, &Device::Cpu).unwrap(), Var::new(&[2f32], &Device::Cpu).unwrap());
        let adam = Adam::new(AdamConfig::default(), &[("a", &a), ("b", &b)]).unwrap();
        let loss = ((a.as_tensor() * 3.0).unwrap() + (b.sum_all().unwrap() * 4.0).unwrap()).unwrap();
        let gradients = loss.backward().unwrap();
        assert!((adam.gradient_norm(&gradients).unwrap() - 5.0).abs() < 1e-6);
    }
}
