#!/bin/sh
# A base for the images from Debian packages alone, where no image registry can be reached: TAG [SUITE]
# The same packages give the same image ID: every time stamp is the suite's own or older, and nothing of this machine
# is in it. Needs root, debootstrap and a Docker engine. MIRROR is where the packages come from.
set -eu
cd "$(dirname "$0")"
tag=${1:?usage: base.sh TAG [SUITE]}
suite=${2:-$(python3 -c 'import json; print(json.load(open("versions.json"))["debian"])')}
mirror=${MIRROR:-}
[ "$(id -u)" = 0 ] || { echo "base: debootstrap needs root; sudo make base" >&2; exit 2; }
command -v debootstrap > /dev/null || { echo "base: no debootstrap; apt-get install debootstrap" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
log=$work/log
quietly() { "$@" > "$log" 2>&1 || { tail -5 "$log" >&2; echo "base: $1 failed; is ${mirror:-its own choice} a Debian mirror?" >&2; exit 1; }; }

echo "base: $suite and its Python from ${mirror:-the mirror that debootstrap chooses}"
quietly debootstrap --variant=minbase --include=python3,ca-certificates,netbase "$suite" "$root" ${mirror:+"$mirror/debian"}
mirror=$(sed -n 's#^deb \([^ ]*\)/debian .*#\1#p' "$root/etc/apt/sources.list" | head -1)
cat > "$root/etc/apt/sources.list" <<SOURCES
deb $mirror/debian $suite main
deb $mirror/debian $suite-updates main
deb $mirror/debian-security $suite-security main
SOURCES
quietly chroot "$root" apt-get update
quietly chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get upgrade --yes --no-install-recommends
epoch=$(sed -n 's/^Date: //p' "$root"/var/lib/apt/lists/*Release | while read -r date; do date -d "$date" +%s; done | sort -n | tail -1)

# What packages leave behind, and what nobody reads in a container; the copyright files stay.
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/* "$root"/var/log/* "$root"/tmp/* "$root"/run/* "$root"/debootstrap \
    "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/locale/* "$root"/usr/share/lintian \
    "$root"/var/lib/dpkg/*-old "$root"/etc/*- "$root"/etc/machine-id
# The engine lays its own over these; were they missing, every step of a build would make them and leave its time.
for name in hostname hosts resolv.conf; do : > "$root/etc/$name"; done
find "$root/usr/share/doc" ! -type d ! -name copyright -delete
find "$root/usr/share/doc" -type d -empty -delete
find "$root/usr/lib" -path '*/test/*' -delete

tar --directory "$root" --create --file "$work/layer.tar" --format=gnu --sort=name --numeric-owner \
    --mtime="@$epoch" --clamp-mtime --one-file-system .
python3 - "$work" "$tag" "$epoch" <<'PYTHON'
import hashlib, json, pathlib, sys, time
work, tag, epoch = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
layer = hashlib.file_digest((work / "layer.tar").open("rb"), "sha256").hexdigest()
created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
image = {
    "architecture": "amd64", "os": "linux", "created": created,
    "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["/bin/bash"]},
    "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
    "history": [{"created": created, "created_by": "docker/base.sh"}],
}
(work / "config.json").write_text(json.dumps(image, sort_keys=True))
(work / "manifest.json").write_text(json.dumps([{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]))
PYTHON
tar --directory "$work" --create manifest.json config.json layer.tar | docker load --quiet > /dev/null
echo "base: $tag is $(docker image inspect --format '{{.Id}}, {{.Size}} bytes' "$tag")"
echo "next  docker build --build-arg BASE_IMAGE=$tag, as docker/Dockerfile says"
