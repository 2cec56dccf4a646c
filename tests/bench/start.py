#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine's start takes and its processes weigh.   tests/bench/start.py BUILD

From exec until it is ready: the family as the application starts it (the broker first, which starts the monitor), the monitor by hand with and
without walls, and QEMU with its sandbox until its monitor answers.  The four take turns, and of what differs the median of the differences is told.
Each builds a machine of 64 MiB without disks, and runs nothing; so its memory is that of the programs."""
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1])
BROKER = os.path.join(BUILD, "src/broker/vivarium-broker")
VMM = os.path.join(BUILD, "src/vmm/vivarium-vmm")
QEMU = shutil.which("qemu-system-x86_64")
RUNS = 25
UUID = "00000000-0000-4000-8000-000000000001"


def family(pid):
    """It and its children, theirs too."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError), open("/proc/%d/task/%d/children" % (parent, parent), encoding="ascii") as file:
            found += [int(child) for child in file.read().split()]
    return found


def memory(pid):
    """(private, proportional) MiB of all; None where it may not be looked into (an ordinary user, of a process behind walls)."""
    private = proportional = 0
    for one in family(pid):
        try:
            with open("/proc/%d/smaps_rollup" % one, encoding="ascii") as file:
                for line in file:
                    if line.startswith(("Private_Clean:", "Private_Dirty:", "Private_Hugetlb:")):
                        private += int(line.split()[1])
                    elif line.startswith("Pss:"):
                        proportional += int(line.split()[1])
        except OSError:
            return None
    return private / 1024, proportional / 1024


def until(command, read, pass_fds=(), weigh=None):
    """Milliseconds until the first byte; `weigh`: what memory() says then goes there."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, pass_fds=pass_fds)
    for fd in pass_fds:
        os.close(fd)
    try:
        said = os.read(process.stdout.fileno() if read is None else read, 6)
        took = (time.monotonic() - start) * 1000
        if not said or said.startswith(b"blame"):
            raise RuntimeError("%s ended" % command[0])
        if weigh is not None:
            time.sleep(0.3)
            weigh.append(memory(process.pid))
        return took
    finally:
        # The broker ends its family first: the monitor by hand has become one, too.
        process.send_signal(signal.SIGKILL if command[0] == QEMU else signal.SIGQUIT)
        process.wait()
        process.stdout.close()


def ours(program, definition, *arguments, weigh=None):
    read, write = os.pipe()
    try:
        return until([program, "--definition", definition, "--engine", "software", "--paused", "--ready-fd", str(write), *arguments], read, (write,),
                     weigh)
    finally:
        os.close(read)


def product(definition, *arguments, weigh=None):
    folder = os.path.dirname(definition)
    return ours(BROKER, definition, "--folder", folder, "--socket", os.path.join(folder, UUID + ".sock"), *arguments, weigh=weigh)


def theirs(*arguments, weigh=None):
    return until([QEMU, "-nodefaults", "-no-user-config", "-machine", "pc,accel=tcg", "-m", "64", "-vga", "std", "-display", "none", "-S", "-sandbox",
                  "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "-qmp", "stdio", *arguments], None, weigh=weigh)


def line(name, mine, other, unit, text=""):
    print("%-34s %12.2f %-8s QEMU %12.2f %-8s ratio %5.2f%s" % (name, mine, unit, other, unit, mine / other, text), flush=True)


def weigh(name, mine, other):
    weights = []
    mine(weights)
    other(weights)
    if None in weights:
        print("%-34s only root may look into processes behind walls" % name, flush=True)
        return
    (private, share), (their_private, their_share) = weights
    line(name, private, their_private, "MiB", "   with its share of what is shared: %.1f and %.1f" % (share, their_share))


def main():
    print("-- Start, from exec to ready, median of %d" % RUNS)
    with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
        definition = os.path.join(folder, "machine.ini")
        with open(definition, "w", encoding="ascii") as file:
            file.write("[machine]\nname=bench\nuuid=%s\nmemory=64M\n" % UUID)
        runs = [(product(definition), ours(VMM, definition), ours(VMM, definition, "--no-sandbox"), theirs()) for _ in range(RUNS)]
        whole, walls, none, other = (statistics.median(column) for column in zip(*runs))
        line("broker and monitor", whole, other, "ms", "   to the monitor without both: + %.2f" % statistics.median(r[0] - r[2] for r in runs))
        line("the monitor by hand", walls, other, "ms", "   to the same without walls: + %.2f" % statistics.median(r[1] - r[2] for r in runs))
        print("%-34s %12.2f ms" % ("without walls", none), flush=True)
        print("-- Private memory of all processes of a machine that is ready")
        weigh("broker and monitor", lambda w: product(definition, weigh=w), lambda w: theirs(weigh=w))
        weigh("with the process for VNC", lambda w: product(definition, "--vnc", "unix:" + os.path.join(folder, "ours"), weigh=w),
              lambda w: theirs("-vnc", "unix:" + os.path.join(folder, "theirs"), weigh=w))


main()
