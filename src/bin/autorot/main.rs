//! The command `autorot`: trains networks on tables, images and arrays, and predicts with them, without a line of Rust.

mod bench;
mod compare;
mod data;
mod devices;
mod evaluate;
mod export;
mod folder;
mod inspect;
mod layers;
mod load;
mod manual;
mod new;
mod predict;
mod say;
mod settings;
mod source;
mod together;
mod train;

use autorot::Result;
use clap::{Parser, Subcommand};
use say::Output;
use std::process::ExitCode;

/// Trains auto-rotating neural networks on tables, images and arrays, and predicts with them.
#[derive(Parser, Debug)]
#[command(name = "autorot", version, propagate_version = true, after_help = AFTER, long_about = ABOUT)]
struct Options {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

const ABOUT: &str = "\
Trains auto-rotating neural networks on tables, images and arrays, and predicts with them.

From a table to predictions for new rows:

  autorot new flats.csv --target rent_eur        # looks at the table, writes run.toml
  autorot train run.toml                         # trains; everything goes to runs/flats
  autorot evaluate runs/flats                    # how good it is on rows that it was not trained on
  autorot predict runs/flats new.csv -o out.csv  # predictions for rows without a rent";

const AFTER: &str = "\
Exit codes:
  0    done
  1    an error, which standard error tells
  2    wrong use of the command
  130  interrupted; a training has left a checkpoint, from which `autorot resume` continues

Environment variables:
  AUTOROT_DEVICE  the device where none is named: auto, gpu, software, cpu, cpu-f64, or part of an adapter's name
  RUST_LOG        which messages are shown: error, warn (the default), info, debug";

#[derive(Subcommand, Debug)]
enum Command {
    New(new::New),
    Train(train::Train),
    Resume(train::Resume),
    Evaluate(evaluate::Evaluate),
    Predict(predict::Predict),
    Export(export::Export),
    Inspect(inspect::Inspect),
    Compare(compare::Compare),
    Devices(devices::Devices),
    Bench(bench::Bench),
    Completions(manual::Completions),
    Man(manual::Man),
}

impl Command {
    fn run(&self, output: &Output) -> Result<ExitCode> {
        match self {
            Self::New(new) => new.run(output),
            Self::Train(train) => return train.run(output),
            Self::Resume(resume) => return resume.run(output),
            Self::Evaluate(evaluate) => evaluate.run(output),
            Self::Predict(predict) => predict.run(output),
            Self::Export(export) => export.run(output),
            Self::Inspect(inspect) => inspect.run(output),
            Self::Compare(compare) => compare.run(output),
            Self::Devices(devices) => devices.run(output),
            Self::Bench(bench) => bench.run(output),
            Self::Completions(completions) => completions.run(),
            Self::Man(man) => man.run(output),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

fn main() -> ExitCode {
    let Options { output, command } = Options::parse();
    say::log();
    command.run(&output).unwrap_or_else(|error| output.failed(&error))
}
