#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian is installed, unattended: firmware and GRUB start a kernel from an ISO, which partitions a disk, gets a base system and then packages through the user
network, and makes the disk boot; it then starts by itself.   os-install.py ENGINE [CASE…]

nvme: OVMF, which starts the disk by a variable of its own.  usb: SeaBIOS, and a disk on USB that either firmware starts.

Not Debian's installer: its own packages (udebs) are not on all mirrors that have Debian's others.  It is the way of the installation guide's appendix "Installing
Debian from a Unix/Linux System"."""
import os
import re

from lib import Failure, check
from os_cases import run_cases
from os_debian import SUITE
from os_media import find, grub_iso, initramfs, load_modules, modules, need, programs, ran, whole_kernel
from os_mirror import Mirror

GRUB = """serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
linux /boot/linux console=ttyS0 quiet
initrd /boot/initrd
boot
"""
MODULES = ("virtio_pci", "virtio_net", "ext4", "crc32c_generic", "vfat", "nls_ascii", "nls_cp437")
# What the second stage of debootstrap unpacks; the kernel and the loader come by apt.
BASE = "systemd-sysv,udev,kmod,initramfs-tools,zstd,iproute2"
SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/tools:/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
@MODULES@
set -e
trap 'echo "FAILED"; exec sh' EXIT
echo "STEP network"
NET=$(ls /sys/class/net | grep -v lo | head -1)
cat > /tmp/lease <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/24 dev $interface; ip route add default via $router
END
chmod 755 /tmp/lease
ip link set $NET up
udhcpc -q -n -t 20 -i $NET -s /tmp/lease
echo "STEP partitions"
for i in 1 2 3 4 5 6 7 8 9; do [ -b @DISK@ ] || sleep 1; done
printf 'label: gpt\\n@TABLE@' | sfdisk -q @DISK@
for i in 1 2 3 4 5 6 7 8 9; do [ -b @SYSTEM@ ] || sleep 1; done
/tools/mkfs.fat -n EFI @EFI@ > /dev/null
/tools/mke2fs -q -t ext4 -L system @SYSTEM@
mkdir /target; mount -t ext4 @SYSTEM@ /target
echo "STEP base"
wget -q -O - http://10.0.2.2:@PORT@/base.tar | tar -x -C /target
mkdir -p /target/boot/efi; mount -t vfat @EFI@ /target/boot/efi
mount -t devtmpfs dev /target/dev
mkdir -p /target/etc/dpkg/dpkg.cfg.d; echo force-unsafe-io > /target/etc/dpkg/dpkg.cfg.d/install
chroot /target /debootstrap/debootstrap --second-stage
grep -q ' /target/proc ' /proc/mounts || mount -t proc proc /target/proc
grep -q ' /target/sys ' /proc/mounts || mount -t sysfs sysfs /target/sys
[ ! -d /sys/firmware/efi ] || mount -t efivarfs efivarfs /target/sys/firmware/efi/efivars
echo "STEP packages"
echo "deb http://10.0.2.2:@PORT@/debian @SUITE@ main" > /target/etc/apt/sources.list
echo 'Acquire::Languages "none";' > /target/etc/apt/apt.conf.d/90languages
echo "LABEL=system / ext4 defaults 0 1" > /target/etc/fstab
echo "LABEL=EFI /boot/efi vfat umask=0077 0 1" >> /target/etc/fstab
echo installed > /target/etc/hostname
export DEBIAN_FRONTEND=noninteractive
chroot /target apt-get -q update
mkdir -p /target/etc/initramfs-tools/conf.d; echo MODULES=dep > /target/etc/initramfs-tools/conf.d/target
chroot /target apt-get -q -y --no-install-recommends install @PACKAGES@
echo "STEP loader"
echo 'GRUB_TIMEOUT=0' >> /target/etc/default/grub
echo 'GRUB_CMDLINE_LINUX="console=ttyS0"' >> /target/etc/default/grub
@LOADER@
chroot /target update-grub
chroot /target passwd -d root
rm /target/etc/dpkg/dpkg.cfg.d/install
[ ! -d /sys/firmware/efi ] || umount /target/sys/firmware/efi/efivars
umount /target/boot/efi /target/proc /target/sys /target/dev
umount /target
trap '' EXIT
echo "INSTALLED"
read line
poweroff -f
"""


# What of the script, and of what it needs, is the disk's.
NVME = {"modules": ("nvme", "efivarfs"), "disk": "/dev/nvme0n1", "efi": "/dev/nvme0n1p1", "system": "/dev/nvme0n1p2",
        "table": r"size=64M, type=U\ntype=L\n", "packages": "linux-image-cloud-amd64 grub-efi-amd64 efibootmgr",
        "loader": 'chroot /target grub-install\necho "BOOT $(chroot /target efibootmgr | grep -i -c debian)"'}
# A partition for GRUB's core (BIOS), and GRUB where firmware looks on disks that it doesn't know (UEFI).
USB = {"modules": ("xhci_pci", "usb_storage", "uas", "sd_mod"), "disk": "/dev/sda", "efi": "/dev/sda2", "system": "/dev/sda3",
       "table": r"size=1M, type=21686148-6449-6E6F-744E-656564454649\nsize=64M, type=U\ntype=L\n", "packages": "linux-image-amd64 grub2-common grub-pc-bin grub-efi-amd64-bin",
       "loader": "chroot /target grub-install --target=i386-pc /dev/sda\nchroot /target grub-install --target=x86_64-efi --removable --no-nvram"}


def base(room, mirror):
    """What debootstrap's first stage makes: packages unpacked, as a tar."""
    tree, path = room.path("base"), room.path("base.tar")
    command = "debootstrap --foreign --arch=amd64 --variant=minbase --include=%s %s %s %s && tar -C %s -cf %s ." % (BASE, SUITE, tree, mirror.uri, tree, path)
    ran("debootstrap", (["fakeroot"] if os.geteuid() != 0 else []) + ["sh", "-c", command + " && rm -rf " + tree])
    return path


