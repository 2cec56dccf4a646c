#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that older versions have saved go on.  tests/data/welcome-N.state is the welcome machine with 4 MiB, saved in format N."""
import glob
import os
import shutil

from lib import Room, Tap, WELCOME, check, equal

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")


def main():
    tap = Tap()
    states = sorted(glob.glob(os.path.join(DATA, "welcome-*.state")))
    check(states, "no saved machines in %s" % DATA)
    with Room() as room:
        image = room.path("floppy.img")
        shutil.copy(WELCOME, image)
        for state in states:
            name = os.path.basename(state)[:-len(".state")]
            machine = room.machine(name, "--floppy", image, engine="software", memory="4M")
            with tap.point(name + ": loads, draws and hears keys"):
                machine.start("--load", state)
                equal(machine.state, "running", "state")
                machine.key("a")
                machine.wait_serial("^key 1e\r?\nkey 9e\r?$", 60)
                picture = machine.screenshot()
                equal((picture.width, picture.height), (800, 600), "mode")
            with tap.point(name + ": is saved and loads again"):
                again = room.path(name + ".again")
                machine.vivctl("save", again)
                machine.vivctl("stop", "--force")
                machine.start("--load", again)
                machine.key("b")
                machine.wait_serial("^key 30\r?\nkey b0\r?$", 60)
                machine.vivctl("stop", "--force")
    tap.done()


main()
