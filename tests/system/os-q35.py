#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux on the chipset q35: booted by SeaBIOS, configuration in memory, INTx by _PRT, MSI, MSI-X, sleep, reset, slots; several processors and
64 GiB of memory.   os-q35.py ENGINE [CASE…]"""
import json
import os
import re

from lib import check, equal, until
from os_cases import run_cases
from os_media import cloud_kernel, initramfs, load_modules, modules, whole_kernel, with_libraries

MIB = 1 << 20
# By the levels of raw messages: busybox' dmesg knows no others.
SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
echo "SLEEPS $(cat /sys/power/state)"
dmesg | grep -i -E 'mmconfig|ECAM|_OSC|ACPI: (SCI|PM|.*button)' | sed 's/^/SAID /'
for d in /sys/bus/pci/devices/*; do echo "PCI $(basename $d) $(cat $d/vendor) $(cat $d/device) $(cat $d/irq) $(wc -c < $d/config)"; done
for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/nvme0n1 ] || sleep 1; done
dd if=/dev/urandom of=/tmp/random bs=1M count=8 2> /dev/null
dd if=/tmp/random of=/dev/nvme0n1 bs=64k seek=16 conv=fsync 2> /dev/null
echo 3 > /proc/sys/vm/drop_caches
dd if=/dev/nvme0n1 bs=1M skip=1 count=8 2> /dev/null | cmp - /tmp/random && echo "RESULT disk ok"
grep nvme /proc/interrupts | sed 's/^/INTERRUPTS /'
/usr/bin/lspci -vv > /tmp/lspci 2> /tmp/lspci.bad; echo "LSPCI $? $(wc -l < /tmp/lspci) $(grep -v libkmod /tmp/lspci.bad)"
grep -E '^[0-9a-f]|Express|Capabilities: <access|rev ff' /tmp/lspci | sed 's/^/LSPCI /'
for f in DSDT FACP APIC MCFG HPET WAET; do [ -r /sys/firmware/acpi/tables/$f ] && echo "TABLE $f"; done
dmesg -r | grep '^<[0-4]>' | sed 's/^/WARNING /'
echo "RESULT first ok"
echo +3 > /sys/class/rtc/rtc0/wakealarm
echo mem > /sys/power/state && echo "RESULT woken by the alarm"
echo "READY button"
echo mem > /sys/power/state && echo "RESULT woken by the button"
dd if=/dev/nvme0n1 bs=1M skip=1 count=8 iflag=direct 2> /dev/null | cmp - /tmp/random && echo "RESULT disk after sleep ok"
slot() { for d in /sys/bus/pci/devices/0000:0[1-9]:00.0; do [ -e $d ] && return 0; done; return 1; }
for i in 1 2 3; do
  echo "READY plug $i"
  for j in $(seq 100); do slot && break; sleep 0.3; done
  slot && echo "PLUGGED $(cat $d/vendor) $(cat $d/device)" && echo 1 > $d/enable
  echo "READY unplug $i"
  for j in $(seq 200); do slot || break; sleep 0.3; done
  slot || echo "RESULT slot $i ok"
done
dmesg | grep -E 'pciehp' | sed 's/^/SAID /'
echo "PACKAGES $(grep 'physical id' /proc/cpuinfo | sort -u | wc -l) $(grep -m1 'cpu cores' /proc/cpuinfo | tr -dc 0-9) $(grep -c ^processor /proc/cpuinfo)"
echo "GENERATION $(ls /sys/bus/acpi/devices | grep -c VIVA0001)"
echo "RESULT script ok"
read line
poweroff -f
"""


