//! What the rows of a data set count in the loss.

use super::{Dataset, Targets};
use crate::{Error, Result};

impl Dataset {
    /// The same rows, with a weight for each, or for each of their time steps that has a target of its own: the loss of a row, or step,
    /// is multiplied by it (Keras' `sample_weight`). The mean is still that over all rows, and over unmasked steps, so that weights around
    /// 1 leave the size of the gradients alone. Replaces earlier weights.
    ///
    /// Weights go with the rows into splits, folds and selections. They count in training, in evaluation and in
    /// [`Trainer::weighted_metric`](crate::Trainer::weighted_metric); data to validate on have none, unless they are given some.
    ///
    /// # Errors
    /// A number of weights other than that of the rows or their steps; weights that are negative or not finite; weights that are all 0.
    ///
    /// ```
    /// use autorot::Dataset;
    ///
    /// let data = Dataset::values([1], vec![0.0, 1.0, 2.0], [1], vec![0.0, 2.0, 4.0])?;
    /// let data = data.with_weights(vec![1.0, 1.0, 0.5])?;
    /// assert_eq!(data.select(&[2])?.weights(), Some(&[0.5][..]));
    /// # Ok::<(), autorot::Error>(())
    /// ```
    pub fn with_weights(mut self, weights: Vec<f32>) -> Result<Self> {
        let (place, rows, steps) = ("data set weights", self.len(), self.targets().steps());
        let of_rows = weights.len() == rows || weights.len() == rows * steps;
        let wrong = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0));
        let (found, expected) = if !of_rows {
            let expected = match steps {
                1 => format!("one for each of the {rows} rows"),
                _ => format!("one for each of the {rows} rows, or for each of their {steps} steps"),
            };
            (format!("{} weights", weights.len()), expected)
        } else if let Some(i) = wrong {
            (format!("{} as weight {i}", weights[i]), "finite weights >= 0".to_owned())
        } else if weights.iter().all(|&w| w == 0.0) {
            ("weights that are all 0".to_owned(), "at least one weight above 0".to_owned())
        } else {
            self.weights = Some(weights);
            return Ok(self);
        };
        Err(Error::invalid(place, found, expected, "correct the weights, or leave them out"))
    }

    /// The same rows, each with the weight of its class, in the order of the class names (Keras' `class_weight`); where the rows have
    /// weights already, the two are multiplied. Where every time step has a class, steps are weighted.
    ///
    /// # Errors
    /// Targets other than classes; a number of weights other than that of the classes; weights that are negative or not finite.
    pub fn with_class_weights(self, weights: &[f32]) -> Result<Self> {
        let (labels, steps, names) = self.labels()?;
        if weights.len() != names.len() {
            return Err(Error::invalid(
                "class weights",
                format!("{} weights", weights.len()),
                format!("one for each of the {} classes {names:?}", names.len()),
                "give every class a weight, in the order of the class names",
            ));
        }
        let own = self.weights();
        let each = own.map_or(1, |own| own.len() / self.len());
        let weight = |(i, &label): (usize, &u32)| {
            let own = own.map_or(1.0, |own| own[i / steps * each + (i % steps).min(each - 1)]);
            own * weights[label as usize]
        };
        let weights = labels.iter().enumerate().map(weight).collect();
        self.with_weights(weights)
    }

    /// Weights with which all classes together count the same: rows/(classes·rows of the class), as scikit-learn's
    /// `compute_class_weight("balanced")`; 0 for a class without rows, of which a warning is logged.
    ///
    /// # Errors
    /// Targets other than classes.
    ///
    /// ```
    /// use autorot::Dataset;
    ///
    /// let names = ["rare", "frequent"].map(str::to_owned).to_vec();
    /// let data = Dataset::classes([1], vec![0.0; 4], vec![1, 1, 0, 1], names)?;
    /// let weights = data.balanced_class_weights()?;
    /// assert_eq!(weights, [2.0, 2.0 / 3.0]);
    /// let data = data.with_class_weights(&weights)?;
    /// # Ok::<(), autorot::Error>(())
    /// ```
    pub fn balanced_class_weights(&self) -> Result<Vec<f32>> {
        let (labels, _, names) = self.labels()?;
        let mut counts = vec![0_usize; names.len()];
        labels.iter().for_each(|&label| counts[label as usize] += 1);
        if let Some(class) = counts.iter().position(|&count| count == 0) {
            log::warn!("class weights: the class {:?} has no rows", names[class]);
        }
        let weight = |&count: &usize| match count {
            0 => 0.0,
            _ => (labels.len() as f64 / (names.len() * count) as f64) as f32,
        };
        Ok(counts.iter().map(weight).collect())
    }

    /// The weights of the rows, or of their time steps, row after row: see [`Dataset::with_weights`].
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// The weights per row: one, or one per time step.
    pub(crate) fn weights_per_row(&self) -> Option<usize> {
        self.weights().map(|weights| weights.len() / self.len())
    }

    /// Labels, how many a row has, and class names.
    fn labels(&self) -> Result<(&[u32], usize, &[String])> {
        match self.targets() {
            Targets::Classes { labels, steps, names } => Ok((labels, *steps, names)),
            Targets::Values { shape, .. } => Err(Error::invalid(
                "class weights",
                format!("targets that are values of shape {shape:?}"),
                "classes",
                "weigh the rows themselves, with Dataset::with_weights",
            )),
        }
    }
}
