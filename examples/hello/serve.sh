#!/bin/sh
# Serves the tenant's own directory: a greeting, and a list of the moments it was started.
set -eu

site="$TENEMENT_DATA_DIR/site"
mkdir -p "$site"

if [ ! -e "$site/index.html" ]; then
  printf '<!doctype html>\n<title>Hello</title>\n<h1>Hello, %s!</h1>\n' "$TENEMENT_INSTANCE" >"$site/index.html"
fi
date -u +%Y-%m-%dT%H:%M:%SZ >>"$site/starts.txt"

echo "serving $site on port $PORT"
# exec: the server takes the place of the shell, so that it is what receives the stop signal.
exec python3 -m http.server --bind 127.0.0.1 --directory "$site" "$PORT"
