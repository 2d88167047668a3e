//! ONNX files compute what the models do: as rten runs them, and as onnxruntime does (tests/golden/check_onnx.py).

mod conversions;

use autorot::extend::layers;
use autorot::file::Onnx;
use autorot::*;
use serde_json::{Value, json};

/// A tensor: shape and numbers, or texts.
type Array = (Vec<usize>, Value);

/// A file, with what goes in and comes out by name.
struct Case {
    name: String,
    bytes: Vec<u8>,
    inputs: Vec<(String, Array)>,
    outputs: Vec<(String, Array)>,
}

fn numbers(rows: usize, shape: &[usize], values: &[impl Copy + Into<f64>]) -> Array {
    let values: Vec<f64> = values.iter().map(|&v| v.into()).collect();
    ([&[rows], shape].concat(), json!(values))
}

/// Numbers from −1 to 1 that look random.
fn noise(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i + seed) * 7919 % 2003) as f32 / 1001.5 - 1.0).collect()
}

const ROWS: usize = 5;

/// Parameters that differ from each other, λ and moving statistics too.
fn scatter(model: &mut Model) {
    let weights = model.weights().unwrap();
    let scattered = weights.iter().enumerate().map(|(number, (path, tensor))| {
        let mut tensor = tensor.clone();
        let noise = noise(tensor.values.len(), number);
        tensor.values.iter_mut().zip(noise).for_each(|(value, noise)| *value += 0.2 * noise);
        if path.ends_with("moving_variance") {
            tensor.values.iter_mut().for_each(|v| *v = v.abs() + 0.5);
        }
        (path.clone(), tensor)
    });
    model.set_weights(&model::Weights::from_tensors(scattered)).unwrap();
}

/// The files of a network, folded and not, for inputs that `prepare` changes.
fn cases_of(name: &str, net: &Sequential, prepare: impl Fn(&mut [f32])) -> Vec<Case> {
    let case = |fold: bool| {
        let mut model = net.clone().build(&Device::cpu_f64(), 7).unwrap();
        scatter(&mut model);
        let mut x = noise(ROWS * model.network().input().len(), 11);
        prepare(&mut x);
        let bytes = Onnx::new().fold(fold).to_bytes(&mut model).unwrap();
        let y = model.predict(&x).unwrap();
        let network = model.network();
        let (input, output) = (network.input().shape.clone(), network.output().shape.clone());
        Case {
            name: format!("{name}{}", if fold { "" } else { ", not folded" }),
            bytes,
            inputs: vec![("input".to_owned(), numbers(ROWS, &input, &x))],
            outputs: vec![("output".to_owned(), numbers(ROWS, &output, &y))],
        }
    };
    [true, false].map(case).into()
}

/// Every layer with every option.
fn of_layers() -> Vec<Case> {
    let mut all = Vec::new();
    for mut entry in layers::all() {
        for example in std::mem::take(&mut entry.examples) {
            let name = format!("{example:?}");
            let net = Sequential::new(entry.input.clone()).input_range(-1.0, 2.0).add_boxed(example);
            all.extend(cases_of(&name, &net, |x| entry.fit(x)));
        }
    }
    all
}

/// Steps that do not count: at the end, at the beginning, in the middle, all of them.
fn pad(x: &mut [f32], steps: usize, features: usize) {
    for (row, sequence) in x.chunks_exact_mut(steps * features).enumerate() {
        for (step, line) in sequence.chunks_exact_mut(features).enumerate() {
            let hidden = match row {
                0 => step >= 3,
                1 => step < 2,
                2 => step % 2 == 1,
                3 => true,
                _ => false,
            };
            if hidden {
                line.fill(9.0);
            }
        }
    }
}

