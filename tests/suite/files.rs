//! Models in files: what is written comes back, and what was changed is refused.

use crate::nets::waves;
use autorot::data::{Columns, Conversion, Preparation, Scale, Scaler, Table};
use autorot::extend::{ActivationRule, Real, layers};
use autorot::model::{Kinds, Outputs, Weights};
use autorot::*;
use std::fs;

/// The error's text has all of these.
pub(crate) fn says<T: std::fmt::Debug>(result: Result<T>, words: &[&str]) {
    let text = result.unwrap_err().to_string();
    words.iter().for_each(|word| assert!(text.contains(word), "{text:?} does not name {word:?}"));
}

fn again(model: &mut Model, device: &Device) -> Model {
    Model::from_bytes(&model.to_bytes().unwrap(), device, &Kinds::default()).unwrap()
}

#[test]
fn every_layer_with_every_option_comes_back() {
    let mut count = 0;
    for entry in layers::all() {
        let len: usize = entry.input.iter().product();
        let mut x: Vec<f32> = (0..3 * len).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
        entry.fit(&mut x);
        for example in entry.examples {
            let net = Sequential::new(entry.input.clone()).input_range(-1.0, 2.0).add_boxed(example);
            let mut model = net.build(&Device::cpu(), 7).unwrap();
            let mut other = again(&mut model, &Device::cpu());
            let (description, found) = (model.network().description(), other.network().description());
            assert_eq!(found, description);
            assert_eq!(other.weights().unwrap(), model.weights().unwrap());
            assert_eq!(other.predict(&x).unwrap(), model.predict(&x).unwrap(), "{}", entry.kind);
            assert_eq!(other.to_bytes().unwrap(), model.to_bytes().unwrap(), "{}", entry.kind);
            count += 1;
        }
    }
    assert!(count > 200, "{count} uses of layers");
}

/// A small net with a bit of everything that descriptions have.
pub(crate) fn small() -> Model {
    let net = Sequential::new([3]).input_range(-1.0, 1.0);
    let block =
        Residual::new().add(Dense::new(4).activation(Activation::Tanh).auto_rotate(AutoRotate::new()));
    net.add(Dense::new(4)).add(block).add(Dense::new(2)).build(&Device::cpu(), 3).unwrap()
}

#[test]
fn a_file_has_the_bytes_of_the_model_and_the_rights_of_any_file() {
    let dir = tempfile::tempdir().unwrap();
    let (path, other) = (dir.path().join("net"), dir.path().join("other"));
    for device in [Device::cpu(), Device::cpu_f64()] {
        let mut model = Sequential::new([3]).add(Dense::new(4)).add(Dense::new(2)).build(&device, 3).unwrap();
        model.save(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), model.to_bytes().unwrap());
    }
    fs::write(&other, "").unwrap();
    let rights = |path| fs::metadata(path).unwrap().permissions();
    assert_eq!(rights(&path), rights(&other));
}

#[test]
fn a_file_is_a_model_with_its_precision_classes_and_outputs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/net.safetensors");
    let data = waves(24);
    for device in [Device::cpu(), Device::cpu_f64()] {
        let mut model = Sequential::for_data(&data).add(Dense::new(2)).build(&device, 1).unwrap();
        Trainer::new(Adam::default(), Loss::MeanSquaredError)
            .epochs(2)
            .progress(false)
            .fit(&mut model, &data, None)
            .unwrap();
        model.save(&path).unwrap();
        let mut other = Model::load(&path, &device).unwrap();
        assert_eq!(other.exact_weights().unwrap(), model.exact_weights().unwrap());
        assert_eq!(other.network().input().range, model.network().input().range);
        // What is not in the file starts anew.
        assert_eq!((other.outputs(), other.state().unwrap().steps()), (Outputs::Values, 0));
    }
    let mut model = small();
    model.set_class_names(["low", "high"]).unwrap();
    model.set_outputs(Outputs::Logits);
    let other = again(&mut model, &Device::cpu());
    assert_eq!(other.class_names().unwrap(), ["low", "high"]);
    assert_eq!(other.outputs(), Outputs::Logits);
    // From the description alone: the same network, with the weights that it started from.
    let mut fresh = Model::from_description(&model.to_description(), &Device::cpu()).unwrap();
    assert_eq!(fresh.weights().unwrap(), model.weights().unwrap());
}

