#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Multiboot kernel in conventional memory with modules: how it is entered and what it is given."""
import os
import re

from lib import BUILD, Room, Tap, check, engine_argument, equal

BOOT = 120
KERNEL = os.path.join(BUILD, "tests/guest/multiboot/multiboot.elf")


def module(room, name, text):
    path = room.path(name)
    with open(path, "wb") as file:
        file.write(text + b"\0")
    return path


def main():
    engine = engine_argument()
    tap = Tap()
    with Room() as room:
        first, second = module(room, "first.mod", b"one"), module(room, "second module", b"two-two")
        ramdisk = module(room, "ramdisk", b"ram")
        machine = room.machine("Modules", "--kernel", KERNEL, "--append", "root=x y", "--initrd", ramdisk, "--module", first + " verbose  -1",
                               "--module", second.replace(" ", "\\ "), engine=engine)
        machine.start()
        with tap.point(engine + ": a kernel in conventional memory is entered"):
            text = machine.serial()
            at = machine.wait_serial("^end$", BOOT)[1]
            text = machine.serial()[:at]
            tap.diag(text)
            field = lambda name: re.search("^%s (.*)$" % name, text, re.M)[1]
            equal(field("magic"), "2badb002", "EAX")
            equal(field("ebp"), "00000000", "EBP")
            equal(int(field("eflags"), 16) & 0x20200, 0, "IF and VM of EFLAGS")
            check(re.search("^high here$", text, re.M), "the segment above 1 MiB is missing")
            check(int(field("map-length"), 16) % 24 == 0 and field("map-length") != "00000000", "the memory map")
            equal(field("loader"), "Vivarium", "loader")
        with tap.point(engine + ": command line and modules, each with its own string"):
            equal(field("line"), KERNEL + " root=x y", "command line")
            equal(int(field("flags"), 16) & 0x4d, 0x4d, "flags")
            equal(re.findall(r"^module (.*) = (\S+) length (\S+)$", text, re.M),
                  [(ramdisk, "ram", "00000004"), (first + " verbose  -1", "one", "00000004"), (second, "two-two", "00000008")], "modules")
        machine.stop()
    tap.done()


main()
