//! Reader of pickles: runs candle's machine one opcode at a time, after checking each.
//!
//! A pickle is a program for a stack machine. candle's machine calls nothing: it stores a call as a record of function
//! and arguments. But it was not written for hostile files. It copies remembered objects, so a short program can double
//! its data with every step, and it allocates memory for a text before checking that the text is there. Therefore
//!
//! - a program has at most [`LONGEST`] bytes and only opcodes that PyTorch writes for tensors, numbers, text, lists and
//!   dictionaries;
//! - only the functions in `FUNCTIONS` and `RECORDS` may be called, and only they and storages of numbers may be named;
//! - everything that is built, stored or copied is counted: the nesting is at most `DEEPEST`, the total at most
//!   `MOST_NODES`.

use super::storage::storage;
use candle_core::pickle::{Object, Stack};
use std::collections::HashMap;

type Result<T> = std::result::Result<T, String>;

/// Maximum length of a program (bytes): about 700 tensors.
pub const LONGEST: u64 = 128 << 10;
/// Maximum length of a text (bytes): pickles store the numbers of NumPy as text.
const LONGEST_TEXT: u32 = 64 << 10;
/// Maximum nesting of objects.
const DEEPEST: usize = 16;
/// Maximum number of objects built or copied, with each text counted by its length as well.
const MOST_NODES: usize = 1 << 17;

/// Functions that a pickle may call.
const FUNCTIONS: [(&str, &str); 3] =
    [("collections", "OrderedDict"), ("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter")];

/// Objects that training scripts store beside tensors: numbers and arrays of NumPy, devices. They are not read.
const RECORDS: [(&str, &str); 11] = [
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("_codecs", "encode"),
    ("torch", "Size"),
    ("torch", "device"),
    ("collections", "defaultdict"),
    ("argparse", "Namespace"),
];

/// Opcodes of protocol 2.
mod op {
    pub const PROTO: u8 = 0x80;
    pub const STOP: u8 = b'.';
    pub const GLOBAL: u8 = b'c';
    pub const REDUCE: u8 = b'R';
    pub const BUILD: u8 = b'b';
    pub const BINPUT: u8 = b'q';
    pub const LONG_BINPUT: u8 = b'r';
    pub const BINGET: u8 = b'h';
    pub const LONG_BINGET: u8 = b'j';
    pub const BINUNICODE: u8 = b'X';
    /// Opcodes that build one object from others, or insert objects into one.
    pub const COMPOSE: [u8; 9] = [b't', 0x85, 0x86, 0x87, b'Q', b'a', b'e', b's', b'u'];
    /// Opcodes that push a mark, an empty tuple, list or dictionary, an integer, a float, none, true or false.
    pub const PUSH: [u8; 11] = [b'(', b')', b']', b'}', b'K', b'M', b'J', b'G', b'N', 0x88, 0x89];
}

/// Object that a pickle builds.
///
/// # Errors
/// Description of the fault in the pickle, or of the forbidden request.
pub fn read(program: &[u8]) -> Result<Object> {
    if program.len() as u64 > LONGEST {
        return Err(format!("a pickle of {} bytes, more than {LONGEST}", program.len()));
    }
    let (mut rest, mut stack, mut guard) = (program, Stack::empty(), Guard::default());
    loop {
        let at = program.len() - rest.len();
        let step = guard.step(&mut stack, &mut rest);
        if step.map_err(|what| format!("{what} (in the pickle, at byte {at})"))? {
            break;
        }
    }
    match (stack.stack().len(), rest) {
        (1, []) => stack.finalize().map_err(without_backtrace),
        _ => Err("a pickle that goes on after its end".into()),
    }
}

/// Message of candle, without the backtrace that its errors may have.
fn without_backtrace(error: candle_core::Error) -> String {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => inner.to_string(),
        other => other.to_string(),
    }
}

/// Counts so far.
#[derive(Default)]
struct Guard {
    nodes: usize,
    /// Size of each remembered object.
    memo: HashMap<u32, usize>,
}

impl Guard {
    /// Checks the next opcode, runs it, and counts its result; true at the end.
    fn step(&mut self, stack: &mut Stack, rest: &mut &[u8]) -> Result<bool> {
        let (opcode, argument) = rest.split_first().ok_or("the pickle ends early")?;
        self.before(*opcode, argument, stack.stack())?;
        let stopped = stack.read(rest).map_err(without_backtrace)?;
        if op::COMPOSE.contains(opcode) || *opcode == op::REDUCE || *opcode == op::BUILD {
            self.measure(last(stack.stack(), 0)?, 0)?;
        }
        Ok(stopped)
    }

