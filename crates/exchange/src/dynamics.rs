//! Arrays whose names suggest that they change the behaviour of a network: thresholds, time constants, biases, delays,
//! masks.
//!
//! Without them the network would be different, so unread ones are refused by name, unless their values have no effect,
//! as a bias of zeros or a mask of ones.

/// Role of an array in a network, and the value of its numbers that has no effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Role {
    /// Name of the role, in the plural.
    pub what: &'static str,
    /// Value without effect, if there is one.
    pub neutral: Option<f64>,
}

/// Words in the names of arrays, by how they are matched.
enum Word {
    /// Whole name.
    Whole(&'static str),
    /// Beginning of the name.
    Begin(&'static str),
    /// Any part of the name.
    Part(&'static str),
}

use Word::{Begin, Part, Whole};

/// Roles by the words that identify them, the more specific ones first. Names are in lower case.
const ROLES: [(&str, Option<f64>, &[Word]); 14] = [
    ("thresholds", None, &[Part("thresh"), Whole("thr"), Whole("vthr"), Whole("v_thr"), Whole("vth"), Whole("v_th")]),
    (
        "time constants",
        None,
        &[
            Begin("tau"),
            Part("_tau"),
            Part("timeconst"),
            Part("time_const"),
            Part("leak"),
            Whole("alpha"),
            Whole("beta"),
            Begin("decay"),
            Part("_decay"),
        ],
    ),
    ("time steps", None, &[Whole("dt"), Whole("dt_ms"), Whole("delta_t"), Whole("deltat")]),
    ("refractory periods", Some(0.0), &[Part("refrac"), Whole("tref"), Whole("t_ref")]),
    ("reset potentials", Some(0.0), &[Part("v_reset"), Part("vreset"), Part("v_rest"), Part("vrest"), Whole("reset")]),
    ("delays", Some(0.0), &[Part("delay")]),
    (
        "weights of further layers",
        Some(0.0),
        &[Begin("weight_ih_l"), Begin("weight_hh_l"), Part("feedback"), Whole("w_fb"), Whole("wfb")],
    ),
    ("masks", Some(1.0), &[Part("mask"), Whole("som_m"), Part("connectivity"), Part("sparsity")]),
    ("signs of connections", Some(1.0), &[Part("dale"), Whole("sign"), Whole("signs"), Whole("ei_mat")]),
    ("biases", Some(0.0), &[Whole("b"), Begin("b_"), Part("bias"), Whole("brec"), Whole("bin"), Whole("bout")]),
    (
        "initial states",
        Some(0.0),
        &[
            Whole("h0"),
            Whole("x0"),
            Whole("v0"),
            Whole("r0"),
            Whole("s0"),
            Part("init_state"),
            Part("initial_state"),
            Part("init_hidden"),
        ],
    ),
    ("adaptation", Some(0.0), &[Part("adapt")]),
    ("noise", Some(0.0), &[Part("noise"), Whole("sigma"), Begin("sigma_")]),
    ("gains", Some(1.0), &[Part("gain"), Part("scale"), Part("scaling"), Whole("gamma"), Whole("si"), Whole("so")]),
];

/// Role of an array in a network, if its name identifies one; folders in front of the name are ignored.
pub fn role(name: &str) -> Option<Role> {
    let name = name.rsplit(['.', '/']).next().unwrap_or(name).to_lowercase();
    let tells = |word: &Word| match word {
        Whole(word) => name == *word,
        Begin(word) => name.starts_with(word),
        Part(word) => name.contains(word),
    };
    let found = ROLES.iter().find(|(_, _, words)| words.iter().any(tells));
    found.map(|(what, neutral, _)| Role { what, neutral: *neutral })
}

impl Role {
    /// True if an array with these values has no effect.
    pub fn is_neutral(&self, shape: &[usize], values: &[f64]) -> bool {
        let Some(neutral) = self.neutral else { return false };
        // Signs may be on the diagonal of a matrix.
        let identity = self.what == "signs of connections"
            && matches!(shape, [rows, columns] if rows == columns)
            && (0..values.len()).all(|at| values[at] == f64::from(u8::from(at / shape[0] == at % shape[0])));
        identity || values.iter().all(|value| *value == neutral)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_changes_a_network() {
        let what = |name| role(name).map(|role| role.what);
        for (name, expected) in [
            ("vthr", "thresholds"),
            ("lif.threshold", "thresholds"),
            ("sigmoid_tau_d", "time constants"),
            ("rnn.tau_m", "time constants"),
            ("taus_gaus", "time constants"),
            ("b_rec", "biases"),
            ("rnn.bias_hh_l0", "biases"),
            ("fc.bias", "biases"),
            ("axonal_delay", "delays"),
            ("rec_connectivity", "masks"),
            ("Win_mask", "masks"),
            ("Dale_rec", "signs of connections"),
            ("h0", "initial states"),
            ("init_state", "initial states"),
            ("rnn.weight_hh_l1", "weights of further layers"),
            ("so", "gains"),
            ("t_ref", "refractory periods"),
            ("dt", "time steps"),
        ] {
            assert_eq!(what(name), Some(expected), "{name}");
        }
        for name in
            ["epoch", "losses", "W_in/Adam", "b_rec/Adam_1", "w", "eval_os", "optimizer.state.0.exp_avg", "target"]
        {
            assert_eq!(what(name), None, "{name}");
        }
    }

    #[test]
    fn some_values_change_nothing() {
        let neutral = |name, shape: &[usize], values: &[f64]| role(name).unwrap().is_neutral(shape, values);
        assert!(neutral("b_rec", &[3], &[0.0; 3]) && !neutral("b_rec", &[2], &[0.0, 0.1]));
        assert!(neutral("mask", &[2], &[1.0; 2]) && !neutral("mask", &[2], &[1.0, 0.0]));
        assert!(neutral("Dale_rec", &[2, 2], &[1.0, 0.0, 0.0, 1.0]));
        assert!(!neutral("Dale_rec", &[2, 2], &[1.0, 0.0, 0.0, -1.0]));
        assert!(!neutral("rec_connectivity", &[2, 2], &[1.0, 0.0, 0.0, 1.0]));
        assert!(!neutral("vthr", &[], &[1.0]));
    }
}
