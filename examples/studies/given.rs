//! Which options were given, which of them would have no effect, and which are missing.

use autorot::{Error, Result};
use clap::parser::ValueSource;

/// The options given on the command line, as opposed to defaults.
pub struct Given(clap::ArgMatches);

impl Given {
    /// Parses the command line: a subcommand and its options.
    pub fn parse<O: clap::Parser>() -> (O, Self) {
        let mut matches = O::command().get_matches();
        match O::from_arg_matches(&matches) {
            Ok(options) => (options, Self(matches.remove_subcommand().map_or(matches, |(_, given)| given))),
            Err(error) => error.format(&mut O::command()).exit(),
        }
    }

    /// Rejects those of `options` that were given but have no effect `beside` another one; they are for `what`.
    pub fn refuse(&self, options: &[&str], beside: &str, what: &str) -> Result<()> {
        let given = |id: &&&str| self.0.value_source(id) == Some(ValueSource::CommandLine);
        match options.iter().find(given) {
            None => Ok(()),
            Some(id) => {
                let option = format!("--{}", id.replace('_', "-"));
                let found = format!("{beside}, with which it has no effect");
                let remedy = format!("leave {option} out");
                Err(Error::invalid(option, found, what, remedy))
            }
        }
    }
}

/// The error if `--dir` is missing: what the folder must hold, and what needs no folder.
pub fn no_folder(files: &str, built_in: &str) -> Error {
    let remedy = format!("add --dir PATH, or use {built_in}");
    Error::invalid("--dir", "nothing", format!("the folder with {files}"), remedy)
}

/// The name of a value on the command line.
pub fn word(value: impl clap::ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
