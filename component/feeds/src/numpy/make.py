"""Writes floats.txt and spans.txt beside this file: keys ("-" is a missing one) and the order that pandas sorts them in.

Made with pandas 2.3.3 and numpy 2.4.6; NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL" makes the same.
"""
from pathlib import Path

import numpy as np, pandas as pd
rng = np.random.default_rng(2024)
monaco = [6, 10, 16, 14, 1, 13, 15, 15, 8, 9, 18, 14, 12, 11, 4, 7, 3, 5, 17, 2]
tables = [monaco]
for n in [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 17, 18, 19, 20, 20, 20, 20, 21, 22, 22, 24, 26, 28, 30, 31, 32, 33, 34, 36, 40]:
    keys = list(range(1, n + 1))
    for _ in range(n // 6 + 1):
        at = int(rng.integers(1, n)); keys[at] = keys[at - 1]
    rng.shuffle(keys)
    tables.append(keys)
for n, spread in [(12, 2), (20, 3), (25, 1), (40, 4), (64, 5), (65, 5), (100, 9)]:
    tables.append([int(k) for k in rng.integers(0, spread, n)])
for n in [6, 18, 20, 24]:
    tables.append([None if rng.random() < .25 else int(k) for k in rng.integers(1, n // 2, n)])
for name in ("floats", "spans"):
    with (Path(__file__).parent / f"{name}.txt").open("w") as out:
        for keys in tables:
            column = pd.Series([np.nan if k is None else float(k) for k in keys], dtype="float64")
            if name == "spans":
                column = pd.to_timedelta(column, unit="s")
            order = pd.DataFrame({"key": column}).sort_values("key").index
            print(*["-" if k is None else k for k in keys], "|", *order, file=out)
