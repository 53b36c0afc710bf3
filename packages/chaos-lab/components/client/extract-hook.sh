#!/bin/sh
# Leaves the libraries that Node needs. $1: root of the image.
set -eu
root=$1
rm -rf "$root"/usr/share
mkdir -p "$root"/tmp "$root"/etc
chmod 1777 "$root"/tmp
printf 'nobody:x:65534:65534:nobody:/tmp:/usr/sbin/nologin\n' > "$root"/etc/passwd
# The links of a merged /usr, which a package brings that is not needed otherwise; a program names its loader by one.
for dir in bin lib lib64 sbin; do
  [ -e "$root/$dir" ] || [ ! -d "$root/usr/$dir" ] || ln -s "usr/$dir" "$root/$dir"
done
chroot "$root" /usr/sbin/ldconfig
