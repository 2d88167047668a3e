//! What is refused, and how: one clear error on standard error, and the exit code 1.

use super::*;

/// The error of a command that must fail.
fn refused(folder: &Path, words: &[&str], parts: &[&str]) {
    let output = run(folder, words);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words:?}: {error}");
    assert_eq!(text(&output.stdout), "", "{words:?}");
    let errors = error.lines().filter(|line| line.starts_with("error: ")).count();
    let last = error.lines().last().unwrap_or_default();
    assert!(errors == 1 && last.starts_with("error: ") && !error.contains("panicked"), "{words:?}: {error}");
    for part in parts {
        assert!(error.contains(part), "{words:?}: {part} in {error}");
    }
    let output = run(folder, &[words, &["--json"]].concat());
    let error = text(&output.stderr);
    let told: Value = serde_json::from_str(error.lines().last().unwrap_or_default())
        .unwrap_or_else(|e| panic!("{words:?}: {e}: {error}"));
    assert!(!told["error"]["message"].as_str().unwrap().is_empty());
}

/// A folder with the flats and settings for them.
fn fresh() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(FLATS, folder.path().join("flats.csv")).unwrap();
    done(folder.path(), &["new", "flats.csv", "--quiet"]);
    folder
}

#[test]
fn files_and_columns_that_are_not_there() {
    let folder = FLATS_RUN.path();
    refused(folder, &["new", "other.csv", "--out", "x.toml"], &["other.csv", "exists"]);
    refused(folder, &["new", "flats.csv"], &["run.toml", "--force"]);
    refused(folder, &["new", "flats.csv", "--out", "x.toml", "--target", "rent"], &["\"rent\"", "rent_eur"]);
    refused(folder, &["new", "flats.csv", "--out", "x.toml", "--split", "1.5"], &["--split"]);
    refused(folder, &["train", "other.toml"], &["other.toml"]);
    refused(folder, &["train", "run.toml"], &["runs/flats", "autorot resume"]);
    refused(folder, &["resume", "nowhere"], &["nowhere", "run.toml"]);
    refused(folder, &["evaluate", "nowhere"], &["nowhere"]);
    refused(
        folder,
        &["evaluate", "runs/flats/model.safetensors"],
        &["model.safetensors", "rows to evaluate"],
    );
    refused(folder, &["predict", "runs", "new.csv"], &["no run"]);
    refused(folder, &["predict", "runs/flats", "new.csv", "-o", "out.xlsx"], &["out.xlsx", ".npy"]);
    refused(folder, &["predict", "runs/flats", "new.csv", "--columns", "name"], &["\"name\""]);
    refused(folder, &["predict", "runs/flats", "new.csv", "--device", "cuda"], &["cuda", "auto"]);
    std::fs::write(folder.join("few.csv"), "area_m2,floor,built\n55,2,1965\n").unwrap();
    refused(folder, &["predict", "runs/flats", "few.csv"], &["few.csv", "centre_km"]);
    std::fs::write(folder.join("gap.csv"), "area_m2,floor,built,centre_km,heating\n55,,1965,3.5,gas\n")
        .unwrap();
    refused(folder, &["predict", "runs/flats", "gap.csv"], &["gap.csv", "line 2", "missing value"]);
    std::fs::write(folder.join("word.csv"), "area_m2,floor,built,centre_km,heating\nbig,2,1965,3.5,gas\n")
        .unwrap();
    refused(folder, &["predict", "runs/flats", "word.csv"], &["word.csv", "line 2", "\"big\""]);
    refused(folder, &["inspect", "flats.csv"], &["flats.csv"]);
}

