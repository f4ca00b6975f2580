//! LIF trials on a GPU against those of the processor. Where there is no GPU this test says so and why.
#![cfg(feature = "cuda")]

use mdl_convert::lif::config::LifConfig;
use mdl_convert::lif::{LifNetwork, Recurrent};
use mdl_convert::lif_task::LifTask;
use mdl_convert::search::trials::{TrialResult, TrialSet};
use mdl_data::tasks::TaskConfig;
use mdl_device::{DeviceChoice, Gpu};
use mdl_kernels::random::{Purpose, fill_normal};

fn normal(index: u64, sd: f32, count: usize) -> Vec<f64> {
    let mut values = vec![0f32; count];
    fill_normal(8, Purpose::WrittenTrial, index, 0, sd, &mut values);
    values.into_iter().map(f64::from).collect()
}

/// Two runs on the GPU give the same answers; all trials together spike as often as on the processor, within 2 %: rounding
/// moves single spikes, and later ones see the difference.
#[test]
fn lif_trials_agree() {
    let Some(gpu) = DeviceChoice::first_gpu_or_skip().as_ref().and_then(Gpu::new) else { return };
    let n = 200;
    let network = LifNetwork {
        units: n,
        inputs: 1,
        outputs: 1,
        w_in: normal(0, 20.0, n),
        recurrent: Recurrent::Dense(normal(1, 10.0, n * n)),
        w_out: normal(2, 3.0, n),
        tau_decay_ms: vec![30.0; n],
        bias_mv: Vec::new(),
        kinds: Vec::new(),
    };
    let task: TaskConfig = serde_json::from_str(r#"{"kind": "go-nogo"}"#).unwrap();
    let lif_task = LifTask::new(&network, &LifConfig::default(), task.task().unwrap(), 3).unwrap();
    let factors = [20.0, 50.0, 100.0];
    let jobs: Vec<(u32, Vec<f64>)> = (0..20).map(|trial| (trial, factors.to_vec())).collect();
    let on_gpu = || lif_task.results_on(&gpu, TrialSet::Search, &jobs).unwrap().concat();
    let found = on_gpu();
    assert_eq!(found, on_gpu());
    let results = |trial| lif_task.results(TrialSet::Search, trial, &factors).unwrap();
    let expected: Vec<TrialResult> = (0..20).flat_map(results).collect();
    let spikes = |results: &[TrialResult]| results.iter().map(|result| result.spikes).sum::<u64>() as f64;
    assert!(spikes(&expected) > 1000.0, "a silent network tests nothing");
    assert!((spikes(&found) / spikes(&expected) - 1.0).abs() < 0.02, "{} {}", spikes(&found), spikes(&expected));
}
