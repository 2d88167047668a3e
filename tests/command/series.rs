//! Time series: windows from a file of settings, for training, evaluation and forecasts.

use super::*;
use autorot::data::{Csv, Windows};

/// Hourly values of two places, which follow each other in time and lie among each other in the file.
fn hours() -> String {
    let mut text = "place;hour;warmth;load\n".to_owned();
    for hour in 0..120 {
        for (place, shift) in [("north", 0.0), ("south", 2.0)] {
            let turn = (f64::from(hour) + shift) * std::f64::consts::TAU / 24.0;
            let warmth = if hour == 17 { "NA".to_owned() } else { format!("{:.3}", 10.0 + 5.0 * turn.sin()) };
            text += &format!("{place};{hour};{warmth};{:.3}\n", 900.0 + 200.0 * turn.cos());
        }
    }
    text
}

const SETTINGS: &str = r#"
[series]
path = "hours.csv"
inputs = ["warmth", "load"]
targets = ["load"]
groups = "place"
sequence_length = 6
horizon = 3
scale = "standard"
scale_targets = "standard"
format = { delimiter = ";", missing = ["NA"] }

[split]
validation = 0.25

[training]
loss = "mean_squared_error"
metrics = ["r2"]
epochs = 30
optimizer = { kind = "adam", learning_rate = 0.01 }

[network]
layers = [{ kind = "flatten" }, { kind = "dense", units = 8, activation = "tanh", auto_rotate = true }, { kind = "dense", units = 1 }]
"#;

#[test]
fn series_are_forecast() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("hours.csv"), hours()).unwrap();
    std::fs::write(path.join("run.toml"), SETTINGS).unwrap();
    json(path, &["train", "run.toml", "--out", "run"]);

    let table = Csv::open(path.join("hours.csv")).delimiter(b';').missing("NA").table().unwrap();
    let windows = Windows::new(6).inputs(["warmth", "load"]).targets(["load"]).groups("place").horizon(3);
    let kept = windows.split(&table, 0.25).unwrap().test;
    let evaluated = json(path, &["evaluate", "run"]);
    assert_eq!(evaluated["rows"], kept.len(), "the last rows of every series");
    assert!(evaluated["metrics"]["r2"].as_f64().unwrap() > 0.8, "{evaluated}");
    // Windows with the missing value are left out.
    let all = windows.table(&table).unwrap();
    assert_eq!(json(path, &["evaluate", "run", "hours.csv"])["rows"], all.len());
    assert_eq!(all.len(), 2 * (120 - 6 - 3 + 1 - 6));

    // One forecast for each series, in the units of the file, as the library gives it.
    let told = done(path, &["predict", "run", "hours.csv"]);
    let mut model = Model::load(path.join("run/model.safetensors"), &Device::cpu()).unwrap();
    let wanted = model.predict_rows(&*windows.latest(&table).unwrap()).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    let line = |name: &str, row: usize| format!("{name},{}", wanted.row(row).unwrap()[0]);
    assert_eq!(lines, ["place,predicted_load".to_owned(), line("north", 0), line("south", 1)]);
    // Two hours after the last one are hour 122 of north.
    let true_load = 900.0 + 200.0 * (122.0 * std::f64::consts::TAU / 24.0).cos();
    assert!((wanted.row(0).unwrap()[0] - true_load).abs() < 60.0, "{wanted:?}, {true_load}");

    // The resolved settings say the same, with every option.
    let resolved = std::fs::read_to_string(path.join("run/run.toml")).unwrap();
    assert!(resolved.contains("by = \"last\"") && resolved.contains("sampling_rate = 1"), "{resolved}");
    std::fs::copy(path.join("run/run.toml"), path.join("again.toml")).unwrap();
    json(path, &["train", "again.toml", "--out", "again"]);
    let model = |folder: &str| std::fs::read(path.join(folder).join("model.safetensors")).unwrap();
    assert!(model("run") == model("again"));

    replace(&path.join("run.toml"), "validation = 0.25", "validation = 0.25\nby = \"random\"");
    let output = run(path, &["train", "run.toml", "--out", "random"]);
    let error = text(&output.stderr);
    assert!(output.status.code() == Some(1) && error.contains("[split] by"), "{error}");
}
