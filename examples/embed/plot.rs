//! The plot: one unit of the first layer, as in the poster "Auto-Rotating Neural Networks". Its pre-activation f is a plane over
//! the two inputs, the surface φ = ⟨x, f(x)⟩; auto-rotation turns it about the line f = 0 into φ̂ = ⟨x, ρ·f(x)⟩, which meets the
//! boundary of the slab −L..L at the point x_Q.

use bytemuck::{Pod, Zeroable};
use glam::{Mat4, Vec3};

/// The maximum number of segments in a plot.
pub const SEGMENTS: usize = 64;

/// The box's half height in units of L.
const HEIGHT: f32 = 1.6;

/// What the eye looks at: a little below the box's middle, since its floor is nearer.
const MIDDLE: Vec3 = Vec3::new(0.0, 0.0, -0.12);

/// What the plot shows.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    pub camera: Camera,
    /// The inputs' range.
    pub inputs: [f32; 2],
    pub x_q: f32,
    /// L.
    pub limit: f32,
    /// Whether the net uses φ̂ rather than φ.
    pub rotating: bool,
    /// The places of the unit's parameters.
    pub unit: Unit,
}

/// Places in the parameter buffer, counted in numbers.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    /// The weights of the first and of the second input.
    pub weights: [u32; 2],
    pub bias: u32,
}

/// An eye that circles the plot.
#[derive(Clone, Copy, Debug)]
pub struct Camera {
    /// The direction of the eye, in radians from the first axis.
    pub turn: f32,
    /// Its height above the plane, in radians.
    pub lift: f32,
    /// Its distance; the box is 2 wide.
    pub distance: f32,
}

impl Default for Camera {
    fn default() -> Self {
        Self { turn: -1.0, lift: 0.36, distance: 6.2 }
    }
}

impl Camera {
    /// Turns and lifts the eye, short of the poles.
    pub fn drag(&mut self, turn: f32, lift: f32) {
        self.turn += turn;
        self.lift = (self.lift + lift).clamp(-1.5, 1.5);
    }

    /// Moves the eye nearer by this many steps, or farther away if negative.
    pub fn zoom(&mut self, steps: f32) {
        self.distance = (self.distance * 0.9_f32.powf(steps)).clamp(3.0, 20.0);
    }

    fn matrix(&self, aspect: f32) -> Mat4 {
        let flat = self.lift.cos();
        let direction = Vec3::new(self.turn.cos() * flat, self.turn.sin() * flat, self.lift.sin());
        let eye = MIDDLE + direction * self.distance;
        // The field of view applies to the narrower side.
        let height = 2.0 * ((30_f32.to_radians() / 2.0).tan() / aspect.min(1.0)).atan();
        Mat4::perspective_rh(height, aspect, 0.1, 100.0) * Mat4::look_at_rh(eye, MIDDLE, Vec3::Z)
    }
}

/// What the shader `plot.wgsl` reads, under the same names.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Uniforms {
    camera: [[f32; 4]; 4],
    pixels: [f32; 2],
    inputs: [f32; 2],
    x_q: f32,
    limit: f32,
    height: f32,
    rotating: f32,
    weights: [u32; 2],
    bias: u32,
    padding: u32,
}

/// A line with round ends; a dot if they coincide.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Segment {
    from: [f32; 4],
    to: [f32; 4],
    colour: [f32; 3],
    width: f32,
}

/// Values of the fourth number of a segment's end: the third is z, or is added to z on φ or φ̂.
const FREE: f32 = 0.0;
const ON_PHI: f32 = 1.0;
const ON_ROTATED: f32 = 2.0;

impl Scene {
    /// The uniforms for a view of this many pixels.
    pub fn uniforms(&self, width: u32, height: u32) -> Uniforms {
        let pixels = [width as f32, height as f32];
        Uniforms {
            camera: self.camera.matrix(pixels[0] / pixels[1]).to_cols_array_2d(),
            pixels,
            inputs: self.inputs,
            x_q: self.x_q,
            limit: self.limit,
            height: HEIGHT * self.limit,
            rotating: f32::from(u8::from(self.rotating)),
            weights: self.unit.weights,
            bias: self.unit.bias,
            padding: 0,
        }
    }

    /// The instances of the slab's two planes, the farther one first.
    pub fn slab(&self) -> [u32; 2] {
        if self.camera.lift > 0.0 { [2, 3] } else { [3, 2] }
    }

    /// Axes with ticks, the slab's edges, the diagonal, and the point x_Q on both surfaces.
    pub fn segments(&self) -> Vec<Segment> {
        const AXIS: [f32; 3] = [0.5, 0.53, 0.6];
        const FAINT: [f32; 3] = [0.27, 0.29, 0.35];
        const SLAB: [f32; 3] = [0.62, 0.5, 0.85];
        let ([low, _], high) = (self.inputs, self.x_q);
        let (l, floor) = (self.limit, -HEIGHT * self.limit);
        let tick = 0.04 * (high - low);
        let mut all = Vec::new();
        let mut line = |from: [f32; 3], to: [f32; 3], colour, width| {
            let end = |p: [f32; 3]| [p[0], p[1], p[2], FREE];
            all.push(Segment { from: end(from), to: end(to), colour, width });
        };
        for (z, colour) in [(floor, FAINT), (-l, SLAB), (l, SLAB)] {
            let corners = [[low, low, z], [high, low, z], [high, high, z], [low, high, z]];
            for i in 0..4 {
                line(corners[i], corners[(i + 1) % 4], colour, 1.2);
            }
        }
        // x₁ and x₂ along two edges of the floor, z up from their corner.
        line([low, low, floor], [high, low, floor], AXIS, 2.2);
        line([low, low, floor], [low, high, floor], AXIS, 2.2);
        line([low, low, floor], [low, low, -floor], AXIS, 2.2);
        for i in 0..=8 {
            let at = low + (high - low) * i as f32 / 8.0;
            let long = if i % 2 == 0 { tick } else { tick / 2.0 };
            line([at, low, floor], [at, low - long, floor], AXIS, 1.5);
            line([low, at, floor], [low - long, at, floor], AXIS, 1.5);
        }
        for z in [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5] {
            let long = if z == 0.0 || z * z == 1.0 { tick } else { tick / 2.0 };
            line([low, low, z * l], [low - long, low, z * l], AXIS, 1.5);
        }
        line([low, low, floor], [high, high, floor], FAINT, 1.2);
        let end = |on: f32| [high, high, 0.0, on];
        let foot = [high, high, floor, FREE];
        let mut at_x_q = |to, colour, width| all.push(Segment { from: to, to, colour, width });
        at_x_q(foot, AXIS, 6.0);
        at_x_q(end(ON_PHI), [0.45, 0.75, 1.0], 9.0);
        at_x_q(end(ON_ROTATED), [1.0, 0.75, 0.3], 11.0);
        for on in [ON_PHI, ON_ROTATED] {
            all.push(Segment { from: foot, to: end(on), colour: AXIS, width: 1.2 });
        }
        all
    }
}