#[test]
fn settings_are_refused_with_their_line() {
    let changes: [(&str, &str, &[&str]); 15] = [
        ("shuffle = true", "shuffel = true", &["line", "shuffel", "shuffle"]),
        (
            "kind = \"dense\"\nunits = 16",
            "kind = \"dense\"\nunits = 16\nunit = 3",
            &["0.dense", "\"unit\"", "units"],
        ),
        ("kind = \"dense\"\nunits = 16", "kind = \"dens\"\nunits = 16", &["\"dens\"", "dense"]),
        ("activation = \"tanh\"", "activation = \"tan\"", &["activation", "tan", "sigmoid"]),
        ("units = 16\n", "", &["0.dense", "units"]),
        ("auto_rotate = true", "auto_rotate = { rules = \"aligned\" }", &["rules", "auto_rotate"]),
        ("kind = \"adam\"", "kind = \"adan\"", &["adan", "adamw"]),
        ("learning_rate = 0.003", "learning_rat = 0.003", &["learning_rat", "learning_rate"]),
        ("learning_rate = 0.003", "learning_rate = -1.0", &["learning rate"]),
        ("loss = \"mean_squared_error\"", "loss = \"squares\"", &["squares", "huber"]),
        ("epochs = ", "epochs = = ", &["line"]),
        ("validation = 0.2", "validation = 1.2", &["1.2"]),
        ("batch = 16", "batch = 0", &["batch"]),
        ("metrics = [\"r2\"]", "metrics = [\"accuracy\"]", &["accuracy"]),
        ("device = \"auto\"", "device = \"cuda\"", &["cuda"]),
    ];
    let folder = fresh();
    let settings = folder.path().join("run.toml");
    let whole = std::fs::read_to_string(&settings).unwrap();
    for (from, to, parts) in changes {
        replace(&settings, from, to);
        refused(folder.path(), &["train", "run.toml"], parts);
        std::fs::write(&settings, &whole).unwrap();
    }
    // The line itself, of an option and of a layer's option.
    let line = |text: &str, to: &str| text.lines().position(|line| line.starts_with(to)).unwrap() + 1;
    for (from, to) in [("seed = 0", "sead = 0"), ("auto_rotate = true", "auto_rotat = true")] {
        replace(&settings, from, to);
        let text = std::fs::read_to_string(&settings).unwrap();
        let word = to.split(' ').next().unwrap();
        refused(folder.path(), &["train", "run.toml"], &[&format!("line {}", line(&text, to)), word]);
        std::fs::write(&settings, &whole).unwrap();
    }
    replace(&settings, "\"floor\"", "\"flor\"");
    refused(folder.path(), &["train", "run.toml"], &["\"flor\"", "flats.csv"]);
    std::fs::write(&settings, whole.replace("units = 1  ", "units = 2  ")).unwrap();
    replace(&settings, "units = 1\n", "units = 2\n");
    refused(folder.path(), &["train", "run.toml"], &["2 outputs", "units to 1"]);
    assert!(!folder.path().join("runs/flats").exists(), "nothing is left by what was refused");
}

#[test]
fn tables_without_anything_to_learn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let write = |text: &str| std::fs::write(path.join("odd.csv"), text).unwrap();
    write("");
    refused(path, &["new", "odd.csv"], &["odd.csv"]);
    write("a,b\n");
    refused(path, &["new", "odd.csv"], &["odd.csv"]);
    write("a,b\nx,1\ny,2\nz,3.5\n");
    refused(path, &["new", "odd.csv"], &["no column that can be an input"]);
    write("day,b\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n");
    refused(path, &["new", "odd.csv", "--target", "day"], &["\"day\"", "dates"]);
    write("a,b\n1,2\n3\n");
    refused(path, &["new", "odd.csv"], &["line 3"]);
    std::fs::write(path.join("bytes.csv"), b"a,b\n\xff\xfe\xfa,1\n").unwrap();
    refused(path, &["new", "bytes.csv"], &["bytes.csv"]);
    std::fs::create_dir_all(path.join("empty/one")).unwrap();
    refused(path, &["new", "empty"], &["empty", "two classes"]);
    assert!(!path.join("run.toml").exists());
}

#[test]
fn tasks_of_a_step_that_know_nothing_of_each_other() {
    let folder = fresh();
    let output = command(folder.path(), &["train", "run.toml"])
        .envs([("SLURM_STEP_ID", "0"), ("SLURM_NTASKS", "2")])
        .output()
        .unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(if cfg!(feature = "mpi") { "--mpi=pmix" } else { "feature mpi" }), "{error}");
    assert!(!folder.path().join("runs").exists());
}
