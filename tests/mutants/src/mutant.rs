//! What a mutant is, and the sample of them.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How a place is rewritten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// An expression becomes another one.
    Replace(String),
    /// A statement is left out.
    Delete,
    /// A function returns this at once.
    Return(String),
}

/// A place and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutant {
    /// From 1; 0 until it is drawn.
    pub number: u32,
    /// Relative to the root, with `/`.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// The bytes of the file that are rewritten; empty where something is put in.
    pub place: Range<usize>,
    /// What kind of fault it is.
    pub operator: String,
    /// The text that is rewritten.
    pub original: String,
    pub form: Form,
}

impl Mutant {
    /// Whether it is one of the kernels' twins.
    pub fn in_kernel(&self) -> bool {
        self.file.starts_with("src/kernel/")
    }

    /// In one line: where it is, what was there and what is there.
    pub fn told(&self) -> String {
        let short = |text: &str| {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if text.chars().count() > 60 { text.chars().take(57).collect::<String>() + "..." } else { text }
        };
        let (was, is) = (
            short(&self.original),
            match &self.form {
                Form::Replace(text) => short(text),
                Form::Delete => "nothing".into(),
                Form::Return(value) => short(&format!("return {value};")),
            },
        );
        format!("{} {}:{} ({}): `{was}` → `{is}`", self.number, self.file, self.line, self.operator)
    }
}

/// What was drawn, as it is kept.
#[derive(Serialize, Deserialize)]
pub struct Sample {
    pub seed: u64,
    /// How many were asked for.
    pub number: usize,
    /// How many places were found, of every operator.
    pub found: Vec<(String, usize)>,
    /// How many were drawn and do not compile.
    pub dropped: usize,
    pub mutants: Vec<Mutant>,
}
