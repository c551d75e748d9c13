// Ruby projects: Rails, and any other application with a config.ru.
import { firstOf, type Project, type Proposal } from "./project.ts";

const BIND = ["-b", "tcp://127.0.0.1:{port}"];

export function fromRuby(project: Project): Proposal | null {
  if (!project.has("config.ru")) return null;
  const gems = [project.read("Gemfile"), project.read("Gemfile.lock")].join("\n");
  const bundler = project.has("Gemfile") ? ["bundle", "exec"] : [];
  const uses = (gem: string) => new RegExp(`^\\s*(?:gem\\s+["'])?${gem}\\b`, "m").test(gems);
  const first =
    bundler.length > 0 && firstOf(project, ["Gemfile.lock"]) === null ? ["bundle install"] : [];
  if (project.has("config/application.rb") && uses("rails"))
    return rails(project, { bundler, first });
  if (uses("puma") || bundler.length === 0)
    return { kind: "Ruby with puma", argv: [...bundler, "puma", ...BIND], first };
  const argv = [...bundler, "rackup", "-o", "127.0.0.1", "-p", "{port}"];
  return { kind: "Ruby with rackup", argv, first };
}

interface Bundle {
  readonly bundler: readonly string[];
  readonly first: readonly string[];
}

/** Puma itself, since `rails server` writes its pid beside the application. */
function rails(project: Project, { bundler, first }: Bundle): Proposal {
  const routes = project.read("config/routes.rb") ?? "";
  return {
    kind: "Rails",
    argv: [...bundler, "puma", ...BIND],
    health: /rails\/health#show/.test(routes) ? "/up" : null,
    env: { RAILS_LOG_TO_STDOUT: "1" },
    optionalEnv: { RAILS_ENV: "production" },
    first,
    remarks: [
      "Keep the database and storage in TENEMENT_DATA_DIR: see config/database.yml and config/storage.yml.",
    ],
  };
}
