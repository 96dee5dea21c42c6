#!/usr/bin/env bash
# Runs a command beside a PostgreSQL server of its own, on a free port of the
# loopback address, with its data in a temporary folder; stops and removes it when
# the command ends. The command finds it in ARENGO_TEST_POSTGRES.
#
#   scripts/postgres.sh go test ./...
#
# Durability is off: the data is thrown away.
set -euo pipefail

[ $# -gt 0 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 || true)
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb)")

dir=$(mktemp -d "${TMPDIR:-/tmp}/arengo-postgres.XXXXXX")
# initdb refuses to run as root.
as=()
if [ "$(id -u)" -eq 0 ]; then
	id postgres >/dev/null 2>&1 || { echo "postgres: there is no user postgres to run the server as" >&2; exit 1; }
	chown postgres "$dir"
	as=(runuser -u postgres --)
fi
stop() {
	"${as[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate -s stop >/dev/null 2>&1 || true
	rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cd "$dir"
"${as[@]}" "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log" 2>&1 ||
	{ cat "$dir/initdb.log" >&2; exit 1; }

started=
for _ in 1 2 3 4 5 6 7 8; do
	port=$((20000 + RANDOM % 30000))
	if "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -s -w -t 30 -l "$dir/data/server.log" \
		-o "-h 127.0.0.1 -p $port -k '$dir' -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=400 -c shared_buffers=128MB -c max_wal_size=2GB -c autovacuum_naptime=10s" \
		start >/dev/null 2>&1; then
		started=yes
		break
	fi
done
[ -n "$started" ] || { cat "$dir/data/server.log" >&2; echo "postgres: did not start" >&2; exit 1; }

cd "$OLDPWD"
export ARENGO_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port/postgres?sslmode=disable"
echo "postgres: $("$bin/postgres" --version | sed 's/ (Debian.*//') on 127.0.0.1:$port"
"$@"
