"""A reverse proxy on the loopback interface that counts requests and can misbehave on command."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host", "content-length"}


class Request(NamedTuple):
    """One HTTP request as it arrived. `path` has no query."""

    method: str
    path: str


class Proxy:
    """`uri` is what a client connects to, `requests` everything that arrived, in order."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.uri = ""
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._refuse = 0
        self._lose = 0
        self._only = ""

    def clear(self) -> None:
        """Forgets the requests counted so far."""
        with self._lock:
            self.requests.clear()

    def refuse(self, count: int, only: str = "") -> None:
        """The next `count` requests with `only` in their path get 503 and never reach the server."""
        with self._lock:
            self._refuse, self._only = count, only

    def lose_answers(self, count: int, only: str = "") -> None:
        """The next `count` requests with `only` in their path are carried out; their answers are lost."""
        with self._lock:
            self._lose, self._only = count, only

    def _arrived(self, method: str, path: str) -> str:
        """Counts a request and says what to do with it: `forward`, `refuse` or `lose`."""
        with self._lock:
            self.requests.append(Request(method, path.partition("?")[0]))
            if self._only in path:
                if self._refuse:
                    self._refuse -= 1
                    return "refuse"
                if self._lose:
                    self._lose -= 1
                    return "lose"
        return "forward"


@contextlib.contextmanager
def proxied(upstream: str) -> Iterator[Proxy]:
    """A Proxy before the server at the URI `upstream`."""
    proxy = Proxy(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Without it, the answer's head and body wait for each other: 40 ms a request.
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            what = proxy._arrived(self.command, self.path)
            if what == "refuse":
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            host, port = proxy.upstream.hostname or "", proxy.upstream.port
            with contextlib.closing(http.client.HTTPConnection(host, port, timeout=60)) as connection:
                headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                content = answer.read()
            if what == "lose":
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any

        def log_message(self, *args: object) -> None:
            """The list of requests is the log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.uri = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
