//! Memory of Rust as arrays of NumPy, without a copy: objects with NumPy's array interface.

use mdl_artifact::Artifact;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// A block of numbers that `numpy.asarray` makes an array of. The array keeps the block alive.
#[pyclass(frozen, module = "mdl_rnn._mdl_rnn")]
pub struct Memory {
    address: usize,
    shape: Vec<usize>,
    typestr: &'static str,
    owner: Owner,
}

/// What the numbers belong to.
#[expect(dead_code, reason = "it is only held")]
enum Owner {
    Artifact(Arc<Artifact>),
    F32(Given<f32>),
    F64(Given<f64>),
}

/// A vector whose numbers Python reads and writes.
struct Given<T> {
    start: *mut T,
    length: usize,
    capacity: usize,
}

// SAFETY: Rust does not touch the numbers until it frees them.
unsafe impl<T> Send for Given<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Given<T> {}

impl<T> Given<T> {
    fn new(values: Vec<T>) -> Self {
        let mut values = ManuallyDrop::new(values);
        Self { start: values.as_mut_ptr(), length: values.len(), capacity: values.capacity() }
    }
}

impl<T> Drop for Given<T> {
    fn drop(&mut self) {
        // SAFETY: these are the parts of a vector that was not dropped.
        drop(unsafe { Vec::from_raw_parts(self.start, self.length, self.capacity) });
    }
}

impl Memory {
    /// Numbers that belong to an artifact; read-only.
    pub fn of_artifact<T>(artifact: Arc<Artifact>, values: &[T], shape: &[usize], typestr: &'static str) -> Self {
        // The memory of an artifact behind an `Arc` is neither moved nor changed.
        let address = values.as_ptr() as usize;
        Self { address, shape: shape.into(), typestr, owner: Owner::Artifact(artifact) }
    }

    /// Numbers of single precision.
    pub fn of_f32(values: Vec<f32>, shape: &[usize]) -> Self {
        let given = Given::new(values);
        Self { address: given.start as usize, shape: shape.into(), typestr: "<f4", owner: Owner::F32(given) }
    }

    /// Numbers of double precision.
    pub fn of_f64(values: Vec<f64>, shape: &[usize]) -> Self {
        let given = Given::new(values);
        Self { address: given.start as usize, shape: shape.into(), typestr: "<f8", owner: Owner::F64(given) }
    }
}

#[pymethods]
impl Memory {
    /// NumPy's array interface, version 3.
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let interface = PyDict::new(py);
        let shape = pyo3::types::PyTuple::new(py, &self.shape)?;
        let read_only = matches!(self.owner, Owner::Artifact(_));
        interface.set_item("shape", shape)?;
        interface.set_item("typestr", self.typestr)?;
        interface.set_item("data", (self.address, read_only))?;
        interface.set_item("version", 3)?;
        Ok(interface)
    }
}
