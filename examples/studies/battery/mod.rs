//! Many small tables and series, every way to make neurons, each with its own best learning rate: mean ranks over data sets, and whether
//! their differences are more than chance (Demšar 2006).
//!
//! A validation part of the training rows chooses the rate of every arm for every data set; the test part then scores it. Both parts are
//! drawn anew for every seed, and are the same for all arms. Every finished training is a line of `results.jsonl`, so the study goes on
//! where it was interrupted.

mod arms;
mod nets;
mod options;
mod outcome;
mod ranks;
mod records;
mod report;
mod sets;
mod train;

use crate::given::Given;
use crate::say::say;
use autorot::{Device, Result};
use nets::Net;
pub use options::Options;
use options::Scaling;
use outcome::{Task, best_rate};
use records::{Key, Record, Records};
use sets::Set;
use std::time::Instant;
use train::Parts;

pub fn run(options: &Options, given: &Given) -> Result<()> {
    options.check(given)?;
    let sets = sets::read(&options.data, &options.only, options.rows)?;
    let device = options.training.device()?;
    sets.iter().for_each(|set| say!("data:   {set}"));
    let records = Records::open(options.training.out().join("results.jsonl"))?;
    let mut study = Study { options, device: &device, records, used: Vec::new() };
    for set in &sets {
        for &scaling in &options.scalings {
            study.compare(set, scaling)?;
        }
    }
    report::write(options, &device, &study.used)
}

/// The trainings so far.
struct Study<'s> {
    options: &'s Options,
    device: &'s Device,
    records: Records,
    /// The trainings of this run's options, done now or before.
    used: Vec<Record>,
}

impl Study<'_> {
    /// All nets and arms on one data set: on all training rows at every rate, then on shares of them at the rate that was best.
    fn compare(&mut self, set: &Set, scaling: Scaling) -> Result<()> {
        let options = self.options;
        let nets: Vec<Net> = options.nets.iter().copied().filter(|net| net.suits(set)).collect();
        if nets.is_empty() {
            return Ok(());
        }
        for seed in 0..options.training.seeds {
            let parts = Parts::of(set, scaling, 1.0, seed)?;
            for &net in &nets {
                let task = Task { data: set.name.clone(), net, scaling };
                let every = options.rates.iter();
                let jobs =
                    self.arms(net).flat_map(|arm| every.clone().map(move |&rate| (arm, rate))).collect();
                self.train_all(set, &task, &parts, (1.0, seed), jobs)?;
            }
        }
        for (&share, seed) in
            options.shares.iter().flat_map(|s| (0..options.training.seeds).map(move |i| (s, i)))
        {
            let parts = Parts::of(set, scaling, share, seed)?;
            for &net in &nets {
                let task = Task { data: set.name.clone(), net, scaling };
                let best = |arm: usize| {
                    let rate = best_rate(&self.used, &task, options.arms[arm].name, &options.rates);
                    rate.map(|(rate, _)| (arm, rate))
                };
                let jobs = self.arms(net).filter_map(best).collect();
                self.train_all(set, &task, &parts, (share, seed), jobs)?;
            }
        }
        Ok(())
    }

    /// The numbers of the arms that a net has.
    fn arms(&self, net: Net) -> impl Iterator<Item = usize> + use<'_> {
        let arms = self.options.arms.iter().enumerate();
        arms.filter(move |(_, arm)| net.takes(&arm.neurons)).map(|(number, _)| number)
    }

    /// Trains arms by number, each at a rate, unless that was done before.
    fn train_all(
        &mut self,
        set: &Set,
        task: &Task,
        parts: &Parts,
        (share, seed): (f64, u64),
        jobs: Vec<(usize, f64)>,
    ) -> Result<()> {
        let (begin, mut trained, all) = (Instant::now(), 0, jobs.len());
        for (arm, rate) in jobs {
            let arm = &self.options.arms[arm];
            let options = self.options.of_a_training(set)?;
            let key = Key { task: task.clone(), arm: arm.name.to_owned(), rate, seed, share, options };
            let record = match self.records.get(&key)? {
                Some(record) => record,
                None => {
                    trained += 1;
                    let outcome =
                        train::train(self.options, self.device, parts, task.net, arm, (rate, seed))?;
                    self.records.add(key, outcome)?
                }
            };
            self.used.push(record);
        }
        let (seconds, there) = (begin.elapsed().as_secs_f64(), all - trained);
        say!(
            "{task}, seed {seed}, {:.0} % of the rows: {trained} trained, {there} there already, {seconds:.1} s",
            100.0 * share
        );
        Ok(())
    }
}
