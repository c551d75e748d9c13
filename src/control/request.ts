// Reads the query and the JSON body of a request, and checks them against the operation's schemas.
import type { z } from "zod";
import { TenError } from "../core/errors.ts";
import { anything, checkFields, nothing } from "./wire/wire.ts";

/** The largest body is an environment of an instance, which is far smaller. */
const BODY_BYTES_MAX = 64 * 1024;

/** The path and the query; the host is our own, since a request can name one that no URL can have. */
export function urlOf({ url }: Request): URL {
  return new URL(`http://localhost${url.replace(/^http:\/\/[^/?#]*/, "")}`);
}

/** Throws REQUEST_INVALID, also for a field that is given twice. */
export function readQuery(searchParams: URLSearchParams, schema: z.ZodType): unknown {
  if (schema === anything) return {};
  const fields = Object.fromEntries(searchParams);
  const twice = Object.keys(fields).find((name) => searchParams.getAll(name).length > 1);
  if (twice === undefined) return checkFields(schema, fields);
  throw new TenError("REQUEST_INVALID", `Cannot use the request: ${twice}: given twice`);
}

/**
 * An empty body counts as an object without fields. Throws BODY_TOO_LARGE, MEDIA_TYPE_UNKNOWN, USAGE_INVALID for
 * malformed JSON, REQUEST_INVALID for a body that the schema does not allow.
 */
export async function readBody(request: Request, schema: z.ZodType = nothing): Promise<unknown> {
  const bytes = await readBytes(request);
  if (bytes.length === 0) return checkFields(schema, {});
  refuseOtherType(request.headers.get("Content-Type"));
  return checkFields(schema, parseJson(bytes));
}

async function readBytes(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) {
      const message = `Cannot read the request: its body is over ${BODY_BYTES_MAX} bytes`;
      throw new TenError("BODY_TOO_LARGE", message);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function refuseOtherType(type: string | null): void {
  if (type === null || /^application\/json\s*(;|$)/i.test(type.trim())) return;
  throw new TenError("MEDIA_TYPE_UNKNOWN", `Cannot read the request: its body is ${type}`, {
    hint: "Send JSON with Content-Type: application/json",
  });
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new TenError("USAGE_INVALID", "Cannot read the request: its body is not JSON", { cause });
  }
}
