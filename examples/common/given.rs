//! Which options were given, and which of them would do nothing.

use autorot::{Error, Result};
use clap::parser::ValueSource;

/// The options of the command line, apart from those that have their defaults.
pub struct Given(clap::ArgMatches);

impl Given {
    /// Parses the command line.
    pub fn parse<O: clap::Parser>() -> (O, Self) {
        let matches = O::command().get_matches();
        match O::from_arg_matches(&matches) {
            Ok(options) => (options, Self(matches)),
            Err(error) => error.format(&mut O::command()).exit(),
        }
    }

    /// Refuses those of `options` that were given although they would do nothing `beside` another one; they are for `what`.
    pub fn refuse(&self, options: &[&str], beside: &str, what: &str) -> Result<()> {
        let given = |id: &&&str| self.0.value_source(id) == Some(ValueSource::CommandLine);
        match options.iter().find(given) {
            None => Ok(()),
            Some(id) => {
                let option = format!("--{}", id.replace('_', "-"));
                let found = format!("{beside}, with which it does nothing");
                let remedy = format!("leave {option} out");
                Err(Error::invalid(option, found, what, remedy))
            }
        }
    }
}