def disc(room, port, drive, platform):
    """What grub-mkrescue makes, with a kernel and what installs."""
    kernel, folder = whole_kernel()
    files, lines = load_modules(modules(folder, MODULES + drive["modules"]))
    script = SCRIPT.replace("@MODULES@", lines).replace("@PORT@", str(port)).replace("@SUITE@", SUITE)
    for word in ("disk", "efi", "system", "table", "packages", "loader"):
        script = script.replace("@%s@" % word.upper(), drive[word])
    initrd = initramfs(room, "install", files + programs("sfdisk", "mke2fs", "mkfs.fat"), script)
    return grub_iso(room, "install", GRUB, [("boot/linux", kernel), ("boot/initrd", initrd)], platform)


def said(machine):
    return re.sub(r"\x1b[()][0-9A-B]|\x1b\[[0-9;?]*[A-Za-z]", "", machine.serial())


def send(machine, line):
    machine.vivctl("serial", "--send", line + "\\r")


def install(room, engine, drive, platform, bus, *settings):
    """A machine that has installed, and is off; its disc is out."""
    find("/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf")
    need(("mformat", "mtools"), ("debootstrap", "debootstrap"), ("mkfs.fat", "dosfstools"))
    mirror = Mirror(room.dir)
    image = disc(room, mirror.port, drive, platform)
    mirror.files["base.tar"] = base(room, mirror)
    disk = room.path("disk.img")
    with open(disk, "wb") as file:
        file.truncate(3 << 30)
    machine = room.machine("install", *settings, "--set", "net0.card=virtio", "--device", "disk,bus=%s,path=%s" % (bus, disk), "--cdrom", image, "--boot", "dc",
                           engine=engine, memory="1G")
    machine.start()
    try:
        machine.wait_serial(r"^(INSTALLED|FAILED)", 1100)
    except Failure as failure:
        raise Failure("%s\n%s" % (failure, said(machine)[-3000:])) from None
    check("INSTALLED" in machine.serial(), "it is installed\n" + said(machine)[-3000:])
    return machine


def without_disc(machine):
    send(machine, "off")
    machine.wait_state("off", 60)
    machine.vivctl("set", "machine.boot=c", "cdrom0.path=")


def login(machine):
    machine.start()
    machine.wait_serial(r"^installed login:", 300)
    send(machine, "root")
    machine.wait_serial(r"root@installed:", 120)


def nvme(room, engine):
    machine = install(room, engine, NVME, "x86_64-efi", "nvme", "--set", "machine.firmware=uefi", "--set", "machine.chipset=q35")
    check(re.search(r"^BOOT [1-9]", said(machine), re.M), "the firmware has an entry of Debian's\n" + said(machine)[-2000:])
    without_disc(machine)
    login(machine)
    send(machine, "echo on $(findmnt -n -o SOURCE /) by $(efibootmgr | sed -n 's/BootCurrent: //p') $(efibootmgr | grep -i debian)")
    match, _ = machine.wait_serial(r"^on (\S+) by (\w+) Boot(\w+)", 60)
    check(match[1].startswith("/dev/nvme0n1p2"), "the root is on %s" % match[1])
    check(match[2] == match[3], "what started is %s, Debian's entry %s" % (match[2], match[3]))
    send(machine, "poweroff")
    machine.wait_state("off", 120)


def usb(room, engine):
    machine = install(room, engine, USB, "i386-pc", "usb", "--set", "usb0.model=xhci")
    without_disc(machine)
    for firmware in ("bios", "uefi"):
        machine.vivctl("set", "machine.firmware=" + firmware)
        login(machine)
        send(machine, "echo on $(findmnt -n -o SOURCE /) at $(readlink /sys/block/sda) by $(ls /sys/firmware | grep -c efi)")
        match, _ = machine.wait_serial(r"^on (\S+) at (\S+) by (\d)", 60)
        check(match[1] == "/dev/sda3" and "/usb" in match[2], "the root is on %s, at %s" % (match[1], match[2]))
        check(match[3] == ("1" if firmware == "uefi" else "0"), "what started it: %s" % firmware)
        send(machine, "poweroff")
        machine.wait_state("off", 120)


run_cases({"nvme": nvme, "usb": usb}, slow=("nvme", "usb"))
