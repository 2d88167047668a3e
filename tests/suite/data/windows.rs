//! Windows over time series, counted by hand.

use crate::files::says;
use autorot::data::{Conversion, Csv, Scaler, Table, Windows};
use autorot::*;

/// Steps with a number that tells them apart, and ten times it.
fn table(steps: usize) -> Table {
    Table::new(["x", "y"], (0..steps).map(|t| [t, 10 * t])).unwrap()
}

fn windows(length: usize) -> Windows {
    Windows::new(length).inputs(["x"]).targets(["y"])
}

fn values(data: &Dataset) -> (Vec<f32>, Vec<usize>) {
    match data.targets() {
        Targets::Values { values, shape } => (values.clone(), shape.clone()),
        Targets::Classes { .. } => panic!("values"),
    }
}

/// The windows' inputs, and their targets.
fn cut(windows: &Windows, steps: usize) -> (Vec<Vec<f32>>, Vec<f32>) {
    let data = windows.table(&table(steps)).unwrap();
    ((0..data.len()).map(|i| data.row(i).unwrap().to_vec()).collect(), values(&data).0)
}

#[test]
fn windows_and_their_targets_by_hand() {
    let plain = cut(&windows(3), 6);
    assert_eq!(plain.0, [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]);
    assert_eq!(plain.1, [30.0, 40.0, 50.0]);
    let ahead = cut(&windows(3).horizon(3), 6);
    assert_eq!((ahead.0, ahead.1), (vec![vec![0.0, 1.0, 2.0]], vec![50.0]));
    let same = cut(&windows(2).horizon(0), 3);
    assert_eq!((same.0, same.1), (vec![vec![0.0, 1.0], vec![1.0, 2.0]], vec![10.0, 20.0]));
    let strided = cut(&windows(2).sequence_stride(3), 9);
    assert_eq!(
        (strided.0, strided.1),
        (vec![vec![0.0, 1.0], vec![3.0, 4.0], vec![6.0, 7.0]], vec![20.0, 50.0, 80.0])
    );
    let sampled = cut(&windows(3).sampling_rate(2).horizon(2), 8);
    assert_eq!((sampled.0, sampled.1), (vec![vec![0.0, 2.0, 4.0], vec![1.0, 3.0, 5.0]], vec![60.0, 70.0]));
    // Every step up to the horizon, of two columns.
    let every = Windows::new(2).inputs(["y", "x"]).targets(["x", "y"]).horizon(2).every_step(true);
    let data = every.table(&table(5)).unwrap();
    assert_eq!(data.shape(), [2, 2]);
    assert_eq!(data.inputs(), [0.0, 0.0, 10.0, 1.0, 10.0, 1.0, 20.0, 2.0]);
    assert_eq!(values(&data), (vec![2.0, 20.0, 3.0, 30.0, 3.0, 30.0, 4.0, 40.0], vec![2, 2]));
}

#[test]
fn splits_in_time_share_no_step() {
    let table = table(40);
    let windows = Windows::new(4).inputs(["x"]).targets(["x"]).horizon(2);
    let Split { train, test } = windows.split(&table, 0.25).unwrap();
    // Of 30 steps, and of the last 10: each has 5 windows fewer.
    assert_eq!((train.len(), test.len()), (25, 5));
    let largest = |data: &Dataset| data.range().1.max(values(data).0.into_iter().fold(0.0, f32::max));
    assert_eq!((largest(&train), test.range().0, largest(&test)), (29.0, 30.0, 39.0));
    says(windows.split(&table, 0.1), &["windows", "4 rows"]);
    says(windows.split(&table, 1.0), &["share"]);
}

#[test]
fn no_window_crosses_from_one_series_into_another() {
    // Two places whose rows take turns, and a third that is too short.
    let row = |i: usize| [["north", "south"][i % 2].to_owned(), (i / 2 + 100 * (i % 2)).to_string()];
    let rows = (0..20).map(row).chain([["west".to_owned(), "7".to_owned()]]);
    let table = Table::new(["place", "x"], rows).unwrap();
    let windows = Windows::new(3).inputs(["x"]).targets(["x"]).groups("place");
    let data = windows.table(&table).unwrap();
    assert_eq!(data.len(), 14);
    for (i, &target) in values(&data).0.iter().enumerate() {
        assert_eq!(data.row(i).unwrap(), [target - 3.0, target - 2.0, target - 1.0]);
    }
    // The last fifth of each: two steps are too short for a window, four are not.
    says(windows.split(&table, 0.2), &["windows", "2 rows"]);
    let split = windows.split(&table, 0.4).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (6, 2));
    assert_eq!(values(&split.test).0, [9.0, 109.0]);
    let both = table.select(&(0..20).collect::<Vec<_>>()).unwrap();
    assert_eq!(windows.latest(&both).unwrap(), [7.0, 8.0, 9.0, 107.0, 108.0, 109.0]);
    says(windows.latest(&table), &["windows", "1 rows"]);
}