/// Recurrent layers behind masks.
fn of_masks() -> Vec<Case> {
    let mut all = Vec::new();
    let base = || {
        Sequential::new([5, 3])
            .input_range(-1.0, 1.0)
            .add(Activate::new(Activation::Linear))
            .add(Masking::new(9.0))
    };
    for cell in
        [Cell::SimpleRnn, Cell::Lstm, Cell::Gru { reset_after: true }, Cell::Gru { reset_after: false }]
    {
        for activation in [Activation::Tanh, Activation::Arctan] {
            for (sequences, backwards) in [(false, false), (true, false), (false, true), (true, true)] {
                let layer = || Recurrent::new(cell, 3).activation(activation).auto_rotate(AutoRotate::new());
                let one = layer().return_sequences(sequences).go_backwards(backwards);
                let name = format!("masked {one:?}");
                let mut net = base().add(one);
                if sequences {
                    net = net.add(Recurrent::new(cell, 2).activation(activation));
                }
                all.extend(cases_of(&name, &net, |x| pad(x, 5, 3)));
                if !backwards {
                    let both = Bidirectional::new(layer().return_sequences(sequences));
                    let name = format!("masked {both:?}");
                    all.extend(cases_of(&name, &base().add(both), |x| pad(x, 5, 3)));
                }
            }
        }
    }
    all
}

/// Networks of several layers.
fn of_networks() -> Vec<Case> {
    let conv = |filters| Conv2d::new(filters, 3).padding(Padding::Same).auto_rotate(AutoRotate::new());
    let block = Residual::new()
        .add(conv(6).activation(Activation::Tanh))
        .add(BatchNorm::new())
        .shortcut(Conv2d::new(6, 1));
    let images = Sequential::new([8, 7, 2])
        .input_range(-1.0, 1.0)
        .add(RandomFlip::horizontal())
        .add(RandomRotation::new(0.1))
        .add(RandomZoom::new(0.1))
        .add(RandomTranslation::shares(0.1, 0.2))
        .add(RandomBrightness::new(0.1))
        .add(RandomContrast::new(0.1))
        .add(RandomCrop::new([7, 5]))
        .add(conv(4).activation(Activation::Sigmoid).use_bias(false))
        .add(BatchNorm::new())
        .add(block)
        .add(Residual::new().add(Activate::new(Activation::Gelu)))
        .add(MaxPool2d::new(2))
        .add(UpSampling2d::new([2, 1]))
        .add(Dropout::new(0.5))
        .add(
            Conv2dTranspose::new(3, 2)
                .strides(2)
                .auto_rotate(AutoRotate::new())
                .activation(Activation::Arctan),
        )
        .add(Dense::new(4).activation(Activation::Tanh).auto_rotate(AutoRotate::new()))
        .add(Flatten)
        .add(Dense::new(3));
    let steps =
        TimeDistributed::new(Conv1d::new(3, 2).activation(Activation::Tanh).auto_rotate(AutoRotate::new()));
    let sequences = Sequential::new([4, 6, 2])
        .input_range(-1.0, 1.0)
        .add(steps)
        .add(TimeDistributed::new(Flatten))
        .add(Bidirectional::new(Lstm::new(3).return_sequences(true).auto_rotate(AutoRotate::new())))
        .add(BatchNorm::new())
        .add(Dense::new(4).activation(Activation::Arctan).auto_rotate(AutoRotate::new()))
        .add(Gru::new(3));
    let shapes = Sequential::new([6, 5, 2])
        .input_range(-1.0, 1.0)
        .add(Conv2d::new(4, 3).activation(Activation::Tanh))
        .add(Cropping2d::new([(1, 0), (0, 1)]))
        .add(SpatialDropout2d::new(0.2))
        .add(Permute::new([3, 2, 1]))
        .add(GaussianNoise::new(0.1))
        .add(Reshape::new([-1, 4]))
        .add(Cropping1d::new(1))
        .add(Lstm::new(3).auto_rotate(AutoRotate::new()))
        .add(RepeatVector::new(3))
        .add(Gru::new(2).return_sequences(true))
        .add(Permute::new([2, 1]))
        .add(Reshape::new([6]))
        .add(Dense::new(2));
    let grids = Sequential::new([6, 5, 2])
        .input_range(-1.0, 1.0)
        .add(Conv2d::new(4, 3).padding(Padding::Same))
        .add(GroupNorm::new(2))
        .add(PRelu::new().shared_axes([1, 2]))
        .add(Conv2d::new(4, 3))
        .add(PRelu::new().shared_axes([2]))
        .add(GroupNorm::new(-1).scale(false))
        .add(Flatten)
        .add(GroupNorm::new(3))
        .add(Dense::new(3));
    let words = Sequential::new([6])
        .add(Embedding::new(5, 4).mask_zero(true))
        .add(Gru::new(4).return_sequences(true))
        .add(PRelu::new())
        .add(Lstm::new(3).auto_rotate(AutoRotate::new()))
        .add(Dense::new(2));
    // Of every row one word less.
    let indices = |x: &mut [f32]| {
        x.iter_mut().enumerate().for_each(|(i, x)| {
            *x = if i % 6 + i / 6 < 6 { 1.0 + (x.abs() * 100.0).floor() % 4.0 } else { 0.0 };
        });
    };
    [("images", images), ("sequences", sequences), ("shapes", shapes), ("grids", grids)]
        .iter()
        .flat_map(|(name, net)| cases_of(name, net, |_| ()))
        .chain(cases_of("words", &words, indices))
        .collect()
}

