//! Times of the kernels one by one, in a minute: `make bench-kernels`. Compare two versions on a quiet machine.

use divan::{Bencher, black_box};
use mdl_kernels::product::common::{Product, padded};
use mdl_kernels::product::dense::{Dense, accumulate_outer};
use mdl_kernels::product::low_rank::LowRank;
use mdl_kernels::product::pattern::Pattern;
use mdl_kernels::product::sparse::SparseReal;
use mdl_kernels::product::sparse_batch::RowQuads;
use mdl_kernels::random::{Purpose, Stream, fill_normal, fill_words};
use mdl_kernels::transpose::transpose;

fn main() {
    divan::main();
}

const UNITS: usize = 200;

fn normal(index: u64, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    fill_normal(1, Purpose::Initialisation, index, 0, 1.0, &mut values);
    values
}

/// A matrix `[N, N]` of which one entry in `every` is present, row = target.
fn matrix(every: usize) -> Vec<f32> {
    let mut stream = Stream::new(2, Purpose::Initialisation, 9);
    let entry = |x: f32| if stream.below(every as u32) == 0 { x } else { 0.0 };
    normal(1, UNITS * UNITS).into_iter().map(entry).collect()
}

/// W r of one step, `width` trials side by side.
fn product(bencher: Bencher, product: &dyn Product<f32>, width: usize) {
    let rates = normal(2, padded(UNITS) * width);
    let mut out = vec![0.0; padded(UNITS) * width];
    bencher.bench_local(|| product.accumulate(black_box(&rates), black_box(&mut out)));
}

#[divan::bench]
fn product_dense(bencher: Bencher) {
    let weights = matrix(1);
    product(bencher, &Dense::new(UNITS, |to, from| weights[to * UNITS + from]), 1);
}

#[divan::bench(args = [5, 12])]
fn product_sparse(bencher: Bencher, every: usize) {
    let weights = matrix(every);
    let pattern = Pattern::of_rows(UNITS, &weights);
    let sparse = f32::sparse(&pattern, |to, from| weights[to * UNITS + from]);
    match sparse {
        Some(sparse) => product(bencher, &*sparse, 1),
        None => product(bencher, &Dense::new(UNITS, |to, from| weights[to * UNITS + from]), 1),
    }
}

#[divan::bench(args = [4, 8, 16])]
fn product_sparse_of_a_block(bencher: Bencher, width: usize) {
    let weights = matrix(12);
    let pattern = Pattern::of_rows(UNITS, &weights);
    product(bencher, &RowQuads::new(width, &pattern, |to, from| weights[to * UNITS + from]), width);
}

#[divan::bench(args = [2, 16])]
fn product_low_rank(bencher: Bencher, modes: usize) {
    product(bencher, &LowRank::forward(UNITS, &normal(3, 2 * UNITS * modes)), 1);
}

#[divan::bench]
fn pattern_of_a_matrix(bencher: Bencher) {
    let weights = matrix(12);
    bencher.bench_local(|| Pattern::of_rows(UNITS, black_box(&weights)));
}

#[divan::bench]
fn gradient_of_all_weights_over_200_steps(bencher: Bencher) {
    let (delta, rates) = (normal(4, 200 * padded(UNITS)), normal(5, 200 * padded(UNITS)));
    let mut gradient = vec![0.0; UNITS * UNITS];
    bencher
        .bench_local(|| accumulate_outer(UNITS, padded(UNITS), [black_box(&delta), black_box(&rates)], &mut gradient));
}

#[divan::bench]
fn transpose_200_rows(bencher: Bencher) {
    let values = normal(6, 200 * UNITS);
    let mut columns = vec![0.0; 200 * UNITS];
    bencher.bench_local(|| transpose(200, |i| &values[i * UNITS..(i + 1) * UNITS], 200, black_box(&mut columns)));
}

#[divan::bench]
fn normal_numbers_10000(bencher: Bencher) {
    let mut values = vec![0.0f32; 10_000];
    bencher.bench_local(|| fill_normal(1, Purpose::TrainingNoise, 3, 0, 1.0, black_box(&mut values)));
}

#[divan::bench]
fn random_words_10000(bencher: Bencher) {
    let mut words = vec![0u32; 10_000];
    bencher.bench_local(|| fill_words(1, Purpose::TrainingNoise, 3, 0, black_box(&mut words)));
}
