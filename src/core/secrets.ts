// Which environment values are secret, and what people see in their place.

export const MASK = "********";

const SECRET_NAME = /KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|DSN/i;
/** `scheme://user:password@`: the password alone is hidden, so that the rest can still be checked. */
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/]+@/gi;

/** The value as it may be shown: hidden when its name says secret, without the password when it is a URL. */
export function maskValue(name: string, value: string): string {
  if (value !== "" && SECRET_NAME.test(name)) return MASK;
  return value.replace(URL_PASSWORD, `$1${MASK}@`);
}
