#!/usr/bin/env bash
# Preview or apply a stack; what Pulumi says goes to the log and to the job's summary.
set -euo pipefail

options=(--stack "$STACK" --non-interactive --color never)
case "$COMMAND" in
preview) options+=(--diff) ;;
up) options+=(--yes --skip-preview=false) ;;
*)
  echo "command: '$COMMAND' (allowed: preview, up)" >&2
  exit 2
  ;;
esac

said=$(mktemp)
code=0
pulumi "$COMMAND" "${options[@]}" 2>&1 | tee "$said" || code=$?
{
  echo "## pulumi $COMMAND on $STACK"
  echo
  echo "Exit code $code."
  echo
  # Indented, so that no word of it ends a block; GitHub drops a summary of more than 1 MiB.
  tail -c 900000 "$said" | sed 's/^/    /'
} >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
exit "$code"
