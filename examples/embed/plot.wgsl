// The plot of one perceptron: planes (φ, φ̂ and the slab's two), and segments with round ends for everything else.

struct Plot {
    camera: mat4x4<f32>,
    pixels: vec2<f32>, // of the view
    inputs: vec2<f32>, // x_min, x_max
    x_q: f32,
    limit: f32,        // L
    height: f32,       // the box ends at ±height
    rotating: f32,     // 1 if the net uses φ̂, 0 if φ
    weights: vec2<u32>,
    bias: u32,
    padding: u32,
}

struct Segment {
    from_: vec4<f32>,
    to: vec4<f32>,
    colour: vec3<f32>,
    width: f32,
}

@group(0) @binding(0) var<uniform> plot: Plot;
@group(0) @binding(1) var<storage, read> parameters: array<f32>;
@group(0) @binding(2) var<storage, read> segments: array<Segment>;

const BLUE = vec3(0.35, 0.66, 1.0);
const ORANGE = vec3(1.0, 0.64, 0.2);
const VIOLET = vec3(0.62, 0.5, 0.85);
const RED = vec3(0.7, 0.16, 0.2);

/// The pre-activation of the unit, from the net's own parameters.
fn f(x: vec2<f32>) -> f32 {
    let w = vec2(parameters[plot.weights.x], parameters[plot.weights.y]);
    return dot(w, x) + parameters[plot.bias];
}

/// ρ = L / (|q| + ε), q = f at the point x_Q.
fn rho() -> f32 {
    return plot.limit / (abs(f(vec2(plot.x_q))) + 1e-5);
}

/// A point of the plot in the box of 2 × 2 × 1.5 around the origin.
fn place(p: vec3<f32>) -> vec4<f32> {
    let half = 0.5 * (plot.x_q - plot.inputs.x);
    let x = (p.xy - plot.inputs.x) / half - 1.0;
    return plot.camera * vec4(x, 0.75 * p.z / plot.height, 1.0);
}

// -- planes

struct Plane {
    @builtin(position) position: vec4<f32>,
    @location(0) x: vec2<f32>,
    @location(1) z: f32,
    @location(2) @interpolate(flat) kind: u32, // 0 φ, 1 φ̂, 2 −L, 3 L
}

@vertex
fn plane(@builtin(vertex_index) vertex: u32, @builtin(instance_index) kind: u32) -> Plane {
    let corner = vec2(f32(vertex & 1u), f32(vertex >> 1u));
    let x = mix(vec2(plot.inputs.x), vec2(plot.x_q), corner);
    var z = f(x);
    switch kind {
        case 1u: { z *= rho(); }
        case 2u: { z = -plot.limit; }
        case 3u: { z = plot.limit; }
        default: {}
    }
    return Plane(place(vec3(x, z)), x, z, kind);
}

/// The share of a pixel that is covered by a line of `width` pixels whose middle is `away` pixels away.
fn covered(away: f32, width: f32) -> f32 {
    return clamp(0.5 * width + 0.5 - away, 0.0, 1.0);
}

/// Whether this is the surface that the net uses.
fn in_use(kind: u32) -> bool {
    return (kind == 1u) == (plot.rotating > 0.5);
}

