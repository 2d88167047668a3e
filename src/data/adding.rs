//! The adding problem, which tests how long a recurrent network can remember.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::pad::MOST_NUMBERS;
use super::{Dataset, Split};
use crate::{Error, Result};

/// The most time steps of a sequence.
const MOST_STEPS: usize = 65_536;

/// The adding problem (Hochreiter and Schmidhuber 1997): a sequence of numbers, two of them marked; the network is to return their sum at
/// the end. The longer the sequence, the further back gradients must reach.
///
/// Rows have the shape `[T, 2]`: a number drawn uniformly from 0..1, and a marker, which is 1 at two steps, one in each half of the
/// sequence, and 0 elsewhere. The target is the sum of the two marked numbers, of shape `[1]`. Always predicting the mean, 1, gives a
/// mean squared error of 1/6.
///
/// Sequence `i` of a part depends only on the seed, T and `i`, and is the same on every platform.
///
/// ```
/// use autorot::data::AddingProblem;
///
/// let split = AddingProblem { steps: 100, train: 64, test: 16, seed: 0 }.load()?;
/// assert_eq!((split.train.len(), split.train.shape()), (64, &[100, 2][..]));
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddingProblem {
    /// T, the number of steps in a sequence, 2 to 65,536; 200 by default.
    pub steps: usize,
    /// How many sequences to draw for training, at least 1; 10,000 by default.
    pub train: usize,
    /// How many sequences to draw for testing, at least 1; 1,000 by default.
    pub test: usize,
    /// The seed for all random numbers, 0 by default.
    pub seed: u64,
}

impl Default for AddingProblem {
    fn default() -> Self {
        Self { steps: 200, train: 10_000, test: 1_000, seed: 0 }
    }
}

impl AddingProblem {
    /// The mean squared error of always predicting the mean.
    pub const MEAN_LOSS: f64 = 1.0 / 6.0;

    /// Draws the sequences.
    ///
    /// # Errors
    /// Fewer than 2 or more than 65,536 steps; no sequences, or so many that they have more than 2³⁰ numbers.
    pub fn load(&self) -> Result<Split> {
        if !(2..=MOST_STEPS).contains(&self.steps) {
            return Err(Error::invalid(
                "AddingProblem::steps",
                self.steps,
                format!("2 to {MOST_STEPS}"),
                "ask for another number",
            ));
        }
        Split::new(self.part("train", self.train, 0)?, self.part("test", self.test, 1)?)
    }

    fn part(&self, name: &str, count: usize, part: u64) -> Result<Dataset> {
        let most = MOST_NUMBERS / (2 * self.steps);
        if !(1..=most).contains(&count) {
            return Err(Error::invalid(
                format!("AddingProblem::{name}"),
                format!("{count} sequences of {} steps", self.steps),
                format!("1 to {most}"),
                "ask for another number",
            ));
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut inputs = Vec::with_capacity(count * 2 * self.steps);
        let mut sums = Vec::with_capacity(count);
        let half = self.steps / 2;
        for index in 0..count {
            rng.set_stream(2 * index as u64 + part);
            rng.set_word_pos(0);
            let marked = [below(&mut rng, half), half + below(&mut rng, self.steps - half)];
            let mut sum = 0.0;
            for step in 0..self.steps {
                let number = (rng.next_u32() >> 8) as f32 / (1 << 24) as f32;
                let marker = f32::from(u8::from(marked.contains(&step)));
                inputs.extend([number, marker]);
                sum += number * marker;
            }
            sums.push(sum);
        }
        Dataset::values([self.steps, 2], inputs, [1], sums)
    }
}

/// Uniform below `end`, by plain arithmetic, so that no library update can change the draws.
fn below(rng: &mut ChaCha8Rng, end: usize) -> usize {
    ((u64::from(rng.next_u32()) * end as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Targets;

    fn problem(steps: usize, train: usize, seed: u64) -> Split {
        AddingProblem { steps, train, test: 5, seed }.load().unwrap()
    }

    fn sums(data: &Dataset) -> &[f32] {
        let Targets::Values { values, .. } = data.targets() else { panic!("values") };
        values
    }

    #[test]
    fn the_target_is_the_sum_of_one_marked_number_in_each_half() {
        for steps in [2, 3, 50] {
            let data = problem(steps, 40, 3).train;
            for (row, &sum) in sums(&data).iter().enumerate() {
                let steps: Vec<&[f32]> = data.row(row).unwrap().chunks_exact(2).collect();
                assert!(steps.iter().all(|s| (0.0..1.0).contains(&s[0]) && (s[1] == 0.0 || s[1] == 1.0)));
                let (first, second) = steps.split_at(steps.len() / 2);
                let marked = |half: &[&[f32]]| -> Vec<f32> {
                    half.iter().filter(|s| s[1] == 1.0).map(|s| s[0]).collect()
                };
                let (first, second) = (marked(first), marked(second));
                assert_eq!((first.len(), second.len()), (1, 1));
                assert_eq!(first[0] + second[0], sum);
            }
        }
    }

    #[test]
    fn the_mean_is_off_by_a_sixth() {
        let data = problem(10, 20_000, 0).train;
        let squares = sums(&data).iter().map(|&v| f64::from(v - 1.0).powi(2)).sum::<f64>();
        let loss = squares / data.len() as f64;
        assert!((loss - AddingProblem::MEAN_LOSS).abs() < 0.005, "{loss}");
        // Every step of a half is marked equally often.
        let mut marked = [0_usize; 10];
        for row in data.inputs().chunks_exact(20) {
            marked.iter_mut().zip(row.chunks_exact(2)).for_each(|(count, step)| *count += step[1] as usize);
        }
        assert!(marked.iter().all(|count| (3_700..4_300).contains(count)), "{marked:?}");
    }

    #[test]
    fn sequences_do_not_depend_on_their_number() {
        let (few, many) = (problem(20, 8, 7), problem(20, 16, 7));
        assert_eq!(many.train.inputs()[..8 * 40], *few.train.inputs());
        assert_eq!(few.test, many.test);
        assert_ne!(few.train.row(0), few.test.row(0));
        assert_ne!(few.train.row(0), problem(20, 8, 8).train.row(0));
    }

    #[test]
    fn sequences_are_the_same_everywhere_and_for_ever() {
        let data = problem(50, 64, 0).train;
        let mut sum = 0xcbf2_9ce4_8422_2325_u64;
        for value in data.inputs() {
            sum = (sum ^ u64::from(value.to_bits())).wrapping_mul(0x100_0000_01b3);
        }
        assert_eq!(sum, 0xf164_d9d0_4434_c22c, "the sequences have changed: {sum:#018x}");
    }

    #[test]
    fn numbers_are_checked() {
        let refused = |steps, train, test, word: &str| {
            let message = AddingProblem { steps, train, test, seed: 0 }.load().unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        };
        refused(1, 1, 1, "steps");
        refused(usize::MAX, 1, 1, "steps");
        refused(2, 0, 1, "train");
        refused(2, 1, usize::MAX, "test");
        refused(65_536, 10_000, 1, "8192");
    }
}
