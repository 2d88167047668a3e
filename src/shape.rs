//! Shapes: the only place that computes output sizes.

use crate::{Error, Result};

/// Zeros around the input of a convolution or a pooling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// None.
    #[default]
    Valid,
    /// Enough for an output of length ⌈input/stride⌉, with the odd one at the end (Keras' `same`).
    Same,
    /// As much before as the window reaches back from its last tap, (kernel − 1)·dilation, and none after: no output sees later inputs
    /// (Keras' `causal`). Of [`Conv1d`](crate::Conv1d) and [`SeparableConv1d`](crate::SeparableConv1d), as in Keras.
    Causal,
    /// The given numbers before and after, for every dimension.
    Explicit(Vec<(usize, usize)>),
}

/// Zeros before and after each of `D` spatial dimensions: `1`, `[1, 2]` (the same number after as before) or `[(0, 1), (2, 2)]`.
pub trait Margins<const D: usize> {
    /// The pairs by dimension.
    fn margins(self) -> [(usize, usize); D];
}

impl<const D: usize> Margins<D> for usize {
    fn margins(self) -> [(usize, usize); D] {
        [(self, self); D]
    }
}

impl<const D: usize> Margins<D> for [usize; D] {
    fn margins(self) -> [(usize, usize); D] {
        self.map(|n| (n, n))
    }
}

impl<const D: usize> Margins<D> for [(usize, usize); D] {
    fn margins(self) -> [(usize, usize); D] {
        self
    }
}

impl Padding {
    /// Explicit zeros before and after each of `D` dimensions.
    pub fn explicit<const D: usize>(margins: impl Margins<D>) -> Self {
        Self::Explicit(margins.margins().to_vec())
    }
}

/// How windows lie on a grid, always in three dimensions; those that a layer lacks have length 1. Position `o` of the output and tap `t`
/// of the window meet at `o·stride + t·dilation − before` of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// The size of the grid, without its padding.
    pub input: [usize; 3],
    /// The number of windows.
    pub output: [usize; 3],
    /// The number of taps in a window.
    pub kernel: [usize; 3],
    /// The distance from one window to the next.
    pub strides: [usize; 3],
    /// The distance from one tap to the next.
    pub dilation: [usize; 3],
    /// Zeros before the input.
    pub before: [usize; 3],
}

impl Geometry {
    /// The total number of taps in a window.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }
}

/// The largest size along a dimension: positions are computed in 32 bits.
const LARGEST: usize = 1 << 28;

/// The maximum number of elements in a sample or a parameter.
const MOST_ELEMENTS: usize = u32::MAX as usize;

/// The maximum number of taps in a window: as many as a grid may have workgroups in one dimension.
const MOST_TAPS: usize = 65_535;

impl Geometry {
    /// Refuses windows of more taps than a convolution can have.
    pub(crate) fn few_taps(self, path: &str) -> Result<Self> {
        let taps = self.kernel.iter().try_fold(1usize, |taps, &n| taps.checked_mul(n));
        if taps.is_some_and(|n| n <= MOST_TAPS) {
            return Ok(self);
        }
        Err(Error::invalid(
            path,
            format!("a kernel of {:?}", self.kernel),
            format!("at most {MOST_TAPS} taps"),
            "use a smaller kernel",
        ))
    }
}

/// Options of a window, one value per spatial dimension of the layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows<'a> {
    pub(crate) kernel: &'a [usize],
    pub(crate) strides: &'a [usize],
    pub(crate) dilation: &'a [usize],
    pub(crate) padding: &'a Padding,
}

/// Three dimensions: the layer's own are the last; those before have the value `rest`.
fn three(values: &[usize], rest: usize) -> [usize; 3] {
    let skip = 3 - values.len();
    std::array::from_fn(|i| if i < skip { rest } else { values[i - skip] })
}

