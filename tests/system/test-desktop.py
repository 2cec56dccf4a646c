#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian with Xfce on the software processor, seen and used in the application's window by a tablet and the keyboard: a menu by the pointer, a terminal, text that is
typed into it, a window that is dragged, another size of the screen.  What the guest made of it is asked on its serial port."""
import os
import re
import sys
import time

from lib import APPLICATION, SLOW, Failure, Room, Skip, Tap, check, equal, need_programs, skip_all, spawn, until
from os_debian_guest import Guest
from screen import Screen

SETTINGS = """[org/vivarium/Vivarium]
scaling='exact'
color-scheme='light'
window-width=1400
window-height=1000
"""
# As root, the display of who is logged in there.
X = "export DISPLAY=:0 XAUTHORITY=$(ls /home/guest/.Xauthority /var/run/lightdm/root/:0 2> /dev/null | head -1); "


def sizes(said, name):
    """Of windows as xwininfo has them: width, height, left, top."""
    return [[int(n) for n in found] for found in re.findall(r'"%s[^"]*":? \(.*\) +(\d+)x(\d+)\+-?\d+\+-?\d+ +\+(-?\d+)\+(-?\d+)' % name, said)]


def drawn(picture):
    return len({picture.pixel(x, y) for x in range(0, picture.width, 16) for y in range(0, picture.height, 16)}) > 8


def menu(said):
    return any(width >= 100 and height >= 100 for width, height, _, _ in sizes(said, "xfdesktop"))


def place(said):
    """The terminal's window, without its frame."""
    return next((found for found in sizes(said, "Terminal") if found[0] >= 200), None)


