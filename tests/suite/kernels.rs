//! The kernel table: every kernel of the registry, every variant, on the GPU against its f64 twin.

use crate::common::{Random, callers, gpu};
use autorot::extend::check::KernelCheck;
use autorot::extend::executor::Values;
use autorot::extend::kernel::{
    Access, DenseForward, Element, GuardPorts, Kernel, Traits, UNUSED, Update, UpdateRule, registry,
};
use autorot::extend::plan::arena::Arena;
use autorot::extend::plan::{Purpose, Recorder};
use autorot::{Activation, Adam, Frame, LearnL, RmsProp, Rule, Sgd};
use std::sync::Arc;

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
            "due" => vec![autorot::extend::kernel::Guard::due(5, 3); len],
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
        ("adam" | "nadam" | "lamb", "moment_2")
        | ("rmsprop" | "adagrad" | "adadelta", "moment_1")
        | ("adadelta", "moment_2") => map(&|v| v.abs() + 0.01),
        // Half of it is ρ, half q: neither is small.
        (_, "rotation") => map(&|v| v + 0.5f32.copysign(v)),
        (_, "rates") => map(&|v| v.abs() * 0.1),
        // Sums that do not cancel: ρ of a q near 0 would only measure how badly the numbers are conditioned.
        ("dense_forward" | "tap_totals", "w") => map(&|v| (v + 0.5) * 0.05),
        ("dense_forward", "b") => map(&|v| v.abs() + 0.1),
        // Some steps are padded with the mask's value.
        ("step_mask", "x") => map(&|v| if v < 0.5 { 0.0 } else { v }),
        // Half of them are the same.
        ("adopt", "parameters" | "sealed") => map(&f32::signum),
        ("fold_rotation", "w" | "u_kernel") => map(&|v| (v + 0.5) * 0.05),
        ("fold_rotation", "b") => map(&|v| v.abs() + 0.1),
        ("mask_rows", "total") => map(&|v| v.abs() + 1.0),
        ("rotate", "v") => map(&|v| v.abs() + 0.1),
        (_, "variance" | "squares") => map(&|v| v.abs() + 0.1),
        (_, "partials" | "penalties") => map(&f32::abs),
        // Lengths, counts and a share.
        ("trust_ratio", "w_squares" | "change_squares") | ("group_share", "tallies" | "shares") => {
            map(&|v| v.abs() + 0.1)
        }
        ("accumulate", "shares") => map(&|v| 0.2 + 0.5 * v.abs()),
        // Places of a row.
        ("rank", "places") => map(&|v| (v.abs() * 4.0).floor()),
        ("softmax_finish" | "softmax_gradient" | "softmax", "parts" | "rows" | "numbers") => {
            map(&|v| v.abs() + 0.5)
        }
        ("lookup_forward", "x") => {
            let rows = kernel.uniforms()[1] as f32;
            map(&|v| (v.abs() * 1000.0).floor() % rows)
        }
        // Within runs of 64 the last positions come first.
        ("lookup_sort", "x") => {
            Content::Float((0..n).map(|i| ((63 - i % 64) / 3 + i / 64 % 3) as f32).collect())
        }
        ("lookup_sort", "before") => {
            let last = |first: u32| (first + 63).min(n - 1);
            Content::Float((0..n).map(|i| (last(i / 64 * 64) - i % 64) as f32).collect())
        }
        // Sorted; the last ones stand for no row.
        ("lookup_starts", "x") => Content::Float((0..n).map(|i| (i / 2) as f32).collect()),
        (name, "order") if name.starts_with("lookup_") => Content::Float((0..n).map(|i| i as f32).collect()),
        ("lookup_backward", "starts") => {
            let positions = kernel.lens()[1].unwrap_or_default();
            Content::Float((0..len).map(|row| (row * positions / (len - 1)) as f32).collect())
        }
        (_, "mask") => map(&|v| if v > 0.0 { 1.0 } else { 0.0 }),
        (_, "z") => map(&|v| v * 3.0),
        _ => Content::Float(values),
    }
}

/// The check of a use of a kernel, with numbers in the domains of its bindings.
fn checked(kernel: &Arc<dyn Kernel>) -> KernelCheck {
    let lens: Vec<usize> = kernel.lens().into_iter().map(|len| len.unwrap_or(UNUSED)).collect();
    let mut random = Random::new(lens.iter().sum::<usize>() as u64);
    let check = KernelCheck::of(kernel.clone());
    kernel.bindings().iter().zip(lens).enumerate().fold(check, |check, (i, (binding, len))| {
        match content(&**kernel, i, len, &mut random) {
            Content::Float(values) => check.numbers(binding.name, values),
            Content::Index(values) => check.indices(binding.name, values),
        }
    })
}

/// Every kernel of a room: its examples in every variant, other uses in the one that the device takes.
fn check(room: &str) {
    let device = gpu();
    for entry in registry::all().iter().filter(|entry| room_of(entry.name) == room) {
        entry.examples.iter().for_each(|kernel| checked(kernel).run(&device).unwrap());
        for kernel in entry.options.iter().chain(&entry.long) {
            checked(kernel).preferred_variant().run(&device).unwrap();
        }
    }
}

/// The folder of a kernel's shader.
fn room_of(kernel: &str) -> &'static str {
    let shaders = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let room = ROOMS.iter().find(|room| shaders.join(room).join(format!("{kernel}.wgsl")).exists());
    room.unwrap_or_else(|| panic!("{kernel}: no shader in a room of the table"))
}

#[test]
fn the_table_has_every_kernel() {
    let mut names = std::collections::BTreeSet::new();
    for entry in registry::all() {
        assert!(!entry.examples.is_empty() && names.insert(entry.name), "{}: stands once", entry.name);
        room_of(entry.name);
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn every_kernel_runs_on_a_callers_device_with_default_limits_and_no_features() {
    let device = callers();
    assert_eq!(device.traits().subgroup, 0, "no feature was asked for");
    for entry in registry::all() {
        for kernel in entry.examples.iter().rev().take(2) {
            checked(kernel).preferred_variant().run(&device).unwrap();
        }
    }
}

macro_rules! table {
    ($($room:ident)+) => {
        $(
            #[test]
            #[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
            fn $room() {
                check(stringify!($room));
            }
        )+

        /// The rooms that kernels are in.
        const ROOMS: &[&str] = &[$(stringify!($room)),+];
    };
}

table! {
    dense
    lookup
    loss
    norm
    optimizer
    recurrent
    rotation
    step
    tensor
    window
}

#[test]
fn guard_halts_on_numbers_that_are_not_finite() {
    use autorot::extend::kernel::{Guard, clock};
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
                scores: None,
                penalties: None,
                tallies: view("tallies", float, 2),
                clock: view("clock", index, clock::LEN),
                control: view("control", float, 2),
                due: view("due", index, 2),
            };
            rec.op(Guard { partials: 2, columns: 1, slots: 2, clip_norm: 0.0, kind, scores: None }, ports);
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
            frame: Frame::default(),
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
    fn words(rule: impl UpdateRule, slots: usize) -> Vec<u32> {
        let (weight_decay, clip_value, rate_factor) = (0.0, 0.0, 1.0);
        Kernel::uniforms(&Update { rule, count: 9, decayed: 4, slots, weight_decay, clip_value, rate_factor })
    }
    for slots in [1, 7] {
        let all =
            [words(Sgd::default(), slots), words(RmsProp::default(), slots), words(Adam::default(), slots)];
        for words in all {
            assert_eq!(words[..3], [9, slots as u32 - 1, 4]);
        }
    }
}
