#!/bin/sh
# What maintainer scripts and alternatives would have done. $1: root of the image.
set -eu
root=$1
rm -rf "$root"/usr/share/doc "$root"/usr/share/man "$root"/usr/share/info "$root"/usr/share/lintian \
  "$root"/usr/share/locale "$root"/usr/lib/*-linux-gnu/perl* "$root"/usr/share/perl* "$root"/usr/bin/perl*
mkdir -p "$root"/etc "$root"/tmp "$root"/root
chmod 1777 "$root"/tmp
printf 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n' > "$root"/etc/passwd
printf 'root:x:0:\nnogroup:x:65534:\n' > "$root"/etc/group
ln -sf bash "$root"/usr/bin/sh
for program in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
  ln -sf xtables-nft-multi "$root/usr/sbin/$program"
done
chroot "$root" ldconfig
