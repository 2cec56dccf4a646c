#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole Debian whose disks on virtio are reset.   os-resets.py ENGINE [CASE…]

busy: files keep their checksums, and fio's blocks theirs, on disks of both kinds while SCSI resets units, drivers are suspended, and the machine sleeps.
quiet: a disk that nobody is at goes to D3hot, under its driver and without one, is removed and found again, and has what it had."""
import re

from lib import check, equal
from os_cases import run_cases
from os_debian_guest import LOAD, Guest, empty, new

# Blocks with their sums, that are verified as they are read again.
FIO = """
verified() { # folder, what to call it
  local round=0
  mkdir -p $1
  while [ ! -e /run/stop ]; do
    fio --name=verified --directory=$1 --size=12M --nrfiles=2 --rw=randwrite --bsrange=4k-128k --direct=1 --ioengine=libaio --iodepth=16 --verify=crc32c --do_verify=1 \\
      --verify_fatal=1 --randrepeat=0 --minimal > /run/$2.fio 2>&1 || { cat /run/$2.fio; echo "$2 WRONG"; return 1; }
    round=$((round + 1))
  done
  echo "$2 rounds $round"
  [ $round -gt 0 ]
}
"""
# SG_SCSI_RESET of a unit (SCSI generic driver of Linux, <scsi/sg.h>); pm_test (power/basic-pm-debugging in Linux's documentation) suspends drivers, with "platform" all the way to
# D3hot; and a sleep that the clock ends.
BUSY = LOAD + FIO + """
rm -f /run/stop
mkdir -p /mnt/vdb /mnt/sda
for disk in vdb sda; do mkfs.ext4 -q -F /dev/$disk; mount /dev/$disk /mnt/$disk; done
load /var/tmp/load root > /run/root.out &
load /mnt/vdb/load blk > /run/blk.out &
load /mnt/sda/load scsi > /run/scsi.out &
verified /mnt/vdb/fio blk-blocks > /run/blk-blocks.out &
verified /mnt/sda/fio scsi-blocks > /run/scsi-blocks.out &
reset() {
  python3 -c 'import fcntl, os, struct; fcntl.ioctl(os.open("/dev/sda", os.O_RDWR | os.O_NONBLOCK), 0x2284, struct.pack("i", 1))' || echo "reset WRONG"
}
suspend() { # how far, to what
  echo $1 > /sys/power/pm_test
  echo $2 > /sys/power/state && echo "suspended $1 $2" || echo "suspend $1 WRONG"
}
for turn in 1 2; do
  sleep 3; for i in 1 2 3 4; do reset; sleep 0.5; done
  sleep 2; suspend devices freeze
  sleep 2; suspend platform mem
