//! Every kind of data: tables as people have them, images, arrays.

use super::*;
use autorot::model::Tensor;

/// A table with a semicolon, decimal commas, gaps, a date, an identifier, categories, and classes as text.
fn fruit() -> String {
    let mut text = "no;picked;weight;colour;sweet;kind\n".to_owned();
    for i in 0..90 {
        let kind = ["Apple", "pear", "Plum"][i % 3];
        let weight = match i % 3 {
            _ if i % 10 == 4 => "NA".to_owned(),
            0 => format!("{},{}", 150 + i % 7, i % 9),
            1 => format!("{},{}", 180 + i % 11, i % 9),
            _ => format!("{},{}", 60 + i % 5, i % 9),
        };
        let colour = if i % 13 == 5 { "" } else { ["red", "green", "blue"][(i + i / 7) % 3] };
        text += &format!(
            "{};{:02}.09.2024;{weight};{colour};{},{};{kind}\n",
            i + 1,
            1 + i % 28,
            1 + i % 4,
            i % 9
        );
    }
    text
}

#[test]
fn a_table_as_people_have_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("fruit.csv"), fruit()).unwrap();
    let told = json(path, &["new", "fruit.csv"]);
    let column = |name: &str| {
        let all = told["columns"].as_array().unwrap();
        all.iter().find(|column| column["name"] == name).cloned().unwrap()
    };
    assert_eq!(told["task"], "classification");
    assert_eq!((&column("weight")["role"], &column("weight")["missing"]), (&"number".into(), &9.into()));
    assert_eq!((&column("colour")["role"], &column("colour")["missing"]), (&"category".into(), &7.into()));
    assert_eq!([&column("no")["role"], &column("picked")["role"]], [&Value::from("ignored"); 2]);
    let settings = std::fs::read_to_string(path.join("run.toml")).unwrap();
    for part in
        ["decimal_comma = true", "missing = [\"NA\"]", "class = \"kind\"", "\"median\"", "dates or times"]
    {
        assert!(settings.contains(part), "{part}: {settings}");
    }
    let report = json(path, &["train", "run.toml", "--epochs", "40"]);
    assert_eq!(report["classes"], serde_json::json!(["Apple", "Plum", "pear"]), "{report}");
    let evaluated = json(path, &["evaluate", "runs/fruit"]);
    assert!(evaluated["metrics"]["accuracy"].as_f64().unwrap() > 0.8, "{evaluated}");
    assert_eq!(evaluated["confusion"].as_array().unwrap().len(), 3);

    // Rows with gaps and a new category, in another order.
    std::fs::write(path.join("new.csv"), "sweet;weight;colour\n2,5;151,5;red\n1,0;;green\n3,0;62,0;NA\n")
        .unwrap();
    let predicted = done(path, &["predict", "runs/fruit", "new.csv", "--columns", "none"]);
    let mut lines = predicted.lines();
    assert_eq!(lines.next(), Some("predicted_kind,p_Apple,p_Plum,p_pear"));
    assert!(
        lines.next().unwrap().starts_with("Apple,") && lines.nth(1).unwrap().starts_with("Plum,"),
        "{predicted}"
    );
    // The model file alone does not know how tables are written.
    let same = ["--decimal-comma", "--missing", "NA"];
    let words =
        [&["predict", "runs/fruit/model.safetensors", "new.csv", "--columns", "none"][..], &same].concat();
    assert_eq!(done(path, &words), predicted);
}

