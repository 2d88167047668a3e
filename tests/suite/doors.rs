//! Things of users' own: the programs that show them, on every device, and checks that find what is wrong.

use crate::common::{WITH_GPU, devices, gpu};
use crate::nets::waves;
use crate::programs::example;
use autorot::extend::check::{self, KernelCheck};
use autorot::extend::kernel::{ActivateKernel, clock};
use autorot::extend::{ActivationRule, Pointwise, Real, UpdateRule};
use autorot::{Activation, Dense, Device, Error, Loss, Metric, Optimizer, Range, Sequential, Sgd, Trainer};

/// What each program tells in the end.
const PROGRAMS: [(&str, &str); 7] = [
    ("own_activation", "loss by epoch"),
    ("own_kernel", "10001 numbers, as the twin has them"),
    ("own_layer", "loss "),
    ("own_loop", "test loss"),
    ("own_loss", "quantile 0.9"),
    ("own_metric", "rmse, within_0.1"),
    ("own_optimizer", "loss by epoch"),
];

#[test]
fn every_program_runs_on_every_device() {
    let names = ["cpu".to_owned()].into_iter().chain(WITH_GPU.then(|| gpu().name()));
    for name in names {
        // As the variable takes it: without the backend.
        let name = name.rsplit_once(" (").map_or(&*name, |(name, _)| name);
        for (program, said) in PROGRAMS {
            let output = example(program, &[]).env("AUTOROT_DEVICE", name).output().unwrap();
            let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
            assert!(output.status.success(), "{program} on {name}: {err}");
            assert!(out.contains(said), "{program} on {name}: {out}");
        }
    }
}

#[test]
fn the_programs_are_short() {
    for (program, _) in PROGRAMS {
        let path = format!("{}/examples/{program}.rs", env!("CARGO_MANIFEST_DIR"));
        assert!(std::fs::read_to_string(&path).unwrap().lines().count() <= 60, "{path}");
    }
}

/// A formula with faults that are asked for.
#[derive(Clone, Copy, Debug)]
struct Cubic {
    slope: f32,
    shader: &'static str,
}

impl Pointwise for Cubic {
    fn name(&self) -> String {
        "cubic".to_owned()
    }

    fn value<T: Real>(&self, x: T, t: T) -> T {
        (x - t).powi(3)
    }

    fn derivative<T: Real>(&self, x: T, t: T) -> T {
        T::of(self.slope.into()) * (x - t) * (x - t)
    }

    fn wgsl(&self) -> [String; 2] {
        [self.shader.to_owned(), format!("{:?} * (x - t) * (x - t)", self.slope)]
    }
}

const CUBE: &str = "(x - t) * (x - t) * (x - t)";

#[track_caller]
fn says(result: Result<(), Error>, parts: &[&str]) {
    let error = result.unwrap_err().to_string();
    parts.iter().for_each(|part| assert!(error.contains(part), "{error}: {part}"));
}

#[test]
fn checks_find_a_wrong_slope_and_a_wrong_shader() {
    for device in devices() {
        check::pointwise(Cubic { slope: 3.0, shader: CUBE }, &device).unwrap();
        says(check::pointwise(Cubic { slope: 2.9, shader: CUBE }, &device), &["cubic: derivative", "off by"]);
    }
    if WITH_GPU {
        let wrong = Cubic { slope: 3.0, shader: "(x - t) * (x - t) * (x + t)" };
        says(check::pointwise(wrong, &gpu()), &["scores", "off by", "correct shader or twin"]);
        let text = Cubic { slope: 3.0, shader: "cube(x - t)" };
        says(check::pointwise(text, &gpu()), &["cube"]);
    }
}

/// Sgd with a shader that forgets the rate, or reads where nothing is.
#[derive(Clone, Copy, Debug)]
struct Wild<const READS: bool>;

