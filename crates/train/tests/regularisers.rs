//! Gradients of regularisers against finite differences, and costs on weights by hand.

use candle_core::{Device, Tensor, Var};
use mdl_data::tasks::{Program, Task};
use mdl_kernels::random::{Purpose, fill_normal};
use mdl_model::rate::config::RateConfig;
use mdl_model::rate::network::RateNetwork;
use mdl_model::rate::parameters::RateParameters;
use mdl_train::config::TrainingConfig;
use mdl_train::network::Network;
use mdl_train::regulariser::{Regulariser, costs};
use mdl_train::task::TaskProblem;
use mdl_train::trainer::{BatchLoss, Problem};
use serde_json::{Value, json};

fn network(recurrence: Value) -> RateNetwork {
    let config = json!({"neurons": 30, "recurrence": recurrence, "train_input": true, "activation": "softplus"});
    let config: RateConfig = serde_json::from_value(config).unwrap();
    let parameters = RateParameters::draw(&config, 1, 1, 3);
    RateNetwork::new(&config, parameters, 5.0, &Device::Cpu).unwrap()
}

fn regulariser(json: Value) -> Regulariser {
    serde_json::from_value(json).unwrap()
}

/// The cost of one regulariser on a batch of Go-NoGo, whose gradient can be taken.
fn cost(network: &RateNetwork, regulariser: &Regulariser) -> Tensor {
    let parameters = json!({"trial_ms": 200, "stimulus_ms": [20, 120], "lif_response_from_ms": 120});
    let task = Program::built_in("go-nogo", parameters.as_object().unwrap().clone()).unwrap();
    let training =
        TrainingConfig { batch_size: 4, regularisers: vec![regulariser.clone()], ..TrainingConfig::default() };
    let task: &dyn Task = &task;
    let problem = TaskProblem::new(network, task, Vec::new(), &training, 1);
    let BatchLoss { costs, .. } = problem.batch_loss(0, 0, 0).unwrap();
    costs[0].clone()
}

/// Slope of the cost along a direction of unit length.
fn slope(variable: &Var, direction: &Tensor, cost: &dyn Fn() -> Tensor) -> f64 {
    const STEP: f64 = 0.02;
    let start = variable.as_tensor().copy().unwrap();
    let at = |step: f64| {
        variable.set(&(&start + (direction * step).unwrap()).unwrap()).unwrap();
        f64::from(cost().to_scalar::<f32>().unwrap())
    };
    let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
    variable.set(&start).unwrap();
    slope
}

fn norm(tensor: &Tensor) -> f64 {
    f64::from(tensor.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap()).sqrt()
}

fn check(recurrence: Value, regularisers: Value, reached: &[&str]) {
    let network = network(recurrence);
    for json in regularisers.as_array().unwrap() {
        let regulariser = regulariser(json.clone());
        let gradients = cost(&network, &regulariser).backward().unwrap();
        for (name, variable) in Network::variables(&network) {
            let Some(gradient) = gradients.get(variable) else {
                assert!(!reached.contains(&name), "{json}: {name} has no gradient");
                continue;
            };
            let length = norm(gradient);
            if length < 1e-6 {
                continue;
            }
            let mut normal = vec![0f32; variable.elem_count()];
            fill_normal(7, Purpose::Initialisation, 0, 0, 1.0, &mut normal);
            let random = Tensor::from_vec(normal, variable.shape(), &Device::Cpu).unwrap();
            // Absent connections have a gradient on one side only.
            let random = (random * gradient.ne(0f32).unwrap().to_dtype(gradient.dtype()).unwrap()).unwrap();
            for direction in
                [gradient.clone(), ((&random / norm(&random)).unwrap() + (gradient / length).unwrap()).unwrap()]
            {
                let direction = (&direction / norm(&direction)).unwrap();
                let expected = slope(variable, &direction, &|| cost(&network, &regulariser));
                let product = (gradient * &direction).unwrap().sum_all().unwrap();
                let found = f64::from(product.to_scalar::<f32>().unwrap());
                assert!((found / expected - 1.0).abs() < 0.02, "{json}, {name}: {found} {expected}");
            }
        }
    }
}

