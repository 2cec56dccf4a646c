#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""UEFI: OVMF starts GRUB from each kind of drive, in the order of the machine, and keeps its variables; Linux on it.   os-uefi.py ENGINE [CASE…]"""
import os
import re
import shutil

from lib import Machine, Skip, check, equal
from os_cases import run_cases
from os_media import find, initramfs, need, partition, ran, system_partition, whole_kernel, with_libraries

MIB = 1 << 20
GRUB_CONFIG = """serial --unit=0 --speed=115200
terminal_output serial console
echo "GRUB @NAME@ on $grub_cpu-$grub_platform"
@REST@
"""
LINUX_SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
insmod /modules/efivarfs.ko
mount -t efivarfs efivarfs /sys/firmware/efi/efivars
V=/sys/firmware/efi/efivars/Vivarium-6f9619ff-8b86-4d01-b42d-00cf4fc964ff
echo "EFI $(cat /sys/firmware/efi/fw_platform_size)"
echo "FRAMEBUFFER $(cat /proc/iomem | grep -c BOOTFB) $(dmesg | grep -c 'efi: EFI v')"
[ -e $V ] && echo "FOUND $(tail -c 5 $V)"
[ -e $V ] || printf '\\7\\0\\0\\0again' > $V && echo "WRITTEN $(tail -c 5 $V)"
efibootmgr -c -d /dev/null -L x > /dev/null 2>&1
efibootmgr | grep -E '^Boot' | sed 's/^/MANAGER /'
dmesg -r | grep '^<[0-3]>'
echo "COMPLAINTS $(dmesg -r | grep -c '^<[0-3]>')"
echo "DONE"
read line
poweroff -f
"""

# TPM2_ReadClock (TPM 2.0 library, part 3, 29.1): how often it was started is in bytes 26 to 29 of the answer.
TPM_SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo "DRIVER $(basename $(readlink /sys/class/tpm/tpm0/device/driver)) $(cat /sys/class/tpm/tpm0/tpm_version_major)"
for n in 0 4 9 16; do echo "PCR $n $(cat /sys/class/tpm/tpm0/pcr-sha256/$n)"; done
exec 3<> /dev/tpm0
printf '\\200\\1\\0\\0\\0\\12\\0\\0\\1\\201' >&3
echo "CLOCK $(dd bs=64 count=1 <&3 2> /dev/null | od -An -v -t x1 -w64 | tr -d ' ')"
dmesg -r | grep '^<[0-4]>' | grep -i tpm
echo "COMPLAINTS $(dmesg -r | grep '^<[0-4]>' | grep -i -c tpm)"
echo "DONE"
read line
poweroff -f
"""


def grub(room, name, rest="", files=()):
    """GRUB for UEFI as one program, with the name of its drive."""
    need(("grub-mkstandalone", "grub-common"), ("mformat", "mtools"))
    if not os.path.isdir("/usr/lib/grub/x86_64-efi"):
        raise Skip("/usr/lib/grub/x86_64-efi is missing (package grub-efi-amd64-bin)")
    find("/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf")
    config, program = room.path(name + ".cfg"), room.path(name + ".efi")
    with open(config, "w", encoding="utf-8") as file:
        file.write(GRUB_CONFIG.replace("@NAME@", name).replace("@REST@", rest))
    # GRUB finds no modules but those that it is made with: a few, as the firmware reads all of it.
    modules = "serial terminal echo normal linux test sleep efi_gop"
    ran("grub-mkstandalone", ["grub-mkstandalone", "-O", "x86_64-efi", "-o", program, "--modules=" + modules, "--install-modules=" + modules, "--locales=", "--fonts=",
                              "--themes=", "boot/grub/grub.cfg=" + config, *("%s=%s" % file for file in files)])
    return program


def disk(room, name, program):
    fat = room.path(name + ".fat")
    system_partition(fat, program)
    return whole_disk(room, name, fat)


