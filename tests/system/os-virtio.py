#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's kernel and its drivers for virtio.   os-virtio.py ENGINE [CASE…]"""
import hashlib
import json
import os
import re
import subprocess

from lib import BUILD, VIVCTL, Skip, check, equal
from os_cases import run_cases
from os_media import cloud_kernel, grub_iso, initramfs

CORE = ("drivers/virtio/virtio_ring.ko", "drivers/virtio/virtio.ko", "drivers/virtio/virtio_pci_legacy_dev.ko",
        "drivers/virtio/virtio_pci_modern_dev.ko", "drivers/virtio/virtio_pci.ko")
BLOCK = CORE + ("drivers/block/virtio_blk.ko",)
SCSI = CORE + ("drivers/scsi/scsi_common.ko", "drivers/scsi/scsi_mod.ko", "drivers/scsi/sd_mod.ko", "drivers/scsi/virtio_scsi.ko")
SMALL = CORE + ("drivers/char/hw_random/virtio-rng.ko", "drivers/virtio/virtio_balloon.ko", "drivers/char/virtio_console.ko", "drivers/input/evdev.ko",
                "drivers/virtio/virtio_input.ko")
FILES = CORE + ("fs/fuse/fuse.ko", "fs/fuse/virtiofs.ko")
MIB = 1 << 20
# @…@: modules and their parameters, the disk.
SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
@MODULES@
D=@DISK@
for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/$D ] || sleep 1; done
echo "DRIVER $(basename $(readlink /sys/block/$D/device/driver || readlink /sys/block/$D/device/device/driver)) $(cat /sys/block/$D/serial /sys/block/$D/device/model 2> /dev/null | tr -d ' ') $(cat /sys/block/$D/size)"
echo "FEATURES $(cat /sys/bus/virtio/devices/virtio0/features 2> /dev/null)"
echo "QUEUES $(ls /sys/block/$D/mq | wc -l)"
dd if=/dev/urandom of=/tmp/random bs=1M count=8 2> /dev/null
dd if=/tmp/random of=/dev/$D bs=64k seek=16 conv=fsync 2> /dev/null && echo "RESULT write ok"
echo 3 > /proc/sys/vm/drop_caches
dd if=/dev/$D bs=1M skip=1 count=8 2> /dev/null | cmp - /tmp/random && echo "RESULT read ok"
mke2fs /dev/$D > /dev/null && mkdir /mnt && mount -t ext4 /dev/$D /mnt
for i in 1 2 3 4; do (mkdir /mnt/$i; for j in 1 2 3 4; do cp /tmp/random /mnt/$i/$j; done; sync) & done; wait
umount /mnt && mount -t ext4 /dev/$D /mnt
for i in 1 2 3 4; do for j in 1 2 3 4; do cmp /mnt/$i/$j /tmp/random || echo "RESULT files wrong"; done; done
umount /mnt && echo "RESULT files ok"
echo "SUM $(sha256sum /dev/$D | cut -c1-64)"
# The driver lets go of the device and takes it again.
B=/sys/bus/@DEVICE@
cd $B/driver/
for i in 1 2 3 4 5; do
  echo $(basename $B) > unbind; echo $(basename $B) > bind
  for j in 1 2 3 4 5 6 7 8 9; do [ -b /dev/$D ] || sleep 1; done
