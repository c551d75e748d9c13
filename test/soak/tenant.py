"""A well-behaved tenant: each write appends its key to a file and to the log before it is acknowledged."""

import os
import socket
import threading

WRITES = os.path.join(os.environ["TENEMENT_DATA_DIR"], "writes")
INSTANCE = os.environ["TENEMENT_INSTANCE"]


def write(key):
    fd = os.open(WRITES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(fd, f"{key}\n".encode())
    finally:
        os.close(fd)
    os.write(1, f"wrote {key}\n".encode())


def answer(head):
    method, path = head.split(" ", 2)[:2]
    if method == "POST":
        write(path[1:])
    return f"{INSTANCE} {path[1:]}".encode()


def serve(connection):
    with connection, connection.makefile("rb") as lines:
        while line := lines.readline():
            head = line.decode("latin1")
            length = 0
            while (field := lines.readline()) not in (b"\r\n", b""):
                name, _, value = field.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            lines.read(length)
            body = answer(head)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def serve_quietly(connection):
    try:
        serve(connection)
    except OSError:
        pass


listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=128)
while True:
    accepted, _ = listener.accept()
    threading.Thread(target=serve_quietly, args=(accepted,), daemon=True).start()
