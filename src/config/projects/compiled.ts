// Compiled projects: Go, Rust and Java, with the command that builds them.
import {
  healthIn,
  INSTANCE_DIR,
  keysOf,
  literal,
  type Project,
  type Proposal,
  tomlAt,
} from "./project.ts";

export function fromGo(project: Project): Proposal | null {
  const text = project.read("go.mod") ?? "";
  const module = /^module\s+(\S+)/m.exec(text)?.[1];
  const main = module === undefined ? null : findMain(project, module);
  if (main === null) return fromPocketBase(project);
  const { name, source } = main;
  const first = project.has(name) ? [] : [main.build];
  if (/^\s*(?:require\s+)?github\.com\/pocketbase\/pocketbase\s/m.test(text))
    return { ...pocketBase(name), first };
  return { kind: "Go", argv: [`./${literal(name)}`], health: healthIn([source]), first };
}

/** The downloaded program of PocketBase, without sources. */
function fromPocketBase(project: Project): Proposal | null {
  return project.has("pocketbase") ? pocketBase("pocketbase") : null;
}

function pocketBase(name: string): Proposal {
  const options = ["--http", "127.0.0.1:{port}", "--dir", `${INSTANCE_DIR}/pb_data`];
  return {
    kind: "PocketBase",
    argv: [`./${literal(name)}`, "serve", ...options],
    health: "/api/health",
  };
}

interface GoMain {
  /** As `go build` calls the program. */
  readonly name: string;
  readonly source: string;
  readonly build: string;
}

function findMain(project: Project, module: string): GoMain | null {
  const own = mainIn(project, ".");
  // A major version at the end of the module's path is not part of the program's name.
  const name =
    module
      .replace(/\/v\d+$/, "")
      .split("/")
      .at(-1) ?? module;
  if (own !== null) return { name, source: own, build: "go build" };
  for (const command of project.names("cmd")) {
    const source = mainIn(project, `cmd/${command}`);
    if (source !== null) return { name: command, source, build: `go build ./cmd/${command}` };
  }
  return null;
}

function mainIn(project: Project, directory: string): string | null {
  const names = directory === "." ? project.files : project.names(directory);
  const files = names.filter((file) => file.endsWith(".go") && !file.endsWith("_test.go"));
  const sources = files.map(
    (file) => project.read(directory === "." ? file : `${directory}/${file}`) ?? "",
  );
  return sources.find((source) => /^package main\b/m.test(source)) ?? null;
}

export function fromRust(project: Project): Proposal | null {
  const cargo = (...path: string[]) => tomlAt(project, { file: "Cargo.toml", path });
  const own = project.has("src/main.rs") ? cargo("package", "name") : undefined;
  const bins = cargo("bin");
  const [bin] = Array.isArray(bins) ? (bins as { name?: unknown }[]) : [];
  const name = bin?.name ?? own;
  if (typeof name !== "string") return null;
  const program = `target/release/${name}`;
  const isRocket = keysOf(cargo("dependencies")).includes("rocket");
  return {
    kind: isRocket ? "Rocket" : "Rust",
    argv: [literal(program)],
    env: isRocket ? { ROCKET_ADDRESS: "127.0.0.1", ROCKET_PORT: "{port}" } : {},
    health: healthIn([project.read("src/main.rs")]),
    first: project.has(program) ? [] : ["cargo build --release"],
  };
}

const JAR_PLACES = ["target/quarkus-app", "build/quarkus-app", "target", "build/libs", "."];

export function fromJava(project: Project): Proposal | null {
  const jars = JAR_PLACES.flatMap((place) => {
    const names = place === "." ? project.files : project.names(place);
    return names.filter(isRunnable).map((name) => (place === "." ? name : `${place}/${name}`));
  });
  const [jar] = jars;
  if (jar === undefined) return null;
  const build = ["pom.xml", "build.gradle", "build.gradle.kts"]
    .map((file) => project.read(file))
    .join("\n");
  const argv = ["java", "-jar", literal(jar)];
  if (jar.endsWith("quarkus-run.jar")) {
    const env = { QUARKUS_HTTP_HOST: "127.0.0.1", QUARKUS_HTTP_PORT: "{port}" };
    return {
      kind: "Quarkus",
      argv,
      env,
      health: /smallrye-health/.test(build) ? "/q/health" : null,
    };
  }
  if (!/spring-boot|springframework\.boot/.test(build)) return { kind: "Java", argv };
  const options = ["--server.address=127.0.0.1", "--server.port={port}"];
  const health = /actuator/.test(build) ? "/actuator/health" : null;
  return { kind: "Spring Boot", argv: [...argv, ...options], health };
}

function isRunnable(name: string): boolean {
  return (
    name.endsWith(".jar") &&
    !/-(?:sources|javadoc|plain|tests?)\.jar$|^original-|gradle-wrapper/.test(name)
  );
}
