// Go, Rust, Ruby, PHP, Java and static sites: the command, health and build that ten init proposes.
import { describe, expect, test } from "bun:test";
import { proposeFor } from "../../../../src/config/projects/families.ts";
import { project } from "../project-tree.ts";
import { check, DIR, type Expected, packageJson, type Tree } from "./rows.ts";

describe("other languages", () => {
  const MAIN = { "main.go": "package main\n" };
  const MODULE = "module example.com/tools/notes/v2\n\ngo 1.24\n";
  const SPRING = { "pom.xml": "<artifactId>spring-boot-starter-actuator</artifactId>" };

  test.each<[Tree, string, Expected?]>([
    [{ "go.mod": MODULE, ...MAIN }, "./notes", { first: ["go build"] }],
    [{ "go.mod": MODULE, ...MAIN, notes: "" }, "./notes", { first: [] }],
    [
      { "go.mod": MODULE, "cmd/api/main.go": 'package main\nmux.HandleFunc("GET /healthz", x)' },
      "./api",
      { first: ["go build ./cmd/api"], health: "/healthz" },
    ],
    [
      { "go.mod": `${MODULE}require (\n\tgithub.com/pocketbase/pocketbase v0.3\n)`, ...MAIN },
      `./notes serve --http 127.0.0.1:{port} --dir ${DIR}/pb_data`,
      { health: "/api/health" },
    ],
    [{ pocketbase: "" }, `./pocketbase serve --http 127.0.0.1:{port} --dir ${DIR}/pb_data`],
    [
      { "Cargo.toml": '[package]\nname = "notes-server"', "src/main.rs": "" },
      "target/release/notes-server",
      { first: ["cargo build --release"] },
    ],
    [
      {
        "Cargo.toml": '[package]\nname = "x"\n[[bin]]\nname = "web"\n[dependencies]\nrocket = "1"',
        "target/release/web": "",
      },
      "target/release/web",
      { env: { ROCKET_ADDRESS: "127.0.0.1", ROCKET_PORT: "{port}" }, first: [] },
    ],
    [
      { "config.ru": "", Gemfile: 'gem "puma"\n', "Gemfile.lock": "" },
      "bundle exec puma -b tcp://127.0.0.1:{port}",
      { first: [] },
    ],
    [
      { "config.ru": "", Gemfile: 'gem "sinatra"\n' },
      "bundle exec rackup -o 127.0.0.1 -p {port}",
      { first: ["bundle install"] },
    ],
    [{ "config.ru": "" }, "puma -b tcp://127.0.0.1:{port}"],
    [
      {
        "config.ru": "",
        Gemfile: 'gem "rails"\n',
        "config/application.rb": "",
        "config/routes.rb": 'get "up" => "rails/health#show"',
      },
      "bundle exec puma -b tcp://127.0.0.1:{port}",
      { kind: "Rails", health: "/up" },
    ],
    [{ "index.php": "" }, `php -d session.save_path=${DIR} -S 127.0.0.1:{port}`],
    [
      {
        artisan: "",
        "public/index.php": "",
        "composer.json": "",
        "bootstrap/app.php": "health: '/up',",
      },
      `php -d session.save_path=${DIR} -S 127.0.0.1:{port} -t public`,
      { kind: "Laravel", health: "/up", first: ["composer install"] },
    ],
    [{ "app.jar": "" }, "java -jar app.jar"],
    [
      { ...SPRING, "target/app-1.jar": "", "target/app-1-sources.jar": "" },
      "java -jar target/app-1.jar --server.address=127.0.0.1 --server.port={port}",
      { health: "/actuator/health" },
    ],
    [
      { "pom.xml": "", "target/quarkus-app/quarkus-run.jar": "" },
      "java -jar target/quarkus-app/quarkus-run.jar",
      { env: { QUARKUS_HTTP_HOST: "127.0.0.1", QUARKUS_HTTP_PORT: "{port}" } },
    ],
    [{ "index.html": "" }, "python3 -m http.server {port} --bind 127.0.0.1 --directory ."],
    [
      { ...packageJson({ scripts: { build: "vite build" } }), "index.html": "" },
      "python3 -m http.server {port} --bind 127.0.0.1 --directory dist",
      { first: ["npm run build"] },
    ],
    [
      { "_site/index.html": "" },
      "python3 -m http.server {port} --bind 127.0.0.1 --directory _site",
    ],
  ])("%j: %p", (...[tree, command, expected]) => check(tree, command, expected));

  test("nothing is proposed for a library, or sources without a program", () => {
    for (const tree of [
      { "go.mod": MODULE },
      { "Cargo.toml": '[package]\nname = "x"' },
      { "Cargo.toml": "[workspace]" },
      { "pom.xml": "" },
    ])
      expect(proposeFor(project(tree as unknown as Tree))).toBe(null);
  });

  test("a static site is served by what is installed", () => {
    const served = (installed: readonly string[]) =>
      proposeFor(project({ "index.html": "" }, "notes", installed))?.argv[0];
    expect([served(["php", "caddy"]), served(["busybox"]), served([])]).toEqual([
      "caddy",
      "busybox",
      undefined,
    ]);
  });
});
