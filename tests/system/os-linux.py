#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux with an initramfs of ours and two processors: a script of busybox's shell and tests/guest/linux/checks.
os-linux.py ENGINE [CASE…]"""
import os
import re
import subprocess

from lib import BUILD, Skip, check, equal, need_programs
from os_cases import run_cases
from os_cpio import cpio
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
        for name in ("fork", "pipe", "mmap", "signals", "timers", "context", "futex", "vectors", "gzip"):
            equal(results.get(name), "ok", name)
        equal(re.search(r"^PROCESSORS (\d+)", text, re.M)[1], str(cpus), "processors")
        here = subprocess.run([CHECKS, "numbers"], capture_output=True, text=True, check=True).stdout.strip()
        equal("\n".join(re.findall(r"^(?:NUMBERS|VECTORS).*$", text, re.M)), here, "arithmetic, beside the host's")
        want = subprocess.run("seq 1 3000 | sha256sum | cut -c1-64", shell=True, capture_output=True, text=True, check=True).stdout.strip()
        equal(re.search(r"^SUM (\w+)$", text, re.M)[1], want, "a check sum, beside the host's")
        machine.vivctl("serial", "--send", "hello\\n")
        machine.wait_serial("RESULT heard hello", 60)
        machine.vivctl("serial", "--send", "off\\n")
        machine.wait_state("off", 60)
    return case


# On top of the installer's own initial RAM disk, whose shell is of the kernel's width.
MODEL = """#!/bin/sh
mount -t proc proc /proc
echo 1 > /proc/sys/kernel/printk
grep -m1 ^flags /proc/cpuinfo
echo "FAMILY $(grep -m1 '^cpu family' /proc/cpuinfo | cut -d: -f2) $(grep -m1 '^model.*:' /proc/cpuinfo | cut -d: -f2)"
dmesg | grep -i 'unchecked MSR\|WARNING:\|BUG:\|Oops' | sed 's/^/COMPLAINT /'
echo "RESULT model ok"
read line
poweroff -f || reboot -f
"""
MODELS = {"pentium3": ("i386", "6 6", "sse", "sse2"), "x86-64": ("amd64", "15 107", "lm", "sse4_2"), "x86-64-v2": ("amd64", "15 107", "sse4_2", "xsave")}
# What its instructions give is beside the host's in the cases of scripts.
V3 = {"x86-64-v3": ("amd64", "15 107", "avx2", "aes")}
V3_NEEDS = {"avx2", "fma", "f16c", "movbe", "bmi1", "bmi2", "abm"}


def host_is_v3():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return V3_NEEDS <= set(re.search(r"^flags.*: (.*)$", file.read(), re.M)[1].split())


def models(room, engine):
    """A processor of a time is what is asked for, and its kernel is content with it."""
    for model, (arch, family, has, lacks) in (MODELS | V3 if host_is_v3() else MODELS).items():
        kernel, initrd = installer(arch, "text")
        both = room.path("initrd-" + model)
        with open(both, "wb") as file, open(initrd, "rb") as first:
            data = first.read()
            file.write(data + b"\0" * (-len(data) % 4) + cpio([("model", 0o100755, MODEL.encode())]))
        machine = room.machine(model, "--kernel", kernel, "--initrd", both, "--append", "console=ttyS0 quiet rdinit=/model", engine=engine, memory="512M")
        machine.vivctl("set", "machine.cpu=" + model)
        machine.start()
        machine.wait_serial(r"RESULT model ok", 300)
        text = machine.serial().replace("\r", "")
        flags = re.search(r"^flags.*: (.*)$", text, re.M)[1].split()
        check(has in flags and lacks not in flags, "%s: %s" % (model, flags))
        equal(" ".join(re.search(r"^FAMILY (.*)$", text, re.M)[1].split()), family, model)
        equal(re.findall(r"^COMPLAINT .*", text, re.M), [], "%s: complaints of the kernel" % model)
        machine.vivctl("stop", "--force")
        machine.wait_state("off", 60)
    refused = room.machine("refused", engine="software")
    if not host_is_v3():
        refused.vivctl("set", "machine.cpu=x86-64-v3")
        result = refused.vivctl("start", ok=False)
        check(result.returncode != 0 and "machine.cpu" in result.stderr, "what the software processor can't be: %s" % result.stderr)
    refused.vivctl("set", "machine.cpu=host", "machine.cpu-speed=at", "machine.engine=kvm")
    result = refused.vivctl("start", ok=False)
    check(result.returncode != 0 and "machine.cpu-speed" in result.stderr, "KVM is not slow: %s" % result.stderr)
    refused.vivctl("set", "machine.engine=auto")
    refused.start()
    check("software processor" in refused.vivctl("show").stdout.lower(), "a slow machine's engine")
    refused.vivctl("stop", "--force")


need_programs("sha256sum")
run_cases({"two-processors": script(2), "one-processor": script(1), "four-processors": script(4), "models": models},
          slow=("one-processor", "four-processors", "models"))
