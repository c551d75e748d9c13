# Listens on its Unix socket in an orphan: a grandchild of its main process, whose own parent has ended.
import os, signal, socketserver


class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfork")


if (child := os.fork()) == 0:
    if os.fork() > 0:
        os._exit(0)
    socketserver.ThreadingUnixStreamServer(os.environ["SOCKET_PATH"], Answer).serve_forever()
os.waitpid(child, 0)
signal.pause()
