import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from deep import png16, tiff16
from draw import blob, image, save
from PIL import Image

from benchmark.core.errors import ImageError
from benchmark.data.decode import depth_of
from benchmark.data.images import read_case, read_image
from benchmark.data.masks import MaskRule, read_mask

USUAL = MaskRule()


def as_rgb(path: Path) -> np.ndarray:
    return np.asarray(read_image(path))


def test_an_rgb_picture_is_kept_as_it_is(tmp_path: Path) -> None:
    save(tmp_path / "a.png", image(1))
    assert np.array_equal(as_rgb(tmp_path / "a.png"), image(1))


@pytest.mark.parametrize(("orientation", "turn"), [(3, 2), (6, 3), (8, 1)])
def test_a_photo_that_exif_says_is_rotated_is_turned_upright(
    tmp_path: Path, orientation: int, turn: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = image(1)
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    upright = np.rot90(stored, turn)
    assert np.array_equal(as_rgb(tmp_path / "a.png"), upright)
    # Its mask was drawn on the upright picture.
    save(tmp_path / "mask.png", blob(1, upright.shape[1::-1]))
    small, mask, _ = read_case(tmp_path / "a.png", [tmp_path / "mask.png"], USUAL, 16)
    assert small.shape == (16, 16, 3)
    assert mask.any()


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    plain = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    Image.fromarray(plain).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert np.abs(as_rgb(tmp_path / "a.jpg").astype(int) - plain).max() < 6


def test_transparent_parts_become_black(tmp_path: Path) -> None:
    rgba = np.full((16, 16, 4), (200, 100, 50, 255), np.uint8)
    rgba[:8, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "a.png")
    read = as_rgb(tmp_path / "a.png")
    assert (read[:8] == 0).all()
    assert (read[8:] == (200, 100, 50)).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_an_unused_alpha_of_nothing_hides_nothing(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(image(1)).convert(mode)
    picture.putalpha(0)
    picture.save(tmp_path / "a.png")
    expected = np.asarray(Image.fromarray(image(1)).convert(mode[:-1]).convert("RGB"))
    assert np.array_equal(as_rgb(tmp_path / "a.png"), expected)


def test_grey_with_alpha_becomes_rgb_on_black(tmp_path: Path) -> None:
    both = np.full((16, 16, 2), (90, 255), np.uint8)
    both[0, :, 1] = 0
    Image.fromarray(both, "LA").save(tmp_path / "a.png")
    read = as_rgb(tmp_path / "a.png")
    assert (read[0] == 0).all()
    assert (read[1:] == 90).all()


def test_palette_pictures_become_rgb(tmp_path: Path) -> None:
    indexed = Image.fromarray(image(1)).quantize(32)
    indexed.save(tmp_path / "a.png")
    assert np.array_equal(as_rgb(tmp_path / "a.png"), np.asarray(indexed.convert("RGB")))
    indexed.save(tmp_path / "b.png", transparency=int(np.asarray(indexed)[0, 0]))
    assert (as_rgb(tmp_path / "b.png")[0, 0] == 0).all()


def test_one_channel_becomes_three(tmp_path: Path) -> None:
    grey = image(1)[..., 0]
    save(tmp_path / "a.png", grey)
    assert np.array_equal(as_rgb(tmp_path / "a.png"), np.repeat(grey[..., None], 3, axis=2))
    Image.fromarray(grey > 127).save(tmp_path / "b.png")
    assert set(np.unique(as_rgb(tmp_path / "b.png"))) == {0, 255}


def test_of_16_bits_the_upper_eight_are_kept(tmp_path: Path) -> None:
    deep = np.arange(16 * 16, dtype=np.uint16).reshape(16, 16) * 257
    for name in ("a.png", "a.tif"):
        Image.fromarray(deep).save(tmp_path / name)
        assert np.array_equal(as_rgb(tmp_path / name)[..., 0], deep >> 8)
    Image.fromarray(deep // 257).save(tmp_path / "low.png")  # 8-bit values in 16-bit pixels
    assert np.array_equal(as_rgb(tmp_path / "low.png")[..., 0], deep // 257)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((16, 16), np.float32), "floating-point pixels"),
        (np.full((16, 16), 70_000, np.int32), "values from 70000 to 70000"),
        (np.full((16, 16), -1, np.int32), "values from -1 to -1"),
    ],
)
def test_deeper_pixels_are_refused(tmp_path: Path, pixels: np.ndarray, message: str) -> None:
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=message):
        read_image(tmp_path / "a.tif")


WRITERS = {
    "a.png": png16,
    "b.tif": tiff16,
    "c.tif": lambda path, values: tiff16(path, values, ">"),
    "d.tif": lambda path, values: tiff16(path, values, deflate=True),
    "e.tif": lambda path, values: tiff16(path, values, ">", deflate=True),
    "f.png": lambda path, values: png16(path, values[..., 0]),
    "g.tif": lambda path, values: Image.fromarray(values[..., 0].copy()).save(path),
}


def deep_values(largest: int) -> np.ndarray:
    """Colours of 16 bits, uint16 (12, 16, 3), the largest of them in every channel."""
    values = np.random.default_rng(0).integers(0, largest + 1, (12, 16, 3), np.uint16)
    values[3, 4] = largest
    return values


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    ("largest", "bits"),
    [(254, 8), (255, 8), (256, 10), (1023, 10), (1024, 12), (4095, 12), (9000, 14), (65535, 16)],
)
def test_the_bits_in_use_are_kept_in_every_format(
    tmp_path: Path, name: str, largest: int, bits: int
) -> None:
    values = deep_values(largest)
    WRITERS[name](tmp_path / name, values)
    depth = depth_of([tmp_path / name])
    assert depth is not None
    assert (depth.largest, depth.bits) == (largest, bits)
    expected = values >> (bits - 8)
    expected = expected if name[0] < "f" else np.repeat(expected[..., :1], 3, axis=2)
    assert np.array_equal(np.asarray(read_image(tmp_path / name, depth)), expected)
    assert np.array_equal(as_rgb(tmp_path / name), expected)


