#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PCI device that is plugged and unplugged while four processors of a guest (tests/guest/pci) use it."""
import os
import subprocess
import uuid

from lib import BUILD, PATIENCE, Room, Skip, Tap, VMM, check, engine_argument, equal, kvm_interprets

KERNEL = os.path.join(BUILD, "tests/guest/pci/pci.elf")


def main():
    engine = engine_argument()
    tap = Tap()
    with Room() as room:
        path = room.path("machine.ini")
        with open(path, "w", encoding="utf-8") as file:
            file.write("[machine]\nname=pci\nuuid=%s\nengine=%s\nmemory=64M\ncpus=4\nkernel=%s\n[display0]\nvideo=none\n"
                       "[serial0]\nbackend=socket\n" % (uuid.uuid4(), engine, KERNEL))
        with tap.point(engine + ": a device comes and goes under four processors"):
            if engine == "kvm" and kvm_interprets():
                raise Skip("this KVM interprets ring 0")
            done = subprocess.run([VMM, "--test-device", "--test-pci", "--definition", path], stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=240 * PATIENCE, check=False)
            text = done.stdout.decode("utf-8", "replace").replace("\r", "")
            tap.diag(text + done.stderr.decode("utf-8", "replace"))
            check(text.endswith("done\n"), "the guest doesn't come to its end")
            equal(done.returncode, 1, "status")
    tap.done()


main()
