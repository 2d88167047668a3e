//! The kernel table: every kernel of the registry, every variant, on the GPU against its f64 twin.

use crate::common::{Random, assert_norm, callers, gpu};
use autorot::device::{Executor, Values};
use autorot::kernel::{
    Access, Adam, Binding, DenseForward, Element, GuardPorts, Kernel, RmsProp, Sgd, Traits, UNUSED, registry,
};
use autorot::plan::arena::Arena;
use autorot::plan::{Purpose, Recorder};
use autorot::{Activation, Device, LearnL, Rule};
use std::sync::Arc;

/// Elements after every buffer that nothing may touch.
const GUARD: usize = 64;
const GUARD_VALUE: f32 = 12_345.0;

enum Content {
    Float(Vec<f32>),
    Index(Vec<u32>),
}

/// What a binding holds before the kernel runs: numbers in the domain that its name tells, or poison.
fn content(kernel: &dyn Kernel, index: usize, len: usize, random: &mut Random) -> Content {
    let binding = kernel.bindings()[index];
    let n = len as u32;
    if binding.element == Element::Index {
        return Content::Index(match binding.name {
            "clock" => vec![5, 2, 1, 0],
            "order" => (0..n).map(|i| (i * 7 + 3) % n).collect(),
            "labels" => (0..n).map(|i| i % 3).collect(),
            // The step that the clock stands at, of the kind of the examples.
            "due" => vec![autorot::kernel::Guard::due(5, 3); len],
            other => panic!("no numbers for the index binding {other}"),
        });
    }
    if binding.access == Access::Write {
        return Content::Float(vec![f32::NAN; len]);
    }
    let values = random.vector(len, 1.0);
    let map = |f: &dyn Fn(f32) -> f32| Content::Float(values.iter().map(|&v| f(v)).collect());
    match (kernel.name(), binding.name) {
        (_, "t") => map(&|v| 0.5 + 0.5 * v),
        // Mean squares are positive; a variance and its mean never differ in scale as freely as here.
        ("adam" | "rmsprop", "v") => map(&|v| v.abs() + 0.01),
        // Half of it is ρ, half q: neither is small.
        (_, "rotation") => map(&|v| v + 0.5f32.copysign(v)),
        (_, "rates") => map(&|v| v.abs() * 0.1),
        // Sums that do not cancel: ρ of a q near 0 would only measure how badly the numbers are conditioned.
        ("dense_forward" | "tap_totals", "w") => map(&|v| (v + 0.5) * 0.05),
        ("dense_forward", "b") => map(&|v| v.abs() + 0.1),
        // Some steps are padded with the mask's value.
        ("step_mask", "x") => map(&|v| if v < 0.5 { 0.0 } else { v }),
        // As of the dense kernel.
        // Half of them are the same.
        ("adopt", "parameters" | "sealed") => map(&f32::signum),
        ("fold_rotation", "w" | "u_kernel") => map(&|v| (v + 0.5) * 0.05),
        ("fold_rotation", "b") => map(&|v| v.abs() + 0.1),
        ("mask_rows", "total") => map(&|v| v.abs() + 1.0),
        ("rotate", "v") => map(&|v| v.abs() + 0.1),
        (_, "variance" | "squares") => map(&|v| v.abs() + 0.1),
        (_, "partials" | "penalties") => map(&f32::abs),
        // Places of a row.
        ("rank", "places") => map(&|v| (v.abs() * 4.0).floor()),
        ("softmax_finish" | "softmax_gradient", "parts" | "rows") => map(&|v| v.abs() + 0.5),
        (_, "mask") => map(&|v| if v > 0.0 { 1.0 } else { 0.0 }),
        (_, "z") => map(&|v| v * 3.0),
        _ => Content::Float(values),
    }
}

/// The bindings with their lengths, and whether the kernel's options leave them out.
fn bindings(kernel: &dyn Kernel) -> impl Iterator<Item = (Binding, usize, bool)> + use<> {
    let all = kernel.bindings().iter().zip(kernel.lens());
    all.map(|(binding, len)| (*binding, len.unwrap_or(UNUSED), len.is_none()))
}