impl Windows<'_> {
    /// Refuses options of 0 and those with another number of dimensions.
    fn check(&self, path: &str, spatial: &[usize]) -> Result<()> {
        let options = [("kernel size", self.kernel), ("strides", self.strides), ("dilation", self.dilation)];
        for (what, values) in options {
            if values.len() != spatial.len() || values.iter().any(|v| !(1..=LARGEST).contains(v)) {
                return Err(Error::invalid(
                    path,
                    format!("{what} {values:?}"),
                    format!("{} numbers, each from 1 to {LARGEST}", spatial.len()),
                    format!("correct the {what}"),
                ));
            }
        }
        if (0..spatial.len()).any(|i| self.extent(i) > LARGEST || spatial[i] > LARGEST) {
            return Err(Error::invalid(
                path,
                format!("kernel {:?}, dilation {:?} over {spatial:?}", self.kernel, self.dilation),
                format!("windows and inputs of at most {LARGEST} along a dimension"),
                "use a smaller kernel",
            ));
        }
        let outside = |&(before, after): &(usize, usize)| before > LARGEST || after > LARGEST;
        match self.padding {
            Padding::Explicit(padding) if padding.len() != spatial.len() || padding.iter().any(outside) => {
                Err(Error::invalid(
                    path,
                    format!("padding {padding:?}"),
                    format!("at most {LARGEST} zeros before and after each of {} dimensions", spatial.len()),
                    "give a pair for every spatial dimension",
                ))
            }
            Padding::Causal if spatial.len() != 1 => self.refuse_causal(path),
            _ => Ok(()),
        }
    }

    /// Refuses causal padding, for layers that have none.
    pub(crate) fn not_causal(self, path: &str) -> Result<Self> {
        if *self.padding == Padding::Causal { self.refuse_causal(path).map(|()| self) } else { Ok(self) }
    }

    fn refuse_causal(&self, path: &str) -> Result<()> {
        Err(Error::invalid(
            path,
            "causal padding",
            "a Conv1d or a SeparableConv1d, which alone have it, as in Keras",
            "give the zeros by Padding::explicit, or put a ZeroPadding layer before it",
        ))
    }

    /// The length from the first tap to the last.
    fn extent(&self, i: usize) -> usize {
        (self.kernel[i] - 1) * self.dilation[i] + 1
    }

    /// Zeros before the input and length of the output along a dimension; 0 if the window does not fit.
    fn along(&self, i: usize, input: usize) -> (usize, usize) {
        let (extent, stride) = (self.extent(i), self.strides[i]);
        let slide = |padded: usize| if padded < extent { 0 } else { (padded - extent) / stride + 1 };
        match self.padding {
            Padding::Valid => (0, slide(input)),
            Padding::Causal => (extent - 1, slide(input + extent - 1)),
            Padding::Explicit(padding) => (padding[i].0, slide(input + padding[i].0 + padding[i].1)),
            Padding::Same => {
                let output = input.div_ceil(stride);
                let zeros = ((output - 1) * stride + extent).saturating_sub(input);
                (zeros / 2, output)
            }
        }
    }

    fn geometry(&self, input: &[usize], output: &[usize], before: &[usize]) -> Geometry {
        Geometry {
            input: three(input, 1),
            output: three(output, 1),
            kernel: three(self.kernel, 1),
            strides: three(self.strides, 1),
            dilation: three(self.dilation, 1),
            before: three(before, 0),
        }
    }

    /// The windows of a convolution or a pooling over `spatial`.
    pub(crate) fn slide(&self, path: &str, spatial: &[usize]) -> Result<Geometry> {
        self.check(path, spatial)?;
        let along: Vec<_> = spatial.iter().enumerate().map(|(i, &n)| self.along(i, n)).collect();
        if let Some(i) = along.iter().position(|&(_, output)| output == 0) {
            let (extent, padding) = (self.extent(i), self.padding);
            return Err(Error::invalid(
                path,
                format!("a window of {extent} (kernel {:?}, dilation {:?})", self.kernel, self.dilation),
                format!("at most the padded input, {} with padding {padding:?}, of {spatial:?}", spatial[i]),
                "use a smaller kernel, more padding or a larger input",
            ));
        }
        let before: Vec<usize> = along.iter().map(|&(before, _)| before).collect();
        let output: Vec<usize> = along.iter().map(|&(_, output)| output).collect();
        Ok(self.geometry(spatial, &output, &before))
    }

    /// The windows of the convolution that a transposed one over `spatial` reverses: its input is the layer's output. Sizes are as in
    /// Keras; with explicit padding (input − 1)·stride + window − padding + output padding.
    pub(crate) fn spread(
        &self,
        path: &str,
        spatial: &[usize],
        output_padding: Option<&[usize]>,
    ) -> Result<Geometry> {
        self.not_causal(path)?.check(path, spatial)?;
        if let Some(extra) = output_padding
            && (extra.len() != spatial.len() || extra.iter().zip(self.strides).any(|(e, s)| e >= s))
        {
            return Err(Error::invalid(
                path,
                format!("output padding {extra:?}"),
                format!("for every dimension less than the stride, {:?}", self.strides),
                "lower the output padding",
            ));
        }
        let mut sizes = Vec::with_capacity(spatial.len());
        for (i, &input) in spatial.iter().enumerate() {
            let (extent, stride) = (self.extent(i), self.strides[i]);
            let zeros = match (self.padding, output_padding) {
                (Padding::Valid | Padding::Causal, _) => 0,
                (Padding::Same, _) => extent / 2 * 2,
                (Padding::Explicit(padding), _) => padding[i].0 + padding[i].1,
            };
            let reach = (input - 1).checked_mul(stride).map(|n| n + extent);
            let size = match (output_padding, self.padding) {
                (Some(extra), _) => reach.and_then(|n| (n + extra[i]).checked_sub(zeros)),
                (None, Padding::Same) => input.checked_mul(stride),
                (None, Padding::Valid | Padding::Causal) => {
                    input.checked_mul(stride).map(|n| n + extent.saturating_sub(stride))
                }
                (None, Padding::Explicit(_)) => reach.and_then(|n| n.checked_sub(zeros)),
            };
            // The convolution over this size must lead back to the input.
            let size = size.filter(|&n| n > 0 && n <= LARGEST && self.along(i, n).1 == input);
            sizes.push(size.ok_or_else(|| {
                Error::invalid(
                    path,
                    format!(
                        "kernel {:?}, strides {:?}, padding {:?}",
                        self.kernel, self.strides, self.padding
                    ),
                    format!("an output that a convolution with these options takes back to {spatial:?}"),
                    "change the padding or the output padding",
                )
            })?);
        }
        let before = sizes.iter().enumerate().map(|(i, &n)| self.along(i, n).0);
        let before: Vec<usize> = before.collect();
        Ok(self.geometry(&sizes, spatial, &before))
    }
}

