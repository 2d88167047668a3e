//! Sequences of different lengths in one data set, padded at the end with a mask value.

use super::Dataset;
use super::mask::Padding;
use crate::{Error, Result};

/// Makes a [`Dataset`] from sequences of different lengths: rows of shape `[T, F]`, each a sequence of steps of F features, filled up to
/// T steps with a value that fills no real step (Keras' `pad_sequences` with `padding="post"`).
///
/// [`Masking::new`](crate::Masking::new) with the same value makes a network leave those steps out. The data set remembers the value,
/// [`Dataset::mask_value`], so that its range and [`Scaler`](super::Scaler) leave them out too, and so that a network that does not mask
/// it is an error.
///
/// ```
/// use autorot::{Dense, Gru, Masking, Sequential, data::PadSequences};
///
/// // Two sequences of two features, with three steps and with one.
/// let sequences = [vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6], vec![0.7, 0.8]];
/// let names = ["up".into(), "down".into()];
/// let data = PadSequences::new(2, -1.0).classes(&sequences, vec![0, 1], names.to_vec())?;
/// assert_eq!((data.shape(), data.range()), (&[3, 2][..], (0.1, 0.8)));
/// assert_eq!(data.row(1), Some(&[0.7, 0.8, -1.0, -1.0, -1.0, -1.0][..]));
/// let model = Sequential::for_data(&data).add(Masking::new(-1.0)).add(Gru::new(8)).add(Dense::new(2));
/// # model.network(0)?;
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "a builder makes nothing before its targets are given"]
pub struct PadSequences {
    features: usize,
    value: f32,
    steps: Option<usize>,
}

impl PadSequences {
    /// For sequences of steps of `features` numbers, padded with `value` to the length of the longest.
    pub fn new(features: usize, value: f32) -> Self {
        Self { features, value, steps: None }
    }

    /// Sets T, so that several data sets agree on it; `None` uses the length of the longest sequence.
    pub fn steps(mut self, steps: impl Into<Option<usize>>) -> Self {
        self.steps = steps.into();
        self
    }

    /// A classification data set: one label per sequence, each below `names.len()`.
    ///
    /// # Errors
    /// No sequences; a sequence that is empty, is not made of whole steps, is longer than the given T, has a step filled with the mask
    /// value, or has non-finite numbers; and those of [`Dataset::classes`].
    pub fn classes(
        &self,
        sequences: &[impl AsRef<[f32]>],
        labels: Vec<u32>,
        names: Vec<String>,
    ) -> Result<Dataset> {
        let (shape, inputs) = self.pad(sequences)?;
        Dataset::classes(shape, inputs, labels, names)?.with_mask(self.value)
    }

    /// A regression data set: one target of `target_shape` per sequence.
    ///
    /// # Errors
    /// As [`PadSequences::classes`], and those of [`Dataset::values`].
    pub fn values(
        &self,
        sequences: &[impl AsRef<[f32]>],
        target_shape: impl Into<Vec<usize>>,
        values: Vec<f32>,
    ) -> Result<Dataset> {
        let (shape, inputs) = self.pad(sequences)?;
        Dataset::values(shape, inputs, target_shape, values)?.with_mask(self.value)
    }

    /// A classification data set of steps: one label per step of each sequence, below `names.len()`. The labels of padded steps do not
    /// matter if the network masks these steps.
    ///
    /// # Errors
    /// As [`PadSequences::classes`]; a number of labels that differs from the number of steps.
    pub fn step_classes(
        &self,
        sequences: &[impl AsRef<[f32]>],
        labels: &[impl AsRef<[u32]>],
        names: Vec<String>,
    ) -> Result<Dataset> {
        let (shape, inputs) = self.pad(sequences)?;
        let labels = self.pad_targets(sequences, labels, shape[0], 1)?;
        Dataset::step_classes(shape, inputs, labels, names)?.with_mask(self.value)
    }

