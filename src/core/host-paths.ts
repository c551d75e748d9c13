// The host's directories that walled tenants see or don't see, whatever their service names: software, not data.
import { isUnder } from "./paths.ts";

/** All of the host that is in view with `show = "software"`. A host need not have all of them. */
export const SOFTWARE = [
  ...["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"],
  ...["/etc", "/opt", "/nix", "/gnu", "/snap"],
  // Files of languages and libraries that Linux distributions keep there.
  ...["/var/lib/aspell", "/var/lib/ca-certificates", "/var/lib/gems", "/var/lib/ghc"],
  ...["/var/lib/mecab", "/var/lib/snapd/snap", "/var/lib/texmf"],
  ...["/var/cache/fontconfig", "/var/guix/profiles"],
] as const;

/** Covered by empty directories with `show = "host"`, where all else is in view. The launcher has the list in C. */
export const COVERED = ["/root", "/home", "/run"] as const;

/** Replaced by a directory of the launch. The launcher has the list in C. */
export const PRIVATE_TMP = ["/tmp", "/var/tmp"] as const;

/** On most hosts /var/run is a link to /run. */
export const HIDDEN = [...COVERED, "/var/run", ...PRIVATE_TMP] as const;

/** Whether a path is in view with `show = "software"` and without settings of the service. */
export function isSoftware(path: string): boolean {
  return SOFTWARE.some((each) => isUnder(path, each));
}