#[test]
fn one_output_tells_two_classes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // Apples and plums that were weighed: they differ by nothing else.
    let weighed = |line: &&str| !line.ends_with("pear") && !line.contains(";NA;");
    let two = fruit().lines().filter(weighed).collect::<Vec<_>>().join("\n");
    std::fs::write(path.join("fruit.csv"), two + "\n").unwrap();
    json(path, &["new", "fruit.csv"]);
    let settings = path.join("run.toml");
    replace(&settings, "loss = \"softmax_cross_entropy\"", "loss = \"binary_cross_entropy\"");
    replace(&settings, "metrics = [\"accuracy\"]", "metrics = [{ binary_accuracy = { threshold = 0.0 } }]");
    replace(&settings, "units = 2\n", "units = 1\n");
    json(path, &["train", "run.toml", "--epochs", "40"]);
    let evaluated = json(path, &["evaluate", "runs/fruit"]);
    assert!(evaluated["metrics"]["binary_accuracy"].as_f64().unwrap() > 0.9, "{evaluated}");
    assert_eq!(
        (&evaluated["classes"][0]["name"], &evaluated["classes"][1]["name"]),
        (&"Apple".into(), &"Plum".into())
    );
    assert!(evaluated["classes"][1]["recall"].as_f64().unwrap() > 0.8, "{evaluated}");
    // An apple and a plum.
    std::fs::write(path.join("new.csv"), "no;sweet;weight;colour\n40;2,5;151,5;red\n41;3,0;62,0;NA\n")
        .unwrap();
    let predicted = done(path, &["predict", "runs/fruit", "new.csv", "--columns", "none"]);
    let lines: Vec<&str> = predicted.lines().collect();
    assert_eq!(lines[0], "predicted_kind,p_Apple,p_Plum");
    assert!(lines[1].starts_with("Apple,0.") && lines[2].starts_with("Plum,0."), "{predicted}");
    json(path, &["inspect", "runs/fruit", "--data", "fruit.csv"]);
    done(path, &["export", "runs/fruit", "--format", "onnx", "--quiet"]);
}

#[test]
fn numbers_that_stand_for_nothing_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let row =
        |i: i32| format!("{},{},{}\n", if i % 9 == 2 { -200 } else { i % 13 }, i * i % 7, f64::from(i) / 8.0);
    std::fs::write(
        path.join("air.csv"),
        "co,\"wind\nspeed\",level\n".to_owned() + &(0..60).map(row).collect::<String>(),
    )
    .unwrap();
    assert!(
        done(path, &["new", "air.csv"])
            .contains("-200 in 7 rows: if that means missing, give --missing -200")
    );
    let told = json(path, &["new", "air.csv", "--missing", "-200", "--time-split", "--force"]);
    assert_eq!(told["columns"][0]["missing"], 7, "{told}");
    json(path, &["train", "run.toml", "--epochs", "2"]);
    assert_eq!(json(path, &["evaluate", "runs/air"])["rows"], 12);
}

#[test]
fn folders_of_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (class, across) in [("bars", true), ("posts", false)] {
        std::fs::create_dir_all(path.join("lines").join(class)).unwrap();
        for i in 0..12u32 {
            let lit = |x: u32, y: u32| ((if across { y } else { x }) + i) % 6 < 2;
            let image =
                image::GrayImage::from_fn(16, 16, |x, y| image::Luma([if lit(x, y) { 230 } else { 10 }]));
            image.save(path.join(format!("lines/{class}/{i}.png"))).unwrap();
        }
    }
    let told = json(path, &["new", "lines"]);
    assert_eq!((&told["gray"], &told["size"]), (&true.into(), &serde_json::json!([16, 16])));
    replace(&path.join("run.toml"), "batch = 16", "batch = 8");
    json(path, &["train", "run.toml", "--epochs", "12"]);
    let evaluated = json(path, &["evaluate", "runs/lines", "lines"]);
    assert_eq!(evaluated["rows"], 24);
    assert!(evaluated["metrics"]["accuracy"].as_f64().unwrap() > 0.9, "{evaluated}");
    let one = done(path, &["predict", "runs/lines", "lines/bars/3.png"]);
    assert!(one.starts_with("file,predicted_class,p_bars,p_posts\nlines/bars/3.png,bars,"), "{one}");
    let all = done(path, &["predict", "runs/lines/model.safetensors", "lines"]);
    assert_eq!(all.lines().count(), 25);
}