class Run:
    def __init__(self, room):
        config = room.path("config", "glib-2.0", "settings")
        os.makedirs(config)
        with open(os.path.join(config, "keyfile"), "w", encoding="ascii") as file:
            file.write(SETTINGS)
        self.screen = Screen(dict(room.env, GSETTINGS_BACKEND="keyfile", G_DEBUG=""), 1440, 1060)
        self.guest = Guest(room, "software", kind="desktop", memory="1G", settings=["usb0.model=xhci"])
        self.machine = self.guest.machine
        self.log = open(room.path("application.log"), "ab")
        self.application = None
        self.origin = None

    def ask(self, command, timeout=120):
        return self.guest.run(X + command + " || true", timeout)

    def windows(self):
        # Few lines: the serial port's history is not long.
        return self.ask("xwininfo -root -tree | grep -E '\"(xfdesktop|Desktop|Terminal)|panel.* [0-9]{3}'")

    def in_guest(self, condition, timeout, text):
        """Until something can be said of the guest's windows; those windows."""
        def look():
            said = self.windows()
            return said if condition(said) else None
        return until(look, timeout, text, 3)

    def in_window(self):
        def look():
            guest = self.machine.screenshot()
            # What is one colour is found in many places.
            at = self.screen.picture().find(guest) if drawn(guest) else None
            return at and (at[0], at[1], guest.width, guest.height)
        self.origin = until(look, 90, "the window shows the machine's screen, pixel by pixel")

    def point(self, x, y):
        self.screen.tool("mousemove", self.origin[0] + x, self.origin[1] + y)
        time.sleep(0.3)

    def desktop(self):
        self.guest.login()
        self.in_guest(lambda said: '"xfce4-panel"' in said and '"Desktop"' in said, 600, "panel and desktop")
        self.machine.until(lambda: drawn(self.machine.screenshot()), 300, "the desktop is drawn", 3)
        self.application = spawn([APPLICATION, "--view", "debian"], env=self.screen.env, stdout=self.log, stderr=self.log)
        window = self.screen.window("debian", 90)
        self.screen.focus(window)
        time.sleep(5)
        self.in_window()
        check(self.origin[2] >= 1024, "the screen is %d wide" % self.origin[2])

    def by_pointer(self):
        """A menu of the desktop's by the right button; the terminal by a click there."""
        self.point(self.origin[2] // 2, self.origin[3] // 2)
        self.screen.tool("click", 3)
        self.in_guest(menu, 90, "the desktop's menu")
        self.screen.key("Escape")
        self.in_guest(lambda said: not menu(said), 90, "the menu goes")

    def terminal(self):
        self.guest.run("su guest -c 'DISPLAY=:0 XAUTHORITY=/home/guest/.Xauthority setsid xfce4-terminal > /dev/null 2>&1 &' ; true")
        return self.terminal_place()

    def by_keys(self):
        width, height, x, y = self.terminal()
        self.point(x + width // 2, y + height // 2)
        self.screen.tool("click", 1)
        time.sleep(2)
        self.screen.type("echo \"typed: {[(~@#%&|\\\\)]}\" > /tmp/typed")
        self.screen.key("Return")
        until(lambda: "typed" in self.ask("cat /tmp/typed"), 90, "what was typed is in a file", 2)
        equal(self.ask("cat /tmp/typed").strip(), "typed: {[(~@#%&|\\)]}", "what was typed")

    def pull(self, x, y):
        """Presses there, moves by 80 and 60, and lets go."""
        left, top = self.origin[0] + x, self.origin[1] + y
        self.point(x, y)
        self.screen.tool("mousedown", 1, "mousemove", left + 8, top + 6, "mousemove", left + 16, top + 12)
        for step in range(3, 11):
            self.point(x + 8 * step, y + 6 * step)
        self.screen.tool("mouseup", 1)

    def drag(self):
        width, _, x, y = self.terminal_place()
        # A window manager takes what doesn't move soon for a click, and the host may be busy.
        for _ in range(6):
            self.pull(x + width // 2, y - 10)
            time.sleep(6)
            moved = self.terminal_place()
            if moved[2:] != [x, y]:
                break
        # The way to where it began to follow is not gone.
        check(40 <= moved[2] - x <= 82 and 30 <= moved[3] - y <= 62, "it moved by %d, %d" % (moved[2] - x, moved[3] - y))
        self.in_window()

    def terminal_place(self):
        return place(self.in_guest(place, 180, "the terminal's window"))

    def size(self):
        before = self.origin[2:]
        modes = [mode for mode in re.findall(r"^ +(\d+x\d+) ", self.ask("xrandr"), re.M) if mode != "%dx%d" % before]
        if not modes:
            raise Skip("the guest's driver has one mode")
        wanted = next((mode for mode in modes if mode in ("800x600", "1024x768")), modes[-1])
        self.ask("xrandr -s " + wanted)
        until(lambda: "%dx%d" % (self.machine.screenshot().width, self.machine.screenshot().height) == wanted, 90, "the screen has " + wanted, 2)
        time.sleep(5)
        self.in_window()

    def off(self):
        self.machine.vivctl("stop")
        self.machine.wait_state("off", 240)


def main():
    if not SLOW:
        skip_all("it takes minutes; “./dev test slow” runs it")
    need_programs("Xvfb", "xdotool", "import", "dbus-daemon", "openbox")
    if not os.access(APPLICATION, os.X_OK):
        skip_all("the application is not built")
    tap = Tap()
    with Room() as room:
        with tap.point("the image is there"):
            run = Run(room)
        went_well = True
        for name, step in (("a desktop in the window", run.desktop), ("a menu by the pointer", run.by_pointer), ("text by the keyboard", run.by_keys),
                           ("a window is dragged", run.drag), ("another size of the screen", run.size), ("it shuts down", run.off)):
            with tap.point(name):
                if not went_well:
                    raise Skip("an earlier step failed")
                went_well = False
                try:
                    step()
                except Failure:
                    folder = os.environ.get("VIVARIUM_TEST_PICTURES")
                    if folder:
                        run.screen.save(os.path.join(folder, "desktop-%s.png" % step.__name__))
                    raise
                except Skip:
                    went_well = True
                    raise
                went_well = True
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
