//! A layer of your own from existing kernels: y = x ⊙ x (one with parameters: docs::adding).
//! `cargo run --release --example own_layer`

use autorot::extend::kernel::{Merge, MergeMode, MergePorts};
use autorot::extend::{Layer, Node, Recorder, Scope, Signal, Trace, View, check};
use autorot::{Adam, Dataset, Dense, Device, Loss, Result, Sequential, Trainer};

#[derive(Clone, Copy, Debug)]
struct Square;

impl Layer for Square {
    fn kind(&self) -> &'static str {
        "square"
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let output = Signal { range: None, ..input.clone() };
        Ok(Box::new(SquareNode { path: scope.path().to_owned(), output }))
    }
}

#[derive(Debug)]
struct SquareNode {
    path: String,
    output: Signal,
}

impl Node for SquareNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, x: View) -> Trace {
        let y = rec.scratch(x.len);
        rec.op(Merge { mode: MergeMode::Mul, rows: 1, features: x.len }, MergePorts { a: x, b: x, y });
        Trace::new(x, y)
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, _need_d_x: bool) -> Option<View> {
        let (half, d_x, features) = (rec.scratch(d_y.len), rec.scratch(d_y.len), d_y.len);
        let ports = MergePorts { a: trace.input, b: d_y, y: half };
        rec.op(Merge { mode: MergeMode::Mul, rows: 1, features }, ports);
        rec.op(Merge { mode: MergeMode::Sum, rows: 1, features }, MergePorts { a: half, b: half, y: d_x });
        Some(d_x)
    }
}

fn main() -> Result<()> {
    let device = Device::auto()?;
    check::layer(Square, &[5], &device)?;
    let x: Vec<f32> = (0..400).map(|i| i as f32 / 200.0 - 1.0).collect();
    let data = Dataset::values([1], x.clone(), [1], x.iter().map(|x| x * x - 0.3 * x).collect())?;
    let net = Sequential::for_data(&data).add(Dense::new(4)).add(Square).add(Dense::new(1));
    let (mut model, adam) = (net.build(&device, 1)?, Adam { learning_rate: 0.02.into(), ..Adam::default() });
    let mut trainer = Trainer::new(adam, Loss::MeanSquaredError).epochs(100).batch(50).progress(false);
    println!("{}: loss {:.1e}", device.name(), trainer.fit(&mut model, &data, None)?.epochs[99].train_loss);
    Ok(())
}