/// Layers with states: given, and returned.
fn of_states() -> Vec<Case> {
    let mut all = Vec::new();
    for activation in [Activation::Tanh, Activation::Arctan] {
        for stateful in [true, false] {
            let layer = Lstm::new(3).activation(activation).stateful(stateful).return_state(true);
            let net = Sequential::new([4, 2]).add(layer);
            let mut model = net.build(&Device::cpu_f64(), 3).unwrap();
            let bytes = Onnx::new().to_bytes(&mut model).unwrap();
            let x = noise(ROWS * 8, 5);
            let mut inputs = vec![("input".to_owned(), numbers(ROWS, &[4, 2], &x))];
            if stateful {
                let states = [noise(ROWS * 3, 1), noise(ROWS * 3, 2)];
                model.set_states("0.lstm", &states).unwrap();
                let named = ["0.lstm.h", "0.lstm.c"].into_iter().zip(&states);
                inputs.extend(named.map(|(name, state)| (name.to_owned(), numbers(ROWS, &[3], state))));
            }
            let y = model.predict(&x).unwrap();
            let mut outputs = vec![("output".to_owned(), numbers(ROWS, &[3], &y))];
            let states = model.states("0.lstm", ROWS).unwrap();
            let named = ["0.lstm.h.next", "0.lstm.c.next"].into_iter().zip(&states);
            outputs.extend(named.map(|(name, state)| (name.to_owned(), numbers(ROWS, &[3], state))));
            all.push(Case { name: format!("states, {activation}, {stateful}"), bytes, inputs, outputs });
        }
    }
    all
}

