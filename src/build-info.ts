// The version and the sources of this build. The build defines the constants; run from source they are missing.
import { version } from "../package.json" with { type: "json" };

declare const TEN_COMMIT: string;
declare const TEN_TARGET: string;

export const VERSION: string = version;
export const COMMIT: string = typeof TEN_COMMIT === "string" ? TEN_COMMIT : "source";
export const TARGET: string =
  typeof TEN_TARGET === "string" ? TEN_TARGET : `${process.platform}-${process.arch}`;

/** `ten 0.1.0 (commit 1234abc, Bun 1.4.5, linux-x64)` */
export function renderVersion(): string {
  return `ten ${VERSION} (commit ${COMMIT}, Bun ${Bun.version}, ${TARGET})`;
}
