//! Kinds of units under Dale's principle.

/// Kind of a unit in a network with Dale's principle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitKind {
    /// Outgoing weights are non-negative.
    Excitatory,
    /// Outgoing weights are non-positive.
    Inhibitory,
    /// An inhibitory unit without input from inhibitory units.
    Somatostatin,
}

impl UnitKind {
    /// Kind of each of N units, from the signs `[N]` of their outgoing weights and the mask `[N, N]` (row = to), which
    /// is 0 where a connection is forbidden.
    pub fn of_units(sign: &[f32], mask: Option<&[u8]>) -> Vec<Self> {
        let n = sign.len();
        let inhibitory: Vec<usize> = (0..n).filter(|j| sign[*j] < 0.0).collect();
        let uninhibited = |i: usize| mask.is_some_and(|mask| inhibitory.iter().all(|j| mask[i * n + j] == 0));
        let kind = |i: usize| match sign[i] < 0.0 {
            false => Self::Excitatory,
            true if uninhibited(i) => Self::Somatostatin,
            true => Self::Inhibitory,
        };
        (0..n).map(kind).collect()
    }
}
