"""Segmenting anybody's folder: sizes, modes, names, broken images, and nothing half-written."""

import weakref

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmark.core.errors import MethodError, MissingDataError, StoreError
from benchmark.core.progress import Silent
from benchmark.runs import folder as module
from benchmark.runs.folder import predict_folder

SIZE = 32


def bright(batch):
    """A stand-in for a network: the red channel as a probability."""
    assert batch.dtype == np.uint8
    assert batch.shape[1:] == (SIZE, SIZE, 3)
    return batch[..., 0] / 255


def save(folder, name, mode="RGB", size=(60, 40), **options):
    """A picture whose left half is bright."""
    pixels = np.full((size[1], size[0], 3), 20, np.uint8)
    pixels[:, : size[0] // 2] = 230
    picture = Image.fromarray(pixels)
    if mode == "I;16":
        picture = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    elif mode != "RGB":
        picture = picture.convert(mode)
    picture.save(folder / name, **options)


@pytest.fixture
def images(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def run(images, predict=bright, **options):
    return predict_folder(predict, images, images.parent / "out", SIZE, Silent(), **options)


def read(images, name):
    return np.asarray(Image.open(images.parent / "out" / name))


def test_every_file_at_the_image_s_own_size(images):
    save(images, "a.png", size=(60, 40))
    run(images)
    mask, prob, over = (read(images, f"a_{kind}.png") for kind in ("mask", "prob", "overlay"))
    assert mask.shape == prob.shape == (40, 60)
    assert over.shape == (40, 60, 3)
    assert mask.dtype == over.dtype == np.uint8
    assert prob.dtype == np.uint16
    assert set(np.unique(mask)) == {0, 255}
    assert (mask[:, :28] == 255).all()
    assert (mask[:, 32:] == 0).all()
    assert prob[20, 5] == pytest.approx(230 / 255 * 65535, abs=1)
    assert np.array_equal(mask == 255, prob >= 32768)


def test_summary(images):
    save(images, "a.png", size=(64, 32))
    summary = run(images)
    row = summary.iloc[0]
    assert (row["file"], row["name"], row["width"], row["height"]) == ("a.png", "a", 64, 32)
    assert row["foreground"] == pytest.approx(0.5, abs=0.02)
    # 230/255 = 0.90 bright and 1 - 20/255 = 0.92 dark, but for the soft step between.
    assert row["confidence"] == pytest.approx(0.91, abs=0.03)
    on_disk = pd.read_csv(images.parent / "out" / "summary.csv", keep_default_na=False)
    assert list(on_disk.columns) == list(summary.columns)
    assert on_disk["error"].tolist() == [""]
    assert on_disk["width"].tolist() == [64]


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("grey.png", "L"),
        ("alpha.png", "RGBA"),
        ("palette.png", "P"),
        ("deep.png", "I;16"),
        ("print.jpg", "CMYK"),
        ("photo.jpeg", "RGB"),
        ("scan.tiff", "RGB"),
        ("UPPER.PNG", "RGB"),
    ],
)
def test_modes(images, name, mode):
    save(images, name, mode)
    assert run(images)["error"].tolist() == [""]
    mask = read(images, f"{name.split('.')[0]}_mask.png")
    assert mask[20, 5] == 255
    assert mask[20, 55] == 0


def test_a_rotated_photo_is_segmented_upright(images):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(images, "a.jpg", size=(60, 40), exif=exif)
    summary = run(images)
    assert (summary["width"][0], summary["height"][0]) == (40, 60)
    # Turned by a quarter clockwise, the bright left half is on top.
    assert read(images, "a_mask.png")[5, 20] == 255
    assert read(images, "a_mask.png")[55, 20] == 0


