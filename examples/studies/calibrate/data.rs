//! The data to calibrate with: readings of cheap sensors, and of a reference next to them.

use super::insole;
use crate::given::{self, Given};
use crate::say::say;
use autorot::data::{Csv, Scaler};
use autorot::{Dataset, Result, Split, Targets};
use serde::Serialize;
use std::path::PathBuf;

/// Which data set.
#[derive(clap::Args, Debug, Serialize)]
pub struct Source {
    /// The data set; air-quality needs --dir.
    #[arg(long, value_enum, default_value_t = Data::Insole)]
    data: Data,
    /// The folder with AirQualityUCI.csv.
    #[arg(long, value_name = "PATH")]
    dir: Option<PathBuf>,
    /// Which quarter of the rows to test on.
    #[arg(long, value_enum, default_value_t = SplitBy::Time)]
    split: SplitBy,
}

#[derive(Clone, Copy, Debug, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum SplitBy {
    /// The last in time, as in use: a sensor is calibrated before it measures.
    Time,
    /// The same without the last quarter: the last of the three before it, to see whether what holds for one season holds for another.
    Earlier,
    /// Drawn at random, with training rows on both sides in time: what can be learnt without drift.
    Random,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Data {
    /// Seven pressure sensors in a shoe, simulated.
    Insole,
    /// Five gas sensors in a street, from the UCI repository.
    AirQuality,
}

/// Readings and references, scaled as fitted on the training part: inputs to 0..1, targets to mean 0 and standard deviation 1.
pub struct Measurements {
    pub name: &'static str,
    pub split: Split,
    pub targets: Vec<Target>,
    /// Rows left out because a value is missing.
    pub dropped: usize,
    /// The test part's references in their units, row by row.
    pub references: Vec<f32>,
    scaler: Scaler,
}

/// A quantity that the reference measures.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Target {
    pub name: &'static str,
    pub unit: &'static str,
}

const TEST_SHARE: f64 = 0.25;

const AIR_FILE: &str = "AirQualityUCI.csv";
const AIR_INPUTS: [&str; 8] =
    ["PT08.S1(CO)", "PT08.S2(NMHC)", "PT08.S3(NOx)", "PT08.S4(NO2)", "PT08.S5(O3)", "T", "RH", "AH"];
const AIR_TARGETS: [&str; 2] = ["C6H6(GT)", "CO(GT)"];

impl Source {
    /// Checks the options before anything is read.
    pub fn check(&self, given: &Given) -> Result<()> {
        match (self.data, &self.dir) {
            (Data::Insole, _) => given.refuse(&["dir"], "--data insole", "--data air-quality"),
            (Data::AirQuality, None) => Err(given::no_folder(AIR_FILE, "the built-in --data insole")),
            (Data::AirQuality, Some(_)) => Ok(()),
        }
    }

    /// Reads or simulates the data, and prints what they are.
    pub fn load(&self) -> Result<Measurements> {
        let measurements = match &self.dir {
            Some(dir) => {
                // The file is in order of time.
                let csv = Csv::open(dir.join(AIR_FILE)).delimiter(b';').decimal_comma(true).missing(-200);
                let (data, dropped) = csv.inputs(AIR_INPUTS).targets(AIR_TARGETS).load_counted()?;
                let benzene = Target { name: "benzene", unit: "µg/m³" };
                let carbon_monoxide = Target { name: "CO", unit: "mg/m³" };
                self.measurements("air-quality", &data, dropped, vec![benzene, carbon_monoxide])?
            }
            None => {
                let targets = insole::REGIONS.map(|name| Target { name, unit: "kPa" });
                self.measurements("insole", &insole::record(0)?, 0, targets.to_vec())?
            }
        };
        let Split { train, test } = &measurements.split;
        say!(
            "data:   {}, {} training and {} test rows split by {}, {} dropped for missing values; {} inputs, targets {}",
            measurements.name,
            train.len(),
            test.len(),
            match self.split {
                SplitBy::Time => "time",
                SplitBy::Earlier => "time, without the last quarter",
                SplitBy::Random => "chance",
            },
            measurements.dropped,
            train.row_len(),
            measurements.targets.iter().map(|t| t.name).collect::<Vec<_>>().join(", "),
        );
        Ok(measurements)
    }

    fn measurements(
        &self,
        name: &'static str,
        data: &Dataset,
        dropped: usize,
        targets: Vec<Target>,
    ) -> Result<Measurements> {
        let Split { train, test } = match self.split {
            SplitBy::Time => data.split_last(TEST_SHARE)?,
            SplitBy::Earlier => data.split_last(TEST_SHARE)?.train.split_last(TEST_SHARE)?,
            SplitBy::Random => data.split(TEST_SHARE, 0)?,
        };
        let (inputs, scaler) = (Scaler::min_max(&train, 0.0, 1.0)?, Scaler::standard_targets(&train)?);
        let scaled = |part: &Dataset| scaler.apply(&inputs.apply(part)?);
        let split = Split { train: scaled(&train)?, test: scaled(&test)? };
        let references = values(&test).to_vec();
        Ok(Measurements { name, split, targets, dropped, references, scaler })
    }
}

impl Measurements {
    /// A model's outputs in the units of the references.
    pub fn in_units(&self, outputs: &[f32]) -> Result<Vec<f32>> {
        self.scaler.invert(outputs)
    }

    /// The test loss of always predicting the mean of the training part, which is 0 after scaling.
    pub fn loss_of_mean(&self) -> f64 {
        let scaled = values(&self.split.test);
        scaled.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / scaled.len() as f64
    }
}

fn values(data: &Dataset) -> &[f32] {
    match data.targets() {
        Targets::Values { values, .. } => values,
        Targets::Classes { .. } => &[],
    }
}
