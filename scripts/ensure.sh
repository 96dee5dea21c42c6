#!/usr/bin/env bash
# Makes sure that the machine has what a make target needs, and installs with apt
# what it lacks, saying what and why. Debian 12 or later, Ubuntu 24.04 or later.
#
#   scripts/ensure.sh go node browser …
set -euo pipefail

has() { command -v "$1" >/dev/null 2>&1; }
postgres_bin() { local d; for d in /usr/lib/postgresql/*/bin; do [ -x "$d/initdb" ] && return 0; done; has initdb; }

# missing THING: succeeds when the machine lacks it.
missing() {
	case $1 in
	go) ! has go ;;
	node) ! has node || ! has npm ;;
	browser) ! has chromium && ! has chromium-browser && ! has google-chrome && [ -z "${ARENGO_TEST_BROWSER:-}" ] ;;
	postgres) ! postgres_bin ;;
	java) ! has java ;;
	nginx) ! has nginx && ! [ -x /usr/sbin/nginx ] ;;
	caddy) ! has caddy ;;
	systemd) ! has systemd-analyze ;;
	wrk) ! has wrk ;;
	smtp) ! /usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null ;;
	xml) ! has xmllint ;;
	imap) ! has dovecot && ! [ -x /usr/sbin/dovecot ] ;;
	mta) ! has postfix && ! [ -x /usr/sbin/postfix ] ;;
	trace) ! has strace ;;
	compiler) ! has g++ || ! has make || ! has python3 ;;
	*) echo "ensure: unknown need $1" >&2; exit 2 ;;
	esac
}

package_of() {
	case $1 in
	go) echo golang ;; node) echo "nodejs npm" ;; browser) echo chromium ;; postgres) echo postgresql ;;
	java) echo default-jre-headless ;; nginx) echo nginx-light ;; caddy) echo caddy ;; systemd) echo systemd ;; wrk) echo wrk ;; smtp) echo python3-aiosmtpd ;;
	xml) echo libxml2-utils ;; imap) echo dovecot-imapd ;; mta) echo postfix ;; trace) echo strace ;; compiler) echo "g++ make python3" ;;
	esac
}

reason_of() {
	case $1 in
	go) echo "compiles Arengo (1.26 or later: https://go.dev/dl/)" ;;
	node) echo "builds the style sheets and scripts (20 or later)" ;;
	browser) echo "opens the pages in the tests" ;;
	postgres) echo "is the second database engine of the tests" ;;
	java) echo "runs the HTML checker" ;;
	nginx) echo "stands before the server as the guide says, and serves the static file that the site is measured against" ;;
	caddy) echo "stands before the server as the guide says" ;;
	systemd) echo "checks the unit of the guide" ;;
	wrk) echo "measures requests per second" ;;
	smtp) echo "receives the newsletters of the tests" ;;
	xml) echo "checks alerts against the CAP 1.2 schema" ;;
	imap) echo "keeps the letters that the tests answer" ;;
	mta) echo "sends back the letters that cannot be delivered" ;;
	trace) echo "shows what the server had on the disk when the power was cut" ;;
	compiler) echo "builds the SQLite of the Bluesky test server" ;;
	esac
}

wanted=() packages=()
for need in "$@"; do
	if missing "$need"; then
		wanted+=("$need")
		# shellcheck disable=SC2207 # package names hold no spaces
		packages+=($(package_of "$need"))
	fi
done

if [ ${#wanted[@]} -gt 0 ]; then
	for need in "${wanted[@]}"; do echo "ensure: $need is missing; it $(reason_of "$need")"; done
	if ! has apt-get; then
		echo "ensure: this machine has no apt-get: please install ${packages[*]} yourself" >&2
		exit 1
	fi
	as_root=()
	if [ "$(id -u)" -ne 0 ]; then
		has sudo || { echo "ensure: run as root, or install sudo: apt-get install ${packages[*]}" >&2; exit 1; }
		as_root=(sudo)
	fi
	echo "ensure: installing ${packages[*]}"
	"${as_root[@]}" apt-get update -qq
	# No service is started by an installation: the tests start their own.
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
	for need in "${wanted[@]}"; do
		if missing "$need"; then
			echo "ensure: $need is still missing after installing $(package_of "$need")" >&2
			exit 1
		fi
	done
fi

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -1)" = "$1" ]; }
for need in "$@"; do
	case $need in
	go)
		# An older Go from 1.21 on fetches the toolchain that go.mod asks for.
		version=$(go env GOVERSION | sed 's/^go//')
		at_least 1.26 "$version" || at_least 1.21 "$(GOTOOLCHAIN=local go env GOVERSION | sed 's/^go//')" || {
			echo "ensure: Go $version is too old: install 1.26 or later from https://go.dev/dl/" >&2
			exit 1
		} ;;
	node)
		version=$(node --version | sed 's/^v//')
		at_least 20 "$version" || {
			echo "ensure: Node $version is too old: install 20 or later from https://nodejs.org/" >&2
			exit 1
		} ;;
	esac
done
