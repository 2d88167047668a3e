//! The data's own units, as nodes before and after the network.

use super::Writer;
use super::graph::{Attribute, Value};
use super::proto::tensor_proto::DataType;
use crate::data::conversion::{Answers, Input, Kind, Linear};
use crate::data::{Conversion, Preparation};
use crate::model::Outputs;

/// The numbers of a scale, one per feature.
type Part = fn(&Linear) -> f64;

impl Writer {
    /// The inputs of the graph for data in their own units, and the nodes that make the network's input of them.
    pub(super) fn inputs(&mut self, conversion: &Conversion, shape: &[usize]) -> Value {
        let name = match conversion {
            Conversion::Scaled { inputs: None, .. } => self.graph.input("input", shape, DataType::Float),
            Conversion::Scaled { inputs: Some(scaler), .. } => {
                let raw = self.graph.input("input", shape, DataType::Double);
                let scaled = self.scaled(raw, scaler.linear(), shape);
                self.graph.cast(&scaled, DataType::Float)
            }
            Conversion::Table(preparation) => return self.columns(preparation, shape),
        };
        Value::new(name, shape)
    }

    fn columns(&mut self, preparation: &Preparation, shape: &[usize]) -> Value {
        let mut parts = Vec::new();
        for input in preparation.made() {
            match &input.kind {
                Kind::Number { fill, indicator, scale } => {
                    let raw = self.graph.input(&input.column, &[1], DataType::Double);
                    let missing = (*indicator || fill.is_some()).then(|| self.graph.op("IsNaN", &[&raw]));
                    let filled = match (&missing, fill) {
                        (Some(missing), Some(fill)) => {
                            let fill = self.graph.doubles("fill", &[], &[*fill]);
                            self.graph.op("Where", &[missing, &fill, &raw])
                        }
                        _ => raw,
                    };
                    let scaled = self.scaled(filled, scale.as_slice(), &[1]);
                    parts.push(self.graph.cast(&scaled, DataType::Float));
                    if let Some(missing) = missing.filter(|_| *indicator) {
                        parts.push(self.graph.cast(&missing, DataType::Float));
                    }
                }
                Kind::Categories { .. } => parts.extend(self.categories(input)),
            }
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let all = self.graph.op_with("Concat", &parts, vec![("axis", Attribute::Int(1))]);
        let all = Value::new(all, [preparation.width()]);
        if shape.len() == 1 { all } else { self.graph.reshaped(&all, shape) }
    }

    /// 1 at the category of a text, and whether the text is missing.
    fn categories(&mut self, input: &Input) -> Vec<String> {
        let Kind::Categories { fill, indicator, categories, .. } = &input.kind else { return Vec::new() };
        let raw = self.graph.input(&input.column, &[1], DataType::String);
        let mut names = categories.names();
        let mut places: Vec<i64> = (0..names.len() as i64).collect();
        if let Some(filled) = fill.as_ref().and_then(|fill| names.iter().position(|name| name == fill)) {
            names.push(String::new());
            places.push(filled as i64);
        }
        let place = self.looked_up(&raw, names, places);
        let each: Vec<i64> = (0..categories.len() as i64).collect();
        let each = self.graph.ints("category", &each);
        let chosen = self.graph.op("Equal", &[&place, &each]);
        let mut parts = vec![self.graph.cast(&chosen, DataType::Float)];
        if *indicator {
            let missing = self.looked_up(&raw, vec![String::new()], vec![0]);
            let zero = self.graph.ints("zero", &[0]);
            let missing = self.graph.op("Equal", &[&missing, &zero]);
            parts.push(self.graph.cast(&missing, DataType::Float));
        }
        parts
    }

    /// The number of each text, −1 for any other.
    fn looked_up(&mut self, texts: &str, keys: Vec<String>, values: Vec<i64>) -> String {
        let attributes = vec![
            ("keys_strings", Attribute::Texts(keys)),
            ("values_int64s", Attribute::Ints(values)),
            ("default_int64", Attribute::Int(-1)),
        ];
        self.graph.text_op("LabelEncoder", &[texts], attributes)
    }

    /// x combined with one number per feature, where that changes anything.
    fn combined(
        &mut self,
        operator: &str,
        x: String,
        scales: &[Linear],
        shape: &[usize],
        part: Part,
    ) -> String {
        let numbers: Vec<f64> = scales.iter().map(part).collect();
        let neutral = if matches!(operator, "Sub" | "Add") { 0.0 } else { 1.0 };
        if numbers.iter().all(|&number| number == neutral) {
            return x;
        }
        // One number for all features, or as many as the last dimensions have.
        let fits = |from: &usize| shape[*from..].iter().product::<usize>() == numbers.len();
        let shape = (0..=shape.len()).rev().find(fits).map_or(&[][..], |from| &shape[from..]);
        let numbers = self.graph.doubles("scale", shape, &numbers);
        self.graph.op(operator, &[&x, &numbers])
    }

    /// (x − shift)/width·span + low.
    fn scaled(&mut self, x: String, scales: &[Linear], shape: &[usize]) -> String {
        let parts: [(&str, Part); 4] =
            [("Sub", |l| l.shift), ("Div", |l| l.width), ("Mul", |l| l.span), ("Add", |l| l.low)];
        parts.into_iter().fold(x, |x, (operator, part)| self.combined(operator, x, scales, shape, part))
    }

    /// (y − low)/span·width + shift.
    fn inverted(&mut self, y: String, scales: &[Linear], shape: &[usize]) -> String {
        let parts: [(&str, Part); 4] =
            [("Sub", |l| l.low), ("Div", |l| l.span), ("Mul", |l| l.width), ("Add", |l| l.shift)];
        parts.into_iter().fold(y, |y, (operator, part)| self.combined(operator, y, scales, shape, part))
    }

    /// The nodes and the outputs that [`Model::predict_rows`](crate::Model::predict_rows) answers with.
    pub(super) fn outputs(
        &mut self,
        conversion: Option<&Conversion>,
        outputs: Outputs,
        classes: Option<&[String]>,
        y: &Value,
    ) {
        let last = || vec![("axis", Attribute::Int(-1))];
        let two = classes.is_some_and(|names| outputs.tells_two(y.channels(), names.len()));
        let probabilities = match outputs {
            Outputs::Values => {
                let exact = self.graph.cast(&y.name, DataType::Double);
                let inverted = self.inverted(exact, &targets(conversion), &y.shape);
                self.graph.last_output(&inverted, "output", &y.shape, DataType::Double);
                return;
            }
            Outputs::Logits => self.graph.op_with("Softmax", &[&y.name], last()),
            Outputs::Probabilities => y.name.clone(),
            Outputs::BinaryLogits if two => {
                let no = self.graph.op("Neg", &[&y.name]);
                let both = self.graph.op_with("Concat", &[&no, &y.name], last());
                self.graph.op("Sigmoid", &[&both])
            }
            Outputs::BinaryLogits => self.graph.op("Sigmoid", &[&y.name]),
            Outputs::LogRates => {
                let rates = self.graph.op("Exp", &[&y.name]);
                self.graph.last_output(&rates, "rates", &y.shape, DataType::Float);
                return;
            }
        };
        let fits = |names: &&[String]| outputs.of_one_class() && names.len() == y.channels();
        let named = classes.filter(|names| two || fits(names));
        if let Some(names) = named {
            let most = [("axis", Attribute::Int(-1)), ("keepdims", Attribute::Int(0))];
            let most = self.graph.op_with("ArgMax", &[&probabilities], most.into());
            let attributes = vec![
                ("keys_int64s", Attribute::Ints((0..names.len() as i64).collect())),
                ("values_strings", Attribute::Texts(names.to_vec())),
            ];
            let class = self.graph.text_op("LabelEncoder", &[&most], attributes);
            self.graph.last_output(&class, "class", &y.shape[..y.shape.len() - 1], DataType::String);
        }
        let mut shape = y.shape.clone();
        if let (true, Some(last)) = (two, shape.last_mut()) {
            *last = 2;
        }
        self.graph.last_output(&probabilities, "probabilities", &shape, DataType::Float);
    }
}

/// The scales of the values to regress.
fn targets(conversion: Option<&Conversion>) -> Vec<Linear> {
    match conversion {
        Some(Conversion::Scaled { targets: Some(scaler), .. }) => scaler.linear().to_vec(),
        Some(Conversion::Table(preparation)) => match preparation.answers() {
            Answers::Values(columns) => {
                columns.iter().map(|(_, scale)| scale.unwrap_or(Linear::SAME)).collect()
            }
            Answers::Classes { .. } => Vec::new(),
        },
        _ => Vec::new(),
    }
}
