// Sites of files alone, by a server that is installed.
import { jsonAt, type Project, type Proposal } from "./project.ts";

const PLACES = ["dist", "build", "_site", "site", "public", "out", "."];

export function fromStaticSite(project: Project): Proposal | null {
  const isPage = (place: string) =>
    project.has(place === "." ? "index.html" : `${place}/index.html`);
  const isBuilt =
    typeof jsonAt(project, { file: "package.json", path: ["scripts", "build"] }) === "string";
  const place = PLACES.find((each) => isPage(each) && !(isBuilt && isSource(each)));
  const server = SERVERS.find(({ program }) => project.isInstalled(program));
  if (server === undefined) return null;
  if (place !== undefined) return { kind: "a static site", argv: server.argv(place) };
  if (!isBuilt || !project.has("index.html")) return null;
  return { kind: "a static site", argv: server.argv("dist"), first: ["npm run build"] };
}

/** Where a build has its sources, a page is not the site yet. */
function isSource(place: string): boolean {
  return place === "." || place === "public";
}

const LISTEN = "127.0.0.1:{port}";

const SERVERS: readonly { program: string; argv: (root: string) => readonly string[] }[] = [
  {
    program: "caddy",
    argv: (root) => ["caddy", "file-server", "--listen", LISTEN, "--root", root],
  },
  {
    program: "python3",
    argv: (root) => [
      ...["python3", "-m", "http.server", "{port}", "--bind", "127.0.0.1", "--directory", root],
    ],
  },
  { program: "php", argv: (root) => ["php", "-S", LISTEN, "-t", root] },
  { program: "busybox", argv: (root) => ["busybox", "httpd", "-f", "-p", LISTEN, "-h", root] },
];
