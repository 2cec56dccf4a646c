#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Linux guest's disk on virtio beside QEMU's, each on its software processor.   tests/bench/block.py BUILD [CASE…]

The image is in the host's cache.  Requests a second by the clock, and the processors' time of the whole machine for each request, which other work on the
host changes less."""
import os
import sys
import tempfile

from devices import APPEND, MEMORY, VIRTIO, Skip, compare, kernel_and_initrd
from measure import ours, qemu, theirs

# Name: direction, order, bytes, depth, threads, requests; and queues of the disk, which has as many processors.
CASES = {"random-read-1": ("read", "random", 4096, 1, 1, 4000, 1), "random-read-32": ("read", "random", 4096, 32, 1, 12000, 1),
         "random-write-1": ("write", "random", 4096, 1, 1, 4000, 1), "random-write-32": ("write", "random", 4096, 32, 1, 12000, 1),
         "read-1": ("read", "sequential", 4096, 1, 1, 4000, 1), "read-32": ("read", "sequential", 4096, 32, 1, 12000, 1),
         "large-read-8": ("read", "sequential", 65536, 8, 1, 4000, 1),
         "queues-read-1": ("read", "random", 4096, 1, 4, 8000, 4), "queues-read-32": ("read", "random", 4096, 32, 4, 16000, 4)}


def bench(folder, queues, names):
    image = os.path.join(folder, "disk.img")
    kernel, initrd = kernel_and_initrd(folder, VIRTIO + ("drivers/block/virtio_blk.ko",),
                                       ["block %s /dev/vda %s %s %d %d %d %d" % (name, *CASES[name][:6]) for name in names])
    with open(image, "wb") as file:
        file.write(os.urandom(1 << 20) * 64)
    lines = "cpus=%d\nkernel=%s\ninitrd=%s\nappend=%s\n[disk0]\npath=%s\nformat=raw\nbus=virtio\nqueues=%d" % (queues, kernel, initrd, APPEND, image, queues)
    arguments = ("-smp", str(queues), "-serial", "null", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", APPEND, "-drive",
                 "if=none,id=disk,format=raw,file=" + image, "-device", "virtio-blk-pci,drive=disk,num-queues=%d" % queues)
    compare(2, lambda: ours(folder, "software", lines, memory=MEMORY), lambda: theirs("tcg", *arguments, memory=MEMORY),
            {name: CASES[name][5] for name in names}, "/s")


def main():
    if qemu is None:
        sys.exit("qemu-system-x86_64 is not installed; ./dev bench installs it")
    wanted = sys.argv[2:] or list(CASES)
    print("-- virtio-blk under Linux, beside QEMU's on TCG; load %.1f" % os.getloadavg()[0], flush=True)
    with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
        for queues in sorted({CASES[name][6] for name in wanted}):
            try:
                bench(folder, queues, [name for name in wanted if CASES[name][6] == queues])
            except Skip as reason:
                print("skipped: %s" % reason)
                return


if __name__ == "__main__":
    main()
