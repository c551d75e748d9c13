"""A hostile tenant: its id names the attack. GET /health is answered, so that it counts as running."""

import os
import random
import resource
import signal
import socket
import sys
import threading
import time

DATA = os.environ["TENEMENT_DATA_DIR"]
ATTACK = os.environ["TENEMENT_INSTANCE"]
# The mark of a well-behaved tenant.
VICTIM = os.path.join(os.path.dirname(os.path.dirname(DATA)), "calm", "t0#0")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ENDLESS_S = 10


def rest():
    while True:
        time.sleep(60)


def fork_away(count, act):
    """Starts children that act; as many as the limits allow."""
    for number in range(count):
        try:
            if os.fork() == 0:
                act(number)
                os._exit(0)
        except OSError:
            return


def reap():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def flood_logs():
    while True:
        os.write(1, b"".join(b"%s %d\n" % (b"x" * random.randrange(4000), n) for n in range(50)))


def flood_processes():
    reap()
    while True:
        fork_away(300, lambda _: time.sleep(1))
        time.sleep(0.5)


def make_deep_trees():
    for top in ("/tmp", DATA):
        os.chdir(top)
        for _ in range(10000):
            try:
                os.mkdir("d")
            except OSError:
                break
            os.chdir("d")
    rest()


def exhaust_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def hold(_):
        try:
            while True:
                os.open("/dev/null", os.O_RDONLY)
        except OSError:
            rest()

    reap()
    fork_away(8, hold)
    rest()


def forge_marks():
    """Environments that name another tenant, some of them large."""
    reap()
    big = {f"X{n}": "y" * 100_000 for n in range(10)}

    def forge(number):
        mark = {"TENEMENT_MARK": VICTIM if number % 2 == 0 else VICTIM.replace("t0#0", "ghost#0")}
        os.execve("/bin/sleep", ["sleep", "1000"], {**mark, **(big if number % 4 == 0 else {})})

    fork_away(60, forge)
    rest()


def make_links():
    """Links, pipes, holes and odd names, over and over, also in place of the socket."""
    os.chdir(DATA)
    path = os.environ.get("SOCKET_PATH", "")
    outside = ["/", "/etc/passwd", "/proc/self/root", DATA, ".", "/dev/zero"]
    for number in range(10**9):
        name = b"\xff\xfe%d" % (number % 200)
        try:
            if os.path.lexists(name):
                os.unlink(name)
            kind = number % 4
            if kind == 0:
                os.symlink(random.choice(outside), name)
            elif kind == 1:
                os.mkfifo(name)
            elif kind == 2:
                os.truncate(os.open(name, os.O_CREAT | os.O_RDWR), 2**36)
            else:
                os.makedirs(b"closed/%d" % (number % 50), exist_ok=True)
                os.chmod(b"closed/%d" % (number % 50), 0)
            if path and os.path.lexists(path):
                os.unlink(path)
            if path:
                os.symlink(os.path.join(os.path.dirname(path), "other.sock"), path)
        except OSError:
            pass
        if number % 100 == 0:
            os.closerange(50, 2000)
            time.sleep(0.05)


def fill_disk():
    for number in range(10**9):
        try:
            where = os.fsencode(DATA if number % 2 == 0 else "/tmp")
            with open(os.path.join(where, b"\xfe%d" % (number % 100)), "wb") as file:
                file.write(b"z" * 4_000_000)
        except OSError:
            time.sleep(0.2)


def spoil(text):
    """An answer with bytes changed, removed and doubled."""
    for _ in range(random.randrange(4)):
        at = random.randrange(len(text))
        end = at + random.randrange(20)
        text = random.choice(
            [
                text[:at] + bytes([random.randrange(256)]) + text[at + 1 :],
                text[:at] + text[end:],
                text[:end] + text[at:],
                text[:at] + b"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + text[at:],
            ]
        )
    return text


def answer_oddly(connection):
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    connection.sendall(spoil(random.choice([OK, chunked])) + random.choice([b"", OK]))


def answer_in_pieces(connection):
    ends_at = time.monotonic() + ENDLESS_S
    endless = random.choice([b"HTTP/1.1 100 Continue\r\n\r\n", b"1\r\nx\r\n"])
    if endless.startswith(b"1"):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while time.monotonic() < ends_at:
        connection.sendall(endless * 5000)


def answer_by_half_tunnels(connection):
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade + b"half")
    connection.shutdown(random.choice([socket.SHUT_WR, socket.SHUT_RD]))
    time.sleep(ENDLESS_S)


ATTACKS = {
    "logs": flood_logs,
    "forks": flood_processes,
    "trees": make_deep_trees,
    "descriptors": exhaust_descriptors,
    "marks": forge_marks,
    "links": make_links,
    "disk": fill_disk,
}
ANSWERS = {
    "answers": answer_oddly,
    "pieces": answer_in_pieces,
    "tunnels": answer_by_half_tunnels,
}


def serve(connection):
    with connection:
        try:
            while head := connection.recv(65536):
                is_probe = head.startswith(b"GET /health")
                answer = None if is_probe else ANSWERS.get(ATTACK)
                if answer is None:
                    connection.sendall(OK)
                else:
                    answer(connection)
        except OSError:
            pass


def accept(listener):
    while True:
        accepted, _ = listener.accept()
        threading.Thread(target=serve, args=(accepted,), daemon=True).start()


threading.Thread(
    target=accept,
    args=(socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=128),),
    daemon=True,
).start()
sys.setrecursionlimit(100_000)
ATTACKS.get(ATTACK, rest)()
