// The frameworks and applications of Node, an entry each: the command, the port as it wants it, the build.
import { INSTANCE_DIR, type Project, type Proposal } from "./project.ts";

export interface NodeFramework {
  /** The package whose presence tells. */
  readonly dependency: string;
  /** The first word of a start script that only starts the framework. */
  readonly program: string;
  propose(project: Project): Proposal | null;
}

const BUILD = ["npm run build"];
const LOCAL = "127.0.0.1";

/** With the build, unless its result is there. */
function built(project: Project, { file, ...proposal }: Proposal & { file: string }): Proposal {
  return { ...proposal, first: project.has(file) ? [] : BUILD };
}

/** The program of an installed package; before the installation there is none yet. */
function program(name: string): string {
  return `node_modules/.bin/${name}`;
}

export const NODE_FRAMEWORKS: readonly NodeFramework[] = [
  {
    dependency: "next",
    program: "next",
    propose(project) {
      const kind = "Next.js";
      const standalone = ".next/standalone/server.js";
      if (project.has(standalone))
        return { kind, argv: ["node", standalone], env: { HOSTNAME: LOCAL } };
      const argv = [program("next"), "start", "--hostname", LOCAL, "--port", "{port}"];
      return built(project, { kind, argv, file: ".next/BUILD_ID" });
    },
  },
  {
    dependency: "nuxt",
    program: "nuxt",
    propose(project) {
      const file = ".output/server/index.mjs";
      const env = { NITRO_HOST: LOCAL, NITRO_PORT: "{port}" };
      return built(project, { kind: "Nuxt", argv: ["node", file], env, file });
    },
  },
  {
    dependency: "@astrojs/node",
    program: "astro",
    propose(project) {
      const file = "dist/server/entry.mjs";
      return built(project, { kind: "Astro", argv: ["node", file], env: { HOST: LOCAL }, file });
    },
  },
  {
    dependency: "@sveltejs/adapter-node",
    program: "vite",
    propose(project) {
      const file = "build/index.js";
      const env = {
        HOST: LOCAL,
        HOST_HEADER: "x-forwarded-host",
        PROTOCOL_HEADER: "x-forwarded-proto",
      };
      return built(project, { kind: "SvelteKit", argv: ["node", file], env, file });
    },
  },
  {
    dependency: "@remix-run/serve",
    program: "remix-serve",
    propose: (project) => remix(project, { kind: "Remix", name: "remix-serve" }),
  },
  {
    dependency: "@react-router/serve",
    program: "react-router-serve",
    propose: (project) => remix(project, { kind: "React Router", name: "react-router-serve" }),
  },
  {
    dependency: "node-red",
    program: "node-red",
    propose: () => ({
      kind: "Node-RED",
      argv: [program("node-red"), "--port", "{port}", "--userDir", INSTANCE_DIR],
    }),
  },
  {
    dependency: "verdaccio",
    program: "verdaccio",
    propose: () => ({
      kind: "Verdaccio",
      argv: [program("verdaccio"), "--listen", `${LOCAL}:{port}`],
      env: { XDG_CONFIG_HOME: INSTANCE_DIR, VERDACCIO_STORAGE_PATH: `${INSTANCE_DIR}/storage` },
    }),
  },
  {
    dependency: "@actual-app/sync-server",
    program: "actual-server",
    propose: () => ({
      kind: "Actual",
      argv: [program("actual-server")],
      env: { ACTUAL_DATA_DIR: INSTANCE_DIR, ACTUAL_HOSTNAME: LOCAL, ACTUAL_PORT: "{port}" },
    }),
  },
];

function remix(project: Project, { kind, name }: { kind: string; name: string }): Proposal {
  const file = "build/server/index.js";
  return built(project, { kind, argv: [program(name), file], env: { HOST: LOCAL }, file });
}
