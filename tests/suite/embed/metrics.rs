//! What learners tell of metrics of users' own.

use super::Host;
use crate::nets;
use autorot::embed::Learner;
use autorot::extend::{LossViews, Measure, Recorder, SquaredError, record_mean};
use autorot::{Loss, Metric, Sgd, Trainer, wgpu};

/// The root of the mean squared error: not the mean of its column.
#[derive(Debug)]
struct Root;

impl Measure for Root {
    fn name(&self) -> String {
        "rmse".to_owned()
    }

    fn record(&self, rec: &mut Recorder<'_>, views: LossViews, column: usize) {
        record_mean(rec, SquaredError, views, column);
    }

    fn value(&self, sums: &[f64], count: f64) -> f64 {
        (sums[0] / count).sqrt()
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_metric_of_ones_own_has_its_value() {
    let (host, data) = (Host::open(wgpu::Features::empty()), nets::waves(40));
    let mut model = nets::wave_model(&host.autorot());
    let trainer = Trainer::new(Sgd::default(), Loss::MeanSquaredError).metric(Metric::own(Root)).batch(40);
    let mut learner = Learner::new(&trainer, &mut model, &data).unwrap();
    let mut encoder = host.encoder();
    learner.encode(&mut model, &mut encoder, 1).unwrap();
    host.submit(encoder);
    host.wait();
    let told = learner.poll(&mut model).unwrap().unwrap();
    assert!((told.metrics[0] - told.loss.sqrt()).abs() < 1e-6, "{told:?}");
}
