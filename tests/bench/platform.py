#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disk controllers, interrupts and firmware beside QEMU's, each on its software processor.   tests/bench/platform.py BUILD [ide | ahci | nvme | interrupts | bios | uefi]

Disks: Debian's drivers, the image in the host's cache; requests of 4 KiB a second, one at a time and as many at once as the driver takes, and MB a second of
requests of 64 KiB one after the other.  Interrupts: how many a second reach a handler of a guest of ours, for commands that need no
medium: INTx and MSI of AHCI, MSI-X of NVMe.  Firmware: exec to GRUB's
first command, from the same disk."""
import os
import shutil
import subprocess
import sys
import tempfile

from devices import APPEND, MEMORY, Skip, compare, kernel_and_initrd
from measure import best, guests, ours, qemu, theirs

from os_media import find, whole_kernel  # the path is set by devices

RUNS = 2
INTERRUPTS = 20000
SCSI = ("crypto/crct10dif_common.ko", "crypto/crct10dif_generic.ko", "lib/crc-t10dif.ko", "lib/crc64.ko", "crypto/crc64_rocksoft_generic.ko",
        "lib/crc64-rocksoft.ko", "block/t10-pi.ko")
ATA = SCSI + ("drivers/scsi/scsi_common.ko", "drivers/scsi/scsi_mod.ko", "drivers/scsi/sd_mod.ko", "drivers/ata/libata.ko")
# Name: modules, the disk in Linux, QEMU's devices.
DISKS = {"ide": (ATA + ("drivers/ata/ata_piix.ko",), "/dev/sda", ("-device", "ide-hd,drive=disk")),
         "ahci": (ATA + ("drivers/ata/libahci.ko", "drivers/ata/ahci.ko"), "/dev/sda", ("-device", "ahci,id=ahci", "-device", "ide-hd,bus=ahci.0,drive=disk")),
         "nvme": (SCSI + ("drivers/nvme/host/nvme-core.ko", "drivers/nvme/host/nvme.ko"), "/dev/nvme0n1", ("-device", "nvme,drive=disk,serial=1"))}
# Direction, order, bytes, depth, threads, requests.
CASES = {"random-read-1": ("read", "random", 4096, 1, 1, 2000), "random-read-32": ("read", "random", 4096, 32, 1, 6000),
         "random-write-1": ("write", "random", 4096, 1, 1, 2000), "read-64k": ("read", "sequential", 65536, 8, 1, 1600),
         "write-64k": ("write", "sequential", 65536, 8, 1, 1600)}
# "GRUB" on the debug console.
GRUB = "".join("outb 0x402 %d\n" % byte for byte in b"\nGRUB is here\n") + "sleep 60\n"


def disk(folder, bus):
    modules, node, devices = DISKS[bus]
    image = os.path.join(folder, "disk.img")
    kernel, initrd = kernel_and_initrd(folder, modules, ["block %s-%s %s %s %s %d %d %d %d" % (bus, name, node, *case) for name, case in CASES.items()], whole_kernel)
    with open(image, "wb") as file:
        file.write(os.urandom(1 << 20) * 64)
    lines = "kernel=%s\ninitrd=%s\nappend=%s\n[disk0]\npath=%s\nformat=raw\nbus=%s" % (kernel, initrd, APPEND, image, bus)
    arguments = ("-serial", "null", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", APPEND, "-drive", "if=none,id=disk,format=raw,file=" + image, *devices)
    amounts = {"%s-%s" % (bus, name): case[5] if case[2] < 65536 else case[5] * case[2] / 1e6 for name, case in CASES.items()}
    compare(RUNS, lambda: ours(folder, "software", lines, memory=MEMORY), lambda: theirs("tcg", *arguments, memory=MEMORY), amounts,
            {name: "MB/s" if name.endswith("64k") else "/s" for name in amounts})


def interrupts(folder):
    kernel = os.path.join(guests, "bench/interrupts.elf")
    images = [os.path.join(folder, name) for name in ("one.img", "two.img")]
    for image in images:
        with open(image, "wb") as file:
            file.truncate(1 << 20)
    lines = "kernel=%s\n[disk0]\npath=%s\nformat=raw\nbus=ahci\n[disk1]\npath=%s\nformat=raw\nbus=nvme" % (kernel, *images)
    drives = [part for i, image in enumerate(images) for part in ("-drive", "if=none,id=disk%d,format=raw,file=%s" % (i, image))]
    arguments = ("-serial", "null", "-no-reboot", "-kernel", kernel, *drives, *DISKS["ahci"][2][:3], "ide-hd,bus=ahci.0,drive=disk0", "-device", "nvme,drive=disk1,serial=1")
    compare(RUNS, lambda: ours(folder, "software", lines), lambda: theirs("tcg", *arguments), {name: INTERRUPTS for name in ("intx", "msi", "msix")}, "/s")


def grub_disk(folder, name):
    """A CD that both firmwares start."""
    if shutil.which("grub-mkrescue") is None or not os.path.isdir("/usr/lib/grub/x86_64-efi") or not os.path.isdir("/usr/lib/grub/i386-pc"):
        raise Skip("GRUB's files are missing (packages grub-pc-bin, grub-efi-amd64-bin)")
    tree, image = os.path.join(folder, "tree"), os.path.join(folder, name + ".iso")
    os.makedirs(os.path.join(tree, "boot/grub"), exist_ok=True)
    with open(os.path.join(tree, "boot/grub/grub.cfg"), "w", encoding="utf-8") as file:
        file.write("insmod iorw\n" + GRUB)
    subprocess.run(["grub-mkrescue", "-o", image, tree], check=True, capture_output=True)
    return image


def boot(make):
    machine = make()
    try:
        return machine.wait("GRUB is here", 200)
    finally:
        machine.end()


def firmware(folder, kind):
    image = grub_disk(folder, kind)
    lines = "[cdrom0]\npath=%s\nbus=ide" % image
    arguments = ("-drive", "if=ide,media=cdrom,format=raw,file=" + image)
    if kind == "uefi":
        lines = "firmware=uefi\n" + lines
        variables = os.path.join(folder, "theirs.fd")
        shutil.copy(find("/usr/share/OVMF/OVMF_VARS_4M.fd", "ovmf"), variables)
        arguments += ("-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + find("/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf"),
                      "-drive", "if=pflash,unit=1,format=raw,file=" + variables)
    mine = best(lambda: boot(lambda: ours(folder, "software", lines, memory=256)))
    other = best(lambda: boot(lambda: theirs("tcg", "-serial", "null", "-boot", "d", *arguments, memory=256)))
    print("%-18s %9.2f s   QEMU %9.2f s   ratio of speeds %5.2f" % ("grub-" + kind, mine, other, other / mine), flush=True)


def main():
    if qemu is None:
        sys.exit("qemu-system-x86_64 is not installed; ./dev bench installs it")
    parts = {**{name: lambda folder, name=name: disk(folder, name) for name in DISKS}, "interrupts": interrupts,
             "bios": lambda folder: firmware(folder, "bios"), "uefi": lambda folder: firmware(folder, "uefi")}
    print("-- Platform, beside QEMU's on TCG; load %.1f" % os.getloadavg()[0], flush=True)
    for name in sys.argv[2:] or list(parts):
        with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
            try:
                parts[name](folder)
            except Skip as reason:
                print("skipped: %s: %s" % (name, reason))


if __name__ == "__main__":
    main()