#[test]
fn gradients_of_costs_on_rates_as_by_finite_differences() {
    let all = json!([
        {"kind": "rate-target", "strength": 10, "target": 0.2},
        {"kind": "rate-target", "strength": 10, "target": 2, "population": "inhibitory"},
        {"kind": "rate-l2", "strength": 3},
        {"kind": "rate-l2", "strength": 3, "population": "excitatory"},
        {"kind": "silent-units", "strength": 10, "floor": 1.5},
        {"kind": "silent-units", "strength": 10, "floor": 1.5, "population": "excitatory"},
    ]);
    check(json!({"kind": "dense"}), all.clone(), &["w_in", "w_rec", "theta"]);
    let without = all.as_array().unwrap().iter().filter(|json| json.get("population").is_none()).cloned().collect();
    check(json!({"kind": "modes", "modes": 3}), without, &["w_in", "mode_in", "score", "mode_out", "theta"]);
}

#[test]
fn gradients_of_costs_on_weights_as_by_finite_differences() {
    let all = json!([
        {"kind": "weight-l2", "strength": 100},
        {"kind": "weight-l2", "strength": 100, "population": "inhibitory"},
        {"kind": "weight-l2", "strength": 100, "parameters": ["w_in", "w_out"], "population": "excitatory"},
    ]);
    check(json!({"kind": "dense"}), all, &[]);
    let all =
        json!([{"kind": "weight-l2", "strength": 100}, {"kind": "weight-l2", "strength": 1, "parameters": ["score"]}]);
    check(json!({"kind": "modes", "modes": 3}), all, &[]);
}

#[test]
fn costs_on_weights_by_hand() {
    let network = network(json!({"kind": "dense", "connection_probability": 0.5}));
    let parameters = network.parameters().unwrap();
    let signs = network.signs().unwrap().to_vec();
    let w_rec = Network::variables(&network).into_iter().find(|(name, _)| *name == "w_rec").unwrap().1.clone();
    // An absent connection may have a weight below 0, which has no effect.
    let mut weights = w_rec.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let absent = weights.iter().position(|w| *w == 0.0).unwrap();
    weights[absent] = -5.0;
    w_rec.set(&Tensor::from_vec(weights.clone(), w_rec.shape(), &Device::Cpu).unwrap()).unwrap();
    let n = parameters.neurons;
    let mean = |inside: &dyn Fn(usize) -> bool, power: i32| {
        let units = (0..n).filter(|unit| inside(*unit)).count();
        let entries = weights.iter().enumerate().filter(|(i, w)| inside(i % n) && **w > 0.0);
        entries.map(|(_, w)| f64::from(*w).powi(power)).sum::<f64>() / (units * n) as f64
    };
    let inhibitory = |unit: usize| signs[unit] < 0.0;
    for (json, expected) in [
        (json!({"kind": "weight-l1", "strength": 2}), 2.0 * mean(&|_| true, 1)),
        (json!({"kind": "weight-l2", "strength": 3}), 3.0 * mean(&|_| true, 2)),
        (json!({"kind": "weight-l1", "strength": 1, "population": "inhibitory"}), mean(&inhibitory, 1)),
        (json!({"kind": "weight-l2", "strength": 1, "population": "excitatory"}), mean(&|unit| !inhibitory(unit), 2)),
    ] {
        let cost = costs(&[regulariser(json.clone())], &network, None).unwrap().remove(0);
        let found = f64::from(cost.to_scalar::<f32>().unwrap());
        assert!((found / expected - 1.0).abs() < 1e-5, "{json}: {found} {expected}");
        let gradient = cost.backward().unwrap().get(&w_rec).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(gradient.iter().zip(&weights).all(|(g, w)| *w > 0.0 || *g == 0.0), "{json}: absent connections");
    }
}
