#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole Debian 12 beside QEMU's, each on its software processor.   tests/bench/debian.py BUILD [boot] [WORK…] [installer]

The image of tests/system/os_debian.py, which is made at the first call, on virtio-blk and with one processor: seconds by the clock, and of the
processors for the whole machine, which other work on the host changes less, until the login prompt, and for each work (WORK) once it is in the
guest's cache.  Then the Debian installer's text version until its first menu.  A ratio is time by time: below 1 we are faster, and 0.5 is the aim."""
import os
import re
import sys
import tempfile
import time

from measure import Machine, build, ours, qemu, theirs

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
os.environ["VIVARIUM_BUILDDIR"] = build
import os_debian  # pylint: disable=wrong-import-position
from lib import Room, Skip  # pylint: disable=wrong-import-position
from os_media import installer  # pylint: disable=wrong-import-position

RUNS = int(os.environ.get("VIVARIUM_BENCH_RUNS", "2"))
MEMORY = 768
# What it can do, or the most that TCG has: its default has less than any processor of twenty years.
PROCESSOR = "max"
# Done once before it is measured.
WORK = {
    "gcc": "gcc -O2 -o /tmp/small /tmp/small.c",
    "python-start": "for i in 1 2 3; do python3 -c 'print(1)'; done",
    "python-loop": "python3 -c 'x = {}\nfor i in range(400000): x[i % 997] = x.get(i % 991, 0) + i'",
    "sha256": "openssl dgst -sha256 /tmp/large",
    "aes-128": "openssl enc -aes-128-cbc -pbkdf2 -k key -in /tmp/large -out /dev/null",
    "gzip": "gzip -c /tmp/mixed > /dev/null",
    "processes": "for i in $(seq 150); do /bin/true; done",
}
SCRIPT = r"""#!/bin/bash -auto
mount -t tmpfs tmp /tmp
cat > /tmp/small.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int compare (const void *a, const void *b) { return strcmp (*(char *const *) a, *(char *const *) b); }
int
main (void)
{
  static char lines[1000][80], *sorted[1000];
  int n = 0;
  while (n < 1000 && fgets (lines[n], 80, stdin) != NULL)
    sorted[n] = lines[n], n++;
  qsort (sorted, n, sizeof sorted[0], compare);
  for (int i = 0; i < n; i++)
    fputs (sorted[i], stdout);
  return 0;
}
END
head -c 64M /dev/zero > /tmp/large
cat /usr/bin/[a-m]* | head -c 8M > /tmp/mixed
sleep 5
"""


def script(folder, names):
    """A disk with what the guest is to do by itself."""
    path = os.path.join(folder, "script.img")
    lines = ["%s > /tmp/out 2>&1\nmark %s begin\n%s > /tmp/out 2>&1\nmark %s end $?" % (WORK[name], name, WORK[name], name) for name in names]
    with open(path, "w", encoding="ascii") as file:
        file.write(SCRIPT + "\n".join(lines) + "\nmark all end\n")
        file.truncate(1 << 20)
    return path


def spent(machine, when):
    """CPU time until a line that came at that time."""
    return machine.cpu[[at for at, _ in machine.lines].index(when)]


def measure(machine, names):
    """(seconds, seconds of processors) by name; "boot" is among them."""
    found = {}
    try:
        when = machine.wait("mark login", 600)
        found["boot"] = (when, spent(machine, when))
        for name in names:
            start, end = machine.wait("mark %s begin" % name, 600), machine.wait("mark %s end" % name, 600)
            if not any("mark %s end 0" % name in line for _, line in machine.lines):
                raise RuntimeError("%s failed in the guest" % name)
            found[name] = (end - start, spent(machine, end) - spent(machine, start))
    finally:
        machine.end()
    return found


class Family:
    """A machine that vivctl started, as far as its processors' time goes."""

    def __init__(self, pid):
        self.machine = Machine.__new__(Machine)
        self.machine.process, self.machine.spent = self, {}
        self.pid = pid

    def cpu_time(self):
        return self.machine.cpu_time()


def until_menu(start, text, cpu_time):
    """Until a serial line's text has the installer's first question."""
    while time.monotonic() - start < 600:
        now, cpu = time.monotonic() - start, cpu_time()
        if "Select a language" in re.sub(r"\x1b[()][0-9A-B]|\x1b\[[0-9;?]*[A-Za-z]|[\x0e\x0f]", "", text()):
            return now, cpu
        time.sleep(0.3)
    raise RuntimeError("the installer has no menu: " + text()[-500:])


def installer_ours(room, kernel, initrd):
    machine = room.machine("installer", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0", engine="software", memory="1G")
    start = time.monotonic()
    machine.start()
    try:
        return until_menu(start, machine.serial, Family(machine.pid).cpu_time)
    finally:
        machine.stop()


def installer_theirs(folder, kernel, initrd):
    path = os.path.join(folder, "serial")
    machine = theirs("tcg", "-cpu", PROCESSOR, "-serial", "file:" + path, "-kernel", kernel, "-initrd", initrd, "-append", "console=ttyS0", memory=1024)

    def text():
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    try:
        machine.wait(".", 60)
        return until_menu(machine.start, text, machine.cpu_time)
    finally:
        machine.end()


def report(name, mine, other):
    print("%-14s %7.2f s   TCG %7.2f s   ratio %5.2f     processors %7.2f s   TCG %7.2f s   ratio %5.2f%s" % (
        name, mine[0], other[0], mine[0] / other[0], mine[1], other[1], mine[1] / other[1], "" if mine[1] <= 0.5 * other[1] else "   (aim: 0.5)"), flush=True)


def bench_debian(folder, names):
    image = os_debian.image()
    disk = script(folder, names)
    lines = "[disk0]\npath=%s\nformat=raw\nbus=virtio\ndiscard=true\n[disk1]\npath=%s\nformat=raw\nreadonly=true" % (image, disk)
    drives = ("-drive", "if=none,id=disk,format=raw,snapshot=on,file.locking=off,file.filename=" + image, "-device", "virtio-blk-pci,drive=disk,bootindex=0", "-drive",
              "if=ide,format=raw,snapshot=on,file.locking=off,file.filename=" + disk)
    bests = ({}, {})
    for _ in range(RUNS):
        for best, make in zip(bests, (lambda: ours(folder, "software", lines, memory=MEMORY),
                                      lambda: theirs("tcg", "-cpu", PROCESSOR, "-serial", "null", *drives, memory=MEMORY))):
            for name, times in measure(make(), names).items():
                best[name] = tuple(map(min, best.get(name, times), times))
    for name in bests[0]:
        report(name, bests[0][name], bests[1][name])


def main():
    if qemu is None:
        sys.exit("qemu-system-x86_64 is not installed; ./dev bench installs it")
    wanted = sys.argv[2:] or ["boot", *WORK, "installer"]
    print("-- Debian 12, beside QEMU's TCG (-cpu %s); load %.1f" % (PROCESSOR, os.getloadavg()[0]), flush=True)
    with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
        try:
            if set(wanted) - {"installer"}:
                bench_debian(folder, [name for name in wanted if name in WORK])
            if "installer" in wanted:
                files = installer("amd64", "text")
                with Room() as room:
                    mine = installer_ours(room, *files)
                report("installer", mine, installer_theirs(folder, *files))
        except Skip as reason:
            print("skipped: %s" % reason)


if __name__ == "__main__":
    main()
