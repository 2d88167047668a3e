//! A loss of your own: the pinball loss, with which a network learns a quantile instead of the mean.
//!
//! `cargo run --release --example own_loss`

use autorot::extend::{Pointwise, Real, check};
use autorot::{Activation, Adam, Dataset, Dense, Device, Error, Result, Sequential, Trainer};

/// q·(t − x) where x is below t, else (1 − q)·(x − t).
#[derive(Clone, Copy, Debug)]
struct Pinball {
    q: f32,
}

impl Pointwise for Pinball {
    fn name(&self) -> String {
        format!("pinball_{}", self.q)
    }

    fn value<T: Real>(&self, x: T, t: T) -> T {
        let q = T::of(self.q.into());
        if x < t { q * (t - x) } else { (T::one() - q) * (x - t) }
    }

    fn derivative<T: Real>(&self, x: T, t: T) -> T {
        let q = T::of(self.q.into());
        if x < t { -q } else { T::one() - q }
    }

    fn wgsl(&self) -> [String; 2] {
        let q = format!("{:?}", self.q);
        [format!("max({q} * (t - x), ({q} - 1.0) * (t - x))"), format!("select(1.0 - {q}, -{q}, x < t)")]
    }

    fn check(&self) -> Result<()> {
        if self.q > 0.0 && self.q < 1.0 {
            return Ok(());
        }
        Err(Error::invalid("pinball", self.q, "a q between 0 and 1", "use q = 0.5"))
    }
}

fn main() -> Result<()> {
    let device = Device::auto()?;
    check::pointwise(Pinball { q: 0.9 }, &device)?;
    // t is uniform between 0 and x: its q-quantile is q·x.
    let x: Vec<f32> = (0..2000).map(|i| (i % 50) as f32 / 50.0).collect();
    let values = x.iter().enumerate().map(|(i, x)| x * ((i / 50) as f32 + 0.5) / 40.0).collect();
    let data = Dataset::values([1], x, [1], values)?;
    for q in [0.5, 0.9] {
        let hidden = Dense::new(16).activation(Activation::Tanh);
        let mut model = Sequential::for_data(&data).add(hidden).add(Dense::new(1)).build(&device, 1)?;
        let adam = Adam { learning_rate: 0.01.into(), ..Adam::default() };
        Trainer::new(adam, Pinball { q }).epochs(40).progress(false).fit(&mut model, &data, None)?;
        let (found, wanted) = (model.predict(&[0.8])?[0], 0.8 * q);
        println!("{}: quantile {q} at x = 0.8: {found:.2}, expected {wanted:.2}", device.name());
    }
    Ok(())
}
