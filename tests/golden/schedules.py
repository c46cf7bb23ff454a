#!/usr/bin/env python3
"""What the real FastF1 chooses out of recorded schedules, with each of its backends.

    python tests/golden/schedules.py RECORDING > choices.json

A list of [backend, season, event, session, path], where event is a round or a name that a user might
type, and path is FastF1's `api_path`, or null if it finds no such event or session.
"""
import json
import random
import sys
from pathlib import Path

import fastf1
import fastf1.req

from make import answering_from

SESSIONS = ["FP1", "FP2", "FP3", "Q", "SQ", "SS", "S", "R"]


def misspelt(text, chance):
    letters = list(text)
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(len(letters))
        letters[at] = chance.choice(["", chance.choice("aeinorst"), letters[at] * 2])
    return "".join(letters).strip()


def path(find, session):
    try:
        return find().get_session(session).api_path
    except (KeyError, ValueError):
        return None


def choices(backend, season, chance):
    schedule = fastf1.get_event_schedule(season, include_testing=False, backend=backend)
    for _, event in schedule.iterrows():
        number = int(event.RoundNumber)
        for session in SESSIONS:
            yield number, session, path(lambda: schedule.get_event_by_round(number), session)
        names = [event.Location, event.Country, event.EventName, event.OfficialEventName]
        for name in [misspelt(name, chance) for name in names if name]:
            if name and not name.isdigit():
                yield name, "R", path(lambda: schedule.get_event_by_name(name), "R")


fastf1.set_log_level("CRITICAL")
fastf1.Cache.set_disabled()
fastf1.req.Cache.requests_get = answering_from(Path(sys.argv[1]))
found = []
for season in range(2018, 2027):
    for backend in ["fastf1", "f1timing", "ergast"]:
        try:
            rows = list(choices(backend, season, random.Random(season)))
        except ValueError:  # the schedule is not recorded
            continue
        found += [[backend, season, *row] for row in rows]
json.dump(found, sys.stdout)
