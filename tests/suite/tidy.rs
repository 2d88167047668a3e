//! The house's rules, as far as a test can tell: what may name what, and that every kernel and layer is whole.

use autorot::extend::{kernel, layers};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(root().join(&path)).unwrap_or_else(|e| panic!("{}: {e}", path.as_ref().display()))
}

/// All files below a folder with this ending, relative to the root.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no .{ending} in {folder}");
    found
}

/// The lines of a source that are neither comments nor docs.
fn code(path: &Path) -> Vec<String> {
    read(path).lines().map(|l| l.split("//").next().unwrap_or("").to_owned()).collect()
}

#[test]
fn what_records_plans_knows_no_gpu() {
    let rooms = ["activation", "layer", "plan", "kernel", "loss", "model", "optimizer", "train"];
    let rooms = rooms.map(|room| format!("src/{room}"));
    let single = ["src/metric.rs", "src/rotate.rs"];
    let all = rooms.iter().flat_map(|r| files(r, "rs")).chain(single.iter().map(PathBuf::from));
    for path in all {
        for (i, line) in code(&path).iter().enumerate() {
            assert!(!line.contains("wgpu"), "{}:{}: names wgpu", path.display(), i + 1);
        }
    }
    for path in ["src/device/cpu.rs", "src/unchecked/block.rs"] {
        for line in code(Path::new(path)) {
            let names = ["wgpu", "gpu::", "shader::"].into_iter().find(|name| line.contains(name));
            assert_eq!(names, None, "{path}: the CPU path names the GPU path: {line}");
        }
    }
    for path in files("src/device", "rs") {
        for line in code(&path) {
            assert!(!line.contains("layer::"), "{}: a device names layers: {line}", path.display());
        }
    }
}

#[test]
fn unsafe_code_has_one_place_and_reasons() {
    assert!(read("Cargo.toml").contains("unsafe_code = \"deny\""), "the lint that the compiler checks");
    let mut blocks = 0;
    for path in files("src", "rs").into_iter().chain(files("tests", "rs")).chain(files("examples", "rs")) {
        let text = read(&path);
        if path.ends_with("tidy.rs") {
            continue;
        }
        if !path.starts_with("src/unchecked") {
            assert!(!text.contains("unsafe_code"), "{}: lifts the lint", path.display());
        }
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in code(&path).iter().enumerate().filter(|(_, line)| line.contains("unsafe ")) {
            assert!(path.starts_with("src/unchecked"), "{}: {line}", path.display());
            let comments = lines[..i].iter().rev().take_while(|line| line.trim_start().starts_with("//"));
            assert!(comments.into_iter().any(|line| line.contains("SAFETY: ")), "{}: {line}", path.display());
            blocks += 1;
        }
    }
    assert!(blocks > 0, "the places that this test looks at");
}

#[test]
fn only_data_and_store_touch_files_and_no_one_the_standard_clock() {
    for path in files("src", "rs") {
        let tests_begin = |lines: &[String]| lines.iter().position(|l| l.contains("#[cfg(test)]"));
        let lines = code(&path);
        let end = tests_begin(&lines).unwrap_or(lines.len());
        let free = path.starts_with("src/data") || path.starts_with("src/store");
        // The command is a program, which no browser runs.
        if path.starts_with("src/bin") {
            continue;
        }
        if path.ends_with("tests.rs") {
            continue;
        }
        for line in &lines[..end] {
            assert!(free || !line.contains("std::fs"), "{}: touches files: {line}", path.display());
            assert!(
                !line.contains("std::time"),
                "{}: std::time does not exist in browsers: {line}",
                path.display()
            );
        }
    }
}

