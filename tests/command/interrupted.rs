//! Trainings that are interrupted.

#![cfg(unix)]

use super::*;
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn ctrl_c_and_resume_end_with_the_bits_of_an_undisturbed_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::copy(FLATS, path.join("flats.csv")).unwrap();
    done(path, &["new", "flats.csv", "--quiet"]);
    replace(&path.join("run.toml"), "patience = 20", "patience = 500");
    let words = |out| ["train", "run.toml", "--epochs", "100", "--quiet", "--out", out];
    let mut child =
        command(path, &words("stopped")).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begin = Instant::now();
    let has_checkpoint = || {
        let files = std::fs::read_dir(path.join("stopped/checkpoints")).into_iter().flatten().flatten();
        files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("checkpoint-"))
    };
    while !has_checkpoint() && begin.elapsed() < Duration::from_secs(60) {
        assert!(child.try_wait().unwrap().is_none(), "ended before it was interrupted");
        std::thread::sleep(Duration::from_millis(2));
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("autorot resume stopped"), "{}", text(&output.stderr));
    assert!(!path.join("stopped/model.safetensors").exists());
    let error = text(&run(path, &["predict", "stopped", "flats.csv"]).stderr);
    assert!(error.contains("autorot resume stopped"), "{error}");

    done(path, &["resume", "stopped", "--quiet"]);
    done(path, &words("whole"));
    let model = |folder: &str| std::fs::read(path.join(folder).join("model.safetensors")).unwrap();
    assert!(model("stopped") == model("whole"), "the same bits");
    let losses = |folder: &str| -> Vec<(f64, Option<f64>)> {
        let history = autorot::History::load_csv(path.join(folder).join("history.csv")).unwrap();
        history.epochs.iter().map(|epoch| (epoch.train_loss, epoch.val_loss)).collect()
    };
    assert_eq!(losses("stopped"), losses("whole"));
    assert_eq!(losses("whole").len(), 100);
}
