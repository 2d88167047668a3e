//! Keras' graphs of layers as chains with residual blocks.

use super::form::{At, READ_REMEDY};
use crate::Result;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// A layer of a chain, or a block of two branches whose outputs are added.
#[derive(Debug)]
pub(super) enum Step<'v> {
    Layer {
        layer: &'v Value,
        /// Where its numbers lie in a `.keras` file.
        folder: String,
    },
    Block {
        main: Vec<Self>,
        shortcut: Vec<Self>,
    },
}

/// The most layers of a model, and the deepest nesting of blocks and models.
const MOST_LAYERS: usize = 5000;
pub(super) const MOST_DEEP: usize = 30;

/// The name of a layer.
pub(super) fn name(layer: &Value) -> &str {
    let own = layer.get("config").and_then(|config| config.get("name"));
    own.or(layer.get("name")).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn class(layer: &Value) -> &str {
    layer.get("class_name").and_then(Value::as_str).unwrap_or_default()
}

/// A class in small letters with underscores, as Keras makes names of it.
pub(super) fn snake(class: &str) -> String {
    let letters: Vec<char> = class.chars().collect();
    let mut name = String::new();
    for (i, &letter) in letters.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| letters[i]);
        let small_follows = letters.get(i + 1).is_some_and(char::is_ascii_lowercase);
        let starts =
            before.is_some_and(|before| before.is_ascii_lowercase() || (small_follows && before != '_'));
        if letter.is_ascii_uppercase() && starts {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// Names that count how often each was given: `dense`, `dense_1`.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, usize>);

impl Names {
    pub(super) fn next(&mut self, class: &str) -> String {
        let name = snake(class);
        let count = self.0.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 { name } else { format!("{name}_{}", *count - 1) }
    }
}

/// The layers of a model, with the folders of their numbers.
fn layers<'v>(at: At<'_>, model: &'v Value, folder: &str) -> Result<Vec<(&'v Value, String)>> {
    let layers = model["config"]["layers"].as_array().filter(|layers| layers.len() <= MOST_LAYERS);
    let layers = layers.ok_or_else(|| {
        let expected = format!("a Sequential or Functional model of at most {MOST_LAYERS} layers");
        at.wrong(format!("a model of the class {:?}", class(model)), expected, READ_REMEDY)
    })?;
    let mut names = Names::default();
    let folder = |layer: &Value, names: &mut Names| format!("{folder}layers/{}", names.next(class(layer)));
    Ok(layers.iter().map(|layer| (layer, folder(layer, &mut names))).collect())
}

/// The chain that a model is, and its layer for inputs.
pub(super) fn chain<'v>(
    at: At<'_>,
    model: &'v Value,
    folder: &str,
) -> Result<(Option<&'v Value>, Vec<Step<'v>>)> {
    let layers = layers(at, model, folder)?;
    let mut seen = HashSet::new();
    if let Some((twice, _)) =
        layers.iter().find(|(layer, _)| !seen.insert(name(layer)) || name(layer).is_empty())
    {
        let found = format!("two layers of the name {:?}", name(twice));
        return Err(at.wrong(found, "a name for every layer", READ_REMEDY));
    }
    if class(model) == "Sequential" {
        let (inputs, rest): (Vec<_>, Vec<_>) =
            layers.into_iter().partition(|(layer, _)| class(layer) == "InputLayer");
        let steps = rest.into_iter().map(|(layer, folder)| Step::Layer { layer, folder });
        return Ok((inputs.first().map(|(input, _)| *input), steps.collect()));
    }
    Graph::new(at, model, layers)?.chain()
}

/// The layers of a functional model by number, with the numbers of those whose outputs they take.
struct Graph<'v, 'a> {
    at: At<'a>,
    layers: Vec<(&'v Value, String)>,
    inputs: Vec<Vec<usize>>,
    /// The number of steps back to the input, along the way that leaves blocks out.
    depth: Vec<usize>,
    /// The layer before: of a sum, the one where its branches part.
    before: Vec<usize>,
    visited: HashSet<usize>,
    output: usize,
}

impl<'v, 'a> Graph<'v, 'a> {
    fn new(at: At<'a>, model: &Value, layers: Vec<(&'v Value, String)>) -> Result<Self> {
        let numbers: HashMap<&str, usize> =
            layers.iter().enumerate().map(|(i, (layer, _))| (name(layer), i)).collect();
        let number = |name: &str| {
            numbers.get(name).copied().ok_or_else(|| {
                at.wrong(format!("an input from {name:?}"), "the name of a layer", READ_REMEDY)
            })
        };
        let config = &model["config"];
        let ends = ["input_layers", "output_layers"].map(|end| names(&config[end]));
        let [Some(input), Some(output)] = ends.each_ref().map(|end| match end.as_slice() {
            [one] => Some(one),
            _ => None,
        }) else {
            let found = format!("{} inputs and {} outputs", ends[0].len(), ends[1].len());
            return Err(at.wrong(found, "one of each", READ_REMEDY));
        };
        let (input, output) = (number(input)?, number(output)?);
        let inputs =
            layers.iter().map(|(layer, _)| calls(at, layer)?.iter().map(|name| number(name)).collect());
        let inputs = inputs.collect::<Result<Vec<Vec<usize>>>>()?;
        let (depth, before) = (vec![usize::MAX; layers.len()], vec![input; layers.len()]);
        let visited = HashSet::from([input]);
        let mut graph = Self { at, layers, inputs, depth, before, visited, output };
        graph.depth[input] = 0;
        graph.measure(output)?;
        Ok(graph)
    }

