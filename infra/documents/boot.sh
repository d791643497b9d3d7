# Starts one instance of a fleet. The program prepends the variables of the stack and the tier, and install.sh;
# what to run comes from the instance's own tags. Every step is idempotent: the script runs at every boot. On
# failure it exits with the reason in the log. A running container is left to the load balancer's health checks,
# which know whether it serves; only a container with the wrong model is stopped.
# shellcheck shell=bash

# Overridden only by tests.
IMDS="${IMDS_ENDPOINT:-http://169.254.169.254}"
# The user that images run as.
APP_USER="${SPORTCOACH_USER:-10001:10001}"

RUN_DIR="$ROOT/run/sportcoach"
MODEL_DIR="$STATE_DIR/models"
CONTAINER=sportcoach
# What the application says waits here while CloudWatch Logs is away; what does not fit is dropped.
LOG_BUFFER=16m
AGENTS='prometheus prometheus-node-exporter amazon-cloudwatch-agent unattended-upgrades snap.amazon-ssm-agent.amazon-ssm-agent'

imds() { curl --silent --show-error --fail --max-time 5 --header "X-aws-ec2-metadata-token: $IMDS_TOKEN" "$IMDS/latest/meta-data/$1"; }

read_identity() {
  IMDS_TOKEN=$(curl --silent --show-error --fail --max-time 5 --request PUT \
    --header 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$IMDS/latest/api/token")
  INSTANCE_ID=$(imds instance-id)
  RELEASE=$(tag sportcoach:release)
  COLOR=$(tag sportcoach:color)
  DEPLOYMENT=$(tag sportcoach:deployment)
  IMAGE=$(tag sportcoach:image)
  FLEET=$(tag aws:autoscaling:groupName)
  [[ $IMAGE =~ ^[^/@]+/[^@]+@sha256:[0-9a-f]{64}$ ]] || fail "tag sportcoach:image is not an image by digest: $IMAGE"
  MODEL=
  if [[ -n $MODEL_BUCKET ]]; then
    MODEL=$(tag sportcoach:model)
    MODEL_SHA256=$(tag sportcoach:model-sha256)
    [[ $MODEL =~ ^[A-Za-z0-9._-]+$ ]] || fail "tag sportcoach:model is not a version: $MODEL"
    [[ $MODEL_SHA256 =~ ^[0-9a-f]{64}$ ]] || fail "tag sportcoach:model-sha256 is not a SHA-256: $MODEL_SHA256"
  fi
}

tag() { imds "tags/instance/$1" || { log "no tag $1 on this instance; fleets are created by sc-deploy" >&2; return 1; }; }

configure_agents() {
  cat >"$ROOT/etc/amazon-cloudwatch-agent.json" <<JSON
{
  "agent": {"metrics_collection_interval": 60},
  "metrics": {
    "namespace": "$NAMESPACE",
    "aggregation_dimensions": [["Stack", "Tier"], ["Stack", "Tier", "AutoScalingGroupName"]],
    "metrics_collected": {
      "cpu": {"totalcpu": true, "measurement": ["usage_active"], "append_dimensions": $(dimensions)},
      "mem": {"measurement": ["used_percent"], "append_dimensions": $(dimensions)},
      "disk": {"resources": ["/"], "measurement": ["used_percent"], "append_dimensions": $(dimensions)},
      "net": {"measurement": ["bytes_recv", "bytes_sent", "drop_in", "drop_out"], "append_dimensions": $(dimensions)}
    }
  },
  "logs": {$(ai_gauges)"logs_collected": {"files": {"collect_list": [
    {"file_path": "/var/log/cloud-init-output.log", "log_group_name": "$LOG_GROUP", "log_stream_name": "$INSTANCE_ID/boot"},
    {"file_path": "/var/log/syslog", "log_group_name": "$LOG_GROUP", "log_stream_name": "$INSTANCE_ID/syslog"},
    {"file_path": "/var/log/auth.log", "log_group_name": "$SECURITY_LOG_GROUP", "log_stream_name": "$INSTANCE_ID/auth"}
  ]}}}
}
JSON
  cat >"$ROOT/etc/prometheus/prometheus.yml" <<YAML
global:
  scrape_interval: 15s
  external_labels: {stack: $STACK, tier: $TIER, color: $COLOR, release: $RELEASE, instance_id: $INSTANCE_ID, fleet: $FLEET}
scrape_configs:
  - job_name: application
    metrics_path: /metrics
    static_configs: [{targets: ["127.0.0.1:$PORT"]}]
  - job_name: node
    static_configs: [{targets: ["127.0.0.1:9100"]}]
$(ai_job)
remote_write:
  - url: ${METRICS_URL}api/v1/remote_write
    sigv4: {region: $AWS_REGION}
YAML
  printf '%s\n' 'ARGS="--web.listen-address=127.0.0.1:9090 --storage.tsdb.retention.time=2h"' \
    >"$ROOT/etc/default/prometheus"
  printf '%s\n' 'ARGS="--web.listen-address=127.0.0.1:9100"' >"$ROOT/etc/default/prometheus-node-exporter"
}

# Agents only observe the host: none of them may stop the boot.
start_agents() {
  install_cloudwatch_agent || log "WARNING: the CloudWatch agent could not be installed"
  local agent
  for agent in $AGENTS; do
    systemctl enable --now "$agent" || true
  done
  systemctl restart prometheus prometheus-node-exporter || true
  amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c "file:$ROOT/etc/amazon-cloudwatch-agent.json" || true
}

# Checked at the end of the boot and every minute: for a moment, systemd reports a service with an invalid
# configuration as started. A host that cannot be seen must say so itself.
report_agents() {
  local agent inactive=0
  for agent in $AGENTS; do
    if ! systemctl is-active --quiet "$agent"; then
      log "WARNING: $agent is not active; see journalctl --unit $agent"
      inactive=$((inactive + 1))
    fi
  done
  aws cloudwatch put-metric-data --region "$AWS_REGION" --namespace "$NAMESPACE" --metric-name agents_inactive \
    --value "$inactive" --unit Count --dimensions "Stack=$STACK,Tier=$TIER" || log "WARNING: agents_inactive was not sent"
}

# write_command NAME FUNCTION VARIABLES... -- FUNCTIONS...: a command of its own, from what this script has.
write_command() {
  local name=$1 function=$2 variables=()
  shift 2
  while [[ $1 != -- ]]; do variables+=("$1"); shift; done
  shift
  { printf '%s\n' '#!/bin/bash' 'set -Eeuo pipefail'; declare -p "${variables[@]}"; declare -f log "$function" "$@"; printf '%s "$@"\n' "$function"; } \
    >"$ROOT/usr/local/bin/$name"
  chmod 755 "$ROOT/usr/local/bin/$name"
}

install_commands() {
  write_command sportcoach-agents report_agents AGENTS AWS_REGION NAMESPACE STACK TIER --
  write_command sportcoach-run run_task APP_USER AWS_REGION BOOT_BUDGET_SECONDS DELAY_SECONDS INSTANCE_ID LOG_BUFFER \
    LOG_GROUP RUN_DIR -- elapsed fail log_in options pull_image retry
  printf '%s\n' '[Service]' 'Type=oneshot' "ExecStart=/usr/local/bin/sportcoach-agents" \
    >"$ROOT/etc/systemd/system/sportcoach-agents.service"
  printf '%s\n' '[Timer]' 'OnCalendar=minutely' 'AccuracySec=5s' '[Install]' 'WantedBy=timers.target' \
    >"$ROOT/etc/systemd/system/sportcoach-agents.timer"
  systemctl daemon-reload
  systemctl enable --now sportcoach-agents.timer || log "WARNING: agents are not watched"
}

# sportcoach-run IMAGE -- COMMAND...: one task (a migration) in a container of IMAGE, with the configuration and
# the secrets of this host's application, but without its port and its model. Its output is streamed.
run_task() {
  STARTED=$(date +%s)
  trap 'fail "line $LINENO ended with status $?"' ERR
  [[ $# -ge 3 && $2 == -- ]] || fail "usage: sportcoach-run IMAGE -- COMMAND..."
  IMAGE=$1
  shift 2
  # Whoever cancels a task kills this command and docker's client; the container would go on without them. Its
  # guard, in a session of its own, waits until nobody of them holds this pipe any more.
  local name="sportcoach-task-$STARTED-$$"
  exec 9> >(exec setsid bash -c "cat >/dev/null; docker rm --force $name" >/dev/null 2>&1)
  # On a host that still boots, commands arrive before docker does.
  retry "this host to be ready" test -e "$RUN_DIR/ready"
  pull_image
  log "$IMAGE: $*"
  options "task-$$"
  exec docker run --rm --init --name "$name" "${OPTIONS[@]}" --env PORT= "$IMAGE" "$@"
}

# Prometheus keeps everything; these few also go to CloudWatch, for the dashboard.
ai_gauges() {
  [[ ,$ROLES, == *,ai,* ]] || return 0
  cat >"$ROOT/etc/prometheus/cloudwatch-agent.yml" <<YAML
global: {scrape_interval: 1m}
scrape_configs:
  - job_name: ai
    metrics_path: /ai-metrics
    static_configs: [{targets: ["127.0.0.1:$PORT"], labels: $(dimensions)}]
YAML
  cat <<JSON
"metrics_collected": {"prometheus": {
    "log_group_name": "$LOG_GROUP",
    "prometheus_config_path": "$ROOT/etc/prometheus/cloudwatch-agent.yml",
    "emf_processor": {"metric_namespace": "$NAMESPACE", "metric_declaration": [{
      "source_labels": ["job"], "label_matcher": "^ai$", "dimensions": [["Stack", "Tier"]],
      "metric_selectors": ["^ai_model_(accuracy|recall|precision)$", "^ai_queue_length$"]
    }, {
      "source_labels": ["job"], "label_matcher": "^ai$", "dimensions": [["AutoScalingGroupName"]],
      "metric_selectors": ["^ai_queue_length$"]
    }]}
  }},
JSON
}

dimensions() { printf '{"Stack": "%s", "Tier": "%s", "AutoScalingGroupName": "%s"}' "$STACK" "$TIER" "$FLEET"; }

ai_job() {
  [[ ,$ROLES, == *,ai,* ]] || return 0
  cat <<YAML
  - job_name: ai
    metrics_path: /ai-metrics
    static_configs: [{targets: ["127.0.0.1:$PORT"]}]
    metric_relabel_configs: [{source_labels: [__name__], regex: "ai_.*", action: keep}]
YAML
}

log_in() { aws ecr get-login-password --region "$AWS_REGION" | docker login --username AWS --password-stdin "${IMAGE%%/*}" >/dev/null; }

# What is on disk is started even where the registry is away: a digest names one image for ever.
pull_image() {
  if docker image inspect "$IMAGE" >/dev/null 2>&1; then return 0; fi
  retry "login to ${IMAGE%%/*}" log_in
  retry "pull of $IMAGE" docker pull --quiet "$IMAGE"
}

fetch_model() {
  [[ -n $MODEL_BUCKET ]] || return 0
  local target="$MODEL_DIR/$MODEL/$MODEL_FILE"
  install -d -m 700 "$MODEL_DIR" "${target%/*}"
  if ! matches "$target"; then
    retry "model $MODEL" aws s3 cp --only-show-errors --region "$AWS_REGION" \
      "s3://$MODEL_BUCKET/$MODEL_PREFIX$MODEL/$MODEL_FILE" "$target.part"
    matches "$target.part" || { rm -f "$target.part"; docker rm --force "$CONTAINER" >/dev/null 2>&1 || true; fail "model $MODEL does not have the SHA-256 $MODEL_SHA256; the container was not started"; }
    mv "$target.part" "$target"
  fi
  chown -R "$APP_USER" "$MODEL_DIR"
}

matches() { [[ -f $1 ]] && printf '%s  %s\n' "$MODEL_SHA256" "$1" | sha256sum --check --status; }

read_parameters() {
  aws ssm get-parameters-by-path --region "$AWS_REGION" --path "$CONFIG_PATH" --recursive \
    --query 'Parameters[].[Name,Value]' --output text >"$RUN_DIR/parameters"
}

read_secret() { aws secretsmanager get-secret-value --region "$AWS_REGION" --secret-id "$1" --query SecretString --output text >"$RUN_DIR/secrets/${1##*/}"; }

write_configuration() {
  local secret
  umask 077
  retry "parameters under $CONFIG_PATH" read_parameters
  awk -F '\t' 'NF == 2 { sub(/.*\//, "", $1); print $1 "=" $2 }' "$RUN_DIR/parameters" >"$RUN_DIR/environment"
  rm -f "$RUN_DIR/parameters"
  cat >>"$RUN_DIR/environment" <<ENV
AWS_REGION=$AWS_REGION
PORT=$PORT
SPORTCOACH_STACK=$STACK
SPORTCOACH_TIER=$TIER
SPORTCOACH_ROLES=$ROLES
SPORTCOACH_RELEASE=$RELEASE
SPORTCOACH_COLOR=$COLOR
SPORTCOACH_DEPLOYMENT=$DEPLOYMENT
SPORTCOACH_INSTANCE=$INSTANCE_ID
SPORTCOACH_FLEET=$FLEET
SPORTCOACH_MODEL=$MODEL
ENV
  mkdir -p "$RUN_DIR/secrets"
  for secret in $SECRET_NAMES; do
    retry "secret $secret" read_secret "$secret"
  done
  chown -R "$APP_USER" "$RUN_DIR/secrets"
  umask 022
}

# options STREAM: of docker run, for every container. The host's network: with a hop limit of 1, bridged containers
# could not reach the instance role. Logs without blocking: else the application stops when CloudWatch Logs is away.
options() {
  OPTIONS=(--network host --user "$APP_USER" --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges
    --env-file "$RUN_DIR/environment" --volume "$RUN_DIR/secrets:/run/secrets:ro"
    --log-driver awslogs --log-opt mode=non-blocking --log-opt "max-buffer-size=$LOG_BUFFER"
    --log-opt "awslogs-region=$AWS_REGION" --log-opt "awslogs-group=$LOG_GROUP"
    --log-opt "awslogs-stream=$INSTANCE_ID/$1")
}

start_container() {
  options container
  [[ -z $MODEL_BUCKET ]] || OPTIONS+=(--volume "$MODEL_DIR/$MODEL:/models:ro")
  # After a reboot docker may have restarted the old container, without the secrets that were in /run.
  docker rm --force "$CONTAINER" >/dev/null 2>&1 || true
  docker run --detach --name "$CONTAINER" --restart unless-stopped "${OPTIONS[@]}" "$IMAGE" >/dev/null
}

healthy() { curl --silent --fail --max-time 3 --output /dev/null "http://127.0.0.1:$PORT$HEALTH_PATH"; }

# The launch hook of the fleet holds this instance back until it serves; one that never does is replaced.
# Once for each instance: a reboot has no hook to complete.
enter_service() {
  local mark="$STATE_DIR/in-service-$INSTANCE_ID"
  [[ -e $mark ]] || retry "entering service" complete_launch
  touch "$mark"
}

# An answer may be lost, or somebody may have let the instance in by hand: then no action is active any more.
complete_launch() {
  aws autoscaling complete-lifecycle-action --region "$AWS_REGION" --lifecycle-hook-name "$LAUNCH_HOOK" \
    --auto-scaling-group-name "$FLEET" --instance-id "$INSTANCE_ID" --lifecycle-action-result CONTINUE ||
    [[ $(aws autoscaling describe-auto-scaling-instances --region "$AWS_REGION" --instance-ids "$INSTANCE_ID" \
      --query 'AutoScalingInstances[0].LifecycleState' --output text) == InService ]]
}

main() {
  install -d -m 700 "$RUN_DIR"
  rm -f "$RUN_DIR/ready"
  install -d -m 755 "$ROOT/etc/prometheus" "$ROOT/etc/default" "$ROOT/etc/systemd/system" "$ROOT/usr/local/bin" \
    "$ROOT/var/lib/cloud/scripts/per-boot"
  # /run is empty after a reboot: run again at every boot (cloud-init, scripts-per-boot).
  install -m 700 "$0" "$ROOT/var/lib/cloud/scripts/per-boot/sportcoach" 2>/dev/null || true
  read_identity
  log "release $RELEASE ($COLOR) of deployment $DEPLOYMENT on $INSTANCE_ID"
  install_host
  configure_agents
  start_agents
  install_commands
  pull_image
  fetch_model
  write_configuration
  touch "$RUN_DIR/ready"
  start_container
  retry "health of the container on port $PORT" healthy
  report_agents
  enter_service
  log "serving"
}

main
