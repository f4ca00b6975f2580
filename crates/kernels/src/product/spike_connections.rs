//! Single connections by presynaptic unit, for networks that lack most of them.

use crate::dispatch::prefetch;
use crate::lanes::Lanes;
use crate::real::Real;

/// Networks of more units than this have no blocks: short numbers keep large networks in the cache.
pub(super) const MOST_UNITS: usize = 1 << 16;

/// Connections that are added in one go.
const BLOCK: usize = 8;

/// Units that share a word.
const IN_WORD: usize = 4;

/// Columns of more blocks are fetched ahead: networks with shorter ones lie in the cache.
const IN_CACHE: usize = 3;

/// Cost of a mispredicted branch, in blocks.
const BRANCH: usize = 1;

/// The connections of all units, each unit's filled up to whole blocks with weights 0.
///
/// Nearly all units have the same number of blocks: a branch that depends on which unit spikes is often mispredicted.
#[derive(Debug)]
pub(super) struct Connections<R> {
    /// `[N][stride]`
    blocks: Vec<Block<R>>,
    stride: usize,
    /// Further connections, for which `blocks` has no room: those of unit j are `begin[j]..begin[j + 1]`.
    others: Vec<Block<R>>,
    begin: Vec<u32>,
}

/// Weights and the units that they lead to, the latter 16 bits each: adding is bound by loads and stores, and a word takes
/// one load.
#[derive(Clone, Copy, Debug)]
struct Block<R> {
    to: [u64; BLOCK / IN_WORD],
    weight: [R; BLOCK],
}

impl<R: Real> Connections<R> {
    /// The weights `[to][from]` of at most [`MOST_UNITS`] units, divided by `divisor`.
    pub fn new(w: &[f64], units: usize, divisor: f64) -> Self {
        let mut columns = vec![Vec::new(); units];
        for (to, row) in w.chunks_exact(units).enumerate() {
            for (column, w) in columns.iter_mut().zip(row).filter(|(_, w)| **w != 0.0) {
                column.push((to as u16, R::constant(w / divisor)));
            }
        }
        let counts: Vec<usize> = columns.iter().map(|column| column.len().div_ceil(BLOCK)).collect();
        let stride = stride(&counts);
        let (mut blocks, mut others, mut begin) = (Vec::with_capacity(units * stride), Vec::new(), vec![0]);
        for (mut column, count) in columns.into_iter().zip(counts) {
            let missing = count.max(stride) * BLOCK - column.len();
            // Not all to one unit: each sum would wait for the one before.
            column.extend((0..units).cycle().take(missing).map(|to| (to as u16, R::zero())));
            let all = column.chunks_exact(BLOCK).map(Block::new);
            blocks.extend(all.clone().take(stride));
            others.extend(all.skip(stride));
            begin.push(others.len() as u32);
        }
        Self { blocks, stride, others, begin }
    }

    #[inline(always)]
    fn blocks_of(&self, from: usize) -> &[Block<R>] {
        &self.blocks[from * self.stride..][..self.stride]
    }

    /// Adds the weights of the units that spike to J `[groups]`.
    #[inline(always)]
    pub fn add_to(&self, spiking: &[u32], j: &mut [Lanes<R>]) {
        let j = Lanes::values_mut(j);
        for (k, from) in spiking.iter().map(|from| *from as usize).enumerate() {
            if self.stride > IN_CACHE
                && let Some(next) = spiking.get(k + 1)
            {
                prefetch(self.blocks_of(*next as usize));
            }
            for block in self.blocks_of(from) {
                block.add_to(j);
            }
            for block in &self.others[self.begin[from] as usize..self.begin[from + 1] as usize] {
                block.add_to(j);
            }
        }
    }
}

impl<R: Real> Block<R> {
    fn new(connections: &[(u16, R)]) -> Self {
        let word = |units: &[(u16, R)]| units.iter().rev().fold(0, |word, (to, _)| word << 16 | u64::from(*to));
        Self {
            to: std::array::from_fn(|w| word(&connections[w * IN_WORD..][..IN_WORD])),
            weight: std::array::from_fn(|k| connections[k].1),
        }
    }

    #[inline(always)]
    fn add_to(&self, j: &mut [R]) {
        for k in 0..BLOCK {
            let to = (self.to[k / IN_WORD] >> (k % IN_WORD * 16)) as u16;
            j[usize::from(to)] += self.weight[k];
        }
    }
}

/// The number of blocks per unit for which all spikes together, one of each unit, take the least time.
fn stride(counts: &[usize]) -> usize {
    let cost = |stride: &usize| counts.iter().map(|c| c.max(stride) + BRANCH * usize::from(c > stride)).sum::<usize>();
    (0..=counts.iter().copied().max().unwrap_or(0)).min_by_key(cost).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::LANES;

    #[test]
    fn sums_are_those_of_the_matrix() {
        // Columns of one block and of several.
        for n in [37, 500] {
            // Outgoing connections: none, all, or some.
            let weight = |to: usize, from: usize| match from % 9 {
                0 => 0.0,
                4 => (1 + to * from) as f64,
                _ => f64::from(u8::from((to + from).is_multiple_of(7))),
            };
            let w: Vec<f64> = (0..n * n).map(|at| weight(at / n, at % n)).collect();
            let connections = Connections::<f32>::new(&w, n, 2.0);
            let spiking = [0, 3, 4, 13, 31, 36];
            let mut j = vec![Lanes::zero(); n.div_ceil(LANES)];
            connections.add_to(&spiking, &mut j);
            for to in 0..n {
                let expected: f64 = spiking.iter().map(|from| weight(to, *from as usize) / 2.0).sum();
                assert_eq!(f64::from(Lanes::values(&j)[to]), expected);
            }
            assert!(Lanes::values(&j)[n..].iter().all(|j| *j == 0.0));
        }
    }

    #[test]
    fn rare_long_columns_do_not_lengthen_all_others() {
        assert_eq!(stride(&[2, 2, 3, 2, 2, 30, 2, 2, 2, 2]), 2);
        assert_eq!(stride(&[5, 5, 4, 5]), 5);
        assert_eq!(stride(&[0, 0]), 0);
    }
}
