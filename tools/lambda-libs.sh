#!/usr/bin/env bash
# Makes the libraries of the program for AWS Lambda, for one architecture, from what
# tools/lambda-fetch.sh has fetched: build/lambda/ARCH/root, a folder to be given to the compiler as
# --sysroot. Left out is what swm never uses: of libcurl all but HTTP, of libmongoc Kerberos, LDAP,
# compression and encryption by the client, of libmicrohttpd TLS.
set -euo pipefail
cd "$(dirname "$0")/.."
arch=${1:?usage: tools/lambda-libs.sh x86_64|aarch64}
case $arch in x86_64) debian=amd64 ;; aarch64) debian=arm64 ;; *) exit 2 ;; esac
sources=$PWD/build/lambda/debian/src
root=$PWD/build/lambda/$arch/root
work=$PWD/build/lambda/$arch/work
CC=$arch-linux-gnu-gcc
# The compiler's own folders come after these, or the system's libraries would be asked.
places="-B$root/usr/lib/$arch-linux-gnu/ -L$root/usr/lib/$arch-linux-gnu"
CFLAGS="$places -O2 -fPIE -fstack-protector-strong -ffunction-sections -fdata-sections -w"
jobs=$(nproc)

rm -rf "$root" "$work"
mkdir -p "$root" "$work"
exec 3>&1 >"$work/log" 2>&1
trap '[ $? = 0 ] || { tail -n 30 "$work/log"; echo "lambda-libs: $arch failed"; } >&3' EXIT

unpack() {
    local package
    for package in build/lambda/debian/deb/*_"$debian".deb; do dpkg-deb -x "$package" "$root"; done
}

configure() { # NAME SOURCE OPTION…
    local triple=$arch-linux-gnu
    cmake -G Ninja -S "$2" -B "$work/$1" -DCMAKE_BUILD_TYPE=None -DCMAKE_SYSTEM_NAME=Linux \
        -DCMAKE_SYSTEM_PROCESSOR="$arch" -DCMAKE_C_LIBRARY_ARCHITECTURE="$triple" \
        -DCMAKE_LIBRARY_ARCHITECTURE="$triple" -DCMAKE_C_COMPILER="$CC" \
        -DCMAKE_C_FLAGS="$CFLAGS -static" -DCMAKE_SYSROOT="$root" -DCMAKE_FIND_ROOT_PATH="$root" \
        -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY \
        -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=ONLY \
        -DOPENSSL_INCLUDE_DIR="$root/usr/include" \
        -DOPENSSL_SSL_LIBRARY="$root/usr/lib/$triple/libssl.a" \
        -DOPENSSL_CRYPTO_LIBRARY="$root/usr/lib/$triple/libcrypto.a" -DBUILD_SHARED_LIBS=OFF "${@:3}"
}

# Certificates are looked for where OpenSSL does; src/app/standalone.c tells it.
make_curl() {
    local from
    from=$(echo "$sources"/curl-*/)
    configure curl "$from" -DHTTP_ONLY=ON -DCURL_USE_OPENSSL=ON -DCURL_DISABLE_NTLM=ON \
        -DUSE_LIBIDN2=OFF -DCURL_USE_LIBPSL=OFF -DCURL_USE_LIBSSH2=OFF -DCURL_ZLIB=OFF \
        -DCURL_CA_BUNDLE=none -DCURL_CA_PATH=none -DCURL_CA_FALLBACK=ON \
        -DBUILD_CURL_EXE=OFF -DBUILD_TESTING=OFF -DENABLE_MANUAL=OFF -DCMAKE_UNITY_BUILD=ON
    ninja -C "$work/curl" -j "$jobs"
    cp "$work/curl/lib/libcurl.a" "$root/usr/lib"
    cp -r "$from/include/curl" "$root/usr/include"
}

make_mongoc() {
    local from part
    from=$(echo "$sources"/mongo-c-driver-*/)
    configure mongoc "$from" -DENABLE_SSL=OPENSSL -DENABLE_SRV=ON -DENABLE_SASL=OFF \
        -DENABLE_ICU=OFF -DENABLE_SNAPPY=OFF -DENABLE_ZLIB=OFF -DENABLE_ZSTD=OFF \
        -DENABLE_CLIENT_SIDE_ENCRYPTION=OFF -DENABLE_SHM_COUNTERS=OFF -DENABLE_STATIC=ON \
        -DENABLE_EXTRA_ALIGNMENT=OFF -DENABLE_TESTS=OFF -DENABLE_EXAMPLES=OFF \
        -DENABLE_UNINSTALL=OFF -DBUILD_VERSION="$(basename "${from#*driver-}")"
    ninja -C "$work/mongoc" -j "$jobs" mongoc_static bson_static
    cp "$work"/mongoc/src/lib*/lib*-static-1.0.a "$root/usr/lib"
    for part in mongoc bson; do
        mkdir "$root/usr/include/$part"
        cp "$from/src/lib$part/src/$part"/*.h "$work/mongoc/src/lib$part/src/$part"/*.h \
            "$root/usr/include/$part"
    done
}

make_microhttpd() {
    local from
    from=$(echo "$sources"/libmicrohttpd-*/)
    mkdir "$work/microhttpd"
    (cd "$work/microhttpd" && "$from/configure" --host="$arch-linux-gnu" CC="$CC --sysroot=$root" \
        CFLAGS="$CFLAGS" LDFLAGS=-static --disable-shared --disable-https --disable-dauth \
        --disable-bauth --disable-postprocessor --disable-doc --disable-examples --disable-curl \
        --disable-tools)
    make -C "$work/microhttpd/src/microhttpd" -j "$jobs" libmicrohttpd.la
    cp "$work/microhttpd/src/microhttpd/.libs/libmicrohttpd.a" "$root/usr/lib"
    cp "$from/src/include/microhttpd.h" "$root/usr/include"
}

make_yyjson() {
    mkdir "$work/yyjson"
    tar xf "$sources"/yyjson_*.orig.tar.* -C "$work/yyjson" --strip-components=1
    # shellcheck disable=SC2086 # options
    "$CC" --sysroot="$root" $CFLAGS -c "$work/yyjson/src/yyjson.c" -o "$work/yyjson/yyjson.o"
    "$arch-linux-gnu-ar" rcs "$root/usr/lib/libyyjson.a" "$work/yyjson/yyjson.o"
    cp "$work/yyjson/src/yyjson.h" "$root/usr/include"
}

unpack
make_yyjson
make_microhttpd
make_curl
make_mongoc
rm -rf "$work"
touch "$root/ready"
