#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's kernel and its drivers for USB.   os-usb.py ENGINE [CASE…]"""
import hashlib
import json
import os
import re
import subprocess

from lib import VIVCTL, VMM, check, equal
from os_cases import run_cases
from os_media import initramfs, whole_kernel, with_libraries

CORE = ("drivers/usb/common/usb-common.ko", "drivers/usb/core/usbcore.ko")
XHCI = CORE + ("drivers/usb/host/xhci-hcd.ko", "drivers/usb/host/xhci-pci.ko")
HID = ("drivers/hid/hid.ko", "drivers/hid/hid-generic.ko", "drivers/hid/usbhid/usbhid.ko", "drivers/input/evdev.ko")
UHCI = CORE + ("drivers/usb/host/uhci-hcd.ko",)
EHCI = CORE + ("drivers/usb/host/ehci-hcd.ko", "drivers/usb/host/ehci-pci.ko", "drivers/usb/host/uhci-hcd.ko")
STORAGE = ("crypto/crct10dif_common.ko", "crypto/crct10dif_generic.ko", "lib/crc-t10dif.ko", "lib/crc64.ko", "crypto/crc64_rocksoft_generic.ko",
           "lib/crc64-rocksoft.ko", "block/t10-pi.ko", "drivers/scsi/scsi_common.ko", "drivers/scsi/scsi_mod.ko", "drivers/scsi/sd_mod.ko", "drivers/usb/storage/usb-storage.ko")
