// Host names as operators write them: checked, and brought into the form in which browsers send them.
import { TenError } from "./errors.ts";

const HOST_RULE = "a name like shop.example.com, without scheme, port and path";
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** RFC 1035, 2.3.4: 255 octets on the wire. */
const HOST_CHARS_MAX = 253;
const ADDRESS = /^\d+(?:\.\d+){3}$/;
/** What would be more than a name in a URL; a letter of any script is none of them. */
const BEYOND_NAME = /[\s/\\:@?#%[\]]/;

/** The name in ASCII: lower case, without a trailing dot, Unicode as IDNA (UTS 46) has it. Throws REQUEST_INVALID. */
export function parseHost(text: string): string {
  const host = toAscii(text)?.replace(/\.$/, "") ?? "";
  if (ADDRESS.test(host) || text.startsWith("[")) throw refused(text, "it is an address");
  if (host.length > HOST_CHARS_MAX || !host.split(".").every((label) => LABEL.test(label))) {
    throw refused(text, "it is not a host name");
  }
  return host;
}

/** Null: no host name, whatever it is. */
function toAscii(text: string): string | null {
  if (text === "" || BEYOND_NAME.test(text) || !URL.canParse(`http://${text}/`)) return null;
  return new URL(`http://${text}/`).hostname;
}

function refused(text: string, reason: string): TenError {
  return new TenError("REQUEST_INVALID", `Cannot use "${text}" as a host: ${reason}`, {
    hint: `Write ${HOST_RULE}`,
  });
}
