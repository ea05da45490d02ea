# SPDX-License-Identifier: GPL-2.0-or-later
"""A chart as a PNG file: lines against time, without any library."""
import math

from . import png

# Seven rows of five dots; only what the charts here say.
GLYPHS = {
    " ": "00000000000000", "0": "0E11131519110E", "1": "040C040404040E", "2": "0E11010204081F",
    "3": "1F02040201110E", "4": "02060A121F0202", "5": "1F101E0101110E", "6": "0608101E11110E",
    "7": "1F010204080808", "8": "0E11110E11110E", "9": "0E11110F01020C", "%": "18190204081303",
    ".": "00000000000C0C", "/": "00010204081000", "-": "0000001F000000", ",": "000000000C0408",
    "(": "02040808080402", ")": "08040202020408", ":": "000C0C000C0C00", "a": "00000E010F110F",
    "b": "1010161911111E", "c": "00000E1010110E", "d": "01010D1311110F", "e": "00000E111F100E",
    "f": "0609081C080808", "g": "000F11110F010E", "h": "10101619111111", "i": "04000C0404040E",
    "j": "0200060202120C", "k": "10101214181412", "l": "0C04040404040E", "m": "00001A15151111",
    "n": "00001619111111", "o": "00000E1111110E", "p": "00001E111E1010", "q": "00000D130F0101",
    "r": "00001619101010", "s": "00000E100E011E", "t": "08081C08080906", "u": "0000111111130D",
    "v": "00001111110A04", "w": "0000111115150A", "x": "0000110A040A11", "y": "000011110F010E",
    "z": "00001F0204081F", "C": "0E11101010110E", "G": "0E11101711110F", "P": "1E11111E101010",
    "U": "1111111111110E",
}
ADVANCE, HEIGHT = 6, 7

INK, PALE, GRID, PAPER, SHADE = ((40, 44, 52), (120, 126, 136), (228, 231, 235), (255, 255, 255),
                                 (244, 245, 247))
COLOURS = [(31, 111, 186), (222, 120, 20), (46, 145, 78), (176, 52, 112), (112, 82, 178),
           (20, 145, 155), (150, 110, 40), (90, 96, 106)]


class Canvas:
    """Pixels that can be drawn on; what is outside is not drawn."""

    def __init__(self, width, height, colour=PAPER):
        self.width, self.height = width, height
        self.rgb = bytearray(bytes(colour) * (width * height))

    def blend(self, x, y, colour, alpha):
        if 0 <= x < self.width and 0 <= y < self.height:
            at = (y * self.width + x) * 3
            for i, value in enumerate(colour):
                self.rgb[at + i] += round((value - self.rgb[at + i]) * alpha)

    def fill(self, left, top, right, bottom, colour):
        left, right = max(0, left), min(self.width, right)
        for y in range(max(0, top), min(self.height, bottom)):
            at = (y * self.width + left) * 3
            self.rgb[at:at + 3 * (right - left)] = bytes(colour) * (right - left)

    def text(self, x, y, words, colour=INK, size=2):
        """From its top left corner on; returns where it ends."""
        for letter in words:
            rows = bytes.fromhex(GLYPHS.get(letter) or GLYPHS.get(letter.lower(), GLYPHS["-"]))
            for row, dots in enumerate(rows):
                for column in range(5):
                    if dots >> (4 - column) & 1:
                        self.fill(x + column * size, y + row * size, x + (column + 1) * size,
                                  y + (row + 1) * size, colour)
            x += ADVANCE * size
        return x

    def line(self, points, colour, width=2.5):
        """Through all points, its edge smooth: each pixel by its distance from the line."""
        cover = {}
        reach = width / 2 + 1
        for (x1, y1), (x2, y2) in zip(points, points[1:]):
            for x in range(math.floor(min(x1, x2) - reach), math.ceil(max(x1, x2) + reach) + 1):
                for y in range(math.floor(min(y1, y2) - reach),
                               math.ceil(max(y1, y2) + reach) + 1):
                    alpha = width / 2 + 0.5 - _distance(x, y, x1, y1, x2, y2)
                    if alpha > cover.get((x, y), 0):
                        cover[x, y] = min(alpha, 1)
        for (x, y), alpha in cover.items():
            self.blend(x, y, colour, alpha)

    def save(self, path):
        png.write(path, png.Picture(self.width, self.height, self.rgb))


def _distance(x, y, x1, y1, x2, y2):
    dx, dy = x2 - x1, y2 - y1
    length = dx * dx + dy * dy
    t = max(0, min(1, ((x - x1) * dx + (y - y1) * dy) / length)) if length else 0
    return math.hypot(x - x1 - t * dx, y - y1 - t * dy)


def width_of(words, size=2):
    return len(words) * ADVANCE * size - size


class Chart:
    """Percent against seconds."""

    LEFT, TOP, RIGHT, BOTTOM = 84, 76, 190, 64

    def __init__(self, title, seconds, width=1200, height=620):
        self.canvas, self.seconds = Canvas(width, height), seconds
        self.inner = (self.LEFT, self.TOP, width - self.RIGHT, height - self.BOTTOM)
        self.canvas.text(self.LEFT, 26, title)
        self._labels = []

    def at(self, second, percent):
        left, top, right, bottom = self.inner
        return (left + (right - left) * second / self.seconds,
                bottom - (bottom - top) * percent / 100)

    def shade(self, start, end, words):
        """A time in which something was different."""
        (x1, _), (x2, _) = self.at(start, 0), self.at(end, 0)
        self.canvas.fill(round(x1), self.inner[1], round(x2), self.inner[3], SHADE)
        self.canvas.text(round((x1 + x2) / 2) - width_of(words, 1), self.inner[1] - 20, words,
                         PALE)

    def axes(self):
        left, top, right, bottom = self.inner
        for percent in range(0, 101, 10):
            y = round(self.at(0, percent)[1])
            self.canvas.fill(left, y, right, y + 1, PALE if percent == 0 else GRID)
            if percent % 20 == 0:
                words = f"{percent}%"
                self.canvas.text(left - 14 - width_of(words), y - HEIGHT, words, PALE)
        step = max(1, round(self.seconds / 12))
        for second in range(0, int(self.seconds) + 1, step):
            x = round(self.at(second, 0)[0])
            self.canvas.fill(x, bottom, x + 1, bottom + 6, PALE)
            words = str(second)
            self.canvas.text(x - width_of(words) // 2, bottom + 14, words, PALE)
        words = "seconds"
        self.canvas.text((left + right - width_of(words)) // 2, bottom + 38, words, PALE)

    def entitlement(self, percent, number):
        """A dashed line across, in the pale colour of that series."""
        (x, y), end = self.at(0, percent), self.inner[2]
        colour = tuple((c + 2 * 255) // 3 for c in COLOURS[number % len(COLOURS)])
        for start in range(round(x), end, 14):
            self.canvas.fill(start, round(y) - 1, min(start + 8, end), round(y) + 1, colour)

    def series(self, points, number, words):
        """points: seconds and percent. Its name stands at its end, clear of the others'."""
        colour = COLOURS[number % len(COLOURS)]
        ends = [self.at(*point) for point in points]
        self.canvas.line(ends, colour)
        y = ends[-1][1] - HEIGHT
        while any(abs(y - other) < 2 * HEIGHT + 4 for other in self._labels):
            y += 2
        self._labels.append(y)
        self.canvas.text(self.inner[2] + 12, round(y), words, colour)

    def save(self, path):
        self.canvas.save(path)