def test_one_rule_for_a_whole_folder(tmp_path: Path) -> None:
    bright, dark = deep_values(1023), deep_values(200)
    png16(tmp_path / "bright.png", bright)
    png16(tmp_path / "dark.png", dark)
    png16(tmp_path / "grey.png", dark[..., 0])
    save(tmp_path / "plain.png", image(1))
    (tmp_path / "broken.tif").write_text("nothing")
    paths = sorted(tmp_path.iterdir())
    depth = depth_of(paths)
    assert depth is not None
    assert (depth.pictures, depth.bits) == (3, 10)
    assert "3 pictures have 16 bits" in str(depth)
    assert "read as 10 bits" in str(depth)
    read = {
        path.stem: np.asarray(read_image(path, depth)) for path in paths if path.stem != "broken"
    }
    assert np.array_equal(read["bright"], bright >> 2)
    assert np.array_equal(read["dark"], dark >> 2)  # alone it would be four times as bright
    assert np.array_equal(read["grey"][..., 1], dark[..., 0] >> 2)
    assert np.array_equal(read["plain"], image(1))
    assert depth_of([tmp_path / "plain.png", tmp_path / "absent.png"]) is None


def test_deep_colours_keep_their_transparency(tmp_path: Path) -> None:
    colours = deep_values(1023)
    alpha = np.full((12, 16, 1), 65535, np.uint16)
    alpha[0] = 0
    png16(tmp_path / "a.png", np.concatenate([colours, alpha], axis=2))
    read = as_rgb(tmp_path / "a.png")
    assert (read[0] == 0).all()
    assert np.array_equal(read[1:], (colours >> 2)[1:])


def test_deep_grey_keeps_its_transparency(tmp_path: Path) -> None:
    grey = deep_values(1023)[..., :1]
    alpha = np.full((12, 16, 1), 65535, np.uint16)
    alpha[0] = 0
    png16(tmp_path / "a.png", np.concatenate([grey, alpha], axis=2))
    read = as_rgb(tmp_path / "a.png")
    assert (read[0] == 0).all()
    assert np.array_equal(read[1:, :, 2], (grey >> 2)[1:, :, 0])


