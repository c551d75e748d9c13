// Deno, Bun and Node: the command, environment and build that ten init proposes.
import { describe, expect, test } from "bun:test";
import { proposeFor } from "../../../../src/config/projects/families.ts";
import { planStarter, renderStarter } from "../../../../src/config/starter.ts";
import { project } from "../project-tree.ts";
import { check, DIR, type Expected, packageJson, type Tree } from "./rows.ts";

const START = (start: string, more = {}) => packageJson({ scripts: { start }, ...more });

const DEPENDS = (name: string, more = {}) => ({
  ...packageJson({ dependencies: { [name]: "1" }, ...more }),
  [`node_modules/${name}/package.json`]: "{}",
});

describe("JavaScript", () => {
  const NEXT = {
    ...DEPENDS("next", { scripts: { start: "next start", build: "next build" } }),
    "node_modules/.bin/next": "",
  };
  const DENO_RUN = "deno run --allow-net --allow-env --allow-read --allow-write";

  test.each<[Tree, string, Expected?]>([
    [START("node server.js --x 'a b'"), "node server.js --x a b"],
    [START("node {id}.js"), "node {{id}}.js"],
    [
      START("NODE_ENV=production node server.js"),
      "node server.js",
      { env: { NODE_ENV: "production" } },
    ],
    [START("cross-env A=1 node server.js"), "node server.js", { env: { A: "1" } }],
    [START("tsc && node server.js"), "npm start"],
    [packageJson({ scripts: { start: "node a.js", prestart: "tsc" } }), "npm start"],
    [START("next start"), "npm start"],
    [
      { ...START("serve -p $PORT"), "node_modules/.bin/serve": "" },
      "node_modules/.bin/serve -p {port}",
    ],
    [
      packageJson({ scripts: { start: "node dist/main.js", build: "tsc" } }),
      "node dist/main.js",
      { first: ["npm run build"] },
    ],
    [{ ...packageJson({ main: "lib/index.js" }), "lib/index.js": "" }, "node lib/index.js"],
    [{ ...packageJson({ main: "it's.js" }), "it's.js": "" }, "node it's.js"],
    [
      { ...packageJson({}), "server.js": 'app.get("/healthz", x)' },
      "node server.js",
      { health: "/healthz" },
    ],
    [{ ...packageJson({ main: "index.js" }), "server.js": "" }, "node server.js"],
    [
      { ...packageJson({ dependencies: { express: "5" } }), "app.js": "", "package-lock.json": "" },
      "node app.js",
      { first: ["npm ci"] },
    ],
    [
      NEXT,
      "node_modules/.bin/next start --hostname 127.0.0.1 --port {port}",
      { kind: "Next.js", first: ["npm run build"] },
    ],
    [
      { ...NEXT, ".next/BUILD_ID": "" },
      "node_modules/.bin/next start --hostname 127.0.0.1 --port {port}",
      { first: [] },
    ],
    [{ ...NEXT, ".next/standalone/server.js": "" }, "node .next/standalone/server.js"],
    [
      {
        ...DEPENDS("next"),
        ...START("node server.js", { dependencies: { next: "1" } }),
        "server.js": "",
      },
      "node server.js",
    ],
    [
      DEPENDS("nuxt"),
      "node .output/server/index.mjs",
      { env: { NITRO_HOST: "127.0.0.1", NITRO_PORT: "{port}" }, first: ["npm run build"] },
    ],
    [
      { ...DEPENDS("@astrojs/node"), "dist/server/entry.mjs": "" },
      "node dist/server/entry.mjs",
      { env: { HOST: "127.0.0.1" }, first: [] },
    ],
    [DEPENDS("@sveltejs/adapter-node"), "node build/index.js", { kind: "SvelteKit" }],
    [
      DEPENDS("@remix-run/serve", { scripts: { start: "remix-serve ./build/server/index.js" } }),
      "node_modules/.bin/remix-serve build/server/index.js",
    ],
    [DEPENDS("@react-router/serve"), "node_modules/.bin/react-router-serve build/server/index.js"],
    [
      DEPENDS("node-red", { main: "index.js" }),
      `node_modules/.bin/node-red --port {port} --userDir ${DIR}`,
    ],
    [DEPENDS("verdaccio"), "node_modules/.bin/verdaccio --listen 127.0.0.1:{port}"],
    [
      DEPENDS("@actual-app/sync-server"),
      "node_modules/.bin/actual-server",
      { env: { ACTUAL_DATA_DIR: DIR, ACTUAL_HOSTNAME: "127.0.0.1", ACTUAL_PORT: "{port}" } },
    ],
    [
      {
        ...DEPENDS("other"),
        "node_modules/other/package.json": '{"bin":{"serve-it":"x"}}',
        "node_modules/.bin/serve-it": "",
      },
      "node_modules/.bin/serve-it",
    ],
    [{ ...START("bun server.ts"), "bun.lock": "" }, "bun server.ts"],
    [{ ...START("vite"), "bun.lockb": "" }, "bun run start"],
    [{ ...packageJson({}), "bun.lock": "", "index.ts": "" }, "bun index.ts"],
    [
      { ...packageJson({ dependencies: { hono: "4" } }), "bun.lock": "", "index.ts": "" },
      "bun index.ts",
      { first: ["bun install"] },
    ],
    [{ "deno.json": '{"tasks":{"start":"deno run -A --watch main.ts"}}' }, "deno run -A main.ts"],
    [
      { "deno.json": '{"tasks":{"start":"deno serve --port 80 main.ts"}}' },
      "deno serve --port {port} main.ts",
    ],
    [{ "deno.json": '{"tasks":{"start":"deno run a.ts && deno run b.ts"}}' }, "deno task start"],
    [{ "deno.jsonc": '{\n  // how\n  "tasks":{"start":"x"}}' }, "deno task start"],
    [{ "deno.json": "{}", "server.ts": "" }, `${DENO_RUN} server.ts`],
    [{ ...packageJson({ devDependencies: {} }), "app.py": "" }, "python3 app.py"],
  ])("%j: %p", (...[tree, command, expected]) => check(tree, command, expected));

  test("nothing is proposed for a file that is not there, or for development alone", () => {
    const dev = packageJson({ main: "index.js", scripts: { dev: "vite" } });
    for (const tree of [dev, { "package.json": "{broken" }, { "deno.json": "{}" }])
      expect(proposeFor(project(tree as unknown as Tree))).toBe(null);
  });

  test("NODE_ENV is a comment", () => {
    const text = renderStarter(planStarter(project({ ...packageJson({}), "app.js": "" })));
    expect(text).toContain('\n#NODE_ENV = "production"\n');
  });
});
