"""A tenant that keeps a database and files beside its own source, as many applications do."""

import http.server
import os
import sqlite3
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        try:
            text = ACTIONS[url.path](query)
        except OSError as error:
            text = type(error).__name__
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def add(query):
    with sqlite3.connect(os.path.join(HERE, "beside.db")) as database:
        database.execute("CREATE TABLE IF NOT EXISTS notes (text TEXT)")
        database.execute("INSERT INTO notes VALUES (?)", (query["text"],))
        return ",".join(row[0] for row in database.execute("SELECT text FROM notes"))


def read(query):
    path = os.path.join(HERE, query["path"])
    if os.path.isdir(path):
        return " ".join(sorted(os.listdir(path)))
    with open(path) as file:
        return file.read()


def write(query):
    path = os.path.join(HERE, query["path"])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(query["text"] * int(query.get("times", 1)))
    return "written"


ACTIONS = {"/": lambda _: "ready", "/add": add, "/read": read, "/write": write}

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