/// Splits the shape of a layer's input into its spatial dimensions and its channels, which come last.
pub(crate) fn spatial<'a>(path: &str, input: &'a [usize], dims: usize) -> Result<(&'a [usize], usize)> {
    match input.split_last() {
        Some((&channels, spatial)) if spatial.len() == dims => Ok((spatial, channels)),
        _ => Err(Error::invalid(
            path,
            format!("input of shape {input:?}"),
            format!("{dims} spatial dimensions, then channels"),
            "reshape the input, channels last",
        )),
    }
}

/// A layer's output: the last `dims` of three dimensions, then channels.
pub(crate) fn with_channels(
    path: &str,
    spatial: &[usize; 3],
    dims: usize,
    channels: usize,
) -> Result<Vec<usize>> {
    let mut shape = spatial[3 - dims..].to_vec();
    shape.push(channels);
    elements(path, &shape)?;
    Ok(shape)
}

/// The number of filters of a depthwise convolution.
pub(crate) fn multiplied(path: &str, channels: usize, multiplier: usize) -> Result<usize> {
    let filters = channels.checked_mul(multiplier).filter(|&n| n > 0 && n <= MOST_ELEMENTS);
    filters.ok_or_else(|| {
        Error::invalid(
            path,
            format!("{multiplier} filters for each of {channels} channels"),
            "1 to 4,294,967,295 filters",
            "change the depth multiplier",
        )
    })
}

/// Checks the numbers of filters and groups of a grouped convolution.
pub(crate) fn groups(path: &str, channels: usize, filters: usize, groups: usize) -> Result<()> {
    if filters == 0 {
        return Err(Error::invalid(
            path,
            "0 filters",
            "at least 1 filter",
            "give the layer a positive number of filters",
        ));
    }
    if groups == 0 || !channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
        return Err(Error::invalid(
            path,
            format!("{groups} groups"),
            format!("a number that divides {channels} channels and {filters} filters"),
            "change the groups or the filters",
        ));
    }
    Ok(())
}

/// The number of elements of a shape; refused if it is 0 or too large.
pub(crate) fn elements(path: &str, shape: &[usize]) -> Result<usize> {
    let product = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b)).filter(|&n| n <= MOST_ELEMENTS);
    // A dimension of 0 first: the product of the others does not matter then.
    let empty = shape.is_empty() || shape.contains(&0);
    match product {
        Some(n) if !empty => Ok(n),
        _ => Err(Error::invalid(
            path,
            format!("shape {shape:?}"),
            if empty {
                "at least one element"
            } else {
                "at most 4,294,967,295 elements, which 32 bits can count"
            },
            if empty { "give every dimension at least 1" } else { "use a smaller layer or smaller inputs" },
        )),
    }
}

/// A dense layer's output: the last dimension becomes `units`.
pub(crate) fn dense(path: &str, input: &[usize], units: usize) -> Result<Vec<usize>> {
    elements(path, input)?;
    let Some((&inputs, positions)) = input.split_last() else {
        return Err(Error::invalid(path, "a single number", "a vector", "reshape the input to [1]"));
    };
    if units == 0 {
        return Err(Error::invalid(
            path,
            "0 units",
            "at least 1 unit",
            "give the layer a positive number of units",
        ));
    }
    elements(path, &[inputs, units])?;
    let output = [positions, &[units]].concat();
    elements(path, &output)?;
    Ok(output)
}

/// Steps and features of a sequence.
pub(crate) fn sequence(path: &str, input: &[usize]) -> Result<(usize, usize)> {
    match *input {
        [steps, features] if steps > 0 && features > 0 => Ok((steps, features)),
        _ => Err(Error::invalid(
            path,
            format!("input of shape {input:?}"),
            "a sequence [steps, features] of at least 1 each",
            "reshape the data to [steps, features], or give every sequence at least one step",
        )),
    }
}

/// Steps, grid and channels of a sequence of grids with so many dimensions.
pub(crate) fn grids<'a>(path: &str, input: &'a [usize], dims: usize) -> Result<(usize, &'a [usize], usize)> {
    match input {
        [steps, grid @ .., channels] if grid.len() == dims && !input.contains(&0) => {
            Ok((*steps, grid, *channels))
        }
        _ => Err(Error::invalid(
            path,
            format!("input of shape {input:?}"),
            format!("time steps, {dims} spatial dimensions, then channels, of at least 1 each"),
            "reshape the input, time first and channels last",
        )),
    }
}

/// Flatten's output: one dimension.
pub(crate) fn flatten(path: &str, input: &[usize]) -> Result<Vec<usize>> {
    Ok(vec![elements(path, input)?])
}