done
[ "$(sha256sum /dev/$D | cut -c1-64)" = "$(sha256sum /dev/$D | cut -c1-64)" ] && echo "RESULT bind ok"
# By the levels of raw messages: busybox' dmesg knows no others.
dmesg -r | grep '^<[0-4]>' > /tmp/warnings; cat /tmp/warnings
echo "COMPLAINTS $(grep -E -i -c 'virt|scsi|nvme|sd [0-9]' /tmp/warnings)"
echo "RESULT script ok"
read line
poweroff -f
"""


def load(modules, legacy=False):
    return "\n".join("insmod /modules/%s%s" % (os.path.basename(m), " force_legacy=1" if legacy and m.endswith("virtio_pci.ko") else "") for m in modules)


def packed(modules, folder):
    return [("modules/" + os.path.basename(m), os.path.join(folder, m)) for m in modules]


def disk(queues, cpus, legacy=False, bus="virtio", rings="split"):
    def case(room, engine):
        kernel, folder = cloud_kernel()
        modules, name, device, driver = {
            "virtio": (BLOCK, "vda", "virtio/devices/virtio0", "virtio_blk VIV-disk0"),
            "scsi": (SCSI, "sda", "virtio/devices/virtio0", "sd Disk"),
            "nvme": ((), "nvme0n1", "pci/devices/0000:00:03.0", "nvme VivariumNVMe"),  # its driver is in the kernel
        }[bus]
        script = SCRIPT.replace("@MODULES@", load(modules, legacy)).replace("@DISK@", name).replace("@DEVICE@", device)
        initrd = initramfs(room, "script", packed(modules, folder), script)
        image = room.path("disk.img")
        with open(image, "wb") as file:
            file.truncate(192 * MIB)
        machine = room.machine("virtio", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", "--disk", image, "--cpus", str(cpus),
                               engine=engine, memory="512M")
        machine.vivctl("set", "disk0.bus=" + bus, "disk0.queues=%d" % queues, "machine.virtio-rings=" + rings)
        machine.start()
        machine.wait_serial(r"RESULT script ok", 400)
        text = machine.serial().replace("\r", "")
        results = dict(re.findall(r"^RESULT (\w+) (.*)$", text, re.M))
        for name in ("write", "read", "files", "bind"):
            equal(results.get(name), "ok", "%s\n%s" % (name, text[-2000:]))
        equal(re.search(r"^DRIVER (.*)$", text, re.M)[1],
              "%s %d" % (driver, 192 * MIB // 512), "the disk")
        features = re.search(r"^FEATURES ([01]*)", text, re.M)[1]
        check(bus == "nvme" or features[34] == ("1" if rings == "packed" else "0"), "packed rings: " + features)
        equal(re.search(r"^QUEUES (\d+)", text, re.M)[1], str(min(queues, cpus)), "queues")
        equal(re.search(r"^COMPLAINTS (\d+)", text, re.M)[1], "0", "complaints of the kernel\n" + text[-2000:])
        check(re.search(r"^disk0 +pci 00:03.0 ", machine.vivctl("device", "list").stdout, re.M), "its place")
        machine.vivctl("serial", "--send", "off\\n")
        machine.wait_state("off", 60)
        with open(image, "rb") as file:
            here = hashlib.sha256(file.read()).hexdigest()
        equal(re.search(r"^SUM (\w+)$", text, re.M)[1], here, "what the guest reads, and the image")
    return case


# The small devices, all at once.
SMALL_SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /etc /ram /root && mount -t tmpfs -o size=300M ram /ram
echo 'root::0:0:root:/root:/bin/sh' > /etc/passwd
echo 1 > /proc/sys/kernel/printk
@MODULES@
for d in /sys/bus/virtio/devices/*; do echo "DEVICE $(cat $d/device) $(basename $(readlink $d/driver))"; done
echo "RNG $(cat /sys/devices/virtual/misc/hw_random/rng_current) $(dd if=/dev/hwrng bs=64 count=64 2> /dev/null | wc -c)"
# Somebody can log in.
(while true; do getty -L 115200 hvc0 vt100; done) &
# An agent answers once.
P=$(grep -l org.agent.0 /sys/class/virtio-ports/*/name); P=/dev/$(basename $(dirname $P))
(exec 5<> $P; read word <&5; echo "pong $word" >&5; sleep 1000) &
# What the keyboard and the tablet say: type, code and value of each event.
for e in /sys/class/input/event*; do
  case "$(cat $e/device/name)" in
  "Vivarium Keyboard") (dd if=/dev/input/$(basename $e) bs=24 count=4 2> /dev/null > /tmp/keys; od -An -v -t u2 -w24 /tmp/keys |
    while read a b c d e f g h type code low high; do printf "$type,$code,$low "; done > /tmp/keys.txt; echo "KEYS $(cat /tmp/keys.txt)") & ;;
  "Vivarium Tablet") (dd if=/dev/input/$(basename $e) bs=24 count=7 2> /dev/null > /tmp/tablet; od -An -v -t u2 -w24 /tmp/tablet |
    while read a b c d e f g h type code low high; do printf "$type,$code,$low "; done > /tmp/tablet.txt; echo "TABLET $(cat /tmp/tablet.txt)") & ;;
  "Vivarium Touchscreen") echo "SLOTS $(cat $e/device/properties) $(cat $e/device/capabilities/abs)"; (dd if=/dev/input/$(basename $e) bs=24 count=16 2> /dev/null > /tmp/touch; od -An -v -t u2 -w24 /tmp/touch |
    while read a b c d e f g h type code low high; do printf "$type,$code,$low "; done > /tmp/touch.txt; echo "TOUCH $(cat /tmp/touch.txt)") & ;;
  esac
done
sleep 1
echo "READY"
# Each line from the host asks for a step.
while read step; do
  case "$step" in
  fill) dd if=/dev/urandom of=/ram/fill bs=1M count=160 2> /dev/null && echo "DONE fill" ;;
  empty) rm /ram/fill; echo "DONE empty" ;;
  end) dmesg -r | grep '^<[0-4]>' > /tmp/warnings; cat /tmp/warnings
    echo "COMPLAINTS $(grep -E -i -c 'virt|input|hvc|hw_random|balloon|oom' /tmp/warnings)"; break ;;
  off) break ;;
  esac
done
read line
poweroff -f
"""


