//! HDF5 as far as Keras writes it: which arrays a file has, of which shape, and where their bytes lie.
//!
//! HDF5 is a file system in a file, with many forms for the same thing. Keras uses one of each: a
//! superblock of version 0, groups that are trees of names, and arrays in one piece. Crates for all
//! forms took half a minute to compile or a library in C, which everybody's set-up would pay for. The
//! other forms are refused by name. `keras_file.rs` knows which array belongs to which layer.
//!
//! The names of parts are those of the HDF5 File Format Specification 3.0.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use tch::Kind;

/// What a file begins with.
pub(super) const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// Messages in an object's header.
const DATASPACE: usize = 0x01;
const DATATYPE: usize = 0x03;
const LAYOUT: usize = 0x08;
const CONTINUATION: usize = 0x10;
const SYMBOL_TABLE: usize = 0x11;

/// What is found, or what is there instead.
type Found<T> = Result<T, String>;

/// An array in a file.
pub(super) struct Array {
    pub(super) shape: Vec<i64>,
    pub(super) kind: Kind,
    /// Where its numbers lie, row by row.
    pub(super) bytes: Range<usize>,
}

/// All arrays of a file by their paths, such as `layers/dense/vars/0`; or what is wrong with it.
/// Arrays of what tch has no kind for are left out.
pub(super) fn arrays(content: &[u8]) -> Found<BTreeMap<String, Array>> {
    let file = Bytes { content, start: 0 };
    let superblock = file.part(0, 96)?;
    superblock.begins_with(SIGNATURE)?;
    let form = [8, 13, 14].map(|at| superblock.content[at]);
    if form != [0, 8, 8] || superblock.number(24, 8)? != 0 {
        return Err("HDF5 of another form than h5py writes without options".to_owned());
    }
    let mut arrays = BTreeMap::new();
    // Nothing is visited twice: a damaged file may lead in circles.
    let mut seen = HashSet::new();
    let mut objects = vec![(String::new(), superblock.number(64, 8)?)];
    while let Some((path, address)) = objects.pop() {
        if !seen.insert(address) {
            continue;
        }
        let messages = messages(file, address)?;
        let message = |kind| messages.iter().find(|(known, _)| *known == kind);
        if let Some((_, table)) = message(SYMBOL_TABLE) {
            for (name, member) in members(file, *table, &mut seen)? {
                let path = match path.is_empty() {
                    true => name,
                    false => format!("{path}/{name}"),
                };
                objects.push((path, member));
            }
        } else if let (Some((_, space)), Some((_, kind)), Some((_, layout))) =
            (message(DATASPACE), message(DATATYPE), message(LAYOUT))
            && let Some(kind) = kind_of(*kind)?
        {
            let array = array(file, *space, kind, *layout);
            arrays.insert(
                path.clone(),
                array.map_err(|what| format!("`{path}`: {what}"))?,
            );
        }
    }
    Ok(arrays)
}

/// The messages of an object's header: what it is.
fn messages(file: Bytes<'_>, address: usize) -> Found<Vec<(usize, Bytes<'_>)>> {
    let header = file.part(address, 16)?;
    if header.content[0] != 1 {
        return Err(format!("an object of another form at byte {address}"));
    }
    let count = header.number(2, 2)?;
    let mut messages = Vec::new();
    let mut blocks = vec![file.part(address + 16, header.number(8, 4)?)?];
    while let Some(block) = blocks.pop() {
        let mut at = 0;
        while at + 8 <= block.content.len() && messages.len() < count {
            let (kind, length) = (block.number(at, 2)?, block.number(at + 2, 2)?);
            let message = block.part(at + 8, length)?;
            if kind == CONTINUATION {
                blocks.push(file.part(message.number(0, 8)?, message.number(8, 8)?)?);
            }
            messages.push((kind, message));
            at += 8 + length;
        }
    }
    Ok(messages)
}

/// Names and addresses of what is in a group.
fn members(
    file: Bytes<'_>,
    table: Bytes<'_>,
    seen: &mut HashSet<usize>,
) -> Found<Vec<(String, usize)>> {
    let heap = file.part(table.number(8, 8)?, 32)?;
    heap.begins_with(b"HEAP")?;
    let names = file.part(heap.number(24, 8)?, heap.number(8, 8)?)?;
    let mut members = Vec::new();
    let mut nodes = vec![table.number(0, 8)?];
    while let Some(address) = nodes.pop() {
        if !seen.insert(address) {
            continue;
        }
        // A leaf's own head has eight bytes, but an entry of 40 follows.
        let node = file.part(address, 24)?;
        let count = node.number(6, 2)?;
        if node.begins_with(b"TREE").is_ok() {
            let entries = file.part(address + 24, 16 * count + 8)?;
            for entry in 0..count {
                nodes.push(entries.number(16 * entry + 8, 8)?);
            }
            continue;
        }
        node.begins_with(b"SNOD")?;
        let entries = file.part(address + 8, 40 * count)?;
        for entry in 0..count {
            let name = names.text(entries.number(40 * entry, 8)?)?;
            members.push((name, entries.number(40 * entry + 8, 8)?));
        }
    }
    Ok(members)
}

