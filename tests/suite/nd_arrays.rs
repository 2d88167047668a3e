//! Arrays of the crate `ndarray` in and out, against the same numbers in slices.

use autorot::model::Tensor;
use autorot::ndarray::{Array, Array1, Array2, Array3, Axis, s};
use autorot::{Conv1d, Dataset, Dense, Device, Flatten, Sequential, Targets};

#[test]
fn arrays_become_data_sets_in_any_layout() {
    let inputs =
        Array::from_shape_fn((3, 2, 4), |(row, t, f)| 100.0 * row as f64 + 10.0 * t as f64 + f as f64);
    let targets = Array::from_shape_fn((3, 2), |(row, k)| (2 * row + k) as f32);
    let data = Dataset::from_ndarray(&inputs, &targets).unwrap();
    assert_eq!((data.len(), data.shape()), (3, &[2, 4][..]));
    assert_eq!(data.row(1).unwrap(), [100.0, 101.0, 102.0, 103.0, 110.0, 111.0, 112.0, 113.0]);
    let values: Vec<f32> = (0..6).map(|v| v as f32).collect();
    assert_eq!(*data.targets(), Targets::Values { shape: vec![2], values });
    assert_eq!(data.inputs_ndarray().unwrap().mapv(f64::from), inputs.clone().into_dyn());
    // The same through views that are neither contiguous nor row-major.
    let wide = Array::from_shape_fn(
        (4, 2, 6),
        |(f, t, row)| if row % 2 == 0 { inputs[[row / 2, t, f]] } else { -1.0 },
    );
    let turned = wide.slice(s![.., .., ..;2]).reversed_axes();
    assert!(!turned.is_standard_layout());
    assert_eq!(Dataset::from_ndarray(&turned, &targets.view()).unwrap(), data);
    // One value per row.
    let single = Dataset::from_ndarray(&inputs, &targets.column(1)).unwrap();
    assert_eq!(*single.targets(), Targets::Values { shape: vec![1], values: vec![1.0, 3.0, 5.0] });
}

#[test]
fn double_precision_is_kept_for_scalers() {
    let times = Array2::from_shape_fn((4, 1), |(i, _)| 1_700_000_000.0 + 10.0 * i as f64);
    let data = Dataset::from_ndarray(&times, &Array1::<f32>::zeros(4)).unwrap();
    let scaled = autorot::data::Scaler::min_max(&data, 0.0, 3.0).unwrap().apply(&data).unwrap();
    assert_eq!(scaled.inputs(), [0.0, 1.0, 2.0, 3.0]);
}

#[test]
fn labels_are_per_row_or_per_step() {
    let inputs = Array3::<f32>::zeros((2, 3, 1));
    let names = || vec!["a".to_owned(), "b".to_owned()];
    let rows = Dataset::classes_from_ndarray(&inputs, &Array1::from(vec![1, 0]), names()).unwrap();
    assert_eq!(*rows.targets(), Targets::Classes { labels: vec![1, 0], steps: 1, names: names() });
    let labels = Array2::from_shape_vec((2, 3), vec![0, 1, 1, 0, 0, 1]).unwrap();
    let steps = Dataset::classes_from_ndarray(&inputs, &labels, names()).unwrap();
    assert_eq!(
        *steps.targets(),
        Targets::Classes { labels: vec![0, 1, 1, 0, 0, 1], steps: 3, names: names() }
    );
    for shape in [(2, 2), (2, 4)] {
        let error = Dataset::classes_from_ndarray(&inputs, &Array2::zeros(shape), names()).unwrap_err();
        assert!(error.to_string().contains("[rows, T]"), "{error}");
    }
    let error = Dataset::classes_from_ndarray(&inputs, &Array1::from(vec![0, 2]), names()).unwrap_err();
    assert!(error.to_string().contains("label 2"), "{error}");
}

#[test]
fn arrays_that_do_not_fit_are_refused() {
    for (rows, others) in [(3, 2), (0, 0)] {
        let error = Dataset::from_ndarray(&Array2::<f32>::zeros((rows, 2)), &Array1::<f32>::zeros(others));
        assert!(error.unwrap_err().to_string().contains("same number of rows"));
    }
    let one = Array::from_elem((), 1.0f32);
    assert!(Dataset::from_ndarray(&one, &one).is_err());
    let bad = Array2::from_elem((2, 2), f64::NAN);
    assert!(Dataset::from_ndarray(&bad, &Array1::<f32>::zeros(2)).unwrap_err().to_string().contains("NaN"));
}

#[test]
fn predictions_and_weights_are_arrays() {
    let net = Sequential::new([5, 2]).add(Conv1d::new(3, 2)).add(Flatten).add(Dense::new(4));
    let mut model = net.build(&Device::cpu(), 1).unwrap();
    let x = Array::from_shape_fn((2, 5, 3), |(f, t, row)| (f + 2 * t) as f32 * 0.1 - row as f32);
    let rows = x.view().reversed_axes();
    let outputs = model.predict_ndarray(&rows).unwrap();
    assert_eq!(outputs.shape(), [3, 4]);
    let flat: Vec<f32> = rows.iter().copied().collect();
    let wanted = model.predict(&flat).unwrap();
    assert_eq!(outputs.iter().copied().collect::<Vec<_>>(), wanted);
    assert_eq!(outputs.index_axis(Axis(0), 1).as_slice().unwrap(), &wanted[4..8]);
    let answers = model.predict_rows(&flat[..]).unwrap();
    assert_eq!(answers.to_ndarray().unwrap()[[2, 3]], f64::from(wanted[11]));
    for wrong in [model.predict_ndarray(&rows.index_axis(Axis(0), 0)), model.predict_ndarray(&x)] {
        assert!(wrong.unwrap_err().to_string().contains("rows of shape [5, 2]"));
    }
    let mut weights = model.weights().unwrap();
    let kernel = weights["0.conv1d.kernel"].to_ndarray().unwrap();
    assert_eq!(kernel.shape(), [2, 2, 3]);
    assert_eq!(kernel[[1, 0, 2]], weights["0.conv1d.kernel"].values[8]);
    weights.insert("0.conv1d.kernel", Tensor::from_ndarray(&(2.0 * &kernel)));
    model.set_weights(&weights).unwrap();
    assert_eq!(model.weights().unwrap()["0.conv1d.kernel"].values[8], 2.0 * kernel[[1, 0, 2]]);
    assert!(Tensor { shape: vec![2], values: vec![0.0f32; 3] }.to_ndarray().is_err());
}
