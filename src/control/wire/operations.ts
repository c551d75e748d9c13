// All operations of the API by name, and the types of their queries, bodies and results.
import type { z } from "zod";
import { DEPLOY_OPERATIONS } from "./deploys.ts";
import { DOMAIN_OPERATIONS } from "./domains.ts";
import type { OperationName } from "./endpoints.ts";
import { EXEC_OPERATIONS } from "./exec.ts";
import { INSTANCE_OPERATIONS } from "./instances.ts";
import { LOG_OPERATIONS } from "./logs.ts";
import type { Operation, ResultOf } from "./operation.ts";
import { PAGE_OPERATIONS } from "./page.ts";
import { RELOAD_OPERATIONS } from "./reload.ts";
import { RESTART_OPERATIONS } from "./restart.ts";
import { TELEMETRY_OPERATIONS } from "./telemetry.ts";
import { TOKEN_OPERATIONS } from "./tokens.ts";

// A new operation takes an endpoint, a declaration in its subject's file here, a handler in its subject's file in
// handlers/, and an example in scripts/api-examples.ts. The compiler asks for each of them.

export const OPERATIONS = {
  ...PAGE_OPERATIONS,
  ...INSTANCE_OPERATIONS,
  ...EXEC_OPERATIONS,
  ...DEPLOY_OPERATIONS,
  ...DOMAIN_OPERATIONS,
  ...LOG_OPERATIONS,
  ...RELOAD_OPERATIONS,
  ...TOKEN_OPERATIONS,
  ...TELEMETRY_OPERATIONS,
  ...RESTART_OPERATIONS,
} satisfies Readonly<Record<OperationName, Operation>>;

type Declared<Name extends OperationName> = (typeof OPERATIONS)[Name];

/** Undefined: the operation takes none. */
export type QueryOf<Name extends OperationName> =
  Declared<Name> extends { readonly query: infer Query extends z.ZodType } ? Query : undefined;

export type BodyOf<Name extends OperationName> =
  Declared<Name> extends { readonly body: infer Body extends z.ZodType } ? Body : undefined;

export type AnswerOf<Name extends OperationName> = ResultOf<Declared<Name>>;
