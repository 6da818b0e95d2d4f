"""Writes pictures of 16 bits a channel, which Pillow reads but does not write in colour."""

import struct
import zlib
from pathlib import Path

import numpy as np


def png16(path: Path, values: np.ndarray) -> None:
    """A PNG of uint16 (H, W) or (H, W, 2 to 4)."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[1 if values.ndim == 2 else values.shape[2]]
    rows = values.astype(">u2").reshape(len(values), -1)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    chunks = (b"IHDR" + head, b"IDAT" + packed, b"IEND")
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
            for body in chunks
        )
    )


def tiff16(
    path: Path,
    values: np.ndarray,
    order: str = "<",
    *,
    deflate: bool = False,
    planes: bool = False,
) -> None:
    """A TIFF of uint16 (H, W, 3) in one strip; `order` is < or > as in `struct`.

    With `planes` only the tags say that the channels lie one after another.
    """
    height, width, _ = values.shape
    strip = values.astype(f"{order}u2").tobytes()
    strip = zlib.compress(strip) if deflate else strip
    bits = struct.pack(f"{order}3H", 16, 16, 16)
    short, long = 3, 4
    tags = [
        (256, long, 1, width), (257, long, 1, height), (258, short, 3, 8),
        (259, short, 1, 8 if deflate else 1), (262, short, 1, 2), (273, long, 1, 14),
        (277, short, 1, 3), (278, long, 1, height), (279, long, 1, len(strip)),
        (284, short, 1, 2 if planes else 1),
    ]  # fmt: skip
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, kind, count)
        + (struct.pack(f"{order}HH", value, 0) if kind == short and count == 1
           else struct.pack(f"{order}I", value))
        for tag, kind, count, value in tags
    )  # fmt: skip
    directory = struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", 0)
    mark = b"II" if order == "<" else b"MM"
    start = struct.pack(f"{order}HI", 42, 14 + len(strip))
    path.write_bytes(mark + start + bits + strip + directory)
