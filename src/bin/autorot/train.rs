//! Training, and continuing a training.

use crate::folder::Folder;
use crate::load::{Loaded, outputs};
use crate::say::{self, Output, number, short};
use crate::settings::Settings;
use crate::together::Together;
use autorot::train::{Checkpoints, Control};
use autorot::{Error, History, Loss, Model, Result};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Trains the network that a file of settings describes.
///
/// Everything that the run leaves goes to its folder: run.toml (the settings with every option), checkpoints, model.safetensors,
/// history.csv, history.png, history.svg and report.json. Ctrl-C ends it with a checkpoint, from which `autorot resume` continues.
///
/// Several processes train together where MPI starts them and the command has the feature mpi: each on a GPU of its own, or on its share of
/// the cores, with the same bits whatever their number.
///
/// Example: autorot train run.toml --epochs 50 --device cpu
#[derive(clap::Args, Debug)]
pub struct Train {
    /// The file of settings, as `autorot new` writes it.
    #[arg(value_name = "RUN.TOML")]
    settings: PathBuf,
    /// The run's folder, instead of that of the settings.
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The device, instead of that of the settings: auto, gpu, software, cpu, cpu-f64, or part of a name that `autorot devices` lists.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// The number of epochs, instead of that of the settings.
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
}

/// Continues a training that was interrupted, with the bits that it would have had.
///
/// The data must be where they were, and the same. With more epochs, a training that has had all of its own goes on, unless early
/// stopping has ended it.
///
/// Example: autorot resume runs/flats
#[derive(clap::Args, Debug)]
pub struct Resume {
    /// The folder of the run.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The number of epochs in all, instead of that of the settings.
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
}

impl Train {
    pub fn run(&self, output: &Output) -> Result<ExitCode> {
        Together::run(output, |together, output| {
            let (settings, resolved, folder) = together.all(|| self.settings(together))?;
            fit(&settings, Some(&resolved), (&folder, together), output)
        })
    }

    /// The settings as they are and with every option, and the run's folder.
    fn settings(&self, together: &Together) -> Result<(Settings, Settings, Folder)> {
        let mut settings = Settings::read(&self.settings)?;
        let folder = Folder::new(self.out.clone().unwrap_or_else(|| settings.folder()));
        let dir = folder.path().display();
        if together.leads() {
            folder.check_free(&format!(
                "continue it with `autorot resume {dir}`, or use another folder: --out DIR"
            ))?;
        }
        settings.training.epochs = self.epochs.unwrap_or(settings.training.epochs);
        settings.run.device = self.device.clone().unwrap_or(settings.run.device);
        if together.is_shared() {
            settings.training.micro_batches.get_or_insert(8);
        }
        let resolved = settings.resolved()?;
        Ok((settings, resolved, folder))
    }
}

impl Resume {
    pub fn run(&self, output: &Output) -> Result<ExitCode> {
        Together::run(output, |together, output| {
            let folder = Folder::new(&self.folder);
            let file = folder.settings();
            // Other hosts need not have the folder.
            let text = together.all(|| {
                if !together.leads() {
                    return Ok(Vec::new());
                }
                if !file.is_file() {
                    let (found, expected) = ("no run.toml", "the folder of a run");
                    let remedy = "name the folder that `autorot train` made";
                    return Err(Error::invalid(folder.path().display(), found, expected, remedy));
                }
                std::fs::read(&file).map_err(|e| Error::io(&file, e))
            })?;
            let text = together.read_by_first(text)?;
            let settings = together.all(|| {
                let text = String::from_utf8(text).map_err(|e| {
                    Error::invalid(file.display(), e, "settings of a run", "save the file as UTF-8")
                })?;
                let mut settings = Settings::parse(&file, text)?;
                settings.training.epochs = self.epochs.unwrap_or(settings.training.epochs);
                Ok(settings)
            })?;
            fit(&settings, None, (&folder, together), output)
        })
    }
}

