#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux and the machine's power: the RTC's alarm, suspend to RAM with each way to wake, the power button; what it hears of both buttons while it is awake.
hibernate: to disk and back (ACPI's S4), with two processors.   os-power.py ENGINE [CASE…]"""
from lib import check, equal, until
from os_cases import run_cases
from os_media import initramfs, load_modules, modules, whole_kernel, with_libraries

# Who reads /dev/rtc0 waits for the alarm's interrupt.  What is in /tmp must be there after the sleep.
SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
@MODULES@
echo "SLEEPS $(cat /sys/power/state)"
hwclock -u -r > /dev/null && echo "RESULT busybox's hwclock ok"
/sbin/hwclock --utc --show --verbose > /tmp/hwclock 2>&1 && echo "RESULT hwclock ok"
grep -q 'got clock tick' /tmp/hwclock && echo "RESULT update interrupt ok"
echo +3 > /sys/class/rtc/rtc0/wakealarm
[ $(dd if=/dev/rtc0 bs=8 count=1 2> /dev/null | wc -c) = 8 ] && echo "RESULT alarm ok"
seq 1 100000 | sha256sum > /tmp/before
echo +3 > /sys/class/rtc/rtc0/wakealarm
echo mem > /sys/power/state && echo "RESULT woken by the alarm"
for way in key button sleep; do
  echo "READY $way"
  echo mem > /sys/power/state
  echo "RESULT woken by the $way"
done
seq 1 100000 | sha256sum | cmp - /tmp/before && echo "RESULT memory ok"
# An event of input is 24 bytes, with type, key and value behind the time.
for key in PWRF SLPF; do
  event=$(grep -l LNX$(echo $key | head -c 3)BN /sys/class/input/event*/device/phys | head -1)
  node=/dev/input/$(echo $event | cut -d/ -f5)
  exec 3< $node
  echo "LISTENS $key"
  echo "HEARD $key $(dd bs=24 count=1 2> /dev/null <&3 | od -An -t u2 -j 18 -N 2 | tr -d ' ')"
done
echo "RESULT all ok"
while :; do sleep 1; done
"""
# An image that is there has a mark at the end of the swap file's first page (Linux, kernel/power/swap.c).
HIBERNATE = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
@MODULES@
for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/@DISK@ ] || sleep 1; done
N=$(cat /sys/class/block/@DISK@/dev)
if [ "$(dd if=/dev/@DISK@ bs=1 skip=4086 count=9 2> /dev/null)" = S1SUSPEND ]; then
  echo "RESUMES"
  echo $N > /sys/power/resume
  echo "NOT RESUMED"
  dmesg | tail -20
  exec sh
fi
mkswap /dev/@DISK@ > /dev/null; swapon /dev/@DISK@
echo "MODES $(cat /sys/power/state), $(cat /sys/power/disk)"
read line
seq 1 100000 | sha256sum > /tmp/before
dmesg -c > /dev/null
echo disk > /sys/power/state
echo "STATUS $?"
seq 1 100000 | sha256sum | cmp - /tmp/before && echo "RESULT memory ok"
echo "PROCESSORS $(grep -c ^processor /proc/cpuinfo)"
sum=$(dd if=/dev/@DISK@ bs=1M count=4 skip=1 2> /dev/null | sha256sum); echo 3 > /proc/sys/vm/drop_caches
[ "$sum" = "$(dd if=/dev/@DISK@ bs=1M count=4 skip=1 2> /dev/null | sha256sum)" ] && echo "RESULT disk ok"
dmesg -r | grep '^<[0-3]>'
echo "COMPLAINTS $(dmesg -r | grep -c '^<[0-3]>')"
echo "DONE"
read line
poweroff -f
"""


def hibernate(chipset, bus, disk, names):
    def case(room, engine):
        kernel, folder = whole_kernel()
        files, lines = load_modules(modules(folder, names))
        initrd = initramfs(room, "hibernate", files, HIBERNATE.replace("@MODULES@", lines).replace("@DISK@", disk))
        image = room.path("swap.img")
        with open(image, "wb") as file:
            file.truncate(512 << 20)
        machine = room.machine("hibernate", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", "--cpus", "2", "--set", "machine.chipset=" + chipset,
                               "--device", "disk,bus=%s,path=%s" % (bus, image), engine=engine, memory="320M")
        machine.start()
        match, _ = machine.wait_serial(r"^MODES (.*), (.*)", 300)
        check("disk" in match[1] and "[platform]" in match[2], "it offers S4: %s, %s" % (match[1], match[2]))
        machine.vivctl("serial", "--send", "sleep\\n")
        machine.wait_state("off", 200)
        machine.start()
        machine.wait_serial(r"^RESUMES", 300)
        machine.wait_serial(r"^(DONE|NOT RESUMED)", 200)
        text = machine.serial()
        for wanted in ("STATUS 0", "RESULT memory ok", "PROCESSORS 2", "RESULT disk ok", "COMPLAINTS 0"):
            check(wanted in text, "“%s” after it has come back\n%s" % (wanted, text[-3000:]))
        machine.vivctl("serial", "--send", "off\\n")
        machine.wait_state("off", 60)
    return case


def power(room, engine):
    kernel, folder = whole_kernel()
    files, lines = load_modules(modules(folder, ("button", "evdev")))
    initrd = initramfs(room, "power", files + with_libraries("/sbin/hwclock", "util-linux-extra"), SCRIPT.replace("@MODULES@", lines))
    machine = room.machine("power", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0", engine=engine, memory="256M")
    machine.start()
    # In its firmware nothing listens to the power button, and whoever pressed it hears so.
    refused = room.vivctl("stop", "power", ok=False, timeout=120)
    check(refused.returncode != 0 and "power button" in refused.stderr, "a press that nobody hears: %s" % refused.stderr)
    machine.wait_serial(r"SLEEPS .*mem", 300)
    machine.wait_serial(r"RESULT hwclock ok", 100)
    machine.wait_serial(r"RESULT update interrupt ok", 100)
    machine.wait_serial(r"RESULT alarm ok", 100)
    machine.wait_serial(r"RESULT woken by the alarm", 200)
    ways = {"key": lambda: machine.key("space"), "button": lambda: room.vivctl("stop", "power", "--timeout", "0"), "sleep": lambda: machine.vivctl("sleep")}
    for way, wake in ways.items():
        machine.wait_serial("READY " + way, 100)
        until(lambda: "sleeps" in machine.vivctl("show").stdout, 100, "the guest's sleep")
        wake()
        machine.wait_serial("RESULT woken by the " + way, 200)
    machine.wait_serial(r"RESULT memory ok", 100)
    # The buttons as Linux' input devices: what each said, by the name of its device.
    for key, press in (("PWRF", ways["button"]), ("SLPF", ways["sleep"])):
        machine.wait_serial("LISTENS %s" % key, 100)
        press()
        match, _ = machine.wait_serial(r"HEARD %s (\S+)" % key, 100)
        equal(match[1], {"PWRF": "116", "SLPF": "142"}[key], "the key of the button %s" % key)
    machine.wait_serial(r"RESULT all ok", 100)
    equal(machine.state, "running", "state")


run_cases({
    "power": power,
    "hibernate-pc": hibernate("pc", "virtio", "vda", ("virtio_pci", "virtio_blk")),
    "hibernate-q35": hibernate("q35", "nvme", "nvme0n1", ("nvme",)),
}, slow=("hibernate-pc", "hibernate-q35"))
