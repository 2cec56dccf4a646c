#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the walls around a monitor cost while it runs: the same with and without, in turns, the median of the ratios.   tests/bench/walls.py BUILD

Requests of a disk by the device's own code, with its threads behind their lists of system calls; exits of a whole machine on KVM, where that is there."""
import os
import re
import statistics
import subprocess
import tempfile

from measure import Machine, build, guests, vmm

PAIRS = 7
TURNS = 20000


def storage(*arguments):
    text = subprocess.run([os.path.join(build, "tests/bench/bench-storage"), *arguments], check=True, capture_output=True, text=True).stdout
    return {name.strip(): float(value) for name, value in re.findall(r"^(.{34}) +([0-9.]+) us", text, re.M)}


def exits(definition, *arguments):
    machine = Machine([vmm, "--definition", definition, *arguments], {"G_MESSAGES_DEBUG": "board"})
    try:
        t = [machine.wait("bench %d" % n, 120) for n in range(4)]
        empty = t[1] - t[0]
        return {"port write exit": (t[2] - t[1] - empty) / TURNS * 1e6, "MMIO read exit": (t[3] - t[2] - empty) / TURNS * 1e6}
    finally:
        machine.end()


def compare(with_walls, without):
    pairs = [(with_walls(), without()) for _ in range(PAIRS)]
    for name in pairs[0][0]:
        print("%-34s %12.2f us       without walls %8.2f us   ratio %5.3f" %
              (name, statistics.median(p[0][name] for p in pairs), statistics.median(p[1][name] for p in pairs),
               statistics.median(p[0][name] / p[1][name] for p in pairs)), flush=True)


def main():
    print("-- The walls, medians of %d pairs" % PAIRS)
    compare(lambda: storage("--walls"), storage)
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        print("skipped: exits: /dev/kvm can't be opened, and the software processor's are no system calls")
        return
    with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
        definition = os.path.join(folder, "machine.ini")
        with open(definition, "w", encoding="ascii") as file:
            file.write("[machine]\nname=bench\nuuid=00000000-0000-4000-8000-000000000001\nengine=kvm\nmemory=64M\n"
                       "[disk0]\npath=%s\nformat=raw\nreadonly=true\n" % os.path.join(guests, "exits/exits.img"))
        compare(lambda: exits(definition), lambda: exits(definition, "--no-sandbox"))


main()
