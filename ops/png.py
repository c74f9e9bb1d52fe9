# ruff: noqa: INP001 (ops holds scripts, it is no package)
"""Reads and writes pictures in PNG, as far as screenshots of mails need it.

No library: a palette is all that makes these pictures small, and that is an hour of the
standard (https://www.w3.org/TR/png-3/) against a dependency for good.
"""

import struct
import zlib
from collections.abc import Iterator

MARK = b"\x89PNG\r\n\x1a\n"
#: The bytes of a pixel by colour type: RGB, and RGB with alpha.
SIZES = {2: 3, 6: 4}
PALETTE_TYPE = 3
MOST_COLOURS = 256
#: Bits of a channel that are left out where there are too many colours.
COARSER = 4

Pixel = bytes
Rows = list[list[Pixel]]


def read(data: bytes) -> Rows:
    """Return a picture's rows of pixels, three bytes each; alpha is left out."""
    chunks = list(_chunks(data))
    width, _, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if depth != 8 or colours not in SIZES or interlaced:  # noqa: PLR2004 (bits)
        message = "not a picture that a browser takes"
        raise ValueError(message)
    size = SIZES[colours]
    raw = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    rows = []
    above = bytearray(width * size)
    step = width * size + 1
    for start in range(0, len(raw), step):
        line = bytearray(raw[start + 1 : start + step])
        _unfilter(raw[start], line, above, size)
        rows.append([bytes(line[at : at + 3]) for at in range(0, len(line), size)])
        above = line
    return rows


def written(rows: Rows) -> bytes:
    """Return a picture as PNG with a palette of 256 colours or fewer."""
    if len({pixel for row in rows for pixel in row}) > MOST_COLOURS:
        rows = [[_coarser(pixel) for pixel in row] for row in rows]
    colours = sorted({pixel for row in rows for pixel in row})
    place = {colour: number for number, colour in enumerate(colours[:MOST_COLOURS])}
    raw = b"".join(b"\0" + bytes(place[pixel] for pixel in row) for row in rows)
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, PALETTE_TYPE, 0, 0, 0)
    parts = (
        (b"IHDR", head),
        (b"PLTE", b"".join(place)),
        (b"IDAT", zlib.compress(raw, 9)),
        (b"IEND", b""),
    )
    return MARK + b"".join(_chunk(kind, body) for kind, body in parts)


def _coarser(pixel: Pixel) -> Pixel:
    """Return the nearest of 16 steps a channel; white stays white."""
    steps = 255 // ((1 << (8 - COARSER)) - 1)
    return bytes(round(channel / steps) * steps for channel in pixel)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(MARK)
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        yield kind, data[at + 8 : at + 8 + length]
        at += length + 12


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + _sum_of(kind + body)


def _sum_of(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))


def _unfilter(kind: int, line: bytearray, above: bytearray, size: int) -> None:
    """Undo a row's filter in place (section 9.2)."""
    for at in range(len(line)):
        left = line[at - size] if at >= size else 0
        corner = above[at - size] if at >= size else 0
        guess = (0, left, above[at], (left + above[at]) // 2)
        line[at] = (
            line[at] + (guess[kind] if kind < 4 else _paeth(left, above[at], corner))  # noqa: PLR2004 (the fifth filter)
        ) & 0xFF


def _paeth(left: int, up: int, corner: int) -> int:
    start = left + up - corner
    return min((left, up, corner), key=lambda one: abs(start - one))
