//! One image: from the bytes of its file to upright pixels.

use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Rgb32FImage};
use std::io::Cursor;

use super::jpeg;

/// The marker that ends a JPEG file.
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

/// An image of which only the header has been read.
pub(super) struct Picture {
    bytes: Vec<u8>,
    format: ImageFormat,
    /// From its EXIF data.
    orientation: Orientation,
    /// Its height and width, upright.
    pub(super) size: (usize, usize),
}

impl Picture {
    /// Reads the header.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.is_empty() {
            return Err("an empty file".into());
        }
        let format = image::guess_format(&bytes).map_err(|_| "a file that is no image")?;
        let mut decoder = decoder(&bytes, format)?;
        let orientation = decoder.orientation().map_err(|e| e.to_string())?;
        let (mut width, mut height) = decoder.dimensions();
        drop(decoder);
        if turned(orientation) {
            (width, height) = (height, width);
        }
        if width == 0 || height == 0 {
            return Err(format!("{height} × {width} pixels (height × width)"));
        }
        Ok(Self { bytes, format, orientation, size: (height as usize, width as usize) })
    }

    /// The pixels, upright and resized to the given height and width.
    ///
    /// # Errors
    /// What is damaged, in words.
    pub(super) fn decode(mut self, size: Option<(usize, usize)>) -> Result<Rgb32FImage, String> {
        if self.format == ImageFormat::Jpeg && !jpeg::has_end(&self.bytes)? {
            // Without it the decoder would fill its last rows with gray.
            self.bytes.extend(END_OF_IMAGE);
        }
        let decoder = decoder(&self.bytes, self.format)?;
        let mut image = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
        image.apply_orientation(self.orientation);
        if let Some((height, width)) = size {
            image = image.resize_exact(width as u32, height as u32, FilterType::Triangle);
        }
        Ok(image.into_rgb32f())
    }
}

fn decoder(bytes: &[u8], format: ImageFormat) -> Result<impl ImageDecoder + '_, String> {
    ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(|e| e.to_string())
}

/// Whether height and width are swapped.
fn turned(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}