def linux(append="", settings=(), packages="1 1 1"):
    def case(room, engine):
        kernel, _ = cloud_kernel()
        initrd = initramfs(room, "script", with_libraries("/usr/bin/lspci", "pciutils"), SCRIPT)
        image = room.path("disk.img")
        with open(image, "wb") as file:
            file.truncate(64 * MIB)
        machine = room.machine("q35", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet " + append, "--disk", image, engine=engine, memory="512M")
        machine.vivctl("set", "machine.chipset=q35", "disk0.bus=nvme", *settings)
        machine.start()
        machine.wait_serial(r"RESULT first ok", 400)
        machine.wait_serial(r"RESULT woken by the alarm", 200)
        machine.wait_serial("READY button", 100)
        until(lambda: "sleeps" in machine.vivctl("show").stdout, 100, "the guest's sleep")
        room.vivctl("stop", "q35", "--timeout", "0")
        for i in "123":
            machine.wait_serial("READY plug " + i, 100)
            machine.vivctl("device", "add", "pcitest")
            machine.wait_serial("READY unplug " + i, 100)
            machine.vivctl("device", "remove", "pcitest0")
            machine.wait_serial("RESULT slot %s ok" % i, 100)
        machine.wait_serial(r"RESULT script ok", 200)
        text = machine.serial().replace("\r", "")
        results = dict(re.findall(r"^RESULT (.*) (ok|by the \w+)$", text, re.M))
        check("disk" in results and "disk after sleep" in results, "the disk\n" + text[-3000:])
        functions = re.findall(r"^PCI 0000:(\S+) 0x(\w+) 0x(\w+) (\d+) (\d+)$", text, re.M)
        found = {place: vendor + ":" + device for place, vendor, device, _, _ in functions}
        for place, identity in {"00:00.0": "8086:29c0", "00:1f.0": "8086:2918", "00:1f.3": "8086:2930", "00:18.0": "1b36:000c", "00:1b.0": "1b36:000c"}.items():
            equal(found.get(place), identity, place)
        check(re.search(r"^SAID .*0xb0000000", text, re.M), "configuration in memory\n" + text)
        check(re.search(r"^LSPCI .*Express \(v2\) Root Complex Integrated Endpoint", text, re.M), "the NVMe disk's place\n" + text)
        interrupts = re.findall(r"^INTERRUPTS .*$", text, re.M)
        check(interrupts, "interrupts of the disk\n" + text)
        if "noapic" in append:
            check(any("XT-PIC" in line for line in interrupts), "INTx by the 8259 pair: %s" % interrupts)
        elif "pci=nomsi" in append:
            # Device 3, INTA#: PIRQH.
            check(any("IO-APIC" in line and "23-fasteoi" in line for line in interrupts), "INTx by _PRT: %s" % interrupts)
        else:
            check(any("PCI-MSI" in line for line in interrupts), "messages: %s" % interrupts)
        equal(re.findall(r"^PLUGGED (.*)$", text, re.M), ["0x1234 0x11e9"] * 3, "what came into the slot")
        equal(re.search(r"^PACKAGES (.*)$", text, re.M)[1], packages, "sockets, cores, processors")
        equal(re.search(r"^GENERATION (.*)$", text, re.M)[1], "1", "generation ids")
        check(re.search(r"^LSPCI 0 \d+ $", text, re.M), "lspci has something to say\n" + text)
        for table in ("DSDT", "FACP", "APIC", "MCFG", "HPET", "WAET"):
            check("TABLE %s\n" % table in text, "no %s" % table)
        warnings = re.findall(r"^WARNING (.*)$", text, re.M)
        # Which interrupts are level-triggered it says itself to the 8259 pair.
        bad = [w for w in warnings if re.search(r"pci|acpi|irq|nvme|i801|lpc", w, re.I) and "setting ELCR" not in w]
        equal(bad, [], "complaints of the kernel")
        machine.vivctl("serial", "--send", "off\\n")
        machine.wait_state("off", 60)
    return case


CARDS_SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
MODULES
card() { for d in /sys/bus/pci/devices/0000:0[1-9]:00.0; do [ -e $d ] && return 0; done; return 1; }
name() { for n in /sys/class/net/e*; do [ -e $n/device ] && basename $n && return 0; done; return 1; }
lease() {
  for j in $(seq 60); do n=$(name) && break; sleep 0.5; done
  ip link set $n up; ip addr add 10.0.2.15/24 dev $n
  for j in $(seq 40); do ping -c 1 -W 2 10.0.2.2 > /dev/null && break; done
  ping -c 3 -i 0.2 -W 5 10.0.2.2 | grep -o '[0-9]* packets received' | sed "s/^/$1 /"
}
card && echo "THERE $(cat $d/vendor) $(cat $d/device) $(cat $d/power_state 2> /dev/null)"
/usr/bin/lspci -vv -s $(basename $d) 2> /dev/null | grep -E 'Express|Physical Slot' | sed 's/^/LSPCI /'
lease "RESULT first"
for i in 1 2 3; do
  ping -i 0 -s 1400 10.0.2.2 > /dev/null 2>&1 &
  echo "READY leave $i"
  for j in $(seq 200); do card || break; sleep 0.3; done
  card || echo "RESULT left $i"
  kill $! 2> /dev/null
  echo "READY come $i"
  for j in $(seq 200); do card && break; sleep 0.3; done
  lease "RESULT again $i"
done
dmesg | grep -E 'pciehp' | sed 's/^/SAID /'
dmesg -r | grep '^<[0-4]>' | sed 's/^/WARNING /'
echo "RESULT script ok"
read line
poweroff -f
"""


def in_slot(machine):
    listed = json.loads(machine.vivctl("device", "list", "--json").stdout)
    return next(device["keys"]["in-slot"] for device in listed if device["id"] == "net0")


def cards(card, identity):
    """A card goes while packets fly and comes again, three times, with the guest's consent; then one that nobody lets go."""
    def case(room, engine):
        kernel, folder = whole_kernel()
        files, loads = load_modules(modules(folder, ["virtio_pci", "virtio_net", "e1000e"]))
        initrd = initramfs(room, "script", [*files, *with_libraries("/usr/bin/lspci", "pciutils")], CARDS_SCRIPT.replace("MODULES", loads))
        machine = room.machine("cards", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory="512M")
        machine.vivctl("set", "machine.chipset=q35", "net0.card=" + card, "net0.slot=1", "net0.kind=user")
        machine.start()
        machine.wait_serial(r"RESULT first 3 packets received", 300)
        for i in "123":
            machine.wait_serial("READY leave " + i, 100)
            machine.vivctl("device", "set", "net0.plugged=false")
            machine.wait_serial("RESULT left " + i, 100)
            machine.wait_serial("READY come " + i, 100)
            until(lambda: in_slot(machine) == "no", 60, "the empty slot")
            machine.vivctl("device", "set", "net0.plugged=true")
            machine.wait_serial("RESULT again %s 3 packets received" % i, 200)
        machine.wait_serial(r"RESULT script ok", 100)
        check("pulled out" not in machine.vivctl("log").stdout, "the guest let it go each time")
        text = machine.serial().replace("\r", "")
        check("THERE " + identity in text, "the card\n" + text)
        check(re.search(r"^LSPCI .*Express .*Endpoint", text, re.M), "an endpoint\n" + text)
        warnings = re.findall(r"^WARNING (.*)$", text, re.M)
        equal([w for w in warnings if re.search(ABOUT + "|e1000e|net", w, re.I) and not re.search(KNOWN, w)], [], "complaints of the kernel")
        machine.vivctl("serial", "--send", "off\\n")
        machine.wait_state("off", 60)
    return case


def pulled(room, engine):
    """Firmware lets no card go: it is pulled out, and another one comes."""
    machine = room.machine("pulled", engine=engine)
    machine.vivctl("set", "machine.chipset=q35", "net0.card=e1000e", "net0.slot=1", "net0.kind=user")
    machine.start()
    equal(in_slot(machine), "yes", "the card")
    machine.vivctl("device", "set", "net0.plugged=false")
    until(lambda: in_slot(machine) == "no", 100, "the empty slot")
    check("net0: the guest has not let it go" in machine.vivctl("log").stdout, "the log says it")
    machine.vivctl("device", "set", "net0.plugged=true")
    until(lambda: in_slot(machine) == "yes", 60, "the card again")
    check("plugged=true" in open(os.path.join(machine.folder, "machine.ini"), encoding="utf-8").read(), "machine.ini has it")
    machine.vivctl("stop", "--force")
    machine.wait_state("off", 60)


# Complaints of what this is about, but for what Linux says of QEMU's q35, too.
ABOUT = r"pci|acpi|ata\d|ahci|scsi|virtio|usb|xhci|nvme|irq|apic|smp|e820|memory"
KNOWN = r"setting ELCR|can't access extended PCI|8254 timer"


MANY_SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
echo "CPUS $(cat /sys/devices/system/cpu/online) $(grep -c ^processor /proc/cpuinfo)"
echo "MEMORY $(grep MemTotal /proc/meminfo | tr -dc 0-9)"
dmesg | grep -i 'root bus resource' | sed 's/^/WINDOW /'
dmesg -r | grep '^<[0-4]>' | sed 's/^/WARNING /'
echo "RESULT script ok"
read line
poweroff -f
"""


def many(chipset, cpus, memory):
    """Linux says all of them, and that there is room for BARs above memory.  By SeaBIOS: OVMF starts no kernel that fw_cfg has."""
    def case(room, engine):
        kernel, _ = cloud_kernel()
        initrd = initramfs(room, "script", [], MANY_SCRIPT)
        machine = room.machine("many", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory=memory)
        machine.vivctl("set", "machine.chipset=" + chipset, "machine.cpus=%d" % cpus)
        machine.start()
        machine.wait_serial("RESULT script ok", 900)
        text = machine.serial().replace("\r", "")
        equal(re.search(r"^CPUS (.*)$", text, re.M)[1], "%s %d" % ("0-%d" % (cpus - 1) if cpus > 1 else "0", cpus), "processors")
        kib = int(re.search(r"^MEMORY (\d+)$", text, re.M)[1])
        check(kib > int(memory.removesuffix("G")) * (1 << 20) * 0.95, "memory: %d KiB" % kib)
        check(chipset == "pc" or re.search(r"^WINDOW .*\[mem 0x[0-9a-f]{10,}-0x[0-9a-f]{10,} window\]", text, re.M), "a window above memory\n" + text)
        equal([w for w in re.findall(r"^WARNING (.*)$", text, re.M) if re.search(ABOUT, w, re.I) and not re.search(KNOWN, w)], [], "complaints of the kernel")
        machine.vivctl("serial", "--send", "off\\n")
        machine.wait_state("off", 60)
    return case


MORE = {"%s-%d" % (chipset, cpus): many(chipset, cpus, "64G") for chipset in ("q35", "pc") for cpus in (1, 2, 4, 16, 64)}
run_cases({**MORE, "cards-pulled": pulled, "cards-e1000e": cards("e1000e", "0x8086 0x10d3"), "cards-virtio": cards("virtio", "0x1af4 0x10"), "linux": linux(settings=("machine.cpus=4", "machine.topology=2,2,1"), packages="2 2 4"), "intx": linux("pci=nomsi pcie_ports=native"), "pic": linux("noapic pci=nomsi pcie_ports=native")}, slow=("intx", "pic", "cards-e1000e", "cards-virtio", *MORE))
