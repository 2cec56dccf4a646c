#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opt-in: a Linux kernel of one's own (VIVARIUM_PVH_KERNEL, an ELF with a PVH note, or a bzImage; ATA_PIIX, SERIO_I8042 and
8250 console built in) boots directly to a busybox shell on the serial line.  VIVARIUM_PVH_APPEND adds to its command line."""
import gzip
import os
import shutil
import stat

from lib import Failure, Room, Tap, check, engine_argument, skip_all, welcome_disk

INIT = """#!/bin/sh
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
exec 0</dev/ttyS0 1>/dev/ttyS0 2>&1
stty -echo
echo "init runs"
exec setsid cttyhack sh
"""


def entry(name, mode, data=b"", number=[0]):  # pylint: disable=dangerous-default-value
    """One member of a cpio archive in the “newc” format that initramfs takes."""
    number[0] += 1
    name = name.encode() + b"\0"
    fields = [number[0], mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def initramfs(path):
    busybox = shutil.which("busybox")
    if busybox is None:
        skip_all("busybox-static is not installed")
    with open(busybox, "rb") as file:
        program = file.read()
    archive = b"".join(entry(name, stat.S_IFDIR | 0o755) for name in ("bin", "dev", "proc", "sys"))
    archive += entry("dev/console", stat.S_IFCHR | 0o600)
    archive += entry("bin/busybox", stat.S_IFREG | 0o755, program)
    for name in ("sh", "mount", "cat", "stty", "setsid", "cttyhack", "dd", "poweroff", "md5sum"):
        archive += entry("bin/" + name, stat.S_IFLNK | 0o777, b"busybox")
    archive += entry("init", stat.S_IFREG | 0o755, INIT.encode())
    archive += entry("TRAILER!!!", 0)
    with gzip.open(path, "wb") as file:
        file.write(archive)
    return path


def main():
    engine = engine_argument()
    kernel = os.environ.get("VIVARIUM_PVH_KERNEL")
    if not kernel:
        skip_all("VIVARIUM_PVH_KERNEL does not name a kernel")
    if not os.path.exists(kernel):
        skip_all("VIVARIUM_PVH_KERNEL names no file")
    append = "console=ttyS0 tsc=reliable panic=-1 reboot=t " + os.environ.get("VIVARIUM_PVH_APPEND", "")
    tap = Tap()
    with Room() as room:
        machine = room.machine("Linux", "--kernel", kernel, "--initrd", initramfs(room.path("initrd.gz")), "--append", append,
                               "--disk", welcome_disk(room.path("disk.img")), engine=engine, memory="128M")
        at = 0
        with tap.point(engine + ": the kernel boots to a shell on the serial line"):
            machine.start()
            at = machine.wait_serial("^init runs", 800, at)[1]
            machine.vivctl("serial", "--send", "echo shell $((6 * 7))\n")
            at = machine.wait_serial("shell 42", 60, at)[1]

        def ask(command, pattern):
            nonlocal at
            machine.vivctl("serial", "--send", command + "\n")
            match, at = machine.wait_serial(pattern, 60, at)
            return match

        with tap.point(engine + ": the IDE disk is there"):
            ask("cat /proc/partitions", r"^ +8 +0 +16384 sda\r?$")
            ask("dd if=/dev/sda bs=512 count=64 2>/dev/null | md5sum", r"\b[0-9a-f]{32}  -")
        with tap.point(engine + ": the disk is written, and flushed"):
            ask("echo written by the guest | dd of=/dev/sda bs=512 seek=2048 conv=fsync 2>/dev/null; echo done $?", "done 0")
            with open(room.path("disk.img"), "rb") as file:
                file.seek(2048 * 512)
                check(file.read(20) == b"written by the guest", "the image doesn't have it")
        with tap.point(engine + ": the PS/2 keyboard is there"):
            ask("cat /proc/bus/input/devices", r'Name="AT Translated Set 2 keyboard"')
        with tap.point(engine + ": no complaint of the kernel about a device"):
            text = machine.serial()
            for bad in ("Call Trace", "nobody cared", "Kernel panic", "I/O error", "failed command"):
                if bad in text:
                    raise Failure("the kernel says “%s”" % bad)
        tap.diag(machine.serial()[-3000:])
        machine.stop()
    tap.done()


main()
