#!/usr/bin/env bash
# Fetches what the program for AWS Lambda is made of, from Debian 12: the static libraries and headers
# of both architectures, and the sources of the libraries whose packages would bring far too much
# with them. The system's own package lists stay as they are: apt is shown that release in a folder
# of our own. Everything lies in build/lambda/debian; nothing is done when it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
packages=(libc6-dev linux-libc-dev libssl-dev libsqlite3-dev libfyaml-dev)
sources=(mongo-c-driver curl libmicrohttpd)
next_sources=(yyjson) # Debian 12 lacks it: from Debian 13, one file that has no patches
dir=$PWD/build/lambda/debian
wanted="${packages[*]} ${sources[*]} ${next_sources[*]}"
[ "$(cat "$dir/ready" 2>/dev/null)" = "$wanted" ] && exit 0

say() { echo "lambda-fetch: $*"; }
die() {
    echo "lambda-fetch: $*" >&2
    exit 1
}

# The address of a Debian archive that this system has configured.
address() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "$@" | head -n 1
}

# apt's options for a view of one release: view NAME SUITES TYPES.
view() {
    local at=$dir/apt/$1 options=()
    mkdir -p "$at/sources" "$at/preferences" "$at/lists/partial" "$at/archives/partial"
    cat >"$at/sources/debian.sources" <<END
Types: $3
URIs: $main
Suites: $2
Components: main
Architectures: amd64 arm64
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
    if [ "$1" = bookworm ] && [ -n "$security" ]; then
        sed "s|^URIs:.*|URIs: $security|; s|^Suites:.*|Suites: bookworm-security|" \
            "$at/sources/debian.sources" >"$at/sources/security.sources"
    fi
    options=(Dir::Etc::sourcelist=/dev/null Dir::Etc::sourceparts="$at/sources"
        Dir::Etc::preferencesparts="$at/preferences" Dir::State::lists="$at/lists"
        Dir::Cache="$at" Dir::Cache::pkgcache= Dir::Cache::srcpkgcache= APT::Sandbox::User=
        APT::Architectures::=amd64 APT::Architectures::=arm64)
    apt=(apt-get -q -q)
    local option
    for option in "${options[@]}"; do apt+=(-o "$option"); done
    "${apt[@]}" update || die "the package lists of Debian's $1 could not be read"
}

[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || die "debian-archive-keyring is missing"
main=$(address 'Origin: Debian' 'Label: Debian')
security=$(address 'Label: Debian-Security')
[ -n "$main" ] || die "no source of Debian packages is configured"

rm -rf "$dir"
mkdir -p "$dir/deb" "$dir/src"
say "reading Debian 12's package lists"
view bookworm "bookworm bookworm-updates" "deb deb-src"
say "fetching libraries and sources"
for arch in amd64 arm64; do
    (cd "$dir/deb" && "${apt[@]}" download "${packages[@]/%/:$arch}")
done
# dpkg-source also applies Debian's patches, those for security among them.
(cd "$dir/src" && "${apt[@]}" source "${sources[@]}" >/dev/null)
view trixie trixie deb-src
(cd "$dir/src" && "${apt[@]}" source --tar-only "${next_sources[@]}" >/dev/null)
rm -rf "$dir/apt"
echo "$wanted" >"$dir/ready"
