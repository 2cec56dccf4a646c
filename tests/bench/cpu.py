#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The software processor beside QEMU's TCG.   tests/bench/cpu.py BUILD [loops | v86 | xz | linux | processors]

Loops of known length (tests/guest/bench): millions of instructions a second.  A monitor of virtual-8086 mode that reflects
interrupts, and a storm of page faults (tests/guest/v86): seconds of CPU time.  The Debian installer's kernel, which unpacks itself from xz: seconds of
CPU time from what it says on its serial port before that to the first line behind it.  The same kernel with an initramfs of ours: seconds from exec to
/init.  The same with two processors: how much more work they do than one, which a host with two idle cores can tell."""
import glob
import os
import re
import sys
import tempfile
import time

from measure import guests, ours, qemu, theirs

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from os_cpio import cpio  # pylint: disable=wrong-import-position

what = sys.argv[2:] or ["loops", "v86", "xz", "linux", "processors"]
RUNS = 3
KERNELS = "/usr/lib/debian-installer/images/*/amd64/text/debian-installer/amd64/linux"


def loops(machine):
    """MIPS by the loops' names, over the CPU time, as the host may be busy."""
    try:
        machine.wait(r"bench 0 end", 600)
        lines = [(cpu, re.search(r"bench (\d+) (\w+) ([0-9a-f]{8})", line)) for cpu, (_, line) in zip(machine.cpu, machine.lines)]
    finally:
        machine.end()
    lines = [(cpu, match) for cpu, match in lines if match]
    speeds = {}
    for (start, match), (stop, _) in zip(lines, lines[1:]):
        speeds["%s-bit %s" % (match[1], match[2])] = int(match[3], 16) / 1e6 / (stop - start)
    return speeds


def bench_loops(folder):
    image = os.path.join(guests, "bench/bench.img")
    mine, other = {}, {}
    for _ in range(RUNS):
        for best, speeds in ((mine, loops(ours(folder, "software", "[disk0]\npath=%s\nformat=raw\nreadonly=true" % image))),
                             (other, loops(theirs("tcg", "-drive", "if=ide,format=raw,snapshot=on,file=" + image)))):
            for name, value in speeds.items():
                best[name] = max(best.get(name, 0), value)
    for name, value in mine.items():
        print("%-24s %8.1f MIPS   TCG %8.1f MIPS   ratio %5.2f" % (name, value, other[name], value / other[name]), flush=True)


def bench_v86(folder):
    image = os.path.join(guests, "v86/v86.img")
    names = ("v86 begin", "v86 reflect", "v86 faults")

    def run(machine):
        try:
            machine.wait("v86 end", 600)
            times = [next(cpu for cpu, (_, line) in zip(machine.cpu, machine.lines) if name in line) for name in names]
        finally:
            machine.end()
        return [end - start for start, end in zip(times, times[1:])]

    mine = [run(ours(folder, "software", "[floppy0]\npath=%s\nformat=raw\nreadonly=true" % image)) for _ in range(RUNS)]
    other = [run(theirs("tcg", "-drive", "if=floppy,format=raw,snapshot=on,file=" + image)) for _ in range(RUNS)]
    for i, name in enumerate(("v86 monitor", "page faults")):
        ours_best, theirs_best = (min(times[i] for times in all_times) for all_times in (mine, other))
        print("%-24s %8.2f s      TCG %8.2f s      ratio %5.2f" % (name, ours_best, theirs_best, theirs_best / ours_best), flush=True)


def linux(folder):
    """Kernel and initramfs, or None and what is missing."""
    kernels = sorted(glob.glob(KERNELS))
    init = os.path.join(guests, "bench/init")
    if not kernels or not os.path.exists(init):
        return None, init if kernels else "debian-installer-12-netboot-amd64"
    initrd = os.path.join(folder, "initrd")
    with open(initrd, "wb") as file, open(init, "rb") as program:
        file.write(cpio([("dev", 0o40755, b""), ("dev/console", 0o20600, (5, 1)), ("init", 0o100755, program.read())]))
    return kernels[-1], initrd


def bench_linux(folder):
    kernel, initrd = linux(folder)
    if kernel is None:
        print("skipped: Linux: %s is missing" % initrd)
        return

    def run(machine):
        try:
            seconds = machine.wait("bench init", 600)
            return seconds, machine.cpu[[when for when, _ in machine.lines].index(seconds)]
        finally:
            machine.end()

    lines = "kernel=%s\ninitrd=%s\nappend=console=ttyS0" % (kernel, initrd)
    other = run(theirs("tcg", "-serial", "null", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append",
                       "console=ttyS0", memory=512))
    mine = run(ours(folder, "software", lines, memory=512))
    for name, mine_seconds, other_seconds in zip(("Linux 6.1 to /init", "  of which CPU time"), mine, other):
        print("%-24s %8.1f s      TCG %8.1f s      ratio %5.2f" % (name, mine_seconds, other_seconds, mine_seconds / other_seconds), flush=True)


def bench_xz(folder):
    kernel, initrd = linux(folder)
    if kernel is None:
        print("skipped: xz: %s is missing" % initrd)
        return
    path = os.path.join(folder, "serial")

    def run(make):
        open(path, "w", encoding="ascii").close()
        machine = make()
        # The last line of its 16-bit part, and the first of what was unpacked.
        times, end = {}, time.monotonic() + 600
        try:
            while "Linux version" not in times and time.monotonic() < end:
                cpu = machine.cpu_time()
                with open(path, encoding="latin-1") as file:
                    said = file.read()
                for text in ("to disable)... ok", "Linux version"):
                    if text in said:
                        times.setdefault(text, cpu)
                time.sleep(0.01)
        finally:
            machine.end()
        return times["Linux version"] - times["to disable)... ok"]

    append = "console=ttyS0 earlyprintk=serial,ttyS0,115200"
    lines = "kernel=%s\ninitrd=%s\nappend=%s\n[serial0]\nbackend=file\npath=%s" % (kernel, initrd, append, path)
    mine = min(run(lambda: ours(folder, "software", lines, memory=512)) for _ in range(RUNS))
    other = min(run(lambda: theirs("tcg", "-serial", "file:" + path, "-kernel", kernel, "-initrd", initrd, "-append", append, memory=512)) for _ in range(RUNS))
    print("%-24s %8.2f s      TCG %8.2f s      ratio %5.2f" % ("xz, the kernel's own", mine, other, other / mine), flush=True)


def bench_processors(folder):
    kernel, initrd = linux(folder)
    if kernel is None:
        print("skipped: two processors: %s is missing" % initrd)
        return

    def run(machine):
        try:
            begin, alone, both = (machine.wait("bench " + name, 600) for name in ("init", "alone", "both"))
            return 2 * (alone - begin) / (both - alone)
        finally:
            machine.end()

    other = run(theirs("tcg", "-smp", "2", "-serial", "null", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", "console=ttyS0", memory=512))
    mine = run(ours(folder, "software", "cpus=2\nkernel=%s\ninitrd=%s\nappend=console=ttyS0" % (kernel, initrd), memory=512))
    print("%-24s %8.2f x one  TCG %8.2f x one  ratio %5.2f" % ("two processors", mine, other, mine / other), flush=True)


def main():
    if qemu is None:
        sys.exit("qemu-system-x86_64 is not installed; ./dev bench installs it")
    print("-- The software processor, beside QEMU's TCG; load %.1f" % os.getloadavg()[0], flush=True)
    with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
        for name in what:
            {"loops": bench_loops, "v86": bench_v86, "xz": bench_xz, "linux": bench_linux, "processors": bench_processors}[name](folder)


if __name__ == "__main__":
    main()
