//! Headers of numpy's arrays.

/// The most bytes of an array's header, and the deepest nesting in it; numpy writes one line.
pub(crate) const MOST_HEADER: usize = 1 << 16;
const MOST_BRACKETS: usize = 8;

/// Whether the header of an array is as short and flat as numpy's are, and its shape can be counted: what reads it takes any for granted.
pub(crate) fn check_header(bytes: &[u8]) -> Option<()> {
    let (len, start): (usize, usize) = match *bytes.get(6)? {
        1 => (u16::from_le_bytes(*bytes.get(8..)?.first_chunk()?) as usize, 10),
        _ => (u32::from_le_bytes(*bytes.get(8..)?.first_chunk()?) as usize, 12),
    };
    let header = std::str::from_utf8(bytes.get(start..start.checked_add(len)?)?).ok()?;
    let brackets = header.bytes().filter(|byte| b"([{".contains(byte)).count();
    let shape = header.split_once("shape")?.1.split_once('(')?.1.split_once(')')?.0;
    let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
    let sizes =
        sizes.map(|size| size.trim_end_matches('L').parse::<u64>().ok()).collect::<Option<Vec<_>>>()?;
    let bytes = sizes.into_iter().try_fold(16u64, |all, size| all.checked_mul(size.max(1)))?;
    (len <= MOST_HEADER && brackets <= MOST_BRACKETS && bytes < 1 << 62).then_some(())
}
