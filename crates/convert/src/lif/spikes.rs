//! Units that spike in a step, from the bits produced by the kernel.

use mdl_kernels::lanes::LANES;

/// Number of units of a word that are listed without checking whether they spike.
const AT_ONCE: usize = 4;

/// Units that spike, in ascending order.
#[derive(Debug)]
pub(super) struct Spiking {
    /// The first `count` entries are valid; the others are room for writing.
    units: Vec<u32>,
    count: usize,
}

impl Spiking {
    /// An empty list, with room for all units of `groups` groups.
    pub fn new(groups: usize) -> Self {
        Self { units: vec![0; groups * LANES + AT_ONCE], count: 0 }
    }

    /// Clears the list.
    #[inline(always)]
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Listed units below `units`: lanes beyond the last unit come last.
    #[inline(always)]
    pub fn below(&self, units: usize) -> &[u32] {
        let mut listed = &self.units[..self.count];
        while let Some((last, others)) = listed.split_last()
            && *last as usize >= units
        {
            listed = others;
        }
        listed
    }

    /// Adds those of a set: bit g of lane l belongs to unit l of group `first + g`.
    #[inline(always)]
    pub fn collect(&mut self, first: usize, hits: &[u32; LANES]) {
        let any = any(hits);
        for half in 0..2 {
            if (any >> (half * 16)) as u16 != 0 {
                let mut of_lane = [0; LANES];
                for l in 0..LANES {
                    of_lane[l] = (hits[l] >> (half * 16)) as u16;
                }
                for (word, bits) in words(transpose(of_lane)).into_iter().enumerate() {
                    self.list(((first + half * 16) * LANES + word * 64) as u32, bits);
                }
            }
        }
    }

    /// Adds units `first + i` for bits i.
    #[inline(always)]
    fn list(&mut self, first: u32, mut bits: u64) {
        let count = bits.count_ones() as usize;
        let mut next = || {
            let unit = first + bits.trailing_zeros();
            bits &= bits.wrapping_sub(1);
            unit
        };
        let (some, others) = self.units[self.count..].split_at_mut(AT_ONCE);
        some.iter_mut().for_each(|unit| *unit = next());
        if count > AT_ONCE {
            others[..count - AT_ONCE].iter_mut().for_each(|unit| *unit = next());
        }
        self.count += count;
    }
}

/// Bits set in any lane.
#[inline(always)]
pub(super) fn any(hits: &[u32; LANES]) -> u32 {
    let mut any = *hits;
    for width in [8, 4, 2, 1] {
        for l in 0..width {
            any[l] |= any[l + width];
        }
    }
    any[0]
}

/// Bit b of word a becomes bit a of word b.
#[inline(always)]
fn transpose(words: [u16; LANES]) -> [u16; LANES] {
    let words = swap::<8>(words, 0x00ff);
    let words = swap::<4>(words, 0x0f0f);
    let words = swap::<2>(words, 0x3333);
    swap::<1>(words, 0x5555)
}

/// Swaps the high bits of words with the low bits of the words `K` further on, blocks of `K` bits.
#[inline(always)]
fn swap<const K: usize>(words: [u16; LANES], low: u16) -> [u16; LANES] {
    let mut swapped = [0; LANES];
    for i in 0..LANES {
        let (own, other) = (words[i], words[i ^ K]);
        swapped[i] = if i & K == 0 { own & low | (other & low) << K } else { own & !low | (other & !low) >> K };
    }
    swapped
}

/// The same bits in longer words.
#[inline(always)]
fn words(short: [u16; LANES]) -> [u64; LANES / 4] {
    let mut bytes = [[0; 8]; LANES / 4];
    for i in 0..LANES {
        [bytes[i / 4][i % 4 * 2], bytes[i / 4][i % 4 * 2 + 1]] = short[i].to_le_bytes();
    }
    [0, 1, 2, 3].map(|i| u64::from_le_bytes(bytes[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_listed_in_ascending_order() {
        let expected: Vec<u32> = (0..500).filter(|unit| unit * unit % 7 == 2 || (100..130).contains(unit)).collect();
        let mut hits = [0; LANES];
        expected.iter().for_each(|unit| hits[*unit as usize % LANES] |= 1 << (unit / LANES as u32));
        let mut spiking = Spiking::new(64);
        spiking.collect(0, &hits);
        assert_eq!(spiking.below(512), expected);
        assert_eq!(spiking.below(120), &expected[..expected.iter().filter(|unit| **unit < 120).count()]);
        spiking.collect(32, &[0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 << 31]);
        assert_eq!(spiking.below(1024)[expected.len()..], [514, 546, 1023]);
        spiking.clear();
        assert!(spiking.below(1024).is_empty());
    }
}
