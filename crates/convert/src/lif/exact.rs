//! The exact mode: double precision, with the equations evaluated in the published order.
//!
//! Nothing is fused or regrouped, so spikes occur at the published steps. The refractory gate compares times, not
//! steps: through rounding it nearly always opens 41 steps after a spike, and otherwise 40. Synaptic variables below
//! 1e-200 are set to 0 once per chunk, because subnormal numbers are slow; potentials are not affected.

use super::constants::Constants;
use super::draws::{CHUNK, Draws};
use super::network::LifNetwork;
use super::neurons::{Membrane, with_membrane};
use super::recording::{Recorder, Recording, Run, State};
use mdl_kernels::lanes::{LANES, Lanes};
use mdl_kernels::product::spike_columns::SpikeColumns;

/// Smaller synaptic variables are zero.
const TINY: f64 = 1e-200;

/// State, weights and scratch of one run.
struct Network<'a> {
    c: &'a Constants,
    /// W / scaling factor
    weights: SpikeColumns<f64>,
    /// W_out / scaling factor `[O, N]`
    w_out: Vec<f64>,
    state: State,
    t_last: Vec<f64>,
    spike: Vec<f64>,
    spiking: Vec<u32>,
    /// J of the last spikes `[groups]`
    j: Vec<Lanes<f64>>,
}

/// Runs one trial. `drive` is W_in u for every kept sample, `[samples][N]`; `sample` tells which one a step reads.
pub(super) fn run(
    network: &LifNetwork,
    c: &Constants,
    steps: usize,
    drive: &[f64],
    sample: impl Fn(usize) -> usize,
    scaling_factor: f64,
    draws: &impl Draws,
    recording: &Recording,
) -> Run {
    let n = network.units;
    let groups = n.div_ceil(LANES);
    let mut net = Network::new(network, c, scaling_factor, draws);
    let mut recorder = Recorder::new(recording, n, network.outputs);
    let mut noise = vec![Lanes::zero(); groups * CHUNK];
    let mut coins = [0.0; CHUNK];
    let mut noise_of_step = vec![0.0; groups * LANES];
    for first in (0..steps).step_by(CHUNK) {
        let length = CHUNK.min(steps - first);
        if c.noise_sd > 0.0 {
            let groups = noise.chunks_exact_mut(CHUNK).enumerate();
            groups.for_each(|(g, rows)| draws.noise(g, first, c.noise_sd, &mut rows[..length]));
        }
        if c.pulses.is_some() {
            draws.coins(first, &mut coins[..length]);
        }
        mdl_kernels::dispatch::dispatch(
            #[inline(always)]
            || {
                for s in 0..length {
                    let step = first + s + 1;
                    for (row, group) in noise_of_step.chunks_exact_mut(LANES).zip(noise.chunks_exact(CHUNK)) {
                        row.copy_from_slice(&group[s].0);
                    }
                    net.step(step, &drive[sample(step) * n..][..n], &noise_of_step[..n], coins[s]);
                    net.observe(step, &mut recorder);
                }
            },
        );
        net.flush_tiny();
    }
    recorder.finish(|| net.state)
}

impl<'a> Network<'a> {
    fn new(network: &LifNetwork, c: &'a Constants, scaling_factor: f64, draws: &impl Draws) -> Self {
        let zeros = || vec![0.0; network.units];
        let mut v_mv = zeros();
        draws.initial_potentials(c.v_reset, c.v_initial_max, &mut v_mv);
        Self {
            c,
            weights: network.recurrent.columns(network.units, scaling_factor),
            w_out: network.w_out.iter().map(|w| w / scaling_factor).collect(),
            state: State { v_mv, ipsc_mv: zeros(), h: zeros(), r: zeros(), h_r: zeros() },
            t_last: zeros(),
            spike: zeros(),
            spiking: Vec::with_capacity(network.units),
            j: vec![Lanes::zero(); network.units.div_ceil(LANES)],
        }
    }

    /// One step, `step` counted from 1.
    #[inline(always)]
    fn step(&mut self, step: usize, drive: &[f64], noise: &[f64], coin: f64) {
        with_membrane!(&self.c.neuron, m => self.integrate(m, step, drive, noise));
        if let Some(pulses) = &self.c.pulses
            && pulses.steps.contains(&step)
            && coin < pulses.probability
        {
            pulses.units.iter().for_each(|i| self.state.v_mv[*i] += pulses.amplitude_mv);
        }
        with_membrane!(&self.c.neuron, m => self.detect(m, step));
        if self.c.double {
            self.decay_double()
        } else {
            self.decay_single()
        }
        if !self.spiking.is_empty() {
            self.arrive();
        }
    }

