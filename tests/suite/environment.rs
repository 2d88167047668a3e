//! What environment variables do to a program, seen from outside: the tests run themselves as one.

use autorot::Device;
use autorot::device::adapters;
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
