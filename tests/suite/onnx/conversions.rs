//! Models that take the data in their own units.

use super::{Array, Case, noise, numbers};
use autorot::data::{Columns, Conversion, Impute, Preparation, Rows, Scale, Scaler, Table, Unknown};
use autorot::file::Onnx;
use autorot::*;
use serde_json::json;

pub fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    let rows: Vec<[String; 5]> = (0..40)
        .map(|i| {
            let size = if i % 7 == 3 { String::new() } else { (1_000_000 + i * 3).to_string() };
            [
                size,
                ["north", "", "south"][i % 3].to_owned(),
                (900 + 20 * i).to_string(),
                ["a", "b", "c"][i % 3].to_owned(),
                ["x", "y"][i / 3 % 2].to_owned(),
            ]
        })
        .collect();
    let table = Table::new(["size", "place", "price", "kind", "half"], rows.clone()).unwrap();
    let base = || {
        let columns =
            Columns::new().inputs(["size"]).impute(Impute::Mean).indicator(true).scale(Scale::Standard);
        columns.categories(["place"]).impute_for(["place"], Impute::MostFrequent).unknown(Unknown::Ignore)
    };
    let number = |text: &str| text.parse().unwrap_or(f64::NAN);
    let raw = |name: &str, place: usize| -> (String, Array) {
        let texts = rows.iter().map(|row| row[place].as_str());
        let values = if name == "size" {
            // JSON has no NaN.
            json!(texts.map(|text| Some(number(text)).filter(|v| v.is_finite())).collect::<Vec<_>>())
        } else {
            json!(texts.collect::<Vec<_>>())
        };
        (name.to_owned(), (vec![rows.len(), 1], values))
    };
    for (name, columns, loss) in [
        ("values", base().targets(["price"]).scale_targets(Scale::Standard), Loss::MeanSquaredError),
        ("classes", base().classes("kind"), Loss::SoftmaxCrossEntropy),
        // One output tells them.
        ("two classes", base().classes("half"), Loss::BinaryCrossEntropy),
    ] {
        let preparation = Preparation::fit(&table, &columns).unwrap();
        let data = preparation.apply(&table).unwrap();
        let hidden = Dense::new(5).activation(Activation::Tanh).auto_rotate(AutoRotate::new());
        let width = data.targets().width();
        let outputs = if name == "two classes" { 1 } else { width };
        let mut model = Sequential::for_data(&data)
            .add(hidden)
            .add(Dense::new(outputs))
            .build(&Device::cpu_f64(), 1)
            .unwrap();
        Trainer::new(Adam::default(), loss).epochs(3).progress(false).fit(&mut model, &data, None).unwrap();
        model.set_conversion(preparation).unwrap();
        let bytes = Onnx::new().conversion(true).to_bytes(&mut model).unwrap();
        let answers = model.predict_rows(&table).unwrap();
        let values = numbers(rows.len(), &[width], answers.values());
        let mut outputs =
            vec![(if name == "values" { "output" } else { "probabilities" }.to_owned(), values)];
        if name != "values" {
            let classes: Vec<&str> = (0..rows.len()).map(|row| answers.class(row).unwrap()).collect();
            outputs.push(("class".to_owned(), (vec![rows.len()], json!(classes))));
        }
        let inputs = vec![raw("size", 0), raw("place", 1)];
        all.push(Case { name: format!("a table of {name}"), bytes, inputs, outputs });
    }
    let inputs: Vec<f32> = noise(40 * 6, 3).iter().map(|v| 300.0 + 20.0 * v).collect();
    let data =
        Dataset::values([2, 3], inputs.clone(), [2], noise(80, 9).iter().map(|v| 5.0 - v).collect()).unwrap();
    for overall in [false, true] {
        let of_inputs = if overall {
            Scaler::min_max_overall(&data, -1.0, 1.0).unwrap()
        } else {
            Scaler::standard(&data)
        };
        let of_targets = Scaler::standard_targets(&data).unwrap();
        let scaled = of_targets.apply(&of_inputs.apply(&data).unwrap()).unwrap();
        let net = Sequential::for_data(&scaled).add(Flatten).add(Dense::new(2));
        let mut model = net.build(&Device::cpu_f64(), 1).unwrap();
        model.set_conversion(Conversion::scalers([of_inputs, of_targets]).unwrap()).unwrap();
        let bytes = Onnx::new().conversion(true).to_bytes(&mut model).unwrap();
        let answers = model.predict_rows(Rows::Numbers(&inputs)).unwrap();
        all.push(Case {
            name: format!("scaled, overall {overall}"),
            bytes,
            inputs: vec![("input".to_owned(), numbers(40, &[2, 3], &inputs))],
            outputs: vec![("output".to_owned(), numbers(40, &[2], answers.values()))],
        });
    }
    all
}
