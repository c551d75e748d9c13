// Programs that tests need: a test without its program is skipped with a message.

export interface Tool {
  /** Its name in PATH. */
  readonly program: string;
  /** The Debian package that contains it; null: there is none, or it is too old. */
  readonly debianPackage: string | null;
  /** The command that installs it without a package. */
  readonly command?: string;
}

/**
 * For `test.skipIf`: true, with a printed message, when the program is not installed.
 * With TEN_TEST_REQUIRE_ALL=1 a missing program is an error, so that a gate can't pass by skipping.
 */
export function isMissing({ program, debianPackage, command }: Tool): boolean {
  if (Bun.which(program) !== null) return false;
  const remedy = command ?? `apt-get install ${debianPackage}`;
  const message = `"${program}" is not installed: ${remedy}`;
  if (process.env["TEN_TEST_REQUIRE_ALL"] === "1") throw new Error(message);
  console.warn(`skipped tests: ${message}`);
  return true;
}

export const PYTHON: Tool = { program: "python3", debianPackage: "python3" };
export const NODE: Tool = { program: "node", debianPackage: "nodejs" };
export const GO: Tool = { program: "go", debianPackage: "golang-go" };
export const JAVA: Tool = { program: "java", debianPackage: "default-jdk-headless" };
export const GCC: Tool = { program: "gcc", debianPackage: "gcc libc6-dev" };
export const E2FSPROGS: Tool = { program: "mkfs.ext4", debianPackage: "e2fsprogs" };
export const CHROMIUM: Tool = { program: "chromium", debianPackage: "chromium" };
export const NFTABLES: Tool = { program: "nft", debianPackage: "nftables" };
export const IPROUTE: Tool = { program: "ip", debianPackage: "iproute2" };
export const SSH: Tool = { program: "ssh", debianPackage: "openssh-client" };
export const GIT: Tool = { program: "git", debianPackage: "git" };
export const PSQL: Tool = { program: "psql", debianPackage: "postgresql-client" };
export const UV: Tool = { program: "uv", debianPackage: "python3-pip && pip install uv" };
export const SYSTEMD: Tool = {
  program: "systemd-socket-activate",
  debianPackage: "systemd",
};
export const RUNSC: Tool = {
  program: "runsc",
  debianPackage: null,
  command: 'scripts/build-runsc.sh /usr/local/bin (with Go), or see "sandbox" in docs/isolation.md',
};
