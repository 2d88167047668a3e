//! Plain nets of growing depth, without shortcuts: how deep can each kind of neuron be stacked, how do its gradients look there, and how
//! much depends on the learning rate?
//!
//! Every method gets the best of some learning rates for every depth, chosen by the accuracy on a part of the training rows that no
//! training sees; the test part then scores it. Every finished training is a line of `results.jsonl`, so the study goes on where it was
//! interrupted, and new methods, depths, rates and seeds are added to what is there.

mod choice;
mod methods;
mod net;
mod options;
mod report;
mod train;

use crate::given::Given;
use crate::records::{self, Records};
use crate::say::say;
use autorot::Result;
pub use options::Options;
use serde::{Deserialize, Serialize};
use std::time::Instant;
use train::{Outcome, Parts};

/// What a training depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Key {
    method: String,
    depth: usize,
    rate: f64,
    seed: u64,
    /// What else it depends on.
    options: String,
}

type Record = records::Record<Key, Outcome>;

pub fn run(options: &Options, given: &Given) -> Result<()> {
    options.check(given)?;
    let training = &options.training;
    let device = training.device()?;
    let data = options.images.load()?;
    let of_a_training = options.of_a_training(data.train.len(), &device.name())?;
    let parts = Parts::of(data)?;
    let mut records = Records::open(training.out().join("results.jsonl"))?;
    let (mut used, mut known) = (Vec::new(), 0);
    for depth in options.depths() {
        for method in options.methods() {
            for seed in 0..training.seeds {
                for rate in options.rates() {
                    let options_of = of_a_training.clone();
                    let key = Key { method: method.name.to_owned(), depth, rate, seed, options: options_of };
                    if let Some(record) = records.get(&key)? {
                        known += 1;
                        used.push(record);
                        continue;
                    }
                    let begin = Instant::now();
                    let outcome = train::train(options, &device, &parts, (method, depth), (rate, seed))?;
                    let record = records.add(key, outcome)?;
                    say!("{}  {:.1} s", line(&record), begin.elapsed().as_secs_f64());
                    used.push(record);
                }
            }
        }
    }
    if known > 0 {
        say!("{known} of {} trainings were done before", used.len());
    }
    report::write(options, &device, &used)
}

/// A training, in one line.
fn line(Record { key: Key { method, depth, rate, seed, .. }, outcome }: &Record) -> String {
    let scores = outcome.scores.map_or_else(
        || "diverged".to_owned(),
        |scores| {
            format!("accuracy {:.4} validation, {:.4} test", scores.validation_accuracy, scores.test_accuracy)
        },
    );
    format!("depth {depth:<4}  {method:13} seed {seed}  rate {rate:<7?} {scores}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Alone {
        #[command(flatten)]
        options: Options,
    }

    /// The options with these words on the command line.
    pub fn parsed(words: &[&str]) -> Options {
        let all = ["depth"].iter().chain(words);
        <Alone as clap::Parser>::try_parse_from(all).unwrap_or_else(|error| panic!("{error}")).options
    }

    #[test]
    fn lists_have_each_of_their_values_once() {
        let options =
            parsed(&["--depths", "20,5,20", "--rates", "0.1,0.01,0.1", "--methods", "relu,classic,relu"]);
        assert_eq!(options.depths(), [5, 20]);
        assert_eq!(options.rates(), [0.1, 0.01]);
        assert_eq!(options.methods().iter().map(|m| m.name).collect::<Vec<_>>(), ["relu", "classic"]);
        assert_eq!(parsed(&[]).methods(), methods::ALL);
    }

    #[test]
    fn other_options_are_other_trainings() {
        let of = |words: &[&str]| parsed(words).of_a_training(100, "cpu").unwrap();
        // What has a place of its own in the key, and what trains nothing else.
        for same in
            [["--depths", "3"], ["--rates", "0.5"], ["--seeds", "2"], ["--methods", "relu"], ["--out", "o"]]
        {
            assert_eq!(of(&same), of(&[]), "{same:?}");
        }
        for other in [
            ["--activation", "tanh"],
            ["--layers", "conv"],
            ["--units", "8"],
            ["--epochs", "3"],
            ["--batch", "8"],
            ["--optimizer", "sgd"],
        ] {
            assert_ne!(of(&other), of(&[]), "{other:?}");
        }
        assert_ne!(parsed(&[]).of_a_training(99, "cpu").unwrap(), of(&[]));
        assert_ne!(parsed(&[]).of_a_training(100, "cpu-f64").unwrap(), of(&[]));
    }
}