def test_deep_planes_are_refused(tmp_path: Path) -> None:
    tiff16(tmp_path / "a.tif", deep_values(1023), planes=True)
    with pytest.raises(ImageError, match="16 bits in separate planes"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("name", ["a.tif", "a.gif", "a.webp", "a.png"])
def test_several_pages_are_refused(tmp_path: Path, name: str) -> None:
    pages = [Image.fromarray(image(k)) for k in range(3)]
    pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
    with pytest.raises(ImageError, match="3 pages or frames, expected one picture"):
        read_image(tmp_path / name)


def test_the_preview_in_a_telephone_s_jpeg_is_no_page(tmp_path: Path) -> None:
    pages = [Image.fromarray(image(k)) for k in range(2)]
    pages[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=pages[1:])
    assert np.abs(as_rgb(tmp_path / "a.jpg").astype(int) - image(0)).mean() < 8


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_truncated_files_are_refused_by_name(tmp_path: Path, name: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    save(tmp_path / name, noise)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ImageError, match=f"{name}: .*expected a whole picture"):
        read_image(tmp_path / name)
    with pytest.raises(ImageError, match=name):
        read_mask(tmp_path / name, USUAL)


def test_damaged_bytes_text_and_absent_files_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", image(1))
    damaged = bytearray((tmp_path / "a.png").read_bytes())
    damaged[60:80] = bytes(20)
    (tmp_path / "a.png").write_bytes(damaged)
    (tmp_path / "b.png").write_text("<html>not an image</html>")
    for name in ("a.png", "b.png", "absent.png"):
        with pytest.raises(ImageError, match="cannot be read"):
            read_image(tmp_path / name)


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds nothing."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    empty = b"IDAT" + zlib.compress(b"")
    chunks = [
        struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        for body in (head, empty, b"IEND")
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [10_000, 20_000])
def test_pictures_of_too_many_pixels_are_refused_unread(tmp_path: Path, side: int) -> None:
    (tmp_path / "a.png").write_bytes(png_header(side, side))
    with pytest.raises(ImageError, match="at most 89478485"):
        read_image(tmp_path / "a.png")


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_the_bound_holds_where_warnings_are_errors_too(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_header(10_000, 10_000))
    with pytest.raises(ImageError, match="at most 89478485"):
        read_image(tmp_path / "a.png")


def test_a_very_wide_picture_is_read(tmp_path: Path) -> None:
    wide = np.zeros((40, 20_000, 3), np.uint8)
    wide[:, 10_000:] = 255
    save(tmp_path / "a.png", wide)
    save(tmp_path / "m.png", wide[..., 0] > 0)
    small, mask, _ = read_case(tmp_path / "a.png", [tmp_path / "m.png"], USUAL, 16)
    assert mask[:, :8].sum() == 0
    assert mask[:, 8:].all()
    assert small[:, 9:].min() == 255


def test_a_picture_of_one_pixel_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(ImageError, match="1 x 1 pixels, expected at least 8 x 8"):
        read_image(tmp_path / "a.png")


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", image(1, (40, 30)))
    save(tmp_path / "m.png", blob(1, (30, 40)))
    with pytest.raises(ImageError, match=r"m\.png: the mask is 30 x 40, expected 40 x 30, like a"):
        read_case(tmp_path / "a.png", [tmp_path / "m.png"], USUAL, 16)


def test_an_exif_rotated_image_with_a_mask_of_the_stored_pixels_is_refused(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(image(1)).save(tmp_path / "a.png", exif=exif)
    save(tmp_path / "m.png", blob(1))
    with pytest.raises(ImageError, match="when upright"):
        read_case(tmp_path / "a.png", [tmp_path / "m.png"], USUAL, 16)


def test_several_masks_are_joined_by_or(tmp_path: Path) -> None:
    one, other = np.zeros((2, 32, 32), bool)
    one[:4], other[-4:] = True, True
    save(tmp_path / "a.png", image(1, (32, 32)))
    save(tmp_path / "1.png", one)
    save(tmp_path / "2.png", other)
    _, mask, _ = read_case(tmp_path / "a.png", [tmp_path / "1.png", tmp_path / "2.png"], USUAL, 32)
    assert np.array_equal(mask, one | other)


def test_images_are_reduced_bicubic_and_masks_nearest(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than the small picture can hold
    save(tmp_path / "a.png", stripes)
    save(tmp_path / "m.png", blob(1, (64, 64)))
    small, mask, _ = read_case(tmp_path / "a.png", [tmp_path / "m.png"], USUAL, 16)
    assert (small.dtype, mask.dtype) == (np.uint8, np.uint8)
    # Antialiased: the mean grey, not one of the stripes.
    assert np.abs(small[:, 2:-2].astype(int) - 127).max() < 8
    # Nearest: the pixel at the middle of each 4 x 4 block.
    assert np.array_equal(mask, blob(1, (64, 64))[2::4, 2::4])
    assert set(np.unique(mask)) == {0, 1}


def test_a_picture_is_squashed_to_a_square(tmp_path: Path) -> None:
    save(tmp_path / "a.png", image(1, (60, 20)))
    save(tmp_path / "m.png", np.ones((20, 60), bool))
    small, mask, _ = read_case(tmp_path / "a.png", [tmp_path / "m.png"], USUAL, 32)
    assert small.shape == (32, 32, 3)
    assert mask.all()
