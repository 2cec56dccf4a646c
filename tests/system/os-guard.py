#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux's drivers of the watchdog, of pvpanic and of the parallel port: found, fed, and run out; printed.   os-guard.py ENGINE [CASE…]"""
import hashlib
import os
import re

from lib import check, equal, until
from os_cases import run_cases
from os_media import initramfs, whole_kernel

SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
%s
"""
WATCHDOG = """
insmod /watchdog.ko && insmod /i6300esb.ko heartbeat=4
echo "IDENTITY $(cat /sys/class/watchdog/watchdog0/identity)"
echo "BOOT $(cat /sys/class/watchdog/watchdog0/bootstatus)"
exec 3> /dev/watchdog0
for i in 1 2 3 4 5 6 7 8; do echo x >&3; sleep 1; done
echo "RESULT fed"
while :; do sleep 1; done
"""
PANIC = """
insmod /pvpanic.ko && insmod /pvpanic-mmio.ko
echo "BOUND $(ls /sys/bus/platform/drivers/pvpanic-mmio | grep QEMU0001)"
echo "KNOWS $(cat /sys/bus/platform/drivers/pvpanic-mmio/QEMU0001*/capability)"
echo "RESULT ready"
echo c > /proc/sysrq-trigger
"""
PRINTER = """
insmod /parport.ko && insmod /parport_pc.ko && insmod /lp.ko
for i in 1 2 3 4 5 6 7 8 9; do [ -e /dev/lp0 ] || sleep 1; done
dmesg | grep parport
cat /dev/urandom | head -c 30000 > /page
cat /page > /dev/lp0 && echo "SUM $(md5sum < /page)"
echo "RESULT printed"
while :; do sleep 1; done
"""


def machine_of(room, engine, name, modules, script, *options):
    kernel, folder = whole_kernel()
    initrd = initramfs(room, name, [(os.path.basename(module), os.path.join(folder, module)) for module in modules], SCRIPT % script)
    machine = room.machine(name, "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet panic=0", *options, engine=engine, memory="256M")
    machine.start()
    return machine


def watchdog(room, engine):
    machine = machine_of(room, engine, "watchdog", ["drivers/watchdog/watchdog.ko", "drivers/watchdog/i6300esb.ko"], WATCHDOG, "--device", "watchdog,action=reset")
    machine.wait_serial(r"IDENTITY i6300ESB timer", 300)
    machine.wait_serial(r"BOOT 0", 60)
    machine.wait_serial(r"RESULT fed", 200)
    equal(machine.serial().count("IDENTITY"), 1, "a watchdog that is fed is quiet")
    # Nobody feeds it any more: the machine begins anew, and the driver finds out why (WDIOF_CARDRESET is 32).
    machine.wait_serial(r"BOOT 32", 300)
    machine.vivctl("stop", "--force")


def panic(room, engine):
    machine = machine_of(room, engine, "panic", ["drivers/misc/pvpanic/pvpanic.ko", "drivers/misc/pvpanic/pvpanic-mmio.ko"], PANIC,
                         "--device", "panic,action=pause")
    machine.wait_serial(r"BOUND QEMU0001", 300)
    machine.wait_serial(r"KNOWS 3", 60)
    machine.wait_serial(r"RESULT ready", 60)
    until(lambda: machine.state == "paused", 100, "the panic pauses it")
    check("panicked" in machine.vivctl("show").stdout, "and says why")


def printer(room, engine):
    path = room.path("printed")
    with open(path, "w", encoding="utf-8") as file:
        file.write("before ")
    machine = machine_of(room, engine, "printer", ["drivers/parport/parport.ko", "drivers/parport/parport_pc.ko", "drivers/char/lp.ko"], PRINTER,
                         "--device", "parallel,path=" + path)
    machine.wait_serial(r"parport0: PC-style at 0x378", 300)
    machine.wait_serial(r"RESULT printed", 200)
    text = machine.serial()
    check(re.search(r"parport0: PC-style at 0x378.*\[PCSPP,TRISTATE,EPP\]", text), "its modes: " + text)
    found = re.search(r"SUM ([0-9a-f]{32})", text)
    machine.vivctl("stop", "--force")
    until(lambda: machine.state == "off", 60, "it ends")
    with open(path, "rb") as file:
        printed = file.read()
    check(printed.startswith(b"before ") and found, "what was there stays: %s" % text)
    equal(hashlib.md5(printed[len(b"before "):]).hexdigest(), found[1], "each byte is in the file")


run_cases({"watchdog": watchdog, "panic": panic, "printer": printer})
