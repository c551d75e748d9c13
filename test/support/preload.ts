// Removes the developer's own settings from the environment of tests.
for (const name of Object.keys(process.env)) {
  if (name.startsWith("TEN_TEST_")) continue;
  if (name.startsWith("TEN")) delete process.env[name];
}
