#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each network card under a Debian that loads it.   os-traffic.py ENGINE [CARD…]

iperf3, 200 MB, names, IPv6 and forwarded ports by the user network; sums of odd lengths by card and by kernel; rings that overflow, filters, VLANs, large packets; the
cable out, and a driver that lets go of the card and takes it again, while data goes."""
import hashlib
import http.server
import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.request

from lib import check, end, equal, need_programs, spawn, until
from os_cases import run_cases
from os_debian import image
from os_debian_guest import Guest, new
from os_network import ADDRESS, OWN, Names, Server6, free_port, own_network, serve

MIB = 1 << 20
# Card: drivers that Linux has for it, MiB of the large download, whether it takes packets of 9000 bytes.
CARDS = {
    "virtio": ({"virtio_net"}, 200, False),
    "e1000": ({"e1000"}, 200, True),
    "e1000e": ({"e1000e"}, 200, True),
    "rtl8139": ({"8139cp"}, 200, False),
    "pcnet": ({"pcnet32"}, 200, False),
    "ne2000": ({"ne2k-pci"}, 200, False),
}
# Linux 6.1 begins to close a device, and waits, before its driver stops the card (__dev_close_many()): what comes meanwhile the 8390's remarks upon.
SHUTTING = re.compile(r"^ne2k-pci .*: interrupt from stopped card$")
CARRIER = """
for i in $(seq 60); do [ "$(cat /sys/class/net/eth0/carrier 2> /dev/null)" = 1 ] && break; sleep 0.5; done
"""
UP = """
for i in $(seq 50); do [ -e /sys/class/net/eth0 ] && break; sleep 0.2; done
ip link set eth0 up
""" + CARRIER + """
dhclient -r eth0 2> /dev/null
for i in 1 2 3 4 5; do dhclient -1 eth0 2>&1 && break; done; ip -4 -o addr show eth0
"""
# What comes back is what was sent, in datagrams and pieces of odd lengths.
ECHO = r"""
cat > /run/echo.py <<'END'
import os, socket, sys
tcp, udp = int(sys.argv[1]), int(sys.argv[2])
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(2)
lost = 0
for size in [1, 2, 3, 5, 7, 17, 19, 33, 61, 63, 127, 255, 511, 1001, 1023, 1469, 1471, 1472]:
    data = os.urandom(size)
    for attempt in range(8):
        sock.sendto(data, ("10.0.2.2", udp))
        try:
            answer = sock.recv(65536)
        except socket.timeout:
            lost += 1
            continue
        if answer == data:
            break
        if len(answer) == size:
            sys.exit("a datagram of %d bytes came back changed" % size)
    else:
        sys.exit("no datagram of %d bytes came back" % size)
with socket.create_connection(("10.0.2.2", tcp)) as sock:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for size in [1, 3, 7, 61, 999, 1449, 1459, 1461, 2921, 4381, 8191, 30001, 65535, 65537]:
        data = os.urandom(size)
        sock.sendall(data)
        got = b""
        while len(got) < size:
            piece = sock.recv(size - len(got))
            if not piece:
                sys.exit("the connection ended")
            got += piece
        if got != data:
            sys.exit("%d bytes came back changed" % size)
print("echoed, lost", lost)
END
one() { python3 /run/echo.py @TCP@ @UDP@ || { echo "with $*"; exit 1; }; }
one "what it has at first"
for way in "tx off" "rx off" "tx on" "tso off" "gso off" "gro off" "sg off" "sg on" "rx on" "gro on" "gso on" "tso on"; do
  ethtool -K eth0 $way > /dev/null 2>&1 && one $way
done
echo "sums are right"
"""
FILTERS = """
for round in 1 2 3 4; do
  ip link set eth0 promisc on; ip link set eth0 allmulticast on; ip link set eth0 promisc off
  for n in $(seq 1 40); do ip maddr add 33:33:00:00:$round:$(printf %02x $n) dev eth0; done
  ip link set eth0 allmulticast off
  for n in $(seq 1 40); do ip maddr del 33:33:00:00:$round:$(printf %02x $n) dev eth0; done
done
for n in 5 100 4094; do
  ip link add link eth0 name vlan$n type vlan id $n && ip addr add 192.0.2.$((n % 200 / 8 * 8 + 1))/29 dev vlan$n && ip link set vlan$n up
  ping -c 2 -W 1 -I vlan$n 192.0.2.$((n % 200 / 8 * 8 + 2)) > /dev/null
