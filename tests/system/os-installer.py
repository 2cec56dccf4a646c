#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian installer: text on the serial line and graphical, by direct kernel boot, from GRUB and ISOLINUX, and saved and loaded
in the middle of its boot.   os-installer.py ENGINE [CASE…]"""
import random
import re
import time

from lib import Failure, check, equal, until
from os_cases import run_cases
from os_media import grub_disk, grub_iso, installer, isolinux_iso

# The first screen has all languages; "low memory mode" would skip it below about 800 MiB.
MEMORY = "1G"
LANGUAGES = "Select a language"
BOOT = 420
# What each language's row is drawn with on a serial line: escapes in between.
ESCAPES = re.compile(r"\x1b[()][0-9A-B]|\x1b\[[0-9;?]*[A-Za-z]|[\x0e\x0f]")


def wait_line(machine, pattern, timeout, since=0):
    """Until the serial line has the pattern, escapes left out; the length of what it has."""
    def look():
        text = machine.serial()
        return len(text) if re.search(pattern, ESCAPES.sub("", text[since:])) else None
    try:
        return until(look, timeout, "“%s” on the serial line" % pattern, 1)
    except Failure as failure:
        raise Failure("%s\nThe line ends with: %s\nThe state is %s" % (
            failure, ESCAPES.sub("", machine.serial())[-1500:], machine.state)) from None


def use_text(machine):
    """The list of languages is there: choose the next one, go on to the countries, and come back."""
    at = wait_line(machine, LANGUAGES, BOOT)
    machine.vivctl("serial", "--send", "\\r")
    at = wait_line(machine, "Select your location", 180, at)
    # Tab: to the button that goes back.
    machine.vivctl("serial", "--send", "\\t")
    time.sleep(1)
    machine.vivctl("serial", "--send", "\\r")
    wait_line(machine, "Debian installer main menu|" + LANGUAGES, 180, at)


def text_direct(arch):
    def case(room, engine):
        kernel, initrd = installer(arch, "text")
        machine = room.machine("installer", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0", engine=engine, memory=MEMORY)
        machine.start()
        use_text(machine)
        machine.stop()
    return case


GRUB = """serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=1
menuentry "installer" {
  linux /boot/linux console=ttyS0
  initrd /boot/initrd.gz
}
"""

ISOLINUX = """SERIAL 0 115200
DEFAULT installer
PROMPT 0
LABEL installer
  KERNEL /isolinux/linux
  INITRD /isolinux/initrd.gz
  APPEND console=ttyS0
