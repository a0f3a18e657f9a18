#!/usr/bin/env python3
"""The table of the public API: docs/compatibility.md and the list of exported names src/client/libdaos.map.

usage: api_table.py LIBDAOS          check: exit status 1 and a line per fault
       api_table.py --write LIBDAOS  write both files, then check

What is public is what include/ declares; what is there is what the library exports; what is tested is what sources
below tests/ call, and what tests/api/contract/ tells of a function (contract.h there). What no program can find out,
the reasons, stands in docs/compatibility.in."""
import collections
import fnmatch
import pathlib
import re
import subprocess
import sys

TABLE = pathlib.Path("docs/compatibility.md")
NOTES = pathlib.Path("docs/compatibility.in")
MAP = pathlib.Path("src/client/libdaos.map")
CONTRACTS = pathlib.Path("tests/api/contract")
SHOWN = 3  # test sources named for a function
# every function of these has a contract, and every function that takes an event
TOLD_ALL = ("daos_fs.h", "daos_fs_sys.h")
TOLD_NOT = ("daos_event.h",)  # events themselves
# errors that no call of a program provokes when it pleases; of memory: tests/api/nomem_test.c, dfs_nomem_test.c
BY_CHANCE = {"DER_NOMEM", "ENOMEM"}

# headers in the order of the document, with what they are about
GROUPS = [
    ("daos.h", "Start and end"), ("daos_pool.h", "Pools"), ("daos_cont.h", "Containers"),
    ("daos_api.h", "Transactions, anchors, epochs"), ("daos_obj.h", "Objects"), ("daos_obj_class.h", "Object classes"),
    ("daos_kv.h", "Key-value objects"), ("daos_array.h", "Arrays"), ("daos_event.h", "Events and queues"),
    ("daos_task.h", "Operations as tasks"), ("daos/tse.h", "Task engine"), ("daos_prop.h", "Properties"),
    ("daos_security.h", "Access control lists"), ("daos_mgmt.h", "Management"), ("daos_fs.h", "DFS"),
    ("daos_fs_sys.h", "DFS by path"), ("daos_uns.h", "Unified namespace"), ("daos_pipeline.h", "Pipelines"),
    ("daos_s3.h", "S3"), ("daos_types.h", "Types"), ("daos_errno.h", "Error texts"), ("daos_version.h", "Version"),
    ("daos/common.h", "Helpers of programs around the API"), ("daos/debug.h", "Logging of such programs"),
    ("gurt/types.h", "gurt: vectors"), ("gurt/common.h", "gurt: memory, ranks, environment, time, hashes"),
    ("gurt/hash.h", "gurt: hash tables"), ("gurt/list.h", "gurt: lists"), ("gurt/heap.h", "gurt: binary heaps"),
    ("gurt/slab.h", "gurt: object caches"), ("gurt/debug.h", "gurt: log macros"), ("gurt/dlog.h", "gurt: log"),
    ("gurt/fault_inject.h", "gurt: fault injection"), ("tarn.h", "Tarn's own"),
]
KINDS = {"nosys": "not there", "part": "in part", "stub": "does nothing"}

# event: it takes one; errors: those that its comment lists
Fn = collections.namedtuple("Fn", "name header inline event errors")


def no_comments(text):
    return re.sub(r"/\*.*?\*/", " ", re.sub(r"//[^\n]*", " ", text), flags=re.S)


def outermost(text):
    """The text without what stands in braces; a body ends the statement."""
    out, depth = [], 0
    for c in text.replace('extern "C" {', " "):
        if c == "{":
            depth += 1
        elif c == "}" and depth > 0:
            depth -= 1
            if depth == 0:
                out.append(";")
        elif depth == 0:
            out.append(c)
    return "".join(out)


