# SPDX-License-Identifier: GPL-3.0-or-later
"""How the tests of operating systems are run: PROGRAM ENGINE CASE…, one machine at a time, each in a home of its own."""
import sys

from lib import SLOW, Room, Skip, Tap, engine_argument


def run_cases(cases, slow=()):
    """`cases`: functions of (room, engine) by name; each is one point.  Without names: all of them.  Those in `slow` run where
    VIVARIUM_TEST_SLOW is set."""
    engine = engine_argument()
    names = sys.argv[2:] or list(cases)
    tap = Tap()
    for name in names:
        with Room() as room:
            with tap.point("%s: %s" % (engine, name)):
                if name in slow and not SLOW:
                    raise Skip("it takes minutes; “./dev test slow” runs it")
                cases[name](room, engine)
    tap.done()
