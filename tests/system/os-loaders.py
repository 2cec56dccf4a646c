#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot loaders and memtest86+: what SeaBIOS starts.   os-loaders.py ENGINE [CASE…]"""
import re

from lib import check, until
from os_cases import run_cases
from os_media import find, grub_iso, isolinux_iso, memtest

BOOT = 300
GRUB = """set timeout=-1
menuentry "first entry" {
  echo "The first entry was chosen"
  sleep 60
}
menuentry "second entry" {
  echo "The second entry was chosen"
  sleep --interruptible 60
}
"""
ISOLINUX = """DEFAULT none
PROMPT 1
TIMEOUT 0
SAY The prompt of ISOLINUX
LABEL none
  LOCALBOOT -1
"""


def grub(room, engine):
    machine = room.machine("grub", "--cdrom", grub_iso(room, "menu", GRUB), "--boot", "d", engine=engine, memory="64M")
    machine.start()
    machine.wait(BOOT, text=r"\*first entry")
    machine.key("down")
    machine.wait(60, text=r"\*second entry")
    machine.key("ret")
    machine.wait(60, text="The second entry was chosen")
    machine.stop()


def isolinux(room, engine):
    machine = room.machine("isolinux", "--cdrom", isolinux_iso(room, "prompt", ISOLINUX), "--boot", "d", engine=engine, memory="64M")
    machine.start()
    machine.wait(BOOT, text="boot:")
    machine.type("nothing\n")
    machine.wait(60, text="nothing.*(not find|No such|not found)|Could not find kernel image: nothing")
    machine.stop()


def ipxe(*options):
    def case(room, engine):
        arguments = [find(o, "ipxe") if o.startswith("/") else o for o in options]
        machine = room.machine("ipxe", *arguments, engine=engine, memory="64M")
        machine.start()
        machine.wait(BOOT, text="Ctrl-B")
        machine.key("ctrl-b")
        machine.wait(120, text="iPXE>")
        machine.type("echo It is ${version}\n")
        machine.wait(60, text=r"^It is \d")
        machine.stop()
    return case


def memory_test(bits):
    """One pass over a small memory, without an error."""
    def case(room, engine):
        machine = room.machine("memtest", "--kernel", memtest(bits), engine=engine, memory="32M")
        machine.start()
        machine.wait(BOOT, text="Memtest86")

        def passed():
            text = machine.text()
            check(not re.search(r"Failing|FAIL|Unexpected interrupt", text), "memtest86+ says:\n" + text)
            match = re.search(r"(?:Passes|Pass:?)\s*:?\s*(\d+)", text)
            return re.search(r"PASS\b", text) or (match and int(match[1]) >= 1)
        until(passed, 1500, "a pass of memtest86+", 2)
        check(re.search(r"Errors:\s*0\b", machine.text()), "errors:\n" + machine.text())
        machine.stop()
    return case


run_cases({
    "grub": grub,
    "isolinux": isolinux,
    "ipxe-cd": ipxe("--cdrom", "/usr/lib/ipxe/ipxe.iso", "--boot", "d"),
    "ipxe-kernel": ipxe("--kernel", "/usr/lib/ipxe/ipxe.lkrn"),
    "memtest-64": memory_test(64),
    "memtest-32": memory_test(32),
}, slow=("isolinux", "ipxe-kernel", "memtest-64", "memtest-32"))
