//! Product with a sparse matrix for a block of trials: states are `[N, width]`, and each weight multiplies the rates of
//! all trials.
//!
//! Sums run over the sources in ascending order, as in the other products: a trial has the same bits alone and in a
//! block. An entry costs as many loads as it has numbers to fetch, which limit the product: its weight, the place of its
//! source's rates, and these. The places of four entries share a word if 16 bits are enough for each.

use super::common::Product;
use super::pattern::Pattern;
use crate::dispatch::dispatch;
use crate::of_width;
use crate::real::Real;

/// Number of targets whose sums are computed in turn, so that no sum waits for its last term.
const QUAD: usize = 4;

/// Trials whose sums are computed together: with more, four targets would not fit the registers.
const TOGETHER: usize = 16;

/// Bytes that a place counts; a processor multiplies by eight while it loads.
const UNIT: usize = 8;

/// A matrix as the list of its non-zero entries, four targets at a time, for blocks of `width` trials.
pub struct RowQuads<R> {
    width: usize,
    units: usize,
    /// Four targets and the number of their entries. The four have about as many entries; shorter lists are padded with
    /// weights 0. A target in a place for which there is none is the first one, with weights 0.
    quads: Vec<([u32; QUAD], usize)>,
    entries: Listed<R>,
}

/// The entries, with places as small as possible.
enum Listed<R> {
    Narrow(Vec<Entries<R, Narrow>>),
    Wide(Vec<Entries<R, Wide>>),
}

/// One entry of each target of a quad: its weight, and the place of its source among the rates.
struct Entries<R, P> {
    weight: [R; QUAD],
    place: P,
}

/// Four places.
trait Places: Copy + Default {
    /// Largest place.
    const LARGEST: usize;

    fn put(&mut self, k: usize, place: usize);

    fn places(self) -> [usize; QUAD];
}

/// Four places of 16 bits.
#[derive(Clone, Copy, Default)]
struct Narrow(u64);

/// Four places of 32 bits.
#[derive(Clone, Copy, Default)]
struct Wide([u32; QUAD]);

impl Places for Narrow {
    const LARGEST: usize = u16::MAX as usize;

    fn put(&mut self, k: usize, place: usize) {
        self.0 |= (place as u64) << (16 * k);
    }

    #[inline(always)]
    fn places(self) -> [usize; QUAD] {
        let place = |k: usize| (self.0 >> (16 * k)) as u16 as usize;
        [place(0), place(1), place(2), place(3)]
    }
}

impl Places for Wide {
    const LARGEST: usize = u32::MAX as usize;

    fn put(&mut self, k: usize, place: usize) {
        self.0[k] = place as u32;
    }

    #[inline(always)]
    fn places(self) -> [usize; QUAD] {
        self.0.map(
            #[inline(always)]
            |place| place as usize,
        )
    }
}

impl<R: Real> RowQuads<R> {
    /// Map with the weight `weight(target, source)` where `pattern` (one row per target) has an entry.
    ///
    /// # Panics
    /// For a width that is no block's, and for more units than 32 bits can place.
    pub fn new(width: usize, pattern: &Pattern, weight: impl Fn(usize, usize) -> R) -> Self {
        let bytes = width * size_of::<R>();
        assert!(bytes.is_multiple_of(UNIT), "a block of {width} trials");
        let (units, scale) = (pattern.units(), bytes / UNIT);
        let (quads, entries) = if units.saturating_sub(1) * scale <= Narrow::LARGEST {
            let (quads, entries) = list(pattern, scale, weight);
            (quads, Listed::Narrow(entries))
        } else {
            assert!(units * scale <= Wide::LARGEST, "{units} units");
            let (quads, entries) = list(pattern, scale, weight);
            (quads, Listed::Wide(entries))
        };
        Self { width, units, quads, entries }
    }

    fn accumulate_block<const WIDTH: usize>(&self, rates: &[R], out: &mut [R]) {
        match &self.entries {
            Listed::Narrow(entries) => accumulate_block::<R, _, WIDTH>(self, entries, rates, out),
            Listed::Wide(entries) => accumulate_block::<R, _, WIDTH>(self, entries, rates, out),
        }
    }
}

/// Four targets, and their number of entries.
type Quad = ([u32; QUAD], usize);

