# SPDX-License-Identifier: GPL-3.0-or-later
"""A Linux in which devices are measured: Debian's cloud kernel with tests/guest/bench/devices as its first process."""
import os
import sys

from measure import build, guests

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
os.environ["VIVARIUM_BUILDDIR"] = build
from lib import Skip  # pylint: disable=wrong-import-position
from os_cpio import cpio  # pylint: disable=wrong-import-position
from os_media import cloud_kernel  # pylint: disable=wrong-import-position

VIRTIO = ("drivers/virtio/virtio_ring.ko", "drivers/virtio/virtio.ko", "drivers/virtio/virtio_pci_legacy_dev.ko",
          "drivers/virtio/virtio_pci_modern_dev.ko", "drivers/virtio/virtio_pci.ko")
APPEND = "console=ttyS0 quiet"
MEMORY = 256


def kernel_and_initrd(folder, modules, lines, which=cloud_kernel):
    """Paths.  `modules` in their order; `lines` of what it is to do."""
    init = os.path.join(guests, "bench/devices")
    if not os.path.exists(init):
        raise Skip("programs for the guest need a static C library")
    kernel, tree = which()
    order = ["modules/" + os.path.basename(m) for m in modules]
    entries = [(name, 0o40755, b"") for name in ("dev", "proc", "sys", "modules")] + [("dev/console", 0o20600, (5, 1))]
    for name, path in [("init", init)] + [(name, os.path.join(tree, module)) for name, module in zip(order, modules)]:
        with open(path, "rb") as file:
            entries.append((name, 0o100755, file.read()))
    entries.append(("modules/order", 0o100644, "".join("/%s\n" % name for name in order).encode()))
    entries.append(("bench", 0o100644, "".join(line + "\n" for line in lines).encode()))
    initrd = os.path.join(folder, "initrd")
    with open(initrd, "wb") as file:
        file.write(cpio(entries))
    return kernel, initrd


def measure(machine, amounts):
    """(amount a second, microseconds of processors for one) by the names of `amounts`."""
    speeds = {}
    try:
        for name, amount in amounts.items():
            start = machine.wait("bench %s begin" % name, 300)
            end = machine.wait("bench %s end" % name, 300)
            times = [when for when, _ in machine.lines]
            spent = machine.cpu[times.index(end)] - machine.cpu[times.index(start)]
            speeds[name] = (amount / (end - start), spent / amount * 1e6)
    finally:
        machine.end()
    return speeds


def compare(runs, mine, other, amounts, unit):
    """The better of `runs` by turns of two makers of machines, printed beside each other; `unit` is all amounts' or by their names."""
    bests = ({}, {})
    for _ in range(runs):
        for best, make in zip(bests, (mine, other)):
            for name, (rate, spent) in measure(make(), amounts).items():
                before = best.get(name, (0, spent))
                best[name] = (max(before[0], rate), min(before[1], spent))
    for name in amounts:
        (rate, spent), (their_rate, their_spent) = bests[0][name], bests[1][name]
        word = unit if isinstance(unit, str) else unit[name]
        print("%-18s %9.0f %s  QEMU %9.0f %s  ratio %5.2f     %7.1f us of processors, QEMU %7.1f us, ratio %5.2f" %
              (name, rate, word, their_rate, word, rate / their_rate, spent, their_spent, spent / their_spent), flush=True)
