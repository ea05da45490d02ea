# SPDX-License-Identifier: GPL-2.0-or-later
"""The test picture of tests/guest/pattern.h, computed again on this side, independently."""
from facetlib.png import Picture

CURSOR = 64


def _line(width, height, y, tag):
    """One line of the picture, three bytes a pixel."""
    if y == 0:
        return b"\xff\x00\x00" * width
    if y == height - 1:
        return b"\x00\xff\x00" * width
    line = bytearray(width * 3)
    line[0::3] = bytes((x + 3 * tag) & 255 for x in range(width))
    line[1::3] = bytes([(y + 5 * tag) & 255]) * width
    line[2::3] = bytes(((x >> 8) * 64 + (y >> 8) * 16 + (x & 15) * (y & 15) + 7 * tag) & 255
                       for x in range(width))
    line[0:3] = b"\x00\x00\xff"
    line[-3:] = b"\xff\xff\xff"
    return line


def picture(width, height, tag=0):
    return Picture(width, height, b"".join(_line(width, height, y, tag) for y in range(height)))


def with_cursor(base, at_x, at_y):
    """The same with the test cursor's top left corner at that place, cut at the edges."""
    rgb = bytearray(base.rgb)
    for y in range(CURSOR):
        for x in range(y + 1):
            to_x, to_y = at_x + x, at_y + y
            if 0 <= to_x < base.width and 0 <= to_y < base.height:
                at = (to_y * base.width + to_x) * 3
                rgb[at:at + 3] = bytes((x * 4, 255 - y * 4, x * y & 255))
    return Picture(base.width, base.height, rgb)


def _damage(width, height, frame):
    """Where frame number `frame` of facet-pattern --damage draws: x, y, width, height."""
    w, h = min(width, 37), min(height, 23)
    x, y = frame * 211 % (width - w + 1), frame * 97 % (height - h + 1)
    return (width - w if frame % 4 == 1 else x), (height - h if frame % 4 == 2 else y), w, h


def damaged(width, height, tag, frames):
    """After `frames` frames of facet-pattern --damage: the first fills, later ones are small."""
    rgb = bytearray(picture(width, height, tag).rgb)
    for frame in range(1, frames):
        x, y, w, h = _damage(width, height, frame)
        for row in range(y, y + h):
            line = _line(width, height, row, tag + frame)
            start = (row * width + x) * 3
            rgb[start:start + w * 3] = line[x * 3:(x + w) * 3]
    return Picture(width, height, rgb)