#[test]
fn training_tells_what_outputs_are() {
    let data =
        Dataset::classes([1], vec![0.0, 1.0, 2.0], vec![0, 1, 0], vec!["no".into(), "yes".into()]).unwrap();
    let net = Sequential::for_data(&data).add(Dense::new(2));
    let mut model = net.build(&Device::cpu(), 1).unwrap();
    let mut trainer = Trainer::new(Sgd::default(), Loss::SoftmaxCrossEntropy).epochs(1).progress(false);
    trainer.fit(&mut model, &data, None).unwrap();
    let mut model = again(&mut model, &Device::cpu());
    assert_eq!(
        (model.outputs(), model.class_names().unwrap()),
        (Outputs::Logits, &["no", "yes"].map(String::from)[..])
    );
    // logits 0 and ln 3: probabilities 1/4 and 3/4.
    let mut weights = model.weights().unwrap();
    weights.get_mut("0.dense.kernel").unwrap().values.fill(0.0);
    weights.get_mut("0.dense.bias").unwrap().values = vec![0.0, 3f32.ln()];
    model.set_weights(&weights).unwrap();
    let predicted = model.predict_rows(&[5.0_f32, 6.0][..]).unwrap();
    assert_eq!((predicted.len(), predicted.class(1), predicted.class(2)), (2, Some("yes"), None));
    let row = predicted.row(0).unwrap();
    assert!((row[0] - 0.25).abs() < 1e-7 && (row[1] - 0.75).abs() < 1e-7, "{row:?}");
    model.set_outputs(Outputs::BinaryLogits);
    let row = model.predict_rows(&[5.0_f32][..]).unwrap().row(0).unwrap().to_vec();
    assert!((row[0] - 0.5).abs() < 1e-7 && (row[1] - 0.75).abs() < 1e-7, "{row:?}");
}

#[test]
fn raw_rows_are_answered_in_the_units_of_the_data() {
    let table = Table::new(
        ["size", "kind", "price"],
        (0..20)
            .map(|i| [format!("{}", 10 * i), ["old", "new"][i % 2].to_owned(), format!("{}", 1000 + 50 * i)]),
    )
    .unwrap();
    let columns = Columns::new().inputs(["size"]).scale(Scale::Standard).categories(["kind"]);
    let columns = columns.targets(["price"]).scale_targets(Scale::Standard);
    let preparation = Preparation::fit(&table, &columns).unwrap();
    let data = preparation.apply(&table).unwrap();
    let mut model = Sequential::for_data(&data).add(Dense::new(1)).build(&Device::cpu(), 1).unwrap();
    model.set_conversion(preparation.clone()).unwrap();
    let outputs = model.predict(data.inputs()).unwrap();
    let mut model = again(&mut model, &Device::cpu());
    let rows = Table::new(["kind", "size", "colour"], [["new", "10", "red"], ["old", "20", "blue"]]).unwrap();
    let predicted = model.predict_rows(&rows).unwrap();
    assert_eq!(predicted.names(), ["price"]);
    assert_eq!(predicted.values(), preparation.invert(&outputs[1..3]).unwrap());
    says(model.predict_rows(&[1.0_f32][..]), &["numbers", "size, kind", "Table"]);
    says(model.predict_rows(&Table::new(["size"], [["1"]]).unwrap()), &["kind"]);

    let data = waves(8);
    let scalers = [Scaler::standard_targets(&data).unwrap(), Scaler::min_max(&data, 0.0, 1.0).unwrap()];
    let scaled = scalers.iter().fold(data.clone(), |data, scaler| scaler.apply(&data).unwrap());
    let mut model = Sequential::for_data(&scaled).add(Dense::new(2)).build(&Device::cpu(), 1).unwrap();
    let outputs = model.predict(scaled.inputs()).unwrap();
    model.set_conversion(Conversion::scalers(scalers.clone()).unwrap()).unwrap();
    let mut model = again(&mut model, &Device::cpu());
    let predicted = model.predict_rows(data.inputs()).unwrap();
    assert_eq!(predicted.values(), scalers[0].invert_f64(&outputs).unwrap());
    says(model.predict_rows(&rows), &["the table", "numbers"]);
    says(Conversion::scalers([scalers[0].clone(), scalers[0].clone()]), &["two scalers of the same part"]);
    // Padding must not be scaled.
    let mut masked =
        Sequential::new([1, 3]).add(Masking::new(0.0)).add(Lstm::new(2)).build(&Device::cpu(), 1).unwrap();
    says(masked.set_conversion(scalers[1].clone()), &["masks steps of 0", "padding"]);
    says(small().set_conversion(preparation), &["3 inputs and 1 outputs", "3 inputs and 2 outputs"]);
}

