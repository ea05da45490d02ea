# SPDX-License-Identifier: GPL-2.0-or-later
"""Pictures: PNG files read to plain RGB and written, and compared."""
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Picture:
    """width x height pixels, three bytes each (R, G, B), lines top to bottom."""

    def __init__(self, width, height, rgb):
        if len(rgb) != width * height * 3:
            raise ValueError(f"{len(rgb)} bytes are not {width}x{height} pixels")
        self.width, self.height, self.rgb = width, height, bytes(rgb)

    @classmethod
    def from_bgrx(cls, width, height, data):
        """From lines of 32-bit little-endian xRGB, as DRM_FORMAT_XRGB8888 has them."""
        rgb = bytearray(width * height * 3)
        rgb[0::3], rgb[1::3], rgb[2::3] = data[2::4], data[1::4], data[0::4]
        return cls(width, height, rgb)

    @classmethod
    def from_rgba(cls, width, height, data):
        rgb = bytearray(width * height * 3)
        rgb[0::3], rgb[1::3], rgb[2::3] = data[0::4], data[1::4], data[2::4]
        return cls(width, height, rgb)

    def pixel(self, x, y):
        at = (y * self.width + x) * 3
        return tuple(self.rgb[at:at + 3])

    def part(self, x, y, width, height):
        """A rectangle of it, as a picture of its own."""
        starts = (((y + row) * self.width + x) * 3 for row in range(height))
        return Picture(width, height, b"".join(self.rgb[at:at + width * 3] for at in starts))

    def colours(self, limit=1000):
        """How many different colours there are; stops counting at limit."""
        seen = set()
        for at in range(0, len(self.rgb), 3):
            seen.add(self.rgb[at:at + 3])
            if len(seen) >= limit:
                break
        return len(seen)

    def difference(self, other):
        """None when equal, else a sentence that says where the first wrong pixel is."""
        if (self.width, self.height) != (other.width, other.height):
            return f"{self.width}x{self.height} is not {other.width}x{other.height}"
        if self.rgb == other.rgb:
            return None
        wrong = [at for at in range(0, len(self.rgb), 3)
                 if self.rgb[at:at + 3] != other.rgb[at:at + 3]]
        x, y = wrong[0] // 3 % self.width, wrong[0] // 3 // self.width
        return (f"{len(wrong)} of {self.width * self.height} pixels differ, the first at {x},{y}: "
                f"{self.pixel(x, y)} is not {other.pixel(x, y)}")


def _chunks(data):
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8:at + 8 + size]
        at += 12 + size


def _unfilter(raw, width, height, step):
    stride = width * step
    out, above = bytearray(), bytearray(stride)
    for y in range(height):
        at = y * (stride + 1)
        kind, line = raw[at], bytearray(raw[at + 1:at + 1 + stride])
        if kind == 2:
            line = bytearray((a + b) & 255 for a, b in zip(line, above))
        elif kind:
            for i in range(stride):
                left = line[i - step] if i >= step else 0
                corner = above[i - step] if i >= step else 0
                line[i] = (line[i] + _predict(kind, left, above[i], corner)) & 255
        out += line
        above = line
    return out


def _predict(kind, left, up, corner):
    if kind == 1:
        return left
    if kind == 3:
        return (left + up) // 2
    guess = left + up - corner
    order = [(abs(guess - v), n, v) for n, v in enumerate((left, up, corner))]
    return min(order)[2]


def _chunk(kind, content):
    return (struct.pack(">I", len(content)) + kind + content +
            struct.pack(">I", zlib.crc32(kind + content)))


def write(path, picture):
    """An 8-bit RGB file of a Picture; each line as the difference from the one above."""
    stride, lines, above = picture.width * 3, bytearray(), bytes(picture.width * 3)
    for at in range(0, len(picture.rgb), stride):
        line = picture.rgb[at:at + stride]
        lines += b"\2" + bytes((a - b) & 255 for a, b in zip(line, above))
        above = line
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    with open(path, "wb") as f:
        f.write(SIGNATURE + _chunk(b"IHDR", header) +
                _chunk(b"IDAT", zlib.compress(bytes(lines), 9)) + _chunk(b"IEND", b""))


def read(path):
    """A PNG file of 8-bit RGB or RGBA, not interlaced: what facet and QEMU write."""
    with open(path, "rb") as f:
        data = f.read()
    if not data.startswith(SIGNATURE):
        raise ValueError(f"{path}: not a PNG file")
    header, body = None, b""
    for kind, content in _chunks(data):
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", content)
        elif kind == b"IDAT":
            body += content
    if header is None or header[2] != 8 or header[3] not in (2, 6) or header[6]:
        raise ValueError(f"{path}: not 8-bit RGB or RGBA without interlacing: {header}")
    width, height = header[:2]
    step = 3 if header[3] == 2 else 4
    pixels = _unfilter(zlib.decompress(body), width, height, step)
    return Picture(width, height, pixels) if step == 3 else Picture.from_rgba(width, height, pixels)


def read_ppm(path):
    """A binary PPM file: what QEMU's screendump writes by default."""
    with open(path, "rb") as f:
        data = f.read()
    fields = data.split(None, 4)
    if fields[0] != b"P6" or fields[3] != b"255":
        raise ValueError(f"{path}: not an 8-bit binary PPM file")
    width, height = int(fields[1]), int(fields[2])
    return Picture(width, height, data[len(data) - width * height * 3:])


def read_xwd(path):
    """The screen in a file of Xvfb -fbdir: an XWD file, little-endian, 32 bits a pixel."""
    with open(path, "rb") as f:
        data = f.read()
    head = struct.unpack_from(">25I", data)
    if head[1:3] != (7, 2) or head[11] != 32 or head[7]:
        raise ValueError(f"{path}: not an XWD file of little-endian xRGB: {head}")
    width, height, stride, start = head[4], head[5], head[12], head[0] + 12 * head[19]
    lines = (data[start + y * stride:start + y * stride + width * 4] for y in range(height))
    return Picture.from_bgrx(width, height, b"".join(lines))
