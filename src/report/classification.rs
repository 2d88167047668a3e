//! How a classifier did on labelled rows: scikit-learn's scores.

use crate::{Dataset, Error, Model, Result, Targets};

/// What a classifier said about labelled rows, and the scores that follow. Names and definitions are scikit-learn's; where a class has no rows,
/// or is never named, a score that would divide by 0 is 0.
///
/// ```
/// use autorot::report::{Average, Classification};
///
/// let names = ["cat", "dog"].map(str::to_owned).to_vec();
/// let scores = Classification::new(names, vec![0, 0, 1, 1], vec![0.9, 0.1, 0.4, 0.6, 0.2, 0.8, 0.3, 0.7])?;
/// assert_eq!(scores.confusion(), [[1.0, 1.0], [0.0, 2.0]]);
/// assert_eq!(scores.accuracy(), 0.75);
/// assert_eq!(scores.recalls(), [0.5, 1.0]);
/// assert_eq!(scores.recall(Average::Macro), 0.75);
/// assert_eq!(scores.roc_auc(), 1.0);
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    names: Vec<String>,
    labels: Vec<u32>,
    /// Row after row, one for every class.
    probabilities: Vec<f64>,
    weights: Vec<f64>,
    /// By true class, then by the class that was named.
    confusion: Vec<Vec<f64>>,
}

/// How the scores of the classes become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// From all rows together: every row counts the same.
    Micro,
    /// Their mean: every class counts the same.
    Macro,
    /// Their mean, each with the share of the rows that its class has.
    Weighted,
}

/// Rows whose predictions fall into one of several equal parts of 0..1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrationBin {
    /// The mean probability that was predicted.
    pub predicted: f64,
    /// The share of the rows for which it came true.
    pub observed: f64,
    /// The number of rows, or the sum of their weights.
    pub rows: f64,
}

