#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole Debian whose disks on virtio are reset.   os-resets.py ENGINE [CASE…]

quiet: a disk that nobody is at goes to D3hot, under its driver and without one, is removed and found again, and has what it had."""
from lib import check, equal
from os_cases import run_cases
from os_debian_guest import Guest, empty, new

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


def disks(room, engine):
    guest = Guest(room, engine, "virtio", others=((empty(room, "second.img"), "virtio"), (empty(room, "third.img"), "scsi")))
    guest.login()
    equal(guest.run("ls /sys/block | grep -E '^(vd|sd)' | tr '\\n' ' '").strip(), "sda vda vdb", "disks")
    return guest


def quiet(room, engine):
    guest = disks(room, engine)
    before = guest.warnings()
    for disk in ("vdb", "sda"):
        check("quiet done" in guest.run(QUIET.replace("@DISK@", disk), 600), disk)
    equal(sorted(new(guest.warnings(), before)), [], "complaints of the kernel")
    guest.power_off()


CASES = {"quiet": quiet}
run_cases(CASES, slow=tuple(CASES))
