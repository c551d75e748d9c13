#!/bin/sh
# Serves the tenant's data directory: a greeting, and the times of its starts.
set -eu

site="$TENEMENT_DATA_DIR/site"
mkdir -p "$site"

if [ ! -e "$site/index.html" ]; then
  printf '<!doctype html>\n<title>Hello</title>\n<h1>Hello, %s!</h1>\n' "$TENEMENT_INSTANCE" >"$site/index.html"
fi
date -u +%Y-%m-%dT%H:%M:%SZ >>"$site/starts.txt"

echo "serving $site on port $PORT"
# exec replaces the shell by the server, which thus receives the stop signal.
exec python3 -m http.server --bind 127.0.0.1 --directory "$site" "$PORT"
