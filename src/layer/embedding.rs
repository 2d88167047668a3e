//! Vectors for indices.

use super::{Layer, Node, Options, Regularizer, Scope, Signal, Trace};
use crate::activation::STANDARD_RANGE;
use crate::describe::options;
use crate::kernel::{
    Fill, FillPorts, LookupBackward, LookupBackwardPorts, LookupBlocks, LookupBlocksPorts, LookupForward,
    LookupForwardPorts, LookupSort, LookupSortPorts, LookupStarts, LookupStartsPorts, StepMask,
    StepMaskPorts,
};
use crate::plan::arena::ParameterId;
use crate::plan::{Recorder, View};
use crate::{Error, Frame, Initializer, Result, shape};

/// Learns a vector for every index, such as that of a word or a category (Keras' `Embedding`).
///
/// Input: indices of any shape, usually a sequence `[T]`: whole numbers from 0 to `input_dim` − 1, which data sets hold as f32. They must be
/// the network's inputs themselves; before this layer only [`Flatten`](super::Flatten), [`Reshape`](super::Reshape),
/// [`Permute`](super::Permute) and [`RepeatVector`](super::RepeatVector) may stand. Data with any other number are refused where they enter
/// (training, evaluation, prediction), by row and step. Where an application's own buffers hold the inputs ([`embed`](crate::embed)), which
/// nobody can check, such an index gives NaN, at which training stops. Output: `[..., output_dim]`. Parameter: `embeddings`
/// `[input_dim, output_dim]`.
///
/// The gradient of the embeddings is summed index by index in a fixed order: the same seed gives the same bits. That of the indices is 0.
/// The range of the outputs, from which x_Q of a rotated layer behind follows, is taken to be that of a linear layer around 0: x_Q is 2.
///
/// ```
/// use autorot::{Dataset, Dense, Embedding, Lstm, Sequential};
///
/// // Two sentences of words 1 to 4, the second one filled up with 0.
/// let words = vec![3.0, 1.0, 4.0, 2.0, 4.0, 0.0];
/// let data = Dataset::classes([3], words, vec![0, 1], vec!["question".into(), "answer".into()])?;
/// let model = Sequential::for_data(&data)
///     .add(Embedding::new(5, 8).mask_zero(true))
///     .add(Lstm::new(16))
///     .add(Dense::new(2));
/// # model.network(0)?;
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Embedding {
    input_dim: usize,
    output_dim: usize,
    embeddings_initializer: Initializer,
    embeddings_regularizer: Regularizer,
    mask_zero: bool,
}

impl Embedding {
    /// `input_dim` vectors of `output_dim` numbers, which start uniformly distributed in −0.05..0.05.
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        Self {
            input_dim,
            output_dim,
            embeddings_initializer: Initializer::RandomUniform { min: -0.05, max: 0.05 },
            embeddings_regularizer: Regularizer::default(),
            mask_zero: false,
        }
    }

    /// Sets how the embeddings start.
    pub fn embeddings_initializer(mut self, initializer: Initializer) -> Self {
        self.embeddings_initializer = initializer;
        self
    }

    /// Sets the penalty on the embeddings.
    pub fn embeddings_regularizer(mut self, regularizer: Regularizer) -> Self {
        self.embeddings_regularizer = regularizer;
        self
    }

    /// Sets whether steps with the index 0 are padding, which the layers behind skip: see [`Masking`](super::Masking). The input is then a
    /// sequence `[T]`. Unlike there, the output of a padded step is not 0 but the vector of index 0.
    pub fn mask_zero(mut self, mask_zero: bool) -> Self {
        self.mask_zero = mask_zero;
        self
    }
}

/// Indices and the rows of a table are whole numbers that f32 holds exactly.
const MOST_ROWS: usize = 1 << 24;

