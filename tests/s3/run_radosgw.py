"""Ceph's radosgw with its STS, on the smallest cluster that carries it: one monitor, one disk in memory.

Prints one line of JSON (name, endpoint, region, users) when it answers, and runs until its stdin is closed.
The programs are those that `unpack_radosgw` took from Debian; what they write is in a folder that is gone afterwards.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import boto3
from botocore.config import Config

PROGRAMS = Path(__file__).parents[2] / "target/radosgw"
LIBRARIES = next(PROGRAMS.glob("usr/lib/*-linux-gnu"))
SEARCHED = [LIBRARIES, LIBRARIES / "ceph", PROGRAMS / "lib" / LIBRARIES.name]
# What a cluster calls its only zone group.
REGION = "default"
USERS = {"writer": "radosgw-writer-secret", "stranger": "radosgw-stranger-secret"}
# Seconds. It takes two, and more if the disk is busy.
LONGEST_START = 120

CONF = """
[global]
fsid = {fsid}
mon_host = {monitor}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
# radosgw's default wants the authentication that is off.
ms_mon_client_mode = crc
run_dir = {folder}
admin_socket =
log_file = {folder}/$name.log
err_to_stderr = false
mon_cluster_log_file = {folder}/cluster.log
mon_data = {folder}/mon
osd_data = {folder}/osd
rgw_data = {folder}/rgw
osd_objectstore = memstore
osd_class_dir = {classes}
osd_erasure_code_plugins =
# One copy, in few groups.
mon_allow_pool_size_one = true
osd_crush_chooseleaf_type = 0
osd_pool_default_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
# In seconds. radosgw makes its pools one by one and waits for it several times for each.
paxos_propose_interval = 0.05
rgw_frontends = beast endpoint=127.0.0.1:{port}
rgw_s3_auth_use_sts = true
rgw_sts_key = sixteen-letters.
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def policy(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


class Cluster:
    """Ceph's programs, with the configuration in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.daemons = []
        conf = os.path.join(folder, "ceph.conf")
        self.environment = {**os.environ, "CEPH_CONF": conf, "LD_LIBRARY_PATH": ":".join(map(str, SEARCHED))}
        self.fsid, self.monitor = str(uuid.uuid4()), f"[v2:127.0.0.1:{free_port()}/0]"
        with open(conf, "w") as file:
            values = {"fsid": self.fsid, "monitor": self.monitor, "port": self.port}
            file.write(CONF.format(folder=folder, classes=LIBRARIES / "rados-classes", **values))

    def run(self, name, *arguments):
        command = [PROGRAMS / "usr/bin" / name, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{name} {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def serve(self, name, *arguments):
        # However this process ends, its daemons end too.
        command = ["setpriv", "--pdeathsig", "KILL", PROGRAMS / "usr/bin" / name, "-f", *arguments]
        nothing = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        self.daemons.append(subprocess.Popen(command, env=self.environment, **nothing))

    def start(self):
        for name in ("mon", "osd", "rgw"):
            os.mkdir(os.path.join(self.folder, name))
        monmap = os.path.join(self.folder, "monmap")
        self.run("monmaptool", "--create", "--fsid", self.fsid, "--addv", "a", self.monitor, monmap)
        self.run("ceph-mon", "--id", "a", "--mkfs", "--monmap", monmap)
        self.serve("ceph-mon", "--id", "a")
        self.run("ceph-osd", "--id", "0", "--mkfs", "--osd-uuid", str(uuid.uuid4()))
        self.serve("ceph-osd", "--id", "0")
        self.serve("radosgw", "--name", "client.rgw")
        deadline = time.monotonic() + LONGEST_START
        while time.monotonic() < deadline and all(daemon.poll() is None for daemon in self.daemons):
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.05)
        for log in Path(self.folder).glob("*.log"):
            print(log.name, *log.read_text().splitlines()[-5:], sep="\n", file=sys.stderr)
        sys.exit("radosgw does not start")

    def stop(self):
        for daemon in self.daemons:
            daemon.kill()
            daemon.wait()

    def add_users(self):
        for name, secret in USERS.items():
            keys = ("--access-key", name, "--secret-key", secret)
            self.run("radosgw-admin", "user", "create", "--uid", name, "--display-name", name, *keys)
        trust = policy(Action="sts:AssumeRole", Principal={"AWS": "arn:aws:iam:::user/writer"})
        role = ("--role-name", "ingest")
        self.run("radosgw-admin", "role", "create", *role, "--assume-role-policy-doc", trust)
        may = ("--policy-name", "may", "--policy-doc", policy(Action="s3:*", Resource="*"))
        self.run("radosgw-admin", "role-policy", "put", *role, *may)


def main():
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(folder)
        try:
            cluster.start()
            cluster.add_users()
            endpoint = f"http://127.0.0.1:{cluster.port}"
            connect = {
                "endpoint_url": endpoint,
                "region_name": REGION,
                "aws_access_key_id": "writer",
                "aws_secret_access_key": USERS["writer"],
            }
            path_style = Config(s3={"addressing_style": "path"})
            boto3.client("s3", config=path_style, **connect).create_bucket(Bucket="lake")
            role = {"RoleArn": "arn:aws:iam:::role/ingest", "RoleSessionName": "tests"}
            session = boto3.client("sts", **connect).assume_role(**role)["Credentials"]
            users = {name: {"key": name, "secret": secret} for name, secret in USERS.items()}
            users["session"] = {
                "key": session["AccessKeyId"],
                "secret": session["SecretAccessKey"],
                "token": session["SessionToken"],
            }
            name = "Ceph " + cluster.run("radosgw", "--version").split()[2]
            print(json.dumps({"name": name, "endpoint": endpoint, "region": REGION, "users": users}), flush=True)
            sys.stdin.read()
        finally:
            cluster.stop()


main()