def whole_disk(room, name, fat):
    """One partition of type EF (UEFI 2.10, 5.2.2)."""
    path = room.path(name + ".img")
    size = os.path.getsize(fat)
    record = bytearray(512)
    record[446:462] = partition(0xef, 2048, size // 512)
    record[510:512] = b"\x55\xaa"
    with open(path, "wb") as out, open(fat, "rb") as file:
        out.write(record)
        out.seek(MIB)
        shutil.copyfileobj(file, out)
    return path


def compact_disc(room, name, program):
    """El Torito's entry for EFI (UEFI 2.10, 13.3.2.1)."""
    need(("xorriso", "xorriso"))
    tree = room.path("tree-" + name)
    os.mkdir(tree)
    system_partition(os.path.join(tree, "efi.img"), program)
    path = room.path(name + ".iso")
    ran("xorriso", ["xorriso", "-as", "mkisofs", "-quiet", "-o", path, "-e", "efi.img", "-no-emul-boot", tree])
    return path


def variables(machine):
    with open(os.path.join(machine.folder, "uefi-variables.fd"), "rb") as file:
        return file.read()


def drives(kinds):
    def case(room, engine):
        for kind in kinds:
            program = grub(room, kind)
            if kind == "cdrom":
                options = ["--cdrom", compact_disc(room, kind, program)]
            else:
                options = ["--device", "disk,bus=%s,path=%s" % (kind, disk(room, kind, program))] + ["--device", "usb"] * (kind == "usb")
            machine = room.machine(kind, "--set", "machine.firmware=uefi", *options, engine=engine, memory="256M")
            machine.start()
            machine.wait_serial(r"GRUB %s on x86_64-efi" % kind, 200)
            machine.stop()
    return case


def words(room, engine):
    """A start that can't be says why, and which setting is to blame."""
    find("/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf")
    machine = room.machine("words", "--set", "machine.firmware=uefi", engine=engine, memory="64M")
    kept = os.path.join(machine.folder, "uefi-variables.fd")

    def refused(text):
        result = machine.vivctl("start", ok=False)
        check(result.returncode != 0 and text in result.stderr, "“%s” in %r" % (text, result.stderr))

    with open(kept, "wb") as file:
        file.write(b"no variables")
    refused("uefi-variables.fd doesn't hold UEFI variables: it has 12 bytes and not 540672")
    os.unlink(kept)
    os.symlink("/dev/zero", kept)
    refused("uefi-variables.fd")
    os.unlink(kept)
    machine.vivctl("device", "add", "tpm")
    room.env["PATH"] = room.path("run")
    refused("Install the package swtpm")
    machine.vivctl("device", "remove", "tpm0")
    machine.start()
    machine.stop()
    equal(len(variables(machine)), 540672, "variables that the machine began with")


def order(room, engine):
    """GRUB is where machine.boot says first, and a start writes to the variables, which are there at the next."""
    first, second = disk(room, "disk", grub(room, "disk")), compact_disc(room, "disc", grub(room, "disc"))
    machine = room.machine("order", "--set", "machine.firmware=uefi", "--disk", first, "--cdrom", second, "--boot", "dc", engine=engine, memory="256M")
    machine.start()
    machine.wait_serial(r"GRUB disc on x86_64-efi", 200)
    machine.until(lambda: machine.screenshot().width >= 800, 60, "a picture by the graphics protocol")
    machine.stop()
    kept = variables(machine)
    check("Boot0000".encode("utf-16-le") in kept, "the file has variables")
    machine.vivctl("set", "machine.boot=cd")
    machine.start()
    machine.wait_serial(r"GRUB disk on x86_64-efi", 200)
    machine.stop()
    check("Boot0000".encode("utf-16-le") in variables(machine), "and has them again")
    with open("/usr/share/OVMF/OVMF_VARS_4M.fd", "rb") as file:
        check(file.read() != kept, "it isn't what a machine begins with")


def run_linux(machine):
    """What its script has said, until it was told to end."""
    machine.start()
    machine.wait_serial(r"^DONE", 400)
    text = machine.serial().replace("\r", "")
    machine.vivctl("serial", "--send", "off\\n")
    machine.wait_state("off", 60)
    return text


def tpm(room, engine):
    """Both drivers bind; firmware has measured; the TPM remembers its starts."""
    need(("swtpm", "swtpm"))
    kernel, _ = whole_kernel()
    program = grub(room, "disk", "linux (memdisk)/vmlinuz console=ttyS0 quiet\ninitrd (memdisk)/initrd\nboot",
                   [("vmlinuz", kernel), ("initrd", initramfs(room, "tpm", [], TPM_SCRIPT))])
    machine = room.machine("tpm", "--set", "machine.firmware=uefi", "--device", "tpm", "--disk", disk(room, "disk", program), engine=engine, memory="512M")
    starts = []
    for model, driver in (("crb", "tpm_crb"), ("tis", "tpm_tis")):
        machine.vivctl("set", "tpm0.model=" + model)
        text = run_linux(machine)
        check("DRIVER %s 2" % driver in text, "the driver of %s\n%s" % (model, text[-2000:]))
        registers = dict(re.findall(r"^PCR (\d+) (\w+)", text, re.M))
        for number in ("0", "4"):
            check(int(registers[number], 16) != 0, "PCR %s has measurements: %s" % (number, registers))
        equal(int(registers["16"], 16), 0, "PCR 16 has none")
        starts.append(int(re.search(r"^CLOCK 8001\w{48}(\w{8})", text, re.M)[1], 16))
        equal(re.search(r"^COMPLAINTS (\d+)", text, re.M)[1], "0", "complaints of the driver\n" + text[-2000:])
    check(starts[1] > starts[0], "how often it was started: %s" % starts)


def secure(room, engine):
    """Secure Boot starts what a distribution has signed and nothing else, and keeps a variable of its own: with system-management mode, and without (pc)."""
    need(("mformat", "mtools"))
    shim, signed = find("/usr/lib/shim/shimx64.efi.signed", "shim-signed"), find("/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", "grub-efi-amd64-signed")
    config = room.path("signed.cfg")
    with open(config, "w", encoding="utf-8") as file:
        file.write("serial --unit=0 --speed=115200\nterminal_output serial\necho \"SIGNED GRUB, lockdown $shim_lock\"\nsleep 1000\n")
    fat = room.path("signed.fat")
    system_partition(fat, shim)
    ran("mmd", ["mmd", "-i", fat, "::/EFI/debian"])
    ran("mcopy", ["mcopy", "-i", fat, signed, "::/EFI/BOOT/grubx64.efi"])
    ran("mcopy", ["mcopy", "-i", fat, config, "::/EFI/debian/grub.cfg"])
    options = ["--set", "machine.firmware=uefi-secure"]
    disks = (("signed", whole_disk(room, "signed", fat), "1", "SIGNED GRUB, lockdown y"), ("unsigned", disk(room, "unsigned", grub(room, "unsigned")), "2", "Access Denied"))
    for chipset, name, path, cpus, said in [(chipset, *each) for chipset in ("q35", "pc") for each in disks]:
        machine = room.machine("%s-%s" % (name, chipset), *options, "--set", "machine.chipset=" + chipset, "--set", "machine.cpus=" + cpus, "--device", "disk,bus=nvme,path=" + path, engine=engine, memory="512M")
        machine.start()
        machine.wait_serial(said, 200)
        check("GRUB unsigned" not in machine.serial(), "nothing unsigned has started")
        guarded = engine == "software" and chipset == "q35"
        equal("Secure Boot without system-management mode" in machine.vivctl("log").stdout, not guarded, "the log says so where variables are not closed")
        machine.stop()
        check("SecureBootEnable".encode("utf-16-le") in variables(machine), "the keys are enrolled")


def eleven(room, engine):
    """What is proposed for Windows 11 starts, and so does its clone, with the variables and the TPM of the first one; then as Secure Boot wants it."""
    find("/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf")
    need(("swtpm", "swtpm"))
    room.vivctl("create", "--os", "win11", "--name", "eleven", "--disk-size", "64G", "--engine", engine, "--memory", "512M")
    machine = Machine(room, "eleven")
    settings = machine.show()["settings"]
    for key, wanted in (("machine.chipset", "q35"), ("tpm0.model", "crb"), ("net0.card", "e1000e"), ("usb0.model", "xhci"), ("machine.hyperv", "true")):
        equal(settings[key], wanted, key)
    check(settings["machine.firmware"] in ("uefi", "uefi-secure"), settings["machine.firmware"])
    machine.start()
    machine.wait_serial("BdsDxe", 200)
    machine.stop()
    machine.vivctl("clone", "twelve", timeout=120)
    clone = Machine(room, "twelve")
    equal(variables(clone), variables(machine), "variables of the clone")
    state = [open(os.path.join(m.folder, "tpm/tpm2-00.permall"), "rb").read() for m in (machine, clone)]
    check(state[0] == state[1], "the TPM of the clone")
    clone.start()
    clone.wait_serial("BdsDxe", 200)
    clone.stop()
    if engine == "software":
        # With other firmware come its own variables.
        os.unlink(os.path.join(clone.folder, "uefi-variables.fd"))
        clone.vivctl("set", "machine.firmware=uefi-secure")
        clone.start()
        clone.wait_serial("BdsDxe", 200)
        clone.stop()


def linux(room, engine):
    kernel, folder = whole_kernel()
    programs = with_libraries("/usr/bin/efibootmgr" if os.path.exists("/usr/bin/efibootmgr") else "/bin/efibootmgr", "efibootmgr")
    initrd = initramfs(room, "script", [("modules/efivarfs.ko", os.path.join(folder, "fs/efivarfs/efivarfs.ko")), *programs], LINUX_SCRIPT)
    program = grub(room, "disk", "linux (memdisk)/vmlinuz console=ttyS0 quiet\ninitrd (memdisk)/initrd\nboot", [("vmlinuz", kernel), ("initrd", initrd)])
    machine = room.machine("linux", "--set", "machine.firmware=uefi", "--disk", disk(room, "disk", program), engine=engine, memory="512M")
    for found in (None, "again"):
        text = run_linux(machine)
        check("EFI 64" in text, "a kernel that EFI has started\n" + text[-2000:])
        equal((re.findall(r"^FOUND (\w+)", text, re.M) or [None])[0], found, "the variable of the start before\n" + text[-2000:])
        check("WRITTEN again" in text, "a variable can be written\n" + text[-2000:])
        check(re.search(r"^MANAGER BootOrder: \d", text, re.M), "efibootmgr\n" + text[-2000:])
        equal(re.search(r"^COMPLAINTS (\d+)", text, re.M)[1], "0", "errors of the kernel\n" + text[-3000:])


run_cases({"words": words, "order": order, "drives": drives(["ide", "nvme", "virtio", "scsi", "usb", "cdrom"]), "linux": linux, "tpm": tpm, "secure": secure, "eleven": eleven}, ["drives", "linux", "tpm", "eleven"])
