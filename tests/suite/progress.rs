//! Compiling kernels is no part of the first epoch, and changes nothing but the time.

use crate::broken::{Broken, LEN, XPorts};
use crate::common::callers;
use autorot::extend::kernel::Element;
use autorot::extend::plan::arena::Arena;
use autorot::extend::plan::{Purpose, Recorder};
use autorot::{
    Activation, Adam, AutoRotate, BatchNorm, Dataset, Dense, Device, Gru, History, LearnL, Loss, Metric,
    Sequential, Trainer,
};
use std::process::Command;

/// A stateful layer, running statistics, shared updates, and whole and other batches.
fn trained(device: &Device) -> (History, Vec<f32>) {
    let (rows, steps) = (42, 5);
    let inputs = (0..rows * steps * 3).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
    let labels = (0..rows as u32).map(|i| i * 31 % 3).collect();
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let data = Dataset::classes([steps, 3], inputs, labels, names).unwrap();
    let rotate = AutoRotate::new().learn_l(LearnL::PerUnit);
    let mut model = Sequential::for_data(&data)
        .add(Gru::new(4).stateful(true))
        .add(BatchNorm::new())
        .add(Dense::new(6).activation(Activation::Tanh).auto_rotate(rotate))
        .add(Dense::new(3))
        .build(device, 5)
        .unwrap();
    let mut trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy)
        .metric(Metric::Accuracy)
        .shuffle(false)
        .batch(7)
        .accumulate(2)
        .epochs(3)
        .progress(false);
    let history = trainer.fit(&mut model, &data, Some(&data)).unwrap();
    (history, model.weights().unwrap().into_iter().flat_map(|(_, tensor)| tensor.values).collect())
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn kernels_are_compiled_before_the_first_epoch_and_change_nothing() {
    // A device that nothing ran on before.
    let fresh = callers();
    let (first, weights) = trained(&fresh);
    let (again, same) = trained(&fresh);
    assert_eq!(weights, same, "steps that try kernels out leave no trace");
    let losses =
        |history: &History| history.epochs.iter().map(|e| (e.train_loss, e.val_loss)).collect::<Vec<_>>();
    assert_eq!(losses(&first), losses(&again));
    assert!(again.compile_seconds < 0.5 * first.compile_seconds, "{again:?} after {first:?}");
    // Were there anything left to compile, it would be most of the first epoch.
    let seconds: Vec<f64> = first.epochs.iter().map(|e| e.seconds).collect();
    assert!(
        seconds[0] < 0.5 * first.compile_seconds,
        "{seconds:?}, {} s of compiling",
        first.compile_seconds
    );
}

#[test]
#[ignore = "the program that the next test runs"]
fn evaluates_on_a_new_device() {
    let device = callers();
    let data = Dataset::values([2], vec![0.5; 8], [1], vec![0.0; 4]).unwrap();
    let mut model = Sequential::new([2]).add(Dense::new(1)).build(&device, 0).unwrap();
    let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError);
    let loss = trainer.evaluate(&mut model, &data).unwrap().loss;
    println!("\nevaluated: {}", loss == trainer.progress(false).evaluate(&mut model, &data).unwrap().loss);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn what_an_evaluation_says_to_begin_it_says_to_end() {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--ignored", "--exact", "progress::evaluates_on_a_new_device", "--nocapture"]);
    let ended = program.output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(said(&ended.stdout).contains("\nevaluated: true"), "{ended:?}");
    let lines = said(&ended.stderr);
    let lines: Vec<&str> = lines.lines().filter(|line| line.contains("kernels")).collect();
    assert!(
        matches!(lines[..], ["compiling kernels …", end] if end.starts_with("kernels compiled in ")),
        "{lines:?}"
    );
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn executors_tell_what_they_have_yet_to_compile() {
    let plan = |name: &str| {
        let arena = Arena::default();
        let mut rec = Recorder::new(Purpose::Infer, 1, &arena);
        let x = rec.shared("x", Element::Float, LEN);
        rec.op(Broken::Slow, XPorts { x });
        rec.finish(name).unwrap()
    };
    let with_buffer = |device: &Device| {
        let mut executor = device.executor();
        executor.allocate("x", Element::Float, LEN).unwrap();
        executor
    };
    let mut cpu = with_buffer(&Device::cpu());
    assert!(!cpu.compiles(&plan("on the CPU")));
    cpu.bind(&plan("on the CPU")).unwrap();
    let device = callers();
    let (mut one, mut other) = (with_buffer(&device), with_buffer(&device));
    assert!(one.compiles(&plan("first")) && other.compiles(&plan("first")));
    one.bind(&plan("first")).unwrap();
    // Models on one device share what is compiled.
    assert!(!one.compiles(&plan("again")) && !other.compiles(&plan("again")));
    other.bind(&plan("again")).unwrap();
}

#[test]
fn histories_of_before_have_no_time_of_compiling() {
    let text = r#"{"metrics": [], "epochs": [], "restored_epoch": null}"#;
    let history: History = serde_json::from_str(text).unwrap();
    assert_eq!(history, History::default());
}