/// tch's kind for a datatype, if there is one.
fn kind_of(datatype: Bytes<'_>) -> Found<Option<Kind>> {
    let head = datatype.part(0, 8)?;
    let (class, flags, size) = (head.content[0] & 15, head.content[1], head.number(4, 4)?);
    let is_big_endian = flags & 1 == 1;
    if is_big_endian {
        return Ok(None);
    }
    Ok(match (class, size) {
        (1, 4) => Some(Kind::Float),
        (1, 8) => Some(Kind::Double),
        // bfloat16 would have eight bits here.
        (1, 2) if datatype.part(8, 12)?.content[5] == 5 => Some(Kind::Half),
        // Whole numbers with a sign.
        (0, 4) if flags & 8 != 0 => Some(Kind::Int),
        (0, 8) if flags & 8 != 0 => Some(Kind::Int64),
        _ => None,
    })
}

fn array(file: Bytes<'_>, space: Bytes<'_>, kind: Kind, layout: Bytes<'_>) -> Found<Array> {
    let head = space.part(0, 4)?;
    let axes = match head.content[0] {
        1 => 8,
        2 => 4,
        version => return Err(format!("a dataspace of version {version}")),
    };
    let rank = usize::from(head.content[1]);
    let axis = |n| space.number(axes + 8 * n, 8);
    let shape: Vec<usize> = (0..rank).map(axis).collect::<Found<_>>()?;
    let head = layout.part(0, 2)?;
    let (address, length) = match (head.content[0], head.content[1]) {
        (3, 0) => (layout.start + 4, layout.number(2, 2)?),
        (3, 1) => (layout.number(2, 8)?, layout.number(10, 8)?),
        _ => return Err("an array in pieces or compressed".to_owned()),
    };
    let size = kind.elt_size_in_bytes();
    let expected = (shape.iter()).try_fold(size, |all, &axis| all.checked_mul(axis));
    if expected != Some(length) {
        return Err(format!("{length} bytes for an array of shape {shape:?}"));
    }
    let bytes = file.part(address, length)?;
    Ok(Array {
        // Not more than the file has bytes, unless an axis is empty.
        shape: shape.iter().map(|&axis| axis as i64).collect(),
        kind,
        bytes: bytes.start..bytes.start + length,
    })
}

/// A part of the file that is known to be there.
#[derive(Clone, Copy)]
struct Bytes<'a> {
    content: &'a [u8],
    /// Where it lies in the file.
    start: usize,
}

impl<'a> Bytes<'a> {
    fn part(self, at: usize, length: usize) -> Found<Bytes<'a>> {
        let end = at.checked_add(length);
        let content = end.and_then(|end| self.content.get(at..end));
        let content = content.ok_or_else(|| {
            let end = self.start + self.content.len();
            format!("an end at byte {end}, before all that is announced")
        })?;
        let start = self.start + at;
        Ok(Bytes { content, start })
    }

    /// A number of `length` bytes, the lowest first. What does not fit cannot be an address either.
    fn number(self, at: usize, length: usize) -> Found<usize> {
        let bytes = self.part(at, length)?.content.iter().rev();
        let number = bytes.fold(0u64, |number, &byte| number << 8 | u64::from(byte));
        Ok(usize::try_from(number).unwrap_or(usize::MAX))
    }

    /// A text that ends with a zero.
    fn text(self, at: usize) -> Found<String> {
        let rest = self.content.get(at..).unwrap_or_default();
        let text = rest.split(|&byte| byte == 0).next().unwrap_or_default();
        match std::str::from_utf8(text) {
            Ok(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(format!("no name at byte {}", self.start.saturating_add(at))),
        }
    }

    fn begins_with(self, signature: &[u8]) -> Found<()> {
        match self.content.starts_with(signature) {
            true => Ok(()),
            false => Err(format!(
                "no {} at byte {}",
                String::from_utf8_lossy(signature).trim(),
                self.start
            )),
        }
    }
}