    /// A regression data set of steps: `width` numbers per step of each sequence, so that a row's target has the shape `[T, width]`. The
    /// targets of padded steps do not matter if the network masks these steps.
    ///
    /// # Errors
    /// As [`PadSequences::values`]; a number of targets that differs from the number of steps.
    pub fn step_values(
        &self,
        sequences: &[impl AsRef<[f32]>],
        width: usize,
        values: &[impl AsRef<[f32]>],
    ) -> Result<Dataset> {
        let (shape, inputs) = self.pad(sequences)?;
        let values = self.pad_targets(sequences, values, shape[0], width)?;
        Dataset::values(shape, inputs, [shape[0], width], values)?.with_mask(self.value)
    }

    /// The targets of all steps, zeros for padded ones.
    fn pad_targets<T: Copy + Default>(
        &self,
        sequences: &[impl AsRef<[f32]>],
        targets: &[impl AsRef<[T]>],
        steps: usize,
        width: usize,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for (index, sequence) in sequences.iter().enumerate() {
            let count = sequence.as_ref().len() / self.features;
            let of_sequence = targets.get(index).map_or(&[][..], AsRef::as_ref);
            if count.checked_mul(width) != Some(of_sequence.len()) || targets.len() != sequences.len() {
                return Err(Error::invalid(
                    format!("sequence {index}"),
                    format!("{count} steps and {} numbers of {} targets", of_sequence.len(), targets.len()),
                    format!("{width} for every step, and targets for all {} sequences", sequences.len()),
                    "pass the targets of every step of every sequence",
                ));
            }
            // The sequence's own targets fit into memory; those of padded steps may not.
            let room = steps.checked_mul(width).and_then(|row| row.checked_mul(index + 1));
            if room.is_none_or(|room| room > MOST_NUMBERS) {
                return Err(Error::invalid(
                    "targets of steps",
                    format!("{} sequences of {steps} steps of {width} numbers", sequences.len()),
                    format!("at most {MOST_NUMBERS} numbers in all"),
                    "cut the longest sequences into parts",
                ));
            }
            all.extend_from_slice(of_sequence);
            all.resize((index + 1) * steps * width, T::default());
        }
        Ok(all)
    }

    fn padding(&self) -> Padding {
        Padding { value: self.value, step: self.features }
    }

    /// The shape of a row, and all rows.
    fn pad(&self, sequences: &[impl AsRef<[f32]>]) -> Result<([usize; 2], Vec<f32>)> {
        if self.features == 0 {
            return Err(Error::invalid(
                "sequences",
                "steps of 0 features",
                "at least 1",
                "give their number",
            ));
        }
        if !self.value.is_finite() {
            return Err(Error::invalid(
                "sequences",
                format!("the mask value {}", self.value),
                "a finite number",
                "pad with a number that fills no step",
            ));
        }
        for (index, sequence) in sequences.iter().enumerate() {
            self.check(index, sequence.as_ref())?;
        }
        let longest = sequences.iter().map(|s| s.as_ref().len() / self.features).max();
        let Some(longest) = longest else {
            return Err(Error::invalid("sequences", "none", "at least one", "check the source of the data"));
        };
        let steps = self.steps.unwrap_or(longest);
        let width = steps.checked_mul(self.features);
        let room =
            width.and_then(|width| width.checked_mul(sequences.len())).filter(|&all| all <= MOST_NUMBERS);
        let (Some(width), Some(room)) = (width, room) else {
            return Err(Error::invalid(
                "sequences",
                format!("{} of {steps} steps of {} features", sequences.len(), self.features),
                format!("at most {MOST_NUMBERS} numbers in all"),
                "cut the longest sequences into parts",
            ));
        };
        let mut inputs = Vec::with_capacity(room);
        for (row, sequence) in sequences.iter().enumerate() {
            inputs.extend_from_slice(sequence.as_ref());
            inputs.resize((row + 1) * width, self.value);
        }
        Ok(([steps, self.features], inputs))
    }

