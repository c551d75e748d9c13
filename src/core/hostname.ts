// Hostnames of operators: checked, and normalized to the form in which browsers send them.
import { TenError } from "./errors.ts";

const HOSTNAME_RULE = "a name like shop.example.com, without scheme, port and path";
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** RFC 1035, 2.3.4: 255 octets on the wire. */
const HOSTNAME_CHARS_MAX = 253;
const ADDRESS = /^\d+(?:\.\d+){3}$/;
/** Characters that would end the name in a URL; a letter of any script does not. */
const URL_SYNTAX = /[\s/\\:@?#%[\]]/;

/** The name in ASCII: lower case, without a trailing dot, Unicode by IDNA (UTS 46). Throws REQUEST_INVALID. */
export function parseHostname(text: string): string {
  const hostname = toAscii(text)?.replace(/\.$/, "") ?? "";
  if (ADDRESS.test(hostname) || text.startsWith("[")) throw refused(text, "it is an address");
  if (
    hostname.length > HOSTNAME_CHARS_MAX ||
    !hostname.split(".").every((label) => LABEL.test(label))
  ) {
    throw refused(text, "it is not a valid hostname");
  }
  return hostname;
}

/** Null: a URL can't have this host. */
function toAscii(text: string): string | null {
  if (text === "" || URL_SYNTAX.test(text) || !URL.canParse(`http://${text}/`)) return null;
  return new URL(`http://${text}/`).hostname;
}

function refused(text: string, reason: string): TenError {
  return new TenError("REQUEST_INVALID", `Cannot use "${text}" as a hostname: ${reason}`, {
    hint: `Write ${HOSTNAME_RULE}`,
  });
}
