//! Fixed points of networks whose fixed points are known: in closed form, by symmetry, or from SciPy.

use mdl_analysis::fixed_points::continuation::Path;
use mdl_analysis::fixed_points::linearise::{frequency_hz, is_stable, linearise, time_constant_ms};
use mdl_analysis::fixed_points::search::{Point, search};
use mdl_analysis::fixed_points::system::System;
use mdl_analysis::linear::magnitude;
use mdl_analysis::rate_model::{RateModel, Weights};
use mdl_kernels::random::{Purpose, Stream};
use mdl_model::rate::Activation;
use safetensors::SafeTensors;

const STEP_MS: f64 = 5.0;

fn network(activation: Activation, weights: Weights, w_in: Vec<f64>, channels: usize, leak: Vec<f64>) -> RateModel {
    let units = leak.len();
    RateModel {
        units,
        channels,
        outputs: 1,
        weights,
        w_in,
        w_out: (0..units).map(|i| 1.0 + i as f64).collect(),
        b_out: vec![0.5],
        leak,
        step_ms: STEP_MS,
        curve: activation.curve(),
    }
}

/// W = A Cᵀ as one matrix.
fn multiplied(units: usize, modes: usize, into: &[f64], out: &[f64]) -> Weights {
    let entry = |i: usize, j: usize| (0..modes).map(|k| into[i * modes + k] * out[j * modes + k]).sum();
    Weights::Dense((0..units * units).map(|k| entry(k / units, k % units)).collect())
}

fn starts(size: usize, count: usize, spread: f64) -> Vec<Vec<f64>> {
    let mut stream = Stream::new(7, Purpose::Analysis, 0);
    (0..count).map(|_| (0..size).map(|_| spread * f64::from(stream.normal())).collect()).collect()
}

fn points_of(system: &System, count: usize, spread: f64) -> Vec<Point> {
    search(system, &starts(system.size(), count, spread), spread, 0.0)
}

/// The positive solution of κ = g tanh κ, by bisection.
fn attractor(gain: f64) -> f64 {
    let (mut low, mut high) = (1e-3, gain);
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if gain * f64::tanh(middle) > middle { low = middle } else { high = middle }
    }
    low
}

/// x = κ in all units, κ = g tanh κ: 0 and ±κ*, in both forms of the equations.
#[test]
fn a_network_of_rank_one_has_the_points_of_its_equation() {
    const N: usize = 40;
    const GAIN: f64 = 2.0;
    let (into, out) = (vec![1.0; N], vec![GAIN / N as f64; N]);
    let expected = attractor(GAIN);
    for weights in [multiplied(N, 1, &into, &out), Weights::Modes { modes: 1, into: into.clone(), out: out.clone() }] {
        let model = network(Activation::Tanh, weights, vec![1.0; N], 1, vec![0.1; N]);
        let system = System::new(&model, &[0.0]);
        let mut points: Vec<_> =
            points_of(&system, 60, 3.0).iter().map(|point| (point.fixed, linearise(&system, point).unwrap())).collect();
        points.sort_by(|a, b| a.1.state[0].total_cmp(&b.1.state[0]));
        assert_eq!(points.len(), 3);
        for ((fixed, near), kappa) in points.iter().zip([-expected, 0.0, expected]) {
            assert!(*fixed && near.state.iter().all(|x| (x - kappa).abs() < 1e-9), "{:?}", &near.state[..2]);
            let mu = GAIN * (1.0 - f64::tanh(kappa).powi(2));
            let eigenvalue = 0.9 + 0.1 * mu;
            assert!((near.eigenvalues[0].re - eigenvalue).abs() < 1e-9, "{:?} {eigenvalue}", near.eigenvalues[0]);
            assert_eq!((near.unstable, near.eigenvalues.len()), (usize::from(kappa == 0.0), N));
            assert_eq!(is_stable(&model, &near.state), kappa != 0.0);
            let even = 1.0 / (N as f64).sqrt();
            assert!(near.slow_direction.iter().chain(&near.selection).all(|x| (x - even).abs() < 1e-6));
            // A pulse of the input moves all units by a, which is a √N along the slow direction.
            assert!((near.selected_input[0] - 0.1 * (N as f64).sqrt()).abs() < 1e-6, "{:?}", near.selected_input);
            let slope = 1.0 - f64::tanh(kappa).powi(2);
            assert!((near.readout[3] - 4.0 * slope).abs() < 1e-9);
            let sum = (N * (N + 1) / 2) as f64;
            assert!((near.output[0] - 0.5 - sum * f64::tanh(kappa)).abs() < 1e-7);
        }
    }
}

