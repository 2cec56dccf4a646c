# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole Debian on a disk image that a BIOS boots, and UEFI some of them: made once, by mmdebstrap and without rights, from this computer's own apt sources.

The image is in VIVARIUM_TEST_CACHE, or in the build folder, under the hash of all that went into it.  Nobody writes to it: a machine has a
copy, or throws its changes away (disk0.discard).  In the guest root logs in without a password on ttyS0; `script` runs the script
that begins one of the other disks, and `mark WORDS` says something at port 0x402.
"""
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile

from lib import BUILD, Skip
from os_media import GRUB_MODULES, boot_blocks, file_system, find, need, partition, ran, system_partition

SUITE = "bookworm"
MIB = 1 << 20
SIZE = 3072 * MIB
# What boots, what tests and benches use in it.
SYSTEM = "linux-image-amd64 initramfs-tools zstd systemd-sysv udev dbus kmod e2fsprogs login util-linux procps".split()
PACKAGES = SYSTEM + """
iproute2 iputils-ping isc-dhcp-client ethtool iperf3 tcpdump netcat-openbsd curl
pciutils usbutils evtest fio openssl gcc libc6-dev python3 gzip xz-utils file
""".split()
# A light desktop, in which a user is logged in from the start.
DESKTOP_PACKAGES = SYSTEM + """
dbus-x11 libpam-systemd xserver-xorg-core xserver-xorg-input-libinput x11-utils x11-xserver-utils fonts-dejavu-core adwaita-icon-theme
lightdm lightdm-gtk-greeter xfce4-session xfwm4 xfce4-panel xfdesktop4 xfce4-settings xfce4-terminal thunar mousepad pciutils
""".split()
# What looks at a machine from inside (Debian 12 has no fwts); who logs in on the screen is asked there.
PLATFORM_PACKAGES = SYSTEM + "pciutils usbutils dmidecode acpica-tools smartmontools hdparm nvme-cli".split()
# In the initial RAM disk, beside what these need: all that an image can be behind.
MODULES = """
virtio_pci virtio_blk virtio_scsi sd_mod sr_mod ata_piix ata_generic ahci nvme ext4 crc32c_generic crc32c_intel
usb_storage uas xhci_pci ehci_pci uhci_hcd
""".split()
COMMAND_LINE = "root=LABEL=vivarium console=ttyS0,115200 net.ifnames=0"
GRUB = """
set timeout=0
insmod linux
linux /vmlinuz ro %s
initrd /initrd.img
boot
""" % COMMAND_LINE
# The script ends with a newline, and a disk with zeroes.
RUN_SCRIPT = """#!/bin/bash
# script [auto]: runs what a disk begins with: a script, or with "auto" one that wants to be run without a login.
want="#!/bin/bash"
[ "$1" = auto ] && want="#!/bin/bash -auto"
for disk in /sys/block/[shv]d*; do
  disk=/dev/${disk##*/}
  read -r -n 64 first < "$disk" 2> /dev/null || continue
  [ "$first" = "$want" ] || continue
  tr -d '\\0' < "$disk" | tail -n +2 > /run/script
  exec bash /run/script
done
[ "$1" = auto ] || echo "no disk has a script"
"""
MARK = r"""
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void
say (int port, const char *text)
{
  for (; *text != '\0'; text++)
    if (pwrite (port, text, 1, 0x402) != 1)
      _exit (1);
}

int
main (int argc, char **argv)
{
  int port = open ("/dev/port", O_WRONLY);
  say (port, "mark");
  for (int i = 1; i < argc; i++)
    {
      say (port, " ");
      say (port, argv[i]);
    }
  say (port, "\n");
  return 0;
}
"""
AUTO_SERVICE = """[Unit]
Description=A script that waits on a disk
After=multi-user.target
[Service]
Type=simple
ExecStart=/usr/local/bin/script auto
StandardOutput=tty
TTYPath=/dev/ttyS0
[Install]
WantedBy=graphical.target
"""
FILES = {
    "etc/hostname": "debian\n",
    "etc/machine-id": "564956415249554da5a5c0de0debdeb1\n",  # or each boot is the first one, which does more
    "etc/fstab": "LABEL=vivarium / ext4 errors=remount-ro 0 1\n",
    "etc/initramfs-tools/conf.d/vivarium": "MODULES=list\nCOMPRESS=zstd\nRESUME=none\n",
    "etc/initramfs-tools/modules": "".join(module + "\n" for module in MODULES),
    "etc/systemd/system/serial-getty@ttyS0.service.d/vivarium.conf": "[Service]\nExecStartPre=-/usr/local/bin/mark login\n",
    "etc/systemd/system/vivarium-auto.service": AUTO_SERVICE,
    "etc/systemd/system.conf.d/vivarium.conf": "[Manager]\nDefaultTimeoutStartSec=60min\nDefaultDeviceTimeoutSec=60min\n",  # hosts may be busy
    "root/.bash_profile": "PS1='debian# '; bind 'set enable-bracketed-paste off' 2> /dev/null; stty cols 200\n",
    "boot/grub/grub.cfg": GRUB,
    "usr/local/bin/script": RUN_SCRIPT,
}
# Without one of the system's the panel asks at its first start whether there are to be any.
DESKTOP_FILES = {"etc/lightdm/lightdm.conf": "[Seat:*]\nautologin-user=guest\nautologin-session=xfce\n"}
DESKTOP_FINISH = """
chroot "$1" useradd -m -s /bin/bash guest
chroot "$1" passwd -q -d guest
cp "$1/etc/xdg/xfce4/panel/default.xml" "$1/etc/xdg/xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml"
"""
PLATFORM_FINISH = """
chroot "$1" systemctl -q unmask getty@tty1.service
chroot "$1" systemctl -q enable getty@tty1.service
"""
# In the tree, before it becomes an image.
FINISH = """
set -e
chmod 755 "$1/usr/local/bin/script"
chroot "$1" passwd -q -d root
chroot "$1" systemctl -q enable vivarium-auto.service serial-getty@ttyS0.service
chroot "$1" systemctl -q set-default graphical.target
chroot "$1" systemctl -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer getty@tty1.service
chroot "$1" update-initramfs -u
rm -rf "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/apt/sources.list* "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/usr/share/locale/* "$1"/usr/share/doc/*
"""

# What is on an image: the packages and files, and what is done at last.
KINDS = {
    "debian": (PACKAGES, FILES, FINISH),
    "desktop": (DESKTOP_PACKAGES, FILES | DESKTOP_FILES, FINISH + DESKTOP_FINISH),
    "platform": (PLATFORM_PACKAGES, FILES, FINISH + PLATFORM_FINISH),
}
# These have a system partition behind their file system, with a GRUB that reads what the BIOS's does.
FOR_UEFI = {"platform"}
GRUB_FOR_UEFI = """search --no-floppy --label vivarium --set=root
configfile /boot/grub/grub.cfg
"""


def cache():
    return os.environ.get("VIVARIUM_TEST_CACHE") or os.path.join(BUILD, "downloaded")


def apt_sources():
    """This computer's sources, as files that mmdebstrap takes."""
    found = [path for path in ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*.list") + glob.glob("/etc/apt/sources.list.d/*.sources"))]
             if os.path.exists(path) and os.path.getsize(path) > 0]
    if not any(SUITE in open(path, encoding="utf-8").read() for path in found):
        raise Skip("no apt source of this computer has Debian's %s" % SUITE)
    return found


def apt_options():
    """How apt reaches them: proxies, checks."""
    dump = subprocess.run(["apt-config", "dump", "--no-empty", "Acquire"], capture_output=True, text=True, check=False).stdout
    return ["--aptopt=" + line for line in dump.splitlines() if re.match(r'Acquire::(https?::|Check-|ftp::|Retries)', line)]


def make(path, kind):
    packages, files, finish = KINDS[kind]
    need(("mmdebstrap", "mmdebstrap"), ("mke2fs", "e2fsprogs"), ("grub-mkimage", "grub-common"), ("cc", "build-essential"), ("tar", "tar"))
    rooted = os.geteuid() == 0
    if not rooted:
        need(("fakeroot", "fakeroot"), ("newuidmap", "uidmap"))
    with tempfile.TemporaryDirectory(prefix="viv-debian-", dir=os.path.dirname(path)) as folder:
        extra = os.path.join(folder, "extra")
        for name, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(extra, name)), exist_ok=True)
            with open(os.path.join(extra, name), "w", encoding="utf-8") as file:
                file.write(text)
        with open(os.path.join(folder, "mark.c"), "w", encoding="utf-8") as file:
            file.write(MARK)
        ran("cc", ["cc", "-O2", "-static", "-o", os.path.join(extra, "usr/local/bin/mark"), os.path.join(folder, "mark.c")])
        os.chmod(folder, 0o755)
        with open(os.path.join(folder, "finish"), "w", encoding="utf-8") as file:
            file.write(finish)
        tree = os.path.join(folder, "tree.tar")
        # The image has what is in a file's first bytes only; modes of ours are made by umask and FINISH.
        ran("mmdebstrap", ["mmdebstrap", "--variant=minbase", "--mode=" + ("root" if rooted else "unshare"), "--include=" + ",".join(packages), *apt_options(),
                           "--aptopt=APT::Install-Recommends \"false\"", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
                           "--setup-hook=mkdir -p \"$1/etc/initramfs-tools/conf.d\"",
                           "--customize-hook=tar -C %s --owner=0 --group=0 -c . | tar -C \"$1\" --no-same-permissions -x" % extra,
                           "--customize-hook=sh %s \"$1\"" % os.path.join(folder, "finish"), SUITE, tree, *apt_sources()])
        image, root = os.path.join(folder, "disk.img"), os.path.join(folder, "root")
        with open(image, "wb") as file:
            file.write(boot_blocks(folder, SIZE))
            file.truncate(SIZE)
        script = "mkdir %s && tar -C %s --numeric-owner -xf %s && %s" % (root, root, tree, " ".join(file_system(root, image, SIZE)))
        ran("the image", (["fakeroot"] if not rooted else []) + ["sh", "-c", script + " && rm -rf " + root])
        if kind in FOR_UEFI:
            add_system_partition(folder, image)
        os.rename(image, path)


def add_system_partition(folder, path):
    """The second partition of a disk that boot_blocks() began."""
    find("/usr/lib/grub/x86_64-efi/moddep.lst", "grub-efi-amd64-bin")
    config, program, fat = (os.path.join(folder, name) for name in ("grub.cfg", "grub.efi", "system.fat"))
    with open(config, "w", encoding="ascii") as file:
        file.write(GRUB_FOR_UEFI)
    ran("grub-mkimage", ["grub-mkimage", "-O", "x86_64-efi", "-o", program, "-p", "/boot/grub", "-c", config, *GRUB_MODULES, "search", "efi_gop"])
    system_partition(fat, program)
    size = os.path.getsize(fat)
    with open(path, "r+b") as file, open(fat, "rb") as source:
        file.seek(462)
        file.write(partition(0xef, SIZE // 512, size // 512))
        file.seek(SIZE)
        shutil.copyfileobj(source, file)
        file.truncate(SIZE + size)


def image(kind="debian"):
    """The path of the image, which may take minutes to make."""
    key = hashlib.sha256(json.dumps([SUITE, SIZE, *KINDS[kind], MARK]).encode()).hexdigest()[:16]
    os.makedirs(cache(), exist_ok=True)
    path = os.path.join(cache(), "%s-%s.img" % (kind, key))
    with open(os.path.join(cache(), "debian.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            for old in glob.glob(os.path.join(cache(), kind + "-*.img")):
                os.unlink(old)
            make(path, kind)
    return path


def script_disk(path, text):
    """A disk for `script` in the guest."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/bash%s\n%s\n" % (" -auto" if text.startswith("# auto") else "", text))
        size = file.tell()
        file.truncate((size + MIB) // MIB * MIB)
    return path
