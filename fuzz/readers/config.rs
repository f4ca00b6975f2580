//! Reader of configs.

use mdl_experiment::Experiment;

/// A config, with an override after each zero byte: an accepted config is accepted again, with the same result.
pub fn read(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 0);
    let Ok(json) = serde_json::from_slice(parts.next().unwrap_or_default()) else { return };
    let overrides: Vec<String> = parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    if let Ok(experiment) = Experiment::from_json(json, &overrides, None, "fuzz") {
        let resolved = experiment.to_json();
        let again = Experiment::from_json(resolved.clone(), &[], None, "fuzz").expect("what was resolved is a config");
        assert_eq!(again.to_json(), resolved);
    }
}