/// Runs the kernel once; returns every float buffer with its guard, and the integers.
fn run(kernel: &Arc<dyn Kernel>, executor: &mut dyn Executor) -> (Vec<Vec<f64>>, Vec<Vec<u32>>) {
    let mut random = Random::new(bindings(&**kernel).map(|(_, len, _)| len).sum::<usize>() as u64);
    let arena = Arena::default();
    let mut rec = Recorder::new(Purpose::Train, 1, &arena);
    let mut views = Vec::new();
    for (i, (binding, len, _)) in bindings(&**kernel).enumerate() {
        let key = binding.name;
        executor.allocate(key, binding.element, len + GUARD).unwrap();
        match content(&**kernel, i, len, &mut random) {
            Content::Float(values) => {
                executor.write(key, 0, Values::F32(&values)).unwrap();
                executor.write(key, len, Values::F32(&[GUARD_VALUE; GUARD])).unwrap();
            }
            Content::Index(values) => executor.write(key, 0, Values::U32(&values)).unwrap(),
        }
        let whole = rec.shared(key, binding.element, len + GUARD);
        views.push(rec.part(whole, 0, len));
    }
    rec.op_dyn(kernel.clone(), views.iter().copied().map(Some).collect());
    let mut plan = rec.finish("test").unwrap();
    // Where the options leave a binding out the plan has something of its own: here it is one that is watched.
    plan.ops[0].args = views;
    let program = executor.bind(&plan).unwrap();
    executor.run(program, 1).unwrap();
    let (mut floats, mut indices) = (Vec::new(), Vec::new());
    for (binding, len, _) in bindings(&**kernel) {
        match binding.element {
            Element::Float => {
                floats.push(pollster::block_on(executor.read(binding.name, 0, len + GUARD)).unwrap())
            }
            Element::Index => {
                indices.push(pollster::block_on(executor.read_index(binding.name, len)).unwrap())
            }
        }
    }
    (floats, indices)
}

/// Runs a kernel on a device and compares with what the twin gave.
fn compare(kernel: &Arc<dyn Kernel>, device: &Device, what: &str, twin: &(Vec<Vec<f64>>, Vec<Vec<u32>>)) {
    let (found, found_indices) = run(kernel, &mut *device.executor());
    let (wanted, wanted_indices) = twin;
    let place = format!("{what} {kernel:?}");
    assert_eq!(found_indices, *wanted_indices, "{place}");
    let floats = bindings(&**kernel).filter(|(binding, ..)| binding.element == Element::Float);
    for (((binding, len, left_out), found), wanted) in floats.zip(&found).zip(wanted) {
        let what = format!("{place}: {}", binding.name);
        assert!(found[len..].iter().all(|&v| v == f64::from(GUARD_VALUE)), "{what}: wrote past its end");
        let (found, wanted) = (&found[..len], &wanted[..len]);
        // Poison may stay only where the kernel's options leave a binding out.
        if left_out && wanted.iter().all(|v| v.is_nan()) {
            assert!(found.iter().all(|v| v.is_nan()), "{what}: an unused binding was written");
        } else {
            assert!(wanted.iter().all(|v| v.is_finite()), "{what}: the twin is not finite");
            assert_norm(&what, found, wanted, LIMIT);
        }
    }
}

/// How far a buffer may lie from the twin's, by its norm.
const LIMIT: f64 = 1e-5;

