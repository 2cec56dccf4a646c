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


def serve(self):
        while True:
            query, sender = self.socket.recvfrom(512)
            end = query.index(b"\0", 12) + 5
            known = query[12:end - 4] == b"\4host\4test\0" and query[end - 4:end - 2] == b"\0\1"
            answer = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if known else b"\0\0") + b"\0\0\0\0" + query[12:end]
            if known:
                answer += b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(ADDRESS)
            self.socket.sendto(answer, sender)


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
