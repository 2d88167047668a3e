//! The command `autorot` as people use it: in processes of its own, in folders of its own, on the CPU.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod interrupted;
mod kinds;
mod refusals;
mod series;

use autorot::data::Csv;
use autorot::{Device, Model};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;
use tempfile::TempDir;

const FLATS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/flats.csv");

/// The command with these words, in this folder.
fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_autorot"));
    command.current_dir(folder).args(words).env("AUTOROT_DEVICE", "cpu").env_remove("RUST_LOG");
    command
}

fn run(folder: &Path, words: &[&str]) -> Output {
    command(folder, words).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a command that must succeed prints.
fn done(folder: &Path, words: &[&str]) -> String {
    let output = run(folder, words);
    assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command that must succeed tells as JSON.
fn json(folder: &Path, words: &[&str]) -> Value {
    let told = done(folder, &[words, &["--json"]].concat());
    serde_json::from_str(&told).unwrap_or_else(|e| panic!("{words:?}: {e}: {told}"))
}

/// Replaces text in a file.
fn replace(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    std::fs::write(file, text.replacen(from, to, 1)).unwrap();
}

/// A folder with the flats, settings, and a run.
static FLATS_RUN: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::copy(FLATS, path.join("flats.csv")).unwrap();
    done(path, &["new", "flats.csv", "--target", "rent_eur"]);
    done(path, &["train", "run.toml", "--epochs", "12", "--quiet"]);
    std::fs::write(
        path.join("new.csv"),
        "id,heating,area_m2,floor,built,centre_km\na,gas,55,2,1965,3.5\nb,heat pump,90,4,2015,1.0\n",
    )
    .unwrap();
    folder
});

#[test]
fn four_commands_lead_from_a_table_to_the_librarys_predictions() {
    let folder = FLATS_RUN.path();
    for name in ["run.toml", "model.safetensors", "history.csv", "history.png", "history.svg", "report.json"]
    {
        assert!(folder.join("runs/flats").join(name).is_file(), "{name}");
    }
    assert!(folder.join("runs/flats/checkpoints/best.safetensors").is_file());
    let evaluated = json(folder, &["evaluate", "runs/flats"]);
    assert_eq!(evaluated["rows"], 48);
    assert!(evaluated["targets"][0]["mean_absolute_error"].as_f64().unwrap() < 150.0, "{evaluated}");
    // The same numbers for the same rows, whichever way they are named.
    let all = json(folder, &["evaluate", "runs/flats/model.safetensors", "flats.csv"]);
    assert_eq!(all["rows"], 240);

    done(folder, &["predict", "runs/flats", "new.csv", "-o", "predictions.csv"]);
    let written = std::fs::read_to_string(folder.join("predictions.csv")).unwrap();
    let mut model = Model::load(folder.join("runs/flats/model.safetensors"), &Device::cpu()).unwrap();
    let rows = Csv::open(folder.join("new.csv")).table().unwrap();
    let expected = model.predict_rows(&rows).unwrap();
    let [a, b] = expected.values() else { panic!("{expected:?}") };
    let header = "id,heating,area_m2,floor,built,centre_km,predicted_rent_eur";
    assert_eq!(
        written,
        format!("{header}\na,gas,55,2,1965,3.5,{a}\nb,heat pump,90,4,2015,1.0,{b}\n"),
        "to the digit"
    );
    assert_eq!(
        done(folder, &["predict", "runs/flats", "new.csv", "--columns", "id"]),
        format!("id,predicted_rent_eur\na,{a}\nb,{b}\n")
    );
    let told = json(folder, &["predict", "runs/flats/model.safetensors", "new.csv"]);
    assert_eq!(told["rows"], serde_json::json!([[a], [b]]));
}

#[test]
fn settings_are_read_again_as_they_were_resolved() {
    let folder = FLATS_RUN.path();
    let resolved = std::fs::read_to_string(folder.join("runs/flats/run.toml")).unwrap();
    for option in
        ["use_bias = true", "kernel_initializer = \"glorot_uniform\"", "beta_1 = 0.9", "epochs = 12"]
    {
        assert!(resolved.contains(option), "{option}: {resolved}");
    }
    // A run that has ended is there at once, with the same model; more epochs continue it.
    let model = || std::fs::read(folder.join("copy/model.safetensors")).unwrap();
    for file in ["run.toml", "model.safetensors"] {
        std::fs::create_dir_all(folder.join("copy/checkpoints")).unwrap();
        std::fs::copy(folder.join("runs/flats").join(file), folder.join("copy").join(file)).unwrap();
    }
    for entry in std::fs::read_dir(folder.join("runs/flats/checkpoints")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.join("copy/checkpoints").join(path.file_name().unwrap())).unwrap();
    }
    let before = model();
    assert_eq!(json(folder, &["resume", "copy"])["epochs"], 12);
    assert_eq!(model(), before);
    assert_eq!(json(folder, &["resume", "copy", "--epochs", "14"])["epochs"], 14);
    assert_ne!(model(), before);
}

