//! Reading of the reference traces in `tests/fixtures/oracle/lif`, and draws that hand out given numbers.

use mdl_convert::lif::{Draws, LifNetwork, Recurrent, UnitKind};
use mdl_kernels::lanes::{LANES, Lanes};
use safetensors::{Dtype, SafeTensors};
use std::path::PathBuf;

/// A fixture's arrays, all as `f64`.
pub struct Fixture {
    bytes: Vec<u8>,
}

impl Fixture {
    pub fn read(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/oracle/lif").join(name);
        let path = path.with_extension("safetensors");
        Self { bytes: std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())) }
    }

    pub fn has(&self, name: &str) -> bool {
        SafeTensors::deserialize(&self.bytes).unwrap().tensor(name).is_ok()
    }

    pub fn array(&self, name: &str) -> Vec<f64> {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = tensors.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        let data = tensor.data();
        match tensor.dtype() {
            Dtype::F64 => data.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
            Dtype::F32 => data.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect(),
            Dtype::I64 => data.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect(),
            Dtype::U8 => data.iter().map(|b| f64::from(*b)).collect(),
            other => panic!("{name}: {other:?}"),
        }
    }

    pub fn number(&self, name: &str) -> f64 {
        self.array(name)[0]
    }

    /// The input `[samples, K]`, from `[K, samples]`.
    pub fn input(&self) -> Vec<f64> {
        let u = self.array("u");
        let channels = self.array("w_in").len() / self.array("v0").len();
        let samples = u.len() / channels;
        (0..u.len()).map(|at| u[at % channels * samples + at / channels]).collect()
    }

    /// The network: W = (w·M) ∘ mask, τ_d from the trained parameter.
    pub fn network(&self) -> LifNetwork {
        let n = self.array("v0").len();
        let w = self.array(if self.number("use_initial_weights") == 1.0 { "w0" } else { "w" });
        let (sign, mask) = (self.array("m_diag"), self.array("som_m"));
        let (taus, excitatory) = (self.array("taus"), self.array("exc"));
        let (low, high) = (taus[0], taus[1]);
        let tau = |theta: &f64| (1.0 / (1.0 + (-theta).exp()) * (high - low) + low) * 5.0;
        let (w_in, w_out) = (self.array("w_in"), self.array("w_out"));
        LifNetwork {
            units: n,
            inputs: w_in.len() / n,
            outputs: w_out.len() / n,
            w_in,
            recurrent: Recurrent::Dense((0..n * n).map(|at| (w[at] * sign[at % n]) * mask[at]).collect()),
            w_out,
            tau_decay_ms: self.array("taus_gaus").iter().map(tau).collect(),
            bias_mv: Vec::new(),
            kinds: excitatory
                .iter()
                .map(|e| if *e == 1.0 { UnitKind::Excitatory } else { UnitKind::Inhibitory })
                .collect(),
        }
    }

    pub fn draws(&self) -> Given {
        let optional = |name| if self.has(name) { self.array(name) } else { Vec::new() };
        Given { v_mv: self.array("v0"), noise_mv: optional("noise"), coins: optional("opto_rand") }
    }
}

/// Random numbers that are given.
pub struct Given {
    pub v_mv: Vec<f64>,
    /// `[N, steps]`
    pub noise_mv: Vec<f64>,
    pub coins: Vec<f64>,
}

impl Draws for Given {
    fn initial_potentials(&self, _: f64, _: f64, v_mv: &mut [f64]) {
        v_mv.copy_from_slice(&self.v_mv);
    }

    fn noise(&self, group: usize, first_step: usize, _: f64, out: &mut [Lanes<f64>]) {
        let steps = self.noise_mv.len() / self.v_mv.len();
        for (s, row) in out.iter_mut().enumerate() {
            for (l, x) in row.0.iter_mut().enumerate() {
                let unit = group * LANES + l;
                *x = if unit < self.v_mv.len() { self.noise_mv[unit * steps + first_step + s] } else { 0.0 };
            }
        }
    }

    fn coins(&self, first_step: usize, out: &mut [f64]) {
        out.copy_from_slice(&self.coins[first_step..first_step + out.len()]);
    }
}