#[test]
fn windows_that_lack_a_value_are_left_out() {
    let rows = (0..10).map(|t| [if t == 4 { String::new() } else { t.to_string() }, (10 * t).to_string()]);
    let table = Table::new(["x", "y"], rows).unwrap();
    let data = windows(3).table(&table).unwrap();
    // Those that show step 4 are gone, and no other.
    assert_eq!(data.inputs(), [0.0, 1.0, 2.0, 1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 6.0, 7.0, 8.0]);
    assert_eq!(values(&data).0, [30.0, 40.0, 80.0, 90.0]);
    // A target that is missing, too.
    let own = Windows::new(3).inputs(["y"]).targets(["x"]).table(&table).unwrap();
    assert_eq!(values(&own).0, [3.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    says(windows(3).latest(&table.select(&[2, 3, 4]).unwrap()), &["row 4"]);
    says(windows(9).table(&table), &["missing value in every"]);
}

#[test]
fn series_in_memory_give_the_same_windows_and_take_classes() {
    let steps: Vec<f32> = (0..9).map(|t| t as f32).collect();
    let series = Dataset::values([1], steps.clone(), [1], steps.iter().map(|t| 10.0 * t).collect()).unwrap();
    for cut in [
        |w: Windows| w,
        |w: Windows| w.horizon(2).sequence_stride(2),
        |w: Windows| w.sampling_rate(3),
        |w: Windows| w.horizon(3).every_step(true),
    ] {
        let named = cut(windows(2)).table(&table(9)).unwrap();
        assert_eq!(cut(Windows::new(2)).series(&series).unwrap(), named);
    }
    let names = vec!["rest".to_owned(), "walk".to_owned()];
    let labels = vec![0, 0, 1, 1, 0, 1, 1, 0, 1];
    let moves = Dataset::classes([1], steps, labels, names.clone()).unwrap();
    let data = Windows::new(3).horizon(0).sequence_stride(2).series(&moves).unwrap();
    assert_eq!(*data.targets(), Targets::Classes { labels: vec![1, 0, 1, 1], steps: 1, names });
    says(Windows::new(3).every_step(true).series(&moves), &["every_step"]);
    says(windows(3).series(&series), &["named columns"]);
    let weighted = series.clone().with_weights(vec![1.0; 9]).unwrap();
    says(Windows::new(3).series(&weighted), &["weights"]);
    says(Windows::new(9).series(&series), &["9 rows"]);
}

#[test]
fn impossible_windows_are_refused() {
    for (windows, word) in [
        (windows(0), "sequence_length"),
        (windows(2).sequence_stride(0), "sequence_stride"),
        (windows(2).sampling_rate(0), "sampling_rate"),
        (windows(2).horizon(0).every_step(true), "horizon"),
        (Windows::new(2).inputs(["x"]), "no targets"),
        (Windows::new(2).targets(["x"]), "no inputs"),
        (windows(2).inputs(["z"]), "\"z\""),
        (windows(2).groups("z"), "\"z\""),
        (windows(usize::MAX).sampling_rate(usize::MAX), "windows"),
        (windows(2).horizon(usize::MAX), "windows"),
    ] {
        says(windows.table(&table(9)), &[word]);
    }
    let words = Table::new(["x", "y"], [["1", "2"], ["many", "3"]]).unwrap();
    says(windows(1).table(&words), &["many", "finite number"]);
}

#[test]
fn every_column_keeps_its_own_unit() {
    // Pressures of about 100,000 and humidities below 1; the humidity follows the pressure two steps later.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weather.csv");
    let pressure = |t: usize| 100_000.0 + 500.0 * (t as f64 * 0.4).sin() + 300.0 * (t as f64 * 0.23).cos();
    let humidity = |t: usize| 0.5 + (pressure(t.saturating_sub(2)) - 100_000.0) / 4000.0;
    let rows: String = (0..300).map(|t| format!("{:.1};{:.4}\n", pressure(t), humidity(t))).collect();
    std::fs::write(&path, format!("pressure;humidity\n{rows}")).unwrap();
    let table = Csv::open(&path).table().unwrap();
    let windows = Windows::new(6).inputs(["pressure", "humidity"]).targets(["humidity", "pressure"]);
    let raw = windows.split(&table, 0.2).unwrap();
    let scalers = [Scaler::standard(&raw.train), Scaler::standard_targets(&raw.train).unwrap()];
    let scaled =
        |data: &Dataset| scalers.iter().fold(data.clone(), |data, scaler| scaler.apply(&data).unwrap());
    let train = scaled(&raw.train);
    for column in 0..2 {
        let all: Vec<f32> = train.inputs().iter().skip(column).step_by(2).copied().collect();
        let mean = all.iter().sum::<f32>() / all.len() as f32;
        let square = all.iter().map(|v| v * v).sum::<f32>() / all.len() as f32;
        assert!(mean.abs() < 1e-4 && (square - 1.0).abs() < 1e-3, "column {column}: {mean}, {square}");
    }
    let hidden = Dense::new(12).activation(Activation::Tanh).auto_rotate(AutoRotate::new());
    let net = Sequential::for_data(&train).add(Flatten).add(hidden).add(Dense::new(2));
    let mut model = net.build(&Device::cpu(), 1).unwrap();
    let adam = Adam { learning_rate: 0.01.into(), ..Adam::default() };
    let mut trainer = Trainer::new(adam, Loss::MeanSquaredError).epochs(60).progress(false);
    trainer.fit(&mut model, &train, None).unwrap();
    model.set_conversion(Conversion::scalers(scalers).unwrap()).unwrap();
    let file = folder.path().join("weather.safetensors");
    model.save(&file).unwrap();
    let mut model = Model::load(&file, &Device::cpu()).unwrap();
    let answers = model.predict_rows(raw.test.inputs()).unwrap();
    let (truth, _) = values(&raw.test);
    for (row, wanted) in truth.chunks_exact(2).enumerate() {
        let found = answers.row(row).unwrap();
        assert!((found[0] - f64::from(wanted[0])).abs() < 0.05, "{found:?}, {wanted:?}");
        assert!((found[1] - f64::from(wanted[1])).abs() < 200.0, "{found:?}, {wanted:?}");
    }
    // Beyond the last row.
    let next = model.predict_rows(&windows.latest(&table).unwrap()[..]).unwrap();
    assert!(
        (next.values()[0] - humidity(300)).abs() < 0.05 && (next.values()[1] - pressure(300)).abs() < 200.0
    );
}
