// Checks answers of the API against its own OpenAPI document.
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { readEvents } from "../../src/control/client/event-reader.ts";
import type {
  Content,
  OpenApiDocument,
  OperationObject,
} from "../../src/control/routes/openapi.ts";

export interface OperationAt {
  readonly method: string;
  /** As in the document: `/api/instances/{ref}`. */
  readonly path: string;
  readonly operation: OperationObject;
}

type Schema = Content[string]["schema"];

/** Statuses of an unknown path and of a method that a path doesn't support. */
const NOWHERE = [404, 405];

export class Contract {
  readonly document: OpenApiDocument;
  readonly operations: readonly OperationAt[];
  /** Answers seen so far, as `GET /health 200`. */
  readonly seen = new Set<string>();
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #checks = new Map<string, ValidateFunction>();

  constructor(document: OpenApiDocument) {
    this.document = document;
    this.#ajv.addFormat("date-time", (text) => /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text));
    this.operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operation,
      })),
    );
  }

  /** Whether a value matches a schema of the document. */
  allows(schema: Schema, value: unknown): boolean {
    return this.#checkOf(JSON.stringify(schema), schema)(value) === true;
  }

  /** Resolves a `$ref`. */
  resolve<Value extends object>(value: Value): Value {
    if (!("$ref" in value)) return value;
    const [, ...steps] = String(value.$ref).split("/");
    const at = (object: unknown, step: string) => (object as Record<string, unknown>)[step];
    return steps.reduce(at, this.document as unknown) as Value;
  }

  /**
   * Throws when the document doesn't declare an answer, whose body stays readable.
   * @param path with or without a query
   */
  async check(method: string, path: string, response: Response): Promise<void> {
    const { status } = response;
    const found = this.#find(method, path);
    const name = `${method} ${found?.path ?? path} ${status}`;
    this.seen.add(name);
    if (found === null) {
      if (!NOWHERE.includes(status)) throw new Error(`${name}: there is no such operation`);
      return await this.#checkBody(
        name,
        this.#contentOf({ $ref: "#/components/responses/404" }),
        response,
      );
    }
    const declared = found.operation.responses[status];
    if (declared !== undefined)
      return await this.#checkBody(name, this.#contentOf(declared), response);
    throw new Error(`${name} is not declared: ${await response.clone().text()}`);
  }

  /** Reads a stream to its end, or so many events; throws unless the data of each matches the document. */
  async checkEvents(
    method: string,
    path: string,
    { response, most }: { response: Response; most: number },
  ): Promise<void> {
    const events = readEvents(response.body);
    for (let count = 0; count < most; count++) {
      const { value, done } = await events.next();
      if (done === true) return;
      this.#checkEvent(method, path, value.data);
    }
    await events.return();
  }

  #checkEvent(method: string, path: string, data: string): void {
    const found = this.#find(method, path);
    const declared = found?.operation.responses[200] ?? {};
    const schema = this.#contentOf(declared)["text/event-stream"]?.["x-event-data"];
    const name = `${method} ${found?.path} event`;
    if (schema === undefined) throw new Error(`${name}: there are none`);
    this.seen.add(name);
    const check = this.#checkOf(name, schema);
    if (!check(JSON.parse(data))) {
      throw new Error(`${name}: ${this.#ajv.errorsText(check.errors)}: ${data.slice(0, 2000)}`);
    }
  }

  #contentOf(declared: OperationObject["responses"][string]): Content {
    const { content = {} } = this.resolve(declared) as { content?: Content };
    return content;
  }

  async #checkBody(name: string, content: Content, response: Response): Promise<void> {
    const type = response.headers.get("Content-Type")?.split(";")[0] ?? "nothing";
    const declared = content[type]?.schema;
    if (declared === undefined) {
      const declaresNothing = Object.keys(content).length === 0;
      if (declaresNothing && (await response.clone().text()) === "") return;
      throw new Error(`${name}: ${type} where ${Object.keys(content)} is declared`);
    }
    // A stream ends only when its client disconnects.
    if (type === "text/event-stream") return;
    const text = await response.clone().text();
    const check = this.#checkOf(name, declared);
    if (check(type === "application/json" ? JSON.parse(text) : text)) return;
    throw new Error(`${name}: ${this.#ajv.errorsText(check.errors)}: ${text.slice(0, 2000)}`);
  }

  #find(method: string, path: string): OperationAt | null {
    const given = (path.split("?")[0] ?? "").split("/");
    const fits = (pattern: string) => {
      const expected = pattern.split("/");
      return (
        expected.length === given.length &&
        expected.every((segment, index) =>
          segment.startsWith("{") ? given[index] !== "" : segment === given[index],
        )
      );
    };
    const candidates = this.operations.filter((each) => each.method === method && fits(each.path));
    return candidates.find((each) => !each.path.includes("{")) ?? candidates[0] ?? null;
  }

  #checkOf(name: string, schema: Schema): ValidateFunction {
    const known = this.#checks.get(name);
    if (known !== undefined) return known;
    // References are resolved from the root, so it needs the components.
    const check = this.#ajv.compile({ ...schema, components: this.document.components });
    this.#checks.set(name, check);
    return check;
  }
}
