//! A kernel of your own, y = a·x, on CPU and GPU, and a check that both agree. Layers record it like those in `own_layer`.
//!
//! `cargo run --release --example own_kernel`

use autorot::extend::kernel::{Family, Grid, Lens, Slices};
use autorot::extend::{Real, check::KernelCheck, ports, shader, uniforms};
use autorot::{Device, Result};

uniforms!(ScaleUniforms { count: u32, factor: f32 });

ports! {
    struct ScalePorts {
        x: Read,
        y: Write,
    }
}

/// y = a·x.
#[derive(Debug)]
struct Scale {
    count: usize,
    factor: f32,
}

impl Family for Scale {
    const NAME: &'static str = "scale";
    type Ports = ScalePorts<Lens>;
    type Uniforms = ScaleUniforms;

    fn lens(&self) -> ScalePorts<Lens> {
        ScalePorts { x: self.count, y: self.count }
    }

    fn uniforms(&self) -> ScaleUniforms {
        ScaleUniforms { count: self.count as u32, factor: self.factor }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![shader::INDEX.to_owned(), include_str!("own_kernel.wgsl").to_owned()]
    }

    fn grid(&self, _variant: usize) -> Grid {
        shader::flat_grid(self.count, 64)
    }

    fn twin<T: Real>(&self, ScalePorts { x, y }: ScalePorts<Slices<'_, T>>) {
        let factor = T::of(self.factor.into());
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = factor * x);
    }
}

fn main() -> Result<()> {
    let device = Device::auto()?;
    for count in [1, 1000, 10_001] {
        KernelCheck::new(Scale { count, factor: 2.5 }).run(&device)?;
        println!("{}: {count} numbers, as the twin has them", device.name());
    }
    Ok(())
}
