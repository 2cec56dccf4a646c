#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Linux that does nothing, with every virtio device that both have: what its machine weighs and how often it wakes the host, beside QEMU's on TCG.
tests/bench/virtio.py BUILD

Memory is what all of its processes have for themselves, but for the guest's; wake-ups are threads that had waited (voluntary context switches), a second, of
which a part is the guest's own timers."""
import glob
import os
import sys
import tempfile
import time

from devices import APPEND, MEMORY, VIRTIO, Skip, kernel_and_initrd
from measure import ours, qemu, report, theirs

MODULES = VIRTIO + ("drivers/block/virtio_blk.ko", "drivers/scsi/scsi_common.ko", "drivers/scsi/scsi_mod.ko", "drivers/scsi/sd_mod.ko", "drivers/scsi/virtio_scsi.ko",
                    "net/core/failover.ko", "drivers/net/net_failover.ko", "drivers/net/virtio_net.ko", "drivers/char/hw_random/virtio-rng.ko",
                    "drivers/virtio/virtio_balloon.ko", "drivers/char/virtio_console.ko", "drivers/input/evdev.ko", "drivers/virtio/virtio_input.ko")
SECONDS = 25
SETTLED = 8  # from begin on, for what the kernel does once
MIB = 1 << 20
VIDEO = 16


def wakes(machine):
    total = 0
    for pid in machine.processes():
        for path in glob.glob("/proc/%d/task/*/status" % pid):
            try:
                with open(path, encoding="ascii") as file:
                    total += sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches:"))
            except OSError:
                pass
    return total


def look(machine):
    """(MiB, wake-ups a second, milliseconds of processors a second)"""
    try:
        machine.wait("bench idle begin", 300)
        time.sleep(SETTLED)
        since, before, spent = time.monotonic(), wakes(machine), machine.cpu_time()
        time.sleep(SECONDS - SETTLED - 3)
        took = time.monotonic() - since
        return machine.private_memory(MEMORY << 10, VIDEO << 10) / 1024, (wakes(machine) - before) / took, (machine.cpu_time() - spent) / took * 1000
    finally:
        machine.end()


def main():
    if qemu is None:
        sys.exit("qemu-system-x86_64 is not installed; ./dev bench installs it")
    print("-- A Linux with all virtio devices that does nothing, beside QEMU's on TCG; load %.1f" % os.getloadavg()[0], flush=True)
    with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
        images = [os.path.join(folder, name) for name in ("one.img", "two.img")]
        for image in images:
            with open(image, "wb") as file:
                file.truncate(64 * MIB)
        try:
            kernel, initrd = kernel_and_initrd(folder, MODULES, ["listen idle %d" % SECONDS])
        except Skip as reason:
            print("skipped: %s" % reason)
            return
        lines = ("kernel=%s\ninitrd=%s\nappend=%s\n[disk0]\npath=%s\nformat=raw\nbus=virtio\n[disk1]\npath=%s\nformat=raw\nbus=scsi\n[net0]\nkind=user\ncard=virtio\n[rng0]\nrate=0\n"
                 "[balloon0]\ntarget=0\n[console0]\nagent=org.agent.0\n[input]\nkeyboard=virtio\npointer=virtio" % (kernel, initrd, APPEND, *images))
        arguments = ("-serial", "null", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", APPEND,
                     "-drive", "if=none,id=one,format=raw,file=" + images[0], "-device", "virtio-blk-pci,drive=one",
                     "-drive", "if=none,id=two,format=raw,file=" + images[1], "-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=two",
                     "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net", "-device", "virtio-rng-pci", "-device", "virtio-balloon-pci,free-page-reporting=on",
                     "-device", "virtio-serial-pci", "-chardev", "null,id=console", "-device", "virtconsole,chardev=console", "-device", "virtio-keyboard-pci",
                     "-device", "virtio-tablet-pci")
        mine, other = look(ours(folder, "software", lines, memory=MEMORY)), look(theirs("tcg", *arguments, memory=MEMORY))
        for (name, unit), a, b in zip((("private memory beyond guest RAM", "MiB"), ("wake-ups", "/s"), ("processors", "ms/s")), mine, other):
            report(name, a, b, unit, 1)


if __name__ == "__main__":
    main()
