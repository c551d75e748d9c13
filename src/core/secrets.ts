// Masks secrets in environment values: by the variable's name, and passwords within URLs.

export const MASK = "********";

const SECRET_NAME = /KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|DSN/i;
/** `scheme://user:password@`: only the password is masked, so that the rest stays readable. */
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/]+@/gi;

/** The value as it may be shown: masked when its name suggests a secret, without the password when it is a URL. */
export function maskValue(name: string, value: string): string {
  if (value !== "" && SECRET_NAME.test(name)) return MASK;
  return value.replace(URL_PASSWORD, `$1${MASK}@`);
}
