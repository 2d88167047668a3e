//! Metrics counted by hand: ties as Keras counts them, and binary accuracy.

use crate::common::devices;
use crate::keras::LossCase;
use autorot::Metric;

/// Rows, the class of each, and which of them are right.
type Table<'a> = [(&'a [f64], usize, bool)];

#[track_caller]
fn counted(metric: Metric, table: &Table<'_>) {
    let outputs = table[0].0.len();
    for device in devices() {
        // Row by row, so that no two faults cancel; then all at once.
        for (predictions, class, right) in table {
            let case = LossCase::new(outputs, predictions.to_vec(), vec![*class as f64]);
            let wanted = f64::from(u8::from(*right));
            let top: Vec<f64> = predictions.iter().copied().take(6).collect();
            assert_eq!(
                case.metric(&device, metric.clone()),
                wanted,
                "{metric:?}: class {class} of {top:?} on {}",
                device.name()
            );
        }
        let all = table.iter().flat_map(|row| row.0.to_vec()).collect();
        let case = LossCase::new(outputs, all, table.iter().map(|row| row.1 as f64).collect());
        let right = table.iter().filter(|row| row.2).count() as f64;
        let found = case.metric(&device, metric.clone()) * table.len() as f64;
        assert!(
            (found - right).abs() < 1e-4,
            "{metric:?}: {found} right ones of {}, not {right}",
            table.len()
        );
    }
}

/// As many outputs as no single invocation counts, in pieces of 4,096: 0 but for these places.
fn long(places: &[(usize, f64)]) -> Vec<f64> {
    let mut row = vec![0.0; 9000];
    places.iter().for_each(|&(place, value)| row[place] = value);
    row
}

#[test]
fn of_equal_outputs_the_first_is_the_prediction() {
    // argmax gives the first of equal ones, and Keras' accuracy compares with that alone.
    counted(
        Metric::Accuracy,
        &[
            (&[0.5, 2.0, 2.0, -1.0], 1, true),
            (&[0.5, 2.0, 2.0, -1.0], 2, false),
            (&[3.0, 3.0, 3.0, 3.0], 0, true),
            (&[3.0, 3.0, 3.0, 3.0], 3, false),
            (&[-1.0, -4.0, -2.0, -1.0], 3, false),
            (&[-1.0, -4.0, -2.0, -1.0], 0, true),
            (&[0.0, 0.25, 0.5, 1.0], 3, true),
        ],
    );
    let (apart, within) = (long(&[(10, 2.0), (5000, 2.0)]), long(&[(8500, 1.5), (8600, 1.5)]));
    counted(
        Metric::Accuracy,
        &[
            (&apart, 10, true),
            (&apart, 5000, false),
            (&within, 8500, true),
            (&within, 8600, false),
            (&within, 0, false),
        ],
    );
}

#[test]
fn all_that_equal_the_last_of_the_top_are_in_it() {
    // in_top_k: "if multiple classes have the same prediction value and straddle the top-k boundary, all of those classes are
    // considered to be in the top k".
    let rows = [[3.0, 2.0, 2.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0], [5.0, 5.0, 4.0, 4.0, 4.0]];
    counted(
        Metric::TopK { k: 2 },
        &[
            (&rows[0], 0, true),
            (&rows[0], 1, true),
            (&rows[0], 2, true),
            (&rows[0], 3, true),
            (&rows[0], 4, false),
            (&rows[1], 4, true),
            (&rows[2], 1, true),
            (&rows[2], 2, false),
        ],
    );
    counted(Metric::TopK { k: 3 }, &[(&rows[2], 4, true), (&rows[0], 4, false)]);
    let row = long(&[(1, 3.0), (4095, 2.0), (4096, 2.0), (8999, 1.0)]);
    counted(
        Metric::TopK { k: 2 },
        &[(&row, 1, true), (&row, 4095, true), (&row, 4096, true), (&row, 8999, false), (&row, 0, false)],
    );
    counted(Metric::TopK { k: 4 }, &[(&row, 8999, true), (&row, 0, false)]);
}

#[test]
fn binary_accuracy_is_the_share_of_decisions_that_are_right() {
    // Keras' BinaryAccuracy: a prediction above the threshold says yes, one at the threshold says no.
    let logits = [2.0, -1.0, 0.0, 0.25, 0.5, 0.75, -3.0, 1e-6];
    let targets = [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0];
    for device in devices() {
        let case = |outputs| LossCase::new(outputs, logits.to_vec(), targets.to_vec());
        for outputs in [1, 2, 8] {
            let share = |threshold| case(outputs).metric(&device, Metric::BinaryAccuracy { threshold });
            // Above 0: yes no no yes yes yes no yes, of which five are right.
            let right = |found: f64, wanted: f64| {
                assert!((8.0 * found - wanted).abs() < 1e-5, "{found} for {wanted}/8")
            };
            right(share(0.0), 5.0);
            // Above 0.5: yes no no no no yes no no, of which four are.
            right(share(0.5), 4.0);
            // Above −2: yes yes yes yes yes yes no yes, of which seven are.
            right(share(-2.0), 7.0);
        }
        // Rows so long that they are counted in pieces: every third of 9,000 is at the threshold, and wrong.
        let outputs = 9000;
        let predictions = (0..outputs).map(|i| if i % 3 == 0 { 0.0 } else { 1.0 }).collect();
        let case = LossCase::new(outputs, predictions, vec![1.0; outputs]);
        let found = case.metric(&device, Metric::BinaryAccuracy { threshold: 0.0 });
        assert!((found - 2.0 / 3.0).abs() < 1e-6, "{found} on {}", device.name());
    }
}
