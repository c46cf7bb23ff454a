"""Writes an object with boto3: `put.py BUCKET KEY BODY`, configured by the environment."""

import sys

import boto3
from botocore.config import Config

s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
bucket, key, body = sys.argv[1:]
s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
