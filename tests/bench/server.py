"""Serves a directory on loopback, as a mirror of channels does: with ETags and without surprises."""

import contextlib
import os
import socketserver
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small answers must not wait for the client's acknowledgement.
    disable_nagle_algorithm = True

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, with_body):
        root = self.server.root
        path = (root / unquote(urlsplit(self.path).path).lstrip("/")).resolve()
        if path.is_dir():
            path = path / "index.html"
        if not path.is_relative_to(root) or not path.is_file():
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        found = path.stat()
        tag = f'"{found.st_size:x}-{found.st_mtime_ns:x}"'
        same = self.headers.get("If-None-Match") == tag
        self.send_response(304 if same else 200)
        self.send_header("ETag", tag)
        if path.name == "index.html":
            self.send_header("Content-Type", "text/html")
        if not same:
            self.send_header("Content-Length", str(found.st_size))
        self.end_headers()
        if with_body and not same:
            with path.open("rb") as file:
                self.wfile.flush()
                self.connection.sendfile(file)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        # Clients leave when they have what they need.
        pass


@contextlib.contextmanager
def served(root):
    """Serves a directory from a process of its own; gives its URL."""
    command = [sys.executable, __file__, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            # The server ends with its input.
            process.stdin.close()


def main():
    with Server(("127.0.0.1", 0), Handler) as server:
        server.root = Path(sys.argv[1]).resolve()
        print(server.server_address[1], flush=True)
        # Nobody is left behind: the server ends with whoever started it.
        import threading

        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
        server.serve_forever()


if __name__ == "__main__":
    main()