/// Grids of φ and φ̂, with their common line f = 0 and the border of the input range, inside which the surface in use is filled:
/// red where it leaves the slab.
@fragment
fn grid(in: Plane) -> @location(0) vec4<f32> {
    let cells = (in.x - plot.inputs.x) / (plot.x_q - plot.inputs.x) * 16.0;
    let to_line = abs(fract(cells - 0.5) - 0.5) / fwidth(cells);
    let middle = 0.5 * (plot.inputs.x + plot.inputs.y);
    let beyond = max(abs(in.x.x - middle), abs(in.x.y - middle)) - 0.5 * (plot.inputs.y - plot.inputs.x);
    let to_border = abs(beyond) / fwidth(beyond);
    let to_zero = abs(in.z) / max(fwidth(in.z), 1e-9);
    if abs(in.z) > plot.height {
        discard;
    }
    let own = select(BLUE, ORANGE, in.kind == 1u);
    let lines = covered(min(to_line.x, to_line.y), 1.0);
    let inside = beyond < 0.0;
    let used = in_use(in.kind);
    var colour = own;
    var alpha = lines * select(0.45, 0.8, used);
    if inside && used {
        let saturated = smoothstep(0.9, 1.1, abs(in.z) / plot.limit);
        let fill = mix(own * mix(0.32, 0.62, 0.5 + 0.5 * clamp(in.z / plot.limit, -1.0, 1.0)), RED, saturated);
        colour = mix(fill, own, 0.7 * lines);
        alpha = 1.0;
    }
    let border = covered(to_border, 2.0);
    colour = mix(colour, mix(own, vec3(1.0), 0.35), border);
    let zero = covered(to_zero, 2.4);
    colour = mix(colour, vec3(1.0), zero);
    return vec4(colour, max(alpha, max(border, zero)));
}

/// The slab, and within the input range the surface that is not in use, as glass.
@fragment
fn glass(in: Plane) -> @location(0) vec4<f32> {
    if in.kind >= 2u {
        return vec4(VIOLET, 0.13);
    }
    let inside = all(in.x >= vec2(plot.inputs.x)) && all(in.x <= vec2(plot.inputs.y));
    if in_use(in.kind) || !inside || abs(in.z) > plot.height {
        discard;
    }
    return vec4(select(BLUE, ORANGE, in.kind == 1u), 0.18);
}

// -- segments

struct Line {
    @builtin(position) position: vec4<f32>,
    @location(0) @interpolate(linear) at: vec2<f32>, // pixels
    @location(1) @interpolate(flat) from_: vec2<f32>,
    @location(2) @interpolate(flat) to: vec2<f32>,
    @location(3) @interpolate(flat) colour: vec3<f32>,
    @location(4) @interpolate(flat) width: f32,
}

/// A segment's end: z as given, or relative to φ or φ̂; clamped to the box.
fn end(p: vec4<f32>) -> vec4<f32> {
    var z = p.z;
    if p.w > 0.5 {
        z += f(p.xy) * select(1.0, rho(), p.w > 1.5);
    }
    return place(vec3(p.xy, clamp(z, -plot.height, plot.height)));
}

@vertex
fn line(@builtin(vertex_index) vertex: u32, @builtin(instance_index) index: u32) -> Line {
    let segment = segments[index];
    let ends = array(end(segment.from_), end(segment.to));
    let from_ = 0.5 * ends[0].xy / ends[0].w * plot.pixels;
    let to = 0.5 * ends[1].xy / ends[1].w * plot.pixels;
    let long = distance(from_, to);
    let along = select(vec2(1.0, 0.0), (to - from_) / long, long > 1e-4);
    let second = vertex >> 1u;
    let side = vec2(f32(second) * 2.0 - 1.0, f32(vertex & 1u) * 2.0 - 1.0);
    let reach = 0.5 * segment.width + 1.0;
    let at = select(from_, to, second == 1u) + reach * (side.x * along + side.y * vec2(-along.y, along.x));
    let own = ends[second];
    // A little nearer, so that a surface does not hide segments that lie in it.
    let position = vec4(2.0 * at / plot.pixels * own.w, own.z - 0.002, own.w);
    return Line(position, at, from_, to, segment.colour, segment.width);
}

@fragment
fn stroke(in: Line) -> @location(0) vec4<f32> {
    let along = in.to - in.from_;
    let share = clamp(dot(in.at - in.from_, along) / max(dot(along, along), 1e-6), 0.0, 1.0);
    return vec4(in.colour, covered(distance(in.at, in.from_ + share * along), in.width));
}
