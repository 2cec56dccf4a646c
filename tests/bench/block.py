#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Linux guest's disk on virtio beside QEMU's, each on its software processor.   tests/bench/block.py BUILD [CASE…]

The image is in the host's cache.  Requests a second by the clock, and the processors' time of the whole machine for each request, which other work on the
host changes less."""
import os
import sys
import tempfile

from measure import guests, ours, qemu, theirs

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
os.environ["VIVARIUM_BUILDDIR"] = os.path.abspath(sys.argv[1])
from lib import Skip  # pylint: disable=wrong-import-position
from os_cpio import cpio  # pylint: disable=wrong-import-position
from os_media import cloud_kernel  # pylint: disable=wrong-import-position

MODULES = ("drivers/virtio/virtio_ring.ko", "drivers/virtio/virtio.ko", "drivers/virtio/virtio_pci_legacy_dev.ko",
           "drivers/virtio/virtio_pci_modern_dev.ko", "drivers/virtio/virtio_pci.ko", "drivers/block/virtio_blk.ko")
RUNS = 2
# Name: direction, order, bytes, depth, threads, requests; and queues of the disk, which has as many processors.
CASES = {"random-read-1": ("read", "random", 4096, 1, 1, 4000, 1), "random-read-32": ("read", "random", 4096, 32, 1, 12000, 1),
         "random-write-1": ("write", "random", 4096, 1, 1, 4000, 1), "random-write-32": ("write", "random", 4096, 32, 1, 12000, 1),
         "read-1": ("read", "sequential", 4096, 1, 1, 4000, 1), "read-32": ("read", "sequential", 4096, 32, 1, 12000, 1),
         "large-read-8": ("read", "sequential", 65536, 8, 1, 4000, 1),
         "queues-read-1": ("read", "random", 4096, 1, 4, 8000, 4), "queues-read-32": ("read", "random", 4096, 32, 4, 16000, 4)}
MEMORY = 256


def initrd(folder, modules, names):
    """The bench's /init with the modules and what it is to do."""
    order = ["modules/" + os.path.basename(m) for m in MODULES]
    lines = ["block %s /dev/vda %s %s %d %d %d %d" % (name, *CASES[name][:6]) for name in names]
    entries = [(name, 0o40755, b"") for name in ("dev", "proc", "sys", "modules")] + [("dev/console", 0o20600, (5, 1))]
    with open(os.path.join(guests, "bench/devices"), "rb") as program:
        entries.append(("init", 0o100755, program.read()))
    for name, module in zip(order, MODULES):
        with open(os.path.join(modules, module), "rb") as file:
            entries.append((name, 0o100644, file.read()))
    entries.append(("modules/order", 0o100644, "".join("/%s\n" % name for name in order).encode()))
    entries.append(("bench", 0o100644, "".join(line + "\n" for line in lines).encode()))
    path = os.path.join(folder, "initrd")
    with open(path, "wb") as file:
        file.write(cpio(entries))
    return path


def run(machine, names):
    """(requests a second, microseconds of processors a request) by name."""
    speeds = {}
    try:
        for name in names:
            start = machine.wait("bench %s begin" % name, 300)
            end = machine.wait("bench %s end" % name, 300)
            times = [when for when, _ in machine.lines]
            spent = machine.cpu[times.index(end)] - machine.cpu[times.index(start)]
            speeds[name] = (CASES[name][5] / (end - start), spent / CASES[name][5] * 1e6)
    finally:
        machine.end()
    return speeds


def bench(folder, queues, names):
    kernel, modules = cloud_kernel()
    image = os.path.join(folder, "disk.img")
    with open(image, "wb") as file:
        file.write(os.urandom(1 << 20) * 64)
    ram_disk = initrd(folder, modules, names)
    append = "console=ttyS0 quiet"
    lines = "cpus=%d\nkernel=%s\ninitrd=%s\nappend=%s\n[disk0]\npath=%s\nformat=raw\nbus=virtio\nqueues=%d" % (queues, kernel, ram_disk, append, image, queues)
    arguments = ("-smp", str(queues), "-serial", "null", "-no-reboot", "-kernel", kernel, "-initrd", ram_disk, "-append", append, "-drive",
                 "if=none,id=disk,format=raw,file=" + image, "-device", "virtio-blk-pci,drive=disk,num-queues=%d" % queues)
    mine, other = {}, {}
    for _ in range(RUNS):
        for best, speeds in ((mine, run(ours(folder, "software", lines, memory=MEMORY), names)),
                             (other, run(theirs("tcg", *arguments, memory=MEMORY), names))):
            for name, (rate, spent) in speeds.items():
                before = best.get(name, (0, spent))
                best[name] = (max(before[0], rate), min(before[1], spent))
    for name in names:
        print("%-18s %9.0f /s  QEMU %9.0f /s  ratio %5.2f     %7.1f us of processors, QEMU %7.1f us, ratio %5.2f" %
              (name, mine[name][0], other[name][0], mine[name][0] / other[name][0], mine[name][1], other[name][1], mine[name][1] / other[name][1]), flush=True)


def main():
    if qemu is None:
        sys.exit("qemu-system-x86_64 is not installed; ./dev bench installs it")
    wanted = sys.argv[2:] or list(CASES)
    print("-- virtio-blk under Linux, beside QEMU's on TCG; load %.1f" % os.getloadavg()[0], flush=True)
    if not os.path.exists(os.path.join(guests, "bench/devices")):
        print("skipped: programs for the guest need a static C library")
        return
    with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
        for queues in sorted({CASES[name][6] for name in wanted}):
            try:
                bench(folder, queues, [name for name in wanted if CASES[name][6] == queues])
            except Skip as reason:
                print("skipped: %s" % reason)
                return


if __name__ == "__main__":
    main()
