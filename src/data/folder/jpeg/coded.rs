//! Coded data: bits, Huffman codes, and each block's share of them.

/// How many consecutive coefficients may be coded entirely in zeros: a longer run was overwritten.
const MOST_ALIKE: u32 = 24;

/// The header of a scan.
pub(super) struct Scan {
    /// The places of its components, with the numbers of their DC and AC tables.
    pub(super) parts: Vec<(usize, usize, usize)>,
    /// Its first and last coefficient, in zigzag order.
    pub(super) first: usize,
    pub(super) last: usize,
    /// Whether it corrects earlier scans.
    pub(super) refining: bool,
    /// The number of low bits left to later scans.
    pub(super) low: u8,
}

/// Follows a block of a sequential image. `None` if the data are invalid.
pub(super) fn sequential(bits: &mut Bits<'_>, [dc, ac]: [Option<&Table>; 2], level: &mut i64) -> Option<()> {
    *level += bits.difference(dc?)?;
    let mut k = 1;
    while k < 64 {
        match bits.coefficient(ac?)? {
            (0, 0) => break,
            (15, 0) => k += 16,
            (_, 0) => return None,
            (zeros, _) => {
                k += zeros + 1;
                (k <= 64).then_some(())?;
            }
        }
    }
    Some(())
}

/// Follows a block's share of a progressive scan. `None` if the data are invalid.
pub(super) fn progressive(
    bits: &mut Bits<'_>,
    [dc, ac]: [Option<&Table>; 2],
    scan: &Scan,
    level: &mut i64,
    nonzero: &mut u64,
) -> Option<()> {
    match (scan.first, scan.refining) {
        (0, true) => bits.take(1).map(|_| ()),
        (0, false) => {
            *level += bits.difference(dc?)?;
            Some(())
        }
        (_, true) => refine(bits, ac?, scan, nonzero),
        (_, false) => begin(bits, ac?, scan, nonzero),
    }
}

/// The first bits of a block's coefficients.
fn begin(bits: &mut Bits<'_>, table: &Table, scan: &Scan, nonzero: &mut u64) -> Option<()> {
    let mut k = scan.first;
    while bits.run == 0 && k <= scan.last {
        let (zeros, size) = bits.coefficient(table)?;
        if size == 0 && zeros < 15 {
            bits.run = (1 << zeros) + bits.take(zeros as u8)?;
            break;
        }
        k += zeros;
        if size > 0 {
            (k <= scan.last).then_some(())?;
            *nonzero |= 1 << k;
        }
        k += 1;
    }
    bits.run = bits.run.saturating_sub(1);
    Some(())
}

/// One more bit of a block's coefficients.
fn refine(bits: &mut Bits<'_>, table: &Table, scan: &Scan, nonzero: &mut u64) -> Option<()> {
    let mut k = scan.first;
    while bits.run == 0 && k <= scan.last {
        let (mut zeros, size) = bits.run_and_size(table)?;
        if size == 0 && zeros < 15 {
            bits.run = (1 << zeros) + bits.take(zeros as u8)?;
            break;
        }
        // The sign; then a correction for each coefficient passed.
        bits.take(size)?;
        while k <= scan.last && (*nonzero >> k & 1 == 1 || zeros > 0) {
            if *nonzero >> k & 1 == 0 {
                zeros -= 1;
            } else {
                bits.take(1)?;
            }
            k += 1;
        }
        if size > 0 {
            (k <= scan.last && size == 1).then_some(())?;
            *nonzero |= 1 << k;
        }
        k += 1;
    }
    if bits.run > 0 {
        while k <= scan.last {
            bits.take((*nonzero >> k & 1) as u8)?;
            k += 1;
        }
        bits.run -= 1;
    }
    Some(())
}

/// A Huffman table.
pub(super) struct Table {
    /// Length and value of the code that begins these 8 bits; length 0 for longer codes.
    short: [(u8, u8); 256],
    /// For every length from 1: the end of its codes, and the offset from a code to the place of its value.
    ends: [(u32, i32); 16],
    values: Vec<u8>,
}