#[test]
fn models_are_shown_exported_and_timed() {
    let folder = FLATS_RUN.path();
    let shown = done(folder, &["inspect", "runs/flats"]);
    assert!(shown.contains("0.dense") && shown.contains("saturated") && shown.contains("x_Q"), "{shown}");
    let alone = json(folder, &["inspect", "runs/flats/model.safetensors"]);
    assert!(alone["layers"][0]["rho"][1].as_f64().unwrap() > 0.0, "{alone}");
    assert!(alone["layers"][0]["saturated"].is_null() && alone["layers"][2]["rho"].is_null(), "{alone}");
    let with_data = json(folder, &["inspect", "runs/flats/model.safetensors", "--data", "flats.csv"]);
    assert!(with_data["layers"][0]["saturated"].is_number(), "{with_data}");
    assert!(alone["layers"][0]["jacobian"].is_null(), "{alone}");
    let product = |layer: usize| with_data["layers"][layer]["jacobian"]["product"].as_f64().unwrap();
    let chi = |layer: usize| with_data["layers"][layer]["jacobian"]["chi"].as_f64().unwrap();
    assert!(shown.contains("χ of the Jacobian"), "{shown}");
    assert!(chi(0) > 0.0 && product(2) == chi(2), "{with_data}");
    assert!((product(0) / (chi(0) * chi(1) * chi(2)) - 1.0).abs() < 1e-9, "{with_data}");

    done(folder, &["export", "runs/flats", "--format", "npz", "-o", "flats.npz"]);
    let weights = autorot::model::Weights::load(folder.join("flats.npz")).unwrap();
    assert_eq!(weights["2.dense.kernel"].shape, [16, 1]);
    done(folder, &["export", "runs/flats", "--format", "safetensors", "--fold", "-o", "folded.safetensors"]);
    let folded = json(folder, &["predict", "folded.safetensors", "new.csv"]);
    let whole = json(folder, &["predict", "runs/flats", "new.csv"]);
    let first = |told: &Value| told["rows"][0][0].as_f64().unwrap();
    assert!((first(&folded) - first(&whole)).abs() < 0.01, "{folded} {whole}");
    done(folder, &["export", "runs/flats", "--format", "description", "-o", "flats.json"]);
    let description = std::fs::read_to_string(folder.join("flats.json")).unwrap();
    Model::from_description(&description, &Device::cpu()).unwrap();

    for format in ["onnx", "keras", "h5"] {
        done(folder, &["export", "runs/flats", "--format", format]);
    }
    assert!(std::fs::metadata(folder.join("flats.onnx")).unwrap().len() > 1000);
    // What Keras has is the network alone, for prepared rows.
    for file in ["flats.keras", "flats.h5"] {
        let model = Model::load_keras(folder.join(file), &Device::cpu()).unwrap();
        assert_eq!(model.network().output().shape, [1]);
    }
    done(folder, &["export", "runs/flats", "--format", "npz", "--layout", "pytorch", "-o", "torch.npz"]);
    let weights = autorot::model::Weights::load(folder.join("torch.npz")).unwrap();
    assert_eq!(weights["2.dense.weight"].shape, [1, 16]);

    let times = json(folder, &["bench", "run.toml", "--device", "cpu", "--seconds", "0.02"]);
    assert!(times["devices"][0]["step_ms"].as_f64().unwrap() > 0.0, "{times}");
    assert!(times["devices"][0]["single_prediction_ms"].as_f64().unwrap() > 0.0, "{times}");
    let devices = json(folder, &["devices"]);
    assert_eq!(devices["chosen"]["name"], "cpu");
}

#[test]
fn twins_are_compared_from_common_weights() {
    let folder = FLATS_RUN.path();
    let words = ["compare", "run.toml", "--seeds", "2", "--epochs", "3", "--out", "twins"];
    let told = json(folder, &words);
    assert_eq!(told["runs"].as_array().unwrap().len(), 4);
    for (run, variant) in
        told["runs"].as_array().unwrap().iter().zip(["classic", "auto-rotating"].iter().cycle())
    {
        assert_eq!(run["variant"], **variant);
        assert_eq!(run["history"]["epochs"].as_array().unwrap().len(), 3);
    }
    for name in ["report.json", "curves.png", "curves.svg", "gradients.png", "gradients.svg", "run.toml"] {
        assert!(std::fs::metadata(folder.join("twins").join(name)).unwrap().len() > 100, "{name}");
    }
    assert_eq!(run(folder, &words).status.code(), Some(1), "the folder is taken");
}

#[test]
fn completions_manual_and_help_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = done(folder.path(), &["completions", shell]);
        assert!(script.contains("evaluate") && script.len() > 2000, "{shell}");
    }
    assert!(done(folder.path(), &["man"]).contains(".TH autorot 1"));
    done(folder.path(), &["man", "--dir", "pages"]);
    let help = done(folder.path(), &["--help"]);
    for word in ["130", "AUTOROT_DEVICE", "autorot new flats.csv"] {
        assert!(help.contains(word), "{help}");
    }
    let subcommands =
        ["new", "train", "resume", "evaluate", "predict", "export", "inspect", "compare", "devices", "bench"];
    for name in subcommands {
        assert!(folder.path().join(format!("pages/autorot-{name}.1")).is_file(), "{name}");
        assert!(done(folder.path(), &[name, "--help"]).contains("Example"), "{name}");
    }
    assert_eq!(run(folder.path(), &["train"]).status.code(), Some(2));
    assert_eq!(run(folder.path(), &["fly"]).status.code(), Some(2));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = FLATS_RUN.path();
    let mut child = command(folder, &["predict", "runs/flats", "flats.csv"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}
