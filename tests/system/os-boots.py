#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Debian disk, as it is, on both chipsets and by both firmwares, from AHCI, NVMe, IDE and USB: to a login on the serial line and one on the screen, where
what was typed is read from its pixels; from AHCI once more by a reboot; each time the drivers are bound, and the kernel complains of nothing that it doesn't on QEMU's q35.
os-boots.py ENGINE [CASE…]"""
import re

from lib import Failure, check, equal
from os_cases import run_cases
from os_debian_guest import Guest, new, theirs
from os_screen import NONE, Font

CHIPSETS, FIRMWARES = ("pc", "q35"), ("bios", "uefi")
# The disk's bus: the driver of its controller.
BUSES = {"ahci": "ahci", "nvme": "nvme", "ide": "ata_piix", "usb": "xhci_hcd"}
TPMS = {"bios": "tis", "uefi": "crb"}
# By folder below /sys/bus, the drivers that are bound to something.
BOUND = """
for d in /sys/bus/{pci,acpi,platform,pnp}/drivers/*; do
  for l in $d/*; do [ -L $l ] && [ ${l##*/} != module ] && echo "BOUND ${d##*/} ${l##*/}"; done
done
echo "CLOCKS $(cat /sys/devices/system/clocksource/clocksource0/available_clocksource)"
echo "ROOT $(readlink -f /sys/class/block/$(basename $(findmnt -n -o SOURCE /)))"
echo "FIRMWARE $([ -d /sys/firmware/efi ] && echo uefi || echo bios)"
echo "TPM $(cat /sys/class/tpm/tpm0/tpm_version_major)"
"""


def on_screen(machine, font, pattern, seconds):
    """Until the screen's picture has it, and behind it at most a cursor."""
    said = ""

    def look():
        nonlocal said
        said = font.read(machine.screenshot())
        return re.search("^%s *%s?$" % (pattern, NONE), said, re.M)
    try:
        machine.until(look, seconds, "“%s” on the screen" % pattern, 3)
    except Failure as failure:
        raise Failure("%s\nThe screen has:\n%s" % (failure, said)) from None



def boot(room, engine, chipset, firmware, bus, known):
    tpm = TPMS[firmware]
    settings = ["machine.chipset=" + chipset, "machine.firmware=" + firmware, "tpm0.model=" + tpm] + ["usb0.model=xhci"] * (bus == "usb")
    guest = Guest(room, engine, bus, settings=settings, cpus=2, kind="platform", name="-".join((chipset, firmware, bus)))
    machine, font = guest.machine, Font()
    guest.login()
    # Graphics' driver may come after the login.
    guest.run("udevadm settle -t 120 || true", 300)
    on_screen(machine, font, "debian login:", 120)
    machine.type("root")
    machine.key("ret")
    on_screen(machine, font, "debian#", 120)
    machine.type("echo $((6*7)) in all")
    machine.key("ret")
    on_screen(machine, font, "42 in all", 60)
    said = guest.run(BOUND)
    bound = dict(re.findall(r"^BOUND (\S+) (\S+)$", said, re.M))
    for driver in [BUSES[bus], "rtc_cmos", "tpm_" + tpm] + ["i801_smbus", "pcieport"] * (chipset == "q35"):
        check(driver in bound, "%s is bound to something\n%s" % (driver, said))
    for text in ("CLOCKS .*hpet.*acpi_pm", "FIRMWARE " + firmware, "ROOT .*%s.*" % {"usb": "/usb\\d", "nvme": "/nvme/"}.get(bus, "/ata\\d"), "TPM 2"):
        check(re.search("^" + text, said, re.M), "“%s” in\n%s" % (text, said))
    equal(sorted(new(guest.warnings(), known)), [], "complaints of the kernel that QEMU's q35 has not")
    if bus == "ahci":
        since = len(machine.serial())
        machine.vivctl("serial", "--send", "systemctl reboot\\n")
        machine.wait_serial(r"login: ", 300, since)
        machine.vivctl("serial", "--send", "root\\n")
        machine.wait_serial(r"^debian# ", 120, since)
    guest.power_off()


def boots(chipset, firmware):
    def case(room, engine):
        known = theirs(room, "ahci", kind="platform", machine="q35", firmware=firmware, cpus=2, tpm_model=TPMS[firmware]) or ()
        for bus in BUSES:
            boot(room, engine, chipset, firmware, bus, known)
    return case


CASES = {"%s-%s" % (chipset, firmware): boots(chipset, firmware) for chipset in CHIPSETS for firmware in FIRMWARES}
run_cases(CASES, slow=tuple(CASES))
