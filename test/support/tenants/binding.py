# A tenant that binds ports: the one that a request names, or a free one that it has looked for.
import errno, json, os, socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

def find_free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

def bind(port):
    try:
        with socket.create_server(("", port)):
            return "bound"
    except OSError as error:
        return errno.errorcode[error.errno]

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        query = parse_qs(urlparse(self.path).query)
        port = int(query["port"][0]) if "port" in query else find_free()
        body = json.dumps({"port": port, "bind": bind(port), "env": dict(os.environ)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler).serve_forever()