#[test]
fn weights_go_into_files_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = small();
    let weights = model.weights().unwrap();
    model.save(dir.path().join("model")).unwrap();
    assert_eq!(Weights::load(dir.path().join("model")).unwrap(), weights);
    weights.save(dir.path().join("weights")).unwrap();
    let bare = Weights::load(dir.path().join("weights")).unwrap();
    assert_eq!(bare, weights.without_description());
    says(
        Model::load(dir.path().join("weights"), &Device::cpu()),
        &["without a description", "Weights::load"],
    );
    says(Model::load(dir.path().join("none"), &Device::cpu()), &["none"]);
}

#[test]
fn numpys_arrays_come_in_and_go_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = small();
    let weights = model.weights().unwrap();
    let path = dir.path().join("weights.npz");
    weights.save(&path).unwrap();
    assert_eq!(Weights::load(&path).unwrap(), weights.clone().without_description());
    // As numpy.save writes [[1, 2, 3], [4, 5, 6]] in column-major order, of doubles, with its version 1.0 header.
    let header = "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }";
    let header = format!("{header:<117}\n");
    let mut bytes =
        [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
    bytes.extend([1.0_f64, 4.0, 2.0, 5.0, 3.0, 6.0].iter().flat_map(|v| v.to_le_bytes()));
    let path = dir.path().join("array.npy");
    fs::write(&path, &bytes).unwrap();
    let tensor = model::Tensor::load(&path).unwrap();
    assert_eq!(tensor, model::Tensor { shape: vec![2, 3], values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] });
    let exact = model::Tensor { shape: vec![2], values: vec![0.1, 1e300] };
    exact.save(&path).unwrap();
    assert_eq!(model::Tensor::load(&path).unwrap(), exact, "in double precision where it is needed");
    says(model::Tensor { shape: vec![3], values: vec![0.0; 2] }.save(&path), &["2 values", "3"]);
    let spoilt = |from: &str, to: &str| {
        let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
        let mut bytes = bytes.clone();
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        fs::write(&path, bytes).unwrap();
        model::Tensor::load(&path)
    };
    says(spoilt("<f8", "<c8"), &["array.npy", "<c8", "float64"]);
    // Zeros of any type are zeros.
    assert!(spoilt("<f8", "<i8").is_ok());
    says(spoilt("(2, 3)", "(2, 9)"), &["array.npy"]);
    says(spoilt("(2, 3), ", "(2, 9999"), &["array.npy"]);
    for len in 0..bytes.len() {
        fs::write(&path, &bytes[..len]).unwrap();
        says(model::Tensor::load(&path), &["array.npy"]);
    }
    // Headers that would take forever, or more than there is.
    let with_header = |header: &str| {
        let head =
            [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
        fs::write(&path, head).unwrap();
        model::Tensor::load(&path)
    };
    says(with_header(&"[".repeat(60)), &["array.npy", "header"]);
    let huge =
        "{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775808, 9223372036854775808), }";
    says(with_header(huge), &["array.npy", "header"]);
    fs::write(&path, [&bytes[..], b"more"].concat()).unwrap();
    says(model::Tensor::load(&path), &["array.npy", "4 bytes more"]);
    // Truncated archives, one with a bit turned round, and one that would become far larger than it is.
    let path = dir.path().join("weights.npz");
    let bytes = fs::read(&path).unwrap();
    for len in (0..bytes.len()).step_by(7) {
        fs::write(&path, &bytes[..len]).unwrap();
        says(Weights::load(&path), &["weights.npz"]);
    }
    let mut flipped = bytes.clone();
    let at = flipped
        .windows(4)
        .position(|bits| bits == weights["0.dense.kernel"].values[3].to_le_bytes())
        .unwrap();
    flipped[at] ^= 1;
    fs::write(&path, &flipped).unwrap();
    says(Weights::load(&path), &["weights.npz"]);
    let mut bomb = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    bomb.start_file("a.npy", zip::write::SimpleFileOptions::default()).unwrap();
    (0..200).for_each(|_| std::io::Write::write_all(&mut bomb, &[0; 1 << 20]).unwrap());
    fs::write(&path, bomb.finish().unwrap().into_inner()).unwrap();
    says(Weights::load(&path), &["a.npy", "bytes in a file of"]);
}