/// Three groups of units, each with the equation of a network of rank one: 27 points, 8 of them stable.
#[test]
fn a_flip_flop_of_three_bits_has_eight_attractors_and_saddles_between_them() {
    const OWN: usize = 12;
    const N: usize = 3 * OWN;
    let into: Vec<f64> = (0..N * 3).map(|k| f64::from(u8::from(k / 3 / OWN == k % 3))).collect();
    let out: Vec<f64> = into.iter().map(|x| 1.8 * x / OWN as f64).collect();
    let expected = attractor(1.8);
    let model = network(Activation::Tanh, Weights::Modes { modes: 3, into, out }, vec![0.0; N], 1, vec![0.2; N]);
    let system = System::new(&model, &[0.0]);
    let points = points_of(&system, 2000, 1.0);
    assert_eq!((points.len(), points.iter().filter(|point| point.fixed).count()), (27, 27));
    let mut unstable = [0; 4];
    for point in &points {
        let near = linearise(&system, point).unwrap();
        unstable[near.unstable] += 1;
        let zeros = point.z.iter().filter(|z| z.abs() < 1e-8).count();
        let ends = point.z.iter().filter(|z| (z.abs() - expected).abs() < 1e-8).count();
        assert_eq!((zeros, ends), (near.unstable, 3 - near.unstable), "{:?}", point.z);
    }
    assert_eq!(unstable, [8, 12, 6, 1]);
}

/// A network of rectified units that are all active is linear: x = (1 − W)⁻¹ I, and the eigenvalues are those of W.
#[test]
fn a_linear_network_has_one_point_with_the_eigenvalues_of_its_weights() {
    const N: usize = 6;
    // W = S D S⁻¹ with D of blocks, S = 1 + n mᵀ and S⁻¹ = 1 − n mᵀ/(1 + mᵀn).
    let mut d = [[0.0; N]; N];
    (d[0][0], d[0][1], d[1][0], d[1][1]) = (0.5, -0.4, 0.4, 0.5);
    (d[2][2], d[3][3], d[4][4], d[5][5]) = (0.9, -0.3, 0.2, 0.05);
    let (n, m) = ([0.1, 0.3, -0.2, 0.4, 0.2, -0.1], [0.3, -0.1, 0.2, 0.1, 0.5, 0.2]);
    let inner: f64 = n.iter().zip(&m).map(|(n, m)| n * m).sum();
    let identity = |i: usize, j: usize| f64::from(u8::from(i == j));
    let s = |i: usize, j: usize| identity(i, j) + n[i] * m[j];
    let inverse = |i: usize, j: usize| identity(i, j) - n[i] * m[j] / (1.0 + inner);
    let entry = |i: usize, j: usize| -> f64 {
        (0..N).flat_map(|a| (0..N).map(move |b| (a, b))).map(|(a, b)| s(i, a) * d[a][b] * inverse(b, j)).sum()
    };
    let w: Vec<f64> = (0..N * N).map(|k| entry(k / N, k % N)).collect();
    let rest: Vec<f64> = (0..N).map(|i| 2.0 + i as f64).collect();
    let drive: Vec<f64> = (0..N).map(|i| rest[i] - (0..N).map(|j| w[i * N + j] * rest[j]).sum::<f64>()).collect();
    let model = network(Activation::Relu, Weights::Dense(w), drive, 1, vec![0.25; N]);
    let system = System::new(&model, &[1.0]);
    let start: Vec<Vec<f64>> = (0..20).map(|k| rest.iter().map(|x| x + f64::from(k) / 20.0).collect()).collect();
    let points = search(&system, &start, 1.0, 0.0);
    assert_eq!((points.len(), points[0].starts), (1, 20));
    let near = linearise(&system, &points[0]).unwrap();
    assert!(near.state.iter().zip(&rest).all(|(found, rest)| (found - rest).abs() < 1e-9), "{:?}", near.state);
    let step = |re: f64, im: f64| (0.75 + 0.25 * re, 0.25 * im);
    let expected = [step(0.9, 0.0), step(0.5, 0.4), step(0.5, -0.4), step(0.2, 0.0), step(0.05, 0.0), step(-0.3, 0.0)];
    for (found, (re, im)) in near.eigenvalues.iter().zip(expected) {
        assert!((found.re - re).abs() < 1e-6 && (found.im - im).abs() < 1e-6, "{found} {re} {im}");
    }
    // exp(−Δt/τ) = 0.975, and an angle of atan(0.1/0.875) per step of 5 ms.
    let [first, second] = [near.eigenvalues[0], near.eigenvalues[1]];
    assert!((time_constant_ms(first, STEP_MS) + STEP_MS / 0.975f64.ln()).abs() < 1e-6);
    let turn = (0.1f64 / 0.875).atan() / (2.0 * std::f64::consts::PI);
    assert!((frequency_hz(second, STEP_MS) - 1000.0 * turn / STEP_MS).abs() < 1e-6);
}

