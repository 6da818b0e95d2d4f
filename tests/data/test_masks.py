"""Masks of any mode: what carries the lesion is found; what has two readings is refused."""

from pathlib import Path

import numpy as np
import pytest
from deep import png16
from draw import blob, save
from PIL import Image

from benchmark.core.errors import ImageError
from benchmark.data.masks import ListedCodes, MaskRule, Rule, read_mask

USUAL = MaskRule()


def read(path: Path, rule: Rule = USUAL) -> np.ndarray:
    return read_mask(path, rule).pixels


def refused(path: Path, *parts: str, rule: Rule = USUAL) -> str:
    """The error of a mask that must not be read; it names the file and holds these parts."""
    with pytest.raises(ImageError) as error:
        read_mask(path, rule)
    text = str(error.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    assert all(part in text for part in parts), text
    return text


def coloured(inside: tuple[int, ...], outside: tuple[int, ...], seed: int = 1) -> np.ndarray:
    """A disc of one colour on another, uint8 (H, W, channels)."""
    return np.where(blob(seed)[..., None], inside, outside).astype(np.uint8)


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (np.full((20, 20), 100, np.uint8), ["code 100 (400 pixels)", "0 and 255, or 0 and 1"]),
        (np.full((20, 20), 30_000, np.uint16), ["code 30000 (400 pixels)"]),
        (np.arange(400, dtype=np.uint8).reshape(20, 20), ["codes 0 (2 pixels)", "250 other values",
                                                          "lie farther than 32"]),
        (np.arange(400, dtype=np.uint8).reshape(20, 20) % 4, ["3 (100 pixels), like label"]),
        (np.arange(400, dtype=np.uint16).reshape(20, 20) % 40 * 99, ["34 other values, like"]),
    ],
)  # fmt: skip
def test_values_that_are_no_mask_are_refused(
    tmp_path: Path, values: np.ndarray, parts: list[str]
) -> None:
    save(tmp_path / "m.png", values)
    refused(tmp_path / "m.png", *parts, "--lesion-codes", "do not count are not supported")


@pytest.mark.parametrize(
    "codes",
    [
        (0, 1, 255), (0, 1, 2, 255), (1, 2, 255), (0, 2), (0, 3, 255), (0, 128, 255), (128, 255),
        (0, 255, 128), (0, 64, 255), (0, 90), (0, 85, 170, 255), (0, 254, 255), (2,), (0, 20),
        (0, 1, 2, 3, 4, 5, 6, 255),
    ],
)  # fmt: skip
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_code_however_rare_is_never_explained_away(
    tmp_path: Path, codes: tuple[int, ...], depth: type[np.generic]
) -> None:
    # 40,000 pixels: all but the first code are far below one percent.
    values = np.full((200, 200), codes[0], depth)
    for k, code in enumerate(codes[1:]):
        values[10 + 3 * k, 10:30] = code
    save(tmp_path / "m.png", values)
    text = refused(tmp_path / "m.png", str(codes[0]))
    assert len(codes) > 6 or all(f"{code} (20 pixels)" in text for code in codes[1:])


@pytest.mark.parametrize("codes", [(0, 1, 65535), (0, 4095), (0, 300), (0, 32896, 65535)])
def test_codes_of_sixteen_bits_are_not_cut(tmp_path: Path, codes: tuple[int, ...]) -> None:
    values = np.zeros((200, 200), np.uint16)
    for k, code in enumerate(codes):
        values[10 + 3 * k, 10:30] = code
    save(tmp_path / "m.png", values)
    refused(tmp_path / "m.png", f"{codes[1]} (20 pixels)")
    rule = ListedCodes(codes[1:], codes[:1])
    assert read(tmp_path / "m.png", rule).sum() == 20 * (len(codes) - 1)


@pytest.mark.parametrize("pair", [(0, 255), (0, 254), (3, 252), (16, 235), (0, 1)])
def test_two_values_that_are_plain_are_read(tmp_path: Path, pair: tuple[int, int]) -> None:
    save(tmp_path / "m.png", np.where(blob(1), pair[1], pair[0]).astype(np.uint8))
    assert np.array_equal(read(tmp_path / "m.png"), blob(1))


