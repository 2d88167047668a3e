//! What environment variables do to a program, seen from outside: the tests run themselves as one.

use autorot::device::{Tuning, adapters};
use autorot::{Device, wgpu};
use std::process::{Command, Output};

/// What a program prints that looks for adapters, with variables set, or unset where there is no value.
fn program(variables: &[(&str, Option<&str>)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "environment::looks_for_adapters", "--nocapture"]);
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
#[ignore = "the program that the other tests run"]
fn looks_for_adapters() {
    match adapters() {
        Ok(found) => {
            println!("adapters: {}", found.iter().map(|a| a.info.name.clone()).collect::<Vec<_>>().join(", "))
        }
        Err(error) => println!("adapters: {error}"),
    }
    match Device::auto() {
        Ok(device) => println!("auto: {}: {}", device.name(), device.why()),
        Err(error) => println!("auto: {error}"),
    }
    if let (Ok(found), Ok(device)) = (adapters(), Device::auto()) {
        let real = found.iter().any(|a| a.info.device_type != wgpu::DeviceType::Cpu);
        println!(
            "real: {real}, taken: {}",
            if device.traits().software { "software" } else { "no software" }
        );
    }
    match Tuning::from_env() {
        Ok(tuning) => println!("tuning: {tuning:?}"),
        Err(error) => println!("tuning: {error}"),
    }
}

