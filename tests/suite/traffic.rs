//! What the kernels of a training step load and store, beside the least possible: every number that they read once, every one that
//! they write once. Counted by shaders that count, with the variants that GPUs take.

use crate::common::tell;
use crate::counting::{Counter, noting};
use autorot::extend::kernel::{Access, Element, Kernel, Traits, rates};
use autorot::extend::plan::arena::keys;
use autorot::extend::plan::{Purpose, Recorder};
use autorot::extend::{LossViews, UpdateViews};
use autorot::{
    Activation, Adam, AutoRotate, BatchNorm, Conv2d, Dense, Flatten, Loss, MaxPool2d, Optimizer, Padding,
    Sequential,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The shader with its loads and stores counted in bytes; a load into workgroup memory counts once, whoever reads it there.
fn counting(kernel: &dyn Kernel, source: &str) -> String {
    let names: Vec<&str> = kernel.bindings().iter().map(|binding| binding.name).collect();
    let mut declarations = String::from(
        "var<private> loaded: u32;\nvar<private> stored: u32;\n\
         fn note() {\n    atomicAdd(&counters[0], loaded);\n    atomicAdd(&counters[1], stored);\n    \
         loaded = 0u;\n    stored = 0u;\n}\n",
    );
    for name in &names {
        let declared = source.split(&format!("> {name}: array<")).nth(1).unwrap();
        let (element, bytes) = match declared.split_once(">") {
            Some(("vec4<f32", _)) => ("vec4<f32>", 16),
            Some((element, _)) => (element, 4),
            None => unreachable!("an array's type ends"),
        };
        declarations += &format!(
            "fn load_{name}(i: u32) -> {element} {{\n    loaded += {bytes}u;\n    return {name}[i];\n}}\n\
             fn store_{name}() {{ stored += {bytes}u; }}\n"
        );
    }
    let mut shadowed: Vec<&str> = Vec::new();
    noting(source, &declarations, |line| {
        if line.starts_with("fn ") {
            shadowed.clear();
        }
        // Parameters and variables of a buffer's name.
        let shadows = |name: &&&str| {
            let parameter = line.starts_with("fn ") && line.contains(&format!("{name}: "));
            parameter || ["let", "var"].iter().any(|word| line.contains(&format!("{word} {name} ")))
        };
        shadowed.extend(names.iter().filter(shadows));
        let buffers = names.iter().filter(|name| !shadowed.contains(name));
        buffers.fold(line.to_owned(), |line, name| changed(&line, name))
    })
}

/// A line in which accesses to this buffer are counted.
fn changed(line: &str, name: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some(at) = rest.find(&format!("{name}[")) {
        let (before, access) = rest.split_at(at);
        out += before;
        let open = name.len() + 1;
        let part_of_name = before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.');
        if part_of_name {
            out += &access[..open];
            rest = &access[open..];
            continue;
        }
        let mut depth = 1;
        let index = access[open..].find(|c| {
            depth += i32::from(c == '[') - i32::from(c == ']');
            depth == 0
        });
        let end = open + index.expect("an index ends on its line");
        let after = access[end + 1..].trim_start();
        let index = changed(&access[open..end], name);
        let stores = after.starts_with('=') && !after.starts_with("==");
        let updates = ["+=", "-=", "*="].iter().any(|update| after.starts_with(update));
        out += &match (stores, updates) {
            (true, _) => format!("store_{name}(); {name}[{index}]"),
            (_, true) => format!("store_{name}(); loaded += 4u; {name}[{index}]"),
            _ => format!("load_{name}({index})"),
        };
        rest = &access[end + 1..];
    }
    out + rest
}

/// The kernels of a training step of the study's net on 64 images.
fn study() -> Vec<Arc<dyn Kernel>> {
    let rotated = AutoRotate::new();
    let mut network = Sequential::new([32, 32, 3]).input_range(0.0, 1.0);
    for filters in [16, 32, 64] {
        let filters = Conv2d::new(filters, [3, 3]).padding(Padding::Same).activation(Activation::Sigmoid);
        network = network.add(filters.auto_rotate(rotated)).add(BatchNorm::new()).add(MaxPool2d::new([2, 2]));
    }
    network = network.add(Flatten);
    for _ in 0..4 {
        network = network.add(Dense::new(10).activation(Activation::Sigmoid).auto_rotate(rotated));
    }
    let network = network.add(Dense::new(10)).network(1).unwrap();
    let (batch, arena) = (64, network.arena());
    let mut rec = Recorder::new(Purpose::Train, batch, arena);
    let inputs = rec.shared("inputs", Element::Float, batch * network.input().len());
    let traces = network.forward(&mut rec, inputs);
    let targets = rec.shared("targets", Element::Float, batch * 10);
    let scores = rec.shared("scores", Element::Float, batch);
    let outputs = traces.last().unwrap().output;
    let views = LossViews { outputs, targets, weights: None, scores, columns: 1 };
    let d_outputs = Loss::SoftmaxCrossEntropy.record(&mut rec, views, true).unwrap();
    network.backward(&mut rec, &traces, d_outputs, false);
    let step = UpdateViews {
        gradient: rec.shared(keys::GRADIENTS, Element::Float, arena.len()),
        rates: rec.shared(keys::RATES, Element::Float, rates::LEN),
        tallies: rec.shared(keys::TALLIES, Element::Float, 1),
        scores: None,
        columns: 1,
        clock: rec.clock(),
        control: rec.shared(keys::CONTROL, Element::Float, 2),
        due: rec.shared(keys::DUE, Element::Index, 1),
        kind: None,
    };
    Optimizer::from(Adam::default()).record(&mut rec, step, arena);
    rec.record_deferred();
    rec.finish("study").unwrap().ops.into_iter().map(|op| op.kernel).collect()
}

/// The bytes of all that a kernel reads and writes.
fn least(kernel: &dyn Kernel) -> u64 {
    let times = |access| if access == Access::Update { 2 } else { 1 };
    let ports = kernel.bindings().iter().zip(kernel.lens());
    ports.map(|(binding, len)| 4 * times(binding.access) * len.unwrap_or(0) as u64).sum()
}

#[derive(Default)]
struct Row {
    dispatches: u64,
    least: u64,
    loaded: u64,
    stored: u64,
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn kernels_that_memory_bounds_move_little_more_than_they_must() {
    let counter = Counter::open();
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for kernel in study() {
        let variant = kernel.prefer(Traits { software: false, subgroup: 32 });
        let [loaded, stored] = counter.run(&*kernel, variant, &counting(&*kernel, &kernel.source(variant)));
        let row = rows.entry(format!("{} {}", kernel.name(), kernel.variants()[variant])).or_default();
        row.dispatches += 1;
        row.least += least(&*kernel);
        row.loaded += u64::from(loaded);
        row.stored += u64::from(stored);
    }
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    tell(
        "| kernel | dispatches | least MB | loaded | stored | moved/least |\n| --- | ---: | ---: | ---: | ---: | ---: |",
    );
    for (name, Row { dispatches, least, loaded, stored }) in &rows {
        let ratio = (loaded + stored) as f64 / *least as f64;
        let [least, loaded, stored] = [*least, *loaded, *stored].map(megabytes);
        tell(&format!("| {name} | {dispatches} | {least:.3} | {loaded:.3} | {stored:.3} | {ratio:.2} |"));
        // Products read an operand for every tile; normalisation reads a channel's four numbers beside every number of its inputs.
        let most = if name.starts_with("norm_") { 3.01 } else { 1.25 };
        let is_product = name.starts_with("conv") || name.starts_with("dense");
        assert!(is_product || least < 0.1 || ratio < most, "{name}: moves {ratio} times what it must");
    }
    assert!(rows.len() > 20, "{} kinds of kernels", rows.len());
}
