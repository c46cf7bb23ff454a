#!/usr/bin/env python3
"""Writes what the real FastF1 makes of recorded sessions: the golden files of the tests.

    target/python/bin/python tests/golden/make.py                    makes the golden files anew
    target/python/bin/python tests/golden/make.py RECORDINGS OUT     of other recordings

with the Python that `tests/run` sets up (tests/requirements.txt).

Every folder in RECORDINGS is a recording with a `session.json` that says which session to
load; `OUT/<folder>.json.gz` becomes

    {"session": {...}, "fastf1": {"laps": [...], "weather": [...], "results": [...]},
     "telemetry": {"car_data": {...}, "pos_data": {...}} or null, "warnings": [...], "error": null}

where each table is what DataFrame.to_json(orient="records") gives, and null if FastF1 could not
load it. Nothing goes to the network: what the recording does not have is a 404. FastF1 is imported
once, so that many sessions cost little more than their own time.
"""
import argparse
import gzip
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlencode

import fastf1
import fastf1.req
import requests

ROOT = Path(__file__).parent.parent.parent


class Warnings(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


def answering_from(*folders):
    """A stand-in for FastF1's `Cache.requests_get`: the first of the URLs that is there."""
    index = {}
    for folder in folders:
        for url, entry in json.loads((folder / "index.json").read_text()).items():
            index.setdefault(unquote(url), (folder / entry["file"], entry))

    def get(urls, params=None, **_):
        for url in [urls] if isinstance(urls, str) else urls:
            if query := urlencode({k: v for k, v in (params or {}).items() if v is not None}):
                url += "?" + query
            response = requests.Response()
            response.url, response.status_code, response._content = url, 404, b"Not Found"
            if found := index.get(unquote(url)):
                file, entry = found
                response.status_code = entry["status"]
                response._content = file.read_bytes()
                response.headers.update(entry["headers"])
            if response.status_code < 400:
                break
        return response

    return staticmethod(get)


def records(table):
    return json.loads(table.to_json(orient="records"))


def loaded(get):
    """What `get` gives, or None if FastF1 could not load it."""
    try:
        return get()
    except fastf1.exceptions.DataNotLoadedError:
        return None


def golden(folder):
    fastf1.req.Cache.requests_get = answering_from(folder)
    wanted = json.loads((folder / "session.json").read_text())
    warnings = Warnings()
    logging.getLogger("fastf1").addHandler(warnings)
    document = {"session": wanted, "fastf1": None, "telemetry": None, "warnings": warnings.texts, "error": None}
    try:
        session = fastf1.get_session(wanted["season"], wanted["round"], wanted["session"])
        session.load()
    except Exception as e:  # noqa: BLE001  FastF1's own failures are part of what it does
        document["error"] = f"{type(e).__name__}: {e}"
        return document
    finally:
        logging.getLogger("fastf1").removeHandler(warnings)
    document["fastf1"] = {
        "laps": loaded(lambda: records(session.laps)),
        "weather": loaded(lambda: records(session.weather_data)),
        "results": loaded(lambda: records(session.results)),
    }
    car = loaded(lambda: {number: records(table) for number, table in session.car_data.items()})
    pos = loaded(lambda: {number: records(table) for number, table in session.pos_data.items()})
    if car or pos:
        document["telemetry"] = {"car_data": car, "pos_data": pos}
    return document


def main():
    # FastF1 lists some drivers in a set's order: have it be the same in every run.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", type=Path, nargs="?", help="default: the synthetic sessions, made first")
    parser.add_argument("out", type=Path, nargs="?", default=Path(__file__).parent)
    args = parser.parse_args()
    if args.recordings is None:
        args.recordings = ROOT / "target/synthetic"
        synthetic = "run --release --package f1-ingest-tests --bin synthetic --"
        subprocess.run(["cargo", *synthetic.split(), args.recordings], cwd=ROOT, check=True)

    fastf1.Cache.set_disabled()
    logging.getLogger("fastf1").setLevel(logging.WARNING)
    logging.getLogger("fastf1").propagate = False
    args.out.mkdir(parents=True, exist_ok=True)
    for folder in sorted(path.parent for path in args.recordings.glob("*/session.json")):
        document = golden(folder)
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        (args.out / f"{folder.name}.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
        tables = {name: len(table or []) for name, table in (document["fastf1"] or {}).items()}
        print(folder.name, tables, document["error"] or "", file=sys.stderr)


if __name__ == "__main__":
    main()