#[test]
fn nothing_complains_of_a_missing_folder_for_sockets() {
    let with = program(&[("XDG_RUNTIME_DIR", Some("/tmp"))]);
    for value in [None, Some(""), Some("relative")] {
        let without = program(&[("XDG_RUNTIME_DIR", value)]);
        assert!(without.status.success());
        assert!(!text(&without.stderr).contains("XDG_RUNTIME_DIR"), "{}", text(&without.stderr));
        let lines = |output: &Output| {
            let text = text(&output.stdout);
            text.lines()
                .filter(|l| l.starts_with("adapters") || l.starts_with("auto"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(&without), lines(&with), "the same adapters");
        assert_eq!(lines(&without).len(), 2);
    }
}

/// The program's line that begins with this word.
fn line(output: &Output, word: &str) -> String {
    let said = text(&output.stdout);
    said.lines()
        .find(|line| line.starts_with(word))
        .unwrap_or_else(|| panic!("no {word:?} in {said}"))
        .to_owned()
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn no_software_adapter_is_taken_unasked() {
    let unasked = [("AUTOROT_DEVICE", None), ("WGPU_ADAPTER_NAME", None), ("WGPU_POWER_PREF", None)];
    for name in [None, Some(""), Some("auto")] {
        let ended = program(&[("AUTOROT_DEVICE", name), unasked[1], unasked[2]]);
        let (found, auto) = (line(&ended, "real: "), line(&ended, "auto: "));
        assert!(found.ends_with("taken: no software"), "{found}, {auto}");
        // With no real GPU there is the CPU.
        assert!(found.starts_with("real: true") || auto.starts_with("auto: cpu: "), "{found}, {auto}");
    }
    // A software adapter is there, and is had by asking, or the test would tell nothing.
    let asked = program(&[("AUTOROT_DEVICE", Some("gpu")), unasked[1], unasked[2]]);
    let real = line(&asked, "real: ").starts_with("real: true");
    assert_eq!(line(&asked, "real: ").ends_with("taken: software"), !real, "{}", line(&asked, "auto: "));
}

#[test]
fn the_variable_for_tuning_says_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    // Where the system keeps caches, on each system by its own rule.
    let home = Some(folder.path().to_str().unwrap());
    let tuning = |word| {
        line(&program(&[("AUTOROT_TUNE", word), ("XDG_CACHE_HOME", home), ("HOME", home)]), "tuning: ")
    };
    for (word, kind) in [(None, "Keep"), (Some(""), "Keep"), (Some("on"), "Keep"), (Some("again"), "Again")] {
        let said = tuning(word);
        assert!(
            said.starts_with(&format!("tuning: {kind}(")) && said.contains("tuning.json"),
            "{word:?}: {said}"
        );
    }
    assert_eq!(tuning(Some("off")), "tuning: Off");
    for part in ["AUTOROT_TUNE", "\"sometimes\"", "on, off or again"] {
        assert!(tuning(Some("sometimes")).contains(part), "{part}");
    }
}

#[test]
fn a_variable_that_names_nothing_is_an_error() {
    let device = ("AUTOROT_DEVICE", None);
    let unknown = program(&[device, ("WGPU_BACKEND", Some("vulcan"))]);
    let said = text(&unknown.stdout);
    for line in ["adapters: WGPU_BACKEND", "auto: WGPU_BACKEND"] {
        let found = said.lines().find(|l| l.starts_with(line)).unwrap_or_else(|| panic!("{said}"));
        for part in ["\"vulcan\"", "vulkan, metal, dx12, gl", "unset"] {
            assert!(found.contains(part), "{found}");
        }
    }
    let unknown = program(&[device, ("WGPU_POWER_PREF", Some("lowest"))]);
    assert!(text(&unknown.stdout).contains("auto: WGPU_POWER_PREF"), "{}", text(&unknown.stdout));
    // Nothing to find is no error: there is always the CPU.
    let none =
        program(&[device, ("WGPU_BACKEND", Some(if cfg!(target_os = "macos") { "dx12" } else { "metal" }))]);
    assert!(text(&none.stdout).contains("auto: cpu: "), "{}", text(&none.stdout));
    assert!(text(&none.stdout).contains("none of this system's backends"), "{}", text(&none.stdout));
}

#[test]
#[ignore = "the program that the next test runs"]
fn predicts_on_a_gpu() {
    crate::logs::listen();
    let device = Device::gpu().unwrap();
    let features = device.wgpu().unwrap().0.features();
    println!("caches: {}", features.contains(autorot::wgpu::Features::PIPELINE_CACHE));
    let net = autorot::Sequential::new([12, 12, 1])
        .add(autorot::Conv2d::new(4, 3))
        .add(autorot::BatchNorm::new())
        .add(autorot::Flatten)
        .add(autorot::Dense::new(3));
    let begin = std::time::Instant::now();
    let trainer = autorot::Trainer::new(autorot::Adam::default(), autorot::Loss::SoftmaxCrossEntropy);
    let kind = autorot::embed::TargetKind::Labels;
    let network = net.network(1).unwrap();
    device.prepare().fit(&network, &trainer, 300, Some(100), kind).unwrap().run().unwrap();
    println!("compiled {} in {:.1} ms", device.compiled(), begin.elapsed().as_secs_f64() * 1e3);
    let outputs = net.build(&device, 1).unwrap().predict(&[0.5; 144]).unwrap();
    println!("outputs: {outputs:?}");
    crate::logs::warnings().into_iter().for_each(|warning| println!("warning: {warning}"));
}

#[test]
#[cfg(target_os = "linux")]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn compiled_kernels_are_kept_and_what_is_spoilt_is_told_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let run = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "environment::predicts_on_a_gpu", "--nocapture"]);
        let output = command.env("XDG_CACHE_HOME", home).env("AUTOROT_TUNE", "off").output().unwrap();
        let said = text(&output.stdout);
        println!("{said}");
        assert!(output.status.success(), "{said}{}", text(&output.stderr));
        let part = |begin: &str| said.lines().find(|l| l.starts_with(begin)).unwrap_or_default().to_owned();
        (part("outputs: "), part("warning: "), said.contains("caches: true"))
    };
    let (outputs, warning, caches) = run();
    assert_eq!(warning, "");
    let kept = || {
        let files = std::fs::read_dir(folder.path().join("autorot")).ok()?.flatten();
        files.map(|file| file.path()).find(|path| path.extension().is_some_and(|e| e == "gz"))
    };
    assert_eq!(kept().is_some(), caches, "kept where the device has such caches");
    assert_eq!(run(), (outputs.clone(), String::new(), caches), "the second time");
    let Some(file) = kept() else {
        println!("this device has no caches of compiled kernels: nothing to spoil");
        return;
    };
    assert!(file.to_string_lossy().contains("wgpu_pipeline_cache_"), "{file:?}");

    let spoil = |bytes: &[u8]| std::fs::write(&file, bytes).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &[7; 500]).unwrap();
    for (bytes, words) in
        [(b"no cache".to_vec(), "as it was written"), (packed.finish().unwrap(), "another device's")]
    {
        spoil(&bytes);
        let (same, warning, _) = run();
        assert_eq!(same, outputs);
        for word in [words, "the cache of pipelines", file.to_str().unwrap()] {
            assert!(warning.contains(word), "{warning}: no {word:?}");
        }
        assert_eq!(run(), (outputs.clone(), String::new(), caches), "it was replaced");
    }
}
