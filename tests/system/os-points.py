#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clicks in the application's window, under Xvfb, and where a Linux with a tablet on USB finds them: 25 points, on each the pixel that is seen there.   os-points.py ENGINE [CASE…]"""
import os
import re
import select
import subprocess
import time

from lib import APPLICATION, BUILD, VIVCTL, check, equal, need_programs, skip_all, spawn, until
from os_cases import run_cases
from os_media import initramfs, whole_kernel
from screen import Screen

MODULES = ("drivers/usb/common/usb-common.ko", "drivers/usb/core/usbcore.ko", "drivers/usb/host/xhci-hcd.ko", "drivers/usb/host/xhci-pci.ko",
           "drivers/hid/hid.ko", "drivers/hid/hid-generic.ko", "drivers/hid/usbhid/usbhid.ko", "drivers/input/evdev.ko")
BLUE = (0, 0, 170)  # of a text mode
WIDTH, HEIGHT = 720, 400
QUIET = 7  # seconds
SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
%s
for i in 1 2 3 4 5 6 7 8 9; do grep -q Vivarium /sys/class/input/event*/device/name || sleep 1; done
for e in /sys/class/input/event*; do case "$(cat $e/device/name)" in *"USB Tablet") P=/dev/input/$(basename $e) ;; esac; done
printf '\\033[9;0]\\033[?25l\\033[44m\\033[2J' > /dev/tty0
echo READY
/modules/points-guest $P
"""
# Name: the scale of all windows (GTK 4 has whole ones on X11), how the picture is fitted, the window's size in the screen's pixels (None: as it comes; "full": the
# screen's), and how much larger the picture is than the guest's then (None: as it comes out).  So 125 % is a window of that size, which is how a person enlarges the picture.
VIEWS = {"100": (1, "exact", None, 1.0), "125": (1, "fit", (920, 740), 1.25), "200": (2, "fit", (1460, 1280), None), "200-exact": (2, "exact", None, 1.0),
         "full": (1, "fit", "full", None), "pillars": (1, "fit", (1500, 700), None), "letterboxed": (1, "fit", (700, 900), None),
         "odd": (1, "fit", (1013, 831), None), "odd-200": (2, "fit", (1231, 977), None), "smaller": (1, "fit", (520, 460), None)}


def picture_box(screen):
    """Where the blue of the guest's screen is."""
    return screen.picture().box_of(BLUE, 2)


def settled(screen, wanted):
    """Where it stays for longer than a message below it does (how to get the keyboard back), which takes of its room."""
    last, since = None, 0

    def look():
        nonlocal last, since
        before, last = last, picture_box(screen)
        if last != before:
            since = time.monotonic()
        time.sleep(0.5)
        return last if last and time.monotonic() - since > QUIET and last[2] > 100 and wanted(last) else None
    return until(look, 90, "the guest's screen in the window")


def seen(at, shown, size, pixel):
    """Whether a pixel of the guest's is what is seen in pixel `at` of the `shown` ones of the window: in its middle, or anywhere in it where it shows several."""
    if shown >= size:
        return pixel == int((at + 0.5) * size / shown)
    return at * size / shown - 1 < pixel < (at + 1) * size / shown


def fill(screen, window):
    """F11, once the guest has given the keyboard back."""
    def full():
        state = subprocess.run(["xprop", "-id", window, "_NET_WM_STATE"], env=screen.env, capture_output=True, text=True, check=False)
        return "_NET_WM_STATE_FULLSCREEN" in state.stdout
    settled(screen, lambda box: True)
    screen.key("ctrl+alt", "F11")
    until(full, 60, "the window fills the screen")