UAS = ("drivers/usb/storage/uas.ko",)
CONTROLLERS = {"xhci": XHCI, "ehci": EHCI, "uhci": UHCI}
# @…@: modules; the name of the pointer.
INPUT_SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
@MODULES@
for i in 1 2 3 4 5 6 7 8 9; do [ "$(cat /sys/class/input/event*/device/name | grep -c Vivarium)" = 2 ] || sleep 1; done
for d in /sys/bus/usb/devices/*; do
  [ -e $d/idVendor ] && echo "DEVICE $(cat $d/idVendor):$(cat $d/idProduct) $(cat $d/speed) $(cat $d/product)"
  [ -e $d/bInterfaceNumber ] && echo "DRIVER $(basename $(readlink $d/driver))"
done
# Type, code and value of each event, as it comes.
for e in /sys/class/input/event*; do
  case "$(cat $e/device/name)" in
  *"USB Keyboard") K=/dev/input/$(basename $e) ;;
  *"USB Tablet" | *"USB Mouse") P=/dev/input/$(basename $e) ;;
  esac
done
(exec 3< $K; while dd bs=24 count=1 <&3 2> /dev/null > /tmp/k; do echo "KEY $(od -An -v -t u2 -w24 /tmp/k | (read a b c d e f g h type code low high; echo $type,$code,$low))"; done) &
(exec 3< $P; while dd bs=24 count=1 <&3 2> /dev/null > /tmp/p; do echo "POINTER $(od -An -v -t u2 -w24 /tmp/p | (read a b c d e f g h type code low high; echo $type,$code,$low))"; done) &
sleep 1
echo "READY"
while read step; do
  case "$step" in
  # EV_LED, LED_CAPSL on; EV_SYN.
  caps) printf '\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\21\\0\\1\\0\\1\\0\\0\\0' > $K; echo "DONE caps" ;;
  end) dmesg -r | grep '^<[0-4]>' > /tmp/warnings; cat /tmp/warnings
    echo "COMPLAINTS $(grep -E -i -c 'usb|hci|hid|input' /tmp/warnings)"; break ;;
  esac
done
read line
poweroff -f
"""

MIB = 1 << 20


def load(modules):
    return "\n".join("insmod /modules/%s" % os.path.basename(m) for m in modules)


def packed(modules, folder):
    return [("modules/" + os.path.basename(m), os.path.join(folder, m)) for m in modules]


def linux(room, engine, modules, script, *keys):
    kernel, folder = whole_kernel()
    initrd = initramfs(room, "script", packed(modules, folder), script.replace("@MODULES@", load(modules)))
    machine = room.machine("usb", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory="384M")
    machine.vivctl("set", *keys)
    return machine


def ask(machine, step, answer, seconds=120):
    since = len(machine.serial())
    machine.vivctl("serial", "--send", step + "\\n")
    machine.wait_serial(answer, seconds, since)


def end(machine):
    ask(machine, "end", r"^COMPLAINTS \d+")
    text = machine.serial().replace("\r", "")
    equal(re.search(r"^COMPLAINTS (\d+)", text, re.M)[1], "0", "complaints of the kernel\n" + text[-3000:])
    machine.vivctl("serial", "--send", "off\\n")
    machine.wait_state("off", 60)


def said(machine, what, since):
    return re.findall(r"^%s (\S+)" % what, machine.serial()[since:].replace("\r", ""), re.M)


def inputs(model):
    def case(room, engine):
        machine = linux(room, engine, CONTROLLERS[model] + HID, INPUT_SCRIPT, "usb0.model=" + model, "input.keyboard=usb")
        machine.start()
        machine.wait_serial(r"^READY", 400)
        text = machine.serial().replace("\r", "")
        equal(re.findall(r"^DRIVER (\w+)$", text, re.M).count("usbhid"), 2, "drivers\n" + text[-2000:])
        check("Vivarium USB Tablet" in text and "Vivarium USB Keyboard" in text, "their names\n" + text[-2000:])
        machine.until(lambda: machine.show()["pointer-absolute"], 60, "the pointer is where the hand is")

        def sees(what, wanted, act):
            since = len(machine.serial())
            act()
            machine.until(lambda: said(machine, what, since)[-len(wanted):] == wanted, 60, "%s %s" % (what, wanted))

        # Scan code, key, end of the report.
        sees("KEY", ["4,4,4", "1,30,1", "0,0,0", "4,4,4", "1,30,0", "0,0,0"], lambda: machine.key("a"))
        since = len(machine.serial())
        machine.pointer("move", "100", "50", "click", "left")
        machine.until(lambda: "1,272,0" in said(machine, "POINTER", since), 60, "a click")
        events = [tuple(map(int, e.split(","))) for e in said(machine, "POINTER", since)]
        x, y = [e[2] for e in events if e[:2] == (3, 0)][-1], [e[2] for e in events if e[:2] == (3, 1)][-1]
        # In text mode the screen has 720 by 400 pixels.
        check(abs(x - 100 * 32767 // 720) < 60 and abs(y - 50 * 32767 // 400) < 100, "the position %d %d" % (x, y))
        check((1, 272, 1) in events, "pressed: %s" % events)
        since = len(machine.serial())
        machine.pointer("wheel", "-1")
        machine.until(lambda: "2,8,1" in said(machine, "POINTER", since), 60, "the wheel, away from the person")
        ask(machine, "caps", r"^DONE caps")
        machine.until(lambda: json.loads(machine.vivctl("show", "--json").stdout).get("leds", 0) & 4, 60, "a lamp")
        end(machine)
    return case


DISK_SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
@MODULES@
# /tmp/disk is a node that stays when the disk goes: dd would make a file of /dev/sda.
disk() {
  for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    for D in $(ls /sys/block | grep '^sd'); do
      rm -f /tmp/node; mknod /tmp/node b $(tr : ' ' < /sys/block/$D/dev); mv -f /tmp/node /tmp/disk
      dd if=/tmp/disk of=/dev/null bs=4k count=1 iflag=direct 2> /dev/null && return
    done
    sleep 1
  done
  echo "NO DISK"; false
}
disk
for d in /sys/bus/usb/devices/*; do [ -e $d/bInterfaceNumber ] && echo "DRIVER $(basename $(readlink $d/driver))"; done
echo "DISK $(cat /sys/block/$D/size) $(cat /sys/block/$D/removable) $(cat /sys/block/$D/device/model | tr -d ' ')"
dd if=/dev/urandom of=/tmp/random bs=1M count=4 2> /dev/null
dd if=/tmp/random of=/tmp/disk bs=64k seek=16 conv=fsync 2> /dev/null && echo "RESULT write ok"
echo 3 > /proc/sys/vm/drop_caches
dd if=/tmp/disk bs=1M skip=1 count=4 2> /dev/null | cmp - /tmp/random && echo "RESULT read ok"
# Four at a time.
for i in 1 2 3 4; do dd if=/tmp/random of=/tmp/disk bs=64k seek=$((i*100)) oflag=direct 2> /dev/null & done; wait
for i in 1 2 3 4; do (dd if=/tmp/disk bs=64k skip=$((i*100)) count=64 iflag=direct 2> /dev/null | cmp - /tmp/random && echo same > /tmp/same$i) & done; wait
echo "RESULT together $(cat /tmp/same* | grep -c same)"
dmesg -r | grep '^<[0-4]>' > /tmp/warnings; cat /tmp/warnings
echo "COMPLAINTS $(grep -E -i -c 'usb|uas|hci|scsi|sd [0-9]' /tmp/warnings)"
echo "READY"
while read step; do
  case "$step" in
  write) (n=0; while dd if=/tmp/random of=/tmp/disk bs=64k seek=160 oflag=direct 2> /dev/null; do n=$((n+1)); [ $n = 1 ] && echo "WRITING"; done; echo "STOPPED") & ;;
  again) disk && dd if=/tmp/random of=/tmp/disk bs=64k seek=16 conv=fsync 2> /dev/null && echo 3 > /proc/sys/vm/drop_caches &&
    dd if=/tmp/disk bs=1M skip=1 count=4 2> /dev/null | cmp - /tmp/random && echo "RESULT again ok" ;;
  sum) sync; echo "SUM $(dd if=/tmp/disk bs=1M skip=1 count=4 2> /dev/null | sha256sum | cut -c1-64)" ;;
  end) break ;;
  esac
done
read line
poweroff -f
"""


def disk(model, driver="usb-storage"):
    """A stick: written and read, pulled while it is written to and put back, and saved with a transfer under way."""
    def case(room, engine):
        image = room.path("disk.img")
        with open(image, "wb") as file:
            file.truncate(32 * MIB)
        machine = linux(room, engine, CONTROLLERS[model] + STORAGE + UAS, DISK_SCRIPT, "usb0.model=" + model, "disk0.path=" + image, "disk0.bus=usb",
                        "disk0.uas=%s" % ("true" if driver == "uas" else "false"))
        machine.start()
        machine.wait_serial(r"^READY", 400)
        text = machine.serial().replace("\r", "")
        equal(re.findall(r"^RESULT (.*)$", text, re.M), ["write ok", "read ok", "together 4"], text[-2000:])
        check(driver in re.findall(r"^DRIVER (\S+)$", text, re.M), "its driver\n" + text[-2000:])
        check(re.search(r"^DISK %d 1 " % (32 * MIB // 512), text, re.M), "the disk\n" + text[-2000:])
        equal(re.search(r"^COMPLAINTS (\d+)", text, re.M)[1], "0", "complaints of the kernel\n" + text[-3000:])
        check(re.search(r"^disk0 +usb \d", machine.vivctl("device", "list").stdout, re.M), "its place")
        ask(machine, "write", r"^WRITING")
        since = len(machine.serial())
        machine.vivctl("device", "set", "disk0.plugged=false")
        machine.wait_serial(r"^STOPPED", 120, since)
        machine.vivctl("device", "set", "disk0.plugged=true")
        ask(machine, "again", r"^RESULT again ok", 200)
        # Saved while it is written to; it goes on with the same stick.
        ask(machine, "write", r"^WRITING")
        state = room.path("saved.state")
        machine.vivctl("save", state, timeout=120)
        machine.stop()
        machine.start("--load", state)
        ask(machine, "again", r"^RESULT again ok", 200)
    return case


SERIAL = ("drivers/usb/class/cdc-acm.ko",)
SERIAL_SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
@MODULES@
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do [ -c /dev/ttyACM0 ] || sleep 1; done
for d in /sys/bus/usb/devices/*; do [ -e $d/bInterfaceNumber ] && echo "DRIVER $(basename $(readlink $d/driver))"; done
stty -F /dev/ttyACM0 raw -echo 9600
exec 3<> /dev/ttyACM0
echo "a line for the host" >&3
read answer <&3
echo "HEARD $answer"
# More than all that lies between keeps.
dd if=/dev/zero bs=1k count=300 2> /dev/null | tr '\\0' x >&3
echo "end of it" >&3
dmesg -r | grep '^<[0-4]>' > /tmp/warnings; cat /tmp/warnings
echo "COMPLAINTS $(grep -E -i -c 'usb|hci|acm|tty' /tmp/warnings)"
echo READY
sleep 1
read line
poweroff -f
"""


def serial(model):
    """A port on USB beside COM1: both ways, and more than its far end keeps."""
    def case(room, engine):
        machine = linux(room, engine, CONTROLLERS[model] + SERIAL, SERIAL_SCRIPT, "usb0.model=" + model)
        machine.vivctl("device", "add", "serial")
        machine.vivctl("set", "serial1.bus=usb")
        machine.start()
        port = subprocess.Popen([VIVCTL, "serial", machine.name, "--port", "1"], env=room.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            heard = port.stdout.readline()
            equal(heard.strip(), b"a line for the host", "the first line")
            port.stdin.write(b"and one for the guest\n")
            port.stdin.flush()
            machine.wait_serial(r"^HEARD and one for the guest", 200)
            heard = port.stdout.readline().strip()
            equal((len(heard), set(heard)), (300 * 1024 + len("end of it"), set(b"xend of it")), "the long line")
        finally:
            port.kill()
        machine.wait_serial(r"^READY", 200)
        text = machine.serial().replace("\r", "")
        equal(re.findall(r"^DRIVER (\w+)$", text, re.M).count("cdc_acm"), 2, "drivers\n" + text[-2000:])
        equal(re.search(r"^COMPLAINTS (\d+)", text, re.M)[1], "0", "complaints of the kernel\n" + text[-3000:])
    return case


HUBS_SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
@MODULES@
count() { n=0; for d in /sys/bus/usb/devices/*; do [ -e $d/idVendor ] && case $(cat $d/product) in Vivarium*) n=$((n+1)) ;; esac; done; }
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do count; [ $n = 31 ] && break; sleep 1; done
sleep 2
echo "DEVICES $n"
echo "DEEP $(ls /sys/bus/usb/devices | grep -c -E '^[0-9]+-[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$')"
echo "PORTS $(ls /dev | grep -c ttyACM)"
/usr/bin/lsusb -v > /tmp/tree 2> /tmp/errors
echo "LSUSB $? $(grep -c '^Bus ' /tmp/tree) $(grep -c . /tmp/errors) $(grep -c -i -E 'unknown|invalid|warning|error|unrecognized' /tmp/tree)"
cat /tmp/errors; grep -i -E 'unknown|invalid|warning|error|unrecognized' /tmp/tree | head -20
dmesg -r | grep '^<[0-4]>' > /tmp/warnings; cat /tmp/warnings
echo "COMPLAINTS $(grep -E -i -c 'usb|hci|acm|hub' /tmp/warnings)"
echo READY
read line
poweroff -f
"""


def hubs(model):
    """Five hubs, one behind the other, 25 serial ports and the tablet; and what lsusb makes of them."""
    def case(room, engine):
        wrapper = room.path("monitor")
        with open(wrapper, "w") as file:
            file.write('#!/bin/sh\nexec "%s" --test-usb "$@"\n' % VMM)
        os.chmod(wrapper, 0o700)
        room.env["VIVARIUM_VMM"] = wrapper
        kernel, folder = whole_kernel()
        modules = CONTROLLERS[model] + SERIAL
        initrd = initramfs(room, "hubs", packed(modules, folder) + with_libraries("/usr/bin/lsusb", "usbutils"), HUBS_SCRIPT.replace("@MODULES@", load(modules)))
        machine = room.machine("hubs", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory="384M")
        machine.vivctl("set", "usb0.model=" + model)
        machine.start()
        machine.wait_serial(r"^READY", 500)
        text = machine.serial().replace("\r", "")
        equal(re.search(r"^DEVICES (\d+)", text, re.M)[1], "31", "devices\n" + text[-3000:])
        check(int(re.search(r"^DEEP (\d+)", text, re.M)[1]) > 0, "devices behind five hubs\n" + text[-3000:])
        equal(re.search(r"^PORTS (\d+)", text, re.M)[1], "25", "serial ports\n" + text[-3000:])
        status, devices, errors, odd = re.search(r"^LSUSB (\d+) (\d+) (\d+) (\d+)", text, re.M).groups()
        check(int(devices) >= 32, "devices of lsusb\n" + text[-3000:])
        equal((status, errors, odd), ("0", "0", "0"), "what lsusb says\n" + text[-3000:])
        equal(re.search(r"^COMPLAINTS (\d+)", text, re.M)[1], "0", "complaints of the kernel\n" + text[-3000:])
    return case


LSUSB_SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
@MODULES@
count() { n=0; for d in /sys/bus/usb/devices/*; do [ -e $d/idVendor ] && case $(cat $d/product) in Vivarium*) n=$((n+1)) ;; esac; done; }
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do count; [ $n = 5 ] && break; sleep 1; done
sleep 2
for d in /sys/bus/usb/devices/*; do [ -e $d/idVendor ] && echo "PRODUCT $(cat $d/product)"; done
/usr/bin/lsusb -v > /tmp/tree 2> /tmp/errors
echo "LSUSB $? $(grep -c '^Bus ' /tmp/tree) $(grep -c . /tmp/errors) $(grep -c -i -E 'unknown|invalid|warning|error|unrecognized' /tmp/tree)"
cat /tmp/errors; grep -i -E 'unknown|invalid|warning|error|unrecognized' /tmp/tree | head -20
echo READY
read line
poweroff -f
"""


def every_device(model):
    """What lsusb makes of each kind of device: a tablet, a keyboard, a disk with both protocols, a CD drive and a serial port."""
    def case(room, engine):
        image = room.path("disk.img")
        with open(image, "wb") as file:
            file.truncate(MIB)
        kernel, folder = whole_kernel()
        modules = CONTROLLERS[model] + HID + SERIAL
        initrd = initramfs(room, "lsusb", packed(modules, folder) + with_libraries("/usr/bin/lsusb", "usbutils"), LSUSB_SCRIPT.replace("@MODULES@", load(modules)))
        machine = room.machine("lsusb", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory="384M")
        machine.vivctl("device", "add", "serial")
        machine.vivctl("set", "usb0.model=" + model, "input.keyboard=usb", "disk0.path=" + image, "disk0.bus=usb", "disk0.uas=true", "cdrom0.bus=usb", "serial1.bus=usb")
        machine.start()
        machine.wait_serial(r"^READY", 500)
        text = machine.serial().replace("\r", "")
        for product in ("Tablet", "Keyboard", "Disk", "CD Drive", "Serial Port"):
            check("PRODUCT Vivarium USB %s\n" % product in text, "the %s is there\n%s" % (product, text[-3000:]))
        status, _, errors, odd = re.search(r"^LSUSB (\d+) (\d+) (\d+) (\d+)", text, re.M).groups()
        equal((status, errors, odd), ("0", "0", "0"), "what lsusb says\n" + text[-3000:])
    return case


CASES = {"%s-input" % model: inputs(model) for model in CONTROLLERS}
CASES.update({"%s-disk" % model: disk(model) for model in CONTROLLERS})
CASES.update({"%s-uas" % model: disk(model, "uas") for model in ("xhci", "ehci")})
CASES.update({"%s-serial" % model: serial(model) for model in ("xhci", "uhci")})
CASES.update({"%s-hubs" % model: hubs(model) for model in ("xhci", "ehci")})
CASES.update({"%s-lsusb" % model: every_device(model) for model in ("xhci", "ehci")})
run_cases(CASES, slow=tuple(CASES))
