#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firmware starts from disks and discs on USB, behind each controller; the disc is changed while the machine runs; this computer's devices are listed and refused with words."""
import json
import os

from lib import Room, Tap, check, engine_argument, equal, need_programs, welcome_cd, welcome_disk

BOOT = 120  # s


def boot(room, engine, model, kind, image):
    machine = room.machine("%s %s" % (model, kind), "--" + kind, image, engine=engine)
    drive = "disk0" if kind == "disk" else "cdrom0"
    machine.vivctl("set", "usb0.model=" + model, drive + ".bus=usb")
    machine.start()
    machine.wait_serial(r"welcome ready: started from %s" % ("hard disk" if kind == "disk" else "CD-ROM"), BOOT)
    check("%s" % drive in machine.vivctl("device", "list").stdout, "the drive")
    return machine


def made_up(room):
    """A computer with a keyboard that may be opened and a camera that may not."""
    top = room.path("computer")
    for name, bus, address, vendor, product, driver in (("1-1", 1, 2, "046d", "c52b", "usbhid"), ("1-2", 1, 3, "0c45", "6366", "uvcvideo")):
        folder = os.path.join(top, "sys/bus/usb/devices", name)
        os.makedirs(folder)
        for key, value in (("busnum", bus), ("devnum", address), ("idVendor", vendor), ("idProduct", product), ("bDeviceClass", "00")):
            with open(os.path.join(folder, key), "w") as file:
                file.write("%s\n" % value)
        os.makedirs(folder + ":1.0")
        os.symlink("/drivers/" + driver, os.path.join(folder + ":1.0", "driver"))
    node = os.path.join(top, "dev/bus/usb/001/002")
    os.makedirs(os.path.dirname(node))
    with open(node, "w"):
        pass
    return top


def main():
    engine = engine_argument()
    need_programs("xorriso")
    tap = Tap()
    with Room() as room:
        disk, disc = welcome_disk(room.path("disk.img")), welcome_cd(room)
        for model in ("xhci", "ehci", "uhci"):
            with tap.point("%s: boot from a disk on USB, %s" % (engine, model)):
                boot(room, engine, model, "disk", disk).stop()
            with tap.point("%s: boot from a CD on USB, %s" % (engine, model)):
                machine = boot(room, engine, model, "cdrom", disc)
                machine.vivctl("media", "cdrom0", "")
                check(disc not in machine.vivctl("media").stdout, "the disc is still there")
                machine.vivctl("media", "cdrom0", disc)
                check(disc in machine.vivctl("media").stdout, "the disc is not there")
                machine.stop()
        room.env["VIVARIUM_USB_ROOT"] = made_up(room)
        with tap.point("this computer's devices, by name and use"):
            devices = json.loads(room.vivctl("usb", "list", "--json").stdout)
            equal([d["host"] for d in devices], ["046d:c52b", "0c45:6366"], "devices")
            check("keyboard, mouse or other input" in room.vivctl("usb", "list").stdout, "what it is used for")
            check('ATTR{idProduct}=="6366"' in room.vivctl("usb", "rule", "0c45:6366").stdout, "the rule")
        with tap.point(engine + ": a device that can't be had is refused with words, and the machine runs"):
            machine = room.machine("host", "--disk", disk, engine=engine)
            machine.vivctl("set", "usb0.model=xhci")
            machine.vivctl("device", "add", "usb")
            machine.vivctl("set", "usb1.host=1111:2222")
            machine.start()
            check("No USB device 1111:2222" in machine.vivctl("log").stdout, "the log says so")
            failed = room.vivctl("usb", "connect", "host", "3333:4444", ok=False)
            equal(failed.returncode, 1, "status")
            check("No USB device 3333:4444 is plugged into this computer" in failed.stderr, failed.stderr)
            equal(room.vivctl("usb", "list", "host", "--json").stdout.strip(), "[]", "what the machine has")
            failed = room.vivctl("usb", "disconnect", "host", "usb1", ok=False)
            equal(failed.returncode, 1, "status")
            machine.stop()
    tap.done()


main()