#[test]
fn arrays_of_numpy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let save = |name: &str, shape: Vec<usize>, values: Vec<f64>| {
        Tensor { shape, values }.save(path.join(name)).unwrap()
    };
    let inputs: Vec<f64> = (0..120).map(|i| f64::from(i * 37 % 60)).collect();
    save("x.npy", vec![60, 2], inputs.clone());
    save("y.npy", vec![60], inputs.chunks(2).map(|row| f64::from(u8::from(row[0] > row[1]))).collect());
    save("sum.npy", vec![60, 1], inputs.chunks(2).map(|row| 100.0 + row[0] + row[1]).collect());
    json(path, &["new", "x.npy", "--labels", "y.npy", "--out", "classes.toml"]);
    json(path, &["train", "classes.toml", "--epochs", "3", "--out", "classes"]);
    let evaluated = json(path, &["evaluate", "classes", "x.npy", "--targets", "y.npy"]);
    assert_eq!(evaluated["rows"], 60);

    json(path, &["new", "x.npy", "--targets", "sum.npy"]);
    json(path, &["train", "run.toml", "--epochs", "5"]);
    done(path, &["predict", "runs/x", "x.npy", "-o", "out.npy"]);
    let found = Tensor::load(path.join("out.npy")).unwrap();
    assert_eq!(found.shape, [60, 1]);
    let mut model = Model::load(path.join("runs/x/model.safetensors"), &Device::cpu()).unwrap();
    assert_eq!(found.values, model.predict_rows(&*inputs).unwrap().values());
    assert!(found.values.iter().all(|v| (50.0..300.0).contains(v)), "in their own units: {:?}", found.values);
}

#[test]
fn every_kind_of_layer_is_built_from_settings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let save = |name: &str, shape: Vec<usize>, values: Vec<f64>| {
        Tensor { shape, values }.save(path.join(name)).unwrap()
    };
    save("x.npy", vec![12, 6, 2], (0..144).map(|i| f64::from(i * 7 % 11) / 10.0).collect());
    save("y.npy", vec![12, 1], (0..12).map(f64::from).collect());
    let settings = r#"
[arrays]
inputs = "x.npy"
targets = "y.npy"
scale_targets = "min_max"

[split]
validation = 0.25
by = "last"

[training]
loss = { huber = { delta = 1.0 } }
metrics = ["mean_absolute_error"]
epochs = 2

[training.optimizer]
kind = "sgd"
learning_rate = { step = { initial = 0.01, every = 2, factor = 0.5 } }
momentum = 0.9

[network]
layers = [
    { kind = "residual", layers = [{ kind = "conv1d", filters = 4, kernel_size = 3, padding = "same", activation = "sigmoid", auto_rotate = { rule = "aligned", learn_l = "per_unit" } }], shortcut = [{ kind = "conv1d", filters = 4, kernel_size = 1 }] },
    { kind = "max_pool1d", kernel_size = 2 },
    { kind = "batch_norm" },
    { kind = "bidirectional", merge = "sum", layers = [{ kind = "gru", units = 3, return_sequences = true, auto_rotate = true }] },
    { kind = "time_distributed", layers = [{ kind = "dense", units = 3, activation = "relu", kernel_regularizer = { l2 = 0.01 } }] },
    { kind = "dropout", rate = 0.1 },
    { kind = "flatten" },
    { kind = "dense", units = 1 },
]
"#;
    std::fs::write(path.join("run.toml"), settings).unwrap();
    json(path, &["train", "run.toml", "--out", "first"]);
    let shown = json(path, &["inspect", "first"]);
    let paths: Vec<&str> =
        shown["layers"].as_array().unwrap().iter().map(|layer| layer["path"].as_str().unwrap()).collect();
    assert!(
        paths.contains(&"0.residual.shortcut.0.conv1d") && paths.contains(&"3.bidirectional.backward"),
        "{paths:?}"
    );
    assert_eq!(
        shown["layers"][3]["options"]["strides"],
        serde_json::json!([2]),
        "as the size of the windows"
    );
    // The resolved settings give the same network, to the bit.
    std::fs::create_dir(path.join("again")).unwrap();
    std::fs::copy(path.join("first/run.toml"), path.join("again.toml")).unwrap();
    json(path, &["train", "again.toml", "--out", "again/run"]);
    let model = |folder: &str| std::fs::read(path.join(folder).join("model.safetensors")).unwrap();
    assert!(model("first") == model("again/run"));
}

