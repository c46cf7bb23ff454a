"""The same work as one default run of f1-ingest, in plain Python: requests and boto3.

    peer.py JOLPICA_URL ENDPOINT_URL BUCKET        (credentials from the environment)
"""
import sys
import time

import boto3
import requests
from botocore.config import Config
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

jolpica, endpoint, bucket = sys.argv[1:]
session = requests.Session()
retry = Retry(total=4, backoff_factor=1, status_forcelist=[429, 500, 502, 503, 504])
session.mount("http://", HTTPAdapter(max_retries=retry))
session.headers["User-Agent"] = "f1-ingest-bench (plain Python peer)"
response = session.get(jolpica, timeout=20)
response.raise_for_status()
response.json()

now = time.time()
key = time.strftime("raw/%Y-%m-%d/jolpica/", time.gmtime(now)) + f"{int(now)}.json"
s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-2", config=Config(s3={"addressing_style": "path"}))
s3.put_object(
    Bucket=bucket,
    Key=key,
    Body=response.content,
    ContentType="application/json",
    Metadata={"source": "jolpica", "ingest_time_utc": str(int(now))},
)
print(key)