    fn check(&self, index: usize, sequence: &[f32]) -> Result<()> {
        let fail = |found: String, expected: String, remedy: &str| {
            Err(Error::invalid(format!("sequence {index}"), found, expected, remedy))
        };
        let (len, features) = (sequence.len(), self.features);
        if len == 0 {
            return fail("no steps".into(), "at least one".into(), "drop the empty sequence and its target");
        }
        if !len.is_multiple_of(features) {
            let expected = format!("whole steps of {features} features");
            return fail(format!("{len} numbers"), expected, "pass all features of every step");
        }
        if let Some(steps) = self.steps.filter(|&steps| len / features > steps) {
            let found = format!("{} steps", len / features);
            return fail(found, format!("at most the given {steps}"), "cut the sequence, or give more steps");
        }
        if let Some(at) = sequence.iter().position(|v| !v.is_finite()) {
            let found = format!("{} in step {}", sequence[at], at / features);
            return fail(found, "finite numbers".into(), "drop the sequence or fill in what is missing");
        }
        match self.padding().find(sequence) {
            None => Ok(()),
            Some(step) => fail(
                format!("step {step} with all features {}, the mask value", self.value),
                "a mask value that fills no step".into(),
                "choose another mask value, outside of the range of the data",
            ),
        }
    }
}

