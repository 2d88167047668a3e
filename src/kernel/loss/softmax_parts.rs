//! Softmax, and its cross-entropy over many classes, in pieces; [`SoftmaxLoss`](crate::kernel::SoftmaxLoss) does the latter in one pass
//! for fewer.

use crate::Real;
use crate::kernel::base::rows::{map_each, total};
use crate::kernel::{Family, Grid, Lens, Slices, Trust, constants, each, flat_grid, ports, uniforms, wgsl};

/// Classes per workgroup.
const PIECE: usize = 4096;

/// Below all logits that count: where the search for the largest begins.
const LOWEST: f64 = -3.4e38;

/// Numbers per piece or row: the largest logit, Σ exp(x − largest), Σ t and Σ t·(largest − x).
pub(super) const PARTS: usize = 4;

uniforms!(SoftmaxPartsUniforms { batch: u32, classes: u32, pieces: u32 });
uniforms!(SoftmaxFinishUniforms { batch: u32, pieces: u32, columns: u32 });
uniforms!(SoftmaxGradientUniforms { batch: u32, classes: u32, scale: f32 });

/// The largest logit of every piece of 4,096 classes, and the sums relative to it. x and t are `[B, C]`, parts `[B, pieces, 4]`.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxParts {
    /// B.
    pub batch: usize,
    /// C.
    pub classes: usize,
    /// Whether there are targets; the sums with t are 0 without them.
    pub targets: bool,
}

/// The numbers of every row `[B, 4]` from those of its pieces, and its loss, for the first column of scores `[B, columns]`.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxFinish {
    /// B.
    pub batch: usize,
    /// Pieces per row.
    pub pieces: usize,
    /// The width of a row of scores; `None` without a loss.
    pub columns: Option<usize>,
}

/// dx = (softmax(x)·Σt − t)/B from the rows' numbers `[B, 4]`. x, t and dx are `[B, C]`.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxGradient {
    /// B.
    pub batch: usize,
    /// C.
    pub classes: usize,
}

impl SoftmaxParts {
    /// The number of pieces of `classes` classes.
    pub fn pieces(classes: usize) -> usize {
        classes.div_ceil(PIECE)
    }

    /// The length of the numbers of all pieces of `batch` rows.
    pub fn len(batch: usize, pieces: usize) -> usize {
        batch * pieces * PARTS
    }
}

ports! {
    /// The ports of [`SoftmaxParts`].
    pub struct SoftmaxPartsPorts {
        /// x.
        x: Read,
        /// The targets, where there are any.
        t: Option<Read>,
        /// The numbers of each piece.
        parts: Write,
    }
}

impl Family for SoftmaxParts {
    const NAME: &'static str = "softmax_parts";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = SoftmaxPartsPorts<Lens>;
    type Uniforms = SoftmaxPartsUniforms;

    fn lens(&self) -> SoftmaxPartsPorts<Lens> {
        let outputs = self.batch * self.classes;
        SoftmaxPartsPorts {
            x: outputs,
            t: self.targets.then_some(outputs),
            parts: Self::len(self.batch, Self::pieces(self.classes)),
        }
    }

