"""moto as S3, IAM and STS, with its checks of signatures and permissions switched on.

Prints one line of JSON (name, endpoint, region, users, role) when it answers, and runs until its stdin is closed.
"""

import json
import logging
import os
import sys
from importlib.metadata import version

# No check before the users are made.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "inf"

import boto3
import requests
from moto.server import ThreadedMotoServer

NAME = "moto " + version("moto")
REGION = "eu-central-1"


def policy(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def user(iam, name, actions):
    iam.create_user(UserName=name)
    if actions:
        document = policy(Action=actions, Resource="*")
        iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    endpoint = "http://%s:%d" % server.get_host_and_port()
    connect = {
        "endpoint_url": endpoint,
        "region_name": REGION,
        "aws_access_key_id": "setup",
        "aws_secret_access_key": "setup",
    }
    iam = boto3.client("iam", **connect)
    users = {
        "writer": user(iam, "writer", ["s3:*", "sts:AssumeRole"]),
        "stranger": user(iam, "stranger", []),
    }
    trust = policy(Action=["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"], Principal={"AWS": "*"})
    role = iam.create_role(RoleName="ingest", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    may = policy(Action="s3:*", Resource="*")
    iam.put_role_policy(RoleName="ingest", PolicyName="may", PolicyDocument=may)
    boto3.client("s3", **connect).create_bucket(
        Bucket="lake", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    session = boto3.client("sts", **connect).assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]
    users["session"] = {
        "key": session["AccessKeyId"],
        "secret": session["SecretAccessKey"],
        "token": session["SessionToken"],
    }
    requests.post(f"{endpoint}/moto-api/reset-auth", data="0", timeout=10).raise_for_status()
    print(json.dumps({"name": NAME, "endpoint": endpoint, "region": REGION, "users": users, "role": role}), flush=True)
    sys.stdin.read()


main()