#[test]
fn a_part_of_the_weights_is_set_where_path_and_shape_match() {
    let mut from = small();
    let mut into =
        Sequential::new([3]).add(Dense::new(4)).add(Dense::new(5)).build(&Device::cpu(), 9).unwrap();
    let before = into.weights().unwrap();
    let mut weights = from.weights().unwrap();
    weights.insert("1.dense.bias", model::Tensor { shape: vec![6], values: vec![0.0; 6] });
    let matched = into.set_matching(&weights).unwrap();
    assert_eq!(matched.set, ["0.dense.kernel", "0.dense.bias"]);
    assert_eq!(matched.missing, ["1.dense.kernel"]);
    assert_eq!(matched.misshapen, [("1.dense.bias".to_owned(), vec![6], vec![5])]);
    assert!(matched.unused.contains(&"2.dense.kernel".to_owned()), "{matched:?}");
    let after = into.weights().unwrap();
    assert_eq!(after["0.dense.kernel"], weights["0.dense.kernel"]);
    assert_eq!(after["1.dense.kernel"], before["1.dense.kernel"]);
    weights.get_mut("0.dense.bias").unwrap().values[1] = f32::INFINITY;
    says(into.set_matching(&weights), &["0.dense.bias", "finite"]);
    assert_eq!(into.weights().unwrap(), after);
}

/// An activation of the program's, with a name of the crate's.
struct Gelu;

impl ActivationRule for Gelu {
    const NAME: &'static str = "gelu";
    const LIMIT: f32 = 2.0;
    const WGSL: [&'static str; 2] = ["2.0 * z", "2.0"];

    fn range(input: Option<Range>) -> Option<Range> {
        input
    }

    fn value<T: Real>(z: T) -> T {
        z + z
    }

    fn derivative<T: Real>(_: T) -> T {
        T::of(2.0)
    }
}

#[test]
fn what_only_the_program_has_is_not_taken_for_something_else() {
    let net = Sequential::new([3]).add(Dense::new(2).activation(Activation::own::<Gelu>()));
    let mut model = net.build(&Device::cpu(), 1).unwrap();
    let read = Model::from_bytes(&model.to_bytes().unwrap(), &Device::cpu(), &Kinds::default());
    says(read, &["0.dense", "own:gelu"]);
    says(model.fold(), &["own:gelu"]);
    let x = [1.0, -2.0, 0.5];
    let predictor = Predictor::new(&mut model).unwrap();
    assert_eq!(predictor.predict(&x).unwrap(), model.predict(&x).unwrap());
    let dir = tempfile::tempdir().unwrap();
    model.save(dir.path().join("net")).unwrap();
    let mut other = net.build(&Device::cpu(), 2).unwrap();
    other.set_weights(&Weights::load(dir.path().join("net")).unwrap()).unwrap();
    assert_eq!(other.predict(&x).unwrap(), model.predict(&x).unwrap());
}
