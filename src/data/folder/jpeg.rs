//! Checks that the coded data of a JPEG file are complete. Decoders fill in gray for what is missing, as browsers do: right for viewing a
//! picture, wrong for learning from it.

mod coded;

use std::ops::ControlFlow;

use coded::{Bits, Scan, Table, progressive, sequential};

/// The most scans and the most components of an image: the decoder's limits.
const MAX_SCANS: usize = 100;
const MAX_COMPONENTS: usize = 4;

/// The most blocks of a component: more than the largest accepted image has.
const MAX_BLOCKS: usize = 1 << 22;

/// Follows all coded data of a JPEG file (ITU-T T.81: sequential and progressive, Huffman coded) without computing a pixel, and returns
/// whether the end marker is there. Every scan must have a code for each of its blocks, and end where its data end; without an end
/// marker, nothing that the image needs may be missing.
///
/// # Errors
/// What is damaged, in words.
pub(super) fn has_end(file: &[u8]) -> Result<bool, String> {
    let tables = Default::default();
    let mut walk = Walk { file, at: 0, tables, steps: [1; 4], frame: None, restart: 0, scans: 0 };
    let end = loop {
        if let ControlFlow::Break(end) = walk.segment()? {
            break end;
        }
    };
    let Some(end) = end else { return Ok(true) };
    let frame = walk.frame.ok_or("a JPEG file without an image")?;
    let missing = |c: &Component| if end { c.low[0].is_none() } else { c.low != [Some(0); 64] };
    if frame.components.iter().any(missing) {
        return Err("a JPEG file that ends before its image is complete".into());
    }
    Ok(end)
}

/// The state of a walk through a file.
struct Walk<'a> {
    file: &'a [u8],
    at: usize,
    /// For DC and for AC, by number.
    tables: [[Option<Table>; 4]; 2],
    /// The quantization steps of DC, by table number.
    steps: [i64; 4],
    frame: Option<Frame>,
    /// The number of units between restart markers; 0 for none.
    restart: usize,
    scans: usize,
}

struct Frame {
    progressive: bool,
    /// Columns and rows of units in scans with several components.
    units: (usize, usize),
    components: Vec<Component>,
}

struct Component {
    id: u8,
    /// The number of its quantization table.
    steps: usize,
    /// The last DC coefficient.
    dc: i64,
    /// How many blocks a unit holds across and down.
    sampling: (usize, usize),
    /// Columns and rows of blocks in scans of this component alone.
    blocks: (usize, usize),
    /// For every coefficient, in zigzag order, how many low bits are still missing, once some have been read.
    low: [Option<u8>; 64],
    /// The nonzero coefficients of each block, one bit each: corrections to them take additional bits.
    nonzero: Vec<u64>,
}

