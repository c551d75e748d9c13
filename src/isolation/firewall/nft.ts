// Runs the program nft: applies scripts, lists tables and chains.
import type { Gap } from "../../core/failure.ts";
import { findProgram } from "../../platform/programs.ts";

/** Applies a script; null, or the reason why it can't be applied. With `check` nothing changes. */
export function runNft(script: string, { check = false } = {}): Gap | null {
  const nft = findProgram("nft");
  if (nft === null) {
    return { reason: "nft is not installed", remedy: "apt-get install nftables" };
  }
  const { exitCode, stderr } = Bun.spawnSync([nft, ...(check ? ["--check"] : []), "--file", "-"], {
    stdin: Buffer.from(script),
    stdout: "ignore",
  });
  if (exitCode === 0) return null;
  const [said = ""] = stderr.toString().trim().split("\n");
  return {
    reason: `nft refuses: ${said.replace(/^.*?Error: /, "")}`,
    remedy: "Run ten with CAP_NET_ADMIN, on a kernel with nf_tables",
  };
}

/** The list that nft prints of a subject, such as `["chain", "inet", "filter", "input"]`; "" when it can't. */
export function listNft(what: readonly string[]): string {
  const nft = findProgram("nft");
  if (nft === null) return "";
  return Bun.spawnSync([nft, "list", ...what], { stderr: "ignore" }).stdout.toString();
}
