#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the walls around a monitor cost at its start, from exec until it is ready.   tests/bench/start.py BUILD

Runs with and without them alternate, and the median of the differences is what they cost; beside it QEMU with its sandbox until its monitor
answers.  Both build a machine of 64 MiB without disks, and run nothing."""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

VMM = os.path.join(os.path.abspath(sys.argv[1]), "src/vmm/vivarium-vmm")
QEMU = shutil.which("qemu-system-x86_64")
RUNS = 25


def until(command, read, pass_fds=()):
    """Milliseconds until the first byte."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, pass_fds=pass_fds)
    for fd in pass_fds:
        os.close(fd)
    try:
        if not os.read(process.stdout.fileno() if read is None else read, 1):
            raise RuntimeError("%s ended" % command[0])
        return (time.monotonic() - start) * 1000
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ours(definition, *arguments):
    read, write = os.pipe()
    try:
        return until([VMM, "--definition", definition, "--engine", "software", "--paused", "--ready-fd", str(write), *arguments], read, (write,))
    finally:
        os.close(read)


def theirs():
    return until([QEMU, "-nodefaults", "-no-user-config", "-machine", "pc,accel=tcg", "-m", "64", "-vga", "std", "-display", "none", "-S", "-sandbox",
                  "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "-qmp", "stdio"], None)


def main():
    print("-- Start, from exec to ready, median of %d" % RUNS)
    with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
        definition = os.path.join(folder, "machine.ini")
        with open(definition, "w", encoding="ascii") as file:
            file.write("[machine]\nname=bench\nuuid=00000000-0000-4000-8000-000000000001\nmemory=64M\n")
        runs = [(ours(definition), ours(definition, "--no-sandbox"), theirs()) for _ in range(RUNS)]
    walls, none, other = (statistics.median(column) for column in zip(*runs))
    cost = statistics.median(a - b for a, b, _ in runs)
    print("%-34s %12.2f %-8s QEMU %12.2f %-8s ratio %5.2f" % ("behind the walls", walls, "ms", other, "ms", walls / other))
    print("%-34s %12.2f %-8s of which the walls are %.2f" % ("without", none, "ms", cost), flush=True)


main()