impl<'a> Walk<'a> {
    /// Reads the next segment and the coded data after it. Breaks at the end of the file: with whether the end is marked, or with `None`
    /// if the file is of a kind that is not followed.
    fn segment(&mut self) -> Result<ControlFlow<Option<bool>>, String> {
        let rest = self.file.get(self.at..).unwrap_or_default();
        let marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff);
        let Some(ahead) = rest.windows(2).position(marker) else {
            return Ok(ControlFlow::Break(Some(false)));
        };
        // Before the first scan the decoder knows what it can skip.
        if self.scans > 0 && rest[..ahead].iter().any(|&byte| byte != 0xff) {
            return Err(format!("stray bytes after scan {}", self.scans));
        }
        self.at += ahead + 2;
        let marker = self.file[self.at - 1];
        match marker {
            0xd9 => return Ok(ControlFlow::Break(Some(true))),
            0x01 | 0xd0..=0xd8 => return Ok(ControlFlow::Continue(())),
            _ => {}
        }
        let Some(body) = self.body() else { return Ok(ControlFlow::Break(Some(false))) };
        let fine = match marker {
            0xc0..=0xc2 if body.first() != Some(&8) => return Ok(ControlFlow::Break(None)),
            0xc4 => self.define_tables(body),
            0xc0..=0xc2 => self.define_frame(body, marker == 0xc2),
            0xdb => self.define_steps(body),
            // The decoder refuses other kinds.
            0xc3 | 0xc5..=0xcf => return Ok(ControlFlow::Break(None)),
            0xdd => body.first_chunk().map(|&b| self.restart = u16::from_be_bytes(b).into()),
            0xda => {
                let scan = self.define_scan(body).ok_or("a damaged scan header")?;
                self.scans += 1;
                if self.scans > MAX_SCANS {
                    return Err(format!("more than {MAX_SCANS} scans"));
                }
                self.follow(&scan)?;
                Some(())
            }
            _ => Some(()),
        };
        fine.map(ControlFlow::Continue).ok_or_else(|| format!("a damaged segment {marker:02x}"))
    }

    /// The body of the segment that begins here.
    fn body(&mut self) -> Option<&'a [u8]> {
        let rest = self.file.get(self.at..)?;
        let length = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
        let body = rest.get(2..length)?;
        self.at += length;
        Some(body)
    }

    fn define_tables(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = body.split_first() {
            let counts: &[u8; 16] = rest.first_chunk()?;
            let values = counts.iter().map(|&c| usize::from(c)).sum::<usize>();
            let table = Table::new(counts, rest.get(16..16 + values)?)?;
            *self.tables.get_mut(usize::from(head >> 4))?.get_mut(usize::from(head & 15))? = Some(table);
            body = &rest[16 + values..];
        }
        Some(())
    }

    fn define_steps(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = body.split_first() {
            let wide = usize::from(head >> 4 & 1) + 1;
            let (table, after) = rest.split_at_checked(64 * wide)?;
            let mut steps = table.chunks(wide).map(|s| s.iter().fold(0, |all, &b| all << 8 | i64::from(b)));
            // Steps of 0 would make everything gray.
            *self.steps.get_mut(usize::from(head & 15))? = steps.next()?;
            (self.steps[usize::from(head & 15)] > 0 && steps.all(|step| step > 0)).then_some(())?;
            body = after;
        }
        Some(())
    }

    fn define_frame(&mut self, body: &[u8], progressive: bool) -> Option<()> {
        let &[_, h0, h1, w0, w1, count] = body.first_chunk()?;
        let height = usize::from(u16::from_be_bytes([h0, h1]));
        let width = usize::from(u16::from_be_bytes([w0, w1]));
        let parts = body.get(6..6 + 3 * usize::from(count))?;
        let samplings: Vec<(usize, usize)> =
            parts.chunks(3).map(|p| (usize::from(p[1] >> 4), usize::from(p[1] & 15))).collect();
        let fine = |s: &(usize, usize)| (1..=4).contains(&s.0) && (1..=4).contains(&s.1);
        if self.frame.is_some() || samplings.len() > MAX_COMPONENTS || !samplings.iter().all(fine) {
            return None;
        }
        let most = (samplings.iter().map(|s| s.0).max()?, samplings.iter().map(|s| s.1).max()?);
        let units = (width.div_ceil(8 * most.0), height.div_ceil(8 * most.1));
        (units.0 * most.0 * units.1 * most.1 <= MAX_BLOCKS).then_some(())?;
        let component = |(part, &sampling): (&[u8], &(usize, usize))| Component {
            id: part[0],
            steps: usize::from(part[2] & 3),
            dc: 0,
            sampling,
            blocks: ((width * sampling.0).div_ceil(8 * most.0), (height * sampling.1).div_ceil(8 * most.1)),
            low: [None; 64],
            nonzero: vec![0; if progressive { units.0 * sampling.0 * units.1 * sampling.1 } else { 0 }],
        };
        let components = parts.chunks(3).zip(&samplings).map(component).collect();
        self.frame = Some(Frame { progressive, units, components });
        Some(())
    }

    fn define_scan(&self, body: &[u8]) -> Option<Scan> {
        let frame = self.frame.as_ref()?;
        let count = usize::from(*body.first()?);
        let mut parts: Vec<(usize, usize, usize)> = Vec::new();
        for part in body.get(1..1 + 2 * count)?.chunks(2) {
            let place = frame.components.iter().position(|c| c.id == part[0])?;
            if parts.iter().any(|&(other, ..)| other == place) {
                return None;
            }
            parts.push((place, usize::from(part[1] >> 4), usize::from(part[1] & 15)));
        }
        let &[first, last, bits] = body.get(1 + 2 * count..)?.first_chunk()?;
        if !frame.progressive {
            return (count > 0).then_some(Scan { parts, first: 0, last: 63, refining: false, low: 0 });
        }
        let (first, last) = (usize::from(first), usize::from(last));
        let fine = if first == 0 { last == 0 && count > 0 } else { first <= last && last < 64 && count == 1 };
        fine.then_some(Scan { parts, first, last, refining: bits >> 4 > 0, low: bits & 15 })
    }

    /// Follows the coded data of a scan, which begin here.
    fn follow(&mut self, scan: &Scan) -> Result<(), String> {
        let Some(frame) = &mut self.frame else { return Err("a scan before its frame".into()) };
        let alone = scan.parts.len() == 1;
        let (across, down) = if alone { frame.components[scan.parts[0].0].blocks } else { frame.units };
        let mut bits = Bits::new(self.file, self.at);
        let place = |row: usize, what: &str| {
            format!("{what} in scan {}, {row} of {down} rows of blocks are whole", self.scans)
        };
        let mut restarts = 0;
        for unit in 0..across * down {
            let (row, column) = (unit / across, unit % across);
            let restart = self.restart > 0 && unit % self.restart == 0;
            if restart && unit > 0 {
                bits.finish().map_err(|what| place(row, what))?;
                if !bits.restarts(restarts % 8) {
                    return Err(place(row, "a missing restart marker"));
                }
                restarts += 1;
            }
            for &(part, dc, ac) in &scan.parts {
                let table = |kind: usize, number: usize| self.tables[kind].get(number)?.as_ref();
                let (dc, ac) = (table(0, dc), table(1, ac));
                let component = &mut frame.components[part];
                if restart || unit == 0 {
                    component.dc = 0;
                }
                let (h, v) = if alone { (1, 1) } else { component.sampling };
                let stride = frame.units.0 * component.sampling.0;
                for block in 0..h * v {
                    let at = (row * v + block / h) * stride + column * h + block % h;
                    let fine = if frame.progressive {
                        let nonzero = component.nonzero.get_mut(at).ok_or("a scan beyond its frame")?;
                        progressive(&mut bits, [dc, ac], scan, &mut component.dc, nonzero)
                    } else {
                        sequential(&mut bits, [dc, ac], &mut component.dc)
                    };
                    // Twice the maximum for eight bits per pixel.
                    let bright = (component.dc << scan.low).abs() * self.steps[component.steps]
                        > 2048 + self.steps[component.steps];
                    if fine.is_none() || bright {
                        return Err(place(row, "image data that end early or are corrupt"));
                    }
                }
            }
        }
        bits.finish().map_err(|what| place(down, what))?;
        self.at = bits.at();
        for &(part, ..) in &scan.parts {
            frame.components[part].low[scan.first..=scan.last].fill(Some(scan.low));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    use super::*;

    /// A picture of 40 × 33 pixels in every coding.
    fn files() -> Vec<Vec<u8>> {
        let pixel = |i: usize| (i * i / 7 % 251) as u8 ^ (i * 31 % 64) as u8;
        let mut files = Vec::new();
        for (color, channels) in [(ColorType::Luma, 1), (ColorType::Rgb, 3), (ColorType::CmykAsYcck, 4)] {
            let pixels: Vec<u8> = (0..40 * 33 * channels).map(pixel).collect();
            for sampling in [SamplingFactor::F_1_1, SamplingFactor::F_2_2, SamplingFactor::F_4_1] {
                for (scans, restarts, optimized) in
                    [(0, 0, false), (0, 0, true), (0, 2, false), (4, 0, false), (9, 0, true), (9, 2, false)]
                {
                    let mut file = Vec::new();
                    let mut encoder = Encoder::new(&mut file, 80);
                    encoder.set_sampling_factor(sampling);
                    encoder.set_restart_interval(restarts);
                    encoder.set_optimized_huffman_tables(optimized);
                    if scans > 0 {
                        encoder.set_progressive_scans(scans);
                    }
                    encoder.encode(&pixels, 40, 33, color).unwrap();
                    files.push(file);
                }
            }
        }
        files
    }

    #[test]
    fn whole_files_pass_with_and_without_their_end() {
        for file in files() {
            assert_eq!(has_end(&file), Ok(true));
            assert_eq!(has_end(&[&file, &[0; 9][..]].concat()), Ok(true), "what follows the end");
            assert_eq!(has_end(&file[..file.len() - 2]), Ok(false));
            assert_eq!(has_end(&file[..file.len() - 1]), Ok(false));
        }
    }

    #[test]
    fn no_cut_passes() {
        for file in files() {
            let cuts = (2..file.len() - 2).rev().step_by(file.len() / 40).chain([file.len() - 3]);
            cuts.for_each(|cut| assert!(has_end(&file[..cut]).is_err(), "{cut} of {} bytes", file.len()));
        }
    }

    #[test]
    fn no_zeroed_stretch_passes() {
        for file in files() {
            let first = file.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap() + 14;
            for at in (first..file.len() - 130).step_by(53) {
                let mut zeroed = file.clone();
                zeroed[at..at + 128].fill(0);
                assert!(has_end(&zeroed).is_err(), "{at} of {} bytes", file.len());
                zeroed[at..].fill(0);
                assert!(has_end(&zeroed).is_err(), "from {at} of {} bytes", file.len());
            }
        }
    }

    #[test]
    fn nothing_panics_on_odd_bytes() {
        for file in files() {
            for at in (2..file.len()).step_by(23) {
                let mut odd = file.clone();
                odd[at] = !odd[at];
                let _ = has_end(&odd);
                odd[at] = 0xff;
                let _ = has_end(&odd);
            }
        }
        assert!(has_end(b"").is_err() && has_end(&[0xff]).is_err() && has_end(&[0xff, 0xd9]).is_err());
    }
}