def listed_errors(text):
    """{function: the errors after "Errors:" in the comment above it, or all it names as -DER_*}."""
    found = {}
    for comment, kind, name in re.findall(r"/\*\*((?:(?!\*/).)*)\*/\s*([\w* ]+?)\b(\w+)\s*\(", text, flags=re.S):
        if kind.split() == ["void"]:
            continue  # the error is somebody else's
        errors = re.split(r"\n *\* *\n", comment.partition("Errors:")[2])[0]
        if "Errors:" not in comment:
            errors = " ".join(re.findall(r"-DER_\w+", comment))
        found[name] = tuple(sorted(set(re.findall(r"\b(?:DER_[A-Z0-9_]+|E[A-Z0-9]{2,})\b", errors)) - BY_CHANCE - {"EQ"}))
    return found


def declared():
    """The functions that the headers declare, and the names that they rename: {old: new}."""
    fns, renamed = {}, {}
    for path in sorted(pathlib.Path("include").rglob("*.h")):
        header = str(path.relative_to("include"))
        errors = listed_errors(path.read_text())
        text = no_comments(path.read_text()).replace("\\\n", " ")
        for old, new in re.findall(r"^#define (\w+) (\w+)$", text, flags=re.M):
            if new.startswith(old) and new[len(old):].isdigit():
                renamed[old] = new
        plain = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        for statement in outermost(plain).split(";"):
            words = " ".join(statement.split())
            if words.startswith("typedef"):
                continue
            words = re.sub(r"__attribute__ ?\(\(.*?\)\)+", "", words)
            m = re.match(r"^([\w* ]+?[ *])(\w+) ?\(", words)
            if m:
                name, inline = m.group(2), "inline" in m.group(1).split()
                fns[name] = Fn(name, header, inline, "daos_event_t *ev" in words, errors.get(name, ()))
    return fns, renamed


