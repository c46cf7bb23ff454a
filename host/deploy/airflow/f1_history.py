"""The whole history first, and from then on the daily rest: a plan, and its shards at once.

Each worker needs f1-ingest, setpriv (of util-linux) and the variables of a run: F1_S3_BUCKET, AWS_REGION and so on.
Workers on one machine share Jolpica's hour by themselves; for those that share an address only, add to the options
--requests-per-hour with 200 divided by the number of shards.
"""

import json
import logging
import re
import subprocess
from datetime import datetime, timedelta, timezone
from math import ceil
from tempfile import TemporaryFile

from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowRescheduleException

log = logging.getLogger(__name__)


def f1_ingest(*arguments):
    """Runs the program, which ends in order if this task does. Gives its exit code, stdout and stderr."""
    command = ["setpriv", "--pdeathsig", "TERM", "f1-ingest", *arguments]
    with TemporaryFile("w+") as stdout:
        with subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True) as process:
            said = []
            for line in process.stderr:
                log.info(line.rstrip())
                said.append(line)
        stdout.seek(0)
        return process.returncode, stdout.read(), "".join(said)


def backfill(options, *arguments):
    """A backfill's stdout. "Not now" frees the worker until the time that was said."""
    code, stdout, said = f1_ingest("backfill", *options.split(), *arguments)
    if code == 75:
        times = re.findall(r"(?:it goes on at|try again after) (\S+Z)", said)
        soon = datetime.now(timezone.utc) + timedelta(minutes=20)
        raise AirflowRescheduleException(min(map(datetime.fromisoformat, times), default=soon))
    if code == 2:
        raise AirflowFailException("wrong usage or configuration: no retry will do better")
    if code != 0:
        raise AirflowException(f"f1-ingest ended with {code}; the next try goes on from there")
    return stdout


@dag(
    schedule="0 12 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    # After Airflow's own default_task_retry_delay, five minutes.
    default_args={"retries": 5},
    params={
        "options": Param("--seasons 1950.. --sources jolpica --refresh 60", type="string"),
        "shards": Param(4, type="integer", minimum=1, description="at most"),
        "items": Param(50, type="integer", minimum=1, description="that are worth a shard of their own"),
    },
)
def f1_history():
    @task
    def plan(params=None):
        due = json.loads(backfill(params["options"], "--plan", "--json"))["items"]
        count = min(params["shards"], ceil(len(due) / params["items"]))
        return [f"{index}/{count}" for index in range(count)]

    @task
    def shard(part, params=None):
        backfill(params["options"], "--shard", part)

    shard.expand(part=plan())


f1_history()
