#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's kernel and its drivers for disk controllers, and the tools that people ask disks with.   os-disks.py ENGINE [CASE…]"""
import hashlib
import os
import re

from lib import BUILD, Skip, check, equal
from os_cases import run_cases
from os_media import grub_iso, initramfs, programs, whole_kernel

SCSI = ("crypto/crct10dif_common.ko", "crypto/crct10dif_generic.ko", "lib/crc-t10dif.ko", "lib/crc64.ko", "crypto/crc64_rocksoft_generic.ko",
        "lib/crc64-rocksoft.ko", "block/t10-pi.ko", "drivers/scsi/scsi_common.ko", "drivers/scsi/scsi_mod.ko", "drivers/scsi/sd_mod.ko",
        "drivers/cdrom/cdrom.ko", "drivers/scsi/sr_mod.ko", "drivers/scsi/sg.ko", "drivers/ata/libata.ko")
AHCI = SCSI + ("drivers/ata/libahci.ko", "drivers/ata/ahci.ko")
IDE = SCSI + ("drivers/ata/ata_piix.ko",)
EXT4 = ("crypto/crc32c_generic.ko", "lib/crc16.ko", "fs/mbcache.ko", "fs/jbd2/jbd2.ko", "fs/ext4/ext4.ko")
MIB = 1 << 20
BEGIN = """#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/tools:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
@MODULES@
there() { for i in 1 2 3 4 5 6 7 8 9 10 11 12; do [ -b "/dev/$1" ] && return; sleep 1; done; }
"""
WORK = """
D=@DISK@
there $D
echo "DISK $(cat /sys/block/$D/size) $(cat /sys/block/$D/device/model | tr -d ' ')"
dd if=/dev/urandom of=/tmp/random bs=1M count=8 2> /dev/null
dd if=/tmp/random of=/dev/$D bs=64k seek=16 conv=fsync 2> /dev/null && echo "RESULT write ok"
echo 3 > /proc/sys/vm/drop_caches
dd if=/dev/$D bs=1M skip=1 count=8 2> /dev/null | cmp - /tmp/random && echo "RESULT read ok"
mke2fs /dev/$D > /dev/null && mkdir /mnt && mount -t ext4 /dev/$D /mnt
for i in 1 2 3 4; do (mkdir /mnt/$i; for j in 1 2 3; do cp /tmp/random /mnt/$i/$j; done; sync) & done; wait
umount /mnt && mount -t ext4 /dev/$D /mnt
for i in 1 2 3 4; do for j in 1 2 3; do cmp /mnt/$i/$j /tmp/random || echo "RESULT files wrong"; done; done
rm -r /mnt/1; fstrim /mnt 2> /dev/null && echo "TRIMMED"
umount /mnt && echo "RESULT files ok"
"""
END = """
# By the levels of raw messages: busybox' dmesg knows no others.
dmesg -r | grep '^<[0-4]>' > /tmp/warnings; cat /tmp/warnings
echo "COMPLAINTS $(grep -E -i -c 'ata[0-9]|ahci|scsi|nvme|sd [0-9]|sr[ 0-9]|piix' /tmp/warnings)"
dmesg | grep -E 'ata[0-9]|ahci|nvme' | head -60
echo "READY"
"""


def load(modules):
    return "\n".join("insmod /modules/%s" % os.path.basename(m) for m in modules)


