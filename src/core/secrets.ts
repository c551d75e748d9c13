// Masks environment values that may be secret: all but those that are known to be harmless.

export const MASK = "********";

const SECRET_NAME =
  /KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL|DSN|JWT|AUTH|COOKIE|SALT|PEM|CERT|PRIVATE|PIN$/i;

/** Names of settings that applications share; a value that tells no more than these is no secret. */
const HARMLESS_NAME =
  /^(COLORS?|DEBUG|ENV|ENVIRONMENT|HOME|HOST|HOSTNAME|LANG|LANGUAGE|LC_.*|LOGLEVEL|PATH|PORT|SHELL|TERM|TZ|USER)$|(^|_)(COUNT|DIR|ENABLED|ENV|FORMAT|HOST|INTERVAL|LEVEL|LIMIT|LOCALE|MAX|MIN|MODE|NAME|PATH|PORT|REGION|SIZE|THREADS|TIMEOUT|TTL|VERSION|WORKERS|ZONE)$/i;

/** Switches, small numbers, durations and sizes: too short to be a secret. */
const HARMLESS_VALUE = /^(true|false|yes|no|on|off|\d{1,5}(\.\d+)?[a-z]{0,2}|)$/i;

/** `scheme://user:password@host/path?query`; user, password, path and query may be absent. */
const URL_PARTS =
  /^([a-z][a-z0-9+.-]*:\/\/)(?:([^\s/:@]*)(:[^\s/]*)?@)?([^\s/?#@]+)(\/[^\s?#]*)?(\S*)$/i;

/** The value as it may be shown. A URL keeps its scheme, user, host, and the name of a database. */
export function maskValue(name: string, value: string): string {
  if (value === "") return value;
  if (SECRET_NAME.test(name)) return MASK;
  const url = URL_PARTS.exec(value);
  if (url !== null) return maskUrl(url);
  return HARMLESS_NAME.test(name) || HARMLESS_VALUE.test(value) ? value : MASK;
}

function maskUrl([, scheme = "", user, password, host, path = "", query]: string[]): string {
  // A user without a password is a token; the path of a webhook is its secret.
  const isDatabase = !/^https?:/i.test(scheme);
  const known = password === undefined && !isDatabase ? MASK : user;
  const access = user === undefined ? "" : `${known}${password === undefined ? "" : `:${MASK}`}@`;
  const place = isDatabase || path.length <= 1 ? path : `/${MASK}`;
  return `${scheme}${access}${host}${place}${query === "" ? "" : MASK}`;
}
