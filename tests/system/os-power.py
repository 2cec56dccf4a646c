#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux and the machine's power: the RTC's alarm, suspend to RAM with each way to wake, the power button.
os-power.py ENGINE [CASE…]"""
from lib import check, equal, until
from os_cases import run_cases
from os_media import initramfs, installer, with_libraries

# Who reads /dev/rtc0 waits for the alarm's interrupt.  What is in /tmp must be there after the sleep.
SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo "SLEEPS $(cat /sys/power/state)"
hwclock -u -r > /dev/null && echo "RESULT busybox's hwclock ok"
/sbin/hwclock --utc --show --verbose > /tmp/hwclock 2>&1 && echo "RESULT hwclock ok"
grep -q 'got clock tick' /tmp/hwclock && echo "RESULT update interrupt ok"
echo +3 > /sys/class/rtc/rtc0/wakealarm
[ $(dd if=/dev/rtc0 bs=8 count=1 2> /dev/null | wc -c) = 8 ] && echo "RESULT alarm ok"
seq 1 100000 | sha256sum > /tmp/before
echo +3 > /sys/class/rtc/rtc0/wakealarm
echo mem > /sys/power/state && echo "RESULT woken by the alarm"
for way in key button; do
  echo "READY $way"
  echo mem > /sys/power/state
  echo "RESULT woken by the $way"
done
seq 1 100000 | sha256sum | cmp - /tmp/before && echo "RESULT memory ok"
echo "RESULT all ok"
while :; do sleep 1; done
"""


def power(room, engine):
    kernel, _ = installer("amd64", "text")
    initrd = initramfs(room, "power", with_libraries("/sbin/hwclock", "util-linux-extra"), SCRIPT)
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
    for way, wake in (("key", lambda: machine.key("space")), ("button", lambda: room.vivctl("stop", "power", "--timeout", "0"))):
        machine.wait_serial("READY " + way, 100)
        until(lambda: "sleeps" in machine.vivctl("show").stdout, 100, "the guest's sleep")
        wake()
        machine.wait_serial("RESULT woken by the " + way, 200)
    machine.wait_serial(r"RESULT memory ok", 100)
    machine.wait_serial(r"RESULT all ok", 100)
    equal(machine.state, "running", "state")


run_cases({"power": power})
