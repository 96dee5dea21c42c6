#!/usr/bin/env bash
# Checks HTML files with the Nu HTML checker, all in one call since it takes
# seconds to start. Prints nothing and succeeds when all are valid.
#
#   scripts/vnu.sh page.html folder …
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
jar=$root/node_modules/vnu-jar/build/dist/vnu.jar
[ -f "$jar" ] || { echo "vnu: run npm ci first" >&2; exit 1; }
exec java -Xss8m -jar "$jar" --skip-non-html --errors-only "$@"
