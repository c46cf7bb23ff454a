"""Calls a component's `plan` (f1:ingest/job) in Python's wasmtime: plan.py COMPONENT SELECTION [ARGUMENT ...]

The selection is JSON: {"seasons": "2024", "sources": "jolpica"}. Prints the plan as JSON, or the failure.
"""

import json
import sys

from run import exported
from wasmtime.component import Record, Variant


def record(**fields):
    made = Record()
    for name, value in fields.items():
        setattr(made, name.replace("_", "-"), value)
    return made


def plain(value):
    if isinstance(value, Variant):
        return plain(value.payload)
    if isinstance(value, Record):
        return {name: plain(field) for name, field in vars(value).items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


component, selection, *arguments = sys.argv[1:]
plan, store = exported(component, "f1:ingest/job@0.3.0", "plan", ["f1-ingest"])
choices = ["seasons", "rounds", "sessions", "sources", "endpoints"]
selection = {**dict.fromkeys(choices), **json.loads(selection)}
print(json.dumps(plain(plan(store, record(arguments=arguments, run_id=None, names_sources=False), record(**selection)))))
