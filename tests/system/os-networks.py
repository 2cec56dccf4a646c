#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's kernel on networks with others: machines of one user, a group, a pair, a tap, a bridge, passt.   os-networks.py ENGINE [CASE…]

Taps and bridges are in a network of the test's own where the kernel lets it, and are skipped elsewhere."""
import hashlib
import http.server
import os
import random
import re
import signal
import subprocess
import sys
import time

from lib import SLOW, Skip, check, equal
from os_cases import run_cases
from os_debian_guest import new
from os_media import cloud_kernel, initramfs, whole_kernel
from os_network import CARDS, VIRTIO, free_port, serve

OWN = "VIVARIUM_TEST_OWN_NETWORK"
HELPER = "/usr/lib/qemu/qemu-bridge-helper"
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
ip addr add $ip/$mask dev $interface
ip route add default via $router
END
chmod +x /lease
ip link set lo up
ip link set eth0 up
%(address)s
echo "RESULT ready ok"
while read command one; do
  case "$command" in
    ping) for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do ping -c 1 -W 2 $one > /dev/null 2>&1 && break; done
      ping -c 1 -W 2 $one > /dev/null && echo "PING $one ok" || echo "PING $one failed" ;;
    serve) mkdir -p /www; dd if=/dev/urandom of=/www/index.html bs=64k count=${one:-128} 2> /dev/null
      [ "$served" ] || httpd -p 80 -h /www; served=yes; echo "SERVED $(sha256sum /www/index.html)" ;;
    get) echo "GOT $(wget -q -O - http://$one/ | sha256sum | cut -c1-64)" ;;
    load) echo > /load; (while [ -e /load ]; do wget -q -O - http://$one/ | sha256sum | cut -c1-64 >> /sums; done; echo > /loaded) & echo "LOADING" ;;
    loaded) rm /load; while [ ! -e /loaded ]; do sleep 1; done; sort /sums | uniq -c; echo "LOADED $(wc -l < /sums) $(grep -c -x $one /sums)" ;;
    new) dmesg -r | grep '^<[0-4]>' | cut -d] -f2- > /now; echo none >> /now; [ -e /said ] || cp /now /said; grep -v -F -x -f /said /now | sed 's/^/SAID /'; echo "NEW" ;;
    off) poweroff -f ;;
  esac