#[test]
fn every_kernel_has_a_shader_and_a_twin() {
    let registered: BTreeSet<String> = kernel::registry::all().iter().map(|e| e.name.to_owned()).collect();
    let stem = |p: &PathBuf| p.file_stem().unwrap().to_str().unwrap().to_owned();
    // In a room of their own, which their twins have, too; what shaders share lies in `parts`.
    let places: Vec<PathBuf> = files("shaders", "wgsl")
        .into_iter()
        .filter(|path| !path.starts_with("shaders/embed") && !path.parent().unwrap().ends_with("parts"))
        .collect();
    let shaders: BTreeSet<String> = places.iter().map(stem).collect();
    assert_eq!(registered, shaders, "registry and shaders");
    for path in files("src/kernel", "rs").into_iter().chain(files("src/optimizer", "rs")) {
        let text = read(&path);
        for name in
            text.split("const NAME: &'static str = \"").skip(1).filter_map(|rest| rest.split('"').next())
        {
            assert!(registered.contains(name), "{}: {name} is not registered", path.display());
            let shader = path.parent().unwrap().join(format!("{name}.wgsl"));
            let room = shader.strip_prefix("src/kernel").or(shader.strip_prefix("src"));
            let shader = Path::new("shaders").join(room.unwrap());
            assert!(places.contains(&shader), "{}: its shader is {}", path.display(), shader.display());
        }
    }
    for path in places {
        let (text, name) = (read(&path), stem(&path));
        assert!(
            text.starts_with(&format!("// {name}: ")),
            "{name}: the header begins with the kernel's name"
        );
        if path.starts_with("shaders/optimizer") {
            // The function of a rule: bindings and grid are those of the update.
            continue;
        }
        let header: String = text.lines().take_while(|l| l.starts_with("//")).collect();
        assert!(
            header.contains("→") && (header.contains("Grid") || header.contains("grid")),
            "{name}: bindings and grid"
        );
    }
}

#[test]
fn every_layer_is_registered() {
    let registered: BTreeSet<&str> = layers::all().iter().map(|e| e.kind).collect();
    let mut kinds = BTreeSet::new();
    for path in files("src/layer", "rs") {
        let text = read(&path);
        for body in text.split("fn kind(&self)").skip(1).filter_map(|rest| rest.split("\n    }").next()) {
            kinds.extend(body.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    let registered: BTreeSet<String> = registered.into_iter().map(str::to_owned).collect();
    assert_eq!(registered, kinds, "the registry of layers and the layers");
}

#[test]
fn files_are_short_and_finished() {
    let ours = ["src", "tests", "examples", "benches"];
    for path in ours.iter().flat_map(|folder| files(folder, "rs")).filter(|p| !p.starts_with("benches/peers"))
    {
        let text = read(&path);
        let generated = text.lines().nth(1).is_some_and(|line| line.contains("@generated"));
        assert!(
            generated || text.lines().count() <= 420,
            "{}: {} lines",
            path.display(),
            text.lines().count()
        );
        if !path.ends_with("tidy.rs") {
            for word in ["todo!", "unimplemented!", "dbg!", "FIXME", "XXX"] {
                assert!(!text.contains(word), "{}: {word}", path.display());
            }
        }
        assert!(
            text.starts_with("//!") || text.starts_with("#![doc"),
            "{}: says what it is for",
            path.display()
        );
    }
}

#[test]
fn examples_print_where_a_pipe_may_be_closed() {
    // The small ones show the crate and nothing else.
    let small = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name == "train.rs" || name.starts_with("own_") || path == Path::new("examples/embed/tests.rs")
    };
    let all = files("examples", "rs").into_iter().chain(files("benches", "rs"));
    let all = all.chain(files("src/bin", "rs"));
    for path in all.filter(|path| !small(path) && !path.starts_with("benches/peers")) {
        for line in code(&path) {
            assert!(
                !line.contains("println!") && !line.contains("print!("),
                "{}: see how the other examples say it: {line}",
                path.display()
            );
        }
    }
}

#[test]
fn the_version_and_the_options_are_documented() {
    let changelog = read("CHANGELOG.md");
    assert!(changelog.contains(env!("CARGO_PKG_VERSION")), "CHANGELOG.md names the version");
    let readme = read("README.md");
    for word in ["AUTOROT_DEVICE", "tests/run", "cargo run --release --example studies -- compare"] {
        assert!(readme.contains(word), "README.md names {word}");
    }
}
