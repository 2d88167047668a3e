//! The examples as programs: what a person sees of them at a pipe and in a file, what `--help` tells, and options that would do
//! nothing.

use crate::common::WITH_GPU;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

const STUDIES: [&str; 7] =
    ["battery", "calibrate", "compare", "depth", "images", "sequence", "vanishing_gradients"];

/// The folder of the built examples. Where only some tests are run, cargo has not built them.
fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--examples", "--target-dir"]).arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        // Of the same features as the tests, so that nothing is built twice.
        let features = [
            ("tests-without-gpu", !WITH_GPU),
            ("cli", cfg!(feature = "cli")),
            ("mpi", cfg!(feature = "mpi")),
        ];
        for (feature, _) in features.into_iter().filter(|(_, there)| *there) {
            cargo.args(["--features", feature]);
        }
        assert!(cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success(), "{cargo:?}");
        profile.join("examples")
    })
}

/// An example, or a study by its own name.
pub fn example(name: &str, arguments: &[&str]) -> Command {
    let study = STUDIES.contains(&name);
    let program = if study { "studies" } else { name };
    let mut command = Command::new(folder().join(program).with_extension(std::env::consts::EXE_EXTENSION));
    command.args(study.then_some(name)).args(arguments).stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn output(name: &str, arguments: &[&str]) -> Output {
    example(name, arguments).output().unwrap()
}

/// The writing end of a pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// What the smallest training of a study takes.
fn small(out: &str) -> Vec<&str> {
    vec!["--epochs", "2", "--seeds", "1", "--device", "cpu", "--out", out]
}

/// Writes a table of two classes, one of values, and series of three channels for the study `battery`; returns what it takes to read them.
fn battery(folder: &Path) -> Vec<&str> {
    let write = |name: &str, header: &str, row: &dyn Fn(usize) -> String| {
        let rows: String = (0..40).map(|i| row(i) + "\n").collect();
        std::fs::write(folder.join(name), format!("{header}\n{rows}")).unwrap();
    };
    write("sides.csv", "x,y,target", &|i| {
        format!("{},{},{}", i * 7 % 40, i * 11 % 13, usize::from(i * 7 % 40 > 19))
    });
    write("plane.csv", "x,y,target", &|i| format!("{},{},{}", i, i * 11 % 13, 2 * i + i * 11 % 13));
    for part in ["TRAIN", "TEST"] {
        let step = |i: usize, t: usize| (i * (t + 3) % 5).to_string();
        let row =
            |i: usize| (0..9).map(|t| step(i, t)).chain([(i % 2).to_string()]).collect::<Vec<_>>().join(",");
        let header = "t0_c0,t0_c1,t0_c2,t1_c0,t1_c1,t1_c2,t2_c0,t2_c1,t2_c2,target";
        write(&format!("waves_{part}.csv"), header, &row);
    }
    vec![
        "--quick",
        "--arms",
        "tanh-glorot,tanh-norm-after,sigmoid-aligned",
        "--data",
        folder.to_str().unwrap(),
    ]
}

#[test]
fn a_battery_goes_on_where_it_was_interrupted() {
    let (data, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (out, results) = (out.path().to_str().unwrap(), out.path().join("results.jsonl"));
    let run = |more: &[&str]| {
        let ended = output("battery", &[small(out), battery(data.path()), more.to_vec()].concat());
        assert!(ended.status.success(), "{}", text(&ended.stderr));
        text(&ended.stdout)
    };
    let first = run(&[]);
    for name in ["report.json", "results.md", "ranks.png", "ranks.svg", "rates.svg", "rows.png", "rows.svg"] {
        assert!(std::fs::metadata(Path::new(out).join(name)).unwrap().len() > 100, "{name}");
    }
    // Three sets, three arms at two rates, and at their best rate once more on a share of the rows.
    let lines = std::fs::read_to_string(&results).unwrap();
    assert_eq!(lines.lines().count(), 3 * 3 * (2 + 1), "{first}");
    for part in [
        "sides, 40 rows of [2], 2 classes",
        "plane, 40 rows of [2], values",
        "waves, 80 rows of [3, 3]",
        "mean rank",
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }
    // Cut off in its last line, it does that one again, and nothing else.
    std::fs::write(&results, &lines[..lines.len() - 10]).unwrap();
    let second = run(&[]);
    let trained = |said: &str| -> usize {
        said.lines()
            .filter_map(|line| line.split_once(" trained, ")?.0.rsplit(' ').next()?.parse::<usize>().ok())
            .sum()
    };
    assert_eq!((trained(&first), trained(&second)), (27, 1), "{second}");
    let tables =
        |said: &str| said.lines().filter(|line| line.starts_with('|')).collect::<Vec<_>>().join("\n");
    assert_eq!(tables(&first), tables(&second));
    // Another option is another training.
    assert_eq!(trained(&run(&["--batch", "16", "--only", "plane"])), 9);
}

#[test]
fn a_closed_pipe_ends_them_quietly() {
    let (out, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let out = out.path().to_str().unwrap();
    let benchmark = ["--devices", "cpu", "--seconds", "0.01", "--only", "256x256x256"].to_vec();
    let more = |name| if name == "battery" { battery(data.path()) } else { Vec::new() };
    let studies = STUDIES.map(|name| (name, [small(out), more(name)].concat()));
    for (name, arguments) in studies.into_iter().chain([("devices", vec![]), ("benchmark", benchmark)]) {
        let ended = example(name, &arguments).stdout(closed()).stderr(Stdio::piped()).output().unwrap();
        assert!(ended.status.success(), "{name}: {}: {}", ended.status, text(&ended.stderr));
        for word in ["panic", "pipe", "epoch"] {
            assert!(!text(&ended.stderr).contains(word), "{name}: {}", text(&ended.stderr));
        }
    }
}

#[test]
fn a_training_in_a_log_file_says_one_line_an_epoch() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().to_str().unwrap();
    let arguments = [small(out), vec!["--rows", "64", "--only", "relu"]].concat();
    let ended = output("images", &arguments);
    let said = text(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    for (i, line) in lines.iter().enumerate() {
        assert!(line.starts_with(&format!("epoch {}/2  loss ", i + 1)), "{line}");
        for part in ["  accuracy ", "  validation: loss ", " s  ", " rows/s"] {
            assert!(line.contains(part), "{part:?} in {line:?}");
        }
        assert!(!line.contains('\u{1b}') && !line.contains('\r'), "no terminal's signs: {line:?}");
    }
    // Nobody reads standard error: the training goes on to its end.
    let ended = example("images", &arguments).stderr(closed()).output().unwrap();
    assert!(ended.status.success(), "{}", ended.status);
    assert!(text(&ended.stdout).contains("best test accuracy of relu"), "{}", text(&ended.stdout));

    // Twins that take turns share the line.
    let task = ["--task", "adding", "--steps", "5", "--rows", "32", "--cells", "gru", "--units", "2"];
    let said = text(&output("sequence", &[small(out), task.to_vec()].concat()).stderr);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[1].starts_with("epoch 2/2  test loss: gru ") && lines[1].contains("  gru-ar "), "{said}");
}

fn report(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap()
}

#[test]
fn the_study_of_depth_trains_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let methods = ["--methods", "classic,norm-before,critical", "--rates", "0.01,3e38"];
    let with = |depths: &'static str| {
        let task = ["--rows", "60", "--units", "4", "--depths", depths];
        let ended = output("depth", &[small(out), methods.to_vec(), task.to_vec()].concat());
        assert!(ended.status.success(), "{}", text(&ended.stderr));
        text(&ended.stdout)
    };
    let lines = || std::fs::read_to_string(folder.path().join("results.jsonl")).unwrap().lines().count();
    let said = with("2");
    assert_eq!((lines(), said.contains("done before")), (6, false), "{said}");
    let first = report(folder.path());
    assert_eq!((first["runs"].as_array().unwrap().len(), &first["options"]["layers"]), (6, &"dense".into()));
    let classic = &first["results"][0];
    assert_eq!((&classic["method"], &classic["rate"]), (&"classic".into(), &0.01.into()));
    // A training that diverges is a result, too.
    assert_eq!((&classic["diverged"], &classic["trainings"]), (&1.into(), &2.into()), "{first}");
    assert_eq!(first["runs"][1]["scores"], serde_json::Value::Null);
    assert_eq!(first["runs"][0]["gradients_after"].as_array().unwrap().len(), 3, "two layers and the last");
    // A depth more is trained, and nothing else.
    let said = with("2,3");
    assert!(said.contains("6 of 12 trainings were done before") && lines() == 12, "{said}");
    let both = report(folder.path());
    assert_eq!((&both["results"][0], both["results"].as_array().unwrap().len()), (classic, 6));
    assert_eq!(both["runs"].as_array().unwrap()[..6], first["runs"].as_array().unwrap()[..]);
    for file in ["results.md", "accuracy.png", "accuracy.svg", "gradients.png", "gradients.svg"] {
        assert!(folder.path().join(file).exists(), "{file}");
    }
}

