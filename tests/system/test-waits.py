#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the tests' waits give up (lib.py, Wait), with a clock and a guest made of numbers."""
from lib import Failure, Skip, Tap, TooSlow, Wait, check, equal


class World:
    """A clock that go_on() moves, and a guest with so many exits and so much processor time a second."""

    def __init__(self, exits=0, busy=0.0, born=0):
        self.now, self.exits, self.busy, self.born = 1000.0, exits, busy, born

    def clock(self):
        return self.now

    def effort(self):
        gone = self.now - 1000
        return int(self.born + gone * self.exits), gone * self.busy

    def end(self, timeout, limit=810, **how):
        """How a wait for what never comes ends, and after how many seconds."""
        wait = Wait(timeout, "it", clock=self.clock, started=1000, limit=limit, **how)
        while self.now < 1e5:
            try:
                wait.go_on()
            except (Failure, Skip) as error:
                return type(error), self.now - 1000, str(error)
            self.now += 0.5
        raise Failure("a wait without an end")


def main():
    tap = Tap()
    with tap.point("hardware: so many seconds, and no more"):
        kind, seconds, _ = World().end(60)
        equal(kind, Failure, "outcome")
        check(60 <= seconds <= 61, "%s s" % seconds)
    with tap.point("hardware: the program's time ends it too, and says so"):
        kind, seconds, text = World().end(5000)
        equal(kind, Failure, "outcome")
        check(810 <= seconds <= 811 and "program's time" in text, text)
        kind, seconds, text = World().end(5000, interpreted=True)
        equal(kind, TooSlow, "outcome beside a KVM that interprets")

    def interpreted(world, timeout, **how):
        return world.end(timeout, effort=world.effort, **how)

    with tap.point("interpreted: as long as the guest goes on, to the end of the program's time"):
        for world in (World(exits=50), World(busy=0.3)):
            kind, seconds, text = interpreted(world, 60)
            equal(kind, TooSlow, text)
            check(810 <= seconds <= 811, text)
    with tap.point("interpreted: a guest that stands still is a failure"):
        kind, seconds, text = interpreted(World(busy=0.01), 100)
        equal(kind, Failure, text)
        check(100 < seconds < 120, text)
        kind, seconds, text = interpreted(World(busy=0.01), 2000)
        equal(kind, Failure, text)
        check(810 <= seconds <= 811 and "stands still" in text, text)
    with tap.point("interpreted: an answer that never comes is a failure once the guest had its chance"):
        kind, seconds, text = interpreted(World(exits=1000, busy=0.5, born=100000), 60, answer=True)
        equal(kind, Failure, text)
        check(300 <= seconds < 320, text)
        kind, seconds, text = interpreted(World(exits=10, busy=0.5, born=100000), 60, answer=True)
        equal(kind, TooSlow, text)
    with tap.point("interpreted: a guest that never leaves an instruction is skipped"):
        kind, seconds, text = interpreted(World(busy=1), 360, stall=120)
        equal(kind, Skip, text)
        check(120 <= seconds < 140, text)
        kind, seconds, text = interpreted(World(exits=1, busy=1), 360, stall=120)
        equal(kind, TooSlow, text)
    with tap.point("interpreted: a wait that begins when the time is up is too slow at once"):
        world = World(exits=1, busy=1)
        wait = Wait(60, "it", clock=world.clock, started=0, limit=900, effort=world.effort)
        try:
            wait.go_on()
        except TooSlow:
            pass
        else:
            raise Failure("it went on")
    tap.done()


main()