def test_antialiased_edges_are_read(tmp_path: Path) -> None:
    large = Image.fromarray(blob(1, (800, 600)).astype(np.uint8) * np.uint8(255))
    soft = np.asarray(large.resize((200, 150), Image.Resampling.BICUBIC))
    assert len(np.unique(soft)) > 20
    save(tmp_path / "m.png", soft)
    assert np.array_equal(read(tmp_path / "m.png"), soft > 127)


@pytest.mark.parametrize("quality", [100, 95, 75, 50])
def test_a_jpeg_saved_again_as_png_is_read(tmp_path: Path, quality: int) -> None:
    mask = blob(1, (300, 200))
    save(tmp_path / "m.jpg", mask, quality=quality)
    save(tmp_path / "m.png", np.asarray(Image.open(tmp_path / "m.jpg")))
    for name in ("m.jpg", "m.png"):
        assert (read(tmp_path / name) != mask).mean() < 0.002


@pytest.mark.parametrize("codes", [(0, 1), (0, 1, 2), (0, 2), (0, 10)])
@pytest.mark.parametrize("name", ["m.jpg", "m.webp", "m.tif"])
def test_label_numbers_that_compression_blurred_are_refused(
    tmp_path: Path, codes: tuple[int, ...], name: str
) -> None:
    values = np.zeros((96, 96), np.uint8)
    for k, code in enumerate(codes[1:]):
        values[20 + 30 * k : 45 + 30 * k, 20:60] = code
    options = {"compression": "jpeg"} if name == "m.tif" else {}
    save(tmp_path / name, values, quality=95, **options)
    refused(tmp_path / name, "like label numbers", "--lesion-codes")
    rule = ListedCodes(codes[1:], codes[:1])
    assert (read(tmp_path / name, rule) != (values > 0)).mean() < 0.03


def test_the_bytes_say_what_is_lossy_and_not_the_name(tmp_path: Path) -> None:
    save(tmp_path / "m.jpg", blob(1).astype(np.uint8), quality=95)
    (tmp_path / "m.jpg").rename(tmp_path / "m.png")
    refused(tmp_path / "m.png", "like label numbers")
    save(tmp_path / "whole.webp", blob(1).astype(np.uint8), lossless=True)
    assert np.array_equal(read(tmp_path / "whole.webp"), blob(1))


def test_listed_codes_are_exact(tmp_path: Path) -> None:
    values = blob(1).astype(np.uint8)
    values[0, :7] = 255
    save(tmp_path / "m.png", values)
    lesion_alone = ListedCodes((1,), (0,))
    parts = ["code 255 (7 pixels) on neither list", "lesion codes 1 and background codes 0"]
    refused(tmp_path / "m.png", *parts, "do not count are not supported", rule=lesion_alone)
    assert np.array_equal(read(tmp_path / "m.png", ListedCodes((1,), (0, 255))), blob(1))
    assert np.array_equal(read(tmp_path / "m.png", ListedCodes((1, 255), (0,))), values > 0)
    assert np.array_equal(read(tmp_path / "m.png", ListedCodes((0,), (1, 255))), values == 0)


def test_listed_codes_of_a_blurred_file_are_the_nearest(tmp_path: Path) -> None:
    values = np.full((200, 200), 255, np.uint8)
    values[50:150, 50:150], values[80:120, 80:120] = 128, 0
    save(tmp_path / "m.jpg", values, quality=95)
    found = read(tmp_path / "m.jpg", ListedCodes((0, 128), (255,)))
    assert (found != (values < 255)).mean() < 0.002


