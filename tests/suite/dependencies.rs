//! Licences, sources and duplicates of everything that the crate depends on, against `deny.toml`: cargo-deny's checks as far
//! as they need no tool that takes minutes to build and no network.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

/// The strings of a list in `deny.toml`.
fn list(name: &str) -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().skip_while(|line| *line != format!("{name} = [")).skip(1);
    let lines = lines.take_while(|line| *line != "]");
    lines.filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
}

/// All that is built for this system.
fn packages() -> Vec<Package> {
    let version = Command::new(env!("CARGO")).arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--all-features", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    serde_json::from_slice::<Metadata>(&metadata.stdout).unwrap().packages
}

/// Whether an expression of licences such as `(MIT OR Apache-2.0) AND Unicode-3.0` is met by those allowed.
fn allowed(expression: &str, licences: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut words = words.as_slice();
    either(&mut words, licences) && words.is_empty()
}

fn either(words: &mut &[&str], licences: &BTreeSet<String>) -> bool {
    let mut met = all(words, licences);
    while let ["OR", rest @ ..] = words {
        *words = rest;
        met |= all(words, licences);
    }
    met
}

fn all(words: &mut &[&str], licences: &BTreeSet<String>) -> bool {
    let mut met = one(words, licences);
    while let ["AND", rest @ ..] = words {
        *words = rest;
        met &= one(words, licences);
    }
    met
}

fn one(words: &mut &[&str], licences: &BTreeSet<String>) -> bool {
    match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let met = either(words, licences);
            let closed = words.first() == Some(&")");
            *words = words.get(1..).unwrap_or_default();
            met && closed
        }
        // An exception grants more.
        [name, "WITH", _, rest @ ..] | [name, rest @ ..] => {
            *words = rest;
            licences.contains(*name)
        }
        [] => false,
    }
}

#[test]
fn expressions_of_licences_are_understood() {
    let licences = list("allow");
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(MIT OR GPL-3.0) AND GPL-2.0", false),
        ("(MIT OR GPL-3.0) AND Zlib", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("(MIT", false),
        ("", false),
    ] {
        assert_eq!(allowed(expression, &licences), met, "{expression}");
    }
}

// What is published later may change these without a change here, so CI asks for them, and no one else.

#[test]
#[ignore = "depends on the versions that cargo chose"]
fn licences_are_allowed() {
    let licences = list("allow");
    for Package { name, version, license, .. } in packages() {
        let license = license.unwrap_or_default();
        assert!(allowed(&license, &licences), "{name} {version}: {license:?} is not in deny.toml");
    }
}

#[test]
#[ignore = "depends on the versions that cargo chose"]
fn all_dependencies_come_from_the_one_registry() {
    for Package { name, source, .. } in packages().into_iter().filter(|p| p.name != env!("CARGO_PKG_NAME")) {
        let registry = source.as_deref() == Some("registry+https://github.com/rust-lang/crates.io-index");
        assert!(registry, "{name} comes from {source:?}");
    }
}

#[test]
#[ignore = "depends on the versions that cargo chose"]
fn nothing_is_built_twice_but_what_is_listed() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Package { name, version, .. } in packages() {
        versions.entry(name).or_default().insert(version);
    }
    assert!(versions.len() > 100, "{} packages", versions.len());
    let known = list("skip");
    for (name, versions) in versions.into_iter().filter(|(_, versions)| versions.len() > 1) {
        assert!(
            known.contains(&name),
            "{name} {versions:?}: list it in deny.toml, or do without one of them"
        );
    }
}
