#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's kernel on the user network.   os-net.py ENGINE [CASE…]

Everything is on this computer: where the kernel lets us, in a network of our own with a name server of our own; else the names are left out."""
import hashlib
import http.server
import json
import os
import re
import urllib.request

from lib import check, equal
from os_cases import run_cases
from os_media import cloud_kernel, initramfs, with_libraries
from os_network import ADDRESS, OWN, VIRTIO, Names, Server6, Sink, free_port, own_network, serve

# %(…)s: modules, ports, whether there are names.
SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
%(modules)s
cat > /lease <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/24 dev $interface
ip route add default via $router
echo "LEASE $ip $router $dns $hostname"
END
chmod +x /lease
ip link set lo up
ip link set eth0 up
echo "DRIVER $(basename $(readlink /sys/class/net/eth0/device/driver)) $(cat /sys/class/net/eth0/address)"
udhcpc -q -n -t 10 -i eth0 -s /lease > /dhcp 2>&1
grep LEASE /dhcp
[ "%(names)s" = True ] && nslookup host.test 10.0.2.3 2> /dev/null | grep -q %(address)s && echo "RESULT names ok"
echo "DOWN $(wget -q -O - http://10.0.2.2:%(http)d/ | sha256sum | cut -c1-64)"
dd if=/dev/urandom of=/up bs=1M count=16 2> /dev/null
nc 10.0.2.2 %(sink)d < /up
echo "UP $(sha256sum /up | cut -c1-64)"
for i in 1 2 3 4 5 6 7 8 9 10; do ip -6 addr show dev eth0 | grep -q 'fec0.* scope site dynamic' && break; sleep 1; done
echo "DOWN6 $(wget -q -O - http://[fec0::2]:%(http6)d/ | sha256sum | cut -c1-64)"
mkdir /www && echo "from the guest" > /www/index.html && httpd -p 80 -h /www
cd /sys/bus/virtio/drivers/virtio_net
for i in 1 2 3 4 5; do echo virtio0 > unbind; echo virtio0 > bind; done
ip link set eth0 up
udhcpc -q -n -t 10 -i eth0 -s /lease > /dhcp 2>&1
grep -q LEASE /dhcp && echo "RESULT bind ok"
dmesg -r | grep '^<[0-4]>' | grep -i -e virt -e eth0 | sed 's/^/KERNEL /'
echo "COMPLAINTS $(dmesg -r | grep '^<[0-4]>' | grep -i -c -e virt -e eth0)"
echo "RESULT script ok"
while read line; do
  case "$line" in
    carrier*) for i in 1 2 3 4 5 6 7 8 9; do [ "$(cat /sys/class/net/eth0/carrier)" = "${line#carrier }" ] && break; sleep 1; done
      echo "CARRIER $(cat /sys/class/net/eth0/carrier)" ;;
    off) poweroff -f ;;
  esac
done
"""


def virtio(legacy):
    def case(room, engine):
        kernel, modules = cloud_kernel()
        names = OWN in os.environ
        if names:
            Names(room.path("."))
        content = os.urandom(24 << 20)
        sink, port = Sink(), free_port()
        try:
            http6 = serve(Server6, "::1", content[:4 << 20])
        except OSError:
            http6 = 0
        loads = ["insmod /modules/%s%s" % (os.path.basename(m), " force_legacy=1" if legacy and m.endswith("virtio_pci.ko") else "") for m in VIRTIO]
        packet = [m for m in ("net/packet/af_packet.ko",) if os.path.exists(os.path.join(modules, m))]
        loads += ["insmod /modules/" + os.path.basename(m) for m in packet]
        script = SCRIPT % {"modules": "\n".join(loads), "http": serve(http.server.ThreadingHTTPServer, "127.0.0.1", content), "http6": http6,
                           "sink": sink.port, "names": names, "address": ADDRESS.replace(".", "[.]")}
        initrd = initramfs(room, "script", [("modules/" + os.path.basename(m), os.path.join(modules, m)) for m in (*VIRTIO, *packet)], script)
        machine = room.machine("Net 1", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory="512M")
        machine.vivctl("set", "net0.kind=user", "net0.card=virtio", "net0.mac=52:54:00:00:00:01", "net0.forward=tcp::%d-:80" % port)
        machine.start()
        machine.wait_serial(r"RESULT script ok", 600)
        text = machine.serial().replace("\r", "")

        def line(name):
            found = re.search(r"^%s (.*)$" % name, text, re.M)
            check(found, "no %s in\n%s" % (name, text[-3000:]))
            return found[1]

        equal(line("DRIVER"), "virtio_net 52:54:00:00:00:01", "the card")
        equal(line("LEASE"), "10.0.2.15 10.0.2.2 10.0.2.3 net-1", "the lease")
        equal(line("DOWN"), hashlib.sha256(content).hexdigest(), "what was downloaded")
        sink.thread.join(60)
        equal(line("UP"), sink.sum, "what was uploaded")
        if http6:
            equal(line("DOWN6"), hashlib.sha256(content[:4 << 20]).hexdigest(), "what was downloaded by IPv6")
        results = dict(re.findall(r"^RESULT (\w+) (.*)$", text, re.M))
        equal(results.get("bind"), "ok", "a driver that lets go and takes again\n" + text[-2000:])
        if names:
            equal(results.get("names"), "ok", "a name\n" + text[-2000:])
        equal(line("COMPLAINTS"), "0", "complaints of the kernel")
        with urllib.request.urlopen("http://127.0.0.1:%d/index.html" % port, timeout=60) as answer:
            equal(answer.read(), b"from the guest\n", "what the guest serves")
        closed = free_port()
        machine.vivctl("device", "set", "net0.forward=tcp::%d-:80,tcp::%d-:81" % (port, closed))
        states = [f["state"] for f in json.loads(machine.vivctl("forward", "test", "--json", ok=False).stdout)]
        equal(states, ["answers", "refuses"], "whether the guest answers")
        check(re.search(r"^net0 +pci 00:03.0 ", machine.vivctl("device", "list").stdout, re.M), "its place")
        machine.vivctl("device", "set", "net0.link=down")
        machine.vivctl("serial", "--send", "carrier 0\\n")
        machine.wait_serial(r"CARRIER 0", 60)
        machine.vivctl("device", "set", "net0.link=up")
        machine.vivctl("serial", "--send", "carrier 1\\n")
        machine.wait_serial(r"CARRIER 1", 60)
        machine.vivctl("serial", "--send", "off\\n")
        machine.wait_state("off", 60)
    return case


