# A tenant that closes each connection behind its answer without saying so, as uWSGI does.
import os, socket, threading

def answer(connection):
    with connection:
        request = b""
        while b"\r\n\r\n" not in request:
            more = connection.recv(65536)
            if not more:
                return
            request += more
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

with socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=128) as server:
    while True:
        threading.Thread(target=answer, args=server.accept()[:1], daemon=True).start()
