#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What evtest sees in a whole Debian of keyboard, tablet, mouse, wheel and touchscreen on virtio, and of keyboard, lamps, tablet and wheel on USB.   os-events.py ENGINE [CASE…]"""
import re
import time

from lib import check, equal
from os_cases import run_cases
from os_debian_guest import Guest

# One evtest a device, which goes on until the guest ends.
WATCH = """
for i in $(seq 100); do [ $(cat /sys/class/input/event*/device/name | grep -c '^Vivarium @BUS@') = @N@ ] && break; sleep 0.2; done
for e in /sys/class/input/event*; do
  name=$(cat $e/device/name)
  case "$name" in "Vivarium @BUS@"*) (setsid evtest /dev/input/${e##*/} > "/run/evtest-${name#Vivarium @BUS@}" 2>&1 < /dev/null &) ;; esac
done
for i in $(seq 100); do [ $(grep -l "Testing ..." /run/evtest-* 2> /dev/null | wc -l) = @N@ ] && break; sleep 0.2; done
ls /run/evtest-*
"""


def events(guest, name):
    """What evtest has said of a device: (type, code, value), by their names."""
    text = guest.run("cat '/run/evtest-%s'" % name)
    return re.findall(r"^Event: time [\d.]+, type \d+ \((\w+)\), code \d+ \((\w+)\), value (-?\d+)", text, re.M)


def watch(room, engine, settings, devices, modules="virtio_input", bus=""):
    guest = Guest(room, engine, "virtio", settings=settings)
    guest.login()
    text = guest.run("modprobe -a %s evdev; udevadm settle\n" % modules + WATCH.replace("@N@", str(len(devices))).replace("@BUS@", bus))
    equal(re.findall(r"evtest-(\w+)", text), sorted(devices), "devices")
    return guest


def sees_tablet(guest):
    """The pointer in the middle, a click, and the wheel."""
    machine = guest.machine
    screen = machine.screenshot()
    machine.pointer("move", str(screen.width // 2), str(screen.height // 2), "click", "right", "wheel", "2", "wheel", "-1")
    time.sleep(2)
    # Scan codes come with buttons on USB.
    tablet = [event for event in events(guest, "Tablet") if event[0] != "EV_MSC"]
    equal([event[:2] for event in tablet[:2]], [("EV_ABS", "ABS_X"), ("EV_ABS", "ABS_Y")], "where it is")
    check(all(abs(int(event[2]) - 16384) < 100 for event in tablet[:2]), "the middle: %r" % tablet)
    equal(tablet[2:4], [("EV_KEY", "BTN_RIGHT", "1"), ("EV_KEY", "BTN_RIGHT", "0")], "a click")
    # evdev counts away from the person; clicks may come at once.
    wheel = [int(event[2]) for event in tablet[4:] if event[:2] == ("EV_REL", "REL_WHEEL")]
    others = [event for event in tablet[4:] if not event[1].startswith("REL_WHEEL")]
    equal((others, sum(wheel)), ([], -1), "the wheel: %r" % tablet)


def sees_keys(guest):
    guest.machine.key("shift-a")
    time.sleep(2)
    equal([event for event in events(guest, "Keyboard") if event[0] == "EV_KEY"],
          [("EV_KEY", "KEY_LEFTSHIFT", "1"), ("EV_KEY", "KEY_A", "1"), ("EV_KEY", "KEY_A", "0"), ("EV_KEY", "KEY_LEFTSHIFT", "0")], "the keyboard")


def inputs(room, engine):
    guest = watch(room, engine, ("input.keyboard=virtio", "input.pointer=virtio", "input.touchscreen=true"), ("Keyboard", "Tablet", "Touchscreen"))
    machine = guest.machine
    screen = machine.screenshot()
    middle, corner = (str(screen.width // 2), str(screen.height // 2)), (str(screen.width - 1), str(screen.height - 1))
    sees_keys(guest)
    sees_tablet(guest)
    machine.pointer("touch", "0", "0", "0", "touch", "1", *corner, "touch", "0", *middle, "lift", "0", "lift", "1")
    time.sleep(2)
    touch = events(guest, "Touchscreen")
    equal([event[2] for event in touch if event[1] == "ABS_MT_TRACKING_ID"], ["0", "1", "-1", "-1"], "fingers: %r" % touch)
    equal([event[2] for event in touch if event[1] == "BTN_TOUCH"], ["1", "0"], "the first and the last: %r" % touch)
    guest.power_off()


def mouse(room, engine):
    guest = watch(room, engine, ("input.pointer=virtio", "input.absolute-pointer=false"), ("Mouse",))
    guest.machine.pointer("move", "30", "-20", "click", "middle", "wheel", "1", relative=True)
    time.sleep(2)
    found = events(guest, "Mouse")
    equal([sum(int(event[2]) for event in found if event[1] == axis) for axis in ("REL_X", "REL_Y", "REL_WHEEL")], [30, -20, -1], "movement: %r" % found)
    equal([event[2] for event in found if event[1] == "BTN_MIDDLE"], ["1", "0"], "a click: %r" % found)
    guest.power_off()


# EV_LED, LED_CAPSL, as a program of the guest's writes it.
LAMP = """python3 - <<'EOF'
import glob, struct
for path in glob.glob("/sys/class/input/event*/device/name"):
    if open(path).read().strip().endswith("USB Keyboard"):
        with open("/dev/input/" + path.split("/")[4], "wb", buffering=0) as device:
            device.write(struct.pack("QQHHi", 0, 0, 0x11, 1, @ON@) + struct.pack("QQHHi", 0, 0, 0, 0, 0))
EOF
"""


def usb(model):
    def case(room, engine):
        guest = watch(room, engine, ("usb0.model=" + model, "input.keyboard=usb", "input.pointer=usb"), ("Keyboard", "Tablet"), "usbhid", "Vivarium USB ")
        sees_keys(guest)
        sees_tablet(guest)
        for on in (1, 0):
            guest.run(LAMP.replace("@ON@", str(on)))
            guest.machine.until(lambda: bool(guest.machine.show().get("leds", 0) & 4) == bool(on), 60, "the lamp, %d" % on)
        equal([event[1:] for event in events(guest, "Keyboard") if event[0] == "EV_LED"], [("LED_CAPSL", "1"), ("LED_CAPSL", "0")], "lamps")
        guest.power_off()
    return case


CASES = {"input": inputs, "mouse": mouse, "usb-xhci": usb("xhci"), "usb-ehci": usb("ehci"), "usb-uhci": usb("uhci")}
run_cases(CASES, slow=tuple(CASES))
