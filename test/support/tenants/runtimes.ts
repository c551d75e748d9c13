// Tenants in several languages. Each writes a file, starts a process, and answers
// "42 3 USER", with the user that this process had.

export const PYTHON_APP = `
import http.server, multiprocessing, os, sqlite3, subprocess
def double(queue): queue.put(21 * 2)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        db = sqlite3.connect("app.db")
        db.execute("pragma journal_mode = wal")
        db.execute("create table if not exists t (n)")
        db.execute("insert into t values (1)")
        db.commit()
        queue = multiprocessing.Queue()
        child = multiprocessing.Process(target=double, args=(queue,))
        child.start(); answer = queue.get(); child.join()
        with multiprocessing.Pool(2) as pool: total = sum(pool.map(abs, [-1, -2]))
        user = subprocess.run(["id", "-u"], capture_output=True, text=True).stdout.strip()
        self.send_response(200); self.end_headers()
        self.wfile.write(f"{answer} {total} {user}".encode())
if __name__ == "__main__":
    http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`;
export const SCRIPT_APP = `
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
createServer((request, response) => {
  writeFileSync("file", "x");
  response.end("42 3 " + execFileSync("id", ["-u"]).toString().trim());
}).listen(Number(process.env.PORT), "127.0.0.1");
`;
/** Without net/http, whose first compilation takes most of a minute. */
export const GO_APP = `
package main
import ("fmt"; "net"; "os"; "os/exec"; "strings")
func answer(c net.Conn) {
	defer c.Close()
	c.Read(make([]byte, 65536))
	user, _ := exec.Command("id", "-u").Output()
	text := "42 3 " + strings.TrimSpace(string(user))
	os.WriteFile("file", []byte(text), 0600)
	fmt.Fprintf(c, "HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n%s", len(text), text)
}
func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil { panic(err) }
	for {
		c, err := listener.Accept()
		if err == nil { go answer(c) }
	}
}
`;
export const JAVA_APP = `
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.file.*;
import java.util.concurrent.*;
public class App {
  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(System.getenv("PORT"));
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
    ExecutorService threads = Executors.newFixedThreadPool(3);
    server.setExecutor(threads);
    server.createContext("/", exchange -> {
      try {
        Files.writeString(Path.of("file"), "x");
        int answer = threads.submit(() -> 42).get();
        Process id = new ProcessBuilder("id", "-u").start();
        String user = new String(id.getInputStream().readAllBytes()).trim();
        byte[] text = (answer + " 3 " + user).getBytes();
        exchange.sendResponseHeaders(200, text.length);
        exchange.getResponseBody().write(text);
        exchange.close();
      } catch (Exception error) { error.printStackTrace(); }
    });
    server.start();
  }
}
`;