done
"""


def own_network():
    """Begins again in a network of its own, where taps can be made; where there are none it goes on."""
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
    if OWN in os.environ or subprocess.run([*command, "sh", "-c", "ip link set lo up"], capture_output=True, check=False).returncode != 0:
        return
    try:
        if SLOW:
            cloud_kernel()
    except Skip:
        pass
    os.environ[OWN] = "1"
    os.execvp("unshare", [*command, sys.executable, *sys.argv])


def host(*command):
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Skip("%s: %s" % (" ".join(command), made.stderr.strip()))


class Guest:
    def __init__(self, room, engine, number, *keys, address=None, card="virtio"):
        kernel, modules = cloud_kernel() if card == "virtio" else whole_kernel()
        files = [*(VIRTIO if card == "virtio" else CARDS[card][1]), *(m for m in ("net/packet/af_packet.ko",) if os.path.exists(os.path.join(modules, m)))]
        self.address = "10.77.0.%d" % number
        script = SCRIPT % {"modules": "\n".join("insmod /modules/" + os.path.basename(m) for m in files),
                           "address": address or "ip addr add %s/24 dev eth0" % self.address}
        initrd = initramfs(room, "script%d" % number, [("modules/" + os.path.basename(m), os.path.join(modules, m)) for m in files], script)
        self.machine = room.machine("Net %d" % number, "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory="256M")
        self.machine.vivctl("set", "net0.card=" + card, *keys)
        self.begin()

    def begin(self):
        self.at = 0
        self.machine.start()

    def ready(self):
        _, self.at = self.machine.wait_serial(r"RESULT ready ok", 600)
        return self

    def ask(self, line, answer, timeout=120):
        before = len(self.machine.serial())
        self.machine.vivctl("serial", "--send", line + "\\n")
        if answer is None:
            return None
        match, _ = self.machine.wait_serial(answer, timeout, before)
        return match

    def ping(self, address):
        equal(self.ask("ping " + address, r"^PING \S+ (\w+)")[1], "ok", "a ping")

    def end(self):
        self.machine.vivctl("stop", "--force")


def transfer(one, other):
    served = one.ask("serve", r"^SERVED (\w+)")[1]
    equal(other.ask("get " + one.address, r"^GOT (\w+)")[1], served, "what was sent")


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def switch_of(machine):
    """The switch among the processes of its broker, which the machine's number is, or its parent's."""
    with open("/proc/%d/stat" % machine.pid, encoding="ascii") as file:
        parent = int(file.read().rsplit(")", 1)[1].split()[1])
    for pid in children(machine.pid) + (children(parent) if parent != os.getpid() else []):
        with open("/proc/%d/comm" % pid, encoding="ascii") as name:
            if name.read().strip() == "vivarium-switch":
                return pid
    return None


def private(room, engine):
    keys = ("net0.kind=private", "net0.network=lab")
    one, two = Guest(room, engine, 1, *keys), Guest(room, engine, 2, *keys)
    stranger = Guest(room, engine, 3, "net0.kind=private", "net0.network=other")
    for guest in one, two, stranger:
        guest.ready()
    one.ping(two.address)
    two.ping(one.address)
    transfer(one, two)
    transfer(two, one)
    equal(stranger.ask("ping " + one.address, r"^PING \S+ (\w+)", 120)[1], "failed", "a ping from another network")
    switches = [switch_of(m.machine) for m in (one, two)]
    equal(sum(s is not None for s in switches), 1, "switches of a network")
    os.kill(next(s for s in switches if s is not None), signal.SIGKILL)
    two.ping(one.address)
    # The one that has the switch is killed, broker and all; the other goes on, and so does who comes next.
    keeper = next((g for g in (one, two) if switch_of(g.machine) is not None), None)
    check(keeper is not None, "there is no switch")
    other = two if keeper is one else one
    os.kill(keeper.machine.pid, signal.SIGKILL)
    keeper.machine.wait_state("off", 60)
    keeper.begin()
    keeper.ready()
    other.ping(keeper.address)
    transfer(other, keeper)
    for guest in one, two, stranger:
        guest.end()
    folder = os.path.join(room.env["XDG_RUNTIME_DIR"], "vivarium", "networks")
    equal([f for f in os.listdir(folder) if f != "lock"], [], "what is left of the networks")


def multicast(room, engine):
    loopback()
    if OWN in os.environ:
        host("ip", "link", "set", "lo", "multicast", "on")
        host("ip", "route", "replace", "239.0.0.0/8", "dev", "lo")
    one, two = Guest(room, engine, 1, "net0.kind=multicast"), Guest(room, engine, 2, "net0.kind=multicast")
    one.ready()
    two.ready()
    one.ping(two.address)
    transfer(two, one)
    one.end()
    two.end()


def loopback():
    if OWN in os.environ:
        host("ip", "link", "set", "lo", "up")


def pair(one, two):
    loopback()
    one.ready()
    two.ready()
    one.ping(two.address)
    transfer(two, one)
    transfer(one, two)
    one.end()
    two.end()


def udp(room, engine):
    ends = ["127.0.0.1:%d" % free_port() for _ in range(2)]
    pair(*(Guest(room, engine, n + 1, "net0.kind=udp", "net0.local=" + ends[n], "net0.remote=" + ends[1 - n]) for n in range(2)))


def tcp(room, engine):
    end = "127.0.0.1:%d" % free_port()
    pair(*(Guest(room, engine, n, "net0.kind=tcp", "net0.%s=%s" % (key, end)) for n, key in ((1, "remote"), (2, "local"))))


SIZES = {"ne2000": 1}  # MiB; 8 else: its driver reads each word by a port


def saved(card):
    def case(room, engine):
        """Saved and loaded at any moment, VIVARIUM_TEST_ROUNDS times, while it downloads from another machine, which downloads from it."""
        rounds, seed = int(os.environ.get("VIVARIUM_TEST_ROUNDS", "5")), random.randrange(1 << 16)
        chance = random.Random(seed)
        print("# seed %d, %d rounds" % (seed, rounds), flush=True)
        keys = ("net0.kind=private", "net0.network=lab")
        other, one = Guest(room, engine, 1, *keys), Guest(room, engine, 2, *keys, card=card)
        other.ready()
        one.ready()
        one.ask("new", r"^NEW")
        one.ping(other.address)
        size = SIZES.get(card, 8) << 4
        sums = [guest.ask("serve %d" % size, r"^SERVED (\w+)")[1] for guest in (one, other)]
        one.ask("load " + other.address, r"^LOADING")
        other.ask("load " + one.address, r"^LOADING")
        state = room.path("saved.state")
        for number in range(rounds):
            time.sleep(0.5 + 2 * chance.random())
            if chance.random() < 0.5:  # else saving is what pauses it
                one.machine.vivctl("pause")
            one.machine.vivctl("save", "--force", state, timeout=200)
            one.machine.stop()
            one.machine.start("--load", state)
            equal(one.machine.state, "running", "state after loading")
            if number % 10 == 9:
                one.ping(other.address)
        time.sleep(2)
        for guest, wanted in ((one, sums[1]), (other, sums[0])):
            found = guest.ask("loaded " + wanted, r"^LOADED (\d+) (\d+)", 600)
            print("# %s: %s downloads" % (guest.address, found[1]), flush=True)
            check(int(found[1]) > 0, "nothing was downloaded")
            equal(found[2], found[1], "downloads with the right sum")
        one.ask("new", r"^NEW")
        equal(sorted(new(line.strip() for line in re.findall(r"^SAID (.*)$", one.machine.serial(), re.M))), [], "complaints of the kernel")
        for guest in one, other:
            guest.end()
    return case


def on_host(room, engine, keys):
    content = os.urandom(8 << 20)
    guest = Guest(room, engine, 1, *keys).ready()
    port = serve(http.server.ThreadingHTTPServer, "10.77.0.100", content)
    guest.ping("10.77.0.100")
    equal(guest.ask("get 10.77.0.100:%d" % port, r"^GOT (\w+)")[1], hashlib.sha256(content).hexdigest(), "what was downloaded")
    numbers = guest.machine.show()["statistics"]
    check(numbers["net0.received-bytes"] > len(content), "the count of bytes")
    # Segments come whole: fewer packets than frames.
    check(numbers["net0.received-packets"] < len(content) / 1500, "%d packets" % numbers["net0.received-packets"])
    guest.end()


def tap(room, engine):
    if OWN not in os.environ:
        raise Skip("a network of the test's own can't be made here")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        raise Skip("/dev/net/tun can't be opened")
    host("ip", "tuntap", "add", "dev", "viv0", "mode", "tap")
    host("ip", "addr", "add", "10.77.0.100/24", "dev", "viv0")
    host("ip", "link", "set", "viv0", "up")
    on_host(room, engine, ("net0.kind=tap", "net0.tap=viv0"))
    # One that there isn't a way to: the machine runs, and says so.
    guest = Guest(room, engine, 2, "net0.kind=tap").ready()
    log = os.path.join(guest.machine.folder, "vivarium.log")
    texts = [open(os.path.join(guest.machine.folder, f), encoding="utf-8", errors="replace").read()
             for f in os.listdir(guest.machine.folder) if f.endswith(".log")]
    check(any("net0.tap doesn't say which tap" in t for t in texts), "no word about it in %s" % log)
    guest.end()


def bridge(room, engine):
    if OWN not in os.environ:
        raise Skip("a network of the test's own can't be made here")
    if not os.access(HELPER, os.X_OK):
        raise Skip(HELPER + " is missing (package qemu-system-common)")
    if not os.path.isdir("/etc/qemu"):
        raise Skip("/etc/qemu is missing, where the helper looks for what it may do")
    allowed = room.path("qemu")
    os.mkdir(allowed)
    with open(os.path.join(allowed, "bridge.conf"), "w", encoding="ascii") as file:
        file.write("allow vivbr0\n")
    host("mount", "--bind", allowed, "/etc/qemu")
    host("ip", "link", "add", "vivbr0", "type", "bridge")
    host("ip", "addr", "add", "10.77.0.100/24", "dev", "vivbr0")
    host("ip", "link", "set", "vivbr0", "up")
    on_host(room, engine, ("net0.kind=bridge", "net0.bridge=vivbr0"))


def passt(room, engine):
    if subprocess.run(["passt", "--version"], capture_output=True, check=False).returncode not in (0, 1):
        raise Skip("passt is not installed")
    if OWN in os.environ:
        # It hands on what the host's interface with the default route has.
        host("ip", "tuntap", "add", "dev", "viveth0", "mode", "tap")
        host("ip", "addr", "add", "10.88.0.2/24", "dev", "viveth0")
        host("ip", "link", "set", "viveth0", "up")
        host("ip", "link", "set", "lo", "up")
        host("ip", "route", "add", "default", "via", "10.88.0.1", "dev", "viveth0")
    content = os.urandom(4 << 20)
    port = serve(http.server.ThreadingHTTPServer, "127.0.0.1", content)
    guest = Guest(room, engine, 1, "net0.kind=passt", address="udhcpc -q -n -t 10 -i eth0 -s /lease > /dhcp 2>&1; echo ROUTE $(ip route)").ready()
    router = re.search(r"default via (\S+)", guest.machine.serial())
    check(router, "no lease: " + guest.machine.serial()[-500:])
    equal(guest.ask("get %s:%d" % (router[1], port), r"^GOT (\w+)")[1], hashlib.sha256(content).hexdigest(), "what was downloaded")
    guest.end()


CASES = {**{"saved-" + card: saved(card) for card in ("virtio", *CARDS)}, "private": private, "multicast": multicast, "udp": udp, "tcp": tcp, "tap": tap, "bridge": bridge, "passt": passt}
own_network()
run_cases(CASES, slow=tuple(CASES))
