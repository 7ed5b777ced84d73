#!/usr/bin/env bash
# Installs what building (deps.sh build), packing for AWS Lambda (deps.sh lambda) or testing (deps.sh
# test) needs on Debian 12, Debian 13 and Ubuntu 24.04. It looks at what is there and does nothing when nothing is missing. On another system
# it names what it misses; once those things are on PATH and known to pkg-config, it is content.
set -u
cd "$(dirname "$0")/.." || exit 1
level=${1:-build}
case $level in build | lambda | test) ;; *)
    echo "usage: tools/deps.sh build|lambda|test" >&2
    exit 2
    ;;
esac

say() { echo "deps: $*"; }
die() {
    echo "deps: $*" >&2
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }
has_any() {
    local name
    for name in "$@"; do has "$name" && return 0; done
    return 1
}

# What is missing, as names of Debian packages.
missing=()
need_program() { has_any "${@:2}" || missing+=("$1"); } # package, then programs: any one will do
need_library() { pkg-config --exists "$2" 2>/dev/null || missing+=("$1"); }

find_missing_build() {
    need_program gcc gcc
    [ -e /usr/include/stdlib.h ] || missing+=(libc6-dev)
    need_program make make
    need_program binutils objcopy
    need_program pkg-config pkg-config
    need_library libyyjson-dev yyjson
    need_library libfyaml-dev libfyaml
    need_library libmicrohttpd-dev libmicrohttpd
    need_library libcurl4-openssl-dev libcurl
    need_library libsqlite3-dev sqlite3
    need_library libmongoc-dev libmongoc-1.0
    need_library libssl-dev libcrypto
    need_program nodejs node
    need_program npm npm
}

# Both architectures are made alike, each by its own compiler, from libraries of Debian 12.
find_missing_lambda() {
    need_program gcc-x86-64-linux-gnu x86_64-linux-gnu-gcc
    need_program gcc-aarch64-linux-gnu aarch64-linux-gnu-gcc
    need_program cmake cmake
    need_program ninja-build ninja
    need_program dpkg-dev dpkg-source
    need_program patch patch
    need_program xz-utils xz
    need_program python3 python3 # measures a cold start
    need_program p7zip-full 7z
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
}

has_fuzzer_runtime() {
    local dir
    dir=$(clang --print-runtime-dir 2>/dev/null) || return 1
    compgen -G "$dir/libclang_rt.fuzzer*.a" >/dev/null ||
        compgen -G "${dir%/*}/linux/libclang_rt.fuzzer*.a" >/dev/null
}

find_missing_test() {
    need_program git git
    need_program clang clang
    has clang && { has_fuzzer_runtime || missing+=("$(fuzzer_runtime_package)"); }
    has ctags-universal || ctags --version 2>/dev/null | grep -q Universal || missing+=(universal-ctags)
    need_program jq jq
    need_program sqlite3 sqlite3
    need_program openssl openssl
    need_program curl curl
    need_program wrk wrk
    need_program strace strace
    need_program procps ps
    need_program qemu-user-static "qemu-$(foreign_machine)-static"
    [ -e "$(faketime_library)" ] || missing+=(libfaketime)
    python_has_venv || missing+=(python3 python3-venv)
    if ! has_any chromium chromium-browser google-chrome; then
        if is_ubuntu; then
            say "Ubuntu has no chromium package outside snap: for the page's tests put chromium or google-chrome on PATH"
        else
            missing+=(chromium)
        fi
    fi
}

# Debian's place for it: nodes whose clocks are apart are started with it.
faketime_library() { echo "/usr/lib/$(uname -m)-linux-gnu/faketime/libfaketimeMT.so.1"; }

# The other architecture that AWS Lambda has: its package runs under an emulator.
foreign_machine() { if [ "$(uname -m)" = aarch64 ]; then echo x86_64; else echo aarch64; fi; }

is_ubuntu() { grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null; }

fuzzer_runtime_package() {
    local version
    version=$(clang -dumpversion)
    echo "libclang-rt-${version%%.*}-dev"
}

venv_ready() {
    [ -x build/test-venv/bin/python ] && cmp -s tools/requirements.txt build/test-venv/requirements.txt
}
python_has_venv() { venv_ready || python_of_venv >/dev/null; }
# A python3 that can make a virtual environment: the one on PATH, else the system's.
python_of_venv() {
    local python
    for python in python3 /usr/bin/python3; do
        has "$python" && "$python" -c 'import venv, ensurepip' 2>/dev/null && echo "$python" && return 0
    done
    return 1
}

# Runs a command as root, quietly; what it printed is shown only when it fails.
as_root() {
    local log
    log=$(mktemp)
    "${SUDO[@]}" env DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1 </dev/null && rm -f "$log" && return 0
    tail -n 25 "$log" >&2
    rm -f "$log"
    return 1
}

become_root() {
    SUDO=()
    [ "$(id -u)" = 0 ] && return 0
    has sudo || die "missing: ${missing[*]}. Run tools/deps.sh $level as root, or install sudo."
    say "asking sudo for leave to install: ${missing[*]}"
    sudo -v || die "missing: ${missing[*]}. Run tools/deps.sh $level as root."
    SUDO=(sudo)
}

