//! Textures as rows of numbers.

use crate::device::{Pipeline, Shader};
use crate::{Device, Error, Fault, Result};

/// Converts a texture into rows for [`Rows`](super::Rows) or [`Forward`](super::Forward): `[height·width, channels]`, f32, one row per
/// texel, lines from top to bottom. Unsigned normalised formats give 0..1; sRGB formats are decoded to linear numbers.
///
/// ```no_run
/// use autorot::{embed::TextureRows, Device};
/// # fn run(device: wgpu::Device, queue: wgpu::Queue, frame: wgpu::Texture) -> autorot::Result<()> {
/// let rows = TextureRows::new(&Device::from_wgpu(device.clone(), queue.clone()), &frame, 3)?;
/// let mut encoder = device.create_command_encoder(&Default::default());
/// rows.encode(&mut encoder); // whenever the texture has changed
/// queue.submit([encoder.finish()]);
/// let targets = rows.buffer().as_entire_buffer_binding();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TextureRows {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    buffer: wgpu::Buffer,
    rows: usize,
    groups: [u32; 2],
}

pub(super) fn check_channels(channels: usize) -> Result<()> {
    if (1..=4).contains(&channels) {
        return Ok(());
    }
    Err(Error::invalid(
        "texture rows",
        format!("{channels} channels"),
        "1 to 4",
        "a texel has red, green, blue and alpha",
    ))
}

/// The shader for this many channels.
pub(super) fn shader(channels: usize) -> Shader {
    let source = format!(
        "const CHANNELS: u32 = {channels}u;\n\n{}",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/embed/texture_rows.wgsl"))
    );
    let texels = wgpu::BindingType::Texture {
        sample_type: wgpu::TextureSampleType::Float { filterable: false },
        view_dimension: wgpu::TextureViewDimension::D2,
        multisampled: false,
    };
    let rows = wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Storage { read_only: false },
        has_dynamic_offset: false,
        min_binding_size: None,
    };
    Shader { name: "texture_rows", source, bindings: vec![texels, rows] }
}

impl TextureRows {
    /// Prepares the conversion of the texture's first mip level and layer into rows of `channels` numbers, 1 to 4.
    ///
    /// # Errors
    /// A device that is not a GPU; another number of channels; a texture that is not 2-D, is multisampled, lacks the usage
    /// `TEXTURE_BINDING`, has a format that shaders do not read as floating-point numbers, has more texels than a binding holds, was
    /// destroyed, or belongs to another device; the device's errors.
    pub fn new(device: &Device, texture: &wgpu::Texture, channels: usize) -> Result<Self> {
        let Some((gpu, _)) = device.wgpu() else {
            return Err(Error::invalid("texture", device.name(), "a GPU", "use Device::from_wgpu"));
        };
        check_channels(channels)?;
        let format = texture.format();
        let floats = matches!(
            format.sample_type(None, Some(gpu.features())),
            Some(wgpu::TextureSampleType::Float { .. })
        );
        let usable = texture.dimension() == wgpu::TextureDimension::D2
            && texture.sample_count() == 1
            && texture.usage().contains(wgpu::TextureUsages::TEXTURE_BINDING)
            && floats;
        if !usable {
            return Err(Error::invalid(
                "texture",
                format!(
                    "{:?}, {format:?}, {} samples, usages {:?}",
                    texture.dimension(),
                    texture.sample_count(),
                    texture.usage()
                ),
                "a single-sampled 2-D texture in a floating-point or normalised format, with the usage TEXTURE_BINDING",
                "copy it to such a texture",
            ));
        }
        let (width, height) = (texture.width(), texture.height());
        let texels = u64::from(width) * u64::from(height);
        let (bytes, limit) = (texels * channels as u64 * 4, gpu.limits().max_storage_buffer_binding_size);
        if bytes > limit {
            return Err(Error::device(
                Fault::Unsupported,
                device.name(),
                format!("{texels} texels: found {bytes} bytes, expected at most {limit} in one binding"),
                "use a smaller texture",
            ));
        }
        device.accepts_texture("the texture", texture)?;
        let Pipeline { pipeline, layout } = device.shader(&shader(channels))?;
        let (group, buffer) = device.watched("texture rows", |gpu| bind(gpu, &layout, texture, bytes))?;
        Ok(Self {
            pipeline,
            group,
            buffer,
            rows: texels as usize,
            groups: [width.div_ceil(8), height.div_ceil(8)],
        })
    }

    /// Encodes the conversion.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder) {
        self.encode_pass(&mut encoder.begin_compute_pass(&Default::default()));
    }

    /// Encodes the conversion into the caller's open compute pass.
    pub fn encode_pass(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(self.groups[0], self.groups[1], 1);
    }

    /// The number of rows: one per texel.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The rows, with the usages `STORAGE` and `COPY_SRC`.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }
}

/// A bind group of the texture and a new buffer for its rows.
fn bind(
    gpu: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    texture: &wgpu::Texture,
    bytes: u64,
) -> (wgpu::BindGroup, wgpu::Buffer) {
    let label = Some("texture_rows");
    let buffer = gpu.create_buffer(&wgpu::BufferDescriptor {
        label,
        size: bytes,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    });
    let view = texture.create_view(&wgpu::TextureViewDescriptor {
        dimension: Some(wgpu::TextureViewDimension::D2),
        mip_level_count: Some(1),
        array_layer_count: Some(1),
        ..Default::default()
    });
    let group = gpu.create_bind_group(&wgpu::BindGroupDescriptor {
        label,
        layout,
        entries: &[
            wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::TextureView(&view) },
            wgpu::BindGroupEntry { binding: 1, resource: buffer.as_entire_binding() },
        ],
    });
    (group, buffer)
}
