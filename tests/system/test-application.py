#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application from end to end, under Xvfb, by real key and pointer events: from the empty library through the assistant to
GRUB's menu in its own window, keys into the machine, and what happens when the application or the monitor is killed."""
import hashlib
import os
import re
import signal
import sys
import time

from lib import (APPLICATION, Failure, Machine, Room, Skip, Tap, alive, check, engine_argument, equal, grub_iso, kvm_interprets, need_programs, skip_all, spawn,
                 until)
from screen import Screen

BOOT = 300
ACCENT = (0x35, 0x84, 0xe4)  # of the suggested action's button, in the light and the dark style
AGAIN = 10  # seconds until a click is made once more
SETTINGS = """[org/vivarium/Vivarium]
scaling='exact'
color-scheme='light'
"""


def suggested(screen, other_than=None):
    """Waits for the one big blue button, at another place than that."""
    def look():
        time.sleep(0.4)
        box = screen.picture().box_of(ACCENT)
        return box if box and box[2] > 60 and box != other_than else None
    return until(look, 20, "a suggested button in the window")


def click_suggested(screen, done, text):
    """Clicks it until that has come of it, and tells where it was.  What is clicked in a window that has only just come can be lost on a host
    that is busy."""
    x, y, width, height = suggested(screen)
    last = -AGAIN

    def look():
        nonlocal last
        if not done() and time.monotonic() - last >= AGAIN:
            last = time.monotonic()
            screen.click(x + width // 2, y + height // 2)
        return done()

    until(look, 60, text)
    return x, y, width, height


def open_suggested(screen, title):
    """The window that it opens, and where it was."""
    place = click_suggested(screen, lambda: screen.has_window(title), "a window “%s”" % title)
    return place, screen.window(title)


def selected(machine):
    match = re.search(r"\*(Vivarium \w+ entry)", machine.text())
    return match[1] if match else None


def shown(screen, machine):
    """Whether the window shows the machine's screen, pixel by pixel."""
    guest = machine.screenshot()
    return screen.picture().find(guest)


class Run:
    def __init__(self, room, engine):
        self.room, self.engine = room, engine
        config = room.path("config", "glib-2.0", "settings")
        os.makedirs(config)
        with open(os.path.join(config, "keyfile"), "w", encoding="ascii") as file:
            file.write(SETTINGS)
        env = dict(room.env, GSETTINGS_BACKEND="keyfile", G_DEBUG="")
        self.screen = Screen(env)
        self.application = None
        self.iso = grub_iso(room)
        self.log = open(room.path("application.log"), "ab")
        self.machine = None

    def start(self, *arguments):
        self.application = spawn([APPLICATION] + list(arguments), env=self.screen.env, stdout=self.log, stderr=self.log)

    def check_application(self):
        check(self.application.poll() is None, "the application has ended")

    def create(self):
        screen = self.screen
        self.start()
        window = screen.window("Vivarium")
        screen.focus(window)
        _, assistant = open_suggested(screen, "Create a Machine")
        screen.focus(assistant)
        choose, chooser = open_suggested(screen, "Choose an Image")
        screen.focus(chooser)
        time.sleep(1)
        screen.type(self.iso)
        time.sleep(0.5)
        screen.key("Return")
        until(lambda: not screen.has_window("Choose an Image"), 20, "the file chooser closes")
        screen.focus(assistant)
        suggested(screen, other_than=choose)  # the image has been looked at, the next page is there
        time.sleep(1)
        screen.key("ctrl+a")
        screen.type("Grub")
        # The engine is set before the first start, so it doesn't start at once.
        screen.key("alt+s")
        time.sleep(0.5)
        screen.key("alt+r")
        until(lambda: not screen.has_window("Create a Machine"), 20, "the assistant closes")
        until(lambda: any(m["name"] == "Grub" for m in self.room.list()), 60, "the machine is in the library")
        self.machine = Machine(self.room, "Grub", self.engine == "kvm" and kvm_interprets())
        shown_settings = self.machine.show()["settings"]
        equal(shown_settings.get("cdrom0.path"), self.iso, "the CD")

    def boot(self):
        equal(self.machine.state, "off", "state")
        self.machine.vivctl("set", "machine.engine=" + self.engine)
        time.sleep(1)
        click_suggested(self.screen, lambda: self.machine.state == "running", "the machine runs")  # Start
        equal(self.machine.show()["engine"], "soft" if self.engine == "software" else self.engine, "engine")
        self.machine.wait(BOOT, text="Vivarium third entry")
        until(lambda: shown(self.screen, self.machine), 30, "GRUB's menu is in the window, pixel by pixel")

    def keys(self):
        screen, machine = self.screen, self.machine
        screen.focus(screen.window("Grub"))
        x, y = shown(screen, machine) or (400, 300)
        screen.click(x + 300, y + 200)
        for key, entry in (("Down", "second"), ("Down", "third"), ("Up", "second")):
            screen.key(key)
            machine.until(lambda wanted=entry: selected(machine) == "Vivarium %s entry" % wanted, 30, "%s selects the %s entry" % (key, entry))
        until(lambda: shown(screen, machine), 30, "the window follows")
        screen.key("Return")
        machine.wait(60, text="The second entry was chosen")
        until(lambda: shown(screen, machine), 30, "the window follows")

    def kill_application(self):
        pid = self.machine.pid
        os.kill(self.application.pid, signal.SIGKILL)
        self.application.wait()
        time.sleep(1)
        check(alive(pid), "the monitor went with the application")
        equal(self.machine.state, "running", "state")
        self.start("--view", "Grub")
        self.screen.focus(self.screen.window("Grub"))
        until(lambda: shown(self.screen, self.machine), 30, "the new window shows the machine")
        equal(self.machine.pid, pid, "the same monitor")

    def kill_monitor(self):
        pid = self.machine.pid
        disk = os.path.join(self.machine.folder, "disk0.img")
        size = os.path.getsize(disk) if os.path.exists(disk) else None
        before = self.screen.picture()
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.machine.state in ("off", "crashed"), 20, "vivctl sees it")
        until(lambda: self.screen.picture().data != before.data, 20, "the window changes")
        # The page says so and offers the start: a suggested button is back.
        until(lambda: (self.screen.picture().box_of(ACCENT) or (0, 0, 0))[2] > 60, 20, "the start button is back")
        self.check_application()
        if size is not None:
            equal(os.path.getsize(disk), size, "the disk's size")
        with open(self.iso, "rb") as file:
            equal(hashlib.sha256(file.read()).digest(), self.iso_sum, "the CD image")
        click_suggested(self.screen, lambda: self.machine.state == "running", "it starts again")

    def power(self):
        """The window's own end: Ctrl+Q leaves the machine running."""
        pid = self.machine.pid
        self.screen.tool("keydown", "ctrl", "keydown", "alt", "keyup", "alt", "keyup", "ctrl")
        time.sleep(1)
        self.screen.key("ctrl+q")
        until(lambda: self.application.poll() is not None, 20, "the application ends")
        check(alive(pid), "the monitor went with the application")
        self.machine.stop()


