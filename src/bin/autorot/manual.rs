//! Completions for shells, and the manual pages.

use crate::Options;
use crate::say::{Output, say, written};
use autorot::{Error, Result, store};
use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;
use std::io::{Write, stdout};
use std::path::PathBuf;

/// Prints a script with which a shell completes the command's words.
///
/// Example: autorot completions bash > ~/.local/share/bash-completion/completions/autorot
#[derive(clap::Args, Debug)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the manual page.
///
/// Examples: autorot man | man -l -
///           autorot man --dir ~/.local/share/man/man1
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Man {
    /// Writes the page, and one for each subcommand, to this folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Completions {
    pub fn run(&self) -> Result<()> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Options::command(), "autorot", &mut text);
        written(stdout().write_all(&text));
        Ok(())
    }
}

impl Man {
    pub fn run(&self, output: &Output) -> Result<()> {
        let mut command = Options::command();
        command.build();
        let page = |command: clap::Command| {
            let mut text = Vec::new();
            clap_mangen::Man::new(command).render(&mut text).map_err(|e| Error::io("manual page", e))?;
            Ok(text)
        };
        let Some(dir) = &self.dir else {
            written(stdout().write_all(&page(command)?));
            return Ok(());
        };
        let mut files = Vec::new();
        let subcommands: Vec<clap::Command> = command.get_subcommands().cloned().collect();
        for command in std::iter::once(command).chain(subcommands) {
            let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
            let file = dir.join(format!("{name}.1"));
            store::write(&file, &page(command)?)?;
            files.push(file.display().to_string());
        }
        if output.json {
            say!("{}", json!({ "files": files }));
        } else if !output.quiet {
            say!("written: {}", files.join(", "));
        }
        Ok(())
    }
}
