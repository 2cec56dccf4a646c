#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A port forwarded in the settings' rows while a Linux runs: the button beside it says whether the system answers, and this computer reaches its web server.
VIVARIUM_TEST_PICTURES: a folder for pictures of the window."""
import os
import re
import socket
import subprocess
import sys
import urllib.request

from lib import BUILD, SLOW, Room, Skip, Tap, check, equal, need_programs, until
from os_media import cloud_kernel, initramfs
from os_network import VIRTIO, free_port
from screen import Screen

PROGRAM = os.path.join(BUILD, "tests/display/forward-guest")
PAGE = b"from the guest\n"
SCRIPT = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
echo 1 > /proc/sys/kernel/printk
%s
cat > /lease <<'END'
#!/bin/sh
[ "$1" = bound ] && ip addr add $ip/24 dev $interface && ip route add default via $router
END
chmod +x /lease
ip link set lo up
ip link set eth0 up
udhcpc -q -n -t 10 -i eth0 -s /lease > /dev/null 2>&1
mkdir /www && echo "from the guest" > /www/index.html && httpd -p 80 -h /www
echo "LISTENS"
read line
poweroff -f
"""


def free_pair():
    """A port whose next one is free, too."""
    def look():
        port = free_port()
        try:
            with socket.create_server(("127.0.0.1", port + 1)):
                return port
        except (OSError, OverflowError):
            return None
    return until(look, 30, "two free ports")


class Window:
    """The settings' window, by a program that clicks in it."""

    def __init__(self, screen, *arguments):
        self.screen = screen
        self.process = subprocess.Popen([PROGRAM, *(str(a) for a in arguments)], env=dict(screen.env, GTK_A11Y="none"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def look(self, name):
        """Waits for something to look at, and keeps a picture of it."""
        equal(self.process.stdout.readline(), "shown\n", "the window")
        picture = self.screen.picture()
        if folder := os.environ.get("VIVARIUM_TEST_PICTURES"):
            self.screen.save(os.path.join(folder, name + ".png"))
        return picture

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()


def forwarded(room, engine):
    need_programs("Xvfb", "import", "dbus-daemon")
    kernel, modules = cloud_kernel()
    packet = [m for m in ("net/packet/af_packet.ko",) if os.path.exists(os.path.join(modules, m))]
    names = (*VIRTIO, *packet)
    initrd = initramfs(room, "forward", [("modules/" + os.path.basename(m), os.path.join(modules, m)) for m in names],
                       SCRIPT % "\n".join("insmod /modules/" + os.path.basename(m) for m in names))
    machine = room.machine("Forward", "--kernel", kernel, "--initrd", initrd, "--append", "console=ttyS0 quiet", engine=engine, memory="256M")
    machine.vivctl("set", "net0.kind=user", "net0.card=virtio")
    machine.start()
    machine.wait_serial(r"^LISTENS", 300)
    screen, port = Screen(room.env), free_pair()
    window = Window(screen, "Forward", port, 80, 81)
    before = window.look("forward-before")
    window.go_on()
    after = window.look("forward-after")
    check(before.data != after.data, "the window shows what was found")
    equal(re.sub(r"\s", "", machine.show()["settings"]["net0.forward"]), "tcp:127.0.0.1:%d-:80,tcp:127.0.0.1:%d-:81" % (port, port + 1), "the ports")
    with urllib.request.urlopen("http://127.0.0.1:%d/index.html" % port, timeout=60) as answer:
        equal(answer.read(), PAGE, "what the guest serves")
    window.go_on()
    equal(window.process.wait(60), 0, "the window's end")
    machine.vivctl("serial", "--send", "off\\n")
    machine.wait_state("off", 60)


def main():
    tap = Tap()
    with Room() as room:
        with tap.point("a forwarded port"):
            if not SLOW:
                raise Skip("it takes minutes; “./dev test slow” runs it")
            check(os.access(PROGRAM, os.X_OK), "the application is not built")
            forwarded(room, sys.argv[1] if len(sys.argv) > 1 else "software")
    tap.done()


main()
