# A tenant in a virtual machine: tells what it sees, tries what it should not be able to, writes what it is told to.
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

DATA = os.environ["TENEMENT_DATA_DIR"]
# Not empty: it will not stop when asked to.
stubborn = []


def facts(_):
    with open("/dev/shm/own", "w") as file:
        file.write("x")
    with open("/tmp/own", "w") as file:
        file.write("x")
    return json.dumps(
        {
            "release": os.uname().release,
            "hostname": socket.gethostname(),
            "uid": os.getuid(),
            "groups": os.getgroups(),
            "home": os.environ["HOME"],
            "greeting": os.environ["GREETING"],
            "seconds": time.time(),
            "interfaces": sorted(os.listdir("/sys/class/net")),
            "processors": os.cpu_count(),
        }
    )


def look(query):
    path = query["path"][0]
    try:
        return " ".join(sorted(os.listdir(path))) if os.path.isdir(path) else open(path).read()
    except OSError as error:
        return os.strerror(error.errno)


def write(query):
    with open(query["path"][0], "a") as file:
        file.write(query["text"][0])
    return "written"


def connect(query):
    try:
        socket.create_connection((query["host"][0], int(query["port"][0])), timeout=1).close()
        return "connected"
    except OSError as error:
        return type(error).__name__


def fork(query):
    started = []
    try:
        for _ in range(int(query["count"][0])):
            started.append(subprocess.Popen(["/bin/sleep", "60"]))
        return "all"
    except OSError as error:
        return os.strerror(error.errno)
    finally:
        for each in started:
            each.kill()
            each.wait()


def devour(_):
    kept = []
    while True:
        kept.append(b"x" * 1_000_000)


def run(query):
    done = subprocess.run(
        query["word"][0].split("\n"), cwd=DATA, stdin=subprocess.DEVNULL, capture_output=True
    )
    return (done.stdout + done.stderr).decode()


def stay(_):
    stubborn.append(True)
    return "staying"


def leave(*_):
    if stubborn:
        return
    write({"path": [f"{DATA}/farewell"], "text": ["bye"]})
    print("asked to stop", flush=True)
    os._exit(7)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        target = urllib.parse.urlsplit(self.path)
        try:
            text = globals()[target.path[1:]](urllib.parse.parse_qs(target.query))
            status = 200
        except Exception as error:
            status, text = 500, repr(error)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


signal.signal(signal.SIGTERM, leave)
print("on standard output", flush=True)
print("on standard error", file=sys.stderr, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
