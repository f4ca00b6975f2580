//! Functions of numbers that the language itself lacks. Their results are the same on every machine.

use super::failure::refused;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::float::UnpackFloat;

fn finite(name: &str, x: f64, y: f64) -> starlark::Result<f64> {
    if y.is_finite() { Ok(y) } else { Err(refused!("{name}({x}) is not a finite number")) }
}

/// `pi`, `sqrt`, `exp`, `log`, `sin`, `cos`, `floor`.
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
}
