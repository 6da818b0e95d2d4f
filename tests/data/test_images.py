import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from draw import blob, image, save
from PIL import Image

from benchmark.core.errors import ImageError
from benchmark.data.images import MaskRule, read_case, read_image, read_mask

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
    small, mask = read_case(tmp_path / "a.png", [tmp_path / "mask.png"], USUAL, 16)
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
        (np.full((16, 16), 70_000, np.int32), "values up to 70000"),
    ],
)
def test_deeper_pixels_are_refused(tmp_path: Path, pixels: np.ndarray, message: str) -> None:
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=message):
        read_image(tmp_path / "a.tif")


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
    small, mask = read_case(tmp_path / "a.png", [tmp_path / "m.png"], USUAL, 16)
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


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((20, 20), 100, np.uint8), "100.0% of the pixels lie farther than 32"),
        (np.full((20, 20), 30_000, np.uint16), "farther than 32"),
        (np.arange(400, dtype=np.uint8).reshape(20, 20) % 4, "values up to 3, like label numbers"),
        (np.broadcast_to(np.array([255, 0, 0], np.uint8), (20, 20, 3)), "pixels are coloured"),
    ],
)
def test_values_that_are_no_mask_are_refused(
    tmp_path: Path, values: np.ndarray, message: str
) -> None:
    save(tmp_path / "m.png", np.ascontiguousarray(values))
    with pytest.raises(ImageError, match=message):
        read_mask(tmp_path / "m.png", USUAL)


def test_a_small_lesion_in_a_wrong_grey_is_not_read_as_an_empty_mask(tmp_path: Path) -> None:
    values = np.zeros((100, 100), np.uint8)
    values[:5, :5] = 90  # a quarter of a percent
    save(tmp_path / "m.png", values)
    with pytest.raises(ImageError, match=r"0\.2% of the pixels"):
        read_mask(tmp_path / "m.png", USUAL)


def test_a_palette_of_labels_is_refused_and_one_of_black_and_white_is_read(tmp_path: Path) -> None:
    labels = Image.fromarray(blob(1).astype(np.uint8), "P")
    labels.putpalette([0, 0, 0, 128, 0, 0])
    labels.save(tmp_path / "red.png")
    with pytest.raises(ImageError, match="coloured"):
        read_mask(tmp_path / "red.png", USUAL)
    labels.putpalette([0, 0, 0, 255, 255, 255])
    labels.save(tmp_path / "white.png")
    assert np.array_equal(read_mask(tmp_path / "white.png", USUAL), blob(1))


@pytest.mark.parametrize("scale", [1, 255])
def test_masks_of_eight_bits_are_read(tmp_path: Path, scale: int) -> None:
    save(tmp_path / "m.png", blob(1).astype(np.uint8) * np.uint8(scale))
    assert np.array_equal(read_mask(tmp_path / "m.png", USUAL), blob(1))


@pytest.mark.parametrize("scale", [255, 65_535])
def test_masks_of_sixteen_bits_are_read(tmp_path: Path, scale: int) -> None:
    save(tmp_path / "m.png", blob(1).astype(np.uint16) * np.uint16(scale))
    assert np.array_equal(read_mask(tmp_path / "m.png", USUAL), blob(1))


def test_an_empty_mask_is_a_mask(tmp_path: Path) -> None:
    save(tmp_path / "m.png", np.zeros((20, 20), bool))
    assert not read_mask(tmp_path / "m.png", USUAL).any()


def test_jpeg_masks_with_grey_edges_are_read(tmp_path: Path) -> None:
    mask = blob(1, (300, 200))
    save(tmp_path / "m.jpg", np.repeat(mask[..., None], 3, axis=2), quality=75)
    assert len(np.unique(np.asarray(Image.open(tmp_path / "m.jpg")))) > 2
    assert (read_mask(tmp_path / "m.jpg", USUAL) != mask).mean() < 0.002


def test_disc_masks_are_all_below_255(tmp_path: Path) -> None:
    values = np.full((20, 20), 255, np.uint8)
    values[5:15, 5:15] = 128
    values[8:12, 8:12] = 0
    save(tmp_path / "m.png", values)
    mask = read_mask(tmp_path / "m.png", MaskRule((0, 128, 255), low=0, high=254))
    assert mask.sum() == 100
    assert mask[5:15, 5:15].all()


def test_soft_maps_of_experts_are_cut_above_127(tmp_path: Path) -> None:
    values = np.repeat(np.array([0, 64, 127, 128, 191, 255], np.uint8), 10)
    save(tmp_path / "m.png", np.tile(values, (10, 1)))
    rule = MaskRule((0, 64, 128, 191, 255))
    assert np.array_equal(read_mask(tmp_path / "m.png", rule)[0], values > 127)


def test_several_masks_are_joined_by_or(tmp_path: Path) -> None:
    one, other = np.zeros((2, 32, 32), bool)
    one[:4], other[-4:] = True, True
    save(tmp_path / "a.png", image(1, (32, 32)))
    save(tmp_path / "1.png", one)
    save(tmp_path / "2.png", other)
    _, mask = read_case(tmp_path / "a.png", [tmp_path / "1.png", tmp_path / "2.png"], USUAL, 32)
    assert np.array_equal(mask, one | other)


def test_images_are_reduced_bicubic_and_masks_nearest(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than the small picture can hold
    save(tmp_path / "a.png", stripes)
    save(tmp_path / "m.png", blob(1, (64, 64)))
    small, mask = read_case(tmp_path / "a.png", [tmp_path / "m.png"], USUAL, 16)
    assert (small.dtype, mask.dtype) == (np.uint8, np.uint8)
    # Antialiased: the mean grey, not one of the stripes.
    assert np.abs(small[:, 2:-2].astype(int) - 127).max() < 8
    # Nearest: the pixel at the middle of each 4 x 4 block.
    assert np.array_equal(mask, blob(1, (64, 64))[2::4, 2::4])
    assert set(np.unique(mask)) == {0, 1}


def test_a_picture_is_squashed_to_a_square(tmp_path: Path) -> None:
    save(tmp_path / "a.png", image(1, (60, 20)))
    save(tmp_path / "m.png", np.ones((20, 60), bool))
    small, mask = read_case(tmp_path / "a.png", [tmp_path / "m.png"], USUAL, 32)
    assert small.shape == (32, 32, 3)
    assert mask.all()
