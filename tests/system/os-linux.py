#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux with an initramfs of ours and two processors: a script of busybox's shell and tests/guest/linux/checks.
os-linux.py ENGINE [CASE…]"""
import os
import re
import subprocess

from lib import BUILD, Skip, check, equal, need_programs
from os_cases import run_cases
from os_media import initramfs, installer

CHECKS = os.path.join(BUILD, "tests/guest/linux/checks")
# %s: how it is turned off.  The markers let the serial line be read without the kernel's own messages.
SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
echo "RESULT init ok"
echo "PROCESSORS $(grep -c ^processor /proc/cpuinfo)"
echo "FLAGS $(grep -m1 ^flags /proc/cpuinfo)"
/bin/checks
/bin/checks numbers
for i in 1 2 3 4 5; do (for j in 1 2 3 4 5 6 7 8; do true | cat > /dev/null; done) & done; wait
dd if=/dev/urandom of=/tmp/random bs=64k count=16 2> /dev/null
gzip -c /tmp/random | gunzip | cmp - /tmp/random && echo "RESULT gzip ok"
echo "SUM $(seq 1 3000 | sha256sum | cut -c1-64)"
echo "INTERRUPTS $(grep -c LOC: /proc/interrupts) $(grep RES: /proc/interrupts)"
sleep 1
echo "RESULT script ok"
read line
echo "RESULT heard $line"
read line
poweroff -f
"""


def script(cpus):
    def case(room, engine):
        if not os.path.exists(CHECKS):
            raise Skip("%s is not built (a static libc is needed)" % CHECKS)
        kernel, _ = installer("amd64", "text")
        initrd = initramfs(room, "script", [("bin/checks", CHECKS)], SCRIPT)
        machine = room.machine("linux", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", "--cpus", str(cpus), engine=engine,
                               memory="512M")
        machine.start()
        machine.wait_serial(r"RESULT init ok", 300)
        machine.wait_serial(r"RESULT script ok", 300)
        text = machine.serial().replace("\r", "")
        results = dict(re.findall(r"^RESULT (\w+) (.*)$", text, re.M))
        wrong = {name: value for name, value in results.items() if value != "ok" and not (cpus == 1 and name == "smp")}
        check(not wrong, "wrong: %s\n%s" % (wrong, text[-3000:]))
        for name in ("fork", "pipe", "mmap", "signals", "timers", "context", "futex", "gzip"):
            equal(results.get(name), "ok", name)
        equal(re.search(r"^PROCESSORS (\d+)", text, re.M)[1], str(cpus), "processors")
        here = subprocess.run([CHECKS, "numbers"], capture_output=True, text=True, check=True).stdout.strip()
        equal(re.search(r"^NUMBERS.*$", text, re.M)[0], here, "arithmetic, beside the host's")
        want = subprocess.run("seq 1 3000 | sha256sum | cut -c1-64", shell=True, capture_output=True, text=True, check=True).stdout.strip()
        equal(re.search(r"^SUM (\w+)$", text, re.M)[1], want, "a check sum, beside the host's")
        machine.vivctl("serial", "--send", "hello\\n")
        machine.wait_serial("RESULT heard hello", 60)
        machine.vivctl("serial", "--send", "off\\n")
        machine.wait_state("off", 60)
    return case


need_programs("sha256sum")
run_cases({"two-processors": script(2), "one-processor": script(1), "four-processors": script(4)},
          slow=("one-processor", "four-processors"))
