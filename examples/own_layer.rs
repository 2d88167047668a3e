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
        Ok(Box::new(SquareNode(scope.path().to_owned(), Signal { range: None, ..input.clone() })))
    }
}

/// Its path and its output.
#[derive(Debug)]
struct SquareNode(String, Signal);

impl Node for SquareNode {
    fn path(&self) -> &str {
        &self.0
    }

    fn output(&self) -> &Signal {
        &self.1
    }

    fn forward(&self, rec: &mut Recorder<'_>, x: View) -> Trace {
        let (y, n) = (rec.scratch(x.len), x.len);
        rec.op(Merge { mode: MergeMode::Mul, rows: 1, features: n, second: n }, MergePorts { a: x, b: x, y });
        Trace::new(x, y)
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, _need_d_x: bool) -> Option<View> {
        let (half, d_x) = (rec.scratch(d_y.len), rec.scratch(d_y.len));
        let merge = |mode| Merge { mode, rows: 1, features: d_y.len, second: d_y.len };
        rec.op(merge(MergeMode::Mul), MergePorts { a: trace.input, b: d_y, y: half });
        rec.op(merge(MergeMode::Sum), MergePorts { a: half, b: half, y: d_x });
        Some(d_x)
    }
}

fn main() -> Result<()> {
    let device = Device::auto()?;
    check::layer(Square, &[5], &device)?;
    let x: Vec<f32> = (0..400).map(|i| i as f32 / 200.0 - 1.0).collect();
    let data = Dataset::values([1], x.clone(), [1], x.iter().map(|x| x * x - 0.3 * x).collect())?;
    let net = Sequential::for_data(&data).add(Dense::new(4)).add(Square).add(Dense::new(1));
    let mut model = net.build(&device, 1)?;
    let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).epochs(300).batch(20);
    let history = trainer.progress(false).fit(&mut model, &data, None)?;
    println!("{}: loss {:.1e}", device.name(), history.epochs[299].train_loss);
    Ok(())
}
