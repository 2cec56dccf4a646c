#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole Debian on our disks.   os-debian.py ENGINE [CASE…]

blk, scsi: boots from such a disk to a login; its kernel complains of nothing that it doesn't under QEMU; blocks are discarded; files keep their checksums while
the driver lets go of a busy disk and takes it again (blk), while units are reset and all devices are put to sleep (scsi).  saved: VIVARIUM_TEST_ROUNDS times it is
saved and loaded in the middle of writing files and of downloads."""
import hashlib
import http.server
import os
import random
import re
import time

from lib import check, equal
from os_cases import run_cases
from os_debian import MIB
from os_debian_guest import LOAD, Guest, empty, new, no_more_than
from os_network import serve

# The disk's driver lets go and takes it again, while it is read, and every other time while it is mounted.  Not for sd: when that goes under a mounted file
# system Linux 6.1 dies in scsi_queue_rq(), under QEMU as here.
BIND = """
set -e
""" + LOAD + """
rm -f /run/stop
load /var/tmp/load root > /run/root.out &
D=@DISK@
appears() { for i in $(seq 100); do [ -b /dev/$D ] && udevadm settle && return; sleep 0.2; done; echo "no $D"; return 1; }
appears
DRIVER=$(readlink -f @DEVICE@/driver); NAME=$(basename $(readlink -f @DEVICE@))
mkfs.ext4 -q -F /dev/$D; mkdir -p /mnt/other
for round in 1 2 3 4; do
  mount /dev/$D /mnt/other
  head -c 20000000 /dev/urandom > /mnt/other/$round; (cd /mnt/other; sha256sum [1-9] > sums); sync
  (while dd if=/dev/$D of=/dev/null bs=256k iflag=direct 2> /dev/null; do :; done) &
  reader=$!
  if [ $((round % 2)) = 0 ]; then umount /mnt/other; fi
  sleep 0.5
  echo $NAME > $DRIVER/unbind
  wait $reader || true
  umount /mnt/other 2> /dev/null || true
  echo $NAME > $DRIVER/bind
  appears
  fsck.ext4 -p /dev/$D > /run/fsck.out || [ $? = 1 ] || { cat /run/fsck.out; exit 1; }
  mount /dev/$D /mnt/other; (cd /mnt/other; sha256sum --quiet -c sums); umount /mnt/other
