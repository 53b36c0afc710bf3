#!/bin/sh
# Makes a PostgreSQL image in CNPG's style out of packages that were only unpacked. $1: root of the image.
set -eu
root=$1
pg=usr/lib/postgresql/17

# Not needed by a server: documentation, translations, LLVM and its bitcode (jit stays off without an error), perl.
rm -rf "$root"/usr/share/locale "$root"/usr/share/doc "$root"/usr/share/man "$root"/usr/share/info "$root"/usr/share/lintian \
  "$root"/usr/share/postgresql/17/man "$root"/$pg/lib/bitcode "$root"/$pg/lib/llvmjit* \
  "$root"/usr/lib/*-linux-gnu/libLLVM* "$root"/usr/lib/llvm-* "$root"/usr/lib/*-linux-gnu/libz3* \
  "$root"/usr/lib/*-linux-gnu/perl* "$root"/usr/share/perl* "$root"/usr/bin/perl*

mkdir -p "$root"/etc/ssl/certs "$root"/tmp "$root"/run/postgresql "$root"/var/lib/postgresql/data
chmod 1777 "$root"/tmp
cat > "$root"/etc/passwd <<X
root:x:0:0:root:/root:/bin/bash
postgres:x:26:26:postgres:/var/lib/postgresql:/bin/bash
nobody:x:65534:65534:nobody:/:/usr/sbin/nologin
X
printf 'root:x:0:\npostgres:x:26:\nnogroup:x:65534:\n' > "$root"/etc/group
chown -R 26:26 "$root"/run/postgresql "$root"/var/lib/postgresql

# What maintainer scripts and alternatives would have done. Debian's own psql is a perl wrapper.
for program in "$root"/$pg/bin/*; do
  ln -sf "../lib/postgresql/17/bin/${program##*/}" "$root/usr/bin/${program##*/}"
done
ln -sf bash "$root"/usr/bin/sh
ln -sf gawk "$root"/usr/bin/awk
cat "$root"/usr/share/ca-certificates/mozilla/*.crt > "$root"/etc/ssl/certs/ca-certificates.crt
chroot "$root" ldconfig
gunzip -k "$root"/usr/share/i18n/charmaps/UTF-8.gz
chroot "$root" localedef -i en_US -f UTF-8 en_US.UTF-8
rm -rf "$root"/usr/share/i18n "$root"/usr/lib/*-linux-gnu/gconv
