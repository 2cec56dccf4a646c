#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux's drivers of the network cards that real computers have had.   os-cards.py ENGINE [CASE…]"""
import hashlib
import http.server
import os
import re
import shutil
import socket
import time

from lib import Skip, check, equal
from os_cases import run_cases
from os_cpio import cpio
from os_debian_guest import new
from os_media import cloud_kernel, find, initramfs, installer, whole_kernel, with_libraries
from os_network import CARDS, Sink, free_port, serve

MIB = 1 << 20
SIGNED = b"~Module signature appended~\n"  # ends a module, behind the signature and its length
# What Linux 6.1 sends between the end of a sleep and the link is in e1000's ring, which that takes for a link that was lost, says so in the middle of a line of the kernel's,
# and begins again; under QEMU as here.
AWAKE = re.compile(r"^e1000 .* eth0: Reset adapter$|^done\.$")
SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
dmesg -r | grep '^<[0-4]>' | cut -d] -f2- > /before; echo none >> /before
%(modules)s
cat > /lease <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/24 dev $interface
ip route add default via $router
echo "LEASE $ip"
END
chmod +x /lease
ip link set lo up
for i in 1 2 3 4 5 6 7 8 9; do [ -e /sys/class/net/eth0 ] && break; sleep 1; done
echo "DRIVER $(basename $(readlink /sys/class/net/eth0/device/driver)) $(cat /sys/class/net/eth0/address)"
function up() {
  ip link set eth0 up
  for i in 1 2 3 4 5 6 7 8 9; do [ "$(cat /sys/class/net/eth0/carrier)" = 1 ] && break; sleep 1; done
  udhcpc -q -n -t 10 -i eth0 -s /lease
}
up > /dhcp 2>&1
grep LEASE /dhcp
ping -c 3 -s 1000 10.0.2.2 > /dev/null && echo "RESULT ping ok"
echo "DOWN $(wget -q -O - http://10.0.2.2:%(http)d/ | sha256sum | cut -c1-64)"
dd if=/dev/urandom of=/up bs=1M count=%(mib)d 2> /dev/null
nc 10.0.2.2 %(sink)d < /up
echo "UP $(sha256sum /up | cut -c1-64)"
# Filters are set anew, and the driver lets go of the card and takes it again.
ifconfig eth0 promisc; ifconfig eth0 allmulti; ifconfig eth0 -promisc; ifconfig eth0 -allmulti
cd /sys/class/net/eth0/device/driver
for i in 1 2 3; do echo 0000:00:03.0 > unbind; echo 0000:00:03.0 > bind; done
up > /dhcp 2>&1
grep -q LEASE /dhcp && echo "RESULT bind ok"
echo "AGAIN $(wget -q -O - http://10.0.2.2:%(http)d/ | sha256sum | cut -c1-64)"
# All drivers put their devices to sleep and wake them in the middle of downloads: the kernel's own test, a second each.
echo 1 > /sys/module/suspend/parameters/pm_test_delay
echo devices > /sys/power/pm_test
(until [ -e /awake ]; do wget -q -O - http://10.0.2.2:%(http)d/ | sha256sum | cut -c1-64; done > /slept) &
for i in 1 2; do sleep 1; echo freeze > /sys/power/state && echo "RESULT woken $i"; done
touch /awake; wait
echo "SLEPT $(sort -u /slept)"
cat /proc/interrupts | grep eth0
dmesg -r | grep '^<[0-4]>' | cut -d] -f2- > /after
grep -v -F -x -f /before /after | sed 's/^/SAID /'
grep eth0: /proc/net/dev | (read name rb rp re rd rf rr rc rm tb tp te td rest; echo "ERRORS $re $te")
echo "RESULT script ok"
while read line; do
  case "$line" in
    carrier*)
      for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(cat /sys/class/net/eth0/carrier)" = "${line#carrier }" ] && break; sleep 1; done
      echo "CARRIER $(cat /sys/class/net/eth0/carrier)"
      ;;
    off) poweroff -f ;;
  esac
