#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The BIOS test of tests/guest/bios on an engine: what it reports on COM1 becomes the points of this test.

Answers its requests for keys and for the pointer, and looks at each video mode.  With VIVARIUM_TEST_SHOTS=FOLDER the pictures
are kept there.
"""
import os
import re
import shutil
import time

from lib import (BUILD, PATIENCE, Failure, Room, Tap, check, engine_argument, equal, kvm_interprets, need_programs, run, skip_all)

IMAGE = os.path.join(BUILD, "tests/guest/bios/bios.img")
SHOTS = os.environ.get("VIVARIUM_TEST_SHOTS")

# Size of the picture of each mode: 9 dots a character in text, both axes doubled in 200 line modes.
SIZES = {0x00: (720, 400), 0x01: (720, 400), 0x02: (720, 400), 0x03: (720, 400), 0x07: (720, 400),
         0x0d: (640, 400), 0x0e: (640, 400), 0x0f: (640, 350), 0x10: (640, 350), 0x11: (640, 480),
         0x12: (640, 480), 0x04: (640, 400), 0x05: (640, 400), 0x06: (640, 400), 0x13: (640, 400)}
VBE_SIZES = {0x101: (640, 480), 0x103: (800, 600), 0x105: (1024, 768), 0x110: (640, 480), 0x111: (640, 480),
             0x112: (640, 480), 0x115: (800, 600), 0x118: (1024, 768)}


def colours(picture, y0, y1):
    return len({picture.pixel(x, y) for y in range(y0, y1) for x in range(picture.width)})


def check_mode(machine, kind, mode):
    picture = machine.screenshot()
    if SHOTS:
        shutil.copy(machine.room.path("shot-%s.png" % machine.name), os.path.join(SHOTS, "%s-%02x.png" % (kind or "mode", mode)))
    size = picture.width, picture.height
    if kind == "vbe":
        equal(size, VBE_SIZES[mode], "size")
        bars = [picture.pixel(picture.width * (2 * i + 1) // 16, 4) for i in range(8)]
        equal(len(set(bars)), 8, "colours of the bars")
        equal([picture.pixel(picture.width * (2 * i + 1) // 16, picture.height - 4) for i in range(8)], bars[::-1], "the bars below")
        if mode > 0x105:
            equal(bars, [(255 * (i >> 2 & 1), 255 * (i >> 1 & 1), 255 * (i & 1)) for i in range(8)], "bars")
        return
    equal(size, SIZES[mode], "size")
    wanted = {0x04: 4, 0x05: 4, 0x06: 2, 0x07: 2, 0x0f: 2, 0x11: 2, 0x13: 200}.get(mode, 16)
    found = colours(picture, 0, picture.height)
    check(found >= wanted, "%d colours, not %d" % (found, wanted))


def drive(tap, machine, engine, limit):
    """Follows the report to its end."""
    at, end, starts = 0, time.monotonic() + limit * PATIENCE, 0
    while True:
        text = machine.serial()
        lines = text.split("\n")
        for number, line in enumerate(lines[:-1]):
            line = line.strip("\r")
            if number < at:
                continue
            at = number + 1
            end = max(end, time.monotonic() + 60 * PATIENCE)
            match = re.match(r"(not )?ok (.*)", line)
            if match:
                with tap.point("%s: %s" % (engine, match[2].strip())):
                    check(not match[1], "the guest saw it")
            elif line == "done":
                return
            elif line.startswith("bios test from"):
                starts += 1
                if starts > 1:
                    raise Failure("the machine has started again: %r" % lines[max(number - 6, 0):number])
            elif line.startswith("press "):
                time.sleep(0.3)
                machine.key(line.split()[1])
            elif line == "move":
                time.sleep(0.3)
                machine.pointer("move", "20", "12", relative=True)
            elif line.startswith("look "):
                kind, mode = re.match(r"look (.*?)([0-9a-f]+)$", line).groups()
                with tap.point("%s: picture of %smode %s" % (engine, kind, mode)):
                    check_mode(machine, kind.strip(), int(mode, 16))
                machine.key("spc")
        if machine.state != "running":
            raise Failure("the machine is %s: %s" % (machine.state, machine.show()["state-reason"]))
        if time.monotonic() > end:
            raise Failure("no end; the last lines were %r" % lines[-6:])
        time.sleep(0.1)


def main():
    engine = engine_argument()
    need_programs("xorriso")
    if engine == "kvm" and kvm_interprets():
        skip_all("this KVM interprets the guest and can't do all that a BIOS's user does")
    tap = Tap()
    with Room() as room:
        floppy, disk = room.path("bios.img"), room.path("disk.img")
        shutil.copy(IMAGE, floppy)
        shutil.copy(IMAGE, disk)
        os.truncate(disk, 40 << 20)
        tree = room.path("tree")
        os.mkdir(tree)
        with open(IMAGE, "rb") as source, open(os.path.join(tree, "boot.img"), "wb") as target:
            target.write(source.read(32768))
        shutil.copy(IMAGE, os.path.join(tree, "floppy.img"))
        for name, options in (("plain", ["-b", "boot.img", "-no-emul-boot", "-boot-load-size", "64"]), ("floppy", ["-b", "floppy.img"])):
            run(["xorriso", "-as", "mkisofs", "-quiet", *options, "-c", "boot.cat", "-o", room.path(name + ".iso"), tree])
        machine = room.machine("Bios", "--floppy", floppy, "--disk", disk, "--boot", "a", engine=engine)
        with tap.point(engine + ": the whole from a floppy"):
            machine.start()
            drive(tap, machine, engine, 120)
        machine.stop()
        machine = room.machine("Disc", "--cdrom", room.path("plain.iso"), "--boot", "d", engine=engine)
        with tap.point(engine + ": from a CD"):
            machine.start()
            drive(tap, machine, engine, 120)
        machine.stop()
        machine = room.machine("Emulated", "--cdrom", room.path("floppy.iso"), "--boot", "d", engine=engine)
        with tap.point(engine + ": from a CD that is a floppy (El Torito emulation)"):
            machine.start()
            machine.wait_serial("^bios test from 0\r?$", 120)
        machine.stop()
    tap.done()


main()
