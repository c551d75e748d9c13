# A tenant on a Unix socket that answers one request at a time, and whose queue has room for three more.
import os, socket, time

with socket.socket(socket.AF_UNIX) as server:
    server.bind(os.environ["SOCKET_PATH"])
    server.listen(2)
    while True:
        connection, _ = server.accept()
        with connection:
            if connection.recv(65536):
                time.sleep(0.1)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone")