@pytest.mark.parametrize(
    ("lesion", "background", "said"),
    [
        ((), (0,), "no lesion code"),
        ((1,), (), "no background code"),
        ((1, 2), (0, 2), "2 is a lesion code and a background code"),
        ((70_000,), (0,), "in 0 to 65535"),
        ((-1,), (0,), "in 0 to 65535"),
    ],
)
def test_lists_that_cannot_be_told_apart(
    lesion: tuple[int, ...], background: tuple[int, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        ListedCodes(lesion, background)


@pytest.mark.parametrize(
    "colour",
    [(1, 0, 0), (0, 1, 0), (0, 0, 1), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0),
     (1, 1, 0), (255, 90, 20), (255, 255, 255)],
)  # fmt: skip
@pytest.mark.parametrize("indexed", [False, True])
def test_a_lesion_of_one_colour_on_black_is_read(
    tmp_path: Path, colour: tuple[int, int, int], indexed: bool
) -> None:
    picture = Image.fromarray(coloured(colour, (0, 0, 0)))
    (picture.quantize(2) if indexed else picture).save(tmp_path / "m.png")
    assert np.array_equal(read(tmp_path / "m.png"), blob(1))


def test_a_red_lesion_of_less_than_a_thousandth_is_read(tmp_path: Path) -> None:
    values = np.zeros((200, 200, 3), np.uint8)
    values[7, 7:16, 0] = 255
    save(tmp_path / "m.png", values)
    assert np.array_equal(read(tmp_path / "m.png"), values[..., 0] > 0)
    # JPEG spreads the red over grey levels: it is refused rather than lost.
    save(tmp_path / "m.jpg", values, quality=95)
    refused(tmp_path / "m.jpg", "pixels are coloured")


def test_a_red_lesion_with_soft_edges_is_read(tmp_path: Path) -> None:
    large = Image.fromarray(coloured((255, 0, 0), (0, 0, 0)))
    soft = np.asarray(large.resize((200, 150), Image.Resampling.BILINEAR))
    assert len(np.unique(soft)) > 20
    save(tmp_path / "m.png", np.asarray(Image.fromarray(soft).resize((190, 140), 2)))
    with pytest.raises(ImageError, match="lie farther"):  # most pixels of so small a mask are edge
        read(tmp_path / "m.png")
    large = Image.fromarray(np.asarray(large.resize((2000, 1500), 0)))
    save(tmp_path / "m.png", np.asarray(large.resize((500, 375), Image.Resampling.BICUBIC)))
    found = np.asarray(Image.open(tmp_path / "m.png"))[..., 0] > 127
    assert np.array_equal(read(tmp_path / "m.png"), found)
    assert found.any()


@pytest.mark.parametrize(
    ("first", "second", "outside"),
    [
        ((255, 0, 0), (0, 255, 0), (0, 0, 0)),  # two classes
        ((1, 0, 0), (0, 1, 0), (0, 0, 0)),
        ((255, 0, 0), (255, 0, 0), (255, 255, 255)),  # on white
        ((1, 0, 0), (255, 255, 255), (0, 0, 0)),  # a class, and what does not count
        ((255, 255, 255), (255, 255, 255), (0, 0, 255)),
    ],
)
def test_colours_that_could_mean_several_things_are_refused(
    tmp_path: Path, first: tuple[int, ...], second: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    values = coloured(first, outside)
    values[0, :3] = second
    save(tmp_path / "m.png", values)
    refused(tmp_path / "m.png", "colours ", f"{outside} (", "black and one other colour")


def test_a_photograph_is_no_mask(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    for name in ("m.png", "m.jpg"):
        save(tmp_path / name, noise)
        refused(tmp_path / name, "pixels are coloured", "an overlay or a palette")


def test_a_dark_colour_is_named_by_its_code_and_read_by_it(tmp_path: Path) -> None:
    labels = Image.fromarray(blob(1).astype(np.uint8), "P")
    labels.putpalette([0, 0, 0, 128, 0, 0])
    labels.save(tmp_path / "red.png")
    refused(tmp_path / "red.png", "0 (1087 pixels), 128 (113 pixels)")
    assert np.array_equal(read(tmp_path / "red.png", ListedCodes((128,), (0,))), blob(1))
    save(tmp_path / "crimson.png", coloured((220, 20, 60), (0, 0, 0)))
    refused(tmp_path / "crimson.png", "220 (113 pixels)")
    assert np.array_equal(read(tmp_path / "crimson.png", ListedCodes((220,), (0,))), blob(1))


def test_a_palette_of_black_and_white_is_read(tmp_path: Path) -> None:
    labels = Image.fromarray(blob(1).astype(np.uint8), "P")
    labels.putpalette([0, 0, 0, 255, 255, 255])
    labels.save(tmp_path / "white.png")
    assert np.array_equal(read(tmp_path / "white.png"), blob(1))
    labels.putpalette([255, 255, 255, 0, 0, 0])
    labels.save(tmp_path / "white.gif")
    assert np.array_equal(read(tmp_path / "white.gif"), ~blob(1))


@pytest.mark.parametrize("scale", [1, 257, 65_535])
def test_colours_of_sixteen_bits(tmp_path: Path, scale: int) -> None:
    values = np.zeros((30, 40, 3), np.uint16)
    values[blob(1)] = scale
    png16(tmp_path / "m.png", values)
    if scale == 1:  # the upper bytes alone are all 0
        refused(tmp_path / "m.png", "colours of 16 bits with values up to 1")
    else:
        assert np.array_equal(read(tmp_path / "m.png"), blob(1))


# Colour inside and outside, and what may be read of it: the disc, its outside, or nothing.
TRANSPARENT = {
    "alpha is 0 throughout": ((255, 255, 255, 0), (0, 0, 0, 0), True),
    "alpha is 255 throughout": ((255, 255, 255, 255), (0, 0, 0, 255), True),
    "alpha is 90 throughout": ((255, 255, 255, 90), (0, 0, 0, 90), True),
    "black on nothing": ((0, 0, 0, 255), (0, 0, 0, 0), True),
    "white on white nothing": ((255, 255, 255, 255), (255, 255, 255, 0), True),
    "white on black nothing": ((255, 255, 255, 255), (0, 0, 0, 0), True),
    "class 1 on nothing": ((1, 1, 1, 255), (0, 0, 0, 0), True),
    "red on nothing": ((255, 0, 0, 255), (0, 0, 0, 0), True),
    "half-clear red on nothing": ((255, 0, 0, 128), (0, 0, 0, 0), True),
    "black on white nothing": ((0, 0, 0, 255), (255, 255, 255, 0), None),
    "a white hole in black": ((255, 255, 255, 0), (0, 0, 0, 255), None),
}


@pytest.mark.parametrize("kind", TRANSPARENT)
def test_the_picture_or_the_transparency_carries_the_mask(tmp_path: Path, kind: str) -> None:
    inside, outside, readable = TRANSPARENT[kind]
    save(tmp_path / "m.png", coloured(inside, outside))
    if readable:
        assert np.array_equal(read(tmp_path / "m.png"), blob(1))
        return
    parts = ["the transparency 1", "the picture would make 1", "--lesion-codes 0 --background"]
    refused(tmp_path / "m.png", *parts)
    rule = ListedCodes((inside[0],), (outside[0],))
    assert np.array_equal(read(tmp_path / "m.png", rule), blob(1))


def test_a_photograph_cut_out_by_its_transparency(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 4), np.uint8)
    noise[..., 3] = blob(1) * 255
    save(tmp_path / "m.png", noise)
    assert np.array_equal(read(tmp_path / "m.png"), blob(1))


@pytest.mark.parametrize(("colour", "area"), [((0, 0, 0, 0), 0), ((0, 0, 0, 255), 0),
                                              ((255, 255, 255, 255), 1200)])  # fmt: skip
def test_one_colour_and_one_transparency(
    tmp_path: Path, colour: tuple[int, ...], area: int
) -> None:
    save(tmp_path / "m.png", coloured(colour, colour))
    assert read(tmp_path / "m.png").sum() == area


def test_white_that_nobody_sees_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "m.png", coloured((255, 255, 255, 0), (255, 255, 255, 0)))
    refused(tmp_path / "m.png", "would make 1200 pixels the lesion, the transparency 0")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_colour_that_is_marked_as_transparent(tmp_path: Path, mode: str) -> None:
    mask = Image.fromarray(blob(1).astype(np.uint8) * np.uint8(255)).convert("RGB").convert(mode)
    if mode == "P":
        mask = mask.convert("RGB").quantize(2)
    white, black = ((255,) * 3, (0,) * 3) if mode == "RGB" else (255, 0)
    if mode == "P":
        white, black = (int(np.asarray(mask)[blob(1) == inside][0]) for inside in (True, False))
    mask.save(tmp_path / "black.png", transparency=black)
    assert np.array_equal(read(tmp_path / "black.png"), blob(1))
    # White is the lesion of the picture, and what is not transparent is the lesion by the other.
    mask.save(tmp_path / "white.png", transparency=white)
    refused(tmp_path / "white.png", "the picture would make 113 pixels", "the transparency 1087")
    assert np.array_equal(read(tmp_path / "white.png", ListedCodes((255,), (0,))), blob(1))


def test_by_what_value_the_lesion_was_known(tmp_path: Path) -> None:
    for code, known in ((1, 1), (255, 255), (0, None)):
        save(tmp_path / "m.png", blob(1).astype(np.uint8) * np.uint8(code))
        assert read_mask(tmp_path / "m.png", USUAL).code == known
    save(tmp_path / "m.png", blob(1))
    assert read_mask(tmp_path / "m.png", ListedCodes((255,), (0,))).code is None


@pytest.mark.parametrize("name", ["m.tif", "m.gif", "m.webp", "m.png"])
def test_several_pages_are_refused(tmp_path: Path, name: str) -> None:
    pages = [Image.fromarray(blob(k).astype(np.uint8) * np.uint8(255)) for k in range(3)]
    pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
    refused(tmp_path / name, "3 pages or frames, expected one picture")


@pytest.mark.parametrize("scale", [1, 255])
def test_masks_of_eight_bits_are_read(tmp_path: Path, scale: int) -> None:
    save(tmp_path / "m.png", blob(1).astype(np.uint8) * np.uint8(scale))
    assert np.array_equal(read(tmp_path / "m.png", USUAL), blob(1))


@pytest.mark.parametrize("scale", [255, 65_535])
def test_masks_of_sixteen_bits_are_read(tmp_path: Path, scale: int) -> None:
    save(tmp_path / "m.png", blob(1).astype(np.uint16) * np.uint16(scale))
    assert np.array_equal(read(tmp_path / "m.png", USUAL), blob(1))


def test_an_empty_mask_is_a_mask(tmp_path: Path) -> None:
    save(tmp_path / "m.png", np.zeros((20, 20), bool))
    assert not read(tmp_path / "m.png", USUAL).any()


def test_jpeg_masks_with_grey_edges_are_read(tmp_path: Path) -> None:
    mask = blob(1, (300, 200))
    save(tmp_path / "m.jpg", np.repeat(mask[..., None], 3, axis=2), quality=75)
    assert len(np.unique(np.asarray(Image.open(tmp_path / "m.jpg")))) > 2
    assert (read(tmp_path / "m.jpg", USUAL) != mask).mean() < 0.002


def test_disc_masks_are_all_below_255(tmp_path: Path) -> None:
    values = np.full((20, 20), 255, np.uint8)
    values[5:15, 5:15] = 128
    values[8:12, 8:12] = 0
    save(tmp_path / "m.png", values)
    mask = read(tmp_path / "m.png", MaskRule((0, 128, 255), low=0, high=254))
    assert mask.sum() == 100
    assert mask[5:15, 5:15].all()


def test_soft_maps_of_experts_are_cut_above_127(tmp_path: Path) -> None:
    values = np.repeat(np.array([0, 64, 127, 128, 191, 255], np.uint8), 10)
    save(tmp_path / "m.png", np.tile(values, (10, 1)))
    rule = MaskRule((0, 64, 128, 191, 255))
    assert np.array_equal(read(tmp_path / "m.png", rule)[0], values > 127)
