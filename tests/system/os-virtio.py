#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's kernel and its drivers for virtio.   os-virtio.py ENGINE [CASE…]"""
import hashlib
import os
import re

from lib import check, equal
from os_cases import run_cases
from os_media import cloud_kernel, initramfs

MODULES = ("drivers/virtio/virtio_ring.ko", "drivers/virtio/virtio.ko", "drivers/virtio/virtio_pci_legacy_dev.ko",
           "drivers/virtio/virtio_pci_modern_dev.ko", "drivers/virtio/virtio_pci.ko", "drivers/block/virtio_blk.ko")
MIB = 1 << 20
# %s: modules and their parameters.
SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
%s
for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/vda ] || sleep 1; done
echo "DRIVER $(basename $(readlink /sys/block/vda/device/driver)) $(cat /sys/block/vda/serial) $(cat /sys/block/vda/size)"
echo "QUEUES $(ls /sys/block/vda/mq | wc -l)"
dd if=/dev/urandom of=/tmp/random bs=1M count=8 2> /dev/null
dd if=/tmp/random of=/dev/vda bs=64k seek=16 conv=fsync 2> /dev/null && echo "RESULT write ok"
echo 3 > /proc/sys/vm/drop_caches
dd if=/dev/vda bs=1M skip=1 count=8 2> /dev/null | cmp - /tmp/random && echo "RESULT read ok"
mke2fs /dev/vda > /dev/null && mkdir /mnt && mount -t ext4 /dev/vda /mnt
for i in 1 2 3 4; do (mkdir /mnt/$i; for j in 1 2 3 4; do cp /tmp/random /mnt/$i/$j; done; sync) & done; wait
umount /mnt && mount -t ext4 /dev/vda /mnt
for i in 1 2 3 4; do for j in 1 2 3 4; do cmp /mnt/$i/$j /tmp/random || echo "RESULT files wrong"; done; done
umount /mnt && echo "RESULT files ok"
echo "SUM $(sha256sum /dev/vda | cut -c1-64)"
# The driver lets go of the device and takes it again.
cd /sys/bus/virtio/drivers/virtio_blk
for i in 1 2 3 4 5; do echo virtio0 > unbind; echo virtio0 > bind; done
[ "$(sha256sum /dev/vda | cut -c1-64)" = "$(sha256sum /dev/vda | cut -c1-64)" ] && echo "RESULT bind ok"
echo "COMPLAINTS $(dmesg -l err,warn | grep -i -c virt)"
echo "RESULT script ok"
read line
poweroff -f
"""


def disk(queues, cpus, legacy):
    def case(room, engine):
        kernel, modules = cloud_kernel()
        lines = ["insmod /modules/%s%s" % (os.path.basename(m), " force_legacy=1" if legacy and m.endswith("virtio_pci.ko") else "") for m in MODULES]
        initrd = initramfs(room, "script", [("modules/" + os.path.basename(m), os.path.join(modules, m)) for m in MODULES], SCRIPT % "\n".join(lines))
        image = room.path("disk.img")
        with open(image, "wb") as file:
            file.truncate(192 * MIB)
        machine = room.machine("virtio", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", "--disk", image, "--cpus", str(cpus),
                               engine=engine, memory="512M")
        machine.vivctl("set", "disk0.bus=virtio", "disk0.queues=%d" % queues)
        machine.start()
        machine.wait_serial(r"RESULT script ok", 400)
        text = machine.serial().replace("\r", "")
        results = dict(re.findall(r"^RESULT (\w+) (.*)$", text, re.M))
        for name in ("write", "read", "files", "bind"):
            equal(results.get(name), "ok", "%s\n%s" % (name, text[-2000:]))
        equal(re.search(r"^DRIVER (.*)$", text, re.M)[1], "virtio_blk VIV-disk0 %d" % (192 * MIB // 512), "the disk")
        equal(re.search(r"^QUEUES (\d+)", text, re.M)[1], str(min(queues, cpus)), "queues")
        equal(re.search(r"^COMPLAINTS (\d+)", text, re.M)[1], "0", "complaints of the kernel")
        check(re.search(r"^disk0 +pci 00:03.0 ", machine.vivctl("device", "list").stdout, re.M), "its place")
        machine.vivctl("serial", "--send", "off\\n")
        machine.wait_state("off", 60)
        with open(image, "rb") as file:
            here = hashlib.sha256(file.read()).hexdigest()
        equal(re.search(r"^SUM (\w+)$", text, re.M)[1], here, "what the guest reads, and the image")
    return case


CASES = {"disk": disk(1, 1, False), "disk-legacy": disk(1, 1, True), "disk-queues": disk(4, 4, False)}
run_cases(CASES, slow=tuple(CASES))
