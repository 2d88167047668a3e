//! Data sets: loaders for the original file formats, arrays and sequences from memory, two generated data sets that need no download, and
//! scaling fitted on the training part.
//!
//! | source | call | one row of inputs | targets |
//! |---|---|---|---|
//! | arrays in memory | [`Dataset::classes`], [`Dataset::values`] | any shape | classes or values |
//! | sequences of different lengths in memory | [`PadSequences`] | `[T, F]`, padded at the end | classes or values |
//! | numpy's arrays, `.npy` | [`Npy`] | as in the file | classes or values |
//! | idx files, plain or `.gz` | [`idx::Idx`] | as in the file, bytes in 0..1 | classes |
//! | MNIST | [`idx::mnist`] | `[28, 28]`, 0..1 | 10 classes |
//! | Fashion-MNIST | [`idx::fashion_mnist`] | `[28, 28]`, 0..1 | 10 classes |
//! | CIFAR-10, binary version | [`cifar10::load`] | `[32, 32, 3]` or gray `[32, 32]`, 0..1 | 10 classes |
//! | a table in a CSV file, plain or `.gz` | [`Csv`] | `[columns]`, as in the file or as a [`Preparation`] makes them | values or classes |
//! | a table in a Parquet or Arrow file | `Columnar`, feature `arrow` | as a [`Preparation`] makes them | values or classes |
//! | rows of fields in memory | [`Table`] | as a [`Preparation`] makes them | values or classes |
//! | a time series in a [`Table`] or in memory | [`Windows`] | `[sequence_length, columns]` | values later in time |
//! | a folder of PNG, JPEG, WebP, GIF and BMP files | `folder::ImageFolder`, feature `images` | `[height, width, 3]` or gray `[height, width]`, 0..1 | one class per directory |
//! | Japanese vowels | [`vowels::load`] | `[29, 12]`, padded at the end | 9 classes |
//! | drawn letters and digits, no files | [`Glyphs`] | `[28, 28]`, 0..1 | 16 classes |
//! | the adding problem, no files | [`AddingProblem`] | `[T, 2]`, 0..1 | a value |
//!
//! What memory does not hold is read when it is needed: a [`Source`] of rows by their numbers ([`Indexed`]) or as they come ([`Stream`]),
//! which [`Npy::source`], [`idx::Idx::source`], [`Csv::source`], `Columnar::source` and `ImageFolder::source` make of files.
//!
//! [`Dataset::split`] and similar functions keep rows for testing: at random, by groups, in time, or in k folds. Parts that were loaded
//! separately become a [`Split`] with [`Split::new`], which compares their classes.
//!
//! Colour images have their channels last. A [`Scaler`] brings inputs or regression targets to a common scale; a [`Preparation`] also
//! handles the categories and missing values of a table. Fit either on the training part and apply it to both parts.

mod adding;
pub mod cifar10;
pub(crate) mod classes;
#[cfg(feature = "arrow")]
mod columnar;
pub(crate) mod conversion;
mod csv;
mod dataset;
mod fingerprint;
#[cfg(feature = "images")]
pub mod folder;
mod glyphs;
pub mod idx;
mod mask;
#[cfg(feature = "ndarray")]
mod ndarray;
mod npy;
mod numbers;
mod observed;
mod order;
mod pad;
mod precise;
mod scale;
mod source;
mod split;
mod table;
pub mod vowels;
mod weights;
mod windows;

pub use self::csv::Csv;
pub use adding::AddingProblem;
#[cfg(feature = "arrow")]
pub use columnar::Columnar;
pub use conversion::{Conversion, Rows};
pub use dataset::{Dataset, Targets};
pub use glyphs::Glyphs;
pub use npy::Npy;
pub(crate) use observed::index;
pub use observed::{Observed, Outliers};
pub use order::Order;
pub use pad::PadSequences;
pub use scale::{Scale, Scaler};
pub use source::{Indexed, Reader, Source, Stream, blocks};
pub use split::{Folds, Split};
pub use table::{Columns, Impute, Preparation, Table, Unknown};
pub use windows::Windows;

pub(crate) use order::Draw;
pub(crate) use source::checked;

/// Rec. 601 luma, in f64 so that three equal channels give exactly their value.
fn luma(red: f32, green: f32, blue: f32) -> f32 {
    (0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue)) as f32
}
