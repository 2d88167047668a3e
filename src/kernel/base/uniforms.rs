//! Uniform blocks: declared once, for Rust and WGSL.

/// A uniform block: declared once with the macro `uniforms!`, for Rust and WGSL.
pub trait Uniforms {
    /// The WGSL declaration of `struct Uniforms`.
    fn wgsl() -> String;
    /// The fields' bits in order.
    fn words(&self) -> Vec<u32>;
}

/// A field of a uniform block.
#[doc(hidden)]
pub trait Word {
    /// Its bits.
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

/// Declares a struct of `u32`, `i32` and `f32` fields for both Rust and WGSL, where they are `u.count` and so on.
///
/// ```
/// autorot::uniforms!(ScaleUniforms { count: u32, factor: f32 });
/// ```
#[macro_export]
macro_rules! uniforms {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[allow(missing_docs, reason = "the names of the fields are those of the shader")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name { $(pub $field: $type),+ }

        impl $crate::extend::kernel::Uniforms for $name {
            fn wgsl() -> String {
                concat!("struct Uniforms {\n", $("    ", stringify!($field), ": ", stringify!($type), ",\n",)+ "}\n").to_owned()
            }

            fn words(&self) -> Vec<u32> {
                vec![$($crate::extend::kernel::Word::word(self.$field)),+]
            }
        }
    };
}
pub use crate::uniforms;