done
"""


def lifted(room, path):
    """8139too leaves chips of revision 0x20 and beyond, which have rings of descriptors, to 8139cp.  This copy doesn't, and so drives the ring of bytes."""
    with open(path, "rb") as file:
        code = file.read()
    if code.endswith(SIGNED):
        code = code[:-len(SIGNED) - 12 - int.from_bytes(code[-len(SIGNED) - 4:-len(SIGNED)], "big")]
    refusals = re.findall(rb"\x80[\xf8-\xff]\x1f\x0f\x87", code)  # cmp $0x1f; ja
    if len(refusals) != 1:
        raise Skip("this 8139too is another one than Linux 6.1's")
    copy = room.path(os.path.basename(path))
    with open(copy, "wb") as file:
        file.write(code.replace(refusals[0], refusals[0].replace(b"\x1f", b"\xff")))
    return copy


def card(name, linux=None):
    driver, modules = linux or CARDS[name]

    def case(room, engine):
        kernel, folder = whole_kernel()
        mib = {"ne2000": 1, "pcnet": 4}.get(name, 16)
        content = os.urandom(mib * MIB)
        sink = Sink()
        loads = ["insmod /modules/" + os.path.basename(m) for m in modules]
        script = SCRIPT % {"modules": "\n".join(loads), "http": serve(http.server.ThreadingHTTPServer, "127.0.0.1", content), "sink": sink.port, "mib": mib}
        files = [os.path.join(folder, m) for m in modules]
        if linux is not None:
            files = [lifted(room, path) if driver in path else path for path in files]
        initrd = initramfs(room, "script", [("modules/" + os.path.basename(path), path) for path in files], script)
        machine = room.machine("card", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory="512M")
        machine.vivctl("set", "net0.kind=user", "net0.card=" + name, "net0.mac=52:54:00:00:00:01")
        machine.start()
        machine.wait_serial(r"RESULT script ok", 600)
        text = machine.serial().replace("\r", "")

        def line(word):
            found = re.search(r"^%s (.*)$" % word, text, re.M)
            check(found, "no %s in\n%s" % (word, text[-3000:]))
            return found[1]

        equal(line("DRIVER"), driver + " 52:54:00:00:00:01", "the card")
        equal(line("LEASE"), "10.0.2.15", "the lease")
        equal(line("DOWN"), hashlib.sha256(content).hexdigest(), "what was downloaded")
        sink.thread.join(60)
        equal(line("UP"), sink.sum, "what was uploaded")
        check("RESULT woken 2" in text, "it doesn't sleep")
        equal(line("SLEPT"), hashlib.sha256(content).hexdigest(), "what was downloaded around drivers that slept")
        equal(line("AGAIN"), hashlib.sha256(content).hexdigest(), "what was downloaded by a driver that has taken the card again")
        results = dict(re.findall(r"^RESULT (\w+) (.*)$", text, re.M))
        for what in ("ping", "bind"):
            equal(results.get(what), "ok", what + "\n" + text[-2000:])
        said = new(line.strip() for line in re.findall(r"^SAID (.*)$", text, re.M))
        equal(sorted(line for line in said if not AWAKE.search(line)), [], "complaints of the kernel\n" + text[-2000:])
        equal(line("ERRORS"), "0 0", "errors that the driver has counted")
        if name != "ne2000":  # it has no way to tell
            for link, carrier in (("down", "0"), ("up", "1")):
                machine.vivctl("device", "set", "net0.link=" + link)
                machine.vivctl("serial", "--send", "carrier %s\\n" % carrier)
                machine.wait_serial(r"CARRIER %s" % carrier, 60)
        machine.vivctl("serial", "--send", "off\\n")
        machine.wait_state("off", 60)
    return case


def boot(room, engine):
    """By each card's boot ROM a script from our own TFTP server."""
    if not os.path.exists("/usr/lib/ipxe/qemu/pxe-e1000.rom"):
        raise Skip("/usr/lib/ipxe/qemu is missing (package ipxe-qemu)")
    with open(room.path("boot.ipxe"), "w", encoding="ascii") as file:
        file.write("#!ipxe\necho script of ${net0/ip}\nsleep 3600\n")
    for name in ("virtio", *CARDS):
        machine = room.machine("boot " + name, engine=engine, memory="128M")
        machine.vivctl("set", "net0.kind=user", "net0.card=" + name, "net0.tftp=" + room.path("."), "net0.bootfile=boot.ipxe", "machine.boot=n")
        machine.start()
        machine.until(lambda: "script of 10.0.2.15" in machine.vivctl("text", ok=False).stdout, 120, "the script by " + name)
        machine.vivctl("stop", "--force")
        machine.wait_state("off", 60)