"""


def text_grub(room, engine):
    kernel, initrd = installer("amd64", "text")
    image = grub_iso(room, "grub", GRUB, [("boot/linux", kernel), ("boot/initrd.gz", initrd)])
    machine = room.machine("grub", "--cdrom", image, "--boot", "d", engine=engine, memory=MEMORY)
    machine.start()
    use_text(machine)
    machine.stop()


def text_disk(bus):
    """GRUB loads it by the firmware's driver for the bus; the disk's own driver comes from a mirror later, in this installer."""
    def case(room, engine):
        kernel, initrd = installer("amd64", "text")
        image = grub_disk(room, "grub", GRUB, [("boot/linux", kernel), ("boot/initrd.gz", initrd)])
        machine = room.machine("disk", "--disk", image, engine=engine, memory=MEMORY)
        machine.vivctl("set", "disk0.bus=" + bus)
        machine.start()
        use_text(machine)
        machine.stop()
    return case


def text_isolinux(room, engine):
    kernel, initrd = installer("i386", "text")
    image = isolinux_iso(room, "isolinux", ISOLINUX, [("isolinux/linux", kernel), ("isolinux/initrd.gz", initrd)])
    machine = room.machine("isolinux", "--cdrom", image, "--boot", "d", engine=engine, memory=MEMORY)
    machine.start()
    use_text(machine)
    machine.stop()


def marked(picture):
    """The height at which a row of a list is marked, below the banner; 0 without.  Debian 12's colour."""
    for y in range(100, picture.height):
        if all(abs(a - b) <= 14 for x in (picture.width // 2, picture.width * 3 // 4, picture.width * 9 // 10)
               for a, b in zip(picture.pixel(x, y), (41, 133, 126))):
            return y
    return 0


def wait_still(machine, timeout, seconds, condition, text):
    """Until a screen with a list has not changed for so long and the condition holds; the picture."""
    last = {"data": None, "since": time.monotonic()}

    def look():
        picture = machine.screenshot()
        if picture.data != last["data"]:
            last.update(data=picture.data, since=time.monotonic())
        still = time.monotonic() - last["since"] >= seconds
        return picture if still and marked(picture) and condition(picture) else None
    return until(look, timeout, text, 1)


def title(picture):
    """The line below the banner: what the page is called."""
    return picture.crop(0, 80, picture.width, 30).data


def body(picture):
    """The end of the list, which the pointer is not in."""
    return picture.crop(0, 110, picture.width // 2, picture.height - 200).data


def graphical(arch):
    def case(room, engine):
        kernel, initrd = installer(arch, "gtk")
        machine = room.machine("graphical", "--kernel", kernel, "--initrd", initrd, "--append", "vga=788", engine=engine, memory=MEMORY)
        machine.start()
        first = wait_still(machine, BOOT * 2, 3, lambda p: True, "the list of languages")
        check(first.width >= 640 and first.height >= 480, "a screen of %d x %d" % (first.width, first.height))
        # The list may take the keyboard only now; a key that is lost is pressed again.
        for _ in range(10):
            machine.key("down")
            try:
                second = wait_still(machine, 10, 1, lambda p: marked(p) != marked(first), "the next language is marked")
                break
            except Failure:
                continue
        else:
            raise Failure("the arrow key marks no other language")
        check(marked(second) > marked(first), "the mark moved up")
        # The mouse: from the top left corner into the list (X doubles a fast movement) and a click on a language.
        machine.pointer("move", "-2000", "-2000", "sleep", "1500", "move", "100", "120", "sleep", "1500", relative=True)
        machine.pointer("click", "left", relative=True)
        third = wait_still(machine, 60, 1, lambda p: marked(p) < marked(first), "a click marks another language")
        machine.key("ret")
        fourth = wait_still(machine, 240, 2, lambda p: title(p) != title(third), "the page of countries")
        # "Go Back", by its key: the continents, or the languages.
        machine.key("esc")
        wait_still(machine, 240, 2, lambda p: body(p) not in (body(third), body(fourth)), "the page before")
        machine.stop()
    return case


def save_load(room, engine):
    """At a moment that differs from run to run; the seed is told."""
    kernel, initrd = installer("amd64", "text")
    machine = room.machine("saved", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0", engine=engine, memory=MEMORY)
    moments = ["early console|Linux version", "smpboot|APIC", "Trying to unpack rootfs", "Freeing unused kernel|Run /init"]
    seed = random.randrange(1 << 16)
    moment = moments[seed % len(moments)]
    print("# seed %d: saved after “%s”" % (seed, moment), flush=True)
    machine.start()
    wait_line(machine, moment, BOOT)
    time.sleep(random.Random(seed).random() * 2)
    machine.vivctl("pause")
    state = room.path("saved.state")
    before = machine.serial()
    machine.vivctl("save", state, timeout=120)
    machine.stop()
    machine.start("--load", state)
    equal(machine.state, "running", "state after loading")
    use_text(machine)
    check(len(before) > 0, "nothing had come over the serial line before")
    machine.stop()


run_cases({
    "text-amd64": text_direct("amd64"),
    "text-i386": text_direct("i386"),
    "text-amd64-grub": text_grub,
    "text-i386-isolinux": text_isolinux,
    "text-virtio": text_disk("virtio"),
    "text-scsi": text_disk("scsi"),
    "gtk-amd64": graphical("amd64"),
    "gtk-i386": graphical("i386"),
    "save-load": save_load,
}, slow=("text-amd64-grub", "text-virtio", "text-scsi", "text-i386-isolinux", "gtk-amd64", "gtk-i386", "save-load"))
