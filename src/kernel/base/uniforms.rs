//! Uniform blocks: declared once, for Rust and WGSL.

/// A uniform block: declared once with the macro `uniforms!`, for Rust and WGSL.
pub trait Uniforms {
    /// The WGSL declaration of `struct Uniforms`.
    fn wgsl() -> &'static str;
    /// The fields' bits in order.
    fn words(&self) -> Vec<u32>;
}

/// A field of a uniform block.
pub(crate) trait Word {
    fn word(self) -> u32;
}

impl Word for u32 {
    fn word(self) -> u32 {
        self
    }
}

impl Word for i32 {
    fn word(self) -> u32 {
        self as u32
    }
}

impl Word for f32 {
    fn word(self) -> u32 {
        self.to_bits()
    }
}

/// Declares a struct of `u32`, `i32` and `f32` fields once for Rust and WGSL.
macro_rules! uniforms {
    ($name:ident { $($field:ident: $type:ident),+ $(,)? }) => {
        #[derive(Clone, Copy, Debug)]
        pub struct $name { $(pub $field: $type),+ }

        impl $crate::kernel::Uniforms for $name {
            fn wgsl() -> &'static str {
                concat!("struct Uniforms {\n", $("    ", stringify!($field), ": ", stringify!($type), ",\n",)+ "}\n")
            }

            fn words(&self) -> Vec<u32> {
                vec![$($crate::kernel::uniforms::Word::word(self.$field)),+]
            }
        }
    };
}
pub(crate) use uniforms;
