"""Picture files (JPEG, PNG, WebP) as 8-bit RGB: EXIF orientation, 9 to 16 bits, transparency, CMYK, animation."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.errors import UnreadableMedia
from posemill.video.container import MAX_PIXELS

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP")
ANIMATED = ("PNG", "WEBP")  # further pictures of a JPEG are its depth, previews and the like
SENSOR_BITS = (8, 10, 12, 16)
BEHIND = (255, 255, 255)  # what shows through transparent pixels, as in a browser or a viewer


def decode_picture(content: bytes, name: str, *, animated: bool = True) -> NDArray[np.uint8]:
    """Decode a picture file as a viewer shows it; of an animated one (WebP, PNG) the first picture.

    content   the file's bytes; name for the sentence only.
    animated  False: several pictures are refused, where one would stand for all of them.
    Returns (H, W, 3) uint8 RGB, upright by its EXIF orientation; deeper pictures keep the upper 8 of the bits that
    they use.
    Errors: UnreadableMedia for what is none of the formats, broken, or too large.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise UnreadableMedia(f"{name} has {width}x{height} pixels, more than {MAX_PIXELS // 10**6} million")
            pictures = getattr(image, "n_frames", 1) if image.format in ANIMATED else 1
            if pictures > 1 and not animated:
                raise UnreadableMedia(
                    f"{name} is an animation of {pictures} pictures, of which only the first would be read: write it "
                    "as a video, such as MP4"
                )
            return np.ascontiguousarray(_rgb(ImageOps.exif_transpose(image)), np.uint8)
    except UnreadableMedia:
        raise
    except MemoryError:
        raise
    except Exception as exc:  # Pillow raises many kinds, of which some are not its own
        raise UnreadableMedia(
            f"{name} is not a picture in a format that is read here ({', '.join(FORMATS)}), or it is cut off"
        ) from exc


def _rgb(image: Image) -> Image:
    from PIL import Image

    if image.mode.startswith(("I", "F")):  # Pillow's own conversion clips all above 255 to white
        return Image.fromarray(_upper_bits(np.asarray(image))).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        shown = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", shown.size, (*BEHIND, 255)), shown).convert("RGB")
    return image.convert("RGB")


def _upper_bits(grey: NDArray[np.generic]) -> NDArray[np.uint8]:
    """(H, W) grey values of 16 bits to 8.

    Sensors of 10 and 12 bits leave the upper ones empty in a file of 16, which would be a black picture.
    """
    values = np.asarray(grey, np.int64).clip(0, 0xFFFF)
    bits = next(bits for bits in SENSOR_BITS if not (values >> bits).any())
    return (values >> (bits - 8)).astype(np.uint8)
