//! How critical auto-rotation is set, and how its weights start by gates and groups.

use super::sigmoid_dense;
use autorot::*;

#[test]
fn settings_that_name_the_rule_mean_all_of_it() {
    let read = |text: &str| serde_json::from_str::<AutoRotate>(text).unwrap();
    assert_eq!(read(r#"{"rule": "critical"}"#), AutoRotate::critical());
    assert_eq!(read(r#"{"rule": "critical", "norm": null}"#), AutoRotate::critical().norm(None));
    assert_eq!(read(r#"{"rule": "critical", "decay": true}"#), AutoRotate::critical().decay(true));
    assert_eq!(read(r#"{"rule": "aligned"}"#), AutoRotate::new().rule(Rule::Aligned));
    assert_eq!(read("{}"), AutoRotate::new());
    let critical = AutoRotate::critical;
    for rotate in
        [AutoRotate::new(), critical(), critical().norm(None).learn_l(LearnL::Fixed), critical().norm(2.0)]
    {
        assert_eq!(read(&serde_json::to_string(&rotate).unwrap()), rotate);
    }
    // What only the critical rule has is refused with another.
    let new = AutoRotate::new;
    let frame = Frame { centre: 0.0, deviation: 1.0 };
    for (rotate, name) in [
        (new().delta(0.1), "delta"),
        (new().frame(frame), "frame"),
        (new().norm(2.0), "norm"),
        (new().decay(false), "decay"),
    ] {
        let net = Sequential::new([3]).input_range(0.0, 1.0).add(sigmoid_dense(rotate));
        let error = net.network(0).unwrap_err().to_string();
        assert!(error.contains("0.dense") && error.contains(name) && error.contains("critical"), "{error}");
    }
    // A range of a layer's own is a frame, too, in which values spread evenly over it have the deviation √δ.
    let net =
        Sequential::new([3]).add(sigmoid_dense(AutoRotate::critical().limits(0.0, 6.0))).network(0).unwrap();
    let found = net.nodes()[0].facts().frame.unwrap();
    assert!((found.centre - 3.0).abs() < 1e-6 && (found.deviation - 30f32.sqrt()).abs() < 1e-5, "{found:?}");
}

#[test]
fn every_gate_and_every_group_starts_orthogonal() {
    let kernel = |net: Sequential| {
        let network = net.network(4).unwrap();
        let kernel = network.arena().parameters().iter().find(|p| p.kernel.is_some()).unwrap();
        network.arena().initial()[kernel.range()].to_vec()
    };
    let rotate = AutoRotate::critical;
    let of_gates = kernel(Sequential::new([3, 8]).add(Lstm::new(4).auto_rotate(rotate())));
    let of_groups = kernel(Sequential::new([5, 16]).add(Conv1d::new(8, 1).groups(2).auto_rotate(rotate())));
    // Eight rows of four gates with four columns each, and of two groups.
    for (w, columns) in [(of_gates, 16), (of_groups, 8)] {
        for block in (0..columns).step_by(4) {
            for (a, b) in (0..4).flat_map(|a| (0..4).map(move |b| (a, b))) {
                let column = |n: usize| w.iter().skip(block + n).step_by(columns).map(|&w| f64::from(w));
                let product: f64 = column(a).zip(column(b)).map(|(a, b)| a * b).sum();
                let wanted = if a == b { 1.0 } else { 0.0 };
                assert!((product - wanted).abs() < 1e-4, "columns {a} and {b} of {block}: {product}");
            }
        }
    }
}
