#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""with-trap.py quick|slow PROGRAM ARGUMENT…: the test with VIVARIUM_SANDBOX=trap, so that a system call which the sandbox refuses ends the process that
makes it, instead of failing unseen; lib.py then looks into the logs.  "slow": only with VIVARIUM_TEST_SLOW=1."""
import os
import sys

from lib import SLOW, skip_all

if sys.argv[1] == "slow" and not SLOW:
    skip_all("once more with VIVARIUM_SANDBOX=trap; VIVARIUM_TEST_SLOW=1 runs it")
if os.environ.get("VIVARIUM_SANDBOX") == "0":
    skip_all("a build without the lists of system calls")
os.environ["VIVARIUM_SANDBOX"] = "trap"
os.execv(sys.executable, [sys.executable] + sys.argv[2:])
