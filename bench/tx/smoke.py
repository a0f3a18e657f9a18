#!/usr/bin/env python3
"""Runs tx_bench small: every row must have its figures, and nothing be left behind."""
import json
import os
import subprocess
import sys
import tempfile

ROWS = {"plain1": 1, "1of1": 1, "plain4": 1, "1of4": 1, "2of4": 1, "4of4": 1, "plain16": 1, "1of16": 1, "8of16": 1, "16of16": 1, "machinery": 1,
        "zipf1": 5, "zipf4": 5, "blind4": 5, "read4": 5, "reads": 2, "snapshot": 1, "decided": 2, "undecided": 2}


def main():
    program, where = sys.argv[1:]
    if os.access("/dev/shm", os.W_OK):  # on a disk the flushes of many small pools take minutes
        where = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=where) as d:
        out = os.path.join(d, "result.json")
        subprocess.run([program, "--nr", "200", "--doubt", "40", "--reps", "2", "--dir", d, "--bare", program,
                        "--json", out], check=True)
        with open(out) as f:
            result = json.load(f)
        left = set(os.listdir(d)) - {"result.json"}
    assert not left, f"left behind: {left}"
    rows = {}
    for r in result["rows"]:
        rows.setdefault(r["row"], []).append(r)
    assert {k: len(v) for k, v in rows.items()} == ROWS, rows.keys()
    for name, of in rows.items():
        for r in of:
            assert len(r["figure"]["samples"]) == 2, (name, r)
            assert r["figure"]["median"] > 0, (name, r)
            if "goal" in r:
                met = r["judged"] >= r["goal"] if r["unit"] == "1/s" else r["judged"] <= r["goal"]
                assert met == r["reached"], (name, r)
    messages = [r for r in rows["reads"] if r["unit"] == "messages"]
    assert messages[0]["figure"]["median"] == 1, messages
    print(f"{len(result['rows'])} rows")


if __name__ == "__main__":
    main()
