# SPDX-License-Identifier: GPL-3.0-or-later
"""What guests find on the host's side of a user network: a page to download, a place to send to."""
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading

from lib import SLOW, Skip

OWN = "VIVARIUM_TEST_OWN_NETWORK"
ADDRESS = "192.0.2.77"
# Drivers of virtio-net, in the order in which they need each other.
VIRTIO = ("drivers/virtio/virtio_ring.ko", "drivers/virtio/virtio.ko", "drivers/virtio/virtio_pci_legacy_dev.ko",
          "drivers/virtio/virtio_pci_modern_dev.ko", "drivers/virtio/virtio_pci.ko", "net/core/failover.ko", "drivers/net/net_failover.ko",
          "drivers/net/virtio_net.ko")
# Of cards that real computers have had: Linux's driver, and its modules in the kernel for all computers.
CARDS = {
    "e1000": ("e1000", ("drivers/net/ethernet/intel/e1000/e1000.ko",)),
    "e1000e": ("e1000e", ("drivers/net/ethernet/intel/e1000e/e1000e.ko",)),
    "rtl8139": ("8139cp", ("drivers/net/mii.ko", "drivers/net/ethernet/realtek/8139cp.ko")),
    "pcnet": ("pcnet32", ("drivers/net/mii.ko", "drivers/net/ethernet/amd/pcnet32.ko")),
    "ne2000": ("ne2k-pci", ("drivers/net/ethernet/8390/8390.ko", "drivers/net/ethernet/8390/ne2k-pci.ko")),
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class Server6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def serve(kind, address, content):
    """The port."""
    server = kind((address, 0), Handler)
    server.content = content
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Sink:
    """Takes what one client sends."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sum = None
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.thread.start()

    def take(self):
        client, _ = self.listener.accept()
        digest = hashlib.sha256()
        while data := client.recv(1 << 16):
            digest.update(data)
        self.sum = digest.hexdigest()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def own_network(downloads):
    """`downloads` is called before, where a test needs it.  Begins again in namespaces of its own, where port 53 is ours; where there are none it goes on."""
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
    if OWN in os.environ or subprocess.run([*command, "sh", "-c", "ip link set lo up"], capture_output=True, check=False).returncode != 0:
        return
    # In there nothing can be downloaded; what can't be here says so again as a point's reason.
    try:
        if SLOW:
            downloads()
    except Skip:
        pass
    os.environ[OWN] = "1"
    os.execvp("unshare", [*command, sys.executable, *sys.argv])


class Names:
    """A name server with one name."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "resolv.conf")
        with open(self.path, "w", encoding="ascii") as file:
            file.write("nameserver 127.0.0.1\n")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        subprocess.run(["mount", "--bind", self.path, os.path.realpath("/etc/resolv.conf")], check=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, sender = self.socket.recvfrom(512)
            end = query.index(b"\0", 12) + 5
            known = query[12:end - 4] == b"\4host\4test\0" and query[end - 4:end - 2] == b"\0\1"
            answer = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if known else b"\0\0") + b"\0\0\0\0" + query[12:end]
            if known:
                answer += b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(ADDRESS)
            self.socket.sendto(answer, sender)
