#!/usr/bin/env python3
"""Runs store_bench small: every row must have figures of every contender it was built with, every goal a verdict;
a run that is interrupted leaves nothing behind."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.dom.minidom

ALL = {"1", "2", "2b", "3", "4", "4k", "7", "8"}  # rows of all contenders
OWN = {"5", "5m", "5c", "5mc", "6", "6s", "9", "9r", "10"}     # of Tarn alone
AT_A_MILLION = {"<= 0.6 us", "<= 1.2 us"}         # goals that hold for a million pairs only


def interrupted(program, d, row):
    """Whoever ends a run finds nothing of it afterwards."""
    run = subprocess.Popen([program, "--pairs", "300000", "--rows", row, "--dir", d, "--disk", d], stderr=subprocess.DEVNULL)
    for _ in range(600):
        if os.listdir(d) or run.poll() is not None:
            break
        time.sleep(0.1)
    assert os.listdir(d), "it made no store"
    run.send_signal(signal.SIGTERM)
    assert run.wait(60) != 0
    assert not os.listdir(d), os.listdir(d)


def main():
    program, where = sys.argv[1:]
    with tempfile.TemporaryDirectory(dir=where) as d:
        interrupted(program, d, "2")
        interrupted(program, d, "7")
        out, svg = os.path.join(d, "result.json"), os.path.join(d, "result.svg")
        subprocess.run([program, "--pairs", "2000", "--durable", "1000", "--reps", "2", "--overwrite-seconds", "1",
                        "--dir", d, "--disk", d, "--json", out, "--plot", svg], check=True)
        with open(out) as f:
            result = json.load(f)
        xml.dom.minidom.parse(svg)
        left = set(os.listdir(d)) - {"result.json", "result.svg"}
    assert not left, f"left behind: {left}"
    rows = {r["row"]: r for r in result["rows"]}
    assert set(rows) == ALL | OWN, set(rows)
    peers = [p for p in ("lmdb", "rocksdb") if result[p]]
    for name, row in rows.items():
        for who in ["tarn"] + (peers if name in ALL else []):
            assert row[who]["min"] > 0 and row[who]["min"] <= row[who]["median"] <= row[who]["max"], (name, who, row)
        for p in peers if name in ALL else []:
            t, o = row["tarn"]["median"], row[p]["median"]
            want = t / o if row["more_is_better"] else o / t
            assert abs(row["ratio_to_" + p] / want - 1) < 1e-3, (name, p, row)
        for g in row["goals"]:
            needs = [p for p, n in (("lmdb", "LMDB"), ("rocksdb", "RocksDB")) if n in g["goal"]]
            judged = set(needs) <= set(peers) and g["goal"] not in AT_A_MILLION
            judged = judged and (name != "9" or shutil.which("fio") is not None)
            assert (g["reached"] is not None) == judged, (name, g)
            if judged:
                met = g["figure"] <= g["bound"] if g["goal"].startswith("<=") else g["figure"] >= g["bound"]
                assert met == g["reached"], (name, g)
    print(f"{len(rows)} rows, peers: {', '.join(peers) or 'none'}")


if __name__ == "__main__":
    main()