/// W = v vᵀ with |v| = 1 keeps every multiple of v: starts come to rest all along the line.
#[test]
fn a_line_attractor_rests_everywhere_on_its_line() {
    const N: usize = 9;
    let v: Vec<f64> = (1..=N).map(|i| i as f64).collect();
    let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let v: Vec<f64> = v.iter().map(|x| x / length).collect();
    let w = (0..N * N).map(|k| v[k / N] * v[k % N]).collect();
    let model = network(Activation::Relu, Weights::Dense(w), vec![0.0; N], 1, vec![0.2; N]);
    let system = System::new(&model, &[0.0]);
    let start: Vec<Vec<f64>> = starts(N, 80, 0.1)
        .into_iter()
        .enumerate()
        .map(|(k, noise)| noise.iter().zip(&v).map(|(noise, v)| noise + (4.0 + k as f64 / 10.0) * v).collect())
        .collect();
    let points = search(&system, &start, 2.0, 0.0);
    assert!(points.len() > 40, "{} points", points.len());
    let along: Vec<f64> = points.iter().map(|point| point.z.iter().zip(&v).map(|(x, v)| x * v).sum()).collect();
    for (point, along) in points.iter().zip(&along) {
        assert!(point.z.iter().zip(&v).all(|(x, v)| (x - along * v).abs() < 1e-8), "{:?}", point.z);
        let near = linearise(&system, point).unwrap();
        assert!((near.eigenvalues[0].re - 1.0).abs() < 1e-9 && near.unstable == 0, "{:?}", near.eigenvalues[0]);
        assert!(near.slow_direction.iter().zip(&v).all(|(found, v)| (found - v).abs() < 1e-6));
    }
    let (low, high) = along.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
    assert!(low < 4.5 && high > 11.0, "{low} {high}");
}