PXELINUX = """SERIAL 0 115200
DEFAULT linux
LABEL linux
  KERNEL linux
  INITRD initrd
  APPEND console=ttyS0 quiet by=pxelinux
"""
LOADED = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
echo "LOADED $(cat /proc/cmdline)"
read line
poweroff -f
"""


def kernel(room, engine):
    """A kernel and its initrd from our own TFTP server: by iPXE's script, and by pxelinux."""
    linux, _ = cloud_kernel()
    shutil.copy(linux, room.path("linux"))
    shutil.move(initramfs(room, "loaded", [], LOADED), room.path("initrd"))
    with open(room.path("boot.ipxe"), "w", encoding="ascii") as file:
        file.write("#!ipxe\nkernel linux initrd=initrd console=ttyS0 quiet by=ipxe\ninitrd initrd\nboot\n")
    os.mkdir(room.path("pxelinux.cfg"))
    with open(room.path("pxelinux.cfg/default"), "w", encoding="ascii") as file:
        file.write(PXELINUX)
    ways = [("e1000", "ipxe", "boot.ipxe"), ("rtl8139", "ipxe", "boot.ipxe")]
    if os.path.exists("/usr/lib/PXELINUX/pxelinux.0"):
        shutil.copy("/usr/lib/PXELINUX/pxelinux.0", room.path("."))
        shutil.copy(find("/usr/lib/syslinux/modules/bios/ldlinux.c32", "syslinux-common"), room.path("."))
        # Not the ne2000: iPXE's driver of it has no interrupts, and pxelinux gets nothing by it under QEMU either.
        ways += [(name, "pxelinux", "pxelinux.0") for name in ("e1000e", "pcnet", "rtl8139", "virtio")]
    for card_name, way, file in ways:
        machine = room.machine("%s by %s" % (way, card_name), engine=engine, memory="256M")
        machine.vivctl("set", "net0.kind=user", "net0.card=" + card_name, "net0.tftp=" + room.path("."), "net0.bootfile=" + file, "machine.boot=n")
        machine.start()
        machine.wait_serial(r"^LOADED .*by=%s" % way, 240)
        machine.vivctl("serial", "--send", "off\\n")
        machine.wait_state("off", 60)


