#!/usr/bin/env bash
# Builds gVisor's runsc with Go into a directory, for tests: build-runsc.sh DIRECTORY. Does nothing if this version is there.
# Takes two minutes on two processors. Servers get it from gVisor's own packages: docs/isolation.md.
set -euo pipefail

directory=${1:?usage: build-runsc.sh DIRECTORY}
# A commit of the branch `go`, by its version in the module proxy.
version=v0.0.0-20260905035102-160fafc42237
name=release-20260905.0

[ "$("$directory/runsc" --version 2>/dev/null | head -n 1)" = "runsc version $name" ] && exit 0
mkdir -p "$directory"
GOBIN=$directory CGO_ENABLED=0 go install -trimpath \
  -ldflags "-s -w -X gvisor.dev/gvisor/runsc/version.version=$name" \
  "gvisor.dev/gvisor/runsc@$version"