def small_packed(room, engine):
    small(room, engine, "packed")


def small(room, engine, rings="split"):
    kernel, folder = cloud_kernel()
    initrd = initramfs(room, "script", packed(SMALL, folder), SMALL_SCRIPT.replace("@MODULES@", load(SMALL)))
    machine = room.machine("small", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory="384M")
    machine.vivctl("set", "rng0.rate=0", "balloon0.target=0", "console0.agent=org.agent.0", "input.pointer=virtio", "input.keyboard=virtio", "input.touchscreen=true",
                   "machine.virtio-rings=" + rings)
    machine.start()
    machine.wait_serial(r"^READY", 300)
    text = machine.serial().replace("\r", "")
    drivers = dict(re.findall(r"^DEVICE 0x00(\w+) (\w+)$", text, re.M))
    equal(drivers, {"04": "virtio_rng", "05": "virtio_balloon", "03": "virtio_console", "12": "virtio_input"}, "drivers\n" + text[-1000:])
    equal(re.search(r"^RNG (.*)$", text, re.M)[1], "virtio_rng.0 4096", "random bytes")

    def numbers():
        return json.loads(machine.vivctl("show", "--json").stdout)["statistics"]

    def step(name):
        since = len(machine.serial())
        machine.vivctl("serial", "--send", name + "\\n")
        machine.wait_serial("^DONE " + name, 120, since)

    # Keys and positions.
    check(machine.show()["state"] == "running", "it runs")
    machine.key("a")
    machine.wait_serial(r"^KEYS 1,30,1 0,0,0 1,30,0 0,0,0 *\r?$", 60)
    machine.pointer("move", "100", "50", "click", "left")
    machine.wait_serial(r"^TABLET 3,0,(\d+) 3,1,(\d+) 0,0,0 1,272,1 0,0,0 1,272,0 0,0,0 *\r?$", 60)
    where = re.search(r"^TABLET 3,0,(\d+) 3,1,(\d+) ", machine.serial(), re.M)
    # Two fingers of ten, of which none is at a place that the kernel takes for the one before; axes 0, 1, 47 (slot), 53, 54 (place) and 57 (contact).
    check(re.search(r"^SLOTS 2 2608000 ?0*3\r?$|^SLOTS 2 260800000000003\r?$", machine.serial(), re.M), "a touchscreen\n" + machine.serial()[-500:])
    machine.pointer("touch", "0", "72", "40", "touch", "4", "719", "399", "touch", "4", "719", "0", "lift", "0", "lift", "4")
    machine.wait_serial(r"^TOUCH 3,53,(\d+) 3,54,(\d+) 3,57,0 3,0,\1 3,1,\2 1,330,1 0,0,0 3,47,4 3,53,32767 3,54,32767 3,57,1 0,0,0 3,54,0 0,0,0 3,47,0 3,57,65535 ", 60)
    # In text mode the screen has 720 by 400 pixels.
    check(abs(int(where[1]) - 100 * 32767 // 720) < 60 and abs(int(where[2]) - 50 * 32767 // 400) < 100, "the position: " + where[0])

    # A login, and the agent's port.
    def console(pattern, *how):
        def look():
            return re.search(pattern, machine.vivctl("console", *how, "--dump").stdout, re.M)
        machine.until(look, 60, "the console says " + pattern)
    console(r"login: $")
    machine.vivctl("console", "--send", "root\\n")
    console(r"# (\x1b\[6n)?$")
    machine.vivctl("console", "--send", "echo answer-$((6*7))\\n")
    console(r"^answer-42")
    machine.vivctl("console", "--agent", "--send", "ping\\n")
    console(r"^pong ping", "--agent")

    # What the guest had in its hands, the host gets back.
    equal(numbers()["balloon0.actual-bytes"], 384 * MIB, "all of it")
    step("fill")
    before = numbers()["memory-resident"]
    check(before > 160 * MIB, "it is there: %d" % before)
    step("empty")
    machine.vivctl("balloon", "128M")
    machine.until(lambda: numbers()["balloon0.actual-bytes"] == 128 * MIB, 120, "the guest gives up what it was asked for")
    after = numbers()["memory-resident"]
    check(after < before - 64 * MIB, "the host has it: %d before, %d after" % (before, after))
    check(numbers()["balloon0.guest-total-bytes"] > 64 * MIB, "statistics of the guest")
    check("128M" in machine.vivctl("balloon").stdout, "what it has")
    machine.vivctl("balloon", "all")
    machine.until(lambda: numbers()["balloon0.actual-bytes"] == 384 * MIB, 120, "it has it again")
    step("fill")
    check(numbers()["memory-resident"] > after + 64 * MIB, "and uses it")
    # Free pages come by themselves.
    given = numbers()["balloon0.given-back-bytes"]
    step("empty")
    machine.until(lambda: numbers()["balloon0.given-back-bytes"] >= given + 32 * MIB, 120, "free pages are reported")
    machine.vivctl("serial", "--send", "end\\n")
    machine.wait_serial(r"^COMPLAINTS \d+", 60)
    text = machine.serial().replace("\r", "")
    equal(re.search(r"^COMPLAINTS (\d+)", text, re.M)[1], "0", "complaints of the kernel\n" + text[-2000:])
    machine.vivctl("serial", "--send", "off\\n")
    machine.wait_state("off", 60)


# Folders of the host.  Each line from there asks for a step.
SHARE_SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
@MODULES@
for d in /sys/bus/virtio/devices/*; do echo "DEVICE $(cat $d/device) $(basename $(readlink $d/driver))"; done
mkdir /mnt /ro
mount -t virtiofs files /mnt && mount -t virtiofs share1 /ro && echo "RESULT mount ok"
echo "HELLO $(cat /mnt/hello) $(cat /ro/hello)"
cd /mnt
# Rights and links.
umask 022
echo one > plain; chmod 640 plain; mkdir -m 1755 folder; echo '#!/bin/sh' > run; chmod 751 run
ln -s plain link; ln -s /nowhere/at/all broken; ln plain hard; mkfifo pipe
echo "MODES $(stat -c %a plain) $(stat -c %a folder) $(stat -c %a run) $(stat -c %h plain) $(readlink link) $(readlink broken) $(cat link)"
mv plain folder/moved; rm run; truncate -s 5000 hard; echo "SIZE $(stat -c %s folder/moved)"
cat /dev/null/none 2> /dev/null; cat missing 2> /tmp/error; cat /tmp/error
# What may only be read.
(echo no > /ro/new) 2> /tmp/error; cat /tmp/error
(echo no > /ro/hello) 2> /tmp/error; cat /tmp/error
# Large ones, both ways.
dd if=/dev/urandom of=large bs=1M count=16 2> /dev/null; sync; echo 3 > /proc/sys/vm/drop_caches
echo "SUM $(sha256sum large | cut -c1-64) $(sha256sum theirs | cut -c1-64)"
# Many.
i=0; while [ $i -lt 10000 ]; do [ $((i % 100)) = 0 ] && mkdir many-$((i / 100)); echo $i > many-$((i / 100))/$i; i=$((i + 1)); done
echo 3 > /proc/sys/vm/drop_caches
echo "MANY $(find /mnt/many-* -type f | wc -l) $(cat many-*/* | sort -n | sha256sum | cut -c1-64)"
echo READY
while read step; do
  case "$step" in
  again) cat /mnt/hello; cd /; umount -l /mnt; umount -l /ro; mount -t virtiofs files /mnt && echo "AGAIN $(cat /mnt/hello)" ;;
  end) cd /; umount /mnt; dmesg -r | grep '^<[0-4]>' > /tmp/warnings; cat /tmp/warnings; echo "COMPLAINTS $(grep -E -i -c 'virt|fuse' /tmp/warnings)" ;;
  off) break ;;
  esac
