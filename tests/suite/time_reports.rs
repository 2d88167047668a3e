//! What reports tell of recurrent layers: gradients over the time steps of padded sequences.

use crate::common::devices;
use crate::nets::trainer;
use autorot::data::PadSequences;
use autorot::{AutoRotate, Dataset, Dense, Gru, Lstm, Masking, Recurrent, Sequential, SimpleRnn};

const STEPS: usize = 8;

/// Sequences of two features, of 5 to 8 steps unless `whole`.
fn data(whole: bool) -> Dataset {
    let sequence = |i: usize| -> Vec<f32> {
        let steps = if whole { STEPS } else { STEPS - i % 4 };
        (0..2 * steps).map(|k| ((i * 31 + k * 17) % 23) as f32 / 23.0).collect()
    };
    let sequences: Vec<_> = (0..12).map(sequence).collect();
    let labels = (0..12).map(|i| i % 4).collect();
    let names = ["a", "b", "c", "d"].map(String::from).to_vec();
    PadSequences::new(2, -1.0).steps(STEPS).classes(&sequences, labels, names).unwrap()
}

fn gradients(layer: Recurrent, data: &Dataset, device: &autorot::Device) -> Vec<f64> {
    let mut model = Sequential::for_data(data)
        .add(Masking::new(-1.0))
        .add(layer)
        .add(Dense::new(4))
        .build(device, 3)
        .unwrap();
    let reports = trainer(autorot::Adam::default()).inspect(&mut model, data, data.len()).unwrap();
    assert!(reports[1].gradient_by_step.is_none(), "{:?}", reports[1]);
    reports[0].gradient_by_step.clone().unwrap()
}

#[test]
fn reports_tell_of_gradients_over_time() {
    for device in devices() {
        for layer in [SimpleRnn::new(5), Lstm::new(5), Gru::new(5).auto_rotate(AutoRotate::new())] {
            let all = gradients(layer.clone(), &data(true), &device);
            assert_eq!(all.len(), STEPS);
            assert!(all.iter().all(|&g| g > 0.0 && g < 1.0), "{all:?}");
            // Cut, the last three steps of the course get what they get otherwise, and the others nothing: by the
            // time of the input, in whatever direction the layer goes.
            let cut = gradients(layer.clone().truncate(5), &data(true), &device);
            assert_eq!((&cut[5..], &cut[..5]), (&all[5..], &[0.0; 5][..]));
            let back = gradients(layer.truncate(5).go_backwards(true), &data(true), &device);
            assert!(back[..3].iter().all(|&g| g > 0.0) && back[3..] == [0.0; 5], "{back:?}");
        }
    }
}

#[test]
fn masked_steps_have_no_gradients() {
    let data = data(false);
    // Of rows all of which have five steps, the last three count for nothing.
    let short = data.select(&[3, 7, 11]).unwrap();
    for device in devices() {
        let found = gradients(Gru::new(5), &short, &device);
        assert!(found[..5].iter().all(|&g| g > 0.0) && found[5..] == [0.0; 3], "{found:?}");
        let found = gradients(Gru::new(5), &data, &device);
        assert!(found.iter().all(|&g| g > 0.0), "{found:?}");
    }
}
