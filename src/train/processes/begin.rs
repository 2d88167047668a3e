//! Before the first step: all processes show that they are to do the same, and start with the same numbers.

use super::Team;
use super::account::{Verdict, verdict};
use super::share::Share;
use super::wire::strange;
use crate::describe::{difference, flat, value};
use crate::device::Values;
use crate::real::Numbers;
use crate::train::TrainingDescription;
use crate::{Model, Result, store};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a process is about to do.
#[derive(Serialize, Deserialize)]
struct Intent {
    host: String,
    /// By name, in the order in which differences are told.
    terms: Vec<(String, BTreeMap<String, String>)>,
}

/// What is the same on every process beside data and options: the program, the device and how far the model has come.
fn surroundings(model: &Model) -> Vec<(&'static str, Value)> {
    let program = std::env::current_exe().ok().and_then(|path| store::fingerprint(&path).ok());
    vec![
        ("autorot's version", value(env!("CARGO_PKG_VERSION"))),
        ("program", value(&program)),
        ("device", value(&model.device().name())),
        ("tuning of kernels (AUTOROT_TUNE)", value(model.device().tuned().0)),
        ("network", by_layer(value(&model.network().description()))),
        ("steps and epochs of the model so far", json!([model.steps, model.epochs])),
        ("updates of the model so far", value(&model.updates)),
    ]
}

/// A network's description with its layers by their paths, so that a difference is that of a layer.
fn by_layer(mut network: Value) -> Value {
    if let Some(layers) = network.get_mut("layers").map(Value::take) {
        for (place, mut layer) in layers.as_array().cloned().unwrap_or_default().into_iter().enumerate() {
            let path = layer.get_mut("path").map(Value::take);
            let path = path.as_ref().and_then(Value::as_str).map_or_else(|| place.to_string(), str::to_owned);
            network[path] = layer;
        }
    }
    network
}

impl Team {
    /// Checks that all processes have the same data, options, network, program and kind of device.
    ///
    /// # Errors
    /// The first process that differs from rank 0, with what differs; the same error on every process.
    pub(in crate::train) fn agree(
        &self,
        model: &Model,
        description: &TrainingDescription,
        others: &[(&'static str, Value)],
    ) -> Result<()> {
        if self.size() == 1 {
            return Ok(());
        }
        let terms = surroundings(model).into_iter().chain(description.terms());
        let terms = terms.chain(others.iter().cloned());
        let terms = terms.map(|(name, value)| (name.to_owned(), flat(&value))).collect();
        let own = Intent { host: self.host().to_owned(), terms };
        let judged = self.judged(serde_json::to_vec(&own).map_err(strange)?, |all| {
            let mut intents = Vec::new();
            for one in all {
                intents.push(serde_json::from_slice::<Intent>(one).map_err(strange)?);
            }
            verdict(differs(&intents))
        })?;
        self.execute(&judged)
    }
}

/// What the first process that differs from rank 0 has instead.
fn differs(all: &[Intent]) -> Option<Verdict> {
    let (first, others) = all.split_first()?;
    for (rank, other) in (1..).zip(others) {
        let pairs = other.terms.iter().zip(&first.terms);
        for ((name, found), (_, expected)) in pairs {
            if let Some((found, expected)) = difference(found, expected) {
                return Some(Verdict {
                    rank,
                    host: other.host.clone(),
                    reason: format!(
                        "{name}: found {found}, expected {expected}, as rank 0 on {} has",
                        first.host
                    ),
                    remedy: "start every rank with the same program, data and options".to_owned(),
                });
            }
        }
    }
    None
}

/// Which variants of kernels were chosen on a process's device, by problem.
#[derive(Serialize, Deserialize)]
struct Chosen {
    host: String,
    variants: BTreeMap<String, String>,
}

/// The first process that has chosen another variant for a problem than one before it.
fn chooses_otherwise(all: &[Chosen]) -> Option<Verdict> {
    let mut before: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for (rank, Chosen { host, variants }) in all.iter().enumerate() {
        for (problem, variant) in variants {
            let (expected, other) = *before.entry(problem.as_str()).or_insert((variant.as_str(), rank));
            if expected != variant {
                return Some(Verdict {
                    rank,
                    host: host.clone(),
                    reason: format!(
                        "kernel {problem}: found the variant {variant}, expected {expected}, as rank {other} on {} has",
                        all[other].host
                    ),
                    remedy: "set AUTOROT_TUNE=off for every rank, so that none is chosen by its speed"
                        .to_owned(),
                });
            }
        }
    }
    None
}

impl Share {
    /// Once all are here, checks that they have chosen the same kernels, and gives every process the parameters and moments of rank 0.
    pub(in crate::train) async fn start_alike(&mut self, model: &mut Model) -> Result<()> {
        if self.team.size() == 1 {
            return Ok(());
        }
        // No rank sends much to one that may still compile its kernels, and fail.
        self.team.meet()?;
        let own = Chosen { host: self.team.host().to_owned(), variants: model.device().tuned().1 };
        let judged = self.team.judged(serde_json::to_vec(&own).map_err(strange)?, |all| {
            let mut chosen = Vec::new();
            for one in all {
                chosen.push(serde_json::from_slice::<Chosen>(one).map_err(strange)?);
            }
            verdict(chooses_otherwise(&chosen))
        })?;
        self.team.execute(&judged)?;
        for (key, len) in model.state_keys() {
            let mut numbers = model.executor.read_own(&key, 0, len).await?;
            let leads = self.team.rank() == 0;
            let bytes = self.team.first_has(if leads { numbers.bytes(0..len) } else { Vec::new() })?;
            if !leads {
                numbers.set_bytes(0..len, &bytes)?;
                let numbers: Values<'_> = numbers.all().into();
                model.executor.write(&key, 0, numbers)?;
            }
        }
        Ok(())
    }
}

impl Numbers {
    /// A number that tells these numbers from others by their bits: FNV-1a over the words.
    pub(super) fn fingerprint(&self) -> u64 {
        let fold = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x0100_0000_01b3);
        let start = 0xcbf2_9ce4_8422_2325;
        match self {
            Self::Single(v) => v.iter().fold(start, |hash, v| fold(hash, v.to_bits().into())),
            Self::Double(v) => v.iter().fold(start, |hash, v| fold(hash, v.to_bits())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_variant_of_a_kernel_is_found_whoever_has_it() {
        let chosen = |pairs: &[(&str, &str)]| Chosen {
            host: "here".to_owned(),
            variants: pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect(),
        };
        let all =
            [chosen(&[("x", "1")]), chosen(&[("x", "1"), ("y", "2")]), chosen(&[]), chosen(&[("y", "3")])];
        assert!(chooses_otherwise(&all[..3]).is_none(), "what one alone has needed differs from nothing");
        let found = chooses_otherwise(&all).unwrap();
        assert_eq!(found.rank, 3);
        assert_eq!(found.reason, "kernel y: found the variant 3, expected 2, as rank 1 on here has");
    }
}
