#!/usr/bin/env python3
"""How long 100 concurrent health checks take while a job runs: `f1-ingest serve` beside `wasmtime serve`.

    cargo build --release -p f1-ingest && python3 tests/bench/health.py [--seconds 20]

The job is telemetry of a synthetic race of full length, from one local server and into another, again and again: it
reads and computes without a pause. Each check has a connection of its own and is measured from before it connects to
the end of its answer. 100 are open at once, then the next 100 after a short pause. Needs nothing but Python itself.
"""
import argparse
import json
import os
import select
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

root = Path(__file__).resolve().parent.parent.parent
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--seconds", type=float, default=20)
parser.add_argument("--concurrent", type=int, default=100)
parser.add_argument("--ours", type=Path, default=root / "target/release/f1-ingest")
parser.add_argument("--wasmtime", type=Path, default=root / "target/wasmtime-cli/bin/wasmtime")
args = parser.parse_args()
plain = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"]}
REQUEST = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"


def start(command, environment):
    """A server, and the host:port that it says it listens on."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = []
    for line in process.stdout:
        said.append(line)
        if "http://" in line:
            # What it says later must not fill the pipe.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return process, line.split("http://")[1].split("/")[0].split()[0].rstrip(":")
    raise SystemExit(f"{command} does not listen:\n{''.join(said)}")


def checks(address):
    """Milliseconds of each of so many checks at once."""
    host, port = address.rsplit(":", 1)
    poll, begun, took = select.epoll(), {}, []

    def read_answers(patience):
        for number, _ in poll.poll(patience):
            connection, since, answer = begun[number]
            piece = connection.recv(4096)
            answer += piece
            if not piece:
                took.append((time.perf_counter() - since) * 1000)
                assert answer.startswith(b"HTTP/1.1 200"), answer
                poll.unregister(number)
                connection.close()
                del begun[number]

    for _ in range(args.concurrent):
        since = time.perf_counter()
        connection = socket.create_connection((host, int(port)))
        connection.sendall(REQUEST)
        poll.register(connection, select.EPOLLIN)
        begun[connection.fileno()] = (connection, since, bytearray())
        read_answers(0)
    while begun:
        read_answers(10)
    return took


def measure(name, address, runs):
    """Checks for so many seconds while `runs()` says so, and a line of what they took."""
    took, slowest, until = [], [], time.monotonic() + args.seconds
    while time.monotonic() < until:
        before = runs()
        figures = checks(address)
        if before and runs():
            took.extend(figures)
            slowest.append(max(figures))
        time.sleep(0.05)
    if not took:
        raise SystemExit(f"{name}: no check fell into a run")
    took.sort()
    figures = statistics.median(took), took[int(len(took) * 0.99)], statistics.median(slowest), took[-1]
    print(f"{name:<40} {len(took):6} checks" + "".join(f"{figure:9.2f} ms" for figure in figures), flush=True)


class Job(threading.Thread):
    """POSTs the job again and again."""

    def __init__(self, address, body):
        super().__init__(daemon=True)
        self.url, self.body = f"http://{address}/ingest", json.dumps(body).encode()
        self.runs, self.stopped = False, False

    def run(self):
        while not self.stopped:
            self.runs = True
            try:
                with urllib.request.urlopen(urllib.request.Request(self.url, self.body)) as answer:
                    answer.read()
            except OSError as error:
                if not self.stopped:
                    print(f"{self.url}: {error}", flush=True)
                    return
            finally:
                self.runs = False


with tempfile.TemporaryDirectory() as folder:
    generate = ["cargo", "run", "--release", "--quiet", "-p", "f1-ingest-tests", "--bin", "synthetic", "--"]
    subprocess.run([*generate, f"{folder}/recordings", "full-length"], cwd=root, check=True)
    recording = f"{folder}/recordings/full-length"
    about = json.loads(Path(recording, "session.json").read_text())
    body = {"include-telemetry": True, **{name: about[name] for name in ("season", "round", "session")}}
    (Path(folder) / "store/lake").mkdir(parents=True)
    keys = {"AWS_ACCESS_KEY_ID": "an-access-key-of-ours", "AWS_SECRET_ACCESS_KEY": "a-secret-key-of-ours"}
    local = ["--listen", "127.0.0.1:0"]
    servers = [
        start([args.ours, "replay", recording, *local], plain),
        start([args.ours, "store", f"{folder}/store", *local], plain | keys),
    ]
    upstream, store = (address for _, address in servers)
    settings = keys | {
        "F1_S3_BUCKET": "lake",
        "AWS_REGION": "us-east-2",
        "AWS_ENDPOINT_URL_S3": f"http://{store}",
        "JOLPICA_URL": f"http://{upstream}/api.jolpi.ca/ergast/f1/current/last/results.json",
        "F1_LIVETIMING_URL": f"http://{upstream}/livetiming.formula1.com/static/",
        "F1_LIVETIMING_MIRROR_URL": f"http://{upstream}/livetiming-mirror.fastf1.dev/static/",
        "F1_SCHEDULE_URL": f"http://{upstream}/raw.githubusercontent.com/theOehrly/f1schedule/master",
        "F1_REQUESTS_PER_SECOND": "0",
    }
    component = f"{folder}/f1-ingest.wasm"
    subprocess.run([args.ours, "component", "--output", component], check=True, stdout=subprocess.DEVNULL)
    given = [text for name in settings for text in ("--env", name)]
    cases = [("f1-ingest serve", [args.ours, "serve", *local])]
    if args.wasmtime.exists():
        # The allocator that it takes by default is not in what `tests/run` builds.
        options = ["-S", "cli", "-O", "pooling-allocator=n", "--addr", "127.0.0.1:0"]
        cases.append(("wasmtime serve", [args.wasmtime, "serve", *options, *given, component]))
    else:
        print(f"there is no {args.wasmtime}: tests/run makes it")
    print(f"{args.concurrent} health checks at once: median, 99 of 100, the slowest of the 100 (median), the slowest of all")
    for name, command in cases:
        process, address = start(command, plain | settings)
        measure(f"{name}, idle", address, lambda: True)
        job = Job(address, body)
        job.start()
        measure(f"{name}, while a job runs", address, lambda: job.runs)
        job.stopped = True
        process.kill()
    for process, _ in servers:
        process.kill()
