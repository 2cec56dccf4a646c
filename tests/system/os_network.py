# SPDX-License-Identifier: GPL-3.0-or-later
"""What guests find on the host's side of a user network: a page to download, a place to send to."""
import hashlib
import http.server
import socket
import threading


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
