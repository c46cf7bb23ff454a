"""Recordings of many sessions, made of those in `../shared` or of made-up ones: each is an event of its own, with a round of
its own, so that one backfill of their seasons fetches just them."""
import json
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote, unquote

ROOT = Path(__file__).resolve().parent.parent.parent
LIVETIMING = "https://livetiming.formula1.com/static/"
SCHEDULE = "https://raw.githubusercontent.com/theOehrly/f1schedule/master/"
JOLPICA = "https://api.jolpi.ca/ergast/f1/"
NAMES = {"FP1": "Practice 1", "FP2": "Practice 2", "FP3": "Practice 3", "Q": "Qualifying", "S": "Sprint", "R": "Race",
         "SQ": "Sprint Qualifying", "SS": "Sprint Shootout"}


def index_of(folders):
    """Files and entries of the URLs in recordings; the first recording that has a URL wins."""
    index = {}
    for folder in folders:
        for url, entry in json.loads((folder / "index.json").read_text()).items():
            index.setdefault(unquote(url), (folder / entry["file"], entry))
    return index


def recorded(shared):
    """Season, round, session and recordings of what `../shared` has laps of."""
    for expected in sorted((shared / "expected").iterdir()):
        name, about = expected.name, json.loads((expected / "info.json").read_text())
        own = (shared / "recordings" / name).exists()
        folders = [name, "jolpica", "base"] if own else ["derived", "base", "telemetry"]
        yield int(name[:4]), about["round"], name.rsplit("-")[-1], [shared / "recordings" / folder for folder in folders]


def made_up(folder):
    """The same of the generator's."""
    generate = ["cargo", "run", "--release", "--quiet", "-p", "f1-ingest-tests", "--bin", "synthetic", "--", str(folder)]
    subprocess.run(generate, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    for recording in sorted(folder.iterdir()):
        about = json.loads((recording / "session.json").read_text())
        yield about["season"], about["round"], about["session"], [recording]


def row_of(index, season, round_):
    """An event's row of the season's schedule; none if it has no schedule."""
    found = index.get(f"{SCHEDULE}schedule_{season}.json")
    table = json.loads(found[0].read_bytes()) if found else {"round_number": {}}
    at = [at for at, number in table["round_number"].items() if number == round_]
    return {column: cells[at[0]] for column, cells in table.items()} if at else None


def path_of(row, slot):
    """livetiming's folder of a session, as FastF1's `make_path` builds it."""
    day, own = row["event_date"][:10], row[f"session{slot}_date"][:10]
    return f"{day[:4]}/{day} {row['event_name']}/{own} {row[f'session{slot}']}/".replace(" ", "_")


def write(sessions, count, out):
    """Writes a recording of so many sessions, the same again under other rounds if there are fewer; gives them by season,
    round and name."""
    out.mkdir(parents=True)
    made, index, schedules = [], {}, {}

    def add(url, file, entry):
        name = f"{len(index)}"
        shutil.copyfile(file, out / name)
        index[quote(url, safe=":/?=&")] = {**entry, "file": name}

    sessions = [(one, index_of(one[3])) for one in sessions]
    sessions = [(one, known, row) for one, known in sessions if (row := row_of(known, one[0], one[1]))]
    while len(made) < count:
        for (season, round_, session, _), known, row in sessions[: count - len(made)]:
            number = len(made) + 1
            new = {**row, "round_number": number, "event_name": f"{row['event_name']} {number}"}
            slot = next(slot for slot in range(1, 6) if row[f"session{slot}"] == NAMES[session])
            for other in set(range(1, 6)) - {slot}:
                new[f"session{other}"] = new[f"session{other}_date"] = None
            schedules.setdefault(season, []).append(new)
            for old, changed in [(LIVETIMING + path_of(row, slot), LIVETIMING + path_of(new, slot)),
                                 (f"{JOLPICA}{season}/{round_}/", f"{JOLPICA}{season}/{number}/")]:
                for url, (file, entry) in known.items():
                    if url.startswith(old):
                        add(changed + url.removeprefix(old), file, entry)
            made.append((season, number, session))
    for season, rows in schedules.items():
        table = {column: {str(at): row[column] for at, row in enumerate(rows)} for column in rows[0]}
        file = out / f"schedule_{season}.json"
        file.write_text(json.dumps(table))
        entry = {"status": 200, "file": file.name, "headers": {"content-type": "text/plain; charset=utf-8"}}
        index[f"{SCHEDULE}{file.name}"] = entry
    (out / "index.json").write_text(json.dumps(index))
    return made
