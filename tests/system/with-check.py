#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""with-check.py PROGRAM ARGUMENT…: the test with VIVARIUM_SOFT=check, so that the first runs of translated code are compared with the interpreter, and a
difference ends the machine.  Only with VIVARIUM_TEST_SLOW=1."""
import os
import sys

from lib import SLOW, skip_all

if not SLOW:
    skip_all("once more with VIVARIUM_SOFT=check; VIVARIUM_TEST_SLOW=1 runs it")
os.environ["VIVARIUM_SOFT"] = "check"
os.execv(sys.executable, [sys.executable] + sys.argv[1:])