    fn before(&mut self, opcode: u8, argument: &[u8], stack: &[Object]) -> Result<()> {
        match opcode {
            op::PROTO => match argument.first() {
                Some(2) => Ok(()),
                Some(other) => Err(format!("pickle protocol {other}; torch.save writes 2 unless told otherwise")),
                None => Err("the pickle ends early".into()),
            },
            op::GLOBAL => allowed_name(argument),
            op::REDUCE => allowed_call(last(stack, 1)?, last(stack, 0)?),
            op::BUILD => match (last(stack, 1)?, last(stack, 0)?) {
                (Object::Dict(_), Object::Dict(_)) => Ok(()),
                (Object::Reduce { callable, .. }, _) if is_record(callable) => Ok(()),
                _ => Err("the state of an object; save the state_dict of a module, not the module".into()),
            },
            op::BINPUT | op::LONG_BINPUT => {
                let nodes = self.measure(last(stack, 0)?, 0)?;
                self.memo.insert(memo_key(opcode == op::BINPUT, argument)?, nodes);
                Ok(())
            }
            op::BINGET | op::LONG_BINGET => {
                let key = memo_key(opcode == op::BINGET, argument)?;
                let nodes = *self.memo.get(&key).ok_or_else(|| format!("object {key} was never remembered"))?;
                self.count(nodes)
            }
            op::BINUNICODE => match argument.first_chunk() {
                Some(length) if u32::from_le_bytes(*length) <= LONGEST_TEXT => Ok(()),
                Some(length) => Err(format!("a text of {} bytes", u32::from_le_bytes(*length))),
                None => Err("the pickle ends early".into()),
            },
            op::STOP => Ok(()),
            _ if op::COMPOSE.contains(&opcode) || op::PUSH.contains(&opcode) => Ok(()),
            other => Err(format!("opcode 0x{other:02x}, which no file of tensors needs")),
        }
    }

    /// Number of nodes of an object, all of which are counted.
    fn measure(&mut self, object: &Object, depth: usize) -> Result<usize> {
        if depth > DEEPEST {
            return Err(format!("objects nested more than {DEEPEST} deep"));
        }
        let own = match object {
            Object::Unicode(text) => 1 + text.len() / 32,
            Object::Class { .. } => 2,
            _ => 1,
        };
        self.count(own)?;
        let mut nodes = own;
        let mut inside = |part: &Object| self.measure(part, depth + 1).map(|more| nodes += more);
        match object {
            Object::Tuple(parts) | Object::List(parts) => parts.iter().try_for_each(&mut inside)?,
            Object::Dict(pairs) => {
                pairs.iter().try_for_each(|(key, value)| inside(key).and_then(|()| inside(value)))?
            }
            Object::Reduce { callable, args } | Object::Build { callable, args } => {
                inside(callable)?;
                inside(args)?;
            }
            Object::PersistentLoad(id) => inside(id)?,
            _ => {}
        }
        Ok(nodes)
    }

    fn count(&mut self, nodes: usize) -> Result<()> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES { Err("more objects than a file of tensors needs".into()) } else { Ok(()) }
    }
}

/// Object `below` the top of the stack.
fn last(stack: &[Object], below: usize) -> Result<&Object> {
    stack.iter().nth_back(below).ok_or_else(|| "an opcode without its operands".into())
}

fn memo_key(short: bool, argument: &[u8]) -> Result<u32> {
    let key = if short {
        argument.first().map(|key| u32::from(*key))
    } else {
        argument.first_chunk().map(|key| u32::from_le_bytes(*key))
    };
    key.ok_or_else(|| "the pickle ends early".into())
}

/// True if the name at the start of an argument is allowed.
fn allowed_name(argument: &[u8]) -> Result<()> {
    let mut lines = argument.splitn(3, |byte| *byte == b'\n');
    let (Some(module), Some(name), Some(_)) = (lines.next(), lines.next(), lines.next()) else {
        return Err("the pickle ends early".into());
    };
    let (module, name) = (String::from_utf8_lossy(module), String::from_utf8_lossy(name));
    let storage = module == "torch" && storage(&name).is_some();
    if storage || FUNCTIONS.contains(&(&module, &name)) || RECORDS.contains(&(&module, &name)) {
        return Ok(());
    }
    let shown = |text: &str| text.chars().take(80).collect::<String>();
    let name = format!("{}.{}", shown(&module), shown(&name));
    Err(format!(
        "it names `{name}`, and only tensors are read: save the weights with torch.save(module.state_dict(), FILE)"
    ))
}

/// True if an object is the name of something that is not read.
fn is_record(object: &Object) -> bool {
    let Object::Class { module_name, class_name } = object else { return false };
    RECORDS.contains(&(module_name, class_name))
}

fn allowed_call(function: &Object, arguments: &Object) -> Result<()> {
    match (function, arguments) {
        (Object::Class { class_name, .. }, Object::Tuple(arguments)) if storage(class_name).is_none() => {
            // candle drops the arguments of a dictionary.
            if class_name == "OrderedDict" && !arguments.is_empty() {
                return Err("a dictionary with arguments".into());
            }
            Ok(())
        }
        _ => Err("a call of something that is no function".into()),
    }
}
