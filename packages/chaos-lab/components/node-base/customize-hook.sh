#!/bin/sh
# Leaves out what no node uses. $1: root of the image.
set -eu
rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/log/* "$1"/usr/lib/cni/dhcp
# Shims of runtime versions that containerd's configuration does not name, and etcd's offline tool.
rm -f "$1"/usr/bin/containerd-shim "$1"/usr/bin/containerd-shim-runc-v1 "$1"/usr/bin/etcdutl
