#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tools for looking at a computer say in a Debian on a q35: lspci, acpidump and iasl, dmidecode, smartctl, hdparm, nvme.  Debian 12 has no fwts.
os-tools.py ENGINE [CASE…]"""
import base64
import gzip
import re

from lib import check, equal
from os_cases import run_cases
from os_debian_guest import Guest, empty

# The tables that must be there, beside the DSDT.
TABLES = "FACP APIC MCFG HPET WAET TPM2 SSDT".split()
ACPI = """
mkdir -p /run/acpi; cd /run/acpi
acpidump > dump 2> errors; echo "DUMP $?"; cat errors
acpixtract -a dump > /dev/null; echo "EXTRACT $?"
for t in *.dat; do iasl -p ${t%.dat} -d $t > said 2>&1; echo "DECOMPILED ${t%.dat} $? $(grep -i -c -E '(error|warning|invalid|unknown|could not)' said)"; done
iasl -p dsdt -e ssdt*.dat -d dsdt.dat > said 2>&1; echo "TOGETHER $?"
iasl -p again dsdt.dsl > said 2>&1; echo "COMPILED $?"; tail -20 said
"""
DRIVERS = {"ahci": 1, "ata_piix": 1, "i801_smbus": 1, "nvme": 1, "pcieport": 4, "xhci_hcd": 1, "e1000e": 1}


class Tools:
    def __init__(self, guest):
        self.guest = guest

    def ask(self, command, status=0):
        """Everything that it says, which may be more than a serial port's history has."""
        said = self.guest.run("(%s) > /run/said 2>&1; echo EXIT $?; gzip -9n < /run/said | base64 -w 160" % command, 300)
        code, packed = re.match(r"EXIT (\d+)\n(.*)", said, re.S).groups()
        text = gzip.decompress(base64.b64decode(packed)).decode(errors="replace")
        if status is not None:
            equal(int(code), status, "the status of “%s”\n%s" % (command, text[-3000:]))
        return text


def has(text, *patterns):
    for pattern in patterns:
        check(re.search(pattern, text, re.M), "“%s” in\n%s" % (pattern, text[-5000:]))


def has_not(text, *patterns):
    for pattern in patterns:
        found = re.search("^.*(?:%s).*$" % pattern, text, re.M | re.I)
        check(not found, "no “%s”: %s" % (pattern, found and found[0]))


def pci(tools):
    text = tools.ask("lspci -vv")
    has_not(text, "access denied", r"rev ff", "unknown header", "!!!", "lspci:", "pcilib:", r"\?\?")
    used = re.findall(r"^\tKernel driver in use: (\S+)$", text, re.M)
    for driver, count in DRIVERS.items():
        equal(used.count(driver), count, "functions of %s\n%s" % (driver, text))
    port = re.search(r"^.*PCI bridge.*\n(?:\t.*\n)*", text, re.M)[0]
    has(port, r"Express \(v2\) Root Port \(Slot\+\)", r"AttnBtn\+ PwrCtrl\+ .*AttnInd\+ PwrInd\+ HotPlug\+ Surprise\+", r"MSI: Enable\+", r"Power Management version 3")
    has(text, r"Express \(v2\) Root Complex Integrated Endpoint", r"MSI-X: Enable\+")
    # Each base address is decoded, and interrupts have a line or a message.
    has_not(text, r"Region \d: .*\[(virtual|disabled|size=0)")


def acpi(tools):
    text = tools.ask(ACPI)
    has(text, "^DUMP 0", "^EXTRACT 0", "^COMPILED 0", r"0 Errors, 0 Warnings, 0 Remarks")
    found = {name.upper(): (status, words) for name, status, words in re.findall(r"^DECOMPILED (\w+) (\d+) (\d+)$", text, re.M)}
    for table in ["DSDT"] + TABLES:
        check(any(name.startswith(table) for name in found), "%s is there\n%s" % (table, text))
    equal({name: said for name, said in found.items() if said != ("0", "0")}, {}, "remarks of the decompiler")


def dmi(tools, machine):
    text = tools.ask("dmidecode")
    has_not(text, "bad (index|checksum)", "invalid", "<out of spec>", "broken", "truncated", "wrong")
    uuid = machine.vivctl("show", "machine.uuid").stdout.strip().split("=")[-1].strip()
    has(text, r"SMBIOS [23]\.\d", r"^BIOS Information$", r"^System Information$", r"^Chassis Information$", r"^Memory Device$", r"^\tProduct Name: ", "(?i)^\tUUID: " + uuid)
    equal(len(re.findall(r"^Processor Information$", text, re.M)), 1, "sockets")
    has(text, r"^\tCore Count: 2$", r"^\tSize: 768 MB$", r"^\tMaximum Capacity: ")


def ata(tools, disk, words):
    has(tools.ask("smartctl -a " + disk), "overall-health self-assessment test result: PASSED", "No Errors Logged", "SMART support is: Enabled", "^Device Model: +Vivarium")
    has(tools.ask("smartctl -t short %s; sleep 3; smartctl -l selftest %s" % (disk, disk)), "self-test")
    text = tools.ask("hdparm -I %s; hdparm -C %s; hdparm -W %s" % (disk, disk, disk))
    has(text, "Model Number: +Vivarium", r"\*\s+SMART feature set", r"\*\s+48-bit Address feature set", "drive state is: +active/idle", r"write-caching = +1", *words)
    has_not(tools.ask("hdparm -tT --direct %s" % disk), "fail", "error")


def nvme(tools):
    has(tools.ask("nvme list"), r"^/dev/nvme0n1 +.*Vivarium")
    for command in ("id-ctrl /dev/nvme0 -H", "id-ns /dev/nvme0n1 -H", "ns-descs /dev/nvme0n1", "smart-log /dev/nvme0", "error-log /dev/nvme0", "fw-log /dev/nvme0",
                    "effects-log /dev/nvme0", "get-feature /dev/nvme0 -f 7 -H", "flush /dev/nvme0n1"):
        has_not(tools.ask("nvme " + command), "NVMe status", "fail", "invalid")
    has(tools.ask("smartctl -a /dev/nvme0"), "test result: PASSED", "No Errors Logged")


def q35(room, engine):
    settings = ["machine.chipset=q35", "tpm0.model=crb", "usb0.model=xhci", "net0.card=e1000e"]
    guest = Guest(room, engine, "ahci", others=((empty(room, "nvme.img"), "nvme"), (empty(room, "ide.img"), "ide")), settings=settings, cpus=2, kind="platform")
    guest.login()
    guest.run("udevadm settle -t 120 || true", 300)
    tools = Tools(guest)
    pci(tools)
    acpi(tools)
    dmi(tools, guest.machine)
    disks = dict(re.findall(r"^(\w+) (.*)$", tools.ask("for d in /sys/block/sd*; do echo ${d##*/} $(readlink -f $d); done"), re.M))
    by_bus = {"ahci" if ":1f.2/" in path else "ide": "/dev/" + name for name, path in disks.items()}
    ata(tools, by_bus["ahci"], (r"\*\s+Native Command Queueing",))
    ata(tools, by_bus["ide"], (r"\*udma[2-5]",))
    nvme(tools)
    guest.power_off()


run_cases({"q35": q35}, slow=("q35",))
