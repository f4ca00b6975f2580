//! Runs the CUDA kernels on the CPU.
//!
//! The CUDA kernels, each in the folder of its network, are compiled by the host's C++ compiler, with `host/host.hpp`
//! in place of the CUDA language. The threads of a block are fibres that take turns at barriers and shuffles, in
//! ascending or descending order. A kernel that gives the same bits in both orders, without NaN, shows no race and
//! reads no uninitialised memory. This does not test the speed of a kernel, its compilation for a GPU, or races inside
//! a warp.

use candle_core::{CpuStorage, Device, Result, Storage, Tensor, bail};
use mdl_device::{Arguments, Backend, Element, Grid, Held, Kernel, Placed};
use std::cell::UnsafeCell;
use std::ffi::{CString, c_char, c_int, c_void};
use std::io::Write;

/// Guard words before and after every buffer, which no kernel may change.
const GUARD: usize = 64;
/// Value of guards and of uninitialised buffers: not a number as `f32`.
const UNTOUCHED: u32 = 0xffff_fedc;

/// An emulated device whose threads run in a fixed order.
#[derive(Clone, Copy, Debug)]
pub struct Emulator {
    /// True if threads and blocks run in descending order.
    pub descending: bool,
}

/// Memory of the emulated device.
pub struct Buffer<W> {
    words: Box<[UnsafeCell<u32>]>,
    kind: std::marker::PhantomData<W>,
}

// SAFETY: kernels write to it only during a launch, for which the launching thread waits; candle requires operators,
// and the data they keep, to be shareable.
unsafe impl<W> Send for Buffer<W> {}
// SAFETY: as above.
unsafe impl<W> Sync for Buffer<W> {}

impl Emulator {
    /// Creates the device. Without a C++ compiler in the build, a message on stderr says that the test is skipped.
    pub fn new() -> Option<Self> {
        if cfg!(emulated) {
            return Some(Self { descending: false });
        }
        // Not by a macro, because the harness hides the output of passing tests.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: there is no C++ compiler that compiles the CUDA kernels for the host"
        );
        None
    }

    fn buffer<W>(&self, values: impl ExactSizeIterator<Item = u32>) -> Buffer<W> {
        let guard = || std::iter::repeat_n(UNTOUCHED, GUARD);
        let words = guard().chain(values).chain(guard()).map(UnsafeCell::new).collect();
        Buffer { words, kind: std::marker::PhantomData }
    }
}

impl Backend for Emulator {
    type Buffer<W: Element> = Buffer<W>;

    fn upload<W: Element>(&self, values: &[W]) -> Result<Buffer<W>> {
        Ok(self.buffer(values.iter().map(|value| value.to_bits())))
    }

    fn zeros<W: Element>(&self, count: usize) -> Result<Buffer<W>> {
        Ok(self.buffer(std::iter::repeat_n(0, count)))
    }

    fn empty<W: Element>(&self, count: usize) -> Result<Buffer<W>> {
        Ok(self.buffer(std::iter::repeat_n(UNTOUCHED, count)))
    }

    fn download<W: Element>(&self, buffer: &Buffer<W>) -> Result<Vec<W>> {
        // SAFETY: no launch is in progress, because launches are waited for.
        let words: Vec<u32> = buffer.words.iter().map(|word| unsafe { *word.get() }).collect();
        let (head, rest) = words.split_at(GUARD);
        let (values, tail) = rest.split_at(rest.len() - GUARD);
        if head.iter().chain(tail).any(|word| *word != UNTOUCHED) {
            bail!("a kernel wrote outside a buffer")
        }
        Ok(values.iter().map(|word| W::from_bits(*word)).collect())
    }

    fn address<W: Element>(&self, buffer: &Buffer<W>) -> u64 {
        buffer.words[GUARD..].as_ptr() as u64
    }

    unsafe fn launch<A: Arguments>(&self, kernel: Kernel, grid: Grid, arguments: &A) -> Result<()> {
        let name = CString::new(kernel.name).map_err(candle_core::Error::wrap)?;
        let counts = [grid.blocks, grid.threads, grid.shared_bytes].map(|count| count as c_int);
        let arguments: *const A = arguments;
        // SAFETY: the caller guarantees the addresses in the arguments.
        let found = unsafe { emulate(&name, arguments.cast(), size_of::<A>(), counts, self.descending) };
        match found {
            0 => Ok(()),
            1 => bail!("no kernel {}", kernel.name),
            2 => bail!("{} takes arguments of another size than {}", kernel.name, size_of::<A>()),
            3 => bail!("{}: not all threads reached a barrier", kernel.name),
            _ => bail!("{}: shared memory was written beyond its end", kernel.name),
        }
    }
    fn place(&self, tensor: &Tensor) -> Result<Placed<Self>> {
        let (storage, layout) = tensor.storage_and_layout();
        let (Storage::Cpu(values), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
            bail!("an emulated kernel needs a contiguous tensor on the CPU, found strides {:?}", layout.stride())
        };
        let copy = self.upload(&values.as_slice::<f32>()?[start..end])?;
        Ok(Placed { address: self.address(&copy), held: Held::Buffer(copy) })
    }

    fn tensor(&self, buffer: Buffer<f32>, shape: &[usize]) -> Result<Tensor> {
        Tensor::from_vec(self.download(&buffer)?, shape, &Device::Cpu)
    }

    fn cpu_storage(&self, buffer: Buffer<f32>) -> Result<CpuStorage> {
        Ok(CpuStorage::F32(self.download(&buffer)?))
    }
}

#[cfg(emulated)]
unsafe extern "C" {
    fn mdl_emulate(
        name: *const c_char,
        arguments: *const c_void,
        size: usize,
        blocks: c_int,
        threads: c_int,
        shared_bytes: c_int,
        descending: c_int,
    ) -> c_int;
}

#[cfg(emulated)]
unsafe fn emulate(
    name: &CString,
    arguments: *const c_void,
    size: usize,
    counts: [c_int; 3],
    descending: bool,
) -> c_int {
    let [blocks, threads, shared_bytes] = counts;
    // SAFETY: `name` and `arguments` live until the call returns; the caller guarantees the rest.
    unsafe { mdl_emulate(name.as_ptr(), arguments, size, blocks, threads, shared_bytes, c_int::from(descending)) }
}

#[cfg(not(emulated))]
unsafe fn emulate(_: &CString, _: *const c_void, _: usize, _: [c_int; 3], _: bool) -> c_int {
    unreachable!("an emulator is made only where the kernels were compiled")
}
