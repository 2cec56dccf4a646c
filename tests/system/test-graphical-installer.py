#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's graphical installer on the software processor, seen and used in the application's window: a language chosen by the
pointer and by keys, Continue and Go Back by the pointer.  The guest's pointer is a PS/2 mouse, so the window holds the host's."""
import os
import sys
import time

from lib import (APPLICATION, SLOW, Failure, Room, Skip, Tap, alive, check, need_programs, skip_all, spawn, until)
from screen import Screen

IMAGES = "/usr/lib/debian-installer/images/12/amd64/gtk/debian-installer/amd64"
# With less the installer goes into its low-memory mode, which is text.
MEMORY = "1280M"
BOOT = 900
ANSWER = 180
STEP = 5  # pixels a movement: slow enough that the guest's acceleration stays out of it
SELECTED = (0x2b, 0x84, 0x7a)  # the bar over the chosen line
SETTINGS = """[org/vivarium/Vivarium]
scaling='exact'
color-scheme='light'
window-width=1320
window-height=900
"""


def bar(picture):
    """The row of the chosen line, and where it begins; None without one."""
    best = None
    for y in range(90, picture.height - 60, 2):
        pixel = picture.pixel(picture.width // 2, y)
        if all(abs(a - b) < 24 for a, b in zip(pixel, SELECTED)):
            best = y if best is None else best
        elif best is not None:
            return (best + y) // 2
    return None


def differs(a, b, x, y, width, height):
    return any(a.row(r, x, width) != b.row(r, x, width) for r in range(y, y + height))


class Run:
    def __init__(self, room):
        config = room.path("config", "glib-2.0", "settings")
        os.makedirs(config)
        with open(os.path.join(config, "keyfile"), "w", encoding="ascii") as file:
            file.write(SETTINGS)
        self.room = room
        self.screen = Screen(dict(room.env, GSETTINGS_BACKEND="keyfile", G_DEBUG=""), 1360, 960)
        self.machine = room.machine("Installer", "--kernel", IMAGES + "/linux", "--initrd", IMAGES + "/initrd.gz", "--append", "vga=788 --- quiet",
                                    engine="software", memory=MEMORY)
        self.machine.start()
        self.log = open(room.path("application.log"), "ab")
        self.application = spawn([APPLICATION, "--view", "Installer"], env=self.screen.env, stdout=self.log, stderr=self.log)
        self.languages = self.origin = None
        self.x = self.y = 0  # where the guest's pointer is

    def picture(self):
        """The machine's screen as the window shows it."""
        if self.origin is None:
            return self.machine.screenshot()
        return self.screen.picture().crop(*self.origin)

    def still(self, timeout, condition, text, quiet=4):
        """The guest's picture once the condition holds and it has not changed for a while."""
        last, since = None, time.monotonic()

        def look():
            nonlocal last, since
            time.sleep(1)
            picture = self.picture()
            if last is None or picture.data != last.data:
                last, since = picture, time.monotonic()
                return None
            return picture if time.monotonic() - since > quiet and condition(picture) else None
        return until(look, timeout, text)

    def in_window(self):
        def look():
            guest = self.machine.screenshot()
            at = self.screen.picture().find(guest)
            return at and (at[0], at[1], guest.width, guest.height)
        self.origin = until(look, 60, "the window shows the machine's screen, pixel by pixel")

    def go(self, dx, dy):
        """Moves the mouse, not the pointer: the guest must make one of the other."""
        steps = max(abs(dx), abs(dy)) // STEP + 1
        for i in range(steps):
            x, y = dx * (i + 1) // steps - dx * i // steps, dy * (i + 1) // steps - dy * i // steps
            self.screen.tool("mousemove_relative", "--", x, y)
            time.sleep(0.03)

    def corner(self):
        """To the top left, where the pointer's place is known."""
        for _ in range(60):
            self.screen.tool("mousemove_relative", "--", -60, -60)
            time.sleep(0.01)
        self.x = self.y = 0

    def point(self, x, y):
        """Moves to a place of the guest's screen; looks where the pointer has got to, and corrects the rest."""
        before = self.still(ANSWER, lambda picture: True, "a quiet screen", quiet=2)
        self.go(x - self.x, y - self.y)
        for _ in range(6):
            after = self.still(ANSWER, lambda picture: True, "a quiet screen", quiet=2)
            found = self.find_pointer(before, after)
            if found is None:
                # It looks like what it stands on, or went too far for the guess: again from where it is known, by another way.
                self.corner()
                before = self.still(ANSWER, lambda picture: True, "a quiet screen", quiet=2)
                self.go(x * 3 // 4, y // 2)
                continue
            self.x, self.y = found
            if abs(self.x - x) <= 4 and abs(self.y - y) <= 4:
                return
            before = after
            self.go(x - self.x, y - self.y)
        self.x, self.y = x, y

    def find_pointer(self, before, after):
        """The tip of an arrow that is in the second picture and not in the first: the changed area has both places."""
        rows = [r for r in range(after.height) if before.row(r) != after.row(r)]
        if not rows:
            return None
        boxes = []
        start = previous = rows[0]
        for r in rows[1:] + [None]:
            if r is None or r > previous + 4:
                boxes.append((start, previous))
                start = r
            previous = r
        candidates = []
        for top, bottom in boxes:
            columns = [c for c in range(after.width) if any(before.pixel(c, r) != after.pixel(c, r) for r in range(top, bottom + 1))]
            group = [columns[0]]
            for c in columns[1:] + [None]:
                if c is None or c > group[-1] + 4:
                    candidates.append((group[0], top))
                    group = []
                if c is not None:
                    group.append(c)
        # Where the arrow is now, its outline is black and its inside was something else before.
        for x, y in candidates:
            if abs(x - self.x) + abs(y - self.y) > 3 and sum(after.pixel(x, min(y + 3, after.height - 1))) < 120:
                return x, y
        return None

    def appear(self):
        screen = self.screen
        window = screen.window("Installer")
        screen.focus(window)
        self.languages = self.still(BOOT, lambda picture: bar(picture) is not None, "the list of languages")
        self.in_window()

    def by_pointer(self):
        screen = self.screen
        x, y, width, height = self.origin
        # This click gives the pointer to the machine, and does nothing else.
        screen.click(x + width // 2, y + height // 2)
        time.sleep(8)  # a toast says how to get it back
        chosen = bar(self.languages)
        self.corner()
        self.point(self.languages.width // 3, chosen - 70)
        screen.tool("click", 1)
        self.still(ANSWER, lambda picture: bar(picture) not in (None, chosen), "the pointer chooses another language")
        self.in_window()

    def by_keys(self):
        before = bar(self.picture())
        # Not down: the pointer's row may be Dutch, and of the next language's translation, which is not complete, the installer asks more.
        self.screen.key("Up")
        after = self.still(ANSWER, lambda picture: bar(picture) not in (None, before), "a key chooses the language above")
        check(bar(after) < before, "the bar went down")
        self.in_window()

    def go_on_and_back(self):
        width, height = self.languages.width, self.languages.height
        page = self.picture()

        def other(than):
            return lambda picture: bar(picture) is not None and differs(picture, than, 0, 60, width // 2, height // 3)
        self.point(width - 60, height - 25)
        self.screen.tool("click", 1)
        countries = self.still(ANSWER, other(page), "Continue: the page of countries")
        self.in_window()
        # From there back by the other button, and on again by the keyboard.
        self.point(width - 160, height - 25)
        self.screen.tool("click", 1)
        self.still(ANSWER, other(countries), "Go Back: another page")
        self.in_window()

    def release(self):
        screen = self.screen
        screen.tool("keydown", "ctrl", "keydown", "alt", "keyup", "alt", "keyup", "ctrl")
        time.sleep(1)
        guest = self.picture()
        screen.tool("mousemove", 5, 5)
        time.sleep(1)
        where = dict(p.split(":") for p in screen.tool("getmouselocation").split()[:2])
        check(where == {"x": "5", "y": "5"}, "the pointer is still held: %r" % where)
        check(not differs(guest, self.picture(), 0, guest.height // 2, guest.width, 40), "the guest's pointer moved")
        pid = self.machine.pid
        screen.key("ctrl+q")
        until(lambda: self.application.poll() is not None, 20, "the application ends")
        check(alive(pid), "the machine went with the application")


def main():
    if not SLOW:
        skip_all("it takes minutes; “./dev test slow” runs it")
    need_programs("Xvfb", "xdotool", "import", "dbus-daemon", "openbox")
    if not os.access(APPLICATION, os.X_OK):
        skip_all("the application is not built")
    if not os.path.exists(IMAGES):
        skip_all("debian-installer-12-netboot-amd64 is not installed")
    tap = Tap()
    with Room() as room:
        run = Run(room)
        went_well = True
        for name, step in (("the language screen appears in the window", run.appear), ("a language chosen by the pointer", run.by_pointer),
                           ("the next one by a key", run.by_keys), ("Continue and Go Back by the pointer", run.go_on_and_back),
                           ("Ctrl+Alt gives the pointer back, Ctrl+Q leaves the machine running", run.release)):
            with tap.point(name):
                if not went_well:
                    raise Skip("an earlier step failed")
                went_well = False
                try:
                    step()
                except Failure:
                    folder = os.environ.get("VIVARIUM_TEST_PICTURES")
                    if folder:
                        run.screen.save(os.path.join(folder, "installer-%s.png" % step.__name__))
                    raise
                went_well = True
        run.machine.stop()
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
