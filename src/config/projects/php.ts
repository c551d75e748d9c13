// PHP projects, by the server that PHP brings: Laravel, a public directory, or plain files.
import { INSTANCE_DIR, type Project, type Proposal } from "./project.ts";

export function fromPhp(project: Project): Proposal | null {
  const isPublic = project.has("public/index.php");
  if (!isPublic && !project.has("index.php")) return null;
  // The system's directory of sessions can't be written to, and nobody could log in.
  const sessions = ["-d", `session.save_path=${INSTANCE_DIR}`];
  const root = isPublic ? ["-t", "public"] : [];
  const isLaravel = project.has("artisan");
  const health = /health:\s*["'](\/\w+)["']/.exec(project.read("bootstrap/app.php") ?? "")?.[1];
  return {
    kind: isLaravel ? "Laravel" : "PHP",
    argv: ["php", ...sessions, "-S", "127.0.0.1:{port}", ...root],
    health: isLaravel ? (health ?? null) : null,
    first: project.has("composer.json") && !project.has("vendor") ? ["composer install"] : [],
  };
}