def linux(room, engine, modules, script, tools, disk, *keys, files=()):
    kernel, folder = whole_kernel()
    packed = [("modules/" + os.path.basename(m), os.path.join(folder, m)) for m in modules] + programs(*tools) + list(files)
    initrd = initramfs(room, "script", packed, BEGIN.replace("@MODULES@", load(modules)) + script)
    machine = room.machine("disks", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", "--disk", disk, engine=engine, memory="512M")
    machine.vivctl("set", *keys)
    return machine


def image_of(room, name="disk.img", size=160 * MIB):
    image = room.path(name)
    with open(image, "wb") as file:
        file.truncate(size)
    return image


def said(text, pattern):
    found = re.search(pattern, text, re.M)
    check(found, "%s\n%s" % (pattern, text[-4000:]))
    return found


def results(machine, names):
    text = machine.serial().replace("\r", "")
    found = dict(re.findall(r"^RESULT (\w+) (.*)$", text, re.M))
    for name in names:
        equal(found.get(name), "ok", "%s\n%s" % (name, text[-3000:]))
    equal(said(text, r"^COMPLAINTS (\d+)")[1], "0", "complaints of the kernel\n" + text[-4000:])
    return text


def step(machine, name, pattern, seconds=120):
    since = len(machine.serial())
    machine.vivctl("serial", "--send", name + "\\n")
    return machine.wait_serial(pattern, seconds, since)[0]


def off(machine):
    machine.vivctl("serial", "--send", "off\\n")
    machine.wait_state("off", 60)


ATA_TOOLS = """
echo "--- hdparm"; hdparm -I /dev/$D; echo "--- smartctl"; smartctl -a /dev/$D; echo "SMART $?"
echo "--- lspci"; lspci -vv -s @SLOT@; echo "--- end"
hdparm -W0 /dev/$D > /dev/null && hdparm -W1 /dev/$D > /dev/null && echo "RESULT cache ok"
hdparm --security-freeze /dev/$D > /dev/null 2>&1; echo "FREEZE $?"
echo "WWN $(hdparm -I /dev/$D | grep 'WWN Device Identifier')"
"""
# The disk goes while it is written to and comes back.  Then a disc is changed, and a drive is moved.
AHCI_STEPS = """
while read step; do
  case "$step" in
  write) (n=0; while dd if=/tmp/random of=/dev/$D bs=64k seek=160 oflag=direct 2> /dev/null; do n=$((n+1)); [ $n = 1 ] && echo "WRITING"; done; echo "STOPPED") & ;;
  again) D=; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do D=$(ls /sys/block | grep '^sd' | head -1); [ -n "$D" ] && [ -b "/dev/$D" ] && break; sleep 1; done
    dd if=/tmp/random of=/dev/$D bs=64k seek=16 conv=fsync 2> /dev/null; echo 3 > /proc/sys/vm/drop_caches
    dd if=/dev/$D bs=1M skip=1 count=8 2> /dev/null | cmp - /tmp/random && echo "RESULT again ok" ;;
  sum) for i in 1 2 3; do [ "$(dd if=/dev/sr0 bs=2048 count=1 2> /dev/null | wc -c)" = 2048 ] && break; sleep 1; done
    echo "SUM $(dd if=/dev/sr0 bs=64k 2> /dev/null | sha256sum | cut -c1-64)" ;;
  eject) /modules/tray-guest open /dev/sr0; echo "DONE eject" ;;
  draw) /modules/tray-guest close /dev/sr0; echo "DONE draw" ;;
  off) break ;;
  esac
done
poweroff -f
"""


def ahci(room, engine):
    program = os.path.join(BUILD, "tests/system/tray-guest")
    if not os.path.exists(program):
        raise Skip("no static programs can be made here")
    discs = []
    for i in range(2):
        discs.append(room.path("disc-%d.iso" % i))
        with open(discs[i], "wb") as file:
            file.write(os.urandom((3 + i) * MIB))
    image = image_of(room)
    script = (WORK + ATA_TOOLS + END + AHCI_STEPS).replace("@DISK@", "sda").replace("@SLOT@", "00:03.0")
    machine = linux(room, engine, AHCI + EXT4, script, ("hdparm", "smartctl", "lspci"), image,
                    "disk0.bus=ahci", "cdrom0.bus=ahci", "cdrom0.path=" + discs[0], files=[("modules/tray-guest", program)])
    machine.start()
    machine.wait_serial(r"^READY", 600)
    text = results(machine, ("write", "read", "files", "cache"))
    said(text, r"^DISK %d Vivariumdisk" % (160 * MIB // 512))
    said(text, "^TRIMMED")
    said(text, "^FREEZE 0")
    said(text, r"^WWN .*3[0-9a-f]{15}$")
    said(text, r"Serial Number: +VIV-disk0")
    said(text, r"\*\s+Native Command Queueing")
    said(text, r"^SMART overall-health self-assessment test result: PASSED")
    said(text, r"^No Errors Logged")
    said(text, r"^SMART 0$")
    said(text, r"Kernel driver in use: ahci")
    said(text, r"MSI: Enable\+ Count=1/1")
    said(text, r"AHCI 0001\.0300 32 slots 6 ports")
    check(re.search(r"^disk0 +pci 00:03.0 port 0 ", machine.vivctl("device", "list").stdout, re.M), "its place")
    check(re.search(r"^cdrom0 +pci 00:03.0 port 1 ", machine.vivctl("device", "list").stdout, re.M), "the drive's place")

    def reads(disc):
        with open(disc, "rb") as file:
            equal(step(machine, "sum", r"^SUM (\w+)")[1], hashlib.sha256(file.read()).hexdigest(), "what is on it")
    reads(discs[0])
    machine.vivctl("media", "cdrom0", discs[1])
    reads(discs[1])
    step(machine, "eject", "^DONE eject")
    machine.until(lambda: discs[1] not in machine.vivctl("media").stdout, 20, "it is out")
    step(machine, "draw", "^DONE draw")
    machine.until(lambda: discs[1] in machine.vivctl("media").stdout, 20, "it is in again")
    reads(discs[1])
    # Saved in the middle of writing, and loaded.
    step(machine, "write", "^WRITING")
    state = room.path("saved.state")
    machine.vivctl("save", state, timeout=120)
    machine.stop()
    machine.vivctl("set", "cdrom0.path=" + discs[1])
    machine.start("--load", state)
    reads(discs[1])
    # The cable.
    since = len(machine.serial())
    machine.vivctl("device", "set", "disk0.plugged=false")
    machine.wait_serial("^STOPPED", 120, since)
    machine.vivctl("device", "set", "disk0.plugged=true")
    step(machine, "again", "^RESULT again ok")
    off(machine)


NVME_TOOLS = """
for t in "id-ctrl /dev/nvme0" "id-ns /dev/nvme0n1" "ns-descs /dev/nvme0n1" "smart-log /dev/nvme0" "error-log /dev/nvme0" "fw-log /dev/nvme0" "effects-log /dev/nvme0" "get-feature /dev/nvme0 -f 4" "get-feature /dev/nvme0 -f 6 -s 1" "list" "flush /dev/nvme0n1"; do
  echo "--- $t"; nvme $t > /tmp/out 2>&1; S=$?; cat /tmp/out; echo "NVME $(echo $t | cut -d' ' -f1) $S"
done
echo "--- smartctl"; smartctl -a /dev/nvme0; echo "SMART $?"
nvme set-feature /dev/nvme0 -f 4 -v 290 > /dev/null; sleep 1; smartctl -H /dev/nvme0 | grep 'overall-health'
nvme set-feature /dev/nvme0 -f 4 -v 343 > /dev/null
"""


def nvme(room, engine):
    """Debian's kernel has the driver as modules."""
    image = image_of(room)
    modules = SCSI[:7] + ("drivers/nvme/host/nvme-core.ko", "drivers/nvme/host/nvme.ko")
    script = (WORK + NVME_TOOLS + END + "read line\npoweroff -f\n").replace("@DISK@", "nvme0n1")
    machine = linux(room, engine, modules + EXT4, script, ("nvme", "smartctl"), image, "disk0.bus=nvme")
    machine.start()
    machine.wait_serial(r"^READY", 600)
    text = results(machine, ("write", "read", "files"))
    tools = re.findall(r"^NVME (\S+) (\d+)$", text, re.M)
    equal([name for name, status in tools if status != "0"], [], "nvme-cli\n" + text[-6000:])
    equal(len(tools), 11, "all of them")
    said(text, "^TRIMMED")
    said(text, r"^SMART 0$")
    said(text, r"^SMART overall-health self-assessment test result: PASSED")
    said(text, r"^SMART overall-health self-assessment test result: FAILED")
    said(text, r"^No Errors Logged")
    off(machine)


def ide(room, engine):
    """PIIX4: both drives by Ultra DMA 33, as the driver chooses by chip and drive."""
    disc = room.path("disc.iso")
    with open(disc, "wb") as file:
        file.write(os.urandom(3 * MIB))
    script = """
echo "SUM $(dd if=/dev/sr0 bs=64k 2> /dev/null | sha256sum | cut -c1-64)"
echo "TIMINGS $(lspci -xxx -s 00:01.1 | grep '^40:')"
"""
    script = (WORK + ATA_TOOLS.replace("@SLOT@", "00:01.1") + script + END + "read line\npoweroff -f\n").replace("@DISK@", "sda")
    machine = linux(room, engine, IDE + EXT4, script, ("hdparm", "smartctl", "lspci"), image_of(room),
                    "disk0.bus=ide", "cdrom0.bus=ide", "cdrom0.path=" + disc)
    machine.start()
    machine.wait_serial(r"^READY", 600)
    text = results(machine, ("write", "read", "files", "cache"))
    said(text, r"^DISK %d Vivariumdisk" % (160 * MIB // 512))
    said(text, r"Device 8086:7111 ")
    said(text, r"Kernel driver in use: ata_piix")
    equal(len(re.findall(r"ata[12]: PATA max UDMA/33 ", text)), 2, "modes that the driver knows of the chip\n" + text[-5000:])
    said(text, r"DMA: +mdma0 mdma1 mdma2 udma0 udma1 \*udma2 udma3 udma4 udma5")
    # Channels decoded; a bit of UDMACTL and mode 2 in UDMATIM for the first drive of each.
    timings = said(text, r"^TIMINGS 40: (.*)$")[1].split()
    equal([timings[1][0] in "89abcdef", timings[3][0] in "89abcdef"] + timings[8:12], [True, True, "05", "00", "02", "02"], "timing registers")
    with open(disc, "rb") as file:
        equal(said(text, r"^SUM (\w+)")[1], hashlib.sha256(file.read()).hexdigest(), "the disc")
    off(machine)


def ahci_boot(room, engine):
    for letter in ("c", "d"):
        disc = grub_iso(room, "boot-" + letter, "serial --unit=0 --speed=115200\nterminal_output serial\necho BOOTED BY $root\nsleep 60\nhalt\n")
        machine = room.machine("boot-" + letter, *(("--disk", disc) if letter == "c" else ()), engine=engine, memory="64M")
        machine.vivctl("set", "machine.boot=" + letter, *(("disk0.bus=ahci", "disk0.readonly=true") if letter == "c" else ("cdrom0.bus=ahci", "cdrom0.path=" + disc)))
        machine.start()
        machine.wait_serial(r"BOOTED BY " + ("hd0" if letter == "c" else r"\w+"), 300)
        machine.stop()


CASES = {"ide": ide, "nvme": nvme, "ahci": ahci, "ahci-boot": ahci_boot}
run_cases(CASES, slow=tuple(CASES))