/// One row of the table.
fn check(name: &str) {
    let entries: Vec<_> = registry::all().into_iter().filter(|e| e.name == name).collect();
    assert_eq!(entries.len(), 1, "{name} stands once in the registry");
    let device = gpu();
    let all = entries[0].examples.iter().map(|kernel| (kernel, true));
    let others = entries[0].options.iter().chain(&entries[0].long).map(|kernel| (kernel, false));
    for (kernel, every_variant) in all.chain(others) {
        let twin = run(kernel, &mut *Device::cpu_f64().executor());
        for (index, variant) in kernel.variants().iter().enumerate() {
            let preferred = index == kernel.prefer(device.traits());
            if !(preferred || every_variant && kernel.supports(index, device.traits())) {
                continue;
            }
            // Without the driver's checks a store past the end would reach the guard words. OpenGL has no checks.
            let ways = if device.name().ends_with("(gl)") { &[false][..] } else { &[false, true] };
            for &checked in ways {
                let device = device.clone().with_variant(variant).with_checks(checked);
                compare(kernel, &device, &format!("{variant} checked {checked}"), &twin);
            }
        }
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn every_kernel_runs_on_a_callers_device_with_default_limits_and_no_features() {
    let device = callers();
    assert_eq!(device.traits().subgroup, 0, "no feature was asked for");
    for entry in registry::all() {
        for kernel in entry.examples.iter().rev().take(2) {
            compare(kernel, &device, "default limits", &run(kernel, &mut *Device::cpu_f64().executor()));
        }
    }
}

macro_rules! table {
    ($($name:ident)+) => {
        $(
            #[test]
            #[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
            fn $name() {
                check(stringify!($name));
            }
        )+

        /// The rows of the table, for the tidy test.
        pub const ROWS: &[&str] = &[$(stringify!($name)),+];
    };
}

table! {
    accumulate
    activate
    adopt
    adam
    advance
    conv
    conv_backward_weight
    copy_rows
    dense_backward_input
    dense_backward_weight
    dense_forward
    depthwise
    depthwise_backward_weight
    dropout
    fold_rotation
    gather
    guard
    hits
    largest
    max_pool_backward
    max_pool_forward
    max_pool_give
    mask_rows
    merge
    merge_backward
    norm_backward
    norm_backward_sums
    norm_finish
    norm_forward
    norm_statistics
    one_hot
    penalty
    pointwise_loss
    random_window
    rank
    recurrent_backward
    recurrent_forward
    rmsprop
    rotate
    rotate_backward
    rotate_sums
    running_average
    score
    sgd
    softmax_finish
    softmax_gradient
    softmax_loss
    softmax_parts
    step_mask
    sum
    sum_rows
    sum_squares
    tally
    tap_shares
    tap_totals
    unfold_rotation
    weight_gradient
    weighted_squares
    window_parts
    window_sum
    zone_sums
}

#[test]
fn guard_halts_on_numbers_that_are_not_finite() {
    use autorot::kernel::{Guard, clock};
    for device in crate::common::devices() {
        let stalled = u32::MAX;
        for (loss, partial, kind, halted, step) in [
            (1.0, 1.0, None, 0),
            (f32::NAN, 1.0, None, 6),
            (1.0, f32::INFINITY, None, 6),
            (f32::NEG_INFINITY, 1.0, None, 6),
            // The step that is due, and two that are not.
            (1.0, 1.0, Some(3), 0),
            (f32::NAN, 1.0, Some(3), 6),
            (1.0, 1.0, Some(2), stalled),
            (f32::NAN, 1.0, Some(0), stalled),
        ]
        .into_iter()
        .map(|(loss, partial, kind, halted)| (loss, partial, kind, halted, 5))
        // Steps whose number means something else.
        .chain([u32::MAX - 1, u32::MAX].map(|step| (f32::NAN, 1.0, None, u32::MAX - 1, step)))
        {
            let mut executor = device.executor();
            let arena = Arena::default();
            let mut rec = Recorder::new(Purpose::Train, 1, &arena);
            let (float, index) = (Element::Float, Element::Index);
            let mut view = |key, element, len| {
                executor.allocate(key, element, len).unwrap();
                rec.shared(key, element, len)
            };
            let ports = GuardPorts {
                partials: view("partials", float, 2),
                tallies: view("tallies", float, 2),
                clock: view("clock", index, clock::LEN),
                control: view("control", float, 2),
                due: view("due", index, 2),
            };
            rec.op(Guard { partials: 2, columns: 1, slots: 2, clip_norm: 0.0, kind }, ports);
            executor.write("due", 0, Values::U32(&[0, Guard::due(5, 3)])).unwrap();
            executor.write("partials", 0, Values::F32(&[1.0, partial])).unwrap();
            executor.write("tallies", 0, Values::F32(&[0.0, loss])).unwrap();
            executor.write("clock", 0, Values::U32(&[step, 0, 1, 0])).unwrap();
            let program = executor.bind(&rec.finish("guard").unwrap()).unwrap();
            executor.run(program, 1).unwrap();
            let words = pollster::block_on(executor.read_index("clock", clock::LEN)).unwrap();
            assert_eq!(words[clock::HALTED], halted, "{}: loss {loss}, partial {partial}", device.name());
        }
    }
}

/// The variant of a product of this size, with vec4s or without, on a software adapter without and with subgroups, and on a GPU.
#[test]
fn products_take_the_variant_of_their_adapter() {
    let software = |subgroup| Traits { software: true, subgroup };
    let gpu = Traits { software: false, subgroup: 32 };
    for ((batch, inputs, units), [on_software, with_subgroups, on_gpu]) in [
        ((128, 784, 512), ["direct4", "shuffle4", "reduce4"]),
        ((128, 783, 511), ["direct", "shuffle", "reduce"]),
        ((4, 784, 512), ["row4", "row4", "row4"]),
        ((2048, 2048, 2048), ["direct4", "shuffle4", "wide4"]),
        ((1024, 32, 256), ["direct4", "shuffle4", "tile4"]),
        ((1024, 784, 512), ["direct4", "shuffle4", "tile4"]),
    ] {
        let rotation = Some(registry::rotation(Rule::Diagonal, LearnL::Fixed));
        let activation = Activation::Tanh;
        let kernel: Arc<dyn Kernel> = Arc::new(DenseForward {
            batch,
            inputs,
            units,
            has_bias: true,
            rotation,
            keep_z: true,
            activation,
        });
        for (traits, wanted) in [(software(0), on_software), (software(8), with_subgroups), (gpu, on_gpu)] {
            let chosen = kernel.variants()[kernel.prefer(traits)];
            assert_eq!(chosen, wanted, "{batch} x {inputs} x {units} on {traits:?}");
        }
    }
}

#[test]
fn optimisers_clamp_the_slot_to_the_tables_last_row() {
    let (count, clip_value) = (9, 0.0);
    for slots in [1, 7] {
        let sgd = Sgd { count, slots, momentum: 0.5, nesterov: false, clip_value };
        let rmsprop = RmsProp { count, slots, rho: 0.9, momentum: 0.0, epsilon: 1e-7, clip_value };
        let adam = Adam {
            count,
            decayed: 0,
            slots,
            one_minus_beta_1: 0.1,
            one_minus_beta_2: 0.001,
            epsilon: 1e-7,
            weight_decay: 0.0,
            clip_value,
        };
        let kernels: [Arc<dyn Kernel>; 3] = [Arc::new(sgd), Arc::new(rmsprop), Arc::new(adam)];
        for kernel in kernels {
            assert_eq!(kernel.uniforms()[..2], [9, slots as u32 - 1], "{}", kernel.name());
        }
    }
}
