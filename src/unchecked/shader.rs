//! Shaders without the driver's checks of every index and loop.

use crate::kernel::Kernel;

/// The shader of a kernel's variant. The driver checks every index, unless the kernel is one of this crate's own and `checked` is false.
pub(crate) fn module(
    device: &wgpu::Device,
    kernel: &dyn Kernel,
    variant: usize,
    checked: bool,
) -> wgpu::ShaderModule {
    let source = wgpu::ShaderSource::Wgsl(kernel.source(variant).into());
    let descriptor = wgpu::ShaderModuleDescriptor { label: Some(kernel.name()), source };
    if checked || !kernel.trusted() {
        return device.create_shader_module(descriptor);
    }
    // SAFETY: only kernels with `Trust::OWN`, which nobody outside this crate can claim, and without any part written by a user come
    // here, each with its own source: each index is below the length in `lens`, to which the binding is cut, or clamped, whatever the
    // buffers hold; each loop ends. The kernel table runs all of them unchecked with guard words around every buffer.
    unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
}
