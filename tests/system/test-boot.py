#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The welcome machine from each boot medium, with keys, pointer, clock, picture, reset, power and media change."""
import os
import re
import shutil

from lib import (Room, Tap, WELCOME, check, engine_argument, equal, need_programs, until, welcome_cd, welcome_disk)

BARS = [(255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255), (0, 0, 0)]
BOOT = 120  # s


def boot(machine, source, since=0):
    return machine.wait_serial(r"welcome ready: started from %s\b" % source, BOOT, since)[1]


def check_picture(machine):
    picture = machine.screenshot()
    equal((picture.width, picture.height), (800, 600), "mode")
    for i, colour in enumerate(BARS):
        for x in (i * 100, i * 100 + 50, i * 100 + 99):
            for y in (576, 599):
                equal(picture.pixel(x, y), colour, "pixel %d, %d" % (x, y))
    equal(picture.pixel(2, 2), (0x1c, 0x5f, 0x6b), "title band")
    equal(picture.pixel(100, 400), (0xf6, 0xf5, 0xf4), "card")
    return picture


def guest_seconds(machine):
    return machine.show()["statistics"]["guest-time-ns"] / 1e9


def main():
    engine = engine_argument()
    need_programs("xorriso")
    tap = Tap()
    with Room() as room:
        image = room.path("floppy.img")
        shutil.copy(WELCOME, image)
        floppy = room.machine("Floppy", "--floppy", image, engine=engine)
        with tap.point(engine + ": boot from a floppy disk"):
            floppy.start()
            at = boot(floppy, "floppy")
        with tap.point(engine + ": colour bars at their pixels"):
            check_picture(floppy)
        with tap.point(engine + ": keys reach the guest"):
            floppy.key("a")
            at = floppy.wait_serial("^key 1e\r?\nkey 9e\r?$", 20, at)[1]
            floppy.key("shift-b")
            at = floppy.wait_serial("^key 2a\r?\nkey 30\r?\nkey b0\r?\nkey aa\r?$", 20, at)[1]
            floppy.key("right")
            at = floppy.wait_serial("^key e0\r?\nkey e0 4d\r?\nkey e0\r?\nkey e0 cd\r?$", 20, at)[1]
        with tap.point(engine + ": text is typed"):
            floppy.key("esc")
            floppy.type("Hello, World! 123\\n")
            at = floppy.wait_serial(r"^typed Hello, World! 123\r?$", 30, at)[1]
        with tap.point(engine + ": the pointer moves and clicks"):
            floppy.pointer("move", "30", "20", relative=True)
            match, at = floppy.wait_serial(r"^pointer (\d+), (\d+)", 20, at)
            check(int(match[1]) > 400 and int(match[2]) > 480, "the pointer went to %s, %s" % (match[1], match[2]))
            floppy.pointer("down", "left", "sleep", "200", "up", "left", relative=True)
            at = floppy.wait_serial(r"^pointer \d+, \d+  left ", 20, at)[1]
            at = floppy.wait_serial(r"^pointer \d+, \d+  \r?$", 20, at)[1]
        with tap.point(engine + ": pause stops the clock, resume lets it go on"):
            floppy.vivctl("pause")
            equal(floppy.state, "paused", "state")
            before = guest_seconds(floppy)
            picture = floppy.screenshot()
            os.sched_yield()
            until(lambda: floppy.show()["statistics"]["uptime-ns"] / 1e9 > before + 2 or None, 30, "uptime goes on")
            equal(guest_seconds(floppy), before, "the guest's time")
            check(floppy.screenshot().data == picture.data, "the picture of a paused machine changed")
            floppy.vivctl("resume")
            equal(floppy.state, "running", "state")
            until(lambda: guest_seconds(floppy) > before + 1, 30, "time goes on")
            floppy.until(lambda: floppy.screenshot().data != picture.data, 30, "the clock's row changes")
        with tap.point(engine + ": serial clients come and go while the guest doesn't read"):
            floppy.vivctl("serial", "--send", "The welcome machine reads nothing from its serial port. " * 2)
            for _ in range(20):
                check("welcome ready" in floppy.serial(), "the line's history")
        with tap.point(engine + ": media change"):
            equal(floppy.vivctl("media").stdout.split()[0], "floppy0", "drive")
            floppy.vivctl("media", "floppy0", "")
            check(image not in floppy.vivctl("media").stdout, "the floppy is still there")
            floppy.vivctl("media", "floppy0", image)
            check(image in floppy.vivctl("media").stdout, "the floppy is not there")
            # Nobody named it before: it is opened by who inserts it, so it can be written.
            other = room.path("elsewhere", "other.img")
            os.makedirs(os.path.dirname(other))
            shutil.copy(WELCOME, other)
            told = floppy.vivctl("media", "floppy0", other)
            check(not told.stderr, "something was said: " + told.stderr)
            line = floppy.vivctl("media").stdout.splitlines()[0]
            check(other in line and "read-only" not in line, line)
            floppy.vivctl("media", "floppy0", image)
        with tap.point(engine + ": F5 restarts through the keyboard controller"):
            floppy.key("f5")
            at = boot(floppy, "floppy", at)
        with tap.point(engine + ": reset from outside"):
            floppy.vivctl("reset")
            at = boot(floppy, "floppy", at)
        with tap.point(engine + ": F10 powers off by ACPI, the machine ends"):
            pid = floppy.pid
            floppy.key("f10", ends=True)
            floppy.wait_state("off")
            until(lambda: not os.path.exists("/proc/%d" % pid), 10, "the monitor ends")
        with tap.point(engine + ": the floppy is as it was"):
            with open(WELCOME, "rb") as one, open(image, "rb") as two:
                check(one.read() == two.read(), "the image has changed")

        disk = welcome_disk(room.path("disk.img"))
        with tap.point(engine + ": boot from a hard disk"):
            machine = room.machine("Disk", "--disk", disk, engine=engine)
            machine.start()
            boot(machine, "hard disk")
            check_picture(machine)
        with tap.point(engine + ": stop, then start again"):
            machine.stop()
            machine.start()
            boot(machine, "hard disk")
            machine.stop()
        with tap.point(engine + ": boot from the same disk on virtio"):
            machine.vivctl("set", "disk0.bus=virtio")
            machine.start()
            boot(machine, "hard disk")
            check_picture(machine)
            machine.stop()
        with tap.point(engine + ": boot from a CD (El Torito without emulation)"):
            machine = room.machine("Disc", "--cdrom", welcome_cd(room), engine=engine)
            machine.start()
            boot(machine, "CD-ROM")
            check_picture(machine)
            machine.stop()
        with tap.point(engine + ": a medium changed while the machine runs is booted after a reset"):
            machine = room.machine("Change", "--cdrom", welcome_cd(room), "--boot", "d", engine=engine)
            machine.start("--paused")
            machine.vivctl("media", "cdrom0", "")
            machine.vivctl("resume")
            machine.wait(BOOT, text="No bootable device|could not read|not a bootable")
            machine.vivctl("media", "cdrom0", room.path("welcome.iso"))
            machine.vivctl("reset")
            boot(machine, "CD-ROM")
            check(re.search("welcome.iso", machine.vivctl("media").stdout), "media")
            machine.stop()
    tap.done()


main()
