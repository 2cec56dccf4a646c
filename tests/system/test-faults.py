#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine can't go on from is reported with registers and bytes, and a reset recovers; a triple fault resets."""
import os
import re
import shutil

from lib import BUILD, Room, Skip, Tap, WELCOME, check, engine_argument, equal, kvm_interprets

BOOT = 120
STALL = 120  # s without an exit from a KVM that interprets


def guest(room, name):
    path = room.path(name + ".img")
    shutil.copy(os.path.join(BUILD, "tests/guest/faults", name + ".img"), path)
    return path


def main():
    engine = engine_argument()
    tap = Tap()
    at = 0
    with Room() as room:
        machine = room.machine("Fwait", "--floppy", guest(room, "fwait"), engine=engine)
        with tap.point(engine + ": FWAIT in ring 0 is executed, or reported"):
            machine.start()
            machine.until(lambda: machine.state in ("crashed", "off"), BOOT, "the guest ends", stall=STALL)
            if machine.state == "off":
                check(engine == "software" or not kvm_interprets(), "a KVM that interprets executed FWAIT")
                raise Skip("this processor executes FWAIT; the guest powered off as it should")
            at = machine.wait_serial("^fwait comes", 5)[1]
            reason = machine.show()["state-reason"]
            tap.diag(reason)
            check("internal error" in reason, "no word of an internal error")
            check(re.search(r"(?i)rax[ =:]+0*12345678\b", reason), "RAX is missing")
            check(re.search(r"(?i)rbx[ =:]+0*feedface\b", reason), "RBX is missing")
            check(re.search(r"(?i)rip[ =:]+0*7c[0-9a-f]{2}\b", reason), "RIP is missing")
            check(re.search(r"(?i)\b9b\W+(66\W+)?ba\W+04\W+06", reason), "the bytes at RIP are missing: FWAIT; MOV $0x604, %DX")
            check(os.path.exists("/proc/%d" % machine.pid), "the monitor has ended")
            machine.screenshot()
        with tap.point(engine + ": the crashed machine's medium is changed, a reset recovers it"):
            if machine.state != "crashed":
                raise Skip("the machine did not crash")
            machine.vivctl("media", "floppy0", WELCOME, "--read-only")
            machine.vivctl("reset")
            equal(machine.state, "running", "state")
            machine.wait_serial("^welcome ready", BOOT, at)
            machine.stop()
        with tap.point(engine + ": a triple fault resets the machine"):
            machine = room.machine("Triple", "--floppy", guest(room, "triple"), engine=engine)
            machine.start()
            at = machine.wait_serial("^triple fault comes", BOOT, stall=STALL)[1]
            machine.wait_serial("^triple fault comes", BOOT, at, STALL)
            equal(machine.state, "running", "state")
            check(re.search("(?i)triple fault", machine.vivctl("log").stdout), "the log doesn't tell")
            machine.stop()
    tap.done()


main()
