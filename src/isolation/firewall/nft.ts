// Runs the program nft: applies scripts, lists tables and chains.
import type { Gap } from "../../core/failure.ts";
import { runHelperSync } from "../../platform/process/helper.ts";
import { findProgram } from "../../platform/programs.ts";

/** It takes some milliseconds; a kernel that is busy with other tables holds it up. */
const NFT_MS_MAX = 10_000;

/** Applies a script; null, or the reason why it can't be applied. With `check` nothing changes. */
export function runNft(script: string, { check = false } = {}): Gap | null {
  const nft = findProgram("nft");
  if (nft === null) {
    return { reason: "nft is not installed", remedy: "apt-get install nftables" };
  }
  const argv = [nft, ...(check ? ["--check"] : []), "--file", "-"];
  const end = runHelperSync({ argv, input: script, timeoutMs: NFT_MS_MAX });
  if (end.kind === "failed")
    return {
      reason: `nft can't be run: ${end.reason}`,
      remedy: "It is tried again within a minute",
    };
  if (end.exitCode === 0) return null;
  const [said = ""] = end.errors.trim().split("\n");
  return {
    reason: `nft refuses: ${said.replace(/^.*?Error: /, "")}`,
    remedy: "Run ten with CAP_NET_ADMIN, on a kernel with nf_tables",
  };
}

/** The list that nft prints of a subject, such as `["chain", "inet", "filter", "input"]`; "" when it can't. */
export function listNft(what: readonly string[]): string {
  const nft = findProgram("nft");
  if (nft === null) return "";
  const end = runHelperSync({ argv: [nft, "list", ...what], timeoutMs: NFT_MS_MAX });
  return end.kind === "ended" ? end.output : "";
}