    /// v += dt/τ_m · gate · drift(v, I) + noise, I = IPSC + bias + W_in u
    #[inline(always)]
    fn integrate(&mut self, m: &impl Membrane, step: usize, drive: &[f64], noise: &[f64]) {
        let (c, now) = (self.c, self.c.dt * step as f64);
        let n = drive.len();
        let (v, ipsc, t_last) = (&mut self.state.v_mv[..n], &self.state.ipsc_mv[..n], &self.t_last[..n]);
        let noise = &noise[..n];
        for i in 0..n {
            let current = (ipsc[i] + c.bias) + drive[i];
            let drift = m.drift(v[i], current);
            let gated = if now > t_last[i] + c.t_ref { drift } else { 0.0 };
            v[i] = (v[i] + c.dt * (gated / c.tau_m)) + noise[i];
        }
    }

    /// spike = v ≥ v_peak;  t_last = dt·i there
    #[inline(always)]
    fn detect(&mut self, m: &impl Membrane, step: usize) {
        let (now, v_peak) = (self.c.dt * step as f64, self.c.v_peak);
        let n = self.spike.len();
        let (v, t_last, spike) = (&self.state.v_mv[..n], &mut self.t_last[..n], &mut self.spike[..n]);
        for i in 0..n {
            spike[i] = if m.spikes(v[i], v_peak) { 1.0 } else { 0.0 };
            // Kept in this form: it is not always `now`.
            t_last[i] += (now - t_last[i]) * spike[i];
        }
        self.spiking.clear();
        if spike.iter().fold(0, |any, s| any | s.to_bits()) != 0 {
            self.spiking.extend((0..n as u32).filter(|i| spike[*i as usize] > 0.0));
        }
    }

    /// IPSC = IPSC·e^{−dt/τ_d} + h·dt;  h = h·e^{−dt/τ_r};  r = r·e^{−dt/τ_d} + h_r·dt;  h_r = h_r·e^{−dt/τ_r}
    #[inline(always)]
    fn decay_double(&mut self) {
        let (c, n) = (self.c, self.spike.len());
        let s = &mut self.state;
        let (ipsc, h, r, h_r) = (&mut s.ipsc_mv[..n], &mut s.h[..n], &mut s.r[..n], &mut s.h_r[..n]);
        let decay = &c.decay_d[..n];
        for i in 0..n {
            ipsc[i] = ipsc[i] * decay[i] + h[i] * c.dt;
            h[i] *= c.decay_r;
            r[i] = r[i] * decay[i] + h_r[i] * c.dt;
            h_r[i] *= c.decay_r;
        }
    }

    /// IPSC = IPSC·e^{−dt/τ_d};  r = r·e^{−dt/τ_d}
    #[inline(always)]
    fn decay_single(&mut self) {
        let n = self.spike.len();
        let (ipsc, r) = (&mut self.state.ipsc_mv[..n], &mut self.state.r[..n]);
        let decay = &self.c.decay_d[..n];
        for i in 0..n {
            ipsc[i] *= decay[i];
            r[i] *= decay[i];
        }
    }

    /// J = W_spk · spike;  h += J/(τ_r τ_d), h_r += spike/(τ_r τ_d), or IPSC += J/τ_d, r += spike/τ_d;  v = v_reset
    #[inline(always)]
    fn arrive(&mut self) {
        self.weights.propagate(&self.spiking, &mut self.j);
        let (c, n, s) = (self.c, self.spike.len(), &mut self.state);
        let (current, own) = if c.double { (&mut s.h, &mut s.h_r) } else { (&mut s.ipsc_mv, &mut s.r) };
        let (current, own, j, spread) =
            (&mut current[..n], &mut own[..n], &Lanes::values(&self.j)[..n], &c.spread[..n]);
        for i in 0..n {
            current[i] += j[i] / spread[i];
        }
        let v_reset = with_membrane!(&c.neuron, m => m.reset(c.v_reset));
        for i in self.spiking.iter().map(|i| *i as usize) {
            own[i] += 1.0 / spread[i];
            s.v_mv[i] = v_reset;
        }
    }

    /// Notes what is wanted of this step: out = W_out r / scaling factor, and states.
    #[inline(always)]
    fn observe(&self, step: usize, recorder: &mut Recorder) {
        if !self.spiking.is_empty() {
            recorder.spikes(step, &self.spiking);
        }
        let state = &self.state;
        if recorder.wants_out(step) {
            let n = state.r.len();
            recorder.out(step, |o| dot(&self.w_out[o * n..][..n], &state.r));
        }
        recorder.rates(step, |i| state.r[i]);
        recorder.traces(step, |i| state.v_mv[i], |i| state.ipsc_mv[i]);
    }

    fn flush_tiny(&mut self) {
        for values in [&mut self.state.ipsc_mv, &mut self.state.h, &mut self.state.r, &mut self.state.h_r] {
            values.iter_mut().filter(|x| x.abs() < TINY).for_each(|x| *x = 0.0);
        }
    }
}

/// Σ a b, in lanes so that the sums need not wait for one another.
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sum = [0.0; LANES];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sum.iter().sum()
}
