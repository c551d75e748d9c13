# A tenant that binds ports: the one that a request names, or a free one that it has looked for. It also keeps on
# listening on a port, or on those in LISTEN, and connects to one.
import errno, json, os, socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

listening = []

def find_free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

def attempt(action, *arguments):
    try:
        return action(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]

def bind(port):
    with socket.create_server(("", port)):
        return "bound"

def listen(port):
    listening.append(socket.create_server(("", port)))
    return "listening"

def reach(port):
    with socket.create_connection(("127.0.0.1", port)):
        return "connected"

ACTIONS = {"/bind": bind, "/listen": listen, "/reach": reach}

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlparse(self.path)
        if url.path in ACTIONS:
            query = parse_qs(url.query)
            port = int(query["port"][0]) if "port" in query else find_free()
            text = attempt(ACTIONS[url.path], port)
        else:
            text = json.dumps(dict(os.environ))
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

for port in filter(None, os.environ.get("LISTEN", "").split(",")):
    listen(int(port))
ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler).serve_forever()