class Port:
    """The machine's serial port, as it goes on."""
    def __init__(self, room, machine):
        self.process = subprocess.Popen([VIVCTL, "serial", machine.name, "--no-history"], env=room.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.heard = b""

    def point(self, what, seconds=120):
        """The next one that the guest tells of, in its units."""
        end = time.monotonic() + seconds
        while True:
            match = re.search(rb"POINT (\d+) (\d+)\r?\n", self.heard)
            if match:
                self.heard = self.heard[match.end():]
                return int(match[1]), int(match[2])
            check(time.monotonic() < end, "%s: the click did not arrive; the guest said %r" % (what, self.heard))
            if select.select([self.process.stdout], [], [], 1)[0]:
                self.heard += os.read(self.process.stdout.fileno(), 4096)


def clicks(room, machine, port, view):
    scale, scaling, size, factor = VIEWS[view]
    config = room.path(view, "config", "glib-2.0", "settings")
    os.makedirs(config)
    with open(os.path.join(config, "keyfile"), "w", encoding="ascii") as file:
        file.write("[org/vivarium/Vivarium]\nscaling='%s'\ncolor-scheme='light'\n" % scaling)
    env = dict(room.env, GSETTINGS_BACKEND="keyfile", G_DEBUG="", GDK_SCALE=str(scale), XDG_CONFIG_HOME=room.path(view, "config"))
    screen = Screen(env, 1700, 1400)
    log = open(room.path("application.log"), "ab")
    application = spawn([APPLICATION, "--view", machine.name], env=screen.env, stdout=log, stderr=log)
    try:
        window = screen.window(machine.name, 90)
        screen.focus(window)
        if size == "full":
            fill(screen, window)
            screen.click(screen.width // 2, screen.height // 2)  # the guest has the keyboard again, and the header goes
            port.point("%s: the click that takes the keyboard" % view)
        elif size:
            screen.tool("windowsize", window, *size)
        left, top, width, height = settled(screen, lambda box: size != "full" or box[2] > 1000)
        if factor:
            check(abs(width / WIDTH - factor) < 0.08, "the picture is %d by %d, %.2f times the guest's" % (width, height, width / WIDTH))
        wrong = []
        for gx in (0, 179, 360, 540, WIDTH - 1):
            for gy in (0, 99, 200, 300, HEIGHT - 1):
                # The pixel of the window that lies in the middle of the guest's.
                x, y = left + int((gx + 0.5) * width / WIDTH), top + int((gy + 0.5) * height / HEIGHT)
                screen.click(x, y)
                found = port.point("%s, at %d, %d of %d by %d" % (view, x - left, y - top, width, height))
                # A guest multiplies by its size, or by its last pixel's number.
                pixels = {(found[0] * WIDTH // 32768, found[1] * HEIGHT // 32768), (found[0] * (WIDTH - 1) // 32767, found[1] * (HEIGHT - 1) // 32767)}
                if len(pixels) > 1 or not all(seen(x - left, width, WIDTH, p[0]) and seen(y - top, height, HEIGHT, p[1]) for p in pixels):
                    wrong.append("at %d, %d, for %d, %d: found %s" % (x - left, y - top, gx, gy, pixels))
        equal(wrong, [], "%s: pixels in a picture of %d by %d at %d, %d" % (view, width, height, left, top))
    finally:
        application.kill()
        application.wait()


def case(view):
    def run(room, engine):
        need_programs("Xvfb", "xdotool", "xprop", "import", "dbus-daemon", "openbox")
        if not os.access(APPLICATION, os.X_OK):
            skip_all("the application is not built")
        kernel, folder = whole_kernel()
        files = [("modules/" + os.path.basename(m), os.path.join(folder, m)) for m in MODULES]
        program = os.path.join(BUILD, "tests/system/points-guest")
        initrd = initramfs(room, "points", files + [("modules/points-guest", program)],
                           SCRIPT % "\n".join("insmod /modules/%s" % os.path.basename(m) for m in MODULES))
        machine = room.machine("points", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory="384M")
        machine.vivctl("set", "usb0.model=xhci")
        machine.start()
        machine.wait_serial(r"^READY", 400)
        machine.until(lambda: machine.show()["pointer-absolute"], 60, "the tablet is in use")
        port = Port(room, machine)
        try:
            for each in view:
                clicks(room, machine, port, each)
        finally:
            port.process.kill()
    return run


run_cases({"views": case(list(VIEWS))}, slow=("views",))
