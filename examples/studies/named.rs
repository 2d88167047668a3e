//! Options that the library parses and whose names `--help` lists.

use autorot::{Activation, Cell, Result};
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use std::ffi::OsStr;

/// Parses a value by its name.
#[derive(Clone)]
pub struct Named<T> {
    names: Vec<&'static str>,
    parse: fn(&str) -> Result<T>,
}

impl<T> Named<T> {
    pub fn new(names: impl IntoIterator<Item = &'static str>, parse: fn(&str) -> Result<T>) -> Self {
        Self { names: names.into_iter().collect(), parse }
    }
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Named<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        option: Option<&clap::Arg>,
        value: &OsStr,
    ) -> std::result::Result<T, clap::Error> {
        let parse = self.parse;
        StringValueParser::new().try_map(move |name| parse(&name)).parse_ref(command, option, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names.iter().map(PossibleValue::new)))
    }
}

/// The activations.
pub fn activations() -> Named<Activation> {
    Named::new(Activation::ALL.iter().map(|a| a.name()), Activation::from_name)
}

/// The recurrent cells.
pub fn cells() -> Named<Cell> {
    Named::new(Cell::ALL.iter().map(|cell| cell.name()), Cell::from_name)
}
