//! Kernel variants chosen by timing: kept, repeated to the bit, and switched off.

use crate::common::gpu;
use crate::nets::assert_trained;
use autorot::device::Tuning;
use autorot::extend::kernel::Traits;
use autorot::store::Table;
use autorot::{Adam, Dataset, Dense, Device, Loss, Sequential, Trainer};
use std::collections::BTreeMap;
use std::time::Instant;

/// The table as its file has it.
type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// Weights after two epochs.
fn trained(device: &Device) -> Vec<f32> {
    let inputs = (0..64 * 96).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
    let labels = (0..64).map(|i| i * 31 % 4).collect();
    let names = ["a", "b", "c", "d"].map(String::from).to_vec();
    let data = Dataset::classes([96], inputs, labels, names).unwrap();
    let mut model = Sequential::for_data(&data)
        .add(Dense::new(72).activation(autorot::Activation::Tanh))
        .add(Dense::new(4))
        .build(device, 3)
        .unwrap();
    let before = model.weights().unwrap();
    let trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).progress(false);
    trainer.epochs(2).batch(32).progress(false).fit(&mut model, &data, None).unwrap();
    assert_trained(&before, &model.weights().unwrap());
    model.weights().unwrap().into_iter().flat_map(|(_, tensor)| tensor.values).collect()
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn choices_are_kept_and_give_the_same_bits_again() {
    // A software adapter has no choice to make: it is taken for a GPU.
    let device = gpu().with_traits(Traits::default());
    let folder = tempfile::tempdir().unwrap();
    let table = Table::new(folder.path().join("tuning.json"));
    let off = trained(&device.clone().with_tuning(Tuning::Off));
    assert!(!table.file().exists());
    let first = trained(&device.clone().with_tuning(Tuning::Keep(table.clone())));
    let kept = std::fs::read_to_string(table.file()).unwrap();
    for problem in
        ["dense_forward 32x96x72", "dense_backward_weight 96x32x72", "dense_backward_input 32x4x72"]
    {
        assert!(kept.contains(problem), "{problem} in {kept}");
    }
    assert_eq!(trained(&device.clone().with_tuning(Tuning::Keep(table.clone()))), first);
    assert_eq!(std::fs::read_to_string(table.file()).unwrap(), kept, "nothing is timed twice");
    assert_eq!(trained(&device.clone().with_tuning(Tuning::Off)), off);
    for (a, b) in off.iter().zip(&first) {
        assert!((a - b).abs() < 1e-4, "{a} and {b}");
    }
    // What the table says is done: every kept choice is replaced by another variant's name.
    let rewritten = ["wide4", "reduce4", "tile4", "row4"]
        .iter()
        .fold(kept, |text, name| text.replace(&format!("\"{name}\""), "\"direct4\""));
    std::fs::write(table.file(), &rewritten).unwrap();
    assert_eq!(
        trained(&device.clone().with_tuning(Tuning::Keep(table))),
        trained(&device.with_tuning(Tuning::Off).with_variant("direct4"))
    );
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn again_times_anew_and_replaces_what_was_kept() {
    let device = gpu().with_traits(Traits::default());
    let folder = tempfile::tempdir().unwrap();
    let table = Table::new(folder.path().join("tuning.json"));
    trained(&device.clone().with_tuning(Tuning::Keep(table.clone())));
    let kept: Sections = serde_json::from_slice(&std::fs::read(table.file()).unwrap()).unwrap();
    let problems =
        |sections: &Sections| sections.values().flat_map(|s| s.keys().cloned()).collect::<Vec<_>>();
    assert!(problems(&kept).len() >= 3, "{kept:?}");
    // As if every choice had been made by a version whose variants are gone, and one for another problem.
    let mut old = kept.clone();
    for section in old.values_mut() {
        section.values_mut().for_each(|variant| *variant = "of-before".into());
        section.insert("another problem".into(), "stays".into());
    }
    std::fs::write(table.file(), serde_json::to_vec(&old).unwrap()).unwrap();
    trained(&device.with_tuning(Tuning::Again(table.clone())));
    let again: Sections = serde_json::from_slice(&std::fs::read(table.file()).unwrap()).unwrap();
    for section in again.values() {
        for (problem, variant) in section {
            assert_ne!(variant, "of-before", "{problem} was not timed anew");
            assert_eq!(problem == "another problem", variant == "stays", "{problem}: {variant}");
        }
    }
    assert_eq!(problems(&again), problems(&old));
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn timing_is_bounded_and_what_cannot_be_kept_is_not_used() {
    let device = gpu().with_traits(Traits::default());
    let folder = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let off = trained(&device.clone().with_tuning(Tuning::Off));
    let without = begin.elapsed();
    // A folder in the file's place: nothing can be written there.
    let blocked = Table::new(folder.path());
    let begin = Instant::now();
    assert_eq!(trained(&device.with_tuning(Tuning::Again(blocked))), off);
    // The last timing begins within the budget of 0.8 s and may have a shader to compile.
    let surplus = begin.elapsed().saturating_sub(without);
    assert!(surplus.as_secs_f64() < 5.0, "{surplus:?}");
}