done
touch /run/stop; wait
cat /run/root.out; grep -q rounds /run/root.out
echo "bound again"
"""
DISCARD = """
set -e
D=@DISK@
mkfs.ext4 -q -F /dev/$D; mount -o discard /dev/$D /mnt/other
head -c 60000000 /dev/urandom > /mnt/other/large; head -c 5000001 /dev/urandom > /mnt/other/kept; sum=$(sha256sum < /mnt/other/kept); sync
rm /mnt/other/large; sync; fstrim /mnt/other
echo 1 > /proc/sys/vm/drop_caches
[ "$sum" = "$(sha256sum < /mnt/other/kept)" ]
umount /mnt/other; fsck.ext4 -f -n /dev/$D > /run/fsck.out
head -c 8000000 /dev/urandom | dd of=/dev/$D bs=1M oflag=direct iflag=fullblock conv=notrunc 2> /dev/null || true
blkdiscard -z -o 1048576 -l 4194304 /dev/$D
[ "$(dd if=/dev/$D bs=1M skip=1 count=4 iflag=direct 2> /dev/null | tr -d '\\0' | wc -c)" = 0 ]
blkdiscard /dev/$D
echo "discarded"
"""
# Each driver's freeze and thaw, with files being written.
SLEEP = LOAD + """
rm -f /run/stop
load /var/tmp/load root > /run/root.out &
echo devices > /sys/power/pm_test
for i in 1 2; do sleep 2; echo freeze > /sys/power/state || exit 1; done
sleep 2; touch /run/stop; wait
cat /run/root.out; grep -q rounds /run/root.out && echo "slept"
"""
# SG_SCSI_RESET of logical units (SCSI generic driver of Linux, <scsi/sg.h>), while files are written.
RESET = LOAD + """
rm -f /run/stop
load /var/tmp/load root > /run/root.out &
mkfs.ext4 -q -F /dev/@DISK@; mkdir -p /mnt/other; mount /dev/@DISK@ /mnt/other
load /mnt/other/load other > /run/other.out &
cat > /run/reset.py <<'END'
import fcntl, os, struct, time
for turn in range(4):
    for disk in ("/dev/sda", "/dev/sdb"):
        time.sleep(1)
        file = os.open(disk, os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(file, 0x2284, struct.pack("i", 1))
        os.close(file)
print("resets done")
END
python3 /run/reset.py || exit 1
touch /run/stop; wait
cat /run/root.out /run/other.out; umount /mnt/other
grep -q rounds /run/root.out && grep -q rounds /run/other.out && fsck.ext4 -f -n /dev/@DISK@ > /run/fsck.out && echo "reset"
"""


def parts(text, disk, device=""):
    return text.replace("@DISK@", disk).replace("@DEVICE@", device)


def allocated(path):
    return os.stat(path).st_blocks * 512


def blk(room, engine):
    second = empty(room, "second.img")
    guest = Guest(room, engine, "virtio", others=((second, "virtio"),))
    guest.login()
    check("virtio_blk" in guest.run("readlink -f /sys/block/vda/device/driver"), "the first disk's driver")
    no_more_than(room, "virtio", guest.warnings())
    check("bound again" in guest.run(parts(BIND, "vdb", "/sys/block/vdb/device"), 600), "it is let go of and taken again")
    check("discarded" in guest.run(parts(DISCARD, "vdb"), 600), "blocks are discarded")
    check(allocated(second) < 8 * MIB, "the image has given its blocks back: %d" % allocated(second))
    guest.power_off()


def scsi(room, engine):
    second = empty(room, "second.img")
    guest = Guest(room, engine, "scsi", others=((second, "scsi"),))
    guest.login()
    no_more_than(room, "scsi", guest.warnings())
    # Linux looks at units side by side: the second may be sda.
    disk = guest.run("for d in sda sdb; do [ $(cat /sys/block/$d/size) = %d ] && echo $d; done; true" % (256 * MIB // 512)).strip()
    check(re.search(r"^reset$", guest.run(parts(RESET, disk), 600), re.M), "units are reset")
    check("discarded" in guest.run("mkdir -p /mnt/other\n" + parts(DISCARD, disk), 600), "blocks are discarded")
    check(allocated(second) < 8 * MIB, "the image has given its blocks back: %d" % allocated(second))
    check("slept" in guest.run(SLEEP, 600), "all devices sleep")
    guest.power_off()


# Files and downloads with their sums until /run/stop; a download that a load has cut off is begun again.
BOTH = LOAD + """
rm -f /run/stop
mkdir -p /mnt/other /mnt/third
mkfs.ext4 -q -F /dev/vdb; mount /dev/vdb /mnt/other
mkfs.ext4 -q -F /dev/sda; mount /dev/sda /mnt/third
load /var/tmp/load root > /run/root.out &
load /mnt/other/load other > /run/other.out &
load /mnt/third/load third > /run/third.out &
(right=0; cut=0
while [ ! -e /run/stop ]; do
  if curl -s -S -m 60 -o /run/page http://10.0.2.2:@PORT@/ 2> /run/curl.err; then
    [ "$(sha256sum < /run/page)" = "@SUM@  -" ] && right=$((right + 1)) || echo "page WRONG"
  else cut=$((cut + 1)); sleep 0.2; fi
done
echo "page right $right cut $cut") > /run/page.out 2>&1 &
wait
cat /run/root.out /run/other.out /run/third.out /run/page.out
umount /mnt/other /mnt/third
for disk in vdb sda; do fsck.ext4 -f -n /dev/$disk > /run/fsck.out || { cat /run/fsck.out; echo "$disk WRONG"; exit 1; }; done
"""


def saved(room, engine):
    """Saved and loaded at moments that differ from run to run, while disks and network are busy; VIVARIUM_TEST_ROUNDS says how often."""
    rounds = int(os.environ.get("VIVARIUM_TEST_ROUNDS", "5"))
    seed = random.randrange(1 << 16)
    chance = random.Random(seed)
    print("# seed %d, %d rounds" % (seed, rounds), flush=True)
    content = os.urandom(3 * MIB + 1)
    port = serve(http.server.ThreadingHTTPServer, "127.0.0.1", content)
    guest = Guest(room, engine, "virtio", disk="copy", others=((empty(room, "second.img"), "virtio"), (empty(room, "third.img"), "scsi")),
                  settings=("net0.kind=user", "net0.card=virtio"))
    machine = guest.machine
    guest.login()
    guest.run("ip link set eth0 up; dhclient -1 eth0")
    before = guest.warnings()
    load = BOTH.replace("@PORT@", str(port)).replace("@SUM@", hashlib.sha256(content).hexdigest())
    guest.run("cat > /run/both <<'EOF'\n%s\nEOF\nbash /run/both > /run/both.out 2>&1 &" % load)
    state = room.path("saved.state")
    for done in range(rounds):
        if done % 10 == 0:
            print("# round %d" % done, flush=True)
        time.sleep(1 + 3 * chance.random())
        if chance.random() < 0.5:  # else saving is what pauses it
            machine.vivctl("pause")
        machine.vivctl("save", "--force", state, timeout=200)
        machine.stop()
        machine.start("--load", state)
        equal(machine.state, "running", "state after loading")
        guest.run("true")
    time.sleep(3)
    text = guest.run("touch /run/stop; while pgrep -f /run/both > /dev/null; do sleep 0.5; done; cat /run/both.out", 300)
    print("# " + text.strip().replace("\n", "\n# "), flush=True)
    check("WRONG" not in text, "sums are wrong\n" + text)
    for name in ("root rounds", "other rounds", "third rounds", "page right"):
        found = re.search(name + r" (\d+)", text)
        check(found and int(found[1]) > 0, "%s\n%s" % (name, text))
    equal(sorted(new(guest.warnings(), before)), [], "complaints of the kernel")
    guest.power_off()


CASES = {"blk": blk, "scsi": scsi, "saved": saved}
run_cases(CASES, slow=tuple(CASES))