def test_a_bad_image_is_named_and_stops_no_other(images):
    save(images, "good.png")
    save(images, "wide.png", size=(3000, 10))
    save(images, "short.jpg")
    data = (images / "short.jpg").read_bytes()
    (images / "short.jpg").write_bytes(data[: len(data) // 2])
    (images / "text.png").write_text("no picture")
    save(images, "dot.png", size=(1, 1))
    summary = run(images, batch=2).set_index("file")
    assert summary.loc[["good.png", "wide.png"], "error"].tolist() == ["", ""]
    for name in ("short.jpg", "text.png", "dot.png"):
        assert name in summary.loc[name, "error"]
        assert pd.isna(summary.loc[name, "width"])
        assert not list((images.parent / "out").glob(f"{name.split('.')[0]}*"))
    assert read(images, "wide_mask.png").shape == (10, 3000)


def test_only_bad_images(images):
    (images / "a.png").write_text("no picture")
    assert run(images)["error"].str.len().gt(0).all()
    assert [path.name for path in (images.parent / "out").iterdir()] == ["summary.csv"]


def test_stems_alike_are_told_apart(images):
    for name in ("a.png", "a.jpg", "A.bmp", "a_png.png", "b.png"):
        save(images, name)
    names = run(images).set_index("file")["name"]
    assert names["a.jpg"] == "a_jpg"
    assert names["a_png.png"] == "a_png"
    assert names["a.png"] == "a_png-2"
    assert names["b.png"] == "b"
    assert names.str.casefold().is_unique
    assert len(list((images.parent / "out").glob("*_mask.png"))) == 5


def test_names_with_spaces_brackets_and_accents(images):
    for name in ("my scan (1).png", "[x].png", "émile ø.png", "a.b.png"):
        save(images, name)
    assert run(images)["error"].eq("").all()
    for name in ("my scan (1)", "[x]", "émile ø", "a.b"):
        assert (images.parent / "out" / f"{name}_mask.png").is_file()


def test_batches_give_what_single_images_give(images):
    rng = np.random.default_rng(0)
    for k in range(5):
        save(images, f"{k}.png", size=tuple(rng.integers(20, 80, 2)))
    sizes = []

    def counting(batch):
        sizes.append(len(batch))
        return bright(batch)

    together = run(images, counting, batch=3)
    assert sizes == [3, 2]
    pd.testing.assert_frame_equal(together, run(images, batch=1))


def test_few_large_pictures_are_held_at_once(images, monkeypatch):
    for k in range(5):
        save(images, f"{k}.png", size=(60, 40) if k else (30, 20))
    (images / "9.png").write_text("no picture")
    reading, alive, most, sizes = module.read_image, [], [], []

    def watched(path, depth):
        most.append(sum(reference() is not None for reference in alive))
        picture = reading(path, depth)
        alive.append(weakref.ref(picture))
        return picture

    def counting(batch):
        sizes.append(len(batch))
        return bright(batch)

    monkeypatch.setattr(module, "read_image", watched)
    plain = run(images, counting)
    assert sizes == [5]
    monkeypatch.setattr(module, "PIXELS", 2 * 60 * 40)
    sizes.clear()
    alive.clear()
    most.clear()
    few = run(images, counting)
    assert sizes == [2, 2, 1]  # 600 + 2400, 2 * 2400, 2400 and one that cannot be read
    assert max(most) == 1, "a picture is freed before the next batch is read"
    pd.testing.assert_frame_equal(plain, few)
    assert few["file"].tolist() == [*(f"{k}.png" for k in range(5)), "9.png"]


@pytest.mark.parametrize("size", [(61, 47), (20, 200), (200, 10)])
@pytest.mark.parametrize("rows", [1, 7])
def test_bands_of_rows_give_what_the_whole_gives(images, monkeypatch, size, rows):
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).save(images / "a.png")
    whole = run(images)
    kept = {kind: read(images, f"a_{kind}.png") for kind in ("mask", "prob", "overlay")}
    monkeypatch.setattr(module, "BAND", rows * size[0])
    banded = run(images)
    pd.testing.assert_frame_equal(whole, banded, atol=1e-5)
    for kind, pixels in kept.items():
        difference = read(images, f"a_{kind}.png").astype(int) - pixels
        # Rounding may move a probability by one of 65,535 levels, and one near the cut across it.
        assert np.abs(difference).max() <= 1 if kind == "prob" else (difference == 0).mean() > 0.999


def test_one_image_in_place_of_a_folder(images):
    save(images, "a.png")
    save(images, "b.png")
    summary = predict_folder(bright, images / "a.png", images.parent / "out", SIZE, Silent())
    assert summary["file"].tolist() == ["a.png"]
    assert (read(images, "a_mask.png")[:, :28] == 255).all()
    with pytest.raises(StoreError, match="folder of the images"):
        predict_folder(bright, images / "a.png", images, SIZE, Silent())
    (images / "c.dcm").write_text("x")
    with pytest.raises(MissingDataError, match=r"c\.dcm: no image by its name"):
        predict_folder(bright, images / "c.dcm", images.parent / "out", SIZE, Silent())


class Listening(Silent):
    """Keeps what is said."""

    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def test_what_was_passed_over_is_said(images):
    save(images, "a.png")
    (images / "val").mkdir()
    save(images / "val", "b.png")
    for name in ("x.dcm", "y.dcm", "z.npy"):
        (images / name).write_text("x")
    heard = Listening()
    predict_folder(bright, images, images.parent / "out", SIZE, heard)
    assert heard.lines == ["passed over 2 .dcm, 1 .npy, val/ (1 .png)"]
    heard = Listening()
    predict_folder(bright, images / "val", images.parent / "out", SIZE, heard)
    assert heard.lines == []


def test_deep_pictures_of_a_folder_are_read_by_one_rule(images):
    for name, largest in (("a", 1023), ("b", 500)):
        Image.fromarray(np.full((40, 60), largest, np.uint16)).save(images / f"{name}.png")
    heard = Listening()
    summary = predict_folder(bright, images, images.parent / "out", SIZE, heard)
    assert len(heard.lines) == 1
    assert "2 pictures have 16 bits a channel with values up to 1023: read as 10" in heard.lines[0]
    # 500 of 1023 is dark; alone it would be read as 9 bits, and bright.
    assert summary["foreground"].tolist() == [1, 0]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_pages_and_too_many_pixels_are_named(images):
    pages = [Image.new("RGB", (60, 40)) for _ in range(2)]
    pages[0].save(images / "pages.tif", save_all=True, append_images=pages[1:])
    Image.new("1", (10_000, 8_950)).save(images / "vast.png")
    summary = run(images).set_index("file")
    assert "2 pages or frames, expected one picture" in summary.loc["pages.tif", "error"]
    assert "10000 x 8950 pixels, expected at most 89478485" in summary.loc["vast.png", "error"]


@pytest.mark.parametrize(
    ("files", "said"),
    [([], "no file at all"), (["a.dcm", "b.dcm", "c.npy", ".hidden.png"], "2 .dcm, 1 .npy")],
)
def test_empty_folder(images, files, said):
    for name in files:
        (images / name).write_text("")
    with pytest.raises(MissingDataError, match=rf"no image \({said}\), expected files that end"):
        run(images)
    assert not (images.parent / "out").exists()


def test_no_such_folder(tmp_path):
    with pytest.raises(MissingDataError, match="no such folder or image"):
        run(tmp_path / "absent")


def test_results_never_go_among_the_images(images):
    save(images, "a.png")
    with pytest.raises(StoreError, match="folder of the images"):
        predict_folder(bright, images, images, SIZE, Silent())
    assert [path.name for path in images.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (lambda batch: np.zeros((len(batch), 1, SIZE, SIZE)), r"\(1, 1, 32, 32\), expected"),
        (lambda batch: np.full(batch.shape[:3], 3.0), "values from 3.0 to 3.0"),
        (lambda batch: np.full(batch.shape[:3], np.nan), "values from nan"),
    ],
)
def test_what_is_no_map_is_refused(images, predict, message):
    save(images, "a.png")
    with pytest.raises(MethodError, match=message):
        run(images, predict)
    assert not (images.parent / "out").exists()


def test_an_interruption_leaves_whole_files_only(images, monkeypatch):
    save(images, "a.png")
    save(images, "b.png")
    real, calls = Image.Image.save, []

    def stopped(self, to, **options):
        calls.append(to)
        real(self, to, **options)
        if len(calls) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(images)
    left = sorted(path.name for path in (images.parent / "out").iterdir())
    assert left == ["a_mask.png", "a_overlay.png", "a_prob.png"]
