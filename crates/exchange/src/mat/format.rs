//! Constants of the format.

/// Bytes before the first element.
pub const HEADER: usize = 128;

/// Element types.
pub mod element {
    pub const INT8: u32 = 1;
    pub const UINT8: u32 = 2;
    pub const INT16: u32 = 3;
    pub const UINT16: u32 = 4;
    pub const INT32: u32 = 5;
    pub const UINT32: u32 = 6;
    pub const SINGLE: u32 = 7;
    pub const DOUBLE: u32 = 9;
    pub const INT64: u32 = 12;
    pub const UINT64: u32 = 13;
    pub const MATRIX: u32 = 14;
    pub const COMPRESSED: u32 = 15;
    pub const UTF8: u32 = 16;
    pub const UTF16: u32 = 17;
}

/// Array classes.
pub mod class {
    pub const CHAR: u8 = 4;
    pub const DOUBLE: u8 = 6;
    pub const SINGLE: u8 = 7;
    pub const UINT8: u8 = 9;
    pub const UINT32: u8 = 13;
    pub const INT64: u8 = 14;
    pub const UINT64: u8 = 15;
    /// Text in double quotes, tables and other objects that MATLAB stores in a separate workspace.
    pub const OPAQUE: u8 = 17;
    /// Names of the classes that contain no plain numbers or text.
    pub const OTHER: [(u8, &str); 5] = [
        (1, "a cell array"),
        (2, "a struct"),
        (3, "an object"),
        (5, "a sparse array"),
        (OPAQUE, "an object (a string in double quotes or a table)"),
    ];
    /// Names of the other classes.
    pub const NAMES: [(u8, &str); 11] = [
        (CHAR, "char"),
        (DOUBLE, "double"),
        (SINGLE, "single"),
        (8, "int8"),
        (UINT8, "uint8"),
        (10, "int16"),
        (11, "uint16"),
        (12, "int32"),
        (UINT32, "uint32"),
        (INT64, "int64"),
        (UINT64, "uint64"),
    ];
}
