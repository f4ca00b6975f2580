//! Properties of the kernels, for any size and sparsity.

use mdl_kernels::product::common::{Product, padded};
use mdl_kernels::product::dense::{Dense, accumulate_outer};
use mdl_kernels::product::low_rank::LowRank;
use mdl_kernels::product::low_rank_batch::LowRankBatch;
use mdl_kernels::product::pattern::Pattern;
use mdl_kernels::product::sparse::SparseReal;
use mdl_kernels::product::sparse_avx512::SlicedEllpack;
use mdl_kernels::product::sparse_batch::RowQuads;
use mdl_kernels::random::{Purpose, Stream, fill_normal};
use mdl_kernels::transpose::transpose;
use proptest::prelude::*;

fn normal(seed: u64, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    fill_normal(seed, Purpose::Initialisation, 0, 0, 1.0, &mut values);
    values
}

/// A matrix `[n, n]` of which about `tenths` of 10 entries are present, row = target.
fn matrix(seed: u64, n: usize, tenths: u32) -> Vec<f32> {
    let mut stream = Stream::new(seed, Purpose::Initialisation, 1);
    normal(seed, n * n).into_iter().map(|x| if stream.below(10) < tenths { x } else { 0.0 }).collect()
}

/// W r of one step for `width` trials, in bits; rates beyond the units are 0.
fn multiply(product: &dyn Product<f32>, n: usize, width: usize, rates: &[f32]) -> Vec<u32> {
    let mut padded_rates = vec![0.0; padded(n) * width];
    padded_rates[..n * width].copy_from_slice(rates);
    let mut out = vec![0.25; padded(n) * width];
    product.accumulate(&padded_rates, &mut out);
    out[..n * width].iter().map(|x| x.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every product with a full or sparse matrix adds its terms in the same order: the same bits.
    #[test]
    fn products_have_the_same_bits(seed in 0u64..1000, n in 1usize..150, tenths in 0u32..11) {
        let weights = matrix(seed, n, tenths);
        let weight = |to: usize, from: usize| weights[to * n + from];
        let pattern = Pattern::of_rows(n, &weights);
        prop_assert_eq!(pattern.count(), weights.iter().filter(|w| **w != 0.0).count());
        let rates = normal(seed + 1, n);
        let expected = multiply(&Dense::new(n, weight), n, 1, &rates);
        prop_assert_eq!(&multiply(&SlicedEllpack::new(&pattern, weight), n, 1, &rates), &expected);
        if let Some(sparse) = f32::sparse(&pattern, weight) {
            prop_assert_eq!(&multiply(&*sparse, n, 1, &rates), &expected);
        }
        for width in [4, 8, 16] {
            let together: Vec<f32> = rates.iter().flat_map(|rate| std::iter::repeat_n(*rate, width)).collect();
            let found = multiply(&RowQuads::new(width, &pattern, weight), n, width, &together);
            prop_assert!(found.chunks(width).zip(&expected).all(|(found, expected)| found.iter().all(|x| x == expected)));
        }
    }

    /// The product by modes is that with the matrix they multiply out to, within rounding.
    #[test]
    fn modes_are_their_matrix(seed in 0u64..1000, n in 1usize..100, modes in 1usize..20) {
        let factors = normal(seed, 2 * n * modes);
        let (a, c) = factors.split_at(n * modes);
        let rates = normal(seed + 1, n);
        let entry = |to: usize, from: usize| -> f64 {
            (0..modes).map(|p| f64::from(a[to * modes + p]) * f64::from(c[from * modes + p])).sum()
        };
        let multiplied = multiply(&LowRank::forward(n, &factors), n, 1, &rates);
        let turned = multiply(&LowRank::adjoint(n, &factors), n, 1, &rates);
        for to in 0..n {
            let of = |entry: &dyn Fn(usize) -> f64| 0.25 + (0..n).map(|j| entry(j) * f64::from(rates[j])).sum::<f64>();
            let tolerance = 1e-4 * ((n * modes) as f64).sqrt();
            let (forward, back) = (of(&|from| entry(to, from)), of(&|from| entry(from, to)));
            prop_assert!((f64::from(f32::from_bits(multiplied[to])) - forward).abs() < tolerance);
            prop_assert!((f64::from(f32::from_bits(turned[to])) - back).abs() < tolerance);
        }
        for width in [1, 4, 16] {
            let block = LowRankBatch::new(width, modes, a.to_vec(), c.to_vec());
            // Trial t has the rates times t.
            let together: Vec<f32> = rates.iter().flat_map(|rate| (0..width).map(move |t| t as f32 * rate)).collect();
            let of_block = multiply(&block, n, width, &together);
            for (found, t) in of_block.iter().zip((0..n).flat_map(|to| (0..width).map(move |t| (to, t)))) {
                let one = f64::from(f32::from_bits(multiplied[t.0])) - 0.25;
                let tolerance = 2e-4 * (t.1 + 1) as f64 * ((n * modes) as f64).sqrt();
                prop_assert!((f64::from(f32::from_bits(*found)) - 0.25 - t.1 as f64 * one).abs() < tolerance);
            }
        }
    }

    /// Σ_s δ_s r_sᵀ, within rounding.
    #[test]
    fn outer_products_are_summed(seed in 0u64..1000, n in 1usize..40, steps in 1usize..300) {
        let (delta, rates) = (normal(seed, steps * n), normal(seed + 1, steps * n));
        let mut gradient = vec![0.0; n * n];
        accumulate_outer(n, n, [&delta, &rates], &mut gradient);
        for (to, from) in (0..n).flat_map(|to| (0..n).map(move |from| (to, from))) {
            let at = |values: &[f32], s: usize, i: usize| f64::from(values[s * n + i]);
            let sum: f64 = (0..steps).map(|s| at(&delta, s, to) * at(&rates, s, from)).sum();
            prop_assert!((f64::from(gradient[to * n + from]) - sum).abs() < 1e-4 * (steps as f64).sqrt());
        }
    }

    #[test]
    fn a_transpose_is_one(rows in 1usize..40, columns in 1usize..70) {
        let values: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
        let length = rows.next_multiple_of(4);
        let mut turned = vec![f32::NAN; columns * length];
        transpose(rows, |i| &values[i * columns..(i + 1) * columns], length, &mut turned);
        for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
            prop_assert_eq!(turned[j * length + i], values[i * columns + j]);
        }
    }

    /// A stream cut at a multiple of 64 numbers, sixteen blocks, is the same stream.
    #[test]
    fn streams_can_be_cut(seed in any::<u64>(), index in any::<u64>(), groups in 1usize..20, cut in 0usize..20) {
        let cut = cut.min(groups);
        let mut whole = vec![0f32; 64 * groups];
        fill_normal(seed, Purpose::TrainingNoise, index, 0, 0.5, &mut whole);
        let mut parts = vec![0f32; 64 * groups];
        let (first, second) = parts.split_at_mut(64 * cut);
        fill_normal(seed, Purpose::TrainingNoise, index, 0, 0.5, first);
        fill_normal(seed, Purpose::TrainingNoise, index, 16 * cut as u32, 0.5, second);
        prop_assert!(whole.iter().zip(&parts).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn a_permutation_has_every_number_once(seed in any::<u64>(), n in 0usize..500) {
        let mut numbers = Stream::new(seed, Purpose::Initialisation, 0).permutation(n);
        numbers.sort_unstable();
        prop_assert!(numbers.into_iter().eq(0..n as u32));
    }
}
