// The page, the public health check and the OpenAPI document on the wire.
import { z } from "zod";
import { json, type Operations, text } from "./operation.ts";
import { anything } from "./wire.ts";

export const PAGE_OPERATIONS = {
  showPage: {
    summary: "Show a page that introduces the server",
    action: null,
    query: anything,
    answer: text("text/html", "A page"),
  },
  getServerHealth: {
    summary: "Check the server's health",
    action: null,
    query: anything,
    answer: json(z.strictObject({ status: z.literal("ok") })),
  },
  getOpenApi: {
    summary: "Get this document",
    action: "openapi",
    answer: json(z.looseObject({ openapi: z.string() })),
  },
} as const satisfies Operations;
