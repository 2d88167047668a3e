//! The generated WGSL functions through which a shader reaches a buffer four numbers at a time, whether or not the
//! buffer is declared as vec4s.

use crate::kernel::{Access, Binding};

/// `get_x(first)`: the four numbers from `first` on; `put_x(first, values, count)`: stores the first `count` of
/// them. With vec4s, the first number
/// is that of the vec4 in which `first` lies, and `count` is a multiple of 4. Without, numbers past the end of the buffer read as the last one.
pub(super) fn of(binding: &Binding, by_quads: bool) -> String {
    let name = binding.name;
    let mut text = if by_quads {
        format!("\nfn get_{name}(first: u32) -> vec4<f32> {{\n    return {name}[first / 4u];\n}}\n")
    } else {
        format!(
            "\nfn get_{name}(first: u32) -> vec4<f32> {{\n    \
                 let i = min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(arrayLength(&{name}) - 1u));\n    \
                 return vec4<f32>({name}[i.x], {name}[i.y], {name}[i.z], {name}[i.w]);\n}}\n"
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
