//! Learning rates over time, against Keras and by hand; `tests/golden/training.json`.

use crate::common::{Tolerance, assert_close};
use crate::files::says;
use crate::golden::golden;
use crate::keras::number;
use autorot::Schedule;
use serde_json::Value;

#[test]
fn schedules_agree_with_keras() {
    let all: Value = golden("training.json");
    let cases = all["schedules"].as_array().unwrap();
    assert!(cases.len() >= 4);
    for case in cases {
        let settings = &case["settings"];
        let get = |key: &str| number(settings, key);
        let initial = get("initial_learning_rate").unwrap_or_default();
        let span = get("decay_steps").or(get("first_decay_steps")).unwrap_or_default() as u64;
        let schedule = match case["schedule"].as_str().unwrap() {
            "cosine_decay" => Schedule::Cosine {
                peak: get("warmup_target").unwrap_or(initial),
                updates: span,
                floor: get("alpha").unwrap(),
                warm_up: get("warmup_steps").unwrap_or(0.0) as u64,
                start: initial,
            },
            "polynomial_decay" => {
                let (end, power) = (get("end_learning_rate").unwrap(), get("power").unwrap());
                Schedule::Polynomial { initial, end, updates: span, power }
            }
            "cosine_decay_restarts" => Schedule::CosineRestarts {
                peak: initial,
                updates: span,
                stretch: get("t_mul").unwrap(),
                factor: get("m_mul").unwrap(),
                floor: get("alpha").unwrap(),
            },
            "exponential_decay" if settings["staircase"] == false => {
                Schedule::Exponential { initial, every: span, factor: get("decay_rate").unwrap() }
            }
            "exponential_decay" => {
                Schedule::Step { initial, every: span, factor: get("decay_rate").unwrap() }
            }
            "piecewise_constant_decay" => Schedule::Piecewise {
                boundaries: serde_json::from_value(settings["boundaries"].clone()).unwrap(),
                values: serde_json::from_value(settings["values"].clone()).unwrap(),
            },
            other => panic!("no schedule {other}"),
        };
        schedule.check().unwrap();
        let steps = case["steps"].as_array().unwrap().iter().map(|s| s.as_u64().unwrap());
        let found: Vec<f64> = steps.map(|s| schedule.rate(s)).collect();
        let wanted: Vec<f64> =
            case["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        assert_close(case["name"].as_str().unwrap(), &found, &wanted, Tolerance::new(1e-8, 1e-5));
    }
    let warm_up = Schedule::WarmUp { start: 0.0, rate: 0.1, updates: 4 };
    assert_eq!([0, 2, 4, 9].map(|u| warm_up.rate(u)), [0.0, 0.05, 0.1, 0.1]);
    // By hand: half a cosine up over 4 updates, down over 8.
    let cycle = Schedule::OneCycle { peak: 0.9, updates: 12, warm_up: 4, start: 0.1, end: 0.0 };
    cycle.check().unwrap();
    let found: Vec<f64> = [0, 2, 4, 8, 12, 20].map(|u| cycle.rate(u)).into();
    assert_close("one cycle", &found, &[0.1, 0.5, 0.9, 0.45, 0.0, 0.0], Tolerance::new(1e-12, 1e-12));
}

#[test]
fn piecewise_schedules_need_a_value_more_than_ascending_boundaries() {
    let schedule = |boundaries: &[u64], values: &[f64]| Schedule::Piecewise {
        boundaries: boundaries.into(),
        values: values.into(),
    };
    assert!(schedule(&[], &[0.1]).check().is_ok() && schedule(&[3, 4], &[0.1, 0.0, 0.2]).check().is_ok());
    let wrong = [
        schedule(&[], &[]),
        schedule(&[3], &[0.1]),
        schedule(&[3], &[0.1, 0.2, 0.3]),
        schedule(&[4, 3], &[0.1, 0.2, 0.3]),
        schedule(&[3, 3], &[0.1, 0.2, 0.3]),
        schedule(&[3], &[0.1, -0.1]),
        schedule(&[3], &[0.1, f64::INFINITY]),
    ];
    wrong.iter().for_each(|schedule| says(schedule.check(), &["learning rate", "boundaries"]));
    let text = serde_json::to_string(&schedule(&[3], &[0.5, 0.25])).unwrap();
    assert_eq!(text, r#"{"piecewise":{"boundaries":[3],"values":[0.5,0.25]}}"#);
    assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), schedule(&[3], &[0.5, 0.25]));
}
