#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Linux guest's network behind this host's address (libslirp) beside QEMU's, each on its software processor.   tests/bench/net.py BUILD [CARD…]

MB a second to this host and back, and requests a second of a byte there and back, by the clock; and the processors' time of the whole machine for each."""
import os
import socket
import sys
import tempfile
import threading

from devices import APPEND, MEMORY, VIRTIO, Skip, compare, kernel_and_initrd
from measure import ours, qemu, theirs
from os_media import cloud_kernel, whole_kernel

MB = 1000000
# What goes which way: megabytes, or requests.
CASES = {"up": 150, "down": 150, "requests": 3000}
# By net0.card: QEMU's name, modules, and the kernel that has them.
CARDS = {"virtio": ("virtio-net-pci", VIRTIO + ("net/core/failover.ko", "drivers/net/net_failover.ko", "drivers/net/virtio_net.ko"), cloud_kernel),
         "e1000": ("e1000", ("drivers/net/ethernet/intel/e1000/e1000.ko",), whole_kernel)}


def serve(connection, what, amount):
    """What the guest's program expects at the other end."""
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if what == "up":
            while connection.recv(1 << 20):
                pass
            connection.sendall(b"!")
        elif what == "down":
            chunk = bytes(1 << 20)
            left = amount * MB
            while left > 0:
                connection.sendall(chunk[:left])
                left -= min(left, len(chunk))
        else:
            while data := connection.recv(1):
                connection.sendall(data)


def listen(what, amount):
    """A port at which each guest is served."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, what, amount), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def bench(folder, card):
    device, modules, which = CARDS[card]
    lines = []
    for what, amount in CASES.items():
        lines.append("net %s eth0 %s %d %d" % (what, what, amount * (MB if what != "requests" else 1), listen(what, amount)))
    kernel, initrd = kernel_and_initrd(folder, modules, lines, which)
    mine = "kernel=%s\ninitrd=%s\nappend=%s\n[net0]\nkind=user\ncard=%s" % (kernel, initrd, APPEND, card)
    arguments = ("-serial", "null", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", APPEND, "-netdev", "user,id=net", "-device",
                 device + ",netdev=net")
    compare(2, lambda: ours(folder, "software", mine, memory=MEMORY), lambda: theirs("tcg", *arguments, memory=MEMORY), CASES, "/s")


def main():
    if qemu is None:
        sys.exit("qemu-system-x86_64 is not installed; ./dev bench installs it")
    for card in sys.argv[2:] or list(CARDS):
        print("-- %s under Linux, beside QEMU's on TCG: MB, or requests; load %.1f" % (card, os.getloadavg()[0]), flush=True)
        with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
            try:
                bench(folder, card)
            except Skip as reason:
                print("skipped: %s" % reason)


if __name__ == "__main__":
    main()
