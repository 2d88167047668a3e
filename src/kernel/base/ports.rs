//! Ports: a kernel's buffers, declared once by name for recording, for the twin and for the checks.

use super::args::Slot;
use super::{Access, Args, Binding, Element};
use crate::Real;
use std::fmt::Debug;
use std::marker::PhantomData;

/// What a kernel's ports hold: views during recording, numbers while a twin runs, lengths for the checks.
pub trait Content {
    /// At a port that the kernel reads numbers from.
    type Read: Debug;
    /// At a port that the kernel writes numbers to, whether or not it reads them first.
    type Write: Debug;
    /// At a port that the kernel reads integers from.
    type ReadIndex: Debug;
    /// At a port that the kernel writes integers to.
    type WriteIndex: Debug;
}

/// The same type at every port.
#[derive(Debug)]
pub struct Each<V>(PhantomData<V>);

impl<V: Debug> Content for Each<V> {
    type Read = V;
    type Write = V;
    type ReadIndex = V;
    type WriteIndex = V;
}

/// The number of elements at each port.
pub type Lens = Each<usize>;

/// The buffers of one run of a twin.
#[derive(Debug)]
pub struct Slices<'a, T>(PhantomData<&'a mut [T]>);

impl<'a, T: Real> Content for Slices<'a, T> {
    type Read = &'a [T];
    type Write = &'a mut [T];
    type ReadIndex = &'a [u32];
    type WriteIndex = &'a mut [u32];
}

/// The ports of a kernel family, whatever they hold; implemented by the macro [`ports!`](crate::kernel::ports).
pub trait Ports {
    /// The ports with this content.
    type Of<C: Content>;
    /// The bindings in order.
    const BINDINGS: &'static [Binding];
    /// What the ports hold, in order; `None` for an absent one.
    fn list<V: Debug>(of: Self::Of<Each<V>>) -> Vec<Option<V>>;
    /// The buffers of a run by name.
    fn slices<'a, T: Real>(args: Args<'a, T>) -> Self::Of<Slices<'a, T>>;
}

/// The kinds of ports.
pub mod port {
    use super::{Access, Args, Content, Debug, Each, Element, Real, Slices, Slot};

    pub use std::option::Option;

    /// Numbers that the kernel reads.
    #[derive(Debug)]
    pub struct Read;
    /// Numbers that the kernel writes without reading them first.
    #[derive(Debug)]
    pub struct Write;
    /// Numbers that the kernel reads and writes.
    #[derive(Debug)]
    pub struct Update;
    /// Integers that the kernel reads.
    #[derive(Debug)]
    pub struct ReadIndex;
    /// Integers that the kernel reads and writes.
    #[derive(Debug)]
    pub struct UpdateIndex;

    /// A kind of port: those of this module, or an `Option` of one.
    pub trait Kind {
        /// What such a port holds.
        type Of<C: Content>: Debug;
        /// What the kernel does with it.
        const ACCESS: Access;
        /// The type of its elements.
        const ELEMENT: Element;
        /// What it holds; `None` if it is absent.
        fn option<V: Debug>(of: Self::Of<Each<V>>) -> Option<V>;
        /// The next buffer of a run.
        fn slice<'a, T: Real>(args: &mut Args<'a, T>) -> Self::Of<Slices<'a, T>>;
    }

    impl<K: Kind> Kind for Option<K> {
        type Of<C: Content> = Option<K::Of<C>>;
        const ACCESS: Access = K::ACCESS;
        const ELEMENT: Element = K::ELEMENT;

        fn option<V: Debug>(of: Self::Of<Each<V>>) -> Option<V> {
            of.and_then(K::option)
        }

        fn slice<'a, T: Real>(args: &mut Args<'a, T>) -> Self::Of<Slices<'a, T>> {
            args.skip_absent().then(|| K::slice(args))
        }
    }

    macro_rules! kind {
        ($kind:ident, $content:ident, $access:ident, $element:ident, $slice:ident) => {
            impl Kind for $kind {
                type Of<C: Content> = C::$content;
                const ACCESS: Access = Access::$access;
                const ELEMENT: Element = Element::$element;

                fn option<V: Debug>(of: V) -> Option<V> {
                    Some(of)
                }

                fn slice<'a, T: Real>(args: &mut Args<'a, T>) -> Self::Of<Slices<'a, T>> {
                    Slot::$slice(args.take())
                }
            }
        };
    }

    kind!(Read, Read, Read, Float, read);
    kind!(Write, Write, Write, Float, write);
    kind!(Update, Write, Update, Float, write);
    kind!(ReadIndex, ReadIndex, Read, Index, read_index);
    kind!(UpdateIndex, WriteIndex, Update, Index, write_index);
}

/// Declares the ports of a kernel family: a struct with one field per port. The kinds are `Read`, `Write`, `Update`, `ReadIndex`
/// and `UpdateIndex`, in an `Option` if the kernel's options may leave the port out.
///
/// ```
/// autorot::extend::ports! {
///     /// The ports of y = a·x + b.
///     pub struct ScalePorts {
///         /// x, `[count]`.
///         x: Read,
///         /// b, `[count]`, where there is one.
///         b: Option<Read>,
///         /// y, `[count]`.
///         y: Write,
///     }
/// }
/// ```
#[macro_export]
macro_rules! ports {
    (
        $(#[$doc:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $kind:ident $(<$inner:ident>)?),+ $(,)?
        }
    ) => {
        $(#[$doc])*
        $vis struct $name<C: $crate::extend::kernel::Content> {
            $(
                $(#[$field_doc])*
                pub $field: <$crate::extend::kernel::port::$kind $(<$crate::extend::kernel::port::$inner>)? as $crate::extend::kernel::port::Kind>::Of<C>
            ),+
        }

        impl<C: $crate::extend::kernel::Content> std::fmt::Debug for $name<C> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))$(.field(stringify!($field), &self.$field))+.finish()
            }
        }

        impl $crate::extend::kernel::Ports for $name<$crate::extend::kernel::Lens> {
            type Of<C: $crate::extend::kernel::Content> = $name<C>;

            const BINDINGS: &'static [$crate::extend::kernel::Binding] = &[$({
                type Kind = $crate::extend::kernel::port::$kind $(<$crate::extend::kernel::port::$inner>)?;
                $crate::extend::kernel::Binding {
                    name: stringify!($field),
                    access: <Kind as $crate::extend::kernel::port::Kind>::ACCESS,
                    element: <Kind as $crate::extend::kernel::port::Kind>::ELEMENT,
                }
            }),+];

            fn list<V: std::fmt::Debug>(of: $name<$crate::extend::kernel::Each<V>>) -> Vec<Option<V>> {
                vec![$(
                    <$crate::extend::kernel::port::$kind $(<$crate::extend::kernel::port::$inner>)? as $crate::extend::kernel::port::Kind>::option(of.$field)
                ),+]
            }

            fn slices<'a, T: $crate::extend::Real>(
                mut args: $crate::extend::kernel::Args<'a, T>,
            ) -> $name<$crate::extend::kernel::Slices<'a, T>> {
                // In the order of the bindings.
                $name {
                    $($field:
                        <$crate::extend::kernel::port::$kind $(<$crate::extend::kernel::port::$inner>)? as $crate::extend::kernel::port::Kind>::slice(&mut args)
                    ),+
                }
            }
        }
    };
}

pub use crate::ports;
