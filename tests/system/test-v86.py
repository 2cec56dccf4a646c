#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A monitor of virtual-8086 mode and a storm of page faults (tests/guest/v86): what they come to, reckoned here.   test-v86.py ENGINE [interpret | translate]"""
import os
import re
import sys

from lib import BUILD, Room, Tap, check, engine_argument, equal

BITS = 0xffffffff


def reflected(rounds):
    """EBX of the task, and what the monitor adds up of its OUTs."""
    total, ports = 0, 0
    for n in range(1, rounds + 1):
        total += 3 * (n & 0xffff) + 3 + (n & 0xff ^ 0x5a)
        ports += n & 0xff
    return total & BITS, ports & BITS


def faulted(rounds, frames=16):
    """Faults, and the sum of what is read through pages that share frames first in, first out."""
    memory = [[0] * 1024 for _ in range(frames)]
    frame_of, owners, oldest = {}, [None] * frames, 0
    faults, total, random = 0, 0, 1
    for turn in range(rounds, 0, -1):
        random = (random * 1664525 + 1013904223) & BITS
        page, word = random >> 22, (random >> 8 & 0xffc) // 4
        if page not in frame_of:
            faults += 1
            frame_of.pop(owners[oldest], None)
            owners[oldest] = page
            frame_of[page] = oldest
            memory[oldest][0] = page
            oldest = (oldest + 1) % frames
        frame = memory[frame_of[page]]
        total += frame[word]
        frame[word] = turn
        total += frame[0]
    return faults, total & BITS


def main():
    engine = engine_argument()
    if len(sys.argv) > 2:
        os.environ["VIVARIUM_SOFT"] = sys.argv[2]
    tap = Tap()
    with Room() as room:
        machine = room.machine("V86", "--floppy", os.path.join(BUILD, "tests/guest/v86/v86.img"), "--snapshot", engine=engine)
        with tap.point(engine + ": the guest comes to its end"):
            machine.start()
            machine.until(lambda: re.search("^v86 (end|wrong)", machine.serial(), re.M), 120, "its end", stall=120)
            check("v86 wrong" not in machine.serial(), machine.serial())
        said = {line.split()[1]: [int(word, 16) for word in line.split()[2:]] for line in machine.serial().splitlines() if line.startswith("v86 ")}
        with tap.point(engine + ": interrupts, flags and ports of the virtual-8086 task are reflected"):
            rounds, calls, total, ports = said["reflect"]
            equal(calls, rounds, "calls")
            equal((total, ports), reflected(rounds), "sums")
        with tap.point(engine + ": each fault is served, and each page has what its frame has"):
            rounds, *found = said["faults"]
            equal(tuple(found), faulted(rounds), "faults and sum")
        machine.stop()
    tap.done()


main()