impl Table {
    /// From the number of codes of each length, and all values. `None` if there are more codes than fit.
    pub(super) fn new(counts: &[u8; 16], values: &[u8]) -> Option<Self> {
        let mut table = Self { short: [(0, 0); 256], ends: [(0, 0); 16], values: values.to_vec() };
        let (mut code, mut place) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            let end = code + u32::from(count);
            (end <= 1 << length).then_some(())?;
            table.ends[length as usize - 1] = (end, place as i32 - code as i32);
            let codes = values.get(place..place + usize::from(count))?;
            if length <= 8 {
                for (code, &value) in (code as usize..).zip(codes) {
                    let same = code << (8 - length)..(code + 1) << (8 - length);
                    table.short[same].fill((length as u8, value));
                }
            }
            place += codes.len();
            code = end << 1;
        }
        Some(table)
    }
}

/// Reads the bits of coded data up to the next marker.
pub(super) struct Bits<'a> {
    file: &'a [u8],
    at: usize,
    /// The next bits, the first in the highest position.
    buffer: u64,
    count: u8,
    /// How many blocks, including the current one, get no more new coefficients.
    run: u32,
    /// How many consecutive coefficients were coded entirely in zeros.
    alike: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(file: &'a [u8], at: usize) -> Self {
        Self { file, at, buffer: 0, count: 0, run: 0, alike: 0 }
    }

    /// The place of the next marker, once the data before it are read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn fill(&mut self) {
        while self.count <= 56 {
            let byte = match *self.file.get(self.at..).unwrap_or_default() {
                [0xff, 0, ..] => {
                    self.at += 1;
                    0xff
                }
                [] | [0xff, ..] => break,
                [byte, ..] => byte,
            };
            self.at += 1;
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next bits as a number; `None` if there are too few.
    fn take(&mut self, count: u8) -> Option<u32> {
        if self.count < count {
            self.fill();
        }
        self.count = self.count.checked_sub(count)?;
        let value = self.buffer.checked_shr(64 - u32::from(count)).unwrap_or(0) as u32;
        self.buffer <<= count;
        Some(value)
    }

    /// The value of the next code.
    fn code(&mut self, table: &Table) -> Option<u8> {
        if self.count < 16 {
            self.fill();
        }
        let (length, value) = table.short[(self.buffer >> 56) as usize];
        if length > 0 {
            self.take(length)?;
            return Some(value);
        }
        let code = |length: u32| (self.buffer >> (64 - length)) as u32;
        let length = (9..=16).find(|&length| code(length) < table.ends[length as usize - 1].0)?;
        let place = code(length) as i32 + table.ends[length as usize - 1].1;
        self.take(length as u8)?;
        table.values.get(usize::try_from(place).ok()?).copied()
    }

    /// The difference of the next block's DC coefficient.
    fn difference(&mut self, table: &Table) -> Option<i64> {
        let size = self.code(table)?;
        (size < 16).then_some(())?;
        let value = i64::from(self.take(size)?);
        let negative = size > 0 && value >> (size - 1) == 0;
        Some(if negative { value + 1 - (1 << size) } else { value })
    }

    /// The next code's two halves: the number of zeros before a coefficient, and the number of its bits.
    fn run_and_size(&mut self, table: &Table) -> Option<(usize, u8)> {
        self.code(table).map(halves)
    }

    /// The same, skipping the coefficient's bits.
    fn coefficient(&mut self, table: &Table) -> Option<(usize, u8)> {
        let code = self.code(table)?;
        let (zeros, size) = halves(code);
        let zero = self.take(size)? == 0 && size > 0 && table.values.first() == Some(&code);
        self.alike = if zero { self.alike + 1 } else { 0 };
        (self.alike <= MOST_ALIKE).then_some((zeros, size))
    }

    /// Ends a stretch of coded data: only bits that pad the last byte, all equal, may be left.
    pub(super) fn finish(&mut self) -> Result<(), &'static str> {
        self.fill();
        let padding = self.buffer.checked_shr(64 - u32::from(self.count)).unwrap_or(0);
        if self.count >= 8 || self.run > 0 || (padding != 0 && padding != (1 << self.count) - 1) {
            return Err("more coded data than pixels");
        }
        (self.buffer, self.count, self.alike) = (0, 0, 0);
        Ok(())
    }

    /// Skips the restart marker with this number, if it comes next.
    pub(super) fn restarts(&mut self, number: u8) -> bool {
        let rest = self.file.get(self.at..).unwrap_or_default();
        let fill = rest.windows(2).take_while(|pair| *pair == [0xff, 0xff]).count();
        let comes = rest[fill..].starts_with(&[0xff, 0xd0 + number]);
        self.at += if comes { fill + 2 } else { 0 };
        comes
    }
}

fn halves(code: u8) -> (usize, u8) {
    (usize::from(code >> 4), code & 15)
}
