#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine with two screens, by vivctl: they are listed, photographed and served over VNC one by one, and saved with it."""
import os
import stat

from lib import Picture, Room, Tap, VMM, check, equal

BARS = [(192, 192, 192), (192, 192, 0), (0, 192, 192), (0, 192, 0), (192, 0, 192), (192, 0, 0), (0, 0, 192), (0, 0, 0)]


def wrap(room):
    """A monitor that has the second display adapter, which no definition can ask for."""
    path = room.path("monitor")
    with open(path, "w") as file:
        file.write('#!/bin/sh\nexec "%s" --test-display "$@"\n' % VMM)
    os.chmod(path, stat.S_IRWXU)
    return path


def photograph(room, machine, number):
    path = room.path("screen%d.png" % number)
    machine.vivctl("screenshot", path, "--screen", str(number))
    with open(path, "rb") as file:
        return Picture.from_png(file.read())


def main():
    tap = Tap()
    with Room() as room:
        room.env["VIVARIUM_VMM"] = wrap(room)
        machine = room.machine("Two", engine="software", memory="16M")
        with tap.point("two screens are listed"):
            machine.start()
            found = machine.show()["screens"]
            equal([s["id"] for s in found], [0, 1], "ids")
            equal((found[1]["width"], found[1]["height"]), (640, 480), "the second one's size")
        with tap.point("each is photographed"):
            picture = photograph(room, machine, 1)
            equal((picture.width, picture.height), (640, 480), "size")
            equal([picture.pixel(i * 80 + 40, 240) for i in range(8)], BARS, "bars")
            check(photograph(room, machine, 0).pixel(40, 240) != BARS[0], "the first shows the second's bars")
            refused = machine.vivctl("screenshot", room.path("none.png"), "--screen", "2", ok=False)
            check(refused.returncode != 0 and "no such screen" in refused.stderr, "a third: %s" % refused.stderr)
        with tap.point("each is served over VNC"):
            address = machine.vivctl("vnc", "on").stdout.strip()
            addresses = [s["vnc-address"] for s in machine.show()["screens"]]
            equal(addresses[0], address, "the first one's address")
            check(addresses[1] and addresses[1] != address, "the second has one of its own")
        with tap.point("both are saved"):
            state = room.path("two.state")
            machine.vivctl("save", state)
            machine.vivctl("stop", "--force")
            machine.start("--load", state)
            equal(photograph(room, machine, 1).width, 640, "the second one's width")
        machine.vivctl("stop", "--force")
    tap.done()


main()
