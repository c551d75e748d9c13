// Reads what a request asks for: its query and its JSON body, held to what the route declares.
import type { z } from "zod";
import { TenError } from "../core/errors.ts";
import { anything, checkFields, nothing } from "./wire/wire.ts";

/** More than any request needs: the environment of an instance is the largest. */
const BODY_BYTES_MAX = 64 * 1024;

/** The path and the query; the host is our own, since a request can name one that no URL can have. */
export function urlOf({ url }: Request): URL {
  return new URL(`http://localhost${url.replace(/^http:\/\/[^/?#]*/, "")}`);
}

/** The query, checked; throws REQUEST_INVALID, also for a field that is given twice. */
export function readQuery(searchParams: URLSearchParams, schema: z.ZodType): unknown {
  if (schema === anything) return {};
  const fields = Object.fromEntries(searchParams);
  const twice = Object.keys(fields).find((name) => searchParams.getAll(name).length > 1);
  if (twice === undefined) return checkFields(schema, fields);
  throw new TenError("REQUEST_INVALID", `Cannot use the request: ${twice}: given twice`);
}

/**
 * The JSON body, checked; none counts as an object without fields. Throws BODY_TOO_LARGE, MEDIA_TYPE_UNKNOWN,
 * USAGE_INVALID for what is no JSON, REQUEST_INVALID for what does not fit.
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
