#!/usr/bin/env python3
"""No mutable globals: all state hangs off a struct node or a struct client, so that any number live in one process.
Reads the symbols of every room's static library in the build folder and rejects writable data outside a short list."""
import pathlib
import re
import subprocess
import sys

# symbol -> why it may exist
ALLOWED = {
    "log_state": "base: level and sink of the log, set once at start",
}
# compilers' and sanitizers' own
IGNORED = re.compile(r"^(__gcov|__asan|__odr|__sanitizer|\.L|__compound_literal|_GLOBAL_|__func__|__PRETTY)")


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build")
    listing = pathlib.Path("scripts/globals.allowed")
    for line in listing.read_text().splitlines() if listing.exists() else []:
        line = line.split("#")[0].strip()
        if line:
            ALLOWED[line] = "listed"
    bad = 0
    libs = sorted(build.glob("src/*/libtarn_*.a"))
    if not libs:
        print(f"no room libraries below {build}: build first")
        return 1
    for lib in libs:
        out = subprocess.run(["nm", "--defined-only", str(lib)], capture_output=True, text=True).stdout
        obj = ""
        for line in out.splitlines():
            if line.endswith(":"):
                obj = line[:-1]
                continue
            parts = line.split()
            if len(parts) == 3 and parts[1] in "dDbBC" and not IGNORED.match(parts[2]):
                name = parts[2].split(".")[0]
                # tables of pointers need relocation and so look writable; they are const in the source
                if name not in ALLOWED and not in_relro(lib, obj, parts[2]):
                    print(f"{lib.name}({obj}): writable global '{parts[2]}': hang it off a struct")
                    bad += 1
    return 1 if bad else 0


def in_relro(lib, obj, symbol, cache={}):
    """True if the symbol lives in .data.rel.ro (constant after relocation) or in thread-local storage."""
    key = (str(lib),)
    if key not in cache:
        out = subprocess.run(["objdump", "-t", str(lib)], capture_output=True, text=True).stdout
        table, member = {}, ""
        for line in out.splitlines():
            m = re.match(r"^(\S+):\s+file format", line)
            if m:
                member = m.group(1)
                continue
            f = line.split()
            if len(f) >= 4:
                table[(member, f[-1])] = line
        cache[key] = table
    line = cache[key].get((obj, symbol), "")
    return ".data.rel.ro" in line or ".tbss" in line or ".tdata" in line


if __name__ == "__main__":
    sys.exit(main())