done
poweroff -f
"""


def serving(folder):
    """The processes that have this folder on their command line, but for brokers and monitors."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                line = file.read()
        except OSError:
            continue
        if b"virtiofsd" in line and folder.replace(",", "\\,").encode() in line:
            found.append(int(pid))
    return found


def share(room, engine):
    if not any(os.access(path, os.X_OK) for path in ("/usr/libexec/virtiofsd", "/usr/lib/virtiofsd", "/usr/lib/qemu/virtiofsd")):
        raise Skip("virtiofsd is missing (package qemu-system-common)")
    kernel, folder = cloud_kernel()
    initrd = initramfs(room, "script", packed(FILES, folder), SHARE_SCRIPT.replace("@MODULES@", load(FILES)))
    ours, readonly = room.path("a folder, shared"), room.path("readonly")
    for path in (ours, readonly):
        os.mkdir(path)
        with open(os.path.join(path, "hello"), "w", encoding="utf-8") as file:
            file.write("hello from " + os.path.basename(path) + "\n")
    theirs = os.urandom(5 * MIB + 77)
    with open(os.path.join(ours, "theirs"), "wb") as file:
        file.write(theirs)
    machine = room.machine("share", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory="384M")
    machine.vivctl("set", "share0.path=" + ours, "share0.tag=files", "share1.path=" + readonly, "share1.readonly=true")
    machine.start()
    machine.wait_serial(r"^READY", 500)
    text = machine.serial().replace("\r", "")

    def said(name):
        return re.search(r"^%s (.*)$" % name, text, re.M)[1]
    equal(re.findall(r"^DEVICE 0x00(\w+) (\w+)$", text, re.M), [("1a", "virtiofs")] * 2, "drivers\n" + text[-1000:])
    equal(said("RESULT mount"), "ok", "mounted")
    equal(said("HELLO"), "hello from a folder, shared hello from readonly", "what is in there")
    # It is here as it is there.
    here = [os.lstat(os.path.join(ours, name)) for name in ("folder/moved", "folder", "pipe")]
    equal([oct(info.st_mode) for info in here[:2]], ["0o100640", "0o41755"], "modes")
    equal((here[0].st_nlink, here[0].st_size, here[0].st_uid), (2, 5000, os.geteuid()), "a file with two names")
    equal(oct(here[2].st_mode), "0o10644", "a pipe")
    check(not os.path.exists(os.path.join(ours, "run")), "what was removed")
    equal(os.readlink(os.path.join(ours, "broken")), "/nowhere/at/all", "a link")
    equal(said("MODES"), "640 1755 751 2 plain /nowhere/at/all one", "modes there")
    equal(said("SIZE"), "5000", "the size there")
    check("'missing': No such file or directory" in text, "errors\n" + text[-1000:])
    equal(len(re.findall(r"/ro/(?:new|hello): Read-only file system", text)), 2, "what may not be written")
    equal(os.listdir(readonly), ["hello"], "nothing new there")
    with open(os.path.join(ours, "large"), "rb") as file:
        equal(said("SUM"), "%s %s" % (hashlib.sha256(file.read()).hexdigest(), hashlib.sha256(theirs).hexdigest()), "sums")
    numbers = []
    for i in range(100):
        for name in os.listdir(os.path.join(ours, "many-%d" % i)):
            with open(os.path.join(ours, "many-%d" % i, name), encoding="utf-8") as file:
                numbers.append(int(file.read()))
    equal(sorted(numbers), list(range(10000)), "ten thousand files")
    lines = "".join("%d\n" % n for n in range(10000)).encode()
    equal(said("MANY"), "10000 " + hashlib.sha256(lines).hexdigest(), "and so the guest sees them")

    # A machine that was saved finds the folder gone, and mounts it again.
    state = room.path("saved.state")
    machine.vivctl("save", state, timeout=120)
    machine.stop()
    machine.until(lambda: serving(ours) == [], 20, "virtiofsd ends with its machine")
    machine.start("--load", state)
    machine.vivctl("serial", "--send", "again\\n")
    machine.wait_serial(r"^AGAIN hello from a folder, shared", 60)
    check(re.search("hello'?: (Socket|Transport endpoint is) not connected", machine.serial()), "what it said before\n" + machine.serial())
    equal(len(serving(ours)) > 0, True, "it is served")
    machine.vivctl("serial", "--send", "end\\n")
    machine.wait_serial(r"^COMPLAINTS \d+", 60)
    equal(re.search(r"^COMPLAINTS (\d+)", machine.serial(), re.M)[1], "0", "complaints of the kernel\n" + machine.serial()[-2000:])
    # Nobody has mounted it: nobody serves it.
    machine.until(lambda: serving(ours) == [], 20, "virtiofsd ends")
    machine.vivctl("serial", "--send", "off\\n")
    machine.wait_state("off", 60)