/// Quads of targets, with their numbers of entries, and the entries; the place of a source is `scale` times the source.
fn list<R: Real, P: Places>(
    pattern: &Pattern,
    scale: usize,
    weight: impl Fn(usize, usize) -> R,
) -> (Vec<Quad>, Vec<Entries<R, P>>) {
    let mut targets: Vec<_> = (0..pattern.units()).map(|target| (pattern.count_of(target), target)).collect();
    // Sorted by number of entries, so that the four match and the CPU predicts the length of the next lists.
    targets.sort_unstable();
    let (mut quads, mut entries) = (Vec::with_capacity(targets.len().div_ceil(QUAD)), Vec::new());
    for four in targets.chunks(QUAD) {
        let (begin, count) = (entries.len(), four.iter().map(|(count, _)| *count).max().unwrap_or(0));
        entries.extend((0..count).map(|_| Entries { weight: [R::zero(); QUAD], place: P::default() }));
        for (k, (_, target)) in four.iter().enumerate() {
            let mut free = entries[begin..].iter_mut();
            pattern.each_entry(*target, |source| {
                if let Some(Entries { weight: weights, place }) = free.next() {
                    weights[k] = weight(*target, source);
                    place.put(k, source * scale);
                }
            });
        }
        let target = |k: usize| four.get(k).unwrap_or(&four[0]).1 as u32;
        quads.push((std::array::from_fn(target), count));
    }
    (quads, entries)
}

/// out ← out + W rates for `WIDTH` trials.
fn accumulate_block<R: Real, P: Places, const WIDTH: usize>(
    listed: &RowQuads<R>,
    entries: &[Entries<R, P>],
    rates: &[R],
    out: &mut [R],
) {
    let (rates, out) = (&rates.as_chunks::<WIDTH>().0[..listed.units], out.as_chunks_mut::<WIDTH>().0);
    dispatch(
        #[inline(always)]
        || {
            if WIDTH <= TOGETHER {
                accumulate_part::<R, P, WIDTH, WIDTH>(&listed.quads, entries, rates, out, 0);
            } else {
                for from in (0..WIDTH).step_by(TOGETHER) {
                    accumulate_part::<R, P, WIDTH, TOGETHER>(&listed.quads, entries, rates, out, from);
                }
            }
        },
    );
}

/// [`accumulate_block`] for the trials `from..from + PART`.
#[inline(always)]
fn accumulate_part<R: Real, P: Places, const WIDTH: usize, const PART: usize>(
    quads: &[([u32; QUAD], usize)],
    mut entries: &[Entries<R, P>],
    rates: &[[R; WIDTH]],
    out: &mut [[R; WIDTH]],
    from: usize,
) {
    for ([first, second, third, fourth], count) in quads {
        let mine;
        (mine, entries) = entries.split_at(*count);
        let mut a: [R; PART] = part(&out[*first as usize], from);
        let mut b: [R; PART] = part(&out[*second as usize], from);
        let mut c: [R; PART] = part(&out[*third as usize], from);
        let mut d: [R; PART] = part(&out[*fourth as usize], from);
        for Entries { weight, place } in mine {
            let places = place.places();
            add(&mut a, weight[0], row(rates, places[0], from));
            add(&mut b, weight[1], row(rates, places[1], from));
            add(&mut c, weight[2], row(rates, places[2], from));
            add(&mut d, weight[3], row(rates, places[3], from));
        }
        // The first last: it is the one that counts where others are the same.
        out[*fourth as usize][from..from + PART].copy_from_slice(&d);
        out[*third as usize][from..from + PART].copy_from_slice(&c);
        out[*second as usize][from..from + PART].copy_from_slice(&b);
        out[*first as usize][from..from + PART].copy_from_slice(&a);
    }
}

/// The trials from `from` onwards of a row.
#[inline(always)]
fn part<R: Real, const WIDTH: usize, const PART: usize>(row: &[R; WIDTH], from: usize) -> [R; PART] {
    let mut part = [R::zero(); PART];
    part.copy_from_slice(&row[from..from + PART]);
    part
}

/// The rates of the trials from `from` onwards of the unit at a place.
#[inline(always)]
fn row<R: Real, const WIDTH: usize, const PART: usize>(rates: &[[R; WIDTH]], place: usize, from: usize) -> &[R; PART] {
    debug_assert!(place * UNIT < size_of_val(rates) && from + PART <= WIDTH);
    // SAFETY: `RowQuads::new` has placed units of the pattern, and there are rates of as many; `PART` numbers from `from`
    // onwards are in the row of a unit.
    unsafe { &*rates.as_ptr().cast::<u8>().add(place * UNIT).cast::<R>().add(from).cast() }
}

/// sum ← sum + weight · rates
#[inline(always)]
fn add<R: Real, const PART: usize>(sum: &mut [R; PART], weight: R, rates: &[R; PART]) {
    for trial in 0..PART {
        sum[trial] = weight.mul_add(rates[trial], sum[trial]);
    }
}

impl<R: Real> Product<R> for RowQuads<R> {
    fn accumulate(&self, rates: &[R], out: &mut [R]) {
        of_width!(self.width, WIDTH => self.accumulate_block::<WIDTH>(rates, out));
    }
}
