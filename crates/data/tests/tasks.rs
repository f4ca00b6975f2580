//! Tasks in files: the bits of their trials, and that they keep what they promise.

use mdl_data::tasks::program::ProgramConfig;
use mdl_data::tasks::{Evaluated, Program, RuleSet, Task, TaskConfig, Trials};
use mdl_kernels::random::Purpose;
use serde_json::Map;

fn built_in(name: &str) -> Program {
    Program::built_in(name, Map::new()).unwrap_or_else(|error| panic!("{error}"))
}

/// FNV-1a over the bits of inputs, targets and conditions.
fn hash(trials: &Trials) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |word: u32| {
        word.to_le_bytes().iter().for_each(|b| hash = (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
    };
    trials.input.iter().chain(&trials.target).for_each(|x| add(x.to_bits()));
    trials.condition.iter().for_each(|c| add(*c as u32));
    hash
}

/// The three tasks were Rust before they were files; the hashes were taken from that.
#[test]
fn trials_have_the_bits_that_they_always_had() {
    for (old, expected) in [
        (r#"{"kind":"go-nogo"}"#, 0xc82e_706c_1471_0934),
        (
            r#"{"kind":"go-nogo","steps":120,"step_ms":2.5,"stimulus_steps":[10,31],"go_probability":0.3}"#,
            0x5201_0bf7_0c47_7da4,
        ),
        (r#"{"kind":"xor"}"#, 0x5621_3c42_9a96_ede5),
        (
            r#"{"kind":"xor","steps":150,"first_pulse_steps":[5,30],"second_pulse_steps":[60,85],
                "target_steps":[100,140],"response_from_step":90}"#,
            0x0672_a4da_f347_53e5,
        ),
        (r#"{"kind":"mante"}"#, 0x4fe8_0c71_e6fa_8504),
        (
            r#"{"kind":"mante","steps":130,"step_ms":20,"stimulus_steps":[13,70],"offset":0.1857,"noise_sd":0.7,
                "response_from_step":80,"lif_response_from_step":71}"#,
            0x596a_13e9_7c54_7b75,
        ),
    ] {
        let task: TaskConfig = serde_json::from_str(old).unwrap();
        let trials = task.task().unwrap().draw(3, Purpose::TrainingTrial, 5, 64).unwrap();
        assert_eq!(hash(&trials), expected, "{old}");
        let present = serde_json::to_value(&task).unwrap();
        assert_eq!(serde_json::from_value::<TaskConfig>(present).unwrap(), task, "it can be read again");
    }
}

#[test]
fn the_target_itself_is_a_correct_output_and_silence_rarely_is() {
    for name in ["go-nogo", "xor", "mante"] {
        let task = built_in(name);
        let trials = task.draw(1, Purpose::TrainingTrial, 0, 64).unwrap();
        for set in [RuleSet::Published, RuleSet::Strict] {
            assert!(trials.evaluate(&trials.target, set).iter().all(|correct| *correct), "{name}");
            let silent = trials.evaluate(&vec![0.0; trials.target.len()], set);
            for (condition, correct) in trials.condition.iter().zip(silent) {
                assert_eq!(correct, task.conditions()[*condition] == "NoGo", "{name}");
            }
        }
    }
}

#[test]
fn conditions_are_drawn_about_equally_often_and_a_trial_does_not_depend_on_its_batch() {
    for name in ["go-nogo", "xor", "mante"] {
        let task = built_in(name);
        let trials = task.draw(2, Purpose::SearchTrial, 0, 4000).unwrap();
        let p = 1.0 / task.conditions().len() as f64;
        for condition in 0..task.conditions().len() {
            let count = trials.condition.iter().filter(|own| **own == condition).count() as f64;
            assert!((count - 4000.0 * p).abs() < 5.0 * (4000.0 * p * (1.0 - p)).sqrt(), "{name} {condition}: {count}");
        }
        let one = task.draw(2, Purpose::SearchTrial, 130, 1).unwrap();
        assert_eq!(trials.get(130), one.get(0));
        assert_eq!(task.examples().count, task.conditions().len());
    }
}

#[test]
fn not_a_number_is_never_correct() {
    let task = built_in("go-nogo");
    let trials = task.draw(1, Purpose::TrainingTrial, 0, 16).unwrap();
    let mut outputs = trials.target.clone();
    outputs[150 * 16..151 * 16].fill(f32::NAN);
    assert_eq!(trials.evaluate(&outputs, RuleSet::Published), [false; 16]);
}

#[test]
fn windows_are_those_of_the_network() {
    let task = built_in("go-nogo");
    assert_eq!(task.response_window(Evaluated::Trained), Some(75..200));
    assert_eq!(task.response_window(Evaluated::Lif), Some(100..200));
}

/// Files that are wrong in more than a hundred ways, with the messages of the programs. Values that are too large are left
/// out: an allocator refuses them, which a test of its own does not have.
#[test]
fn wrong_files_are_refused_with_their_name() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tasks/wrong");
    let messages = std::fs::read_to_string(folder.join("messages.txt")).unwrap();
    let mut refused = 0;
    for line in messages.lines() {
        let Some((name, message)) = line.split_once(": ") else { continue };
        let Ok(source) = std::fs::read_to_string(folder.join(name).with_extension("star")) else { continue };
        if message.contains("one value of") || name == "growing-whole-number" {
            continue;
        }
        let file = format!("{name}.star");
        let config = ProgramConfig { file: file.clone(), source: Some(source), ..ProgramConfig::default() };
        match Program::new(config) {
            Err(error) => {
                assert!(error.to_string().starts_with(&file) && error.message.len() > 8, "{error}");
                refused += 1;
            }
            Ok(_) => assert_eq!(message, "(accepted)", "{name}"),
        }
    }
    assert!(refused > 80, "{refused} files refused");
}

#[test]
fn endless_and_huge_files_end_with_an_error() {
    let task = |body: &str| {
        let head = "step_ms = 5\nduration_ms = 100\ninputs = ['a']\noutputs = ['b']\nconditions = ['c']\n";
        let source = Some(format!("{head}def trial(t, p):\n    {body}\n    return 'c'\n"));
        Program::new(ProgramConfig { file: "x.star".into(), source, ..ProgramConfig::default() })
            .unwrap_err()
            .to_string()
    };
    let loops = "for i in range(10000):\n        for j in range(10000): t.coin()";
    assert!(task(loops).contains("line 6: Execution duration limit of 1000000 ticks has been exceeded"));
    assert!(task("[i for i in range(1000000000)]").contains("line 7: range: found 1000000000 numbers"));
    assert!(
        task("for i in range(0, -10, 3): t.normal(0, -1)\n    t.coin(range(10, 0, -3)[2])").contains("line 8: coin")
    );
    assert!(
        task("t.pulse('a', 0, 200)").contains("line 7: to_ms = 200 lies outside of the trial; expected 0 to 100 ms")
    );
    assert!(task("t.normal(0, -1)").contains("sd = -1, expected 0 or more"));
}

/// Signals, weights, padding and rules as the file says.
#[test]
fn trials_hold_what_the_file_draws() {
    let source = r#"
step_ms = 10
duration_ms = lambda p: p.length_ms
inputs = ["go", ("ring", 8)]
outputs = ["left", "right"]
conditions = ["only"]
parameters = {"length_ms": 100, "degrees": 90}

def trial(t, p):
    t.end(80)
    t.pulse("go", 20, 40, 2)
    t.ramp("left", 0, 40, 1, 5)
    t.bump("ring", p.degrees, 50)
    t.sine(("ring", 0), 25, 0, 40, 3)
    t.weight(0, 0, 30)
    t.weight(2, 30, 50, outputs = "right")
    t.largest("left")
    t.near("right", 0, 0.5, 30, rules = "strict")
    return "only"
"#;
    let config = ProgramConfig { file: "x.star".into(), source: Some(source.into()), ..ProgramConfig::default() };
    let task = Program::new(config).unwrap();
    assert_eq!((task.steps(), task.channels(), task.outputs()), (10, 9, 2));
    assert_eq!(task.inputs()[..3], ["go", "ring 0", "ring 1"]);
    let trial = task.draw(1, Purpose::TrainingTrial, 0, 1).unwrap().get(0);
    let channel =
        |values: &[f32], width: usize, of: usize| values.iter().skip(of).step_by(width).copied().collect::<Vec<f32>>();
    assert_eq!(channel(&trial.input, 9, 0), [0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(channel(&trial.target, 2, 0), [1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(channel(&trial.weight, 2, 0), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    assert_eq!(channel(&trial.weight, 2, 1), [0.0, 0.0, 0.0, 2.0, 2.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    // A quarter of a period of 25 Hz is a step of 10 ms.
    let sine = channel(&trial.input, 9, 1);
    assert!(sine[..4].iter().zip([0.0, 3.0, 0.0, -3.0]).all(|(a, b)| (a - b).abs() < 1e-5), "{sine:?}");
    // 90 degrees are channel 2 of 8; the bump ends with the trial.
    assert_eq!(channel(&trial.input, 9, 3), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    assert_eq!((trial.length, trial.rules[0].window.clone(), trial.rules[1].window.clone()), (8, 0..8, 3..8));
}

/// Every task of the library, as it comes.
#[test]
fn the_targets_of_every_task_are_correct_answers() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tasks");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let source = Some(std::fs::read_to_string(&path).unwrap());
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let task = Program::new(ProgramConfig { file: file.clone(), source, ..ProgramConfig::default() });
        let task = task.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(task.examples().count, task.conditions().len(), "{file}: every condition occurs");
        let trials = task.draw(7, Purpose::ValidationTrial, 0, 100).unwrap();
        for set in [RuleSet::Published, RuleSet::Strict] {
            let wrong = trials.evaluate(&trials.target, set).iter().filter(|correct| !**correct).count();
            assert_eq!(wrong, 0, "{file}, {set:?}: trials whose target is a wrong answer");
        }
        count += 1;
    }
    assert!(count >= 17, "{count} tasks");
}