def main():
    engine = engine_argument()
    need_programs("Xvfb", "xdotool", "import", "dbus-daemon", "grub-mkrescue", "xorriso", "mformat")
    if not os.access(APPLICATION, os.X_OK):
        skip_all("the application is not built")
    tap = Tap()
    with Room() as room:
        run = Run(room, engine)
        with open(run.iso, "rb") as file:
            run.iso_sum = hashlib.sha256(file.read()).digest()
        went_well = True
        for name, step in (("through the assistant by keys and pointer", run.create), ("start; GRUB's menu appears in the window", run.boot),
                           ("arrow keys and Enter in the window", run.keys),
                           ("the machine outlives the application, a new one shows it", run.kill_application),
                           ("the monitor is killed: the application says so and goes on", run.kill_monitor),
                           ("Ctrl+Q ends the application, not the machine", run.power)):
            with tap.point("%s: %s" % (engine, name)):
                if not went_well:
                    raise Skip("an earlier step failed")
                went_well = False
                try:
                    step()
                except Failure:
                    folder = os.environ.get("VIVARIUM_TEST_PICTURES")
                    if folder:
                        run.screen.save(os.path.join(folder, "%s.png" % step.__name__))
                    with open(room.path("application.log"), encoding="utf-8", errors="replace") as file:
                        tap.diag(file.read()[-2000:])
                    raise
                went_well = True
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
