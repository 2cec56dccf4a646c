#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processor guest's answers, line by line, against tests/guest/cpu/expected.txt (what the manual says)."""
import os
import re

from lib import BUILD, Failure, Room, SRC, Skip, Tap, check, engine_argument, equal, kvm_interprets

STALL = 120  # s without an exit from a KVM that interprets


def main():
    engine = engine_argument()
    with open(os.path.join(SRC, "tests/guest/cpu/expected.txt"), encoding="ascii") as file:
        expected = file.read().splitlines()
    tap = Tap()
    with Room() as room:
        machine = room.machine("Processor", "--floppy", os.path.join(BUILD, "tests/guest/cpu/cpu.img"), "--snapshot", engine=engine)
        with tap.point(engine + ": the processor guest comes to an end"):
            machine.start()
            # A second start means a triple fault.
            machine.until(lambda: machine.state == "crashed" or re.search("^cpu done|^cpu start[^$]*^cpu start", machine.serial(), re.M), 120,
                          "its end", stall=STALL)
        lines = machine.serial().splitlines()
        with tap.point("%s: %d answers" % (engine, len(expected))):
            if not lines and engine == "kvm" and kvm_interprets():
                raise Skip("this KVM interprets ring 0 and gave up before the first answer")
            check(lines, "no line at all")
            for n, wanted in enumerate(expected):
                found = lines[n] if n < len(lines) else "nothing"
                if found != wanted and engine == "kvm" and kvm_interprets():
                    raise Skip("this KVM interprets ring 0; %d answers are right, then “%s”, not “%s”" % (n, found, wanted))
                if found != wanted:
                    raise Failure("line %d: “%s”, not “%s”" % (n + 1, found, wanted))
            equal(len(lines), len(expected), "lines")
        machine.stop()
    tap.done()


main()
