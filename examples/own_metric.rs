//! Metrics of your own: the share of predictions within a distance of the target, and the root mean squared error.
//!
//! `cargo run --release --example own_metric`

use autorot::extend::{LossViews, Measure, Pointwise, Real, Recorder, SquaredError, check, record_mean};
use autorot::{Adam, Dataset, Dense, Device, Loss, Metric, Result, Sequential, Trainer};

/// 1 if x is within a distance of t, else 0; the metric is the mean over all outputs.
#[derive(Clone, Copy, Debug)]
struct Within(f32);

impl Pointwise for Within {
    fn name(&self) -> String {
        format!("within_{}", self.0)
    }

    fn value<T: Real>(&self, x: T, t: T) -> T {
        if (x - t).abs() < T::of(self.0.into()) { T::one() } else { T::zero() }
    }

    fn derivative<T: Real>(&self, _x: T, _t: T) -> T {
        T::zero()
    }

    fn wgsl(&self) -> [String; 2] {
        [format!("select(0.0, 1.0, abs(x - t) < {:?})", self.0), "0.0".to_owned()]
    }
}

/// The root mean squared error: GPU kernels sum the squares, and the host takes the root at the end.
#[derive(Debug)]
struct RootMeanSquare;

impl Measure for RootMeanSquare {
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

fn main() -> Result<()> {
    let device = Device::auto()?;
    check::pointwise(Within(0.1), &device)?;
    let x: Vec<f32> = (0..400).map(|i| i as f32 / 400.0).collect();
    let data = Dataset::values([1], x.clone(), [1], x.iter().map(|x| 3.0 * x - 1.0).collect())?;
    let mut model = Sequential::for_data(&data).add(Dense::new(1)).build(&device, 1)?;
    let adam = Adam { learning_rate: 0.05.into(), ..Adam::default() };
    let trainer = Trainer::new(adam, Loss::MeanSquaredError).epochs(40).progress(false);
    let mut trainer = trainer.metric(Metric::own(RootMeanSquare)).metric(Metric::mean_of(Within(0.1)));
    let history = trainer.fit(&mut model, &data, None)?;
    println!("{}: {}: {:.4?}", device.name(), history.metrics.join(", "), history.epochs[39].train_metrics);
    Ok(())
}
