#!/bin/sh
# One link per applet, and the usual places for them. $1: root of the image.
set -eu
root=$1
rm -rf "$root"/usr/share
mkdir -p "$root"/tmp "$root"/etc
for dir in bin sbin; do
  [ -e "$root/$dir" ] || ln -s usr/bin "$root/$dir"
done
chmod 1777 "$root"/tmp
printf 'root:x:0:0:root:/root:/bin/sh\n' > "$root"/etc/passwd
for applet in $("$root"/usr/bin/busybox --list); do
  [ -e "$root/usr/bin/$applet" ] || ln -s busybox "$root/usr/bin/$applet"
done