apt_install() {
    as_root apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
}

install_missing() {
    has apt-get || die "missing: ${missing[*]} (names of Debian packages). This system has no apt-get: install them by its own means."
    become_root
    say "reading package lists"
    as_root apt-get -o DPkg::Lock::Timeout=300 update ||
        say "some package lists could not be read; going on with the others"
    local wanted=() package
    for package in "${missing[@]}"; do
        if [ "$package" = libyyjson-dev ] && ! apt-cache show libyyjson-dev >/dev/null 2>&1; then
            install_yyjson_from_next_release
        else
            wanted+=("$package")
        fi
    done
    [ ${#wanted[@]} -eq 0 ] && return 0
    say "installing ${wanted[*]}"
    apt_install "${wanted[@]}" || die "apt-get could not install: ${wanted[*]}"
}

# Debian 12 lacks yyjson. Debian 13's build of it needs nothing newer than what Debian 12 has, so it
# is taken from there by exact version. apt is shown that release in a folder of our own, pinned so
# that nothing else comes from it: the system's own list of sources stays as it is.
install_yyjson_from_next_release() {
    grep -q '^VERSION_CODENAME=bookworm' /etc/os-release 2>/dev/null ||
        die "libyyjson-dev is not in this system's package lists"
    [ -e /usr/share/keyrings/debian-archive-trixie-stable.gpg ] ||
        apt_install debian-archive-keyring || die "apt-get could not install debian-archive-keyring"
    local uri dir version
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' |
        head -n 1)
    [ -n "$uri" ] || die "no source of Debian 12 is configured, so Debian 13's cannot be told from it"
    dir=$(mktemp -d)
    chmod 755 "$dir"
    mkdir -p "$dir/sources" "$dir/preferences" "$dir/lists/partial"
    cat >"$dir/sources/trixie.sources" <<EOF
Types: deb
URIs: $uri
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
EOF
    printf 'Package: *\nPin: release n=trixie\nPin-Priority: -10\n' >"$dir/preferences/trixie"
    local view=(-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$dir/sources"
        -o Dir::Etc::preferencesparts="$dir/preferences" -o Dir::State::lists="$dir/lists"
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
    say "installing yyjson from Debian 13"
    as_root apt-get "${view[@]}" update || die "Debian 13's package list could not be read"
    version=$(apt-cache "${view[@]}" madison libyyjson-dev | awk 'NR == 1 {print $3}')
    [ -n "$version" ] || die "Debian 13 offers no libyyjson-dev"
    apt_install "${view[@]}" "libyyjson0=$version" "libyyjson-dev=$version" ||
        die "apt-get could not install libyyjson-dev $version"
    "${SUDO[@]}" rm -rf "$dir"
}

make_venv() {
    venv_ready && return 0
    say "making build/test-venv"
    rm -rf build/test-venv
    mkdir -p build
    "$(python_of_venv)" -m venv build/test-venv || die "python3 could not make build/test-venv"
    build/test-venv/bin/python -m pip install -q --disable-pip-version-check --no-input \
        -r tools/requirements.txt || die "pip could not install tools/requirements.txt"
    cp tools/requirements.txt build/test-venv/requirements.txt
}

# Node looks for packages beside the program that asks for them and above, hence the link in test.
make_node_modules() {
    local dir=build/test-node
    if ! cmp -s test/e2e/package-lock.json $dir/ready; then
        say "making $dir"
        rm -rf $dir
        mkdir -p $dir
        cp test/e2e/package.json test/e2e/package-lock.json $dir/
        (cd $dir && npm ci --silent --no-audit --no-fund --ignore-scripts </dev/null) ||
            die "npm could not install test/e2e/package.json"
        cp $dir/package-lock.json $dir/ready
    fi
    ln -sfn ../$dir/node_modules test/node_modules
}

# A database server for the tests of its driver and of several nodes.
fetch_mongod() {
    [ -x build/test-mongo/mongod ] && return 0
    say "fetching the MongoDB server for tests"
    build/test-venv/bin/python test/servers/mongo.py fetch || die "the MongoDB server could not be fetched"
}

# AWS Lambda on this machine, for tests of the program as a function.
fetch_rie() {
    [ -x build/test-rie/aws-lambda-rie ] && return 0
    say "fetching the runtime interface emulator of AWS Lambda for tests"
    build/test-venv/bin/python test/servers/rie.py fetch || die "the emulator could not be fetched"
}

look() {
    missing=()
    find_missing_build
    [ "$level" = build ] || find_missing_lambda
    [ "$level" = test ] && find_missing_test
    return 0
}

look
if [ ${#missing[@]} -gt 0 ]; then
    install_missing
    look
    # The fuzzer's runtime is named after clang's version, so it is known only now.
    if [ ${#missing[@]} -gt 0 ]; then
        install_missing
        look
    fi
    [ ${#missing[@]} -eq 0 ] || die "still missing after installation: ${missing[*]}"
fi
if [ "$level" = test ]; then
    make_venv
    make_node_modules
    fetch_mongod
    fetch_rie
fi
exit 0