impl<const READS: bool> UpdateRule for Wild<READS> {
    const NAME: &'static str = "wild";
    const WGSL: &'static str = if READS {
        "fn update(g: vec4<f32>, sizes: vec3<f32>, w: vec4<f32>, kept: ptr<function, array<vec4<f32>, 2>>) -> vec4<f32> {
            return w - sizes.x * g + 0.0 * rates[1000000000u + u.count];
        }"
    } else {
        "fn update(g: vec4<f32>, sizes: vec3<f32>, w: vec4<f32>, kept: ptr<function, array<vec4<f32>, 2>>) -> vec4<f32> {
            return w - g;
        }"
    };

    fn update<T: Real>(&self, gradient: T, [size, ..]: [T; 3], w: T, _kept: [&mut T; 2]) -> T {
        w - size * gradient
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn shaders_of_users_are_checked_by_the_driver_and_by_the_check() {
    says(check::update_rule(Wild::<false>, &gpu()), &["Wild", ": w (", "off by"]);
    // Reads beyond a buffer give something that is there.
    check::update_rule(Wild::<true>, &gpu()).unwrap();
}

/// tanh under another name.
struct Own;

impl ActivationRule for Own {
    const NAME: &'static str = "own_tanh";
    const LIMIT: f32 = 2.0;
    const WGSL: [&'static str; 2] = ["hyperbolic_tangent(z)", "tanh_derivative(z)"];

    fn range(_input: Option<Range>) -> Option<Range> {
        Range::new(-1.0, 1.0).ok()
    }

    fn value<T: Real>(z: T) -> T {
        z.hyperbolic_tangent()
    }

    fn derivative<T: Real>(z: T) -> T {
        let a = z.abs();
        let e = (-(a + a)).exponential();
        let share = T::one() / (T::one() + e);
        T::of(4.0) * e * share * share
    }
}

#[test]
fn an_activation_of_ones_own_is_as_good_as_a_built_in_one() {
    let own = Activation::own::<Own>();
    assert_eq!((own.name(), own.limit(), own), ("own_tanh", 2.0, Activation::own::<Own>()));
    assert_ne!(own, Activation::Tanh);
    assert_eq!(serde_json::to_string(&own).unwrap(), "\"own:own_tanh\"");
    let data = waves(40);
    for device in devices() {
        check::activation::<Own>(&device).unwrap();
        let trained = |activation| {
            let hidden = Dense::new(7).activation(activation).auto_rotate(autorot::AutoRotate::new());
            let net = Sequential::for_data(&data).add(hidden).add(autorot::Activate::new(activation));
            let mut model = net.add(Dense::new(data.targets().width())).build(&device, 1).unwrap();
            let mut trainer = Trainer::new(Sgd::default(), Loss::MeanSquaredError).epochs(2).progress(false);
            trainer.fit(&mut model, &data, None).unwrap();
            model.weights().unwrap().without_description()
        };
        assert_eq!(trained(own), trained(Activation::Tanh), "{}", device.name());
    }
}

#[test]
fn own_losses_and_optimisers_are_named_and_compared() {
    let own = |slope| Loss::from(Cubic { slope, shader: CUBE });
    assert_eq!(own(3.0), own(3.0));
    assert_ne!(own(3.0), own(2.0));
    assert_eq!(own(3.0).name(), "cubic");
    assert!(serde_json::to_string(&own(3.0)).unwrap().contains("cubic"));
    let metric = Metric::mean_of(Cubic { slope: 3.0, shader: CUBE });
    assert_eq!((metric.name().as_str(), metric.clone()), ("cubic", metric));
    let optimizer = Optimizer::new(Wild::<false>).with_learning_rate(0.5).with_weight_decay(0.1);
    let text = serde_json::to_string(&optimizer.description()).unwrap();
    assert!(text.contains("wild") && text.contains("0.5") && text.contains("0.1"), "{text}");
    assert!(Optimizer::new(Wild::<true>).with_weight_decay(-1.0).check().is_err());
    // As the built-in loss of the same formula, and with what an own one is resumed.
    let data = waves(30);
    for device in devices() {
        let mut model =
            Sequential::for_data(&data).add(Dense::new(data.targets().width())).build(&device, 1).unwrap();
        let squared = model.evaluate(&data, autorot::extend::SquaredError, &[]).unwrap();
        assert_eq!(squared, model.evaluate(&data, Loss::MeanSquaredError, &[]).unwrap());
        let mut trainer = Trainer::new(Sgd::default(), own(3.0)).epochs(1).progress(false);
        trainer.fit(&mut model, &data, None).unwrap();
        let snapshot = trainer.snapshot().unwrap().clone();
        let resumed = |loss| {
            Trainer::new(Sgd::default(), loss).epochs(2).progress(false).from_snapshot(snapshot.clone())
        };
        resumed(own(3.0)).resume(&mut model, &data, None).unwrap();
        says(resumed(own(2.0)).resume(&mut model, &data, None).map(drop), &["loss", "3.0", "2.0"]);
    }
}

#[test]
fn a_check_of_a_layer_knows_its_penalty() {
    let penalised = Dense::new(3).kernel_regularizer(autorot::Regularizer { l1: 0.01, l2: 0.03 });
    devices().iter().for_each(|device| check::layer(penalised.clone(), &[5], device).unwrap());
}

/// Keeps three numbers, of which there is room for two, or none, with a number that has no name.
#[derive(Clone, Copy, Debug)]
struct Greedy(bool);

impl UpdateRule for Greedy {
    const NAME: &'static str = "greedy";
    const WGSL: &'static str = "";

    fn kept(&self) -> &'static [&'static str] {
        if self.0 { &["a", "b", "c"] } else { &[] }
    }

    fn numbers(&self) -> Vec<f32> {
        if self.0 { Vec::new() } else { vec![1.0] }
    }

    fn update<T: Real>(&self, _gradient: T, _sizes: [T; 3], w: T, _kept: [&mut T; 2]) -> T {
        w
    }
}

#[test]
fn an_optimiser_that_keeps_or_says_too_much_is_refused() {
    for greedy in [true, false] {
        says(Optimizer::new(Greedy(greedy)).check(), &["greedy", "at most two", "for every name"]);
    }
}

#[test]
fn a_check_of_a_kernel_says_what_it_lacks() {
    let kernel = ActivateKernel { count: 9, activation: Activation::Tanh };
    let check = || KernelCheck::new(kernel);
    check().run(&Device::cpu()).unwrap();
    says(check().numbers("x", vec![1.0; 8]).run(&Device::cpu()), &["x:", "8 values", "9"]);
    says(check().numbers("x", vec![f32::NAN; 9]).run(&Device::cpu()), &["y", "NaN", "finite"]);
    says(check().numbers("z", vec![1.0; 9]).run(&Device::cpu()), &["port z", "x, y"]);
    says(check().indices("x", vec![1; 9]).run(&Device::cpu()), &["Index", "port x"]);
    let advance = autorot::extend::kernel::Advance { batch: 1, rows: 3, slots: 1 };
    says(KernelCheck::new(advance).run(&Device::cpu()), &["clock", "indices"]);
    KernelCheck::new(advance).indices("clock", vec![0; clock::LEN]).run(&Device::cpu()).unwrap();
}