done
sleep 2
echo none > /sys/power/pm_test
echo 0 > /sys/class/rtc/rtc0/wakealarm; echo +6 > /sys/class/rtc/rtc0/wakealarm
echo mem > /sys/power/state && echo "slept"
sleep 3
touch /run/stop; wait
cat /run/root.out /run/blk.out /run/scsi.out /run/blk-blocks.out /run/scsi-blocks.out
umount /mnt/vdb /mnt/sda
for disk in vdb sda; do fsck.ext4 -f -n /dev/$disk > /run/fsck.out || { cat /run/fsck.out; echo "$disk WRONG"; }; done
echo "busy done"
"""
# A function's capability "power management", and what Linux says of it.
QUIET = """
set -e
D=@DISK@
pci=$(readlink -f /sys/block/$D/device); while [ ! -e $pci/vendor ] || [ "${pci##*/virtio}" != "$pci" ]; do pci=${pci%/*}; done
slot=${pci##*/}
sum() { (cd /mnt/$D; sha256sum --quiet -c sums) || { echo "$1 WRONG"; exit 1; }; }
appears() { for i in $(seq 200); do [ -b /dev/$D ] && udevadm settle && return; sleep 0.2; done; echo "no $D after $1"; exit 1; }
state() { setpci -s $slot CAP_PM+4.w | tail -c 2; }
mkdir -p /mnt/$D
mkfs.ext4 -q -F /dev/$D; mount /dev/$D /mnt/$D
for i in 1 2 3; do head -c 7000001 /dev/urandom > /mnt/$D/$i; done
(cd /mnt/$D; sha256sum 1 2 3 > sums); sync -f /mnt/$D
for turn in 1 2 3; do
  # By hand, under a mounted file system: it keeps its state.
  sync -f /mnt/$D; sleep 1
  setpci -s $slot CAP_PM+4.w=3
  [ "$(state)" = b ] || { echo "state $(state) WRONG"; exit 1; }
  sleep 0.2
  setpci -s $slot CAP_PM+4.w=0
  echo 3 > /proc/sys/vm/drop_caches; sum D3hot
  # Its driver gone, and asleep when the next one comes.
  umount /mnt/$D
  driver=$(readlink -f $pci/driver)
  echo $slot > $driver/unbind
  setpci -s $slot CAP_PM+4.w=3
  [ "$(state)" = b ] || { echo "state $(state) WRONG"; exit 1; }
  echo $slot > $driver/bind
  appears bind
  [ "$(state)" = 8 ] || { echo "state $(state) WRONG"; exit 1; }
  mount /dev/$D /mnt/$D; sum bind; umount /mnt/$D
  # Gone, and found again.
  echo 1 > $pci/remove
  [ ! -e $pci ]
  echo 1 > /sys/bus/pci/rescan
  appears rescan
  mount /dev/$D /mnt/$D; sum rescan
  head -c 3000001 /dev/urandom > /mnt/$D/$turn; (cd /mnt/$D; sha256sum 1 2 3 > sums); sync -f /mnt/$D
done
umount /mnt/$D
fsck.ext4 -f -n /dev/$D > /run/fsck.out || { cat /run/fsck.out; echo "$D WRONG"; exit 1; }
echo "quiet done"
"""
# Of disks; a host that is busy has the guest's watchdogs speak, too.  A unit that was reset says so at the next command, as it should.
OF_DISKS = r"^(virtio|EXT4-fs|JBD2|Buffer I/O|blk|I/O error|critical|sd |scsi|vd[a-z])"
EXPECTED = r"Power-on or device reset occurred"


def disks(room, engine):
    guest = Guest(room, engine, "virtio", others=((empty(room, "second.img"), "virtio"), (empty(room, "third.img"), "scsi")))
    guest.login()
    equal(guest.run("ls /sys/block | grep -E '^(vd|sd)' | tr '\\n' ' '").strip(), "sda vda vdb", "disks")
    return guest


def busy(room, engine):
    guest = disks(room, engine)
    before = guest.warnings()
    text = guest.run(BUSY, 900)
    print("# " + text.strip().replace("\n", "\n# "), flush=True)
    check("WRONG" not in text and "busy done" in text, text)
    equal(re.findall(r"^suspended .*$|^slept$", text, re.M), ["suspended devices freeze", "suspended platform mem"] * 2 + ["slept"], "what was suspended")
    for name in ("root", "blk", "scsi", "blk-blocks", "scsi-blocks"):
        found = re.search(r"^%s rounds (\d+)$" % name, text, re.M)
        check(found and int(found[1]) > 0, "%s\n%s" % (name, text))
    extra = {line for line in new(guest.warnings(), before) if re.search(OF_DISKS, line) and not re.search(EXPECTED, line)}
    equal(sorted(extra), [], "complaints of the kernel")
    guest.power_off()


def quiet(room, engine):
    guest = disks(room, engine)
    before = guest.warnings()
    for disk in ("vdb", "sda"):
        check("quiet done" in guest.run(QUIET.replace("@DISK@", disk), 600), disk)
    equal(sorted(new(guest.warnings(), before)), [], "complaints of the kernel")
    guest.power_off()


CASES = {"busy": busy, "quiet": quiet}
run_cases(CASES, slow=tuple(CASES))
