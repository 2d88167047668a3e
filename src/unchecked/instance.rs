//! A Vulkan instance without Wayland.

use wgpu::hal::{self, vulkan};

/// The extension for windows on Wayland.
const WAYLAND: &std::ffi::CStr = c"VK_KHR_wayland_surface";

/// An instance with only Vulkan's adapters and without the extension for windows on Wayland; `None` if there is no Vulkan.
pub(crate) fn vulkan_without_wayland(descriptor: &wgpu::InstanceDescriptor) -> Option<wgpu::Instance> {
    let wanted = hal::InstanceDescriptor {
        name: "wgpu",
        flags: descriptor.flags,
        memory_budget_thresholds: descriptor.memory_budget_thresholds,
        backend_options: descriptor.backend_options.clone(),
        telemetry: None,
        display: None,
    };
    let change = |args: vulkan::CreateInstanceCallbackArgs<'_, '_, '_>| {
        args.extensions.retain(|&name| name != WAYLAND);
    };
    // SAFETY: the instance is the one that wgpu makes with a driver that lacks this extension. wgpu requests the extension only if the
    // driver has it, and checks that the instance has it before making a window surface on Wayland, which is its only use; nobody makes
    // surfaces here, since the instance does not leave the crate. The argument of `from_hal` was made in the line before and is not
    // shared.
    unsafe {
        let instance = vulkan::Instance::init_with_callback(&wanted, Some(Box::new(change))).ok()?;
        Some(wgpu::Instance::from_hal::<hal::api::Vulkan>(instance))
    }
}