/// Weights that depend on the angle between units: a ring of the radius at which ρ = 2g ⟨cos θ tanh(ρ cos θ)⟩, along which the
/// network moves neither forth nor back.
#[test]
fn a_ring_attractor_rests_on_its_ring() {
    const N: usize = 120;
    const GAIN: f64 = 2.5;
    let angle = |i: usize| 2.0 * std::f64::consts::PI * i as f64 / N as f64;
    let into: Vec<f64> = (0..N).flat_map(|i| [angle(i).cos(), angle(i).sin()]).collect();
    let out: Vec<f64> = into.iter().map(|x| 2.0 * GAIN / N as f64 * x).collect();
    let model = network(Activation::Tanh, Weights::Modes { modes: 2, into, out }, vec![0.0; N], 1, vec![0.2; N]);
    let system = System::new(&model, &[0.0]);
    let points = points_of(&system, 200, 1.5);
    // The radius by quadrature on a fine grid.
    let mean = |rho: f64| {
        let turn = |k: usize| 2.0 * std::f64::consts::PI * (k as f64 + 0.5) / 10_000.0;
        (0..10_000).map(|k| turn(k).cos() * (rho * turn(k).cos()).tanh()).sum::<f64>() / 10_000.0
    };
    let (mut low, mut high) = (0.1, 10.0);
    for _ in 0..100 {
        let rho = (low + high) / 2.0;
        if 2.0 * GAIN * mean(rho) > rho { low = rho } else { high = rho }
    }
    let on_ring: Vec<&Point> = points.iter().filter(|point| point.z[0].hypot(point.z[1]) > 0.1).collect();
    assert!(on_ring.len() > 30, "{} of {} points", on_ring.len(), points.len());
    let mut quarters = [0; 4];
    for point in on_ring {
        assert!((point.z[0].hypot(point.z[1]) - low).abs() < 1e-6, "{:?} {low}", point.z);
        quarters[usize::from(point.z[0] > 0.0) + 2 * usize::from(point.z[1] > 0.0)] += 1;
        let near = linearise(&system, point).unwrap();
        assert!((magnitude(near.eigenvalues[0]) - 1.0).abs() < 1e-6 && magnitude(near.eigenvalues[1]) < 0.999);
    }
    assert!(quarters.iter().all(|count| *count > 3), "{quarters:?}");
    assert!(points.iter().any(|point| point.z[0].hypot(point.z[1]) < 1e-9), "the centre");
}

/// Near a fold that has just vanished, κ = g tanh(κ + s), the network is slow but does not rest.
#[test]
fn a_vanished_pair_of_points_leaves_a_slow_point() {
    const N: usize = 10;
    let (gain, y) = (2.0, 0.5f64.sqrt().atanh());
    let beyond = gain * 0.5f64.sqrt() - y + 0.005;
    let (into, out) = (vec![1.0; N], vec![gain / N as f64; N]);
    let model = network(Activation::Tanh, Weights::Modes { modes: 1, into, out }, vec![1.0; N], 1, vec![0.1; N]);
    let system = System::new(&model, &[beyond]);
    let points = search(&system, &starts(1, 60, 2.0), 2.0, 1.0);
    let slow: Vec<&Point> = points.iter().filter(|point| !point.fixed).collect();
    assert_eq!((points.len(), slow.len()), (2, 1), "{points:?}");
    // The fold is at κ = −g/√2, where F changes by as much as s.
    let kappa = slow[0].z[0];
    assert!((kappa + gain * 0.5f64.sqrt()).abs() < 0.1, "{kappa}");
    let rest = -kappa + gain * (kappa + beyond).tanh();
    assert!((slow[0].speed - N as f64 * rest * rest / 2.0).abs() < 1e-12 && rest.abs() < 0.02, "{rest}");
    assert!(search(&system, &starts(1, 60, 2.0), 2.0, 1e-9).iter().all(|point| point.fixed));
}

/// κ = g tanh(κ + s) folds where g (1 − tanh²(κ + s)) = 1.
#[test]
fn a_branch_turns_at_the_folds_of_its_equation() {
    const N: usize = 10;
    const GAIN: f64 = 2.0;
    let y = 0.5f64.sqrt().atanh();
    let fold = GAIN * 0.5f64.sqrt() - y;
    let (into, out) = (vec![1.0; N], vec![GAIN / N as f64; N]);
    for weights in [multiplied(N, 1, &into, &out), Weights::Modes { modes: 1, into: into.clone(), out: out.clone() }] {
        let model = network(Activation::Tanh, weights, vec![1.0; N], 1, vec![0.1; N]);
        let system = System::new(&model, &[0.0]);
        let points = points_of(&system, 60, 2.0);
        let spread = (system.size() as f64).sqrt();
        let path = Path { system: &system, channel: 0, range: (-1.0, 1.0), spread, most: 200 };
        let upper = points.iter().find(|point| system.state(&point.z)[0] > 1.0).unwrap();
        let branch = path.branch(upper);
        for point in &branch {
            let x = point.state[0];
            assert!((x - point.change - GAIN * x.tanh()).abs() < 1e-8, "{} {x}", point.change);
            let slope = GAIN * (1.0 - x.tanh().powi(2));
            assert!(point.stable == (slope < 1.0) || (slope - 1.0).abs() < 0.02, "{x} {slope}");
        }
        // From one end of the range to the other, past both folds.
        assert!(branch[0].change.abs() > 0.85 && branch[branch.len() - 1].change.abs() > 0.85);
        let turns: Vec<f64> = branch
            .windows(3)
            .filter(|three| (three[1].change - three[0].change) * (three[2].change - three[1].change) < 0.0)
            .map(|three| three[1].change)
            .collect();
        assert_eq!(turns.len(), 2, "{turns:?}");
        assert!(turns.iter().all(|turn| (turn.abs() - fold).abs() < 0.02), "{turns:?} {fold}");
        let passed = points.iter().filter(|point| path.passes(&branch, &system.state(&point.z))).count();
        assert_eq!(passed, 3);
    }
}