impl Layer for Embedding {
    fn kind(&self) -> &'static str {
        "embedding"
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let Self { input_dim, output_dim, .. } = *self;
        if input_dim == 0 || input_dim > MOST_ROWS || output_dim == 0 {
            return Err(Error::invalid(
                path,
                format!("input_dim {input_dim} and output_dim {output_dim}"),
                format!("1 to {MOST_ROWS} indices, and vectors of at least 1 number"),
                "give the number of different indices and the length of their vectors",
            ));
        }
        if self.mask_zero && input.shape.len() != 1 {
            return Err(Error::invalid(
                path,
                format!("mask_zero for inputs of shape {:?}", input.shape),
                "sequences of one index per step, [steps]",
                "reshape the data to [steps], as Dataset::reshape does",
            ));
        }
        scope.takes_indices(input_dim)?;
        let positions = shape::elements(&path, &input.shape)?;
        let shape = [input.shape.as_slice(), &[output_dim]].concat();
        shape::elements(&path, &shape)?;
        let (start, penalty) = (self.embeddings_initializer, self.embeddings_regularizer);
        let table = scope.kernel("embeddings", &[input_dim, output_dim], start, penalty)?;
        if self.mask_zero {
            scope.masks(0.0);
        }
        let output =
            Signal { shape, range: Some(STANDARD_RANGE), frame: Frame::default(), masked: self.mask_zero };
        Ok(Box::new(EmbeddingNode { path, options: *self, positions, table, output }))
    }
}

#[derive(Debug)]
struct EmbeddingNode {
    path: String,
    options: Embedding,
    /// Indices per sample.
    positions: usize,
    table: ParameterId,
    output: Signal,
}

impl EmbeddingNode {
    /// Records the positions in the order of their indices.
    fn order(&self, rec: &mut Recorder<'_>, x: View) -> View {
        let (positions, rows) = (rec.batch() * self.positions, self.options.input_dim);
        let (mut run, mut before) = (1, None);
        loop {
            let after = rec.scratch(positions);
            rec.op(LookupSort { positions, rows, run }, LookupSortPorts { x, before, after });
            (run, before) = (run * LookupSort::WAYS, Some(after));
            if run >= positions {
                return after;
            }
        }
    }

    /// Records the gradient of the embeddings.
    fn gradient(&self, rec: &mut Recorder<'_>, x: View, d_y: View) {
        let Embedding { input_dim: rows, output_dim: columns, .. } = self.options;
        let positions = rec.batch() * self.positions;
        if positions > LookupSort::MOST {
            return rec.refuse(Error::invalid(
                &self.path,
                format!("{positions} indices in a batch"),
                format!("at most {}", LookupSort::MOST),
                "use a smaller batch",
            ));
        }
        let order = self.order(rec, x);
        let starts = rec.scratch(rows + 1);
        rec.op(LookupStarts { positions, rows }, LookupStartsPorts { x, order, starts });
        let blocks = LookupBlocks::count(positions).map(|count| {
            let blocks = rec.scratch(count * columns);
            rec.op(LookupBlocks { positions, columns }, LookupBlocksPorts { d_y, order, blocks });
            blocks
        });
        let Regularizer { l1, l2 } = rec.regularizer(self.table);
        let (table, d_table) = (rec.parameter(self.table), rec.gradient(self.table));
        let kernel = LookupBackward { positions, rows, columns, l1, l2 };
        rec.op(kernel, LookupBackwardPorts { d_y, order, starts, blocks, table, d_table });
    }
}

impl Node for EmbeddingNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, x: View) -> Trace {
        let Embedding { input_dim: rows, output_dim: columns, mask_zero, .. } = self.options;
        let positions = rec.batch() * self.positions;
        let (table, y) = (rec.parameter(self.table), rec.scratch(positions * columns));
        rec.op(LookupForward { positions, rows, columns }, LookupForwardPorts { x, table, y });
        let mask = mask_zero.then(|| {
            let mask = rec.scratch(positions);
            rec.op(StepMask { rows: positions, features: 1, value: 0.0 }, StepMaskPorts { x, mask });
            mask
        });
        Trace { mask, ..Trace::new(x, y) }
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        self.gradient(rec, trace.input, d_y);
        need_d_x.then(|| {
            let count = rec.batch() * self.positions;
            let d_x = rec.scratch(count);
            rec.op(Fill { count, value: 0.0 }, FillPorts { y: d_x });
            d_x
        })
    }
}