impl Classification {
    /// The scores of rows with these class indices, for which the classes of these names were given these probabilities, row after row.
    ///
    /// # Errors
    /// No rows; fewer than two classes; labels that are no class; another number of probabilities than one for every row and class;
    /// probabilities that are not from 0 to 1.
    pub fn new(names: Vec<String>, labels: Vec<u32>, probabilities: Vec<f64>) -> Result<Self> {
        let classes = names.len();
        let wrong = |found: String, expected: String| {
            Err(Error::invalid(
                "classification",
                found,
                expected,
                "pass a label and all probabilities of every row",
            ))
        };
        if labels.is_empty() || classes < 2 {
            return wrong(
                format!("{} rows of {classes} classes", labels.len()),
                "at least one row, and two classes".to_owned(),
            );
        }
        if let Some(label) = labels.iter().find(|&&label| label as usize >= classes) {
            return wrong(format!("the label {label}"), format!("labels below {classes}"));
        }
        if probabilities.len() != labels.len() * classes {
            let expected = format!("{classes} for each of the {} rows", labels.len());
            return wrong(format!("{} probabilities", probabilities.len()), expected);
        }
        if let Some(p) = probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            let expected = "probabilities from 0 to 1, or a model whose outputs are set to be logits";
            return wrong(format!("the probability {p}"), expected.to_owned());
        }
        let weights = vec![1.0; labels.len()];
        Ok(Self { confusion: Vec::new(), names, labels, probabilities, weights }.counted())
    }

    /// The same rows, each counting as much as its weight.
    ///
    /// # Errors
    /// Another number of weights than of rows; weights that are negative or not finite, or all 0.
    pub fn with_weights(mut self, weights: Vec<f64>) -> Result<Self> {
        let fine = weights.iter().all(|w| w.is_finite() && *w >= 0.0) && weights.iter().sum::<f64>() > 0.0;
        if weights.len() != self.labels.len() || !fine {
            return Err(Error::invalid(
                "classification",
                format!("{} weights {weights:?}", weights.len()),
                format!("{} finite weights >= 0, at least one of them above 0", self.labels.len()),
                "give every row a weight",
            ));
        }
        self.weights = weights;
        Ok(self.counted())
    }

    fn counted(mut self) -> Self {
        let classes = self.names.len();
        self.confusion = vec![vec![0.0; classes]; classes];
        for ((&label, row), weight) in
            self.labels.iter().zip(self.probabilities.chunks_exact(classes)).zip(&self.weights)
        {
            let most = (0..classes).fold(0, |best, class| if row[class] > row[best] { class } else { best });
            self.confusion[label as usize][most] += weight;
        }
        self
    }

    /// The class names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many rows of each class (first index) were given each class (second index); with weights, their sums.
    pub fn confusion(&self) -> &[Vec<f64>] {
        &self.confusion
    }

    /// The rows of each class.
    pub fn support(&self) -> Vec<f64> {
        self.confusion.iter().map(|row| row.iter().sum()).collect()
    }

    /// The rows that were given each class.
    fn named(&self) -> Vec<f64> {
        (0..self.names.len()).map(|class| self.confusion.iter().map(|row| row[class]).sum()).collect()
    }

    /// The rows of each class that were given it.
    fn right(&self) -> impl Iterator<Item = f64> {
        self.confusion.iter().enumerate().map(|(class, row)| row[class])
    }

    /// The share of the rows that were given their class.
    pub fn accuracy(&self) -> f64 {
        self.right().sum::<f64>() / self.support().iter().sum::<f64>()
    }

    /// The mean recall of the classes that have rows.
    pub fn balanced_accuracy(&self) -> f64 {
        let support = self.support();
        let recalls = self.recalls();
        let present = || recalls.iter().zip(&support).filter(|(_, rows)| **rows > 0.0);
        present().map(|(recall, _)| recall).sum::<f64>() / present().count() as f64
    }

    /// For each class, the share of the rows that were given it that are of it.
    pub fn precisions(&self) -> Vec<f64> {
        self.right().zip(self.named()).map(|(right, named)| share(right, named)).collect()
    }

    /// For each class, the share of its rows that were given it.
    pub fn recalls(&self) -> Vec<f64> {
        self.right().zip(self.support()).map(|(right, rows)| share(right, rows)).collect()
    }

    /// For each class, the weighted harmonic mean of precision and recall, recall counting β² times as much: F₁ with β = 1.
    pub fn f_scores(&self, beta: f64) -> Vec<f64> {
        let both = self.named().into_iter().zip(self.support());
        let of_class = |(right, (named, rows)): (f64, (f64, f64))| {
            share((1.0 + beta * beta) * right, named + beta * beta * rows)
        };
        self.right().zip(both).map(of_class).collect()
    }

    fn average(&self, of_classes: Vec<f64>, average: Average) -> f64 {
        let count = of_classes.len() as f64;
        match average {
            // Every row is given one class: what is lacking in one is too much in another.
            Average::Micro => self.accuracy(),
            Average::Macro => of_classes.iter().sum::<f64>() / count,
            Average::Weighted => {
                let support = self.support();
                let all: f64 = support.iter().sum();
                of_classes.iter().zip(support).map(|(score, rows)| score * rows / all).sum()
            }
        }
    }

    /// The classes' precisions as one number.
    pub fn precision(&self, average: Average) -> f64 {
        self.average(self.precisions(), average)
    }

    /// The classes' recalls as one number.
    pub fn recall(&self, average: Average) -> f64 {
        self.average(self.recalls(), average)
    }

    /// The classes' F₁ scores as one number.
    pub fn f1(&self, average: Average) -> f64 {
        self.average(self.f_scores(1.0), average)
    }

    /// The mean of −log p of the rows' own classes; a p of 0 counts as 2⁻⁵².
    pub fn log_loss(&self) -> f64 {
        let classes = self.names.len();
        let rows = self.labels.iter().zip(self.probabilities.chunks_exact(classes)).zip(&self.weights);
        let losses = rows.map(|((&label, row), weight)| {
            let (p, all) = (row[label as usize], row.iter().sum::<f64>());
            -weight * (p / all).clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
        });
        losses.sum::<f64>() / self.weights.iter().sum::<f64>()
    }

    /// The area under the receiver operating characteristic: how likely a row of a class is given a higher probability of it than a row of
    /// another class, ties counting half. That of the second class, if there are two, else the mean of all classes, each against the rest. NaN
    /// if a class has no rows, or all of them.
    pub fn roc_auc(&self) -> f64 {
        self.of_classes(roc_auc)
    }

    /// The area under the curve of precision over recall, as a sum of steps. That of the second class, if there are two, else the mean of all
    /// classes, each against the rest; 0 for a class without rows.
    pub fn average_precision(&self) -> f64 {
        self.of_classes(average_precision)
    }

    fn of_classes(&self, area: fn(&[(f64, bool, f64)]) -> f64) -> f64 {
        let first = usize::from(self.names.len() == 2);
        let areas = (first..self.names.len()).map(|class| area(&self.ranked(class)));
        areas.sum::<f64>() / (self.names.len() - first) as f64
    }

    /// Probability of a class, whether a row is of it, and its weight; the highest probability first.
    fn ranked(&self, class: usize) -> Vec<(f64, bool, f64)> {
        let probabilities = self.probabilities.iter().skip(class).step_by(self.names.len());
        let rows = probabilities.zip(&self.labels).zip(&self.weights);
        let mut rows: Vec<_> =
            rows.map(|((&p, &label), &weight)| (p, label as usize == class, weight)).collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        rows
    }

    /// How often a class came true where it was predicted with a probability from each of `bins` equal parts of 0..1, without parts that have no
    /// rows.
    pub fn calibration(&self, class: usize, bins: usize) -> Vec<CalibrationBin> {
        let mut sums = vec![[0.0; 3]; bins.max(1)];
        for (p, of_it, weight) in self.ranked(class.min(self.names.len() - 1)) {
            // A border belongs to the part below it.
            let bin = ((p * sums.len() as f64).ceil() as usize).saturating_sub(1).min(sums.len() - 1);
            let observed = if of_it { weight } else { 0.0 };
            sums[bin].iter_mut().zip([p * weight, observed, weight]).for_each(|(sum, part)| *sum += part);
        }
        let filled = sums.into_iter().filter(|[_, _, rows]| *rows > 0.0);
        filled
            .map(|[p, of_it, rows]| CalibrationBin { predicted: p / rows, observed: of_it / rows, rows })
            .collect()
    }

    /// Draws the confusion matrix as shares of the rows of each class: `.png` or `.svg`.
    ///
    /// # Errors
    /// Another file extension; I/O errors.
    #[cfg(feature = "plot")]
    pub fn plot_confusion(&self, path: impl AsRef<std::path::Path>) -> Result<()> {
        use super::plot::{HeatMap, heat_maps};
        let shares = self.confusion.iter().zip(self.support());
        let map = HeatMap {
            title: "share of each class".to_owned(),
            x_label: "predicted class, in the same order".to_owned(),
            y_label: "class".to_owned(),
            rows: self.names.clone(),
            values: shares.map(|(row, rows)| row.iter().map(|count| share(*count, rows)).collect()).collect(),
        };
        heat_maps(path, &[map], "")
    }

    /// Draws how often a class came true where it was predicted, over the probability that was predicted: `.png` or `.svg`.
    ///
    /// # Errors
    /// Another file extension; I/O errors.
    #[cfg(feature = "plot")]
    pub fn plot_calibration(
        &self,
        path: impl AsRef<std::path::Path>,
        class: usize,
        bins: usize,
    ) -> Result<()> {
        use super::plot::{Curve, CurvePanel, curves};
        let curve = |label: &str, points| Curve { label: label.to_owned(), points, spread: None };
        let found =
            self.calibration(class, bins).into_iter().map(|bin| (bin.predicted, bin.observed)).collect();
        let panel = CurvePanel {
            title: self.names.get(class).cloned().unwrap_or_default(),
            x_label: "predicted probability".to_owned(),
            y_label: "share that came true".to_owned(),
            curves: vec![
                curve("predictions", found),
                curve("perfect calibration", vec![(0.0, 0.0), (1.0, 1.0)]),
            ],
            ..CurvePanel::default()
        };
        curves(path, &[panel])
    }
}