fn array(file: &SafeTensors, name: &str) -> (Vec<usize>, Vec<f64>) {
    let view = file.tensor(name).unwrap();
    let values = view.data().chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect();
    (view.shape().to_vec(), values)
}

/// Every point that MINPACK finds, with the eigenvalues of LAPACK; and no other.
#[test]
fn points_and_eigenvalues_are_those_of_scipy() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/oracle/fixed_points.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let get = |name: &str| array(&file, name).1;
    let scored = |modes: Vec<f64>| modes.iter().zip(get("modes.score").iter().cycle()).map(|(x, s)| x * s).collect();
    let dense = Weights::Dense(get("dense.weights"));
    let modes = Weights::Modes { modes: 3, into: scored(get("modes.mode_in")), out: get("modes.mode_out") };
    for (name, activation, weights, spread) in
        [("dense", Activation::Sigmoid, dense, 40.0), ("modes", Activation::Tanh, modes, 8.0)]
    {
        let leak = get(&format!("{name}.leak"));
        let (n, w_in) = (leak.len(), get(&format!("{name}.w_in")));
        let model = network(activation, weights, w_in, 2, leak);
        let system = System::new(&model, &get(&format!("{name}.input")));
        let points = points_of(&system, 3000, spread);
        let (shape, states) = array(&file, &format!("{name}.state"));
        let eigenvalues = get(&format!("{name}.eigenvalue"));
        assert_eq!(points.iter().filter(|point| point.fixed).count(), shape[0], "{name}");
        for (state, expected) in states.chunks_exact(n).zip(eigenvalues.chunks_exact(2 * n)) {
            let is_it = |point: &&Point| system.state(&point.z).iter().zip(state).all(|(a, b)| (a - b).abs() < 1e-7);
            let near = linearise(&system, points.iter().find(is_it).unwrap()).unwrap();
            for (found, expected) in near.eigenvalues.iter().zip(expected.chunks_exact(2)) {
                // Equal magnitudes may be in another order, and N − P eigenvalues are one.
                let close = near.eigenvalues.iter().any(|m| (m.re - expected[0]).hypot(m.im - expected[1]) < 1e-6);
                assert!(
                    close && (magnitude(*found) - expected[0].hypot(expected[1])).abs() < 1e-6,
                    "{name} {found} {expected:?}"
                );
            }
        }
    }
}

/// The bits do not depend on the number of threads.
#[test]
fn threads_change_nothing() {
    const N: usize = 12;
    let mut stream = Stream::new(3, Purpose::Analysis, 1);
    let w: Vec<f64> = (0..N * N).map(|_| f64::from(stream.normal())).collect();
    let model = network(Activation::Tanh, Weights::Dense(w), vec![0.1; N], 1, vec![0.2; N]);
    let system = System::new(&model, &[1.0]);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| points_of(&system, 100, 2.0))
            .into_iter()
            .map(|point| (point.z, point.starts))
            .collect::<Vec<_>>()
    };
    let one = run(1);
    assert!(!one.is_empty() && one == run(4));
}
