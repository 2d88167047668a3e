//! How fast a network is.

use crate::inspect::synthetic;
use crate::load::Loaded;
use crate::say::{Output, table};
use crate::settings::Settings;
use crate::source::Source;
use autorot::device::adapters;
use autorot::{Adam, Model, Predictor, Result, Trainer};
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

/// Times a training step, and a prediction for a single row, on one or several devices.
///
/// Inputs are random. The time of a step is the median over epochs, with the optimiser and the batch of the settings (for a model file
/// Adam); that of a prediction is the median from the inputs on the host to the outputs on the host.
///
/// Example: autorot bench run.toml --device cpu --device gpu
#[derive(clap::Args, Debug)]
pub struct Bench {
    /// A file of settings, the folder of a run, or a model file.
    model: PathBuf,
    /// A device, several times for several; by default the CPU and every adapter that can be used.
    #[arg(long, value_name = "NAME")]
    device: Vec<String>,
    /// The rows of a step, instead of those of the settings, or 32.
    #[arg(long, value_name = "ROWS")]
    batch: Option<usize>,
    /// About how long each of the two is timed.
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    seconds: f64,
}

/// The steps of an epoch.
const STEPS: usize = 16;

struct Times {
    device: String,
    batch: usize,
    /// Milliseconds.
    step: f64,
    single: Option<f64>,
}

impl Bench {
    pub fn run(&self, output: &Output) -> Result<()> {
        let mut all = Vec::new();
        for name in self.devices()? {
            let times = self.time(&name)?;
            output.note(format_args!("{}: {:.3} ms a step", times.device, times.step));
            all.push(times);
        }
        let rows = all.iter().map(|t| {
            let (rate, single) =
                (1e3 * t.batch as f64 / t.step, t.single.map_or("–".to_owned(), |ms| format!("{ms:.3}")));
            vec![
                t.device.clone(),
                t.batch.to_string(),
                format!("{:.3}", t.step),
                format!("{rate:.0}"),
                single,
            ]
        });
        let json = all.iter().map(|t| {
            json!({
                "device": t.device, "batch": t.batch, "step_ms": t.step,
                "rows_per_second": 1e3 * t.batch as f64 / t.step, "single_prediction_ms": t.single,
            })
        });
        output.tell(
            &json!({ "model": self.model.display().to_string(), "devices": json.collect::<Vec<_>>() }),
            || table(&["device", "batch", "ms a step", "rows/s", "ms a prediction of one row"], rows),
        );
        Ok(())
    }

    fn devices(&self) -> Result<Vec<String>> {
        if !self.device.is_empty() {
            return Ok(self.device.clone());
        }
        let mut names = vec!["cpu".to_owned()];
        for adapter in adapters()?.into_iter().filter(|adapter| adapter.lacks.is_none()) {
            if !names.contains(&adapter.info.name) {
                names.push(adapter.info.name);
            }
        }
        Ok(names)
    }

    /// The model, a trainer for it, and the batch.
    fn model(&self, name: &str) -> Result<(Model, Trainer<'static>, usize)> {
        if self.model.extension().is_some_and(|ending| ending == "toml") {
            let settings = Settings::read(&self.model)?;
            let data = Loaded::read(&settings)?.train;
            let device = settings.device(Some(name))?;
            let mut model = settings.network(&data)?.build(&device, settings.network.seed)?;
            model.set_outputs(autorot::model::Outputs::of(&settings.training.loss));
            return Ok((model, trainer(&settings)?, settings.training.batch));
        }
        let source = Source::open(&self.model, Some(name))?;
        Ok(match &source.settings {
            Some(settings) => {
                let (trainer, batch) = (trainer(settings)?, settings.training.batch);
                (source.model, trainer, batch)
            }
            None => {
                let loss = source.loss();
                (source.model, Trainer::new(Adam::default(), loss), 32)
            }
        })
    }

    fn time(&self, name: &str) -> Result<Times> {
        let (mut model, trainer, batch) = self.model(name)?;
        let batch = self.batch.unwrap_or(batch).max(1);
        let device = model.device().name();
        let row = synthetic(&model, 1)?.inputs().to_vec();
        let single = match Predictor::new(&mut model) {
            Ok(predictor) => Some(self.single(&predictor, &row)?),
            // Layers that keep states predict with the model itself.
            Err(_) => None,
        };
        let rows = synthetic(&model, batch * STEPS)?;
        let mut trainer = trainer.progress(false).batch(batch).epochs(2);
        let warm = trainer.fit(&mut model, &rows, None)?;
        let each = warm.last().map_or(1.0, |epoch| epoch.seconds).max(1e-6);
        let mut trainer = trainer.epochs(((self.seconds / each) as usize).clamp(3, 1000));
        let history = trainer.fit(&mut model, &rows, None)?;
        let steps = history.epochs.iter().map(|epoch| 1e3 * epoch.seconds / epoch.steps as f64);
        Ok(Times { device, batch, step: median(steps.collect()), single })
    }

    fn single(&self, predictor: &Predictor, row: &[f32]) -> Result<f64> {
        let once = || -> Result<f64> {
            let begin = Instant::now();
            predictor.predict(row)?;
            Ok(1e3 * begin.elapsed().as_secs_f64())
        };
        once()?;
        let count = (1e3 * self.seconds / once()?.max(1e-3)) as usize;
        Ok(median((0..count.clamp(5, 2000)).map(|_| once()).collect::<Result<_>>()?))
    }
}

/// A trainer with the settings' optimiser and loss alone.
fn trainer(settings: &Settings) -> Result<Trainer<'static>> {
    Ok(Trainer::new(settings.optimizer()?, settings.training.loss.clone())
        .accumulate(settings.training.accumulate))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
