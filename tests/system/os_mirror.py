# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian mirror for guests, which hands on what apt of this computer gets from its own sources, by its own way (proxies, transports).

Packages are kept in VIVARIUM_TEST_CACHE, or in the build folder; indexes are fetched once a run, so that they fit each other."""
import http.server
import os
import re
import shutil
import subprocess
import tempfile
import threading

from lib import Skip
from os_debian import SUITE, cache
from os_media import need

HELPER = "/usr/lib/apt/apt-helper"
# Of a mirror's tree: plain names.
NAME = re.compile(r"/debian/((?:dists|pool)/[A-Za-z0-9][A-Za-z0-9+~._%:/-]*)")


def source():
    """Where the suite comes from, by apt's own configuration."""
    need(("apt-get", "apt"))
    said = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"], capture_output=True, text=True, check=False).stdout
    for line in said.splitlines():
        uri, release, component = line.split(" ", 2)
        if release == SUITE and component == "main":
            return uri.rstrip("/")
    raise Skip("no apt source of this computer has Debian's %s" % SUITE)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body):
        mirror, match = self.server.mirror, NAME.fullmatch(self.path)
        path = mirror.files.get(self.path[1:]) or (mirror.get(match[1]) if match and ".." not in self.path else None)
        if path is None:
            self.send_error(404)
            return
        with open(path, "rb") as file:
            self.send_response(200)
            self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            self.end_headers()
            if body:
                shutil.copyfileobj(file, self.wfile)

    def do_GET(self):  # pylint: disable=invalid-name
        self.answer(True)

    def do_HEAD(self):  # pylint: disable=invalid-name
        self.answer(False)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class Mirror:
    """Listens at 127.0.0.1, which a guest of a user network sees as 10.0.2.2; the folder is /debian.  `files`: others, paths by name."""

    def __init__(self, folder):
        self.uri = source()
        self.places = {"dists": tempfile.mkdtemp(prefix="dists-", dir=folder), "pool": os.path.join(cache(), "pool")}
        self.locks, self.lock = {}, threading.Lock()
        self.files = {}
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.mirror = self
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.port = server.server_address[1]

    def get(self, name):
        """The path of a file of the mirror's; None where there is none."""
        top, rest = name.split("/", 1)
        path = os.path.join(self.places[top], rest)
        with self.lock:
            lock = self.locks.setdefault(path, threading.Lock())
        with lock:
            if os.path.isdir(path):
                return None
            if not os.path.exists(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with tempfile.TemporaryDirectory(prefix="get-", dir=os.path.dirname(path)) as folder:
                    part = os.path.join(folder, "part")
                    subprocess.run([HELPER, "download-file", "%s/%s" % (self.uri, name), part], capture_output=True, check=False)
                    if not os.path.exists(part):
                        return None
                    os.rename(part, path)
        return path
