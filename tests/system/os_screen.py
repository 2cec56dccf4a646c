# SPDX-License-Identifier: GPL-3.0-or-later
"""Text in a picture of a screen: of characters as IBM's VGA has them.  Linux' console has most of them, not M, T, W, Y, f, m, v, w and 0."""
from os_media import find

WIDTH, HEIGHT = 8, 16
# The VGA's letter A, by which its font is found in a VGA BIOS.
LETTER = bytes.fromhex("000010386cc6c6fec6c6c6c600000000")
NONE = "\ufffd"


class Font:
    def __init__(self):
        with open(find("/usr/share/seabios/vgabios-stdvga.bin", "seabios"), "rb") as file:
            rom = file.read()
        start = rom.index(LETTER) - ord("A") * HEIGHT
        # Blocks and the like are no text.
        self.letters = {rom[start + code * HEIGHT:start + (code + 1) * HEIGHT]: chr(code) for code in range(126, 31, -1)}

    def cell(self, rows, x):
        """The character there, of two colours; NONE for what is none."""
        pixels = [row[(x + i) * 3:(x + i) * 3 + 3] for row in rows for i in range(WIDTH)]
        colours = set(pixels)
        if len(colours) > 2:
            return NONE
        background = max(colours, key=pixels.count)
        return self.letters.get(bytes(sum((pixels[y * WIDTH + i] != background) << (7 - i) for i in range(WIDTH)) for y in range(HEIGHT)), NONE)

    def read(self, picture, pitch=None):
        """Lines of the screen, without what is empty at their ends.  A VGA's text mode has a column between characters."""
        pitch = pitch or (9 if picture.width == 720 else WIDTH)
        lines = []
        for top in range(0, picture.height - HEIGHT + 1, HEIGHT):
            rows = [picture.row(top + y) for y in range(HEIGHT)]
            if all(row == rows[0] and row == row[:3] * picture.width for row in rows):
                lines.append("")
                continue
            lines.append("".join(self.cell(rows, x) for x in range(0, picture.width - WIDTH + 1, pitch)).rstrip())
        return "\n".join(lines)
