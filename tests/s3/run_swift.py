"""OpenStack Swift with its s3api, whole in one process: proxy, account, container and object server.

Prints one line of JSON (name, endpoint, region, users) when it answers, and runs until its stdin is closed.
The objects are kept in memory, the rest in a folder that is gone afterwards.
"""

import json
import os
import sys
import tempfile
import warnings
from importlib.metadata import version

warnings.filterwarnings("ignore", message="\\s*Eventlet is deprecated")

from swift.common.concurrency import greenio, listen, spawn, wsgi
from swift.common import utils

utils.monkey_patch()

import boto3
from botocore.config import Config
from swift.common.ring import RingBuilder
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.wsgi import loadapp

NAME = "Swift " + version("swift")
REGION = "eu-swift-1"
USERS = {
    # tempauth spells a user `user_<account>_<name> = <secret> <groups>`; S3's access key is `account:name`.
    "writer": ("test:writer", "swift-writer-secret", ".admin"),
    # Of the same account, with no right to any bucket.
    "stranger": ("test:stranger", "swift-stranger-secret", ""),
}

PROXY = """
[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats s3api tempauth bulk slo dlo copy proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:s3api]
use = egg:swift#s3api
location = {region}
s3_acl = false
check_bucket_owner = true
[filter:tempauth]
use = egg:swift#tempauth
{users}
[filter:cache]
use = egg:swift#memcache
memcache_servers =
""" + "\n".join(
    f"[filter:{name}]\nuse = egg:swift#{name}"
    for name in ("catch_errors", "gatekeeper", "listing_formats", "bulk", "slo", "dlo", "copy")
)

STORAGE = """
[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
recon_cache_path = {folder}
disable_fallocate = true
[app:main]
use = egg:swift#{kind}
"""


def serve(folder, name, sock, conf):
    path = os.path.join(folder, f"{name}.conf")
    with open(path, "w") as file:
        file.write(conf)
    options = {"protocol": SwiftHttpProtocol, "capitalize_response_headers": False}
    spawn(wsgi.server, sock, loadapp(path), open(os.devnull, "w"), **options)


def ring(folder, name, port):
    builder = RingBuilder(1, 1, 0)
    builder.add_dev(
        {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "disk", "weight": 1.0}
    )
    builder.rebalance()
    builder.get_ring().save(os.path.join(folder, f"{name}.ring.gz"))


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(os.path.join(folder, "devices", "disk"))
        with open(os.path.join(folder, "swift.conf"), "w") as file:
            file.write("[swift-hash]\nswift_hash_path_suffix = tests\n")
        utils.set_swift_dir(folder)
        for name, kind in (("account", "account"), ("container", "container"), ("object", "mem_object")):
            sock = listen(("127.0.0.1", 0))
            ring(folder, name, sock.getsockname()[1])
            serve(folder, name, sock, STORAGE.format(folder=folder, kind=kind))
        users = "\n".join(
            f"user_{key.replace(':', '_')} = {secret} {groups}" for key, secret, groups in USERS.values()
        )
        sock = listen(("127.0.0.1", 0))
        serve(folder, "proxy", sock, PROXY.format(folder=folder, region=REGION, users=users))
        endpoint = f"http://127.0.0.1:{sock.getsockname()[1]}"
        key, secret, _ = USERS["writer"]
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(s3={"addressing_style": "path"}),
        )
        client.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": REGION})
        users = {name: {"key": key, "secret": secret} for name, (key, secret, _) in USERS.items()}
        print(json.dumps({"name": NAME, "endpoint": endpoint, "region": REGION, "users": users}), flush=True)
        greenio.GreenPipe(sys.stdin.fileno(), "rb").read()


main()
