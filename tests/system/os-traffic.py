#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each network card under a Debian that loads it.   os-traffic.py ENGINE [CARD…]

iperf3 and a download by the user network; more than rings hold; sums of odd lengths by card and by kernel; filters, VLANs, large packets."""
import hashlib
import http.server
import json
import os
import socket
import subprocess
import threading

from lib import check, end, equal, need_programs, spawn
from os_cases import run_cases
from os_debian_guest import Guest, new
from os_network import serve

MIB = 1 << 20
# Card: drivers that Linux has for it, MiB of the download, the largest MTU that is tried if it takes more than 1500.
CARDS = {
    "e1000": ({"e1000"}, 200, 9000),
}
UP = """
for i in $(seq 50); do [ -e /sys/class/net/eth0 ] && break; sleep 0.2; done
ip link set eth0 up
for i in $(seq 50); do [ "$(cat /sys/class/net/eth0/carrier 2> /dev/null)" = 1 ] && break; sleep 0.2; done
dhclient -r eth0 2> /dev/null; dhclient -1 eth0 2>&1 && ip -4 -o addr show eth0
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
sysctl -q net.ipv6.conf.eth0.disable_ipv6=1; sysctl -q net.ipv6.conf.eth0.disable_ipv6=0
for n in 5 100 4094; do
  ip link add link eth0 name vlan$n type vlan id $n && ip addr add 192.0.2.$((n % 200))/29 dev vlan$n && ip link set vlan$n up
  ping -c 2 -W 1 -I vlan$n 192.0.2.$((n % 200 + 1)) > /dev/null
done
for way in "rxvlan off" "txvlan off" "rx-vlan-filter off" "rx-vlan-filter on" "txvlan on" "rxvlan on"; do ethtool -K eth0 $way > /dev/null 2>&1; done
for n in 5 100 4094; do ip link del vlan$n || exit 1; done
ping -c 3 10.0.2.2 > /dev/null || { echo "no ping"; exit 1; }
# The router tells its prefix to all by multicast.
for i in $(seq 60); do ip -6 -o addr show dev eth0 | grep -q 'fec0:.* dynamic' && break; sleep 0.5; done
ip -6 -o addr show dev eth0 | grep -q 'fec0:.* dynamic' && echo "filters pass"
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


def card(name):
    drivers, size, mtu = CARDS[name]

    def case(room, engine):
        need_programs("iperf3")
        content = os.urandom(MIB) * size
        wanted = hashlib.sha256(content).hexdigest()
        port, echo, iperf = serve(http.server.ThreadingHTTPServer, "127.0.0.1", content), Echo(), Iperf()
        guest = Guest(room, engine, settings=("net0.kind=user", "net0.card=" + name))
        guest.login()
        driver = guest.run("basename $(readlink -f /sys/class/net/eth0/device/driver)").strip()
        check(driver in drivers, "the driver: " + driver)
        before = guest.warnings()
        check("10.0.2.15" in guest.run(UP), "an address")
        fetch = "curl -s -S http://10.0.2.2:%d/ | sha256sum" % port

        def download(what):
            equal(guest.run(fetch, 600).split()[0], wanted, "what was downloaded " + what)
        # Both ways; then more than goes through.
        for options in ((), ("-R",), ("-u", "-b", "2G", "-l", "1400"), ("-u", "-R", "-b", "2G", "-l", "1400"), ("-u", "-b", "200M", "-l", "64")):
            got = iperf.client(guest, *options)
            print("# %s: iperf3 %s: %.1f MB" % (name, " ".join(options), got / 1e6), flush=True)
            check(got > 0, "iperf3 %s" % " ".join(options))
        download("after a flood")
        check("sums are right" in guest.run(ECHO.replace("@TCP@", str(echo.tcp)).replace("@UDP@", str(echo.udp)), 600), "odd lengths")
        check("filters pass" in guest.run(FILTERS, 300), "filters")
        if mtu:
            check("ok" in guest.run("ip link set eth0 mtu %d && ping -c 2 -s 1400 10.0.2.2 > /dev/null && echo ok" % mtu), "large packets")
            download("with an MTU of %d" % mtu)
            guest.run("ip link set eth0 mtu 1500")
        equal(sorted(new(guest.warnings(), before)), [], "complaints of the kernel")
        end(iperf.process)
        guest.power_off()
    return case


CASES = {name: card(name) for name in CARDS}
run_cases(CASES, slow=tuple(CASES))
