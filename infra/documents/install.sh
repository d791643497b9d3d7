# What every host has installed. An image is baked with it (infra/components/machine_image.py); where a stack has
# none, boot.sh does it at the first boot. Idempotent.
# shellcheck shell=bash
set -Eeuo pipefail
# Agents run as their own users and must be able to read their files; secrets set stricter modes themselves.
umask 022

# Overridden only by tests.
ROOT="${SPORTCOACH_ROOT:-}"

STATE_DIR="$ROOT/var/lib/sportcoach"
DELAY_SECONDS=5
# Seconds that apt waits for whoever holds its lock: at the first boot, Ubuntu's own jobs hold it for minutes.
LOCK_SECONDS=300
# Each is pinned to the upstream series of Ubuntu 22.04 that this program was written for; its fixes are taken.
PACKAGES=('awscli=1.22.*' 'docker.io=28.*' 'prometheus=2.31.*' 'prometheus-node-exporter=1.3.*' 'unattended-upgrades=2.8*')
# An upgrade of these stops containers, so only a release upgrades them.
HELD=(docker.io containerd runc)
AGENT_VERSION=1.300072.0b1766
AGENT_SHA256=05baeadca96c4bb8e43906ed09cf0bebd0f321ff6d41987bdc46ce681de0978d

log() { printf '%s sportcoach-boot: %s\n' "$(date -u +%FT%TZ)" "$*"; }

fail() {
  log "FAILED: $*"
  trap - ERR
  exit 1
}
trap 'fail "line $LINENO ended with status $?"' ERR

STARTED=$(date +%s)
elapsed() { echo $(($(date +%s) - STARTED)); }

# retry WHAT COMMAND...: a registry or an API may be unavailable for a while, a container may start slowly.
# The fleet replaces this instance once the boot budget is used up, not before; the script tries as long.
retry() {
  local what=$1 attempt=1
  shift
  until "$@"; do
    (($(elapsed) < BOOT_BUDGET_SECONDS)) || fail "$what: gave up after $attempt attempts; the boot budget is $BOOT_BUDGET_SECONDS s"
    log "$what: attempt $attempt failed"
    attempt=$((attempt + 1))
    sleep "$DELAY_SECONDS"
  done
}

apt() { DEBIAN_FRONTEND=noninteractive apt-get -o "DPkg::Lock::Timeout=$LOCK_SECONDS" --quiet "$@"; }

# A version that has left the archive is replaced by what is there, and told: a host that does not boot is worse.
pins_hold() {
  local pin found held=0
  for pin in "${PACKAGES[@]}"; do
    found=$(dpkg-query --show --showformat '${Version}' "${pin%%=*}" 2>/dev/null) || found=absent
    # shellcheck disable=SC2053  # the right side is a pattern
    [[ $found == ${pin#*=} ]] || { log "WARNING: ${pin%%=*} is $found, pinned ${pin#*=}"; held=1; }
  done
  return "$held"
}

install_packages() {
  local pin
  install -d -m 755 "$ROOT/etc/apt/apt.conf.d" "$ROOT/etc/apt/preferences.d" "$ROOT/etc/docker"
  for pin in "${PACKAGES[@]}"; do
    printf 'Package: %s\nPin: version %s\nPin-Priority: 990\n\n' "${pin%%=*}" "${pin#*=}"
  done >"$ROOT/etc/apt/preferences.d/sportcoach"
  # Security updates every day but for what runs the containers; the kernel's take effect with the next release.
  printf '%s\n' 'APT::Periodic::Update-Package-Lists "1";' 'APT::Periodic::Unattended-Upgrade "1";' \
    "Unattended-Upgrade::Package-Blacklist { $(printf '"^%s$"; ' "${HELD[@]}")};" \
    >"$ROOT/etc/apt/apt.conf.d/52sportcoach"
  # Containers live on while the daemon restarts. Written before docker comes, which starts at once.
  printf '%s\n' '{"live-restore": true}' >"$ROOT/etc/docker/daemon.json"
  retry "package lists" apt update
  retry "packages" apt install --yes --no-install-recommends "${PACKAGES[@]%%=*}"
  apt-mark hold "${HELD[@]}" >/dev/null
}

install_cloudwatch_agent() {
  if command -v amazon-cloudwatch-agent-ctl >/dev/null; then return 0; fi
  local package store done=0
  package=$(mktemp --suffix .deb)
  store="https://amazoncloudwatch-agent-$AWS_REGION.s3.$AWS_REGION.amazonaws.com"
  curl --silent --show-error --fail --max-time 120 --retry 3 --retry-all-errors \
    --output "$package" "$store/ubuntu/amd64/$AGENT_VERSION/amazon-cloudwatch-agent.deb" &&
    printf '%s  %s\n' "$AGENT_SHA256" "$package" | sha256sum --check --status &&
    dpkg --install "$package" || done=1
  rm -f "$package"
  return "$done"
}

# Packages once for each host: a reboot needs no archive.
install_host() {
  install -d -m 755 "$STATE_DIR"
  if [[ ! -e $STATE_DIR/installed ]]; then
    install_packages
    pins_hold || true
    touch "$STATE_DIR/installed"
  fi
  systemctl enable --now docker
}
