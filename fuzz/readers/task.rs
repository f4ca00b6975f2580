//! Reader of tasks in Starlark.

use mdl_data::tasks::program::ProgramConfig;
use mdl_data::tasks::{Program, Task};
use mdl_kernels::random::Purpose;

/// A task, from whose text trials are drawn: the same ones twice, of the sizes that it declares.
pub fn read(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return };
    let config = ProgramConfig { file: "fuzz.star".into(), source: Some(source.into()), ..ProgramConfig::default() };
    let Ok(task) = Program::new(config) else { return };
    if task.steps() * task.channels().max(task.outputs()) > 1 << 16 {
        return;
    }
    let draw = || task.draw(1, Purpose::TrainingTrial, 0, 3);
    let (Ok(trials), Ok(again)) = (draw(), draw()) else { return };
    assert_eq!(trials.input.len(), task.steps() * 3 * task.channels());
    assert_eq!(trials.target.len(), task.steps() * 3 * task.outputs());
    assert!(trials.input.iter().chain(&trials.target).all(|value| value.is_finite()));
    assert!(trials == again, "trials are a function of the text");
}
