//! What HDF5 files consist of: numbers, messages in the headers of objects, and their contents.

/// What was found instead of what is read.
pub(super) type Read<T> = Result<T, String>;

/// The address of what is not there.
pub(super) const NOWHERE: u64 = u64::MAX;

/// Types of messages in an object's header.
pub(super) mod message {
    pub(crate) const DATASPACE: u16 = 1;
    pub(crate) const LINK_INFO: u16 = 2;
    pub(crate) const DATATYPE: u16 = 3;
    pub(crate) const LINK: u16 = 6;
    pub(crate) const LAYOUT: u16 = 8;
    pub(crate) const FILTERS: u16 = 11;
    pub(crate) const ATTRIBUTE: u16 = 12;
    pub(crate) const CONTINUATION: u16 = 16;
    pub(crate) const SYMBOL_TABLE: u16 = 17;
    pub(crate) const ATTRIBUTE_INFO: u16 = 21;
}

/// The type of an element, of those that are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Float {
        size: usize,
        big_endian: bool,
    },
    /// A text of this many bytes.
    Text(usize),
    /// A text in a heap.
    Distant,
}

/// Bytes that are read from front to back.
pub(super) struct Cursor<'b>(pub(super) &'b [u8]);

impl<'b> Cursor<'b> {
    pub(super) fn take(&mut self, len: usize) -> Read<&'b [u8]> {
        let (taken, rest) =
            self.0.split_at_checked(len).ok_or_else(|| "fewer bytes than declared".to_owned())?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of up to eight bytes, the lowest first.
    pub(super) fn number(&mut self, len: usize) -> Read<u64> {
        Ok(self.take(len)?.iter().rev().fold(0, |all, &byte| all << 8 | u64::from(byte)))
    }

    pub(super) fn byte(&mut self) -> Read<u8> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn size(&mut self, len: usize) -> Read<usize> {
        usize::try_from(self.number(len)?).map_err(|_| "a size beyond this machine's".to_owned())
    }

    pub(super) fn signature(&mut self, signature: &[u8]) -> Read<()> {
        let found = self.take(signature.len())?;
        if found == signature {
            return Ok(());
        }
        let expected = String::from_utf8_lossy(signature);
        Err(format!("{:?} in the place of {expected:?}", String::from_utf8_lossy(found)))
    }
}

/// The name and address in a link; `None` if it leads to another name or another file.
pub(super) fn link_in(link: &[u8]) -> Read<Option<(&[u8], u64)>> {
    let mut link = Cursor(link);
    let (version, flags) = (link.byte()?, link.byte()?);
    if version != 1 {
        return Err(format!("version {version} of a link"));
    }
    let hard = flags & 8 == 0 || link.byte()? == 0;
    link.take(8 * usize::from(flags & 4 != 0) + usize::from(flags & 0x10 != 0))?;
    let len = link.size(1 << (flags & 3))?;
    let name = link.take(len)?;
    Ok(if hard { Some((name, link.number(8)?)) } else { None })
}

pub(super) fn utf8(bytes: &[u8]) -> Read<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "a text that is not UTF-8".to_owned())
}

/// The most dimensions of an array.
const MOST_DIMENSIONS: u8 = 8;

/// The dimensions in a dataspace; one of 0 for a space without elements.
pub(super) fn dimensions(space: &[u8]) -> Read<Vec<usize>> {
    let mut space = Cursor(space);
    let (version, count, _flags) = (space.byte()?, space.byte()?, space.byte()?);
    let kind = space.byte()?;
    match version {
        1 => drop(space.take(4)?),
        2 if kind == 2 => return Ok(vec![0]),
        2 => {}
        other => return Err(format!("version {other} of a shape")),
    }
    if count > MOST_DIMENSIONS {
        return Err(format!("{count} dimensions"));
    }
    (0..count).map(|_| space.size(8)).collect()
}

pub(super) fn datatype(bytes: &[u8]) -> Read<Kind> {
    let mut data = Cursor(bytes);
    let (class, bits) = (data.byte()? & 15, data.byte()?);
    data.take(2)?;
    let size = data.size(4)?;
    match class {
        1 => {
            // Where the parts of a number lie.
            let parts = data.take(8)?;
            let expected = match size {
                4 => [0, 0, 32, 0, 23, 8, 0, 23],
                8 => [0, 0, 64, 0, 52, 11, 0, 52],
                _ => return Err(format!("numbers of {size} bytes")),
            };
            if parts != expected || bits & 0x40 != 0 {
                return Err("numbers of another format than float32 and float64".to_owned());
            }
            Ok(Kind::Float { size, big_endian: bits & 1 == 1 })
        }
        3 => Ok(Kind::Text(size)),
        9 if bits & 15 == 1 && size == 16 => Ok(Kind::Distant),
        other => Err(format!("data of the class {other}, which are neither numbers nor text")),
    }
}
