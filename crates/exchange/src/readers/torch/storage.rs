//! Types of the numbers in a storage, by the name of its class.

use mdl_artifact::arrays::numbers::NumberType;

/// Storages of supported number types.
const STORAGES: [(&str, NumberType); 10] = [
    ("FloatStorage", NumberType::F32),
    ("DoubleStorage", NumberType::F64),
    ("HalfStorage", NumberType::F16),
    ("BFloat16Storage", NumberType::BF16),
    ("BoolStorage", NumberType::Bool),
    ("ByteStorage", NumberType::U8),
    ("CharStorage", NumberType::I8),
    ("ShortStorage", NumberType::I16),
    ("IntStorage", NumberType::I32),
    ("LongStorage", NumberType::I64),
];
/// Storages of other numbers: allowed in a file, but not in a network.
const OTHER_STORAGES: [(&str, &str); 6] = [
    ("ComplexFloatStorage", "complex numbers"),
    ("ComplexDoubleStorage", "complex numbers"),
    ("QInt8Storage", "quantized numbers"),
    ("QUInt8Storage", "quantized numbers"),
    ("QInt32Storage", "quantized numbers"),
    ("UntypedStorage", "bytes"),
];

/// Number type of a storage class, or a description of other content.
pub(super) fn storage(class: &str) -> Option<std::result::Result<NumberType, &'static str>> {
    let read = STORAGES.iter().find(|(name, _)| *name == class).map(|(_, number)| Ok(*number));
    read.or_else(|| OTHER_STORAGES.iter().find(|(name, _)| *name == class).map(|(_, what)| Err(*what)))
}
