//! The same frames without a window: drawn to a texture, the last one written to a PNG file.

use super::Options;
use super::gpu::{Gpu, instance};
use super::layout::{Layout, Rect};
use super::painter::Pace;
use super::say;
use super::show::Show;
use autorot::{Error, Fault, Result, wgpu};
use image::RgbaImage;

/// A frame's width and height.
pub const SIZE: (u32, u32) = (1024, 704);

const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// How far the plot turns from frame to frame, in radians.
const TURN: f32 = 0.004;

/// Learns and draws `--frames` frames, and only then waits for the device. Writes the last frame to `--png`, and returns the peak
/// signal-to-noise ratio of the picture in it.
pub fn run(options: &Options) -> Result<f64> {
    let gpu = Gpu::open(&instance(), None)?;
    let mut show = Show::new(&gpu, FORMAT, options)?;
    let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: Some("frame"),
        size: wgpu::Extent3d { width: SIZE.0, height: SIZE.1, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
    for _ in 0..options.frames {
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        show.frame(&mut encoder, &view, SIZE, Pace::Steps(options.steps as usize))?;
        gpu.queue.submit([encoder.finish()]);
        show.camera.drag(TURN, 0.0);
    }
    let frame = read(&gpu, &texture)?;
    let picture = show.picture();
    let place = Layout::new(SIZE, (picture.width, picture.height)).learnt;
    let psnr = picture.psnr(&colours(&frame, place, (picture.width, picture.height)));
    if let Some(path) = &options.png {
        frame.save(path).map_err(|e| {
            let path = path.display().to_string();
            Error::invalid(&path, e, "a writable path ending in .png", "choose another")
        })?;
    }
    show.poll()?;
    say(show.status())?;
    Ok(psnr)
}

/// The colours of a picture with these columns and rows that is drawn at `place`.
pub fn colours(frame: &RgbaImage, place: Rect, (columns, rows): (u32, u32)) -> Vec<[f32; 3]> {
    let middle = |i: u32, n: u32, width: u32| (2 * i + 1) * width / (2 * n);
    let colour = |i: u32, j: u32| {
        let (x, y) = (middle(i, columns, place.width), middle(j, rows, place.height));
        let [r, g, b, _] = frame.get_pixel(place.x + x, place.y + y).0;
        [r, g, b].map(|byte| f32::from(byte) / 255.0)
    };
    (0..rows).flat_map(|j| (0..columns).map(move |i| colour(i, j))).collect()
}

/// The texture's pixels, once the device has drawn them.
fn read(gpu: &Gpu, texture: &wgpu::Texture) -> Result<RgbaImage> {
    let lost = |e: &dyn std::fmt::Display| Error::device(Fault::Lost, "gpu", e, "run it again");
    // Rows of a copy begin at multiples of 256 bytes.
    let pitch = (4 * SIZE.0).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("pixels"),
        size: u64::from(pitch * SIZE.1),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &buffer,
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(pitch),
                rows_per_image: None,
            },
        },
        texture.size(),
    );
    gpu.queue.submit([encoder.finish()]);
    let (sender, receiver) = std::sync::mpsc::channel();
    buffer.map_async(wgpu::MapMode::Read, .., move |result| {
        // Nobody listens any more if waiting has failed.
        let _ = sender.send(result);
    });
    gpu.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| lost(&e))?;
    receiver.recv().map_err(|e| lost(&e))?.map_err(|e| lost(&e))?;
    let bytes = buffer.get_mapped_range(..).map_err(|e| lost(&e))?;
    let rows = bytes.chunks(pitch as usize).flat_map(|row| &row[..4 * SIZE.0 as usize]);
    RgbaImage::from_raw(SIZE.0, SIZE.1, rows.copied().collect())
        .ok_or_else(|| Error::device(Fault::Internal, "gpu", "a frame of another size", "run it again"))
}
