#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian is installed, unattended: OVMF and GRUB start a kernel from an ISO, which partitions an NVMe disk, gets a base system and then packages through the user
network, and makes the disk boot by a variable of the firmware's; the disk then starts by itself.   os-install.py ENGINE [CASE…]

Not Debian's installer: its own packages (udebs) are not on all mirrors that have Debian's others.  It is the way of the installation guide's appendix "Installing
Debian from a Unix/Linux System"."""
import os
import re
import shutil

from lib import Failure, check
from os_cases import run_cases
from os_debian import SUITE
from os_media import find, initramfs, load_modules, modules, need, programs, ran, whole_kernel
from os_mirror import Mirror

GRUB = """serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
linux /boot/linux console=ttyS0 quiet
initrd /boot/initrd
boot
"""
MODULES = ("virtio_pci", "virtio_net", "nvme", "ext4", "crc32c_generic", "vfat", "nls_ascii", "nls_cp437", "efivarfs")
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
for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/nvme0n1 ] || sleep 1; done
printf 'label: gpt\\nsize=64M, type=U\\ntype=L\\n' | sfdisk -q /dev/nvme0n1
for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/nvme0n1p2 ] || sleep 1; done
/tools/mkfs.fat -n EFI /dev/nvme0n1p1 > /dev/null
/tools/mke2fs -q -t ext4 -L system /dev/nvme0n1p2
mkdir /target; mount -t ext4 /dev/nvme0n1p2 /target
echo "STEP base"
wget -q -O - http://10.0.2.2:@PORT@/base.tar | tar -x -C /target
mkdir -p /target/boot/efi; mount -t vfat /dev/nvme0n1p1 /target/boot/efi
mount -t devtmpfs dev /target/dev
mkdir -p /target/etc/dpkg/dpkg.cfg.d; echo force-unsafe-io > /target/etc/dpkg/dpkg.cfg.d/install
chroot /target /debootstrap/debootstrap --second-stage
grep -q ' /target/proc ' /proc/mounts || mount -t proc proc /target/proc
grep -q ' /target/sys ' /proc/mounts || mount -t sysfs sysfs /target/sys
mount -t efivarfs efivarfs /target/sys/firmware/efi/efivars
echo "STEP packages"
echo "deb http://10.0.2.2:@PORT@/debian @SUITE@ main" > /target/etc/apt/sources.list
echo 'Acquire::Languages "none";' > /target/etc/apt/apt.conf.d/90languages
echo "LABEL=system / ext4 defaults 0 1" > /target/etc/fstab
echo "LABEL=EFI /boot/efi vfat umask=0077 0 1" >> /target/etc/fstab
echo installed > /target/etc/hostname
export DEBIAN_FRONTEND=noninteractive
chroot /target apt-get -q update
chroot /target apt-get -q -y --no-install-recommends install linux-image-cloud-amd64 grub-efi-amd64 efibootmgr
echo "STEP loader"
echo 'GRUB_TIMEOUT=0' >> /target/etc/default/grub
echo 'GRUB_CMDLINE_LINUX="console=ttyS0"' >> /target/etc/default/grub
chroot /target grub-install
chroot /target update-grub
echo "BOOT $(chroot /target efibootmgr | grep -i -c debian)"
chroot /target passwd -d root
rm /target/etc/dpkg/dpkg.cfg.d/install
umount /target/sys/firmware/efi/efivars /target/boot/efi /target/proc /target/sys /target/dev
umount /target
trap '' EXIT
echo "INSTALLED"
read line
poweroff -f
"""


def base(room, mirror):
    """What debootstrap's first stage makes: packages unpacked, as a tar."""
    tree, path = room.path("base"), room.path("base.tar")
    command = "debootstrap --foreign --arch=amd64 --variant=minbase --include=%s %s %s %s && tar -C %s -cf %s ." % (BASE, SUITE, tree, mirror.uri, tree, path)
    ran("debootstrap", (["fakeroot"] if os.geteuid() != 0 else []) + ["sh", "-c", command + " && rm -rf " + tree])
    return path


def disc(room, port):
    """What grub-mkrescue makes for UEFI, with a kernel and what installs."""
    kernel, folder = whole_kernel()
    files, lines = load_modules(modules(folder, MODULES))
    script = SCRIPT.replace("@PORT@", str(port)).replace("@SUITE@", SUITE)
    initrd = initramfs(room, "install", files + programs("sfdisk", "mke2fs", "mkfs.fat"), script.replace("@MODULES@", lines))
    tree = room.path("tree")
    os.makedirs(os.path.join(tree, "boot/grub"))
    with open(os.path.join(tree, "boot/grub/grub.cfg"), "w", encoding="ascii") as file:
        file.write(GRUB)
    shutil.copy(kernel, os.path.join(tree, "boot/linux"))
    shutil.copy(initrd, os.path.join(tree, "boot/initrd"))
    path = room.path("install.iso")
    ran("grub-mkrescue", ["grub-mkrescue", "-d", "/usr/lib/grub/x86_64-efi", "--locales=", "--fonts=", "--themes=", "-o", path, tree])
    shutil.rmtree(tree)
    return path


def said(machine):
    return re.sub(r"\x1b[()][0-9A-B]|\x1b\[[0-9;?]*[A-Za-z]", "", machine.serial())


def nvme(room, engine):
    find("/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf")
    find("/usr/lib/grub/x86_64-efi/moddep.lst", "grub-efi-amd64-bin")
    need(("grub-mkrescue", "grub-common"), ("xorriso", "xorriso"), ("mformat", "mtools"), ("debootstrap", "debootstrap"), ("mkfs.fat", "dosfstools"))
    mirror = Mirror(room.dir)
    image = disc(room, mirror.port)
    mirror.files["base.tar"] = base(room, mirror)
    disk = room.path("disk.img")
    with open(disk, "wb") as file:
        file.truncate(3 << 30)
    machine = room.machine("install", "--set", "machine.firmware=uefi", "--set", "machine.chipset=q35", "--set", "net0.card=virtio", "--device", "disk,bus=nvme,path=" + disk,
                           "--cdrom", image, "--boot", "dc", engine=engine, memory="1G")
    machine.start()
    try:
        machine.wait_serial(r"^(INSTALLED|FAILED)", 1100)
    except Failure as failure:
        raise Failure("%s\n%s" % (failure, said(machine)[-3000:])) from None
    check("INSTALLED" in machine.serial(), "it is installed\n" + said(machine)[-3000:])
    check(re.search(r"^BOOT [1-9]", said(machine), re.M), "the firmware has an entry of Debian's\n" + said(machine)[-2000:])
    machine.vivctl("serial", "--send", "off\\n")
    machine.wait_state("off", 60)
    machine.vivctl("set", "machine.boot=c", "cdrom0.path=")
    machine.start()
    machine.wait_serial(r"^installed login:", 300)
    machine.vivctl("serial", "--send", "root\\r")
    machine.wait_serial(r"root@installed:", 120)
    machine.vivctl("serial", "--send", "echo on $(findmnt -n -o SOURCE /) by $(efibootmgr | sed -n 's/BootCurrent: //p') $(efibootmgr | grep -i debian)\\r")
    match, _ = machine.wait_serial(r"^on (\S+) by (\w+) Boot(\w+)", 60)
    check(match[1].startswith("/dev/nvme0n1p2"), "the root is on %s" % match[1])
    check(match[2] == match[3], "what started is %s, Debian's entry %s" % (match[2], match[3]))
    machine.vivctl("serial", "--send", "poweroff\\r")
    machine.wait_state("off", 120)


run_cases({"nvme": nvme}, slow=("nvme",))
