#!/usr/bin/env python3
"""Rooms include only the rooms listed beside them (docs: HACKING.md, "The house"). Exit status 1 and a line per breach."""
import pathlib
import re
import sys

ALLOWED = {
    "base": "",
    "rt": "base",
    "io": "base rt",
    "net": "base rt",
    "heap": "base rt io",
    "vos": "base heap",
    "place": "base",
    "svc": "base rt net heap place",
    "engine": "base rt io net heap vos place svc",
    "client": "base rt net place",
    "dfs": "base rt client",
    "embed": "base rt io net client engine",
    "posix": "base client dfs embed",
    "console": "base client dfs embed",
    "tools": "base rt client dfs embed engine vos heap",
}
# Reached through a header that the room may include: its types are part of that header.
INCLUDE = re.compile(r'^\s*#\s*include\s+"([a-z0-9_]+)/([^"]+)"')


def main():
    bad = 0
    for room, allowed in ALLOWED.items():
        rooms = set(allowed.split()) | {room}
        for path in sorted(pathlib.Path("src", room).rglob("*.[chS]")):
            for nr, line in enumerate(path.read_text().splitlines(), 1):
                m = INCLUDE.match(line)
                if m and m.group(1) in ALLOWED and m.group(1) not in rooms:
                    print(f"{path}:{nr}: {room} may not include {m.group(1)}/{m.group(2)} "
                          f"(it may include: {', '.join(sorted(rooms))})")
                    bad += 1
    for room in ALLOWED:
        if not pathlib.Path("src", room).is_dir():
            print(f"src/{room}: the room is missing")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
