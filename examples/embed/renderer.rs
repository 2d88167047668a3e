//! Draws a frame: both pictures from their buffers, and the plot from the net's parameters. Nothing is copied, read back or
//! waited for.

use super::layout::{Layout, Rect};
use super::plot::{SEGMENTS, Scene, Segment, Uniforms};
use autorot::wgpu;
use autorot::wgpu::util::DeviceExt;
use bytemuck::{Pod, Zeroable};

/// Samples per pixel.
const SAMPLES: u32 = 4;

const DEPTH: wgpu::TextureFormat = wgpu::TextureFormat::Depth32Float;

const BACKGROUND: wgpu::Color = wgpu::Color { r: 0.067, g: 0.075, b: 0.1, a: 1.0 };

/// The colour and the width of the border around the target, and around the learnt picture.
const BORDERS: [[f32; 4]; 2] = [[0.35, 0.38, 0.45, 2.0], [1.0, 0.64, 0.2, 2.0]];

/// What `picture.wgsl` reads.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Frame {
    place: [f32; 4],
    frame: [f32; 2],
    size: [u32; 2],
    border: [f32; 4],
}

/// What is drawn: two buffers with three numbers per pixel, and the parameters that the plot reads.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    pub target: &'a wgpu::Buffer,
    pub learnt: &'a wgpu::Buffer,
    pub parameters: &'a wgpu::Buffer,
    /// The picture's columns and rows.
    pub size: (u32, u32),
}

/// Pipelines, and buffers for what changes from frame to frame.
pub struct Renderer {
    device: wgpu::Device,
    queue: wgpu::Queue,
    picture: wgpu::RenderPipeline,
    grid: wgpu::RenderPipeline,
    glass: wgpu::RenderPipeline,
    stroke: wgpu::RenderPipeline,
    frames: [wgpu::Buffer; 2],
    uniforms: wgpu::Buffer,
    segments: wgpu::Buffer,
    bound: Option<Bound>,
    canvas: Option<Canvas>,
    format: wgpu::TextureFormat,
}

/// The bind groups of some sources.
struct Bound {
    pictures: [wgpu::BindGroup; 2],
    plot: wgpu::BindGroup,
    size: (u32, u32),
}

/// The multisampled textures that a frame of one size is drawn to.
struct Canvas {
    size: (u32, u32),
    colour: wgpu::TextureView,
    depth: wgpu::TextureView,
}

impl Renderer {
    /// Draws to textures of this format.
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue, format: wgpu::TextureFormat) -> Self {
        let picture_layout = layout(device, 1);
        let plot_layout = layout(device, 2);
        let pictures = device.create_shader_module(wgpu::include_wgsl!("picture.wgsl"));
        let plots = device.create_shader_module(wgpu::include_wgsl!("plot.wgsl"));
        let pipeline = |layout: &wgpu::BindGroupLayout, module, names, look| {
            pipeline(device, format, layout, module, names, look)
        };
        let uniform = |bytes: usize| buffer(device, bytes, wgpu::BufferUsages::UNIFORM);
        Self {
            device: device.clone(),
            queue: queue.clone(),
            picture: pipeline(&picture_layout, &pictures, ["corner", "paint"], Look::Behind),
            grid: pipeline(&plot_layout, &plots, ["plane", "grid"], Look::Solid),
            glass: pipeline(&plot_layout, &plots, ["plane", "glass"], Look::Glass),
            stroke: pipeline(&plot_layout, &plots, ["line", "stroke"], Look::Solid),
            frames: [uniform(size_of::<Frame>()), uniform(size_of::<Frame>())],
            uniforms: uniform(size_of::<Uniforms>()),
            segments: buffer(device, SEGMENTS * size_of::<Segment>(), wgpu::BufferUsages::STORAGE),
            bound: None,
            canvas: None,
            format,
        }
    }

    /// Draws these sources from now on.
    pub fn show(&mut self, sources: Sources<'_>) {
        let bind = |pipeline: &wgpu::RenderPipeline, buffers: &[&wgpu::Buffer]| {
            let entries = buffers.iter().zip(0..).map(|(buffer, binding)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            });
            self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.get_bind_group_layout(0),
                entries: &entries.collect::<Vec<_>>(),
            })
        };
        let Sources { target, learnt, parameters, size } = sources;
        self.bound = Some(Bound {
            pictures: [
                bind(&self.picture, &[&self.frames[0], target]),
                bind(&self.picture, &[&self.frames[1], learnt]),
            ],
            plot: bind(&self.grid, &[&self.uniforms, parameters, &self.segments]),
            size,
        });
    }

    /// Records the drawing of a frame to a texture of this width and height.
    pub fn draw(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        target: &wgpu::TextureView,
        size: (u32, u32),
        scene: &Scene,
    ) {
        let Some(bound) = &self.bound else { return };
        if self.canvas.as_ref().is_none_or(|canvas| canvas.size != size) {
            self.canvas = Some(Canvas::new(&self.device, self.format, size));
        }
        let Some(canvas) = &self.canvas else { return };
        let layout = Layout::new(size, bound.size);
        for (i, place) in [layout.target, layout.learnt].into_iter().enumerate() {
            let frame = Frame {
                place: [place.x as f32, place.y as f32, place.width as f32, place.height as f32],
                frame: [size.0 as f32, size.1 as f32],
                size: bound.size.into(),
                border: BORDERS[i],
            };
            self.queue.write_buffer(&self.frames[i], 0, bytemuck::bytes_of(&frame));
        }
        let Rect { x, y, width, height } = layout.plot;
        let segments = scene.segments();
        let count = segments.len().min(SEGMENTS);
        self.queue.write_buffer(&self.uniforms, 0, bytemuck::bytes_of(&scene.uniforms(width, height)));
        self.queue.write_buffer(&self.segments, 0, bytemuck::cast_slice(&segments[..count]));

        let mut pass = canvas.begin(encoder, target);
        pass.set_pipeline(&self.picture);
        for picture in &bound.pictures {
            pass.set_bind_group(0, picture, &[]);
            pass.draw(0..4, 0..1);
        }
        pass.set_viewport(x as f32, y as f32, width as f32, height as f32, 0.0, 1.0);
        pass.set_scissor_rect(x, y, width, height);
        pass.set_bind_group(0, &bound.plot, &[]);
        pass.set_pipeline(&self.grid);
        pass.draw(0..4, 0..2);
        pass.set_pipeline(&self.stroke);
        pass.draw(0..4, 0..count as u32);
        pass.set_pipeline(&self.glass);
        pass.draw(0..4, 0..2);
        for plane in scene.slab() {
            pass.draw(0..4, plane..plane + 1);
        }
        // OpenGL resolves samples only within the scissor rectangle.
        pass.set_scissor_rect(0, 0, size.0, size.1);
    }
}