    fn wrong(&self, layer: usize, found: &str) -> crate::Error {
        let found = format!("{:?}: {found}", name(self.layers[layer].0));
        self.at.wrong(
            found,
            "a chain of layers, with sums of two branches that part at one layer",
            READ_REMEDY,
        )
    }

    /// Finds depths and what is before, for all that a layer's output follows from.
    fn measure(&mut self, layer: usize) -> Result<()> {
        let mut open = vec![(layer, false)];
        let mut entered = HashSet::new();
        while let Some((layer, seen)) = open.pop() {
            if self.depth[layer] != usize::MAX {
                continue;
            }
            let inputs = self.inputs[layer].clone();
            if !seen {
                if !entered.insert(layer) {
                    return Err(self.wrong(layer, "an output that it depends on itself"));
                }
                open.push((layer, true));
                open.extend(inputs.iter().filter(|&&i| self.depth[i] == usize::MAX).map(|&i| (i, false)));
                continue;
            }
            let (mut a, mut b) = match inputs.as_slice() {
                &[one] if class(self.layers[layer].0) != "Add" => (one, one),
                &[a, b] if class(self.layers[layer].0) == "Add" => (a, b),
                inputs => return Err(self.wrong(layer, &format!("{} inputs", inputs.len()))),
            };
            while a != b {
                let deeper = if self.depth[a] >= self.depth[b] { &mut a } else { &mut b };
                *deeper = self.before[*deeper];
            }
            self.before[layer] = a;
            self.depth[layer] = self.depth[a].saturating_add(1);
        }
        Ok(())
    }

    fn chain(mut self) -> Result<(Option<&'v Value>, Vec<Step<'v>>)> {
        let input = self.depth.iter().position(|&depth| depth == 0);
        let Some(input) = input.filter(|&input| class(self.layers[input].0) == "InputLayer") else {
            return Err(self.wrong(self.output, "no InputLayer before it"));
        };
        let steps = self.steps(input, self.output, 0)?;
        Ok((Some(self.layers[input].0), steps))
    }

    /// The layers behind one layer up to another.
    fn steps(&mut self, from: usize, to: usize, deep: usize) -> Result<Vec<Step<'v>>> {
        if deep > MOST_DEEP {
            return Err(self.wrong(to, "blocks deep inside each other"));
        }
        let (mut steps, mut layer) = (Vec::new(), to);
        while layer != from {
            if !self.visited.insert(layer) {
                return Err(self.wrong(layer, "a layer of two branches"));
            }
            let before = self.before[layer];
            steps.push(match *self.inputs[layer].as_slice() {
                [a, b] => {
                    let (main, shortcut) =
                        (self.steps(before, a, deep + 1)?, self.steps(before, b, deep + 1)?);
                    // A branch without layers is the shortcut.
                    let (main, shortcut) = if main.is_empty() { (shortcut, main) } else { (main, shortcut) };
                    Step::Block { main, shortcut }
                }
                _ => Step::Layer { layer: self.layers[layer].0, folder: self.layers[layer].1.clone() },
            });
            layer = before;
        }
        steps.reverse();
        Ok(steps)
    }
}

/// The names in `["dense", 0, 0]` or in a list of such.
fn names(value: &Value) -> Vec<&str> {
    match value.as_array().map(Vec::as_slice) {
        Some([Value::String(name), ..]) => vec![name],
        Some(all) => all.iter().filter_map(|one| one.get(0)?.as_str()).collect(),
        None => Vec::new(),
    }
}

/// The names of the layers whose outputs a layer is called with.
fn calls<'v>(at: At<'_>, layer: &'v Value) -> Result<Vec<&'v str>> {
    let refuse = |found: &str| {
        let found = format!("{:?}: {found}", name(layer));
        Err(at.wrong(found, "one call, with the outputs of other layers alone", READ_REMEDY))
    };
    let call = match layer.get("inbound_nodes").and_then(Value::as_array).map(Vec::as_slice) {
        None | Some([]) => return Ok(Vec::new()),
        Some([call]) => call,
        Some(calls) => return refuse(&format!("{} calls", calls.len())),
    };
    let mut inputs = Vec::new();
    if let Some(tensors) = call.as_array() {
        // [["dense", 0, 0, {}], …], or one of these without brackets around.
        let tensors =
            if tensors.first().is_some_and(Value::is_string) { std::slice::from_ref(call) } else { tensors };
        for tensor in tensors {
            // Every layer has one call, whatever its number, and so one output.
            let plain = tensor[2] == 0 && only_trains(&tensor[3]);
            match tensor[0].as_str() {
                Some(name) if plain => inputs.push(name),
                _ => return refuse("a call with further arguments"),
            }
        }
        return Ok(inputs);
    }
    if !only_trains(&call["kwargs"]) {
        return refuse("a call with further arguments");
    }
    let args = match call["args"].as_array().map(Vec::as_slice) {
        Some([Value::Array(list)]) => list.as_slice(),
        Some(args) => args,
        None => return refuse("no arguments"),
    };
    for tensor in args {
        let history = &tensor["config"]["keras_history"];
        match history[0].as_str() {
            Some(name) if history[2] == 0 => inputs.push(name),
            _ => return refuse("an argument that is no layer's output"),
        }
    }
    Ok(inputs)
}

/// Whether a call's further arguments change nothing: masks go along with their sequences here, too.
fn only_trains(arguments: &Value) -> bool {
    let Some(arguments) = arguments.as_object() else { return arguments.is_null() };
    let idle = |(name, value): (&String, &Value)| {
        value.is_null() || *value == Value::Bool(false) || (name == "mask" && value.is_object())
    };
    arguments.iter().all(idle)
}