/// Trains from the newest checkpoint, or from the start; a new run has resolved settings to begin with.
fn fit(
    settings: &Settings,
    new: Option<&Settings>,
    (folder, together): (&Folder, &Together),
    output: &Output,
) -> Result<ExitCode> {
    let (device, data, mut model) = together.all(|| {
        let device = together.device(&settings.run.device)?;
        let data = Loaded::read(settings)?;
        let mut model = settings.network(&data.train)?.build(&device, settings.network.seed)?;
        check_outputs(&model, &data)?;
        if let Some(conversion) = &data.conversion {
            model.set_conversion(conversion.clone())?;
        }
        Ok((device, data, model))
    })?;
    let checkpoints = Checkpoints::new(folder.checkpoints()).keep(settings.run.checkpoints);
    let control = Control::on_ctrl_c()?;
    let mut trainer =
        settings.trainer()?.progress(output.progress()).control(&control).checkpoint(checkpoints);
    trainer = together.trainer(trainer);
    let begun = together.all(|| {
        let begun = !Checkpoints::list(folder.checkpoints())?.is_empty();
        if together.leads() {
            new.unwrap_or(settings).write(&folder.settings())?;
        }
        Ok(begun)
    })?;
    let begun = together.found_by_first(begun)?;
    let rows = data.validation.as_ref().map_or(0, autorot::Dataset::len);
    output.note(format_args!("device {}: {}", device.name(), device.why()));
    output.note(format_args!(
        "{} rows to train on, {rows} for validation\n{}",
        data.train.len(),
        model.summary()
    ));
    let validation = data.validation.as_ref().map(|data| data as _);
    let result = if begun {
        trainer.resume_from(folder.checkpoints(), &mut model, &data.train, validation)
    } else {
        trainer.fit(&mut model, &data.train, validation)
    };
    let history = match result {
        Err(Error::Interrupted { step }) => return Ok(interrupted(folder, step, output)),
        Err(error) => {
            // What was refused before its first step leaves nothing in the way of the next attempt.
            if new.is_some() && together.leads() && Checkpoints::list(folder.checkpoints())?.is_empty() {
                folder.clear();
            }
            return Err(error);
        }
        Ok(history) => history,
    };
    together.all(|| {
        if !together.leads() {
            return Ok(());
        }
        model.save(folder.model())?;
        history.save_csv(folder.file("history.csv"))?;
        for name in ["history.png", "history.svg"] {
            history.plot(folder.file(name))?;
        }
        let report = report(settings, &mut model, &data, &history)?;
        say::save(&folder.file("report.json"), &report)?;
        output.tell(&with_folder(report, folder), || text(&history, folder));
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A last layer of another width than the targets would be refused by the loss; here the settings are named.
fn check_outputs(model: &Model, data: &Loaded) -> Result<()> {
    let (found, expected) = (model.network().output().len(), outputs(&data.train));
    // One output tells two classes.
    let told = found == 1 && data.train.targets().class_names().is_some_and(|names| names.len() == 2);
    if found == expected || told || data.train.targets().steps() > 1 {
        return Ok(());
    }
    let names =
        data.train.targets().class_names().map(|names| format!(", one for each of the classes {names:?}"));
    Err(Error::invalid(
        "the last of the layers",
        format!("{found} outputs"),
        format!("{expected} for these targets{}", names.unwrap_or_default()),
        format!("set its units to {expected}"),
    ))
}

fn interrupted(folder: &Folder, step: u64, output: &Output) -> ExitCode {
    let dir = folder.path().display();
    let message = format!("interrupted after step {step}; continue with: autorot resume {dir}");
    if output.silent {
    } else if output.json {
        let error =
            json!({ "kind": "interrupted", "message": message, "step": step, "folder": dir.to_string() });
        say::warn(json!({ "error": error }));
    } else {
        say::warn(message);
    }
    ExitCode::from(130)
}

/// What `report.json` holds.
fn report(settings: &Settings, model: &mut Model, data: &Loaded, history: &History) -> Result<Value> {
    let loss: &Loss = &settings.training.loss;
    let layers = model.inspect(&data.train, loss.clone(), 256)?;
    let best = history.restored_epoch.and_then(|epoch| history.epochs.iter().find(|e| e.epoch == epoch));
    let last = best.or_else(|| history.last());
    let named = |values: &[f64]| -> serde_json::Map<String, Value> {
        history.metrics.iter().zip(values).map(|(name, value)| (name.clone(), number(*value))).collect()
    };
    let last = last.map(|epoch| {
        json!({
            "epoch": epoch.epoch,
            "train_loss": number(epoch.train_loss), "train_metrics": named(&epoch.train_metrics),
            "val_loss": epoch.val_loss.map(number), "val_metrics": named(&epoch.val_metrics),
        })
    });
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "device": model.device().name(),
        "rows": { "train": data.train.len(), "validation": data.validation.as_ref().map(autorot::Dataset::len) },
        "parameters": model.parameter_count(),
        "loss": loss.name(),
        "epochs": history.epochs.len(),
        "restored_epoch": history.restored_epoch,
        "seconds": history.epochs.iter().map(|epoch| epoch.seconds).sum::<f64>(),
        "result": last,
        "classes": data.train.targets().class_names(),
        "layers": layers,
    }))
}

/// The report with the run's folder, which may be moved later.
fn with_folder(mut report: Value, folder: &Folder) -> Value {
    report["folder"] = json!(folder.path().display().to_string());
    report
}

fn text(history: &History, folder: &Folder) -> String {
    let dir = folder.path().display();
    let restored = history.restored_epoch;
    let best = restored.and_then(|epoch| history.epochs.iter().find(|e| e.epoch == epoch));
    let mut text = String::new();
    if let Some(epoch) = best.or_else(|| history.last()) {
        let of = if best.is_some() { ", whose weights were kept" } else { "" };
        text = format!(
            "epoch {} of {}{of}: loss {}",
            epoch.epoch,
            history.epochs.len(),
            short(epoch.train_loss)
        );
        for (name, value) in history.metrics.iter().zip(&epoch.train_metrics) {
            text += &format!(", {name} {}", short(*value));
        }
        if let Some(loss) = epoch.val_loss {
            text += &format!("; validation: loss {}", short(loss));
        }
        for (name, value) in history.metrics.iter().zip(&epoch.val_metrics) {
            text += &format!(", {name} {}", short(*value));
        }
    }
    format!(
        "{text}\nin {dir}: model.safetensors, history.csv, history.png, history.svg, report.json, run.toml, checkpoints\n\
         next: autorot evaluate {dir}, autorot predict {dir} NEW_ROWS"
    )
}