#[test]
fn settings_steer_a_training() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let save = |name: &str, shape: Vec<usize>, values: Vec<f64>| {
        Tensor { shape, values }.save(path.join(name)).unwrap()
    };
    save("x.npy", vec![12, 2], (0..24).map(|i| f64::from(i * 7 % 11) / 10.0).collect());
    save("y.npy", vec![12, 1], (0..12).map(|i| f64::from(i) / 12.0).collect());
    // Nine rows for training, in steps of three: two updates an epoch, one of two steps and one of the third.
    let settings = |layer: &str| {
        format!(
            r#"
[arrays]
inputs = "x.npy"
targets = "y.npy"

[split]
validation = 0.25
by = "last"

[training]
loss = "mean_squared_error"
metrics = ["mean_absolute_error"]
epochs = 3
batch = 3
accumulate = 2
early_stopping = {{ patience = 9, monitor = "mean_absolute_error", restore_best = false }}
reduce_on_plateau = {{ factor = 0.5, patience = 1, min_delta = 1000.0, monitor = "mean_absolute_error" }}

[training.optimizer]
kind = "nadam"
learning_rate = {{ piecewise = {{ boundaries = [2], values = [0.01, 0.004] }} }}
ema_momentum = 0.5
rate_factors = {{ "{layer}" = 0.1 }}

[network]
layers = [{{ kind = "dense", units = 3, activation = "tanh" }}, {{ kind = "dense", units = 1 }}]
"#
        )
    };
    std::fs::write(path.join("run.toml"), settings("0.dense")).unwrap();
    json(path, &["train", "run.toml", "--out", "first"]);
    // The updates 1, 3 and 5 end the epochs. The first epoch is better than none; then nothing improves by a thousand.
    let history = autorot::History::load_csv(path.join("first/history.csv")).unwrap();
    let rates: Vec<f64> = history.epochs.iter().map(|epoch| epoch.learning_rate).collect();
    let wanted = [0.01, 0.004, 0.004 * 0.5];
    assert!(rates.iter().zip(wanted).all(|(rate, wanted)| (rate - wanted).abs() < 1e-12), "{rates:?}");
    // The resolved settings, with all of this, give the same model to the bit.
    std::fs::create_dir(path.join("again")).unwrap();
    std::fs::copy(path.join("first/run.toml"), path.join("again.toml")).unwrap();
    json(path, &["train", "again.toml", "--out", "again/run"]);
    let model = |folder: &str| std::fs::read(path.join(folder).join("model.safetensors")).unwrap();
    assert!(model("first") == model("again/run"));
    let resolved = std::fs::read_to_string(path.join("first/run.toml")).unwrap();
    for word in ["nadam", "boundaries", "ema_momentum", "\"0.dense\"", "accumulate = 2"] {
        assert!(resolved.contains(word), "{word}: {resolved}");
    }
    std::fs::write(path.join("run.toml"), settings("7.dense")).unwrap();
    let output = run(path, &["train", "run.toml", "--out", "second"]);
    let error = text(&output.stderr);
    assert!(output.status.code() == Some(1) && error.contains("7.dense"), "{error}");
    assert!(error.contains("0.dense, 1.dense"), "{error}");
}
