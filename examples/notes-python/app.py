"""Notes for one tenant, in SQLite, with the standard library alone."""

import json
import os
import re
import signal
import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATABASE_PATH = os.environ["DATABASE_PATH"]
TENANT = os.environ.get("TENEMENT_INSTANCE", "nobody")
BODY_BYTES_MAX = 64 * 1024

SCHEMA = """
create table if not exists notes (
  id integer primary key,
  text text not null,
  created_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
)
"""


def connect():
    # None: each statement is its own transaction; the default isolation level never commits by itself.
    connection = sqlite3.connect(DATABASE_PATH, timeout=5, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


class BadRequest(Exception):
    pass


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        with closing(connect()) as database:
            if self.path == "/":
                count = database.execute("select count(*) from notes").fetchone()[0]
                self.answer(200, {"tenant": TENANT, "notes": count})
            elif self.path == "/health":
                database.execute("select 1 from notes limit 1")
                self.answer(200, {"status": "ok"})
            elif self.path == "/notes":
                rows = database.execute("select id, text, created_at from notes order by id")
                self.answer(200, [dict(row) for row in rows])
            else:
                self.answer(404, {"error": "no such page"})

    def do_POST(self):
        if self.path != "/notes":
            return self.answer(404, {"error": "no such page"})
        try:
            text = self.read_text()
        except BadRequest as problem:
            return self.answer(400, {"error": str(problem)})
        with closing(connect()) as database:
            row = database.execute(
                "insert into notes (text) values (?) returning id, text, created_at", [text]
            ).fetchone()
        self.answer(201, dict(row))

    def do_DELETE(self):
        match = re.fullmatch(r"/notes/(\d{1,18})", self.path)
        deleted = 0
        if match:
            with closing(connect()) as database:
                deleted = database.execute("delete from notes where id = ?", [match[1]]).rowcount
        if deleted:
            self.answer(204)
        else:
            self.answer(404, {"error": "no such note"})

    def read_text(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            raise BadRequest(f"expected a body of at most {BODY_BYTES_MAX} bytes")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError:
            raise BadRequest("expected JSON") from None
        text = body.get("text") if isinstance(body, dict) else None
        if not isinstance(text, str) or not text.strip():
            raise BadRequest('expected {"text": "..."}')
        return text

    def answer(self, status, body=None):
        content = b"" if body is None else json.dumps(body).encode() + b"\n"
        self.send_response(status)
        if body is not None:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_request(self, code="-", size="-"):
        if self.path != "/health":
            print(f"{self.command} {self.path} {int(code)}", flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for open requests


def main():
    with closing(connect()) as database:
        database.execute("pragma journal_mode = wal")
        database.execute(SCHEMA)
    with Server(("127.0.0.1", int(os.environ["PORT"])), Handler) as server:
        # shutdown() waits for serve_forever(), which runs in this thread.
        signal.signal(
            signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start()
        )
        print(f"notes of {TENANT} are ready", flush=True)
        server.serve_forever(poll_interval=0.05)
    print("stopped", flush=True)


main()
