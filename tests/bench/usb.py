#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Linux guest's stick on USB beside QEMU's, each on its software processor, and what an idle tablet costs.   tests/bench/usb.py BUILD [xhci | ehci | idle…]

The image is in the host's cache.  MiB a second by the clock, and the processors' time of the whole machine for each, which other work on the host changes less.  Idle: how
often the machine's threads sleep and wake in a second, the one with a tablet whose driver listens beside the one without."""
import glob
import os
import sys
import tempfile
import time

from devices import APPEND, MEMORY, Skip, compare, kernel_and_initrd
from measure import ours, qemu, theirs
from os_media import whole_kernel

CORE = ("drivers/usb/common/usb-common.ko", "drivers/usb/core/usbcore.ko")
HOSTS = {"xhci": ("drivers/usb/host/xhci-hcd.ko", "drivers/usb/host/xhci-pci.ko"),
         "ehci": ("drivers/usb/host/ehci-hcd.ko", "drivers/usb/host/ehci-pci.ko")}
HID = ("drivers/hid/hid.ko", "drivers/hid/hid-generic.ko", "drivers/hid/usbhid/usbhid.ko", "drivers/input/evdev.ko")
STORAGE = ("crypto/crct10dif_common.ko", "crypto/crct10dif_generic.ko", "lib/crc-t10dif.ko", "lib/crc64.ko", "crypto/crc64_rocksoft_generic.ko",
           "lib/crc64-rocksoft.ko", "block/t10-pi.ko", "drivers/scsi/scsi_common.ko", "drivers/scsi/scsi_mod.ko", "drivers/scsi/sd_mod.ko", "drivers/usb/storage/usb-storage.ko")
CONTROLLERS = {"xhci": ("qemu-xhci,id=usb",), "ehci": ("ich9-usb-ehci1,id=usb",)}
# Name: direction, order, bytes, depth, threads, requests of 64 KiB.
CASES = {"read": ("read", "sequential", 65536, 8, 1, 1000), "write": ("write", "sequential", 65536, 8, 1, 1000)}
IDLE_SECONDS = 10


def arguments(kernel, initrd, *more):
    return ("-serial", "null", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", APPEND) + more


def storage(folder, model):
    image = os.path.join(folder, "stick.img")
    kernel, initrd = kernel_and_initrd(folder, CORE + HOSTS[model] + STORAGE,
                                       ["block %s-%s /dev/sda %s %s %d %d %d %d" % (model, name, *case) for name, case in CASES.items()], whole_kernel)
    with open(image, "wb") as file:
        file.write(os.urandom(1 << 20) * 64)
    lines = "cpus=1\nkernel=%s\ninitrd=%s\nappend=%s\n[usb0]\nmodel=%s\n[disk0]\npath=%s\nformat=raw\nbus=usb" % (kernel, initrd, APPEND, model, image)
    compare(2, lambda: ours(folder, "software", lines, memory=MEMORY),
            lambda: theirs("tcg", *arguments(kernel, initrd, "-device", CONTROLLERS[model][0], "-drive", "if=none,id=stick,format=raw,file=" + image, "-device",
                                             "usb-storage,bus=usb.0,drive=stick"), memory=MEMORY),
            {"%s-%s" % (model, name): case[5] / 16 for name, case in CASES.items()}, "MiB/s")


def switches(machine):
    """How often its threads have gone to sleep so far."""
    total = 0
    for pid in machine.processes():
        for path in glob.glob("/proc/%d/task/*/status" % pid):
            try:
                with open(path) as file:
                    total += sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))
            except OSError:
                pass
    return total


def wakes(machine):
    try:
        machine.wait("bench idle begin", 300)
        time.sleep(2)
        before, start = switches(machine), time.monotonic()
        time.sleep(IDLE_SECONDS)
        return (switches(machine) - before) / (time.monotonic() - start)
    finally:
        machine.end()


def idle(folder):
    kernel, initrd = kernel_and_initrd(folder, CORE + HOSTS["xhci"] + HID, ["listen idle 30"], whole_kernel)
    common = "cpus=1\nkernel=%s\ninitrd=%s\nappend=%s\n" % (kernel, initrd, APPEND)
    for who, without, with_tablet in (
            ("ours", lambda: ours(folder, "software", common + "[usb0]\nmodel=xhci\n[input]\npointer=ps2", memory=MEMORY),
             lambda: ours(folder, "software", common + "[usb0]\nmodel=xhci\n[input]\npointer=usb", memory=MEMORY)),
            ("QEMU", lambda: theirs("tcg", *arguments(kernel, initrd, "-device", "qemu-xhci,id=usb"), memory=MEMORY),
             lambda: theirs("tcg", *arguments(kernel, initrd, "-device", "qemu-xhci,id=usb", "-device", "usb-tablet"), memory=MEMORY))):
        one, other = wakes(without()), wakes(with_tablet())
        print("%-18s %9.1f wakes/s without a tablet, %9.1f with one" % ("idle " + who, one, other), flush=True)


def main():
    if qemu is None:
        sys.exit("qemu-system-x86_64 is not installed; ./dev bench installs it")
    print("-- USB under Linux, beside QEMU's on TCG; load %.1f" % os.getloadavg()[0], flush=True)
    with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
        for name in sys.argv[2:] or ("xhci", "ehci", "idle"):
            try:
                idle(folder) if name == "idle" else storage(folder, name)
            except Skip as reason:
                print("skipped: %s" % reason)
                return


if __name__ == "__main__":
    main()
