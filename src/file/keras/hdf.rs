//! A reader of HDF5, as far as Keras' files need it: groups, texts in attributes, and arrays of numbers that lie in one piece.
//!
//! It is one of its own because files come from anywhere: it never recurses, and what it looks at and copies is bounded by the size of the
//! file, whatever the file declares. (hdf5-pure, which writes these files, reads nested data types by recursion: a few kilobytes overflow
//! the stack, which ends the process.)

use super::parts::{Cursor, Kind, NOWHERE, Read, datatype, dimensions, link_in, message, utf8};
use crate::model::Tensor;
use crate::{Error, Result};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// How many times the size of a file is looked at, and as many more bytes: links may lead to the same place again and again.
const MOST_TIMES: u64 = 16;
const MOST_MORE: u64 = 16 << 20;

/// The bytes of a file.
#[derive(Debug)]
pub(super) struct Hdf<'b> {
    bytes: &'b [u8],
    place: &'b str,
    /// How many more bytes may be looked at.
    left: Cell<u64>,
    /// The members of groups that were looked at, by the groups' addresses.
    groups: RefCell<HashMap<u64, Members>>,
}

/// Addresses by name.
type Members = Rc<BTreeMap<String, u64>>;

/// A group or an array: the messages of its header.
#[derive(Debug)]
pub(super) struct Object<'b> {
    address: u64,
    messages: Vec<(u16, &'b [u8])>,
}

impl<'b> Hdf<'b> {
    /// The file, and its outermost group.
    pub(super) fn open(bytes: &'b [u8], place: &'b str) -> Result<(Self, Object<'b>)> {
        let left = Cell::new(bytes.len() as u64 * MOST_TIMES + MOST_MORE);
        let file = Self { bytes, place, left, groups: RefCell::default() };
        let root = file.root().map_err(|found| file.wrong(found))?;
        Ok((file, root))
    }

    fn wrong(&self, found: impl std::fmt::Display) -> Error {
        let expected = "a whole HDF5 file, as Keras writes it";
        Error::invalid(self.place, found, expected, "load the model in Keras, and save it again")
    }

