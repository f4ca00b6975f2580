//! Comparing tensors in tests.

use candle_core::{DType, Tensor};

/// Every value of a tensor.
pub fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).and_then(|t| t.flatten_all()).and_then(|t| t.to_vec1()).unwrap()
}

/// The largest difference, relative to the largest value of `expected`; not a number where one of them is not.
pub fn distance(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.dims(), expected.dims());
    let (found, expected) = (values(found), values(expected));
    let scale = expected.iter().fold(f64::MIN_POSITIVE, |a, x| a.max(x.abs()));
    let differences = found.iter().zip(&expected).map(|(a, b)| (a - b).abs() / scale);
    differences.fold(0.0, |a, x| if x > a || x.is_nan() { x } else { a })
}
