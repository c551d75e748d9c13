// Random values that a JSON Schema allows, and spoilt ones.
import type { Random } from "./random.ts";

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly propertyNames?: Schema;
  readonly additionalProperties?: Schema | false;
  readonly items?: Schema;
  readonly examples?: readonly unknown[];
}

export interface Sampler {
  readonly random: Random;
  /** Resolves a `$ref`. */
  resolve(schema: Schema): Schema;
}

/** Texts for patterns; a pattern that none matches needs another text here. */
const TEXTS = ["notes", "alice", "A_B", "x", "0", "line 1\nline 2", "", "ü€😀", "a".repeat(63)];

/** A value that the schema allows. */
export function sample(schema: Schema, sampler: Sampler): unknown {
  const { random } = sampler;
  const own = sampler.resolve(schema);
  if (own.const !== undefined) return own.const;
  if (own.enum !== undefined) return random.pick(own.enum);
  if (own.examples !== undefined && random.below(2) === 0) return random.pick(own.examples);
  if (own.anyOf !== undefined) return sample(random.pick(own.anyOf), sampler);
  const type = typeof own.type === "object" ? random.pick(own.type) : own.type;
  switch (type) {
    case "string":
      return random.pick(textsThatFit(own));
    case "integer":
    case "number": {
      const { minimum = -5, maximum = minimum + 1000 } = own;
      return random.pick([minimum, maximum, minimum + random.below(maximum - minimum + 1)]);
    }
    case "boolean":
      return random.below(2) === 0;
    case "null":
      return null;
    case "array":
      return Array.from({ length: random.below(3) }, () => sample(own.items ?? {}, sampler));
    case "object":
      return sampleObject(own, sampler);
    default:
      return random.pick(STRANGE);
  }
}

function sampleObject(schema: Schema, sampler: Sampler): Record<string, unknown> {
  const { properties = {}, required = [], propertyNames, additionalProperties } = schema;
  const fields = Object.entries(properties).flatMap(([name, field]): [string, unknown][] =>
    required.includes(name) || sampler.random.below(2) === 0
      ? [[name, sample(field, sampler)]]
      : [],
  );
  const further = additionalProperties
    ? Array.from({ length: sampler.random.below(3) }, (): [string, unknown] => [
        String(sample(propertyNames ?? { type: "string" }, sampler)),
        sample(additionalProperties, sampler),
      ])
    : [];
  return Object.fromEntries([...fields, ...further]);
}

function textsThatFit({ pattern = "", maxLength = Number.POSITIVE_INFINITY }: Schema): string[] {
  const fit = TEXTS.filter((text) => text.length <= maxLength && new RegExp(pattern).test(text));
  if (fit.length === 0) throw new Error(`No text here fits ${pattern}`);
  return fit;
}

/** Values that hardly any schema allows. */
const STRANGE: readonly unknown[] = [
  null,
  true,
  -1,
  1.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  "",
  "\0",
  "../../etc/passwd",
  "notes:alice",
  "' OR 1=1 --",
  "x".repeat(5000),
  [],
  [[[[]]]],
  {},
  { __proto__: null, constructor: 1 },
  JSON.parse('{"__proto__": "x", "toString": "y"}'),
];

/** A value with a part changed, added or removed; it may still be allowed. */
export function spoil(value: unknown, sampler: Sampler): unknown {
  const { random } = sampler;
  if (typeof value !== "object" || value === null || random.below(4) === 0)
    return random.pick(STRANGE);
  const entries = Object.entries(value);
  const at = random.below(entries.length + 1);
  const [name, field] = entries[at] ?? [random.pick(["x", "weight", "__proto__", "a b"]), null];
  const changed: [string, unknown][] = [
    [name, random.below(2) === 0 ? random.pick(STRANGE) : spoil(field, sampler)],
  ];
  const rest = entries.filter((_, index) => index !== at);
  return Object.fromEntries(random.below(3) === 0 ? rest : [...rest, ...changed]);
}
