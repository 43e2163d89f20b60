"""Picture files in every mode that cameras, editors and browsers write: the picture is the one that a viewer shows."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from posemill.errors import UnreadableMedia
from posemill.video.picture_file import decode_picture

GREY = np.add.outer(np.arange(40), np.arange(64)).astype(np.uint8) * 2
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], -1)


def file(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stored = BytesIO()
    image.save(stored, kind, **options)
    return stored.getvalue()


def grey_file(image: Image.Image) -> NDArray[np.uint8]:
    found = decode_picture(file(image), "p.png")
    assert (found == found[..., :1]).all()
    return found[..., 0]


def test_sixteen_bits_keep_their_upper_eight() -> None:
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    assert deep.mode == "I;16"
    np.testing.assert_array_equal(grey_file(deep), GREY)


def test_what_is_transparent_shows_white() -> None:
    alpha = np.where(GREY > 60, 255, 0).astype(np.uint8)
    found = decode_picture(file(Image.fromarray(np.dstack([COLOUR, alpha]))), "p.png")
    np.testing.assert_array_equal(found, np.where(alpha[..., None] > 0, COLOUR, 255))
    grey = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)])
    np.testing.assert_array_equal(grey_file(grey), np.where(alpha > 0, GREY, 255))


def test_a_palette_with_a_transparent_colour() -> None:
    image = Image.fromarray((GREY > 60).astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 200, 10, 10] + [0] * 762)
    found = decode_picture(file(image, transparency=0), "p.png")
    np.testing.assert_array_equal(found, np.where((GREY > 60)[..., None], [200, 10, 10], 255))


def test_cmyk_comes_near_its_colours() -> None:
    stored = file(Image.fromarray(COLOUR).convert("CMYK"), "JPEG", quality=95)
    assert np.abs(decode_picture(stored, "p.jpg").astype(int) - COLOUR).mean() < 4


def test_of_an_animation_the_first_picture() -> None:
    pictures = [Image.fromarray(COLOUR), Image.fromarray(255 - COLOUR)]
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        stored = file(pictures[0], kind, save_all=True, append_images=pictures[1:], **options)
        np.testing.assert_array_equal(decode_picture(stored, f"p.{kind}"), COLOUR)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_of_exif_are_shown(orientation: int) -> None:
    stored_as = {  # how a shown picture is stored for each of them, by the EXIF standard
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, 1),
        7: lambda p: p.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda p: np.rot90(p, -1),
    }
    image = Image.fromarray(np.ascontiguousarray(stored_as[orientation](COLOUR)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(decode_picture(file(image, exif=exif), "p.png"), COLOUR)


def test_what_is_none_of_the_formats_is_named() -> None:
    with pytest.raises(UnreadableMedia, match=r"^p\.gif is not a picture in a format that is read here \(JPEG, PNG"):
        decode_picture(file(Image.fromarray(GREY), "GIF"), "p.gif")


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_a_sensors_bits_in_a_file_of_sixteen(bits: int) -> None:
    """Cameras of 10 and 12 bits write their values as they are, so that the file's upper bits are empty."""
    grey = np.arange(256, dtype=np.uint16).reshape(16, 16)
    found = decode_picture(file(Image.fromarray(grey << (bits - 8))), "a.png")
    np.testing.assert_array_equal(found, np.repeat(grey[..., None], 3, -1))