# Sockets: what each side sends the other sends back with its sum.
VSOCK = CORE + ("net/vmw_vsock/vsock.ko", "net/vmw_vsock/vmw_vsock_virtio_transport_common.ko", "net/vmw_vsock/vmw_vsock_virtio_transport.ko")
VSOCK_SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
@MODULES@
for d in /sys/bus/virtio/devices/*; do echo "DEVICE $(cat $d/device) $(basename $(readlink $d/driver))"; done
dd if=/dev/urandom of=/tmp/answer bs=64k count=64 2> /dev/null
echo "ANSWER $(sha256sum /tmp/answer | cut -c1-64)"
(/modules/vsock-guest listen 77 < /tmp/answer > /tmp/came; echo "CAME $? $(sha256sum /tmp/came | cut -c1-64)"; /modules/vsock-guest listen 78 STANDS < /dev/null > /dev/null; echo "RESET $?") &
echo READY
while read step; do
  case "$step" in
  call) echo "hello from the guest" | /modules/vsock-guest connect 99; echo "CALLED $?" ;;
  nobody) /modules/vsock-guest connect 98 < /dev/null; echo "NOBODY $?" ;;
  end) dmesg -r | grep '^<[0-4]>' > /tmp/warnings; cat /tmp/warnings; echo "COMPLAINTS $(grep -E -i -c 'virt|vsock' /tmp/warnings)" ;;
  off) break ;;
  esac
done
poweroff -f
"""


def vsock(room, engine):
    kernel, folder = cloud_kernel()
    program = os.path.join(BUILD, "tests/system/vsock-guest")
    if not os.path.exists(program):
        raise Skip("no static programs can be made here")
    initrd = initramfs(room, "script", packed(VSOCK, folder) + [("modules/vsock-guest", program)], VSOCK_SCRIPT.replace("@MODULES@", load(VSOCK)))
    machine = room.machine("vsock", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory="256M")
    machine.vivctl("set", "vsock0.cid=42")
    machine.start()

    def connect(*arguments, data=b""):
        return subprocess.run([VIVCTL, "vsock", machine.name, *arguments], input=data, capture_output=True, timeout=120, check=False,
                              env=room.env)

    def step(name):
        machine.vivctl("serial", "--send", name + "\\n")
    # Before there is a driver, and where nobody listens.
    check(connect("77").returncode == 1, "a machine that is starting")
    machine.wait_serial(r"^READY", 200)
    text = machine.serial().replace("\r", "")
    equal(re.findall(r"^DEVICE 0x00(\w+) (\w+)$", text, re.M), [("13", "vmw_vsock_virtio_transport")], "drivers\n" + text[-1000:])
    refused = connect("76")
    check(refused.returncode == 1 and b"listens on port 76" in refused.stderr, "nobody listens: %r" % refused.stderr)
    # A file each way.
    ours = os.urandom(3 * MIB + 77)
    there = connect("77", data=ours)
    equal((there.returncode, len(there.stdout), there.stderr), (0, 4 * MIB, b""), "what came back")
    machine.wait_serial(r"^CAME 0 \w+", 60)
    text = machine.serial().replace("\r", "")
    equal(hashlib.sha256(ours).hexdigest(), re.search(r"^CAME 0 (\w+)", text, re.M)[1], "what the guest has got")
    equal(hashlib.sha256(there.stdout).hexdigest(), re.search(r"^ANSWER (\w+)", text, re.M)[1], "what we have got")
    # The guest begins.
    step("nobody")
    machine.wait_serial(r"^NOBODY 3", 60)
    with subprocess.Popen([VIVCTL, "vsock", "--listen", machine.name, "99"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=room.env) as listener:
        path = os.path.join(room.env["XDG_RUNTIME_DIR"], "vivarium", machine.show()["uuid"] + ".vsock_99")
        machine.until(lambda: os.path.exists(path), 20, "it listens")
        step("call")
        out, _ = listener.communicate(b"hello from the host\n", timeout=60)
    equal(out, b"hello from the guest\n", "what the guest said")
    machine.wait_serial(r"^hello from the host\r?\nCALLED 0", 60)
    check(not os.path.exists(path), "the listener's socket is gone")
    # A connection that stands when the machine is saved is gone afterwards, and the guest hears so; others can be made.
    with subprocess.Popen([VIVCTL, "vsock", machine.name, "78"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=room.env) as standing:
        machine.wait_serial(r"^STANDS", 60)
        state = room.path("saved.state")
        machine.vivctl("pause")
        machine.vivctl("save", state, timeout=120)
        machine.stop()
        standing.communicate(timeout=60)
    machine.start("--load", state)
    machine.wait_serial(r"^RESET \d", 60)
    step("nobody")
    machine.wait_serial(r"^NOBODY 3", 60)
    step("end")
    machine.wait_serial(r"^COMPLAINTS \d+", 60)
    equal(re.search(r"^COMPLAINTS (\d+)", machine.serial(), re.M)[1], "0", "complaints of the kernel\n" + machine.serial()[-2000:])
    step("off")
    machine.wait_state("off", 60)
    check(not os.path.exists(path.removesuffix("_99")), "its sockets are gone")


# A CD-ROM drive on SCSI.  A disc that the host takes away is an error of reading it to the kernel.
CDROM = CORE + ("drivers/scsi/scsi_common.ko", "drivers/scsi/scsi_mod.ko", "drivers/cdrom/cdrom.ko", "drivers/scsi/sr_mod.ko", "drivers/scsi/virtio_scsi.ko")
CDROM_SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
@MODULES@
for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/sr0 ] || sleep 1; done
echo "DRIVER $(basename $(readlink /sys/block/sr0/device/driver)) $(cat /sys/block/sr0/device/model | tr -d ' ') $(cat /sys/block/sr0/size)"
echo READY
while read step; do
  case "$step" in
  sum) # A disc that was changed is seen to go first.
    for i in 1 2 3; do [ "$(dd if=/dev/sr0 bs=2048 count=1 2> /dev/null | wc -c)" = 2048 ] && break; sleep 1; done
    echo "SUM $(dd if=/dev/sr0 bs=64k 2> /dev/null | sha256sum | cut -c1-64)" ;;
  open) exec 5< /dev/sr0; echo "DONE open" ;;
  close) exec 5<&-; echo "DONE close" ;;
  eject) /modules/tray-guest open /dev/sr0; echo "DONE eject" ;;
  draw) /modules/tray-guest close /dev/sr0; echo "DONE draw" ;;
  bind) cd /sys/bus/virtio/drivers/virtio_scsi; echo virtio0 > unbind; echo virtio0 > bind
    for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/sr0 ] || sleep 1; done; echo "DONE bind" ;;
  end) dmesg -r | grep '^<[0-4]>' > /tmp/warnings; cat /tmp/warnings; echo "COMPLAINTS $(grep -E -i -v 'medium not present|not ready|i.o error' /tmp/warnings | grep -E -i -c 'virt|scsi|sr0|sr ')" ;;
  off) break ;;
  esac
done
poweroff -f
"""


def cdrom(room, engine):
    kernel, folder = cloud_kernel()
    program = os.path.join(BUILD, "tests/system/tray-guest")
    if not os.path.exists(program):
        raise Skip("no static programs can be made here")
    initrd = initramfs(room, "script", packed(CDROM, folder) + [("modules/tray-guest", program)], CDROM_SCRIPT.replace("@MODULES@", load(CDROM)))
    discs = []
    for i in range(2):
        discs.append(room.path("disc-%d.iso" % i))
        with open(discs[i], "wb") as file:
            file.write(os.urandom((3 + i) * MIB))
    machine = room.machine("cdrom", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory="256M")
    machine.vivctl("set", "cdrom0.path=" + discs[0], "cdrom0.bus=scsi")
    machine.start()
    machine.wait_serial(r"^READY", 200)
    equal(re.search(r"^DRIVER (.*?)\r?$", machine.serial(), re.M)[1], "sr DVD-ROM %d" % (3 * MIB // 512), "the drive")
    check(re.search(r"^cdrom0 +pci 00:\w\w.0 target 0 ", machine.vivctl("device", "list").stdout, re.M), "its place")

    def step(name, pattern):
        since = len(machine.serial())
        machine.vivctl("serial", "--send", name + "\\n")
        return machine.wait_serial(pattern, 60, since)[0]

    def reads(disc):
        with open(disc, "rb") as file:
            equal(step("sum", r"^SUM (\w+)")[1], hashlib.sha256(file.read()).hexdigest(), "what is on it")
    reads(discs[0])
    machine.vivctl("media", "cdrom0", discs[1])
    reads(discs[1])
    # The kernel locks a drive that is open.
    step("open", "^DONE open")
    locked = machine.vivctl("media", "cdrom0", discs[0], ok=False)
    check(locked.returncode != 0 and "locked" in locked.stderr, "a drive that is open: " + locked.stderr)
    step("close", "^DONE close")
    step("eject", "^DONE eject")
    machine.until(lambda: discs[1] not in machine.vivctl("media").stdout, 20, "it is out")
    step("draw", "^DONE draw")
    machine.until(lambda: discs[1] in machine.vivctl("media").stdout, 20, "it is in again")
    reads(discs[1])
    step("bind", "^DONE bind")
    reads(discs[1])
    state = room.path("saved.state")
    machine.vivctl("save", state, timeout=120)
    machine.stop()
    machine.vivctl("set", "cdrom0.path=" + discs[1])
    machine.start("--load", state)
    reads(discs[1])
    machine.vivctl("media", "cdrom0", "")
    equal(step("sum", r"^SUM (\w+)")[1], hashlib.sha256(b"").hexdigest(), "an empty drive")
    equal(step("end", r"^COMPLAINTS (\d+)")[1], "0", "complaints of the kernel\n" + machine.serial()[-2000:])
    machine.vivctl("serial", "--send", "off\\n")
    machine.wait_state("off", 60)


def cdrom_boot(room, engine):
    disc = grub_iso(room, "boot", "serial --unit=0 --speed=115200\nterminal_output serial\necho BOOTED BY $root\nsleep 1\nhalt\n")
    machine = room.machine("boot", engine=engine, memory="64M")
    machine.vivctl("set", "cdrom0.path=" + disc, "cdrom0.bus=scsi", "machine.boot=d")
    machine.start()
    machine.wait_serial(r"BOOTED BY \w+", 300)
    machine.stop()


def nvme_boot(room, engine):
    disc = grub_iso(room, "boot", "serial --unit=0 --speed=115200\nterminal_output serial\necho BOOTED BY $root\nsleep 1\nhalt\n")
    machine = room.machine("boot", "--disk", disc, engine=engine, memory="64M")
    machine.vivctl("set", "disk0.bus=nvme", "disk0.readonly=true", "machine.boot=c")
    machine.start()
    machine.wait_serial(r"BOOTED BY hd0", 300)
    machine.stop()


CASES = {"disk": disk(1, 1), "disk-legacy": disk(1, 1, legacy=True), "disk-queues": disk(4, 4), "disk-packed": disk(4, 4, rings="packed"),
         "scsi": disk(1, 1, bus="scsi"), "scsi-packed": disk(1, 1, bus="scsi", rings="packed"), "scsi-queues": disk(4, 4, bus="scsi"), "nvme": disk(1, 1, bus="nvme"), "nvme-queues": disk(4, 4, bus="nvme"), "nvme-boot": nvme_boot,
         "small": small, "small-packed": small_packed, "share": share, "vsock": vsock, "cdrom": cdrom, "cdrom-boot": cdrom_boot}
run_cases(CASES, slow=tuple(CASES))
