//! Functions of numbers that the language itself lacks, the same on every machine, and a `range` of limited length.

use super::failure::refused;
use super::limits::RANGE;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::float::UnpackFloat;
use starlark::values::list::AllocList;

fn finite(name: &str, x: f64, y: f64) -> starlark::Result<f64> {
    if y.is_finite() { Ok(y) } else { Err(refused!("{name}({x}) is not a finite number")) }
}

/// `pi`, `sqrt`, `exp`, `log`, `sin`, `cos`, `floor`, `range`.
#[starlark_module]
pub(super) fn functions(globals: &mut GlobalsBuilder) {
    const pi: f64 = std::f64::consts::PI;

    fn sqrt(#[starlark(require = pos)] x: UnpackFloat) -> starlark::Result<f64> {
        finite("sqrt", x.0, x.0.sqrt())
    }

    fn exp(#[starlark(require = pos)] x: UnpackFloat) -> starlark::Result<f64> {
        finite("exp", x.0, libm::exp(x.0))
    }

    fn log(#[starlark(require = pos)] x: UnpackFloat) -> starlark::Result<f64> {
        finite("log", x.0, libm::log(x.0))
    }

    fn sin(#[starlark(require = pos)] x: UnpackFloat) -> starlark::Result<f64> {
        finite("sin", x.0, libm::sin(x.0))
    }

    fn cos(#[starlark(require = pos)] x: UnpackFloat) -> starlark::Result<f64> {
        finite("cos", x.0, libm::cos(x.0))
    }

    fn floor(#[starlark(require = pos)] x: UnpackFloat) -> starlark::Result<i32> {
        let floor = x.0.floor();
        if floor.abs() < 2e9 { Ok(floor as i32) } else { Err(refused!("floor({}) is too large", x.0)) }
    }

    /// As in Python, but a list: what is done with all of a lazy one is not counted as work.
    fn range(
        #[starlark(require = pos)] a: i32,
        #[starlark(require = pos)] b: Option<i32>,
        #[starlark(require = pos, default = 1)] step: i32,
    ) -> starlark::Result<AllocList<Vec<i32>>> {
        let (start, stop) = b.map_or((0, a), |stop| (a, stop));
        let distance = (i64::from(stop) - i64::from(start)) * i64::from(step.signum());
        if step == 0 {
            return Err(refused!("range: step = 0, expected another number"));
        }
        let count = (distance.max(0) as u64).div_ceil(u64::from(step.unsigned_abs())) as usize;
        if count > RANGE {
            return Err(refused!("range: found {count} numbers, expected at most {RANGE}"));
        }
        Ok(AllocList((0..count as i64).map(|i| (i64::from(start) + i * i64::from(step)) as i32).collect()))
    }
}
