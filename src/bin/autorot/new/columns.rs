//! Which columns of a table are inputs, and which are targets.

use super::survey::{Column, Kind};
use super::{New, Task};
use autorot::{Error, Result};
use std::collections::BTreeSet;

/// The choice.
pub struct Chosen {
    pub task: Task,
    pub targets: Vec<String>,
    pub numbers: Vec<String>,
    pub categories: Vec<String>,
    /// The classes, or the targets.
    pub outputs: usize,
}

/// The most different whole numbers that are taken for classes.
const FEW: usize = 10;

impl Chosen {
    pub fn new(new: &New, columns: &[Column], rows: usize) -> Result<Self> {
        let place = new.data.display();
        let last = || columns.last().map(|column| column.name.clone()).into_iter().collect();
        let targets: Vec<String> = if new.target.is_empty() { last() } else { new.target.clone() };
        let mut found = Vec::new();
        for name in &targets {
            let Some(column) = columns.iter().find(|column| column.name == *name) else {
                let known: Vec<&str> =
                    columns.iter().map(|column| &*column.name).filter(|name| !name.is_empty()).collect();
                let (found, expected) = (format!("no column {name:?}"), format!("one of {known:?}"));
                return Err(Error::invalid(
                    place,
                    found,
                    expected,
                    "name a column with --target, or the delimiter",
                ));
            };
            if let Kind::Ignored(why) = &column.kind
                && !(new.task == Some(Task::Classification) && column.distinct > 1)
            {
                let (found, expected) = (format!("the target {name:?}: {why}"), "numbers, or a few classes");
                return Err(Error::invalid(place, found, expected, "name another column with --target"));
            }
            found.push(column);
        }
        let classes = |column: &Column| match column.kind {
            Kind::Number { whole, .. } => whole && column.distinct <= FEW && column.distinct * 5 <= rows,
            Kind::Category(_) => true,
            Kind::Ignored(_) => false,
        };
        let task = new.task.unwrap_or(match &*found {
            [column] if classes(column) => Task::Classification,
            _ => Task::Regression,
        });
        let text = found.iter().find(|column| !matches!(column.kind, Kind::Number { .. }));
        match (task, text) {
            (Task::Classification, _) if found.len() != 1 => {
                let found = format!("{} columns to classify", found.len());
                return Err(Error::invalid(place, found, "one", "name one column with --target"));
            }
            (Task::Regression, Some(column)) => {
                let found = format!("the target {:?}, which is text", column.name);
                return Err(Error::invalid(
                    place,
                    found,
                    "numbers",
                    "use --task classification, or another column",
                ));
            }
            _ => {}
        }
        let of = |wanted: fn(&Kind) -> bool| -> Vec<String> {
            let inputs = columns.iter().filter(|column| !targets.contains(&column.name));
            inputs.filter(|column| wanted(&column.kind)).map(|column| column.name.clone()).collect()
        };
        let numbers = of(|kind| matches!(kind, Kind::Number { .. }));
        let categories = of(|kind| matches!(kind, Kind::Category(_)));
        if numbers.is_empty() && categories.is_empty() {
            let found = "no column that can be an input";
            return Err(Error::invalid(
                place,
                found,
                "numbers or categories",
                "check the file, or name its delimiter",
            ));
        }
        let outputs = if task == Task::Classification { count(found[0]) } else { targets.len() };
        Ok(Self { task, targets, numbers, categories, outputs })
    }
}

/// The number of classes, of which those that differ only in case are one.
fn count(column: &Column) -> usize {
    match &column.kind {
        Kind::Category(counts) => {
            counts.iter().map(|(name, _)| name.to_lowercase()).collect::<BTreeSet<_>>().len()
        }
        _ => column.distinct,
    }
}
