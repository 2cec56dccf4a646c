#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that come and go while a machine runs, by vivctl: in the machine, in its file, and where they were after a start and a load."""
import json
import os
import stat

from lib import Room, Tap, VMM, check, equal


def wrap(room):
    """A monitor that has slots and something to put into them, which no person's machine has yet."""
    path = room.path("monitor")
    with open(path, "w") as file:
        file.write('#!/bin/sh\nexec "%s" --test-pci "$@"\n' % VMM)
    os.chmod(path, stat.S_IRWXU)
    return path


def places(machine):
    devices = json.loads(machine.vivctl("device", "list", "--json").stdout)
    return {d["id"]: d["place"] for d in devices if d["kind"] == "pcitest"}


def written(machine):
    """The slots that machine.ini has."""
    slots, group = {}, None
    with open(os.path.join(machine.folder, "machine.ini"), encoding="utf-8") as file:
        for line in file:
            line = line.strip()
            if line.startswith("["):
                group = line[1:-1]
            elif line.startswith("slot="):
                slots[group] = line[5:]
    return slots


def main():
    tap = Tap()
    with Room() as room:
        room.env["VIVARIUM_VMM"] = wrap(room)
        machine = room.machine("Slots", engine="none", memory="16M")
        machine.start()
        with tap.point("a device is plugged in, and stays for the next start"):
            added = machine.vivctl("device", "add", "pcitest")
            equal((added.stdout, added.stderr), ("pcitest0\n", ""), "what is said")
            equal(places(machine), {"pcitest0": "slot 1"}, "in the machine")
            equal(written(machine), {"pcitest0": "1"}, "in the file")
        with tap.point("a slot may be named; one that isn't there or is taken is refused"):
            machine.vivctl("device", "add", "pcitest,slot=2")
            for slot in "1", "2":
                refused = machine.vivctl("device", "add", "pcitest,slot=" + slot, ok=False)
                check(refused.returncode != 0 and "slot " + slot in refused.stderr, refused.stderr)
            equal(places(machine), {"pcitest0": "slot 1", "pcitest1": "slot 2"}, "in the machine")
            equal(written(machine), {"pcitest0": "1", "pcitest1": "2"}, "in the file")
        with tap.point("what the board has no place for waits for the next start, and so does what its bus can't take"):
            for words in "pcitest", "floppy":
                later = machine.vivctl("device", "add", words)
                check("next start" in later.stderr, later.stderr)
            equal(places(machine), {"pcitest0": "slot 1", "pcitest1": "slot 2"}, "in the machine")
            equal(written(machine), {"pcitest0": "1", "pcitest1": "2", "pcitest2": "3"}, "in the file")
            machine.vivctl("device", "remove", "pcitest2")
            machine.vivctl("device", "remove", "floppy0")
        with tap.point("a device is taken out again, and the other stays where it is"):
            gone = machine.vivctl("device", "remove", "pcitest0")
            equal((gone.stdout, gone.stderr), ("", ""), "what is said")
            equal(places(machine), {"pcitest1": "slot 2"}, "in the machine")
            equal(written(machine), {"pcitest1": "2"}, "in the file")
            again = machine.vivctl("device", "remove", "pcitest0", ok=False)
            check(again.returncode != 0, "it is taken out twice")
        with tap.point("also in a machine that is started from a saved state"):
            state = room.path("slots.state")
            machine.vivctl("save", state)
            machine.vivctl("stop", "--force")
            machine.start("--load", state)
            equal(places(machine), {"pcitest1": "slot 2"}, "in the machine")
            machine.vivctl("device", "add", "pcitest")
            equal(places(machine), {"pcitest0": "slot 1", "pcitest1": "slot 2"}, "in the machine")
        with tap.point("a device that its guest doesn't let go is taken out by force"):
            # There from power on it is in a slot with power, and nobody serves that.
            machine.vivctl("stop", "--force")
            machine.start()
            refused = machine.vivctl("device", "remove", "pcitest1", ok=False)
            check(refused.returncode != 0 and "by force" in refused.stderr, refused.stderr)
            equal(written(machine), {"pcitest0": "1", "pcitest1": "2"}, "in the file")
            machine.vivctl("device", "remove", "pcitest1", "--force")
            equal(places(machine), {"pcitest0": "slot 1"}, "in the machine")
            equal(written(machine), {"pcitest0": "1"}, "in the file")
        machine.vivctl("stop", "--force")
    tap.done()


main()
