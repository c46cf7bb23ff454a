"""Reads every object of a bucket with boto3: `read_all.py BUCKET`, configured by the environment.

Prints JSON: by key its bytes as text, Content-Type and metadata.
"""

import json
import sys

import boto3
from botocore.config import Config

s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
objects = {}
for page in s3.get_paginator("list_objects_v2").paginate(Bucket=sys.argv[1]):
    for listed in page.get("Contents", []):
        got = s3.get_object(Bucket=sys.argv[1], Key=listed["Key"])
        body = got["Body"].read().decode("latin-1")
        objects[listed["Key"]] = {"body": body, "type": got["ContentType"], "metadata": got["Metadata"]}
print(json.dumps(objects))