#[test]
fn studies_take_the_critical_rule_with_l_learnt_per_unit_unless_told() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let few = ["--epochs", "1", "--seeds", "1", "--device", "cpu", "--rows", "32", "--rule", "critical"];
    let told = |name: &str, more: &[&'static str]| {
        let ended = output(name, &[&few[..], more, &["--out", out]].concat());
        assert!(ended.status.success(), "{name}: {}", text(&ended.stderr));
        report(folder.path())["options"].clone()
    };
    let images = told("images", &["--only", "ar"]);
    assert_eq!([&images["rule"], &images["learn_l"]], ["critical", "unit"]);
    let refused = output("vanishing_gradients", &few);
    assert!(text(&refused.stderr).contains("critical nets are always among the six"));
    let sequence = told("sequence", &["--task", "adding", "--steps", "5", "--cells", "gru", "--units", "2"]);
    assert_eq!([&sequence["rule"], &sequence["learn_l"]], ["critical", "unit"]);
}

#[test]
fn help_lists_what_options_take() {
    let device = ["auto, gpu, software, cpu, cpu-f64"];
    let activations = autorot::Activation::ALL.iter().map(|a| a.name());
    let all = |words: &[&'static str]| words.iter().copied().chain(device).collect::<Vec<_>>();
    let training = ["sgd, rmsprop, adam, adamw"];
    let cases = [
        ("devices", all(&["AUTOROT_DEVICE", "vulkan, metal, dx12, gl"])),
        ("benchmark", all(&["784-512x4-10", "lstm-128-256", "product 1024x1024x1024"])),
        ("compare", all(&training).into_iter().chain(activations.clone()).collect()),
        (
            "images",
            all(&training).into_iter().chain(activations.clone()).chain(["aligned", "cosine"]).collect(),
        ),
        ("vanishing_gradients", all(&training).into_iter().chain(activations.clone()).collect()),
        (
            "sequence",
            all(&["sgd, rmsprop, adam, adamw", "simple_rnn, lstm, gru", "vowels", "feature", "gate"]),
        ),
        ("calibrate", all(&["sgd, rmsprop, adam, adamw", "air-quality", "random"])),
        (
            "battery",
            all(&[
                "sgd, rmsprop, adam, adamw",
                "target",
                "_TEST",
                "t1_c0",
                "sigmoid-glorot",
                "relu-he",
                "gru",
            ]),
        ),
        (
            "depth",
            all(&[training[0], "classic, orthogonal, centred", "dense, conv", "[default: 2000]"])
                .into_iter()
                .chain(activations.clone())
                .collect(),
        ),
    ];
    for (name, words) in cases {
        let help = output(name, &["--help"]);
        assert!(help.status.success() && help.stderr.is_empty(), "{name}: {}", text(&help.stderr));
        // Lines are broken where the terminal ends.
        let told = text(&help.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(told.contains(word), "{name} --help does not tell of {word:?}: {told}");
        }
    }
    let embed = text(&output("embed", &["--help"]).stdout);
    for word in activations.chain(["swirl, sunset, waves, tiles"]) {
        assert!(embed.contains(word), "embed --help does not tell of {word:?}: {embed}");
    }
}

#[test]
fn options_that_would_do_nothing_are_refused_by_name() {
    let cases: [(&str, &[&str], &[&str]); 27] = [
        ("compare", &["--gray"], &["--gray", "--data glyphs", "cifar10"]),
        ("compare", &["--data", "mnist", "--dir", ".", "--gray"], &["--gray", "--data mnist", "cifar10"]),
        ("compare", &["--dir", "."], &["--dir", "--data glyphs"]),
        ("compare", &["--data", "mnist"], &["--dir", "mnist"]),
        ("compare", &["--activation", "none-such"], &["--activation", "none-such", "sigmoid"]),
        ("vanishing_gradients", &["--gray"], &["--gray", "--data glyphs"]),
        ("images", &["--gray"], &["--gray", "--data glyphs"]),
        ("images", &["--only", "relu", "--activation", "tanh"], &["--activation", "--only relu"]),
        ("images", &["--only", "relu", "--l", "3"], &["--l", "--only relu"]),
        ("images", &["--only", "classic", "--learn-l", "unit"], &["--learn-l", "--only classic"]),
        ("images", &["--no-augment", "--shift", "1"], &["--no-augment", "--shift"]),
        ("images", &["--no-augment", "--crop", "20"], &["--no-augment", "--crop"]),
        ("sequence", &["--dir", "."], &["--dir", "--task adding", "--task vowels"]),
        ("sequence", &["--task", "glyphs", "--steps", "9"], &["--steps", "--task glyphs", "--task adding"]),
        ("sequence", &["--task", "vowels", "--dir", ".", "--rows", "9"], &["--rows", "--task vowels"]),
        ("sequence", &["--scale", "feature"], &["--scale", "--task adding", "--task vowels"]),
        ("calibrate", &["--dir", "."], &["--dir", "--data insole", "--data air-quality"]),
        ("battery", &[], &["--data"]),
        ("battery", &["--data", ".", "--learning-rate", "0.1"], &["--learning-rate", "--rates"]),
        ("battery", &["--data", ".", "--arms", "none-such"], &["none-such", "tanh-glorot"]),
        ("depth", &["--learning-rate", "0.1"], &["--learning-rate", "--rates"]),
        ("depth", &["--filters", "9"], &["--filters", "--layers dense"]),
        ("depth", &["--layers", "conv", "--units", "9"], &["--units", "--layers conv"]),
        ("depth", &["--methods", "critical,none-such"], &["--methods", "none-such", "norm-before"]),
        ("depth", &["--depths", "5,0"], &["--depths", "at least 1"]),
        ("benchmark", &["--only", "none-such"], &["--only", "none-such", "784-512x4-10"]),
        ("embed", &["--headless", "--picture", "a.png", "--size", "9"], &["--size", "--picture a.png"]),
    ];
    for (name, arguments, words) in cases {
        let refused = output(name, arguments);
        let said = text(&refused.stderr);
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{name} {arguments:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{name} {arguments:?} does not name {word:?}: {said}");
        }
    }
}

#[test]
fn the_small_examples_are_small_and_say_what_they_do() {
    let said = |name: &str| {
        let ended = example(name, &[]).env("AUTOROT_DEVICE", "cpu").output().unwrap();
        assert!(ended.status.success(), "{name}: {}", text(&ended.stderr));
        text(&ended.stdout)
    };
    // Far above chance, which is a sixteenth.
    let train = said("train");
    let accuracy = train.split("test accuracy ").nth(1).and_then(|rest| rest.split(',').next());
    assert!(accuracy.is_some_and(|number| number.parse::<f64>().unwrap() > 0.5), "{train}");
    assert!(train.contains("the network says "), "{train}");
    // Far better than the mean.
    let own_data = said("own_data");
    let euros: Vec<f64> = own_data
        .split(" €")
        .filter_map(|part| part.rsplit(' ').next().and_then(|number| number.parse().ok()))
        .collect();
    assert!(euros.len() == 4 && euros[0] < 0.3 * euros[1], "{own_data}");
    for (file, most) in [("examples/train.rs", 40), ("examples/own_data.rs", 60)] {
        let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        assert!(source.lines().filter(is_code).count() <= most, "{file}");
    }
}