fn share(part: f64, of: f64) -> f64 {
    if of == 0.0 { 0.0 } else { part / of }
}

/// Calls `each` with the weights of the rows of the class and of the others that have the next lower probability.
fn steps(ranked: &[(f64, bool, f64)], mut each: impl FnMut(f64, f64)) {
    for tied in ranked.chunk_by(|a, b| a.0 == b.0) {
        let weight = |of_it| tied.iter().filter(|row| row.1 == of_it).map(|row| row.2).sum();
        each(weight(true), weight(false));
    }
}

fn roc_auc(ranked: &[(f64, bool, f64)]) -> f64 {
    let (mut above, mut others, mut area) = (0.0, 0.0, 0.0);
    steps(ranked, |of_it, not| {
        area += not * (above + 0.5 * of_it);
        (above, others) = (above + of_it, others + not);
    });
    area / (above * others)
}

fn average_precision(ranked: &[(f64, bool, f64)]) -> f64 {
    let (mut of_it, mut all, mut area) = (0.0, 0.0, 0.0);
    steps(ranked, |more, not| {
        (of_it, all) = (of_it + more, all + more + not);
        area += more * share(of_it, all);
    });
    share(area, of_it)
}

impl Model {
    /// How the model classifies these rows: its probabilities beside their classes, with the weights that the rows have. Of two classes a
    /// single output may be the logit of the second.
    ///
    /// # Errors
    /// Targets that are not one class a row; a model with other classes, or whose outputs are neither logits ([`Model::set_outputs`] says what they
    /// are) nor numbers from 0 to 1; those of [`Model::predict`].
    #[cfg(not(target_family = "wasm"))]
    pub fn classification(&mut self, data: &Dataset) -> Result<Classification> {
        pollster::block_on(self.classification_async(data))
    }

    /// [`Model::classification`], for callers that may not block.
    pub async fn classification_async(&mut self, data: &Dataset) -> Result<Classification> {
        let Targets::Classes { labels, steps: 1, names } = data.targets() else {
            return Err(Error::invalid(
                "classification",
                "targets that are not one class a row",
                "a class for every row",
                "use Trainer::evaluate with metrics",
            ));
        };
        self.check_classes(data)?;
        let outputs = self.predict_async(data.inputs()).await?;
        let (kind, each) = (self.outputs(), outputs.len() / labels.len());
        if each != names.len() && !kind.tells_two(each, names.len()) {
            return Err(Error::invalid(
                "classification",
                format!("{each} outputs a row"),
                format!("one for each of the {} classes", names.len()),
                "use a model for these classes",
            ));
        }
        let mut probabilities = Vec::with_capacity(labels.len() * names.len());
        outputs.chunks_exact(each).for_each(|row| kind.answer_of(row, names.len(), &mut probabilities));
        let scores = Classification::new(names.clone(), labels.clone(), probabilities)?;
        match data.weights() {
            Some(weights) => scores.with_weights(weights.iter().map(|&w| w.into()).collect()),
            None => Ok(scores),
        }
    }
}
