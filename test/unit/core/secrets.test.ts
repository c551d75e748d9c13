import { expect, test } from "bun:test";
import { MASK, maskValue } from "../../../src/core/secrets.ts";

test.each([
  "API_KEY",
  "token",
  "AWS_SECRET_ACCESS",
  "DB_PASSWORD",
  "DB_PASS",
  "PASSWD",
  "MYSQL_PWD",
  "CREDENTIALS",
  "SENTRY_DSN",
  "JWT",
  "BASIC_AUTH",
  "TLS_PEM",
  "PIN",
])("masks the value of %s, however harmless it looks", (name) => {
  expect(maskValue(name, "1234")).toBe(MASK);
});

test.each([
  ["LICENSE", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"],
  ["STRIPE", "sk_live_4242424242424242"],
  ["GREETING", "hello"],
])("masks what is not known to be harmless: %s", (name, value) => {
  expect(maskValue(name, value)).toBe(MASK);
});

test.each([
  ["postgres://app:hunter2@db:5432/app", `postgres://app:${MASK}@db:5432/app`],
  ["redis://:hunter2@cache", `redis://:${MASK}@cache`],
  ["redis://:a@b:c@cache/", `redis://:${MASK}@cache/`],
  ["https://hooks.example.com/services/T0/B0/x", `https://hooks.example.com/${MASK}`],
  ["postgres://db/app?password=x", `postgres://db/app${MASK}`],
  ["https://ghp_0123456789@github.com/a/b", `https://${MASK}@github.com/${MASK}`],
  ["postgres://app@db/app", "postgres://app@db/app"],
  ["https://example.com?token=x", `https://example.com${MASK}`],
  ["https://example.com:8080", "https://example.com:8080"],
  ["amqp://a:p@ss@one amqp://b:q@two", MASK],
])("shows scheme, user and host of %s", (value, shown) => {
  expect(maskValue("SERVICE_URL", value)).toBe(shown);
});

test.each([
  ["LANG", "C.UTF-8"],
  ["NODE_ENV", "production"],
  ["UPLOAD_DIR", "/srv/uploads"],
  ["FEATURE_X", "on"],
  ["RETRIES", "3"],
  ["PAUSE", "1.5s"],
  ["TOKEN", ""],
])("shows %s=%s", (name, value) => {
  expect(maskValue(name, value)).toBe(value);
});
