//! Generated WGSL functions that access a buffer four numbers at a time, whether or not it is declared as vec4s.

use crate::kernel::{Access, Binding};

/// `get_x(first)` returns the four numbers from `first` on; `put_x(first, values, count)` stores the first `count` of `values`.
/// With vec4s, both access the whole vec4 that contains `first`, so `count` must be a multiple of 4. Without, reads past the end
/// return the buffer's last number. `at_x(place)` is `get_x(place * UNIT)`, UNIT being 4 with vec4s and else 1: loops that count in
/// units spare the division.
pub(super) fn of(binding: &Binding, by_quads: bool) -> String {
    let name = binding.name;
    let mut text = if by_quads {
        format!(
            "\nfn get_{name}(first: u32) -> vec4<f32> {{\n    return {name}[first / 4u];\n}}\n\n\
             fn at_{name}(place: u32) -> vec4<f32> {{\n    return {name}[place];\n}}\n"
        )
    } else {
        format!(
            "\nfn get_{name}(first: u32) -> vec4<f32> {{\n    \
                 let i = min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(arrayLength(&{name}) - 1u));\n    \
                 return vec4<f32>({name}[i.x], {name}[i.y], {name}[i.z], {name}[i.w]);\n}}\n\n\
             fn at_{name}(place: u32) -> vec4<f32> {{\n    return get_{name}(place);\n}}\n"
        )
    };
    if binding.access != Access::Read {
        text += &format!("\nfn put_{name}(first: u32, values: vec4<f32>, count: u32) {{\n");
        text += &if by_quads {
            format!("    {name}[first / 4u] = values;\n")
        } else {
            let store =
                |(i, part)| format!("    if (count > {i}u) {{ {name}[first + {i}u] = values.{part}; }}\n");
            "xyzw".chars().enumerate().map(store).collect::<String>()
        };
        text += "}\n";
    }
    text
}