fn cases() -> Vec<Case> {
    [of_layers(), of_masks(), of_networks(), of_states(), conversions::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// Writes every file with its inputs and outputs into the folder that `AUTOROT_ONNX` names, for tests/golden/check_onnx.py.
#[test]
#[ignore = "for onnxruntime, by hand"]
fn files_for_onnxruntime() {
    let folder = std::env::var("AUTOROT_ONNX").expect("AUTOROT_ONNX names a folder");
    for (number, Case { name, bytes, inputs, outputs }) in cases().into_iter().enumerate() {
        let arrays = |arrays: Vec<(String, Array)>| -> Value {
            arrays
                .into_iter()
                .map(|(name, (shape, values))| (name, json!({ "shape": shape, "values": values })))
                .collect()
        };
        let about = json!({ "name": name, "inputs": arrays(inputs), "outputs": arrays(outputs) });
        let place = std::path::Path::new(&folder).join(number.to_string());
        std::fs::write(place.with_extension("onnx"), bytes).unwrap();
        std::fs::write(place.with_extension("json"), about.to_string()).unwrap();
    }
}

/// What rten makes of a file, unless it lacks an operator.
fn by_rten(case: &Case) -> Result<Vec<(String, Vec<f64>)>, String> {
    let model = rten::Model::load(case.bytes.clone()).map_err(|e| e.to_string())?;
    let inputs = case.inputs.iter().map(|(name, (shape, values))| {
        let values: Vec<f32> = serde_json::from_value(values.clone()).map_err(|e| e.to_string())?;
        let value = rten::Value::from_shape(shape, values).map_err(|e| e.to_string())?;
        Ok((model.node_id(name).map_err(|e| e.to_string())?, value.into()))
    });
    let inputs = inputs.collect::<Result<Vec<_>, String>>()?;
    let found = model.run(inputs, model.output_ids(), None).map_err(|e| e.to_string())?;
    let named = model.output_ids().iter().zip(found).map(|(&id, value)| {
        let name = model.node_info(id).and_then(|info| info.name().map(str::to_owned)).unwrap_or_default();
        let values = value.into_tensor::<f32>().map(|tensor| tensor.into_data()).unwrap_or_default();
        (name, values.iter().map(|&v| v.into()).collect())
    });
    Ok(named.collect())
}

/// How far the outputs are from those that are wanted, compared with their size.
fn difference(case: &Case, found: &[(String, Vec<f64>)]) -> f64 {
    assert_eq!(found.len(), case.outputs.len(), "{}", case.name);
    let of = |(name, (_, wanted)): &(String, Array)| {
        let wanted: Vec<f64> = serde_json::from_value(wanted.clone()).unwrap();
        let (_, found) = found.iter().find(|(other, _)| other == name).unwrap();
        assert_eq!(found.len(), wanted.len(), "{}, {name}", case.name);
        let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        norm(&mut found.iter().zip(&wanted).map(|(a, b)| a - b)) / norm(&mut wanted.iter().copied()).max(1e-3)
    };
    case.outputs.iter().map(of).fold(0.0, f64::max)
}

#[test]
fn rten_computes_the_same() {
    // Operators and options that it does not have: other activations of recurrent layers, three dimensions, text.
    let lacking = ["unsupported", "must have 4 dims", "RNN", "Scan", "Softsign", "Selu", "LabelEncoder"];
    let (mut same, mut lacked, mut wrong) = (0, 0, Vec::new());
    for case in cases() {
        match by_rten(&case) {
            Err(error) if lacking.iter().any(|operator| error.contains(operator)) => lacked += 1,
            Err(error) => wrong.push(format!("{}: {error}", case.name)),
            Ok(found) if difference(&case, &found) <= 1e-5 => same += 1,
            Ok(found) => wrong.push(format!("{} differs by {:e}", case.name, difference(&case, &found))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(same > 400, "{same} files run, {lacked} do not");
}

#[test]
fn what_onnx_lacks_is_refused_by_name() {
    let net = Sequential::new([2]).add(Dense::new(2));
    let mut model = net.build(&Device::cpu(), 0).unwrap();
    let error = Onnx::new().conversion(true).to_bytes(&mut model).unwrap_err().to_string();
    assert!(error.contains("set_conversion"), "{error}");
    model.set_outputs(model::Outputs::Logits);
    let case = Case {
        name: "probabilities".to_owned(),
        bytes: Onnx::new().conversion(true).name("net").to_bytes(&mut model).unwrap(),
        inputs: vec![("input".to_owned(), numbers(1, &[2], &[1.0, 2.0]))],
        outputs: Vec::new(),
    };
    let found = by_rten(&case).unwrap();
    assert_eq!(found[0].0, "probabilities");
    assert!((found[0].1.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{found:?}");
}