/// The most numbers in a generated or padded data set, 4 GiB.
pub(super) const MOST_NUMBERS: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Scaler, Targets};

    fn names() -> Vec<String> {
        vec!["a".into(), "b".into()]
    }

    /// Sequences of two, one and three steps of two features.
    fn sequences() -> Vec<Vec<f32>> {
        vec![vec![1.0, 10.0, 2.0, 20.0], vec![3.0, 30.0], vec![4.0, 40.0, 5.0, 9.0, 5.0, 50.0]]
    }

    fn data() -> Dataset {
        PadSequences::new(2, 9.0).steps(4).classes(&sequences(), vec![0, 1, 0], names()).unwrap()
    }

    #[test]
    fn steps_have_targets_of_their_own() {
        let sequences = [vec![0.1, 0.2, 0.3], vec![0.4]];
        let names = || vec!["a".to_owned(), "b".to_owned()];
        let pad = PadSequences::new(1, -1.0);
        let data = pad.step_classes(&sequences, &[vec![1, 0, 1], vec![1]], names()).unwrap();
        let wanted = Targets::Classes { labels: vec![1, 0, 1, 1, 0, 0], steps: 3, names: names() };
        assert_eq!((data.targets(), data.mask_value()), (&wanted, Some(-1.0)));
        let values = [vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], vec![7.0, 8.0]];
        let data = pad.step_values(&sequences, 2, &values).unwrap();
        let padded = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(data.targets(), &Targets::Values { shape: vec![3, 2], values: padded });
        let error = pad.step_classes(&sequences, &[vec![1, 0], vec![1]], names()).unwrap_err().to_string();
        assert!(error.contains("sequence 0") && error.contains("3 steps and 2"), "{error}");
        assert!(pad.step_values(&sequences, 1, &[vec![1.0; 3]]).is_err());
        assert!(pad.step_values(&sequences, usize::MAX / 2, &[vec![1.0; 3], vec![1.0]]).is_err());
        assert!(Scaler::standard_targets(&data).unwrap_err().to_string().contains("padded"));
    }

    #[test]
    fn sequences_are_padded_at_their_ends() {
        let data = data();
        assert_eq!((data.len(), data.shape(), data.mask_value()), (3, &[4, 2][..], Some(9.0)));
        assert_eq!(data.row(0), Some(&[1.0, 10.0, 2.0, 20.0, 9.0, 9.0, 9.0, 9.0][..]));
        assert_eq!(data.row(2), Some(&[4.0, 40.0, 5.0, 9.0, 5.0, 50.0, 9.0, 9.0][..]));
        let values = PadSequences::new(2, -1.0).values(&sequences(), [1], vec![0.5; 3]).unwrap();
        assert_eq!((values.shape(), values.mask_value()), (&[3, 2][..], Some(-1.0)));
        assert_eq!(values.targets(), &Targets::Values { shape: vec![1], values: vec![0.5; 3] });
        let plain = Dataset::values([1], vec![9.0], [1], vec![9.0]).unwrap();
        assert_eq!((plain.mask_value(), plain.range()), (None, (9.0, 9.0)));
    }

    #[test]
    fn what_is_made_of_a_padded_set_knows_its_mask_value() {
        let data = data();
        assert_eq!(data.range(), (1.0, 50.0));
        // The longest row, and a shape with other steps: padding is still found by the original steps.
        let shaped = data.select(&[1, 0]).unwrap().reshape([2, 4]).unwrap();
        assert_eq!((shaped.range(), shaped.mask_value()), ((1.0, 30.0), Some(9.0)));
        let twice = [data.inputs(), data.inputs()].concat();
        let twice = PadSequences::new(2, 9.0)
            .steps(4)
            .classes(&[sequences(), sequences()].concat(), vec![0, 1, 0, 0, 1, 0], names())
            .unwrap()
            .with_inputs(twice)
            .unwrap();
        let split = twice.split(0.5, 0).unwrap();
        assert_eq!((split.train.mask_value(), split.test.mask_value()), (Some(9.0), Some(9.0)));
        assert_eq!(twice.split_last(0.5).unwrap().test.mask_value(), Some(9.0));
    }

    #[test]
    fn scalers_leave_padded_steps_out() {
        let data = data();
        let scaled = Scaler::min_max(&data, 0.0, 1.0).unwrap().apply(&data).unwrap();
        // A column is a feature over all steps: 1 to 5, and 9 to 50.
        assert_eq!(scaled.row(1), Some(&[0.5, 21.0 / 41.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0][..]));
        assert_eq!((scaled.range(), scaled.mask_value()), ((0.0, 1.0), Some(9.0)));
        let overall = Scaler::min_max_overall(&data, 0.0, 1.0).unwrap().apply(&data).unwrap();
        assert_eq!(overall.row(1), Some(&[2.0 / 49.0, 29.0 / 49.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0][..]));
        let standard = Scaler::standard(&data).apply(&data).unwrap();
        let first: f32 = standard.counting().map(|step| step[0]).sum();
        assert!(first.abs() < 1e-6, "{first}");
        let targets = data.with_values(&[1], vec![1.0, 2.0, 3.0]).unwrap();
        let scaled = Scaler::standard_targets(&targets).unwrap().apply(&targets).unwrap();
        assert_eq!((scaled.mask_value(), scaled.inputs()), (Some(9.0), data.inputs()));
    }

    #[test]
    fn a_scaling_must_not_make_a_step_of_mask_values() {
        let data =
            PadSequences::new(1, -1.0).values(&[vec![1.0, 3.0], vec![2.0]], [1], vec![0.0; 2]).unwrap();
        let message = Scaler::min_max(&data, -1.0, 1.0).unwrap().apply(&data).unwrap_err().to_string();
        assert!(message.contains("row 0") && message.contains("mask value"), "{message}");
    }

    #[test]
    fn what_cannot_be_padded_is_named() {
        let pad = PadSequences::new(2, 9.0);
        let refused = |pad: PadSequences, sequences: &[Vec<f32>], words: &[&str]| {
            let count = sequences.len();
            let values = pad.values(sequences, [1], vec![0.0; count]).unwrap_err().to_string();
            let classes = pad.classes(sequences, vec![0; count], names()).unwrap_err().to_string();
            for word in words {
                assert!(values.contains(word), "{word:?} is not in {values:?}");
            }
            assert_eq!(values, classes);
        };
        let ok = vec![1.0, 2.0];
        refused(pad, &[], &["found none"]);
        refused(pad, &[ok.clone(), vec![]], &["sequence 1", "no steps"]);
        refused(pad, &[ok.clone(), vec![1.0; 3]], &["sequence 1", "3 numbers", "2 features"]);
        refused(pad.steps(2), &[vec![1.0; 6]], &["sequence 0", "3 steps", "given 2"]);
        refused(pad, &[vec![1.0, 2.0, 9.0, 9.0]], &["sequence 0", "step 1", "mask value"]);
        refused(pad, &[vec![1.0, f32::NAN]], &["sequence 0", "NaN in step 0"]);
        refused(PadSequences::new(0, 9.0), std::slice::from_ref(&ok), &["0 features"]);
        refused(PadSequences::new(2, f32::NAN), std::slice::from_ref(&ok), &["NaN"]);
        refused(pad.steps(0), std::slice::from_ref(&ok), &["sequence 0", "given 0"]);
        refused(pad.steps(usize::MAX), std::slice::from_ref(&ok), &["numbers in all"]);
        assert!(pad.classes(&[ok], vec![0, 1], names()).is_err());
    }
}
