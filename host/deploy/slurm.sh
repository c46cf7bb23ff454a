#!/bin/bash
# The history in four shards: sbatch slurm.sh. ~/.config/f1-ingest/environment, mode 0600, holds the variables, one
# NAME='value' a line: F1_S3_BUCKET, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY ...
#SBATCH --job-name=f1-history
# Counted from 0. One that was killed goes on where it was, by `sbatch --array=2 slurm.sh` with SHARDS=4 as well.
#SBATCH --array=0-3
#SBATCH --cpus-per-task=1
#SBATCH --mem=512M
#SBATCH --time=24:00:00
#SBATCH --requeue
# Five minutes before its time is over a task ends in order.
#SBATCH --signal=B:TERM@300
set -euo pipefail

shards=${SHARDS:-$SLURM_ARRAY_TASK_COUNT}
set -a
# shellcheck source=/dev/null
. "${F1_ENVIRONMENT:-$HOME/.config/f1-ingest/environment}"
set +a
# The nodes share an address, and Jolpica's 200 requests an hour; each task counts its part, also where they share a home.
export XDG_STATE_HOME="$HOME/.local/state/f1-ingest-shards/$SLURM_ARRAY_TASK_ID-$shards"

# exec: Slurm's signals are for the program. It sleeps when its part of the hour is used up.
exec f1-ingest backfill --seasons 1950.. --sources jolpica --wait \
  --shard "$SLURM_ARRAY_TASK_ID/$shards" --requests-per-hour "$((200 / shards))"
