//! The language: which dialect is read, how its work is limited, and its values as JSON.

use super::limits::{CALLS, DEPTH, HEAP, LONGEST, TICKS};
use super::{failure, math};
use crate::tasks::task::TaskError;
use serde_json::{Map, Number, Value as Json};
use starlark::collections::SmallMap;
use starlark::environment::{FrozenModule, Globals, GlobalsBuilder, LibraryExtension, Module};
use starlark::eval::Evaluator;
use starlark::syntax::{AstModule, Dialect};
use starlark::values::dict::DictRef;
use starlark::values::float::UnpackFloat;
use starlark::values::list::{AllocList, ListRef};
use starlark::values::structs::AllocStruct;
use starlark::values::tuple::TupleRef;
use starlark::values::{Heap, Value};
use std::sync::OnceLock;

fn globals() -> &'static Globals {
    static GLOBALS: OnceLock<Globals> = OnceLock::new();
    GLOBALS.get_or_init(|| {
        let extensions = [LibraryExtension::Map, LibraryExtension::Filter, LibraryExtension::StructType];
        GlobalsBuilder::extended_by(&extensions).with(math::functions).build()
    })
}

/// Limits what an evaluator may do.
pub(super) fn limit(evaluator: &mut Evaluator, ticks: u64) {
    evaluator.set_max_tick_count(ticks).expect("it is set once");
    evaluator.set_max_heap_size(HEAP).expect("it is set once");
    evaluator.set_max_callstack_size(CALLS).expect("it is set once");
}

/// Runs the text of a task.
pub(super) fn evaluate(file: &str, source: &str) -> Result<FrozenModule, TaskError> {
    let error = |message: String| TaskError { file: file.into(), line: None, message };
    if source.len() > LONGEST {
        return Err(error(format!("found {} bytes, expected a task of at most {LONGEST}", source.len())));
    }
    let dialect = Dialect { enable_load: false, enable_f_strings: true, ..Dialect::Extended };
    let ast = AstModule::parse(file, source.into(), &dialect).map_err(|error| failure::of(file, error))?;
    Module::with_temp_heap(|module| {
        {
            let mut evaluator = Evaluator::new(&module);
            limit(&mut evaluator, TICKS);
            evaluator.eval_module(ast, globals()).map_err(|error| failure::of(file, error))?;
        }
        module.freeze().map_err(|_| error("its values cannot be kept".into()))
    })
}

/// The parameters as a value whose fields they are.
pub(super) fn parameters<'v>(module: &Module<'v>, parameters: &Map<String, Json>) -> Value<'v> {
    let heap = module.heap();
    let fields = parameters.iter().map(|(name, value)| (name.as_str(), from_json(heap, value)));
    heap.alloc(AllocStruct(fields.collect::<SmallMap<_, _>>()))
}

fn from_json<'v>(heap: Heap<'v>, value: &Json) -> Value<'v> {
    match value {
        Json::Bool(value) => Value::new_bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => heap.alloc(whole),
            None => heap.alloc(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => heap.alloc(text.as_str()),
        Json::Array(items) => heap.alloc(AllocList(items.iter().map(|item| from_json(heap, item)).collect::<Vec<_>>())),
        Json::Null | Json::Object(_) => Value::new_none(),
    }
}

/// A value as JSON: a number, text, true or false, or a list of these.
pub(super) fn to_json(value: Value) -> Option<Json> {
    nested(value, DEPTH)
}

fn nested(value: Value, depth: usize) -> Option<Json> {
    if let Some(value) = value.unpack_bool() {
        return Some(value.into());
    }
    if let Some(text) = value.unpack_str() {
        return Some(text.into());
    }
    if let Some(whole) = value.unpack_i32() {
        return Some(whole.into());
    }
    if let Some(x) = number(value) {
        return Number::from_f64(x).map(Json::Number);
    }
    let depth = depth.checked_sub(1)?;
    items(value)?.into_iter().map(|item| nested(item, depth)).collect::<Option<Vec<_>>>().map(Json::Array)
}

/// A number, whole or not.
pub(super) fn number(value: Value) -> Option<f64> {
    use starlark::values::UnpackValue;
    UnpackFloat::unpack_value(value).ok().flatten().map(|x| x.0)
}

/// The items of a list or tuple.
pub(super) fn items(value: Value<'_>) -> Option<Vec<Value<'_>>> {
    let list = ListRef::from_value(value).map(|list| list.iter().collect());
    list.or_else(|| TupleRef::from_value(value).map(|tuple| tuple.iter().collect()))
}

/// The entries of a dictionary.
pub(super) fn entries(value: Value<'_>) -> Option<Vec<(Value<'_>, Value<'_>)>> {
    Some(DictRef::from_value(value)?.iter().collect())
}

/// A value for a message: numbers, text and short lists as they are, of others the type.
pub(super) fn shown(value: Value) -> String {
    const MOST: usize = 60;
    if value.is_none() {
        return "None".into();
    }
    if let Some(x) = number(value).filter(|x| !x.is_finite()) {
        return x.to_string();
    }
    let text = nested(value, 2).map(|json| json.to_string()).filter(|text| text.len() <= MOST);
    text.unwrap_or_else(|| format!("a value of type {}", value.get_type()))
}