    /// The bytes from an address on, which count as looked at where a length is given.
    fn at(&self, address: u64, len: Option<u64>) -> Read<Cursor<'b>> {
        let beyond = || format!("an address of {address} in {} bytes", self.bytes.len());
        let start = usize::try_from(address).map_err(|_| beyond())?;
        let mut rest = Cursor(self.bytes.get(start..).ok_or_else(beyond)?);
        let Some(len) = len else { return Ok(rest) };
        self.count(len)?;
        Ok(Cursor(rest.take(usize::try_from(len).map_err(|_| beyond())?)?))
    }

    /// Counts bytes as looked at.
    fn count(&self, bytes: u64) -> Read<()> {
        let left = self.left.get().checked_sub(bytes.max(1));
        self.left.set(left.ok_or_else(|| "links that lead to the same places again and again".to_owned())?);
        Ok(())
    }

    fn root(&self) -> Read<Object<'b>> {
        let mut head = Cursor(self.bytes);
        head.signature(b"\x89HDF\r\n\x1a\n")?;
        let version = head.byte()?;
        let (sizes, base, end, root) = match version {
            0 => (13, 24, 40, 64),
            1 => (13, 28, 44, 68),
            2 | 3 => (9, 12, 28, 36),
            other => return Err(format!("version {other} of the file's head")),
        };
        if self.at(sizes, Some(2))?.0 != [8, 8] {
            return Err("addresses or lengths of other than 8 bytes".to_owned());
        }
        if self.at(base, Some(8))?.number(8)? != 0 {
            return Err("a block of other data before the file's contents".to_owned());
        }
        let end = self.at(end, Some(8))?.number(8)?;
        if end > self.bytes.len() as u64 {
            return Err(format!("{} bytes of {end}", self.bytes.len()));
        }
        self.object(self.at(root, Some(8))?.number(8)?)
    }

    /// The object at an address.
    fn object(&self, address: u64) -> Read<Object<'b>> {
        let mut head = self.at(address, None)?;
        let mut messages = Vec::new();
        let mut blocks = Vec::new();
        // Whether the header is of the second version, and whether its messages are numbered.
        let (second, numbered) = if head.0.starts_with(b"OHDR") {
            head.take(4)?;
            let (version, flags) = (head.byte()?, head.byte()?);
            if version != 2 {
                return Err(format!("version {version} of an object's header"));
            }
            head.take(16 * usize::from(flags & 0x20 != 0) + 4 * usize::from(flags & 0x10 != 0))?;
            let len = head.size(1 << (flags & 3))?;
            blocks.push(head.take(len)?);
            (true, flags & 4 != 0)
        } else {
            let version = head.byte()?;
            if version != 1 {
                return Err(format!("version {version} of an object's header"));
            }
            head.take(7)?;
            let len = head.size(4)?;
            head.take(4)?;
            blocks.push(head.take(len)?);
            (false, false)
        };
        while let Some(block) = blocks.pop() {
            self.count(block.len() as u64)?;
            let mut block = Cursor(block);
            let least = if second { 4 + 2 * usize::from(numbered) } else { 8 };
            while block.0.len() >= least {
                let kind = block.number(if second { 1 } else { 2 })? as u16;
                let len = block.size(2)?;
                let flags = block.byte()?;
                block.take(if second { least - 4 } else { 3 })?;
                let data = block.take(len)?;
                if kind == message::CONTINUATION {
                    let mut data = Cursor(data);
                    let (address, len) = (data.number(8)?, data.number(8)?);
                    let mut more = self.at(address, Some(len))?;
                    if second {
                        more.signature(b"OCHK")?;
                        more.0 = more.0.split_last_chunk::<4>().map_or(more.0, |(block, _sum)| block);
                    }
                    blocks.push(more.0);
                } else if flags & 2 == 0 {
                    messages.push((kind, data));
                }
            }
        }
        Ok(Object { address, messages })
    }

    /// What is at this path, with slashes between names, from a group on.
    pub(super) fn path(&self, group: &Object<'b>, path: &str) -> Result<Option<Object<'b>>> {
        self.find(group, path).map_err(|found| self.wrong(format!("{found}, at {path:?}")))
    }

    fn find(&self, group: &Object<'b>, path: &str) -> Read<Option<Object<'b>>> {
        let mut last: Option<Object<'b>> = None;
        for name in path.split('/') {
            let Some(&address) = self.members(last.as_ref().unwrap_or(group))?.get(name) else {
                return Ok(None);
            };
            last = Some(self.object(address)?);
        }
        Ok(last)
    }

    /// The addresses of what is in a group.
    fn members(&self, group: &Object<'b>) -> Read<Members> {
        if let Some(members) = self.groups.borrow().get(&group.address) {
            return Ok(members.clone());
        }
        if group.dense(message::LINK_INFO)? {
            return Err("a group in the form for very many members".to_owned());
        }
        let mut members = BTreeMap::new();
        for link in group.all(message::LINK) {
            add(&mut members, link_in(link)?)?;
        }
        if let Some(table) = group.all(message::SYMBOL_TABLE).next() {
            self.symbols(Cursor(table), &mut members)?;
        }
        let members = Rc::new(members);
        self.groups.borrow_mut().insert(group.address, members.clone());
        Ok(members)
    }

    /// Adds the members in a group's tree, whose names lie in a heap.
    fn symbols(&self, mut table: Cursor<'b>, members: &mut BTreeMap<String, u64>) -> Read<()> {
        let (tree, heap) = (table.number(8)?, table.number(8)?);
        let mut heap = self.at(heap, Some(32))?;
        heap.signature(b"HEAP")?;
        heap.take(4)?;
        let len = heap.number(8)?;
        heap.take(8)?;
        let start = heap.number(8)?;
        let names = self.at(start, Some(len))?.0;
        // Nodes of a tree, each with the level that it must be below.
        let mut nodes = vec![(tree, 256)];
        while let Some((address, above)) = nodes.pop() {
            let mut node = self.at(address, Some(24))?;
            node.signature(b"TREE")?;
            let (kind, level, entries) = (node.byte()?, u16::from(node.byte()?), node.number(2)?);
            if kind != 0 || level >= above {
                return Err("a tree of another kind".to_owned());
            }
            let mut entries = self.at(address.saturating_add(24), Some(16 * entries))?;
            while !entries.0.is_empty() {
                entries.take(8)?;
                let child = entries.number(8)?;
                if level > 0 {
                    nodes.push((child, level));
                } else {
                    self.leaf(child, names, members)?;
                }
            }
        }
        Ok(())
    }

    /// Adds the members in one leaf of a group's tree.
    fn leaf(&self, address: u64, names: &[u8], members: &mut BTreeMap<String, u64>) -> Read<()> {
        let mut leaf = self.at(address, Some(8))?;
        leaf.signature(b"SNOD")?;
        leaf.take(2)?;
        let symbols = leaf.number(2)?;
        let mut symbols = self.at(address.saturating_add(8), Some(40 * symbols))?;
        while !symbols.0.is_empty() {
            let (start, address) = (symbols.size(8)?, symbols.number(8)?);
            symbols.take(24)?;
            let name = names.get(start..).ok_or_else(|| "a name outside of its heap".to_owned())?;
            let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
            self.count(name.len() as u64)?;
            // Those without an address are links to other names.
            add(members, (address != NOWHERE).then_some((name, address)))?;
        }
        Ok(())
    }

    /// The texts in an attribute; `None` if there is no such attribute, or if it is empty or no text.
    pub(super) fn texts(&self, object: &Object<'b>, name: &str) -> Result<Option<Vec<String>>> {
        self.read_texts(object, name)
            .map_err(|found| self.wrong(format!("{found}, in the attribute {name:?}")))
    }

    fn read_texts(&self, object: &Object<'b>, name: &str) -> Read<Option<Vec<String>>> {
        if object.dense(message::ATTRIBUTE_INFO)? {
            return Err("attributes in the form for very many".to_owned());
        }
        for attribute in object.all(message::ATTRIBUTE) {
            let mut data = Cursor(attribute);
            let version = data.byte()?;
            data.byte()?;
            let sizes = [data.size(2)?, data.size(2)?, data.size(2)?];
            if version == 3 {
                data.byte()?;
            }
            let padded = |size: usize| if version == 1 { size.next_multiple_of(8) } else { size };
            let found = data.take(padded(sizes[0]))?;
            if found.split(|&byte| byte == 0).next() != Some(name.as_bytes()) {
                continue;
            }
            let (kind, shape) = (data.take(padded(sizes[1]))?, data.take(padded(sizes[2]))?);
            let count = dimensions(shape)?.into_iter().try_fold(1, usize::checked_mul);
            let count = count.ok_or_else(|| "a shape beyond this machine's".to_owned())?;
            let texts: Read<Vec<String>> = match datatype(kind) {
                Ok(Kind::Text(size)) if count > 0 => {
                    let all = size.checked_mul(count).ok_or_else(|| "more text than fits".to_owned())?;
                    let all = data.take(all)?;
                    self.count(all.len() as u64)?;
                    let texts = all.chunks(size.max(1)).map(|text| text.split(|&byte| byte == 0).next());
                    texts.map(|text| utf8(text.unwrap_or_default())).collect()
                }
                Ok(Kind::Distant) if count > 0 => {
                    let all = count.checked_mul(16).ok_or_else(|| "more text than fits".to_owned())?;
                    data.take(all)?.chunks_exact(16).map(|place| self.distant(place)).collect()
                }
                _ => return Ok(None),
            };
            return texts.map(Some);
        }
        Ok(None)
    }

    /// A text in a heap that texts of varied lengths share.
    fn distant(&self, place: &[u8]) -> Read<String> {
        let mut place = Cursor(place);
        let (len, address, index) = (place.size(4)?, place.number(8)?, place.number(4)?);
        if len == 0 {
            return Ok(String::new());
        }
        let mut heap = self.at(address, Some(16))?;
        heap.signature(b"GCOL")?;
        heap.take(4)?;
        let mut rest = self.at(address, None)?;
        rest.0 = &rest.0[..heap.size(8)?.min(rest.0.len())];
        rest.take(16)?;
        loop {
            self.count(16)?;
            let found = rest.number(2)?;
            rest.take(6)?;
            let size = rest.size(8)?;
            if found == index && found != 0 {
                self.count(len as u64)?;
                return utf8(Cursor(rest.take(size)?).take(len)?);
            }
            // The last one is what is free.
            rest.take(if found == 0 { rest.0.len() + 1 } else { size.saturating_add(7) / 8 * 8 })?;
        }
    }

    /// The shape of an array.
    pub(super) fn shape(&self, array: &Object<'b>) -> Result<Vec<usize>> {
        array.one(message::DATASPACE).and_then(dimensions).map_err(|found| self.wrong(found))
    }

    /// An array of floating-point numbers.
    pub(super) fn tensor(&self, array: &Object<'b>) -> Result<Tensor<f64>> {
        self.read_tensor(array).map_err(|found| self.wrong(found))
    }

    fn read_tensor(&self, array: &Object<'b>) -> Read<Tensor<f64>> {
        let shape = dimensions(array.one(message::DATASPACE)?)?;
        let Kind::Float { size, big_endian } = datatype(array.one(message::DATATYPE)?)? else {
            return Err("numbers that are neither float32 nor float64".to_owned());
        };
        let mut layout = Cursor(array.one(message::LAYOUT)?);
        let (version, class) = (layout.byte()?, layout.byte()?);
        let bytes = match (version, class) {
            (3 | 4, 0) => {
                let len = layout.size(2)?;
                layout.take(len)?
            }
            (3 | 4, 1) => {
                let (address, len) = (layout.number(8)?, layout.number(8)?);
                self.at(if len == 0 { 0 } else { address }, Some(len))?.0
            }
            _ => return Err("numbers in chunks".to_owned()),
        };
        let count = shape.iter().try_fold(size, |all, &n| all.checked_mul(n));
        if count != Some(bytes.len()) || array.one(message::FILTERS).is_ok() {
            return Err(format!("{} bytes for an array of the shape {shape:?}", bytes.len()));
        }
        let number = |bytes: &[u8]| {
            let mut bits = [0; 8];
            bits[..size].copy_from_slice(bytes);
            if big_endian {
                bits[..size].reverse();
            }
            let bits = u64::from_le_bytes(bits);
            if size == 4 { f64::from(f32::from_bits(bits as u32)) } else { f64::from_bits(bits) }
        };
        Ok(Tensor { shape, values: bytes.chunks_exact(size).map(number).collect() })
    }
}

impl<'b> Object<'b> {
    fn all(&self, kind: u16) -> impl Iterator<Item = &'b [u8]> {
        self.messages.iter().filter(move |(found, _)| *found == kind).map(|(_, data)| *data)
    }

    fn one(&self, kind: u16) -> Read<&'b [u8]> {
        self.all(kind).next().ok_or_else(|| "a group in the place of an array".to_owned())
    }

    /// Whether what this message tells of lies in a heap of its own.
    fn dense(&self, kind: u16) -> Read<bool> {
        let Some(info) = self.all(kind).next() else { return Ok(false) };
        let mut info = Cursor(info);
        info.byte()?;
        let numbered = info.byte()? & 1 == 1;
        let len = if kind == message::LINK_INFO { 8 } else { 2 };
        info.take(if numbered { len } else { 0 })?;
        Ok(info.number(8)? != NOWHERE)
    }
}

/// Adds a member of a group.
fn add(members: &mut BTreeMap<String, u64>, member: Option<(&[u8], u64)>) -> Read<()> {
    let Some((name, address)) = member else { return Ok(()) };
    match members.insert(utf8(name)?, address) {
        None => Ok(()),
        Some(_) => Err(format!("two members of the name {:?}", String::from_utf8_lossy(name))),
    }
}
