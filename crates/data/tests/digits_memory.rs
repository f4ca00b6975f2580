//! A small file cannot make the reader of IDX files take much memory, whatever it claims to hold.

use flate2::{Compression, write::GzEncoder};
use mdl_data::digits::idx::{Content, read};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, remembering the largest amount ever asked for at once.
struct Largest;

static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Largest {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Largest = Largest;

fn header(count: u32) -> Vec<u8> {
    let sizes = [count, 28, 28].map(u32::to_be_bytes);
    [&[0, 0, 8, 3][..], &sizes.concat()].concat()
}

#[test]
fn memory_is_bounded_by_header_and_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("images");

    // A hundred mebibytes of zeros in a hundred kilobytes of gzip data behind a header that promises two images.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    bomb.write_all(&header(2)).unwrap();
    (0..100).for_each(|_| bomb.write_all(&vec![0; 1 << 20]).unwrap());
    std::fs::write(&path, bomb.finish().unwrap()).unwrap();
    LARGEST.store(0, Relaxed);
    assert!(read(&path, Content::Images).unwrap_err().to_string().contains("found more bytes"));
    assert!(LARGEST.load(Relaxed) < 1 << 18, "{} bytes", LARGEST.load(Relaxed));

    // Nothing at all behind a header that promises a million images, plain and compressed.
    let mut empty = GzEncoder::new(Vec::new(), Compression::fast());
    empty.write_all(&header(1_000_000)).unwrap();
    for bytes in [header(1_000_000), empty.finish().unwrap()] {
        std::fs::write(&path, bytes).unwrap();
        LARGEST.store(0, Relaxed);
        assert!(read(&path, Content::Images).unwrap_err().to_string().contains("truncated at byte 16 of 784000016"));
        assert!(LARGEST.load(Relaxed) < 1 << 18, "{} bytes", LARGEST.load(Relaxed));
    }
}