QUEUES = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 1 > /proc/sys/kernel/printk
%(modules)s
cat > /lease <<'END'
#!/bin/sh
[ "$1" = bound ] && ip addr add $ip/24 dev $interface
END
chmod +x /lease
ip link set lo up
ip link set eth0 up
udhcpc -q -n -t 10 -i eth0 -s /lease > /dev/null 2>&1
for pairs in 4 2 1 4; do
  /usr/sbin/ethtool -L eth0 combined $pairs 2> /dev/null
  echo "PAIRS $(/usr/sbin/ethtool -l eth0 | grep Combined | tail -n 1 | tr -dc 0-9)"
  for i in 1 2 3 4; do wget -q -O - http://10.0.2.2:%(http)d/ | sha256sum | cut -c1-64 > /sum$i & done
  wait
  echo "SUMS $(cat /sum1 /sum2 /sum3 /sum4 | tr '\\n' ' ')"
done
echo "USED $(grep virtio0-input /proc/interrupts | while read n a b c d rest; do [ $((a + b + c + d)) -gt 1 ] && echo $n; done | wc -l)"
echo "COMPLAINTS $(dmesg -r | grep '^<[0-4]>' | grep -i -c -e virt -e eth0)"
echo "RESULT script ok"
read line
poweroff -f
"""


def queues(room, engine):
    """Four processors, four pairs of queues, of which the driver takes fewer meanwhile: each connection comes whole, by the queue that it is sent by."""
    kernel, modules = cloud_kernel()
    if OWN in os.environ:
        Names(room.path("."))
    content = os.urandom(8 << 20)
    packet = [m for m in ("net/packet/af_packet.ko",) if os.path.exists(os.path.join(modules, m))]
    names = (*VIRTIO, *packet)
    script = QUEUES % {"modules": "\n".join("insmod /modules/" + os.path.basename(m) for m in names), "http": serve(http.server.ThreadingHTTPServer, "127.0.0.1", content)}
    files = [("modules/" + os.path.basename(m), os.path.join(modules, m)) for m in names]
    initrd = initramfs(room, "queues", files + with_libraries("/usr/sbin/ethtool", "ethtool"), script)
    machine = room.machine("Queues", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", "--cpus", "4", engine=engine, memory="512M")
    machine.vivctl("set", "net0.kind=user", "net0.card=virtio", "net0.queues=4")
    machine.start()
    machine.wait_serial(r"RESULT script ok", 600)
    text = machine.serial().replace("\r", "")
    equal(re.findall(r"^PAIRS (\d+)$", text, re.M), ["4", "2", "1", "4"], "pairs in use\n" + text[-2000:])
    sums = re.findall(r"^SUMS (.*\S) *$", text, re.M)
    equal([line.split() for line in sums], [[hashlib.sha256(content).hexdigest()] * 4] * 4, "what was downloaded")
    check(int(re.search(r"^USED (\d+)$", text, re.M)[1]) > 1, "packets came by one queue only\n" + text[-2000:])
    equal(re.search(r"^COMPLAINTS (\d+)$", text, re.M)[1], "0", "complaints of the kernel")
    machine.vivctl("serial", "--send", "off\\n")
    machine.wait_state("off", 60)


CASES = {"virtio": virtio(False), "virtio-legacy": virtio(True), "virtio-queues": queues}
own_network(cloud_kernel)
run_cases(CASES, slow=tuple(CASES))
