"""Pictures without a library: binary PPM files, and what is asked of them."""


class Picture:
    def __init__(self, width, height, pixels):
        self.width = width
        self.height = height
        self._pixels = pixels

    @classmethod
    def read(cls, path):
        """Reads a PPM (P6) file."""
        with open(path, "rb") as file:
            kind, size, depth = file.readline(), file.readline(), file.readline()
            if (kind.strip(), depth.strip()) != (b"P6", b"255"):
                raise ValueError(f"{path}: not an 8-bit PPM")
            width, height = map(int, size.split())
            return cls(width, height, file.read(width * height * 3))

    def ppm(self):
        """The picture as a PPM file."""
        return b"P6\n%d %d\n255\n" % (self.width, self.height) + self._pixels

    def at(self, x, y):
        """The colour at a place given as a part of width and height."""
        place = (int(y * self.height) * self.width + int(x * self.width)) * 3
        return tuple(self._pixels[place:place + 3])

    def row(self, y, count=64):
        """Colours along a line from left to right."""
        return [self.at((n + 0.5) / count, y) for n in range(count)]

    def hues(self, y):
        """The names of the colours along a line, each once for as long as it lasts; narrow ones are left out."""
        names = [name(colour) for colour in self.row(y)]
        runs = []
        for index, hue in enumerate(names):
            if index and hue == names[index - 1]:
                runs[-1][1] += 1
            else:
                runs.append([hue, 1])
        wide = [hue for hue, length in runs if length >= 4]
        return [hue for index, hue in enumerate(wide) if not index or hue != wide[index - 1]]

    def difference(self, other):
        """How much two pictures of one size differ: the mean over a grid, 0 to 255."""
        spots = [((x + 0.5) / 64, (y + 0.5) / 36) for x in range(64) for y in range(36)]
        return sum(abs(a - b) for spot in spots for a, b in zip(self.at(*spot), other.at(*spot))) / (3 * len(spots))


def name(colour):
    """What a person would call a colour of a test pattern."""
    low, high = min(colour), max(colour)
    if high < 60:
        return "black"
    middle = (low + high) / 2
    if high - low < 40:
        return "white" if middle > 160 else "grey"
    return {
        (1, 1, 0): "yellow", (0, 1, 1): "cyan", (0, 1, 0): "green",
        (1, 0, 1): "magenta", (1, 0, 0): "red", (0, 0, 1): "blue",
    }.get(tuple(int(part > middle) for part in colour), "other")