impl Canvas {
    fn new(device: &wgpu::Device, format: wgpu::TextureFormat, size: (u32, u32)) -> Self {
        let view = |format| {
            let texture = device.create_texture(&wgpu::TextureDescriptor {
                label: Some("canvas"),
                size: wgpu::Extent3d { width: size.0, height: size.1, depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count: SAMPLES,
                dimension: wgpu::TextureDimension::D2,
                format,
                usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
                view_formats: &[],
            });
            texture.create_view(&wgpu::TextureViewDescriptor::default())
        };
        Self { size, colour: view(format), depth: view(DEPTH) }
    }

    fn begin<'e>(
        &self,
        encoder: &'e mut wgpu::CommandEncoder,
        target: &wgpu::TextureView,
    ) -> wgpu::RenderPass<'e> {
        encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("frame"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &self.colour,
                depth_slice: None,
                resolve_target: Some(target),
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(BACKGROUND),
                    store: wgpu::StoreOp::Discard,
                },
            })],
            depth_stencil_attachment: Some(wgpu::RenderPassDepthStencilAttachment {
                view: &self.depth,
                depth_ops: Some(wgpu::Operations {
                    load: wgpu::LoadOp::Clear(1.0),
                    store: wgpu::StoreOp::Discard,
                }),
                stencil_ops: None,
            }),
            ..Default::default()
        })
    }
}

/// How a pipeline's fragments combine with those already drawn.
#[derive(Clone, Copy, PartialEq)]
enum Look {
    /// Over everything drawn before, behind everything drawn later.
    Behind,
    /// By depth; alpha is the share of the pixel that is covered.
    Solid,
    /// By depth, hiding nothing; alpha is the opacity.
    Glass,
}

/// A uniform buffer, then `storages` read-only storage buffers.
fn layout(device: &wgpu::Device, storages: u32) -> wgpu::BindGroupLayout {
    let entry = |binding| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
        ty: wgpu::BindingType::Buffer {
            ty: match binding {
                0 => wgpu::BufferBindingType::Uniform,
                _ => wgpu::BufferBindingType::Storage { read_only: true },
            },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    };
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: None,
        entries: &(0..=storages).map(entry).collect::<Vec<_>>(),
    })
}

fn buffer(device: &wgpu::Device, bytes: usize, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
        label: None,
        contents: &vec![0; bytes],
        usage: usage | wgpu::BufferUsages::COPY_DST,
    })
}

fn pipeline(
    device: &wgpu::Device,
    format: wgpu::TextureFormat,
    layout: &wgpu::BindGroupLayout,
    module: &wgpu::ShaderModule,
    [vertex, fragment]: [&str; 2],
    look: Look,
) -> wgpu::RenderPipeline {
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(fragment),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module,
            entry_point: Some(vertex),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState {
            topology: wgpu::PrimitiveTopology::TriangleStrip,
            ..Default::default()
        },
        depth_stencil: Some(wgpu::DepthStencilState {
            format: DEPTH,
            depth_write_enabled: Some(look == Look::Solid),
            depth_compare: Some(match look {
                Look::Behind => wgpu::CompareFunction::Always,
                _ => wgpu::CompareFunction::LessEqual,
            }),
            stencil: wgpu::StencilState::default(),
            bias: wgpu::DepthBiasState::default(),
        }),
        multisample: wgpu::MultisampleState {
            count: SAMPLES,
            alpha_to_coverage_enabled: look == Look::Solid,
            ..Default::default()
        },
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: Some(fragment),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format,
                blend: (look == Look::Glass).then_some(wgpu::BlendState::ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}