def exported(lib):
    names = set()
    out = subprocess.run(["nm", "-D", "--defined-only", lib], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        parts = line.split()
        if len(parts) == 3 and parts[1] in "TWi":
            names.add(parts[2].split("@")[0])
    return names


def tested(renamed):
    """{function: sources below tests/ that call it}, the suite of the public API first."""
    calls = collections.defaultdict(list)
    paths = [p for p in pathlib.Path("tests").rglob("*.[ch]") if "fuzz/corpus" not in str(p)]
    for path in sorted(paths, key=lambda p: (p.parts[1] != "api", str(p))):
        text = no_comments(path.read_text(errors="replace"))
        names = re.findall(r"\b(\w+)\s*(?:\(|,|\))", text)
        for name in {renamed.get(n, n) for n in names}:
            calls[name].append(str(path.relative_to("tests").with_suffix("")))
    return calls


def contracts(faults, renamed):
    """{function: what its story says} of the stories that are told (STORIES) in tests/api/contract/."""
    told = {}
    for path in sorted(CONTRACTS.glob("*_test.c")):
        text = no_comments(path.read_text())
        stories = dict(re.findall(r"^CONTRACT\((\w+)\)\n\{(.*?)^\}", text, flags=re.S | re.M))
        listed = re.findall(r"X\((\w+)\)", text.partition("#define STORIES(X)")[2])
        for name in sorted(set(stories) ^ set(listed)):
            faults.append(f"{path}: the story of {name} is not in STORIES, or the other way round")
        for name in set(stories) & set(listed):
            told[renamed.get(name, name)] = stories[name]
    return told


def provoked(renamed):
    """{function: errors that tests of the API, and of what needs no pool, expect of it}."""
    found = collections.defaultdict(set)

    def saw(error, name):
        found[renamed.get(name, name)].add(error)

    for path in [*pathlib.Path("tests/api").rglob("*.[ch]"), *pathlib.Path("tests/unit/client").glob("*.c"),
                 *pathlib.Path("tests/unit/include").glob("*.c")]:
        text = no_comments(path.read_text()).replace("\\\n", " ")
        for statement in re.split(r"[;{}]", text):
            m = re.match(r"\s*assert_int_equal\(\s*(\w+)\(.*,\s*-?(DER_\w+|E[A-Z0-9]+)\)$", statement, flags=re.S)
            if m:
                saw(m.group(2), m.group(1))
        for name, error in re.findall(r"\b(d\w+)\((?:[^()]|\([^()]*\))*\)\s*[!=]=\s*-?(DER_\w+|E[A-Z]+)", text):
            saw(error, name)
        for error, name in re.findall(r"\b(?:GIVES|NOW|FAILS|IS)\(\s*-?(DER_\w+|E[A-Z0-9]+),\s*(\w+)\(", text):
            saw(error, name)
        for name, error in re.findall(r"\bX\((dfs_\w+)\([^\n]*?\),\s*(E[A-Z0-9]+)\)", text):
            saw(error, name)
    return found


def notes(faults, fns):
    """{function: [(kind, text)]} of docs/compatibility.in; a line is `names | kind | text`, names may have wildcards."""
    found = collections.defaultdict(list)
    for nr, line in enumerate(NOTES.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [p.strip() for p in line.split("|")]
        if len(parts) != 3 or parts[1] not in ("nosys", "part", "stub", "differs", "untested", "never"):
            faults.append(f"{NOTES}:{nr}: not `names | nosys, part, stub, differs, untested or never | text`")
            continue
        for pattern in parts[0].split():
            hits = fnmatch.filter(fns, pattern)
            if not hits:
                faults.append(f"{NOTES}:{nr}: there is no function {pattern}")
            for name in hits:
                found[name].append((parts[1], parts[2]))
    return found


def cannot_be(fn, told, faults):
    """The errors that a note says this function never gives; the note begins with them, up to a colon."""
    never = set()
    for kind, text in told:
        if kind == "never":
            never |= set(text.partition(":")[0].split())
    for e in sorted(never - set(fn.errors)):
        faults.append(f"{NOTES}: {fn.name} never gives {e}, and its header does not say it does")
    return never


def contract_of(fn, told, stories, errors, faults):
    """How its contract has been told: letters, and the errors that nobody has provoked."""
    never = cannot_be(fn, told, faults)
    for e in sorted(never & errors[fn.name]):
        faults.append(f"{NOTES}: {fn.name} never gives {e}, and a test expects it")
    documented = [e for e in fn.errors if e not in never]
    if any(kind == "nosys" for kind, _ in told):
        documented = ["ENOSYS" if fn.name.startswith(("dfs_", "ds3_")) else "DER_NOSYS"]
    missing = [e.removeprefix("DER_") for e in documented if e not in errors[fn.name]]
    letters = ["e"] if documented and not missing else []
    if fn.name in stories:
        letters += (["a"] if fn.event else []) + ["t", "p"]
    return " ".join(letters) + (f" (not {', '.join(missing)})" if missing else "")


def row(fn, told, calls, contract):
    state = "inline" if fn.inline else "works"
    for kind, _ in told:
        if kind in KINDS:
            state = KINDS[kind]
    tests = calls[:SHOWN]
    by = ", ".join(tests) + (", ..." if len(calls) > SHOWN else "")
    remarks = [text for kind, text in told if kind not in ("untested", "never") or (kind == "untested" and not calls)]
    remarks += ["Never " + text.replace("DER_", "") for kind, text in told if kind == "never"]
    return f"| `{fn.name}` | {state} | {contract.strip()} | {by or '-'} | {' '.join(remarks)} |"


def table(fns, renamed, calls, told, stories, errors, faults):
    lines = [
        "# Compatibility with DAOS 2.8", "",
        "<!-- written by scripts/api_table.py from include/, tests/, the library and docs/compatibility.in -->", "",
        "Every function that the public headers declare. Programs written for DAOS 2.8 compile and link unchanged;",
        "what is different when they run stands in the last column.", "",
        "- **works**: as documented for DAOS. **inline**: the same, defined in the header.",
        "- **not there**: it links, and answers -DER_NOSYS (`dfs_*`: ENOSYS, `ds3_*`: -ENOSYS).",
        "- **in part**, **does nothing**: see the remark.",
        f"- Tests: sources below `tests/`, the first {SHOWN}; `api/` is the suite that sees the public API only.",
        "- Contract: **a** told with events (in a queue, in none, as a child, one that is refused), **t** by two threads at",
        "  once, **p** by two processes at once (`tests/api/contract/`); **e** every error that the header lists is provoked",
        "  by a test, apart from those of no memory, which have tests of their own, and those that the remark says never",
        "  come; in brackets: those that are not. What is not there has one error, and it is provoked.", "",
        "All is in `libdaos.so.2`; `libdfs.so`, `libduns.so`, `libdaos_common.so`, `libgurt.so` and `libcart.so` lead to it.",
        "Both spellings of renamed functions are exported: " +
        ", ".join(f"`{old}` and `{new}`" for old, new in sorted(renamed.items())) + ".",
        "Sizes, offsets and values of all types and constants: `tests/unit/include/abi_test.c`.", ""]
    counts = collections.Counter()
    body = []
    for header, title in GROUPS:
        mine = sorted((f for f in fns.values() if f.header == header), key=lambda f: f.name)
        if not mine:
            continue
        body += [f"## {title} (`{header}`)", "", "| function | state | contract | tested by | remark |",
                 "| --- | --- | --- | --- | --- |"]
        for fn in mine:
            line = row(fn, told[fn.name], calls[fn.name], contract_of(fn, told[fn.name], stories, errors, faults))
            counts[line.split("|")[2].strip()] += 1
            counts["tested"] += bool(calls[fn.name])
            body.append(line)
        body.append("")
    order = ("works", "inline", "in part", "does nothing", "not there")
    lines += [f"{len(fns)} functions: " + ", ".join(f"{counts[state]} {state}" for state in order) +
              f". Tests call {counts['tested']} of them, {len(stories)} have a contract that is told.", ""]
    return "\n".join(lines + body).rstrip("\n") + "\n"


def version_script(fns, renamed):
    names = sorted({f.name for f in fns.values() if not f.inline} | set(renamed))
    return ("/* What programs may link: the functions of the public headers, and nothing else of libdaos.so.\n"
            " * Written by scripts/api_table.py. */\n"
            "DAOS_2.8 {\n    global:\n" + "".join(f"        {n};\n" for n in names) + "    local:\n        *;\n};\n")


def untold(fns, told, stories):
    for name in sorted(set(stories) - set(fns)):
        yield f"{name}: a contract in {CONTRACTS} of what is no public function"
    for fn in sorted(fns.values()):
        absent = any(kind == "nosys" for kind, _ in told[fn.name])
        if fn.name not in stories:
            if not absent and fn.header not in TOLD_NOT and (fn.event or fn.header in TOLD_ALL):
                yield f"{fn.name}: nobody tells its contract; write a story in {CONTRACTS}"
        elif fn.event and not re.search(r"\bGIVES\([^;]*\b" + fn.name.rstrip("2") + r"\([^;]*\bev\(r\)", stories[fn.name]):
            yield f"{fn.name}: its contract calls it without ev(r)"


def faults_of(fns, renamed, names, calls, told):
    linked = {f.name for f in fns.values() if not f.inline} | set(renamed)
    for name in sorted(linked - names):
        yield f"{name}: declared and not exported: implement it, or answer -DER_NOSYS and say why in {NOTES}"
    for name in sorted(names - linked):
        yield f"{name}: exported and in no public header"
    for fn in sorted(fns.values()):
        if fn.header not in dict(GROUPS):
            yield f"{fn.header}: a public header that scripts/api_table.py does not know"
        if not calls[fn.name] and not told[fn.name]:
            yield f"{fn.name}: no test calls it; write one, or say why not in {NOTES}"


def main():
    args = [a for a in sys.argv[1:] if a != "--write"]
    if len(args) != 1:
        print(__doc__)
        return 2
    faults = []
    fns, renamed = declared()
    calls, told = tested(renamed), notes(faults, fns)
    stories, errors = contracts(faults, renamed), provoked(renamed)
    for path, text in ((MAP, version_script(fns, renamed)), (TABLE, table(fns, renamed, calls, told, stories, errors, faults))):
        if "--write" in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            faults.append(f"{path} is stale: scripts/api_table.py --write {args[0]}")
    faults += faults_of(fns, renamed, exported(args[0]), calls, told)
    faults += untold(fns, told, stories)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