WAKE = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
%s
cat > /lease <<'END'
#!/bin/sh
[ "$1" = bound ] && ip addr add $ip/24 dev $interface
END
chmod +x /lease
for i in 1 2 3 4 5 6 7 8 9; do [ -e /sys/class/net/eth0 ] && break; sleep 1; done
ip link set eth0 up
udhcpc -q -n -t 10 -i eth0 -s /lease > /dev/null 2>&1
ping -c 1 10.0.2.2 > /dev/null
/usr/sbin/ethtool -s eth0 wol g && echo "READY"
echo mem > /sys/power/state && echo "RESULT woken"
for i in 1 2 3 4 5 6 7 8 9; do ping -c 1 -W 2 10.0.2.2 > /dev/null && break; done && echo "RESULT ping ok"
read line
poweroff -f
"""


def wake(room, engine):
    """Linux sleeps (suspend to RAM), and a packet wakes it: Wake-on-LAN."""
    linux, folder = whole_kernel()
    for name in ("e1000", "e1000e", "rtl8139"):
        modules, port = CARDS[name][1], free_port()
        files = [("modules/" + os.path.basename(m), os.path.join(folder, m)) for m in modules]
        script = WAKE % "\n".join("insmod /modules/" + os.path.basename(m) for m in modules)
        initrd = initramfs(room, "wake", files + with_libraries("/usr/sbin/ethtool", "ethtool"), script)
        machine = room.machine("wake " + name, "--kernel", linux, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory="256M")
        machine.vivctl("set", "net0.kind=user", "net0.card=" + name, "net0.mac=52:54:00:00:00:01", "net0.forward=udp::%d-:9" % port)
        machine.start()
        machine.wait_serial(r"^READY", 300)
        machine.until(lambda: "sleeps" in machine.vivctl("show").stdout, 100, "the guest's sleep")  # pylint: disable=cell-var-from-loop
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            address = bytes.fromhex("525400000001")
            for payload in (b"what wakes nobody", b"\xff" * 6 + address[:5] + b"\0" + address * 15):
                sock.sendto(payload, ("127.0.0.1", port))
            time.sleep(2)
            check("sleeps" in machine.vivctl("show").stdout, "other packets have woken it")
            sock.sendto(b"\xff" * 6 + address * 16, ("127.0.0.1", port))
        machine.wait_serial(r"RESULT woken", 200)
        machine.wait_serial(r"RESULT ping ok", 100)
        machine.vivctl("serial", "--send", "off\\n")
        machine.wait_state("off", 60)


ISA = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
exec < /dev/ttyS0 > /dev/ttyS0 2>&1
echo 1 > /proc/sys/kernel/printk
modprobe ne io=0x300 irq=5
cat > /lease <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/24 dev $interface
echo "LEASE $ip"
END
chmod +x /lease
echo "CARD $(cat /sys/class/net/eth0/address) $(ls -d /sys/module/ne)"
ip link set eth0 up
udhcpc -q -n -t 10 -i eth0 -s /lease | grep LEASE
ping -c 3 10.0.2.2 | grep -q ' 0%% packet loss' && echo "RESULT ping ok"
echo "DOWN $(wget -q -O - http://10.0.2.2:%d/ | sha256sum | cut -c1-64)"
echo "INTERRUPTS $(grep -E '^ *5:' /proc/interrupts)"
echo "RESULT script ok"
read line
poweroff -f
"""


def isa(room, engine):
    """The NE2000 on the ISA bus by Linux's driver ne, which only kernels of 32 bits have: the installer's, with its programs."""
    linux, initrd = installer("i386", "text")
    content = os.urandom(MIB)
    script = ISA % serve(http.server.ThreadingHTTPServer, "127.0.0.1", content)
    with open(room.path("both"), "wb") as file, open(initrd, "rb") as first:
        file.write(first.read())
        file.write(b"\0" * (-file.tell() % 4) + cpio([("try", 0o100755, script.encode())]))
    machine = room.machine("isa", "--kernel", linux, "--initrd", room.path("both"), "--append", "console=ttyS0 quiet rdinit=/try", engine=engine, memory="256M")
    machine.vivctl("set", "net0.kind=user", "net0.card=ne2000-isa", "net0.mac=52:54:00:00:00:01")
    machine.start()
    machine.wait_serial(r"RESULT script ok", 600)
    text = machine.serial().replace("\r", "")
    for line in ("CARD 52:54:00:00:00:01 /sys/module/ne", "LEASE 10.0.2.15", "RESULT ping ok", "DOWN " + hashlib.sha256(content).hexdigest()):
        check(re.search("^%s$" % re.escape(line), text, re.M), "no “%s” in\n%s" % (line, text[-2000:]))
    check(re.search(r"^INTERRUPTS +5: +[1-9]", text, re.M), "its interrupts\n" + text[-2000:])
    equal(re.search(r"^net0 +(.*\S)", machine.vivctl("device", "list").stdout, re.M)[1].split("  ")[0], "isa 300 irq 5", "its place")
    machine.vivctl("serial", "--send", "off\\n")
    machine.wait_state("off", 60)


CASES = {name: card(name) for name in CARDS}
CASES["rtl8139-ring"] = card("rtl8139", ("8139too", ("drivers/net/mii.ko", "drivers/net/ethernet/realtek/8139too.ko")))
CASES["ne2000-isa"] = isa
CASES["boot"], CASES["kernel"], CASES["wake"] = boot, kernel, wake
run_cases(CASES, slow=tuple(CASES))