done
for way in "rxvlan off" "txvlan off" "rx-vlan-filter off" "rx-vlan-filter on" "txvlan on" "rxvlan on"; do ethtool -K eth0 $way > /dev/null 2>&1; done
for n in 5 100 4094; do ip link del vlan$n || exit 1; done
ping -c 3 10.0.2.2 > /dev/null || { echo "no ping"; exit 1; }
# The router tells its prefix to all by multicast, when it is asked: with the link up, since drivers begin anew at some of these changes, and then the kernel asks
# again after twice as long each time.
""" + CARRIER + """
sysctl -q net.ipv6.conf.eth0.disable_ipv6=1; sysctl -q net.ipv6.conf.eth0.disable_ipv6=0
for i in $(seq 120); do ip -6 -o addr show dev eth0 | grep -q 'fec0:.* dynamic' && { echo "filters pass"; exit 0; }; sleep 0.5; done
echo "no prefix"; ip -6 addr show dev eth0; ip maddr show dev eth0; ip -s link show dev eth0; dmesg | tail -n 20
exit 1
"""


class Echo:
    """A server that gives back what it is told, by TCP and UDP."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", 0))
        self.tcp, self.udp = self.listener.getsockname()[1], self.datagrams.getsockname()[1]
        threading.Thread(target=self.take, daemon=True).start()
        threading.Thread(target=self.answer, daemon=True).start()

    def take(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    @staticmethod
    def serve(client):
        with client:
            while data := client.recv(1 << 16):
                client.sendall(data)

    def answer(self):
        while True:
            data, sender = self.datagrams.recvfrom(1 << 16)
            self.datagrams.sendto(data, sender)


class Iperf:
    """iperf3's server on a port of this computer."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.process = spawn(["iperf3", "-s", "-B", "127.0.0.1", "-p", str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def client(self, guest, *options, seconds=4):
        """What iperf3 in the guest found: the bytes that have come."""
        text = guest.run("iperf3 -J -c 10.0.2.2 -p %d -t %d %s" % (self.port, seconds, " ".join(options)), 180)
        found = json.loads(text[text.index("{"):])["end"]
        return found.get("sum_received", found.get("sum", {})).get("bytes", 0)


class Traffic:
    """A guest with one card, and what it can reach on this computer."""

    def __init__(self, room, engine, name):
        self.name, (self.drivers, size, self.jumbo) = name, CARDS[name]
        small = os.urandom(MIB) * max(size // 20, 2)
        large = small * 20 if size >= 40 else os.urandom(MIB) * size
        self.contents = {"small": small, "large": large}
        self.ports = {what: serve(http.server.ThreadingHTTPServer, "127.0.0.1", content) for what, content in self.contents.items()}
        self.forwarded, self.names = free_port(), OWN in os.environ
        try:
            self.port6 = serve(Server6, "::1", small)
        except OSError:
            self.port6 = 0  # this computer has none
        if self.names:
            Names(room.path("."))
        self.echo, self.iperf = Echo(), Iperf()
        self.guest = Guest(room, engine, settings=("net0.kind=user", "net0.card=" + name, "net0.forward=tcp::%d-:80" % self.forwarded))
        self.machine = self.guest.machine

    def fetch(self, what):
        return "curl -s -S http://10.0.2.2:%d/ | sha256sum" % self.ports[what]

    def same(self, text, what, how):
        equal(text.split()[0], hashlib.sha256(self.contents[what]).hexdigest(), "what was downloaded " + how)

    def download(self, what, how):
        self.same(self.guest.run(self.fetch(what), 900), what, how)

    def flood(self):
        """Both ways; then more than goes through."""
        for options in ((), ("-R",), ("-u", "-b", "2G", "-l", "1400"), ("-u", "-R", "-b", "2G", "-l", "1400"), ("-u", "-b", "200M", "-l", "64")):
            got = self.iperf.client(self.guest, *options)
            print("# %s: iperf3 %s: %.1f MB" % (self.name, " ".join(options), got / 1e6), flush=True)
            check(got > 0, "iperf3 %s" % " ".join(options))

    def reach(self):
        """Names, IPv6, pings, and the way in."""
        if self.names:
            check(ADDRESS in self.guest.run("getent ahostsv4 host.test"), "a name")
        if self.port6:
            self.same(self.guest.run("curl -s -S 'http://[fec0::2]:%d/' | sha256sum" % self.port6, 300), "small", "by IPv6")
        check(" 0% packet loss" in self.guest.run("ping -c 3 -s 1000 10.0.2.2 && ping -c 2 -W 5 fec0::2 > /dev/null"), "pings")
        self.guest.run("mkdir -p /run/www; echo from the guest > /run/www/index.html; (cd /run/www; exec python3 -m http.server 80 > /dev/null 2>&1) &")

        def served():
            try:
                with urllib.request.urlopen("http://127.0.0.1:%d/index.html" % self.forwarded, timeout=60) as answer:
                    return answer.read()
            except OSError:
                return None  # it doesn't listen yet
        equal(until(served, 60, "the guest's server", 1), b"from the guest\n", "what the guest serves")

    def received(self):
        return self.machine.show()["statistics"]["net0.received-bytes"]

    def cable(self):
        """It goes out and in while the guest loads, at a pace that makes it last."""
        size = len(self.contents["small"])
        self.machine.vivctl("device", "set", "net0.rate=%d" % (size // 1024 // 15))
        job = self.guest.send(self.fetch("small"))
        for _ in range(4):
            start = self.received()
            until(lambda: self.received() > start + size // 10, 120, "a download that goes on")  # pylint: disable=cell-var-from-loop
            self.machine.vivctl("device", "set", "net0.link=down")
            time.sleep(1)
            self.machine.vivctl("device", "set", "net0.link=up")
        self.same(self.guest.finish(job, 600), "small", "while the cable went out and in")
        self.machine.vivctl("device", "set", "net0.rate=0")

    def bind(self):
        """The driver goes and comes while data goes both ways."""
        self.guest.run("""
d=$(basename $(readlink -f /sys/class/net/eth0/device)); b=$(readlink -f /sys/class/net/eth0/device/driver)
for round in 1 2 3 4 5; do
  (iperf3 -c 10.0.2.2 -p %d -t 30 $([ $((round %% 2)) = 0 ] && echo -R) > /dev/null 2>&1; true) &
  curl -s http://10.0.2.2:%d/ > /dev/null & down=$!
  sleep 1
  echo $d > $b/unbind; kill $down; pkill iperf3; wait $down
  echo $d > $b/bind
  %s
done > /run/bind.out 2>&1
grep -c 'inet 10.0.2.15' /run/bind.out | grep -q 5 || { cat /run/bind.out; exit 1; }
""" % (self.iperf.port, self.ports["large"], UP), 600)
        self.download("small", "by a driver that has taken the card again")

    def large_packets(self):
        self.guest.run("ip link set eth0 mtu 9000\n%s\nping -c 3 -s 1400 10.0.2.2" % CARRIER)
        self.download("small", "with an MTU of 9000")
        self.guest.run("ip link set eth0 mtu 1500")


def card(name):
    def case(room, engine):
        need_programs("iperf3")
        traffic = Traffic(room, engine, name)
        guest = traffic.guest
        guest.login()
        driver = guest.run("basename $(readlink -f /sys/class/net/eth0/device/driver)").strip()
        check(driver in traffic.drivers, "the driver: " + driver)
        before = guest.warnings()
        check("10.0.2.15" in guest.run(UP), "an address")
        traffic.flood()
        traffic.download("large", "after a flood")
        traffic.reach()
        check("sums are right" in guest.run(ECHO.replace("@TCP@", str(traffic.echo.tcp)).replace("@UDP@", str(traffic.echo.udp)), 600), "odd lengths")
        check("filters pass" in guest.run(FILTERS, 300), "filters")
        if traffic.jumbo:
            traffic.large_packets()
        if name != "ne2000":  # it has no way to tell
            traffic.cable()
        traffic.bind()
        equal(sorted(line for line in new(guest.warnings(), before) if not SHUTTING.search(line)), [], "complaints of the kernel")
        end(traffic.iperf.process)
        guest.power_off()
    return case


CASES = {name: card(name) for name in CARDS}
own_network(image)
run_cases(CASES, slow=tuple(CASES))
