//! Choice of a device as typed: `cpu`, `cuda`, `cuda:N` or `auto`.

use candle_core::Device;
use std::fmt;
use std::io::Write;
use std::str::FromStr;

/// Requested device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The CPU.
    #[default]
    Cpu,
    /// The GPU with this number.
    Cuda(usize),
    /// The first GPU if one can be used, otherwise the CPU.
    Auto,
}

/// A requested device that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// No device has this name.
    #[error("found {0:?}, expected cpu, cuda, cuda:N or auto")]
    Unknown(String),
    /// The program was built without kernels.
    #[error("--device {0}: this program was built without CUDA; `make cuda` builds one with it")]
    NotBuilt(DeviceChoice),
    /// A library is missing.
    #[error("--device {choice}: {library} was not found: {remedy}")]
    Library {
        /// Requested device.
        choice: DeviceChoice,
        /// The library.
        library: &'static str,
        /// Origin of the library.
        remedy: &'static str,
    },
    /// The GPU cannot be used.
    #[error("--device {choice}: {reason}")]
    Unusable {
        /// Requested device.
        choice: DeviceChoice,
        /// Message of the driver.
        reason: String,
    },
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.to_owned());
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "auto" => Ok(Self::Auto),
            _ => {
                let number = text.strip_prefix("cuda:").ok_or_else(unknown)?;
                number.parse().map(Self::Cuda).map_err(|_| unknown())
            }
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Auto => f.write_str("auto"),
        }
    }
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// A requested GPU that cannot be used, with the missing part.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(number) => self.open_gpu(number),
            Self::Auto => Ok(self.open_gpu(0).unwrap_or(Device::Cpu)),
        }
    }

    /// The first GPU for a test; without one, a message on stderr says that the test is skipped, and why.
    pub fn first_gpu_or_skip() -> Option<Device> {
        let skip = |error: &DeviceError| {
            // Not by a macro, because the harness hides the output of passing tests. In one piece, because other tests
            // write at the same time.
            let _ = std::io::stderr().write_all(format!("skipped: {error}\n").as_bytes());
        };
        Self::Cuda(0).open().inspect_err(skip).ok()
    }

    #[cfg(not(feature = "cuda"))]
    fn open_gpu(self, _: usize) -> Result<Device, DeviceError> {
        Err(DeviceError::NotBuilt(self))
    }

    /// Checks for the libraries first: without them the CUDA bindings would panic.
    #[cfg(feature = "cuda")]
    fn open_gpu(self, number: usize) -> Result<Device, DeviceError> {
        const CUDA: i32 = 13;
        const DRIVER: &str = "install NVIDIA's driver";
        const TOOLKIT: &str = "put the folder of CUDA 13's libraries on LD_LIBRARY_PATH (docs/cuda.md)";
        for (library, remedy) in [
            ("libcuda.so.1", DRIVER),
            ("libcublas.so.13", TOOLKIT),
            ("libcublasLt.so.13", TOOLKIT),
            ("libcurand.so.10", TOOLKIT),
        ] {
            // SAFETY: loading NVIDIA's libraries has no effects that we would have to prevent.
            if unsafe { libloading::Library::new(library) }.is_err() {
                return Err(DeviceError::Library { choice: self, library, remedy });
            }
        }
        let unusable = |reason: String| DeviceError::Unusable { choice: self, reason };
        let (major, minor) = crate::gpu::driver_version().map_err(|error| unusable(error.to_string()))?;
        if major < CUDA {
            return Err(unusable(format!(
                "found a driver for CUDA {major}.{minor}, expected one for CUDA {CUDA}.0 or newer"
            )));
        }
        let device = Device::new_cuda(number).map_err(|error| unusable(error.to_string()))?;
        // A GPU without a memory pool works as well.
        let _ = crate::gpu::keep_freed(number);
        Ok(device)
    }
}

/// A device as typed.
pub fn name(device: &Device) -> String {
    match device.location() {
        candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        _ => "cpu".into(),
    }
}

/// Kind of a device, for the provenance of results computed there; none for the CPU.
pub fn kind(device: &Device) -> Option<String> {
    device.is_cuda().then(|| "cuda".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_survive_the_round_trip_and_others_are_refused() {
        for text in ["cpu", "cuda:0", "cuda:3", "auto"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(0));
        for text in ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CPU"] {
            let error = text.parse::<DeviceChoice>().unwrap_err().to_string();
            assert_eq!(error, format!("found {text:?}, expected cpu, cuda, cuda:N or auto"));
        }
    }

    #[test]
    fn auto_always_finds_a_device_and_the_processor_is_always_there() {
        assert!(DeviceChoice::Cpu.open().unwrap().is_cpu());
        assert!(DeviceChoice::Auto.open().is_ok());
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_program_without_cuda_says_so() {
        let error = DeviceChoice::Cuda(1).open().unwrap_err().to_string();
        assert_eq!(error, "--device cuda:1: this program was built without CUDA; `make cuda` builds one with it");
    }
}