    fn uniforms(&self) -> SoftmaxPartsUniforms {
        SoftmaxPartsUniforms {
            batch: self.batch as u32,
            classes: self.classes as u32,
            pieces: Self::pieces(self.classes) as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            wgsl!("base/parts/index.wgsl"),
            wgsl!("base/parts/reduce.wgsl"),
            constants(&[("TARGETS", self.targets)]),
            wgsl!("loss/softmax_parts.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch * Self::pieces(self.classes), 1)
    }

    fn rounds(&self, _variant: usize) -> usize {
        2 * self.classes.min(PIECE).div_ceil(64)
    }

    fn twin<T: Real>(&self, ports: SoftmaxPartsPorts<Slices<'_, T>>) {
        let SoftmaxPartsPorts { x, t, parts } = ports;
        let t = t.unwrap_or_default();
        let pieces = (0..self.batch).flat_map(|row| {
            let end = (row + 1) * self.classes;
            (row * self.classes..end).step_by(PIECE).map(move |first| first..(first + PIECE).min(end))
        });
        map_each(
            parts.chunks_exact_mut(PARTS).zip(pieces).collect(),
            x.len(),
            #[inline(always)]
            |(parts, piece): (&mut [T], std::ops::Range<usize>)| {
                let x = &x[piece.clone()];
                let t = if self.targets { &t[piece] } else { t };
                let top = x.iter().fold(T::of(LOWEST), |a, &b| a.max(b));
                let below = x.iter().zip(t).filter(|(_, t)| **t != T::zero()).map(|(&x, &t)| t * (top - x));
                parts[0] = top;
                parts[1] = total(x.iter().map(|&x| (x - top).exp()));
                parts[2] = total(t.iter().copied());
                parts[3] = total(below);
            },
        );
    }
}

ports! {
    /// The ports of [`SoftmaxFinish`].
    pub struct SoftmaxFinishPorts {
        /// The numbers of each piece.
        parts: Read,
        /// The rows of scores, where there is a loss.
        scores: Option<Update>,
        /// The numbers of each row.
        rows: Write,
    }
}

impl Family for SoftmaxFinish {
    const NAME: &'static str = "softmax_finish";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = SoftmaxFinishPorts<Lens>;
    type Uniforms = SoftmaxFinishUniforms;

    fn lens(&self) -> SoftmaxFinishPorts<Lens> {
        SoftmaxFinishPorts {
            parts: SoftmaxParts::len(self.batch, self.pieces),
            scores: self.columns.map(|columns| self.batch * columns),
            rows: SoftmaxParts::len(self.batch, 1),
        }
    }

    fn uniforms(&self) -> SoftmaxFinishUniforms {
        SoftmaxFinishUniforms {
            batch: self.batch as u32,
            pieces: self.pieces as u32,
            columns: self.columns.unwrap_or_default() as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            wgsl!("base/parts/index.wgsl"),
            wgsl!("base/parts/reduce.wgsl"),
            constants(&[("LOSS", self.columns.is_some())]),
            wgsl!("loss/softmax_finish.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch, 1)
    }

    fn rounds(&self, _variant: usize) -> usize {
        2 * self.pieces.div_ceil(64)
    }

    fn twin<T: Real>(&self, ports: SoftmaxFinishPorts<Slices<'_, T>>) {
        let SoftmaxFinishPorts { parts, scores, rows } = ports;
        let mut scores = self.columns.zip(scores);
        let parts = parts.chunks_exact(self.pieces * PARTS);
        for (i, (parts, row)) in parts.zip(rows.chunks_exact_mut(PARTS)).enumerate() {
            let pieces = || parts.chunks_exact(PARTS);
            let top = pieces().fold(T::of(LOWEST), |top, piece| top.max(piece[0]));
            row[0] = top;
            row[1] = total(pieces().map(|piece| piece[1] * (piece[0] - top).exp()));
            row[2] = total(pieces().map(|piece| piece[2]));
            let with_mass = pieces().filter(|piece| piece[2] != T::zero());
            row[3] = total(with_mass.map(|piece| piece[3] + piece[2] * (top - piece[0])));
            if let Some((columns, scores)) = &mut scores {
                let loss = if row[2] == T::zero() { T::zero() } else { row[2] * row[1].ln() + row[3] };
                scores[i * *columns] = loss;
            }
        }
    }
}

ports! {
    /// The ports of [`SoftmaxGradient`].
    pub struct SoftmaxGradientPorts {
        /// x.
        x: Read,
        /// The targets.
        t: Read,
        /// The numbers of each row.
        rows: Read,
        /// ∂ℓ/∂x.
        d_x: Write,
    }
}

impl Family for SoftmaxGradient {
    const NAME: &'static str = "softmax_gradient";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = SoftmaxGradientPorts<Lens>;
    type Uniforms = SoftmaxGradientUniforms;

    fn lens(&self) -> SoftmaxGradientPorts<Lens> {
        let outputs = self.batch * self.classes;
        SoftmaxGradientPorts { x: outputs, t: outputs, rows: SoftmaxParts::len(self.batch, 1), d_x: outputs }
    }

    fn uniforms(&self) -> SoftmaxGradientUniforms {
        SoftmaxGradientUniforms {
            batch: self.batch as u32,
            classes: self.classes as u32,
            scale: 1.0 / self.batch as f32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each(), wgsl!("loss/softmax_gradient.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch * self.classes, 64)
    }

    fn twin<T: Real>(&self, ports: SoftmaxGradientPorts<Slices<'_, T>>) {
        let SoftmaxGradientPorts { x, t, rows, d_x } = ports;
        let scale = T::of(1.0 / self.batch as f64);
        for (i, d_x) in d_x.iter_mut().enumerate() {
            let row = &rows[i / self.classes * PARTS..][..PARTS];
            *d_x = ((x[i] - row[0]).exp() / row[1] * row[2] - t[i]) * scale;
        }
    }
}
