#!/usr/bin/env python3
"""What programs expect of a file system, one function a case.

usage: posix_cases.py DIRECTORY CASE...

Each case gets a fresh directory below DIRECTORY and must hold on any POSIX file system, so that it can be tried on a local one.
"""
import ctypes
import errno
import fcntl
import mmap
import os
import random
import shutil
import stat
import sys
import threading
import time

FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE = 1, 2
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


def put(path, data):
    with open(path, "wb") as f:
        f.write(data)


def get(path):
    with open(path, "rb") as f:
        return f.read()


def fails(want, call, *args, **kw):
    try:
        call(*args, **kw)
    except OSError as e:
        assert e.errno == want, f"{errno.errorcode.get(e.errno)} instead of {errno.errorcode[want]}"
    else:
        raise AssertionError(f"succeeded instead of {errno.errorcode[want]}")


def renameat2(old, new, flags):
    if libc.renameat2(-100, old.encode(), -100, new.encode(), flags) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def together(calls):
    """Runs calls in threads; the first failure is raised here."""
    failed = []

    def guarded(call):
        try:
            call()
        except BaseException as e:  # an assertion in a thread would only be printed
            failed.append(e)

    threads = [threading.Thread(target=guarded, args=(c,)) for c in calls]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]


def names(d):
    put(f"{d}/a", b"one")
    os.rename(f"{d}/a", f"{d}/b")
    fails(errno.ENOENT, os.stat, f"{d}/a")
    assert get(f"{d}/b") == b"one"
    put(f"{d}/c", b"two")
    fails(errno.EEXIST, renameat2, f"{d}/b", f"{d}/c", RENAME_NOREPLACE)
    renameat2(f"{d}/b", f"{d}/c", RENAME_EXCHANGE)
    assert (get(f"{d}/b"), get(f"{d}/c")) == (b"two", b"one")
    os.rename(f"{d}/b", f"{d}/c")
    assert os.listdir(d) == ["c"] and get(f"{d}/c") == b"two"
    os.mkdir(f"{d}/dir")
    put(f"{d}/dir/x", b"x")
    fails(errno.ENOTEMPTY, os.rmdir, f"{d}/dir")
    fails(errno.EISDIR, os.rename, f"{d}/c", f"{d}/dir")
    fails(errno.ENOTDIR, os.rename, f"{d}/dir", f"{d}/c")
    fails(errno.ENOTDIR, os.rmdir, f"{d}/c")
    fails(errno.EISDIR, os.unlink, f"{d}/dir")
    fails(errno.EINVAL, os.rename, f"{d}/dir", f"{d}/dir/inside")
    os.mkdir(f"{d}/dir2")
    fails(errno.ENOTEMPTY, os.rename, f"{d}/dir2", f"{d}/dir")
    os.rename(f"{d}/dir", f"{d}/dir2")
    assert get(f"{d}/dir2/x") == b"x"
    fails(errno.ENAMETOOLONG, put, f"{d}/" + "n" * 256, b"")
    put(f"{d}/" + "n" * 255, b"long")
    assert get(f"{d}/" + "n" * 255) == b"long"
    fails(errno.EEXIST, os.open, f"{d}/c", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    fails(errno.EEXIST, os.mkdir, f"{d}/c")
    os.mknod(f"{d}/node", stat.S_IFREG | 0o600)
    assert os.stat(f"{d}/node").st_size == 0
    odd = f"{d}/\u00e4 \"'\\\n\x01"
    put(odd, b"odd")
    assert get(odd) == b"odd"


def links(d):
    put(f"{d}/t", b"target")
    os.symlink("t", f"{d}/l")
    assert os.readlink(f"{d}/l") == "t" and get(f"{d}/l") == b"target"
    assert os.lstat(f"{d}/l").st_size == 1 and stat.S_ISLNK(os.lstat(f"{d}/l").st_mode)
    os.symlink("loop", f"{d}/loop")
    fails(errno.ELOOP, open, f"{d}/loop")
    os.symlink("x" * 4000, f"{d}/long")
    assert os.readlink(f"{d}/long") == "x" * 4000
    os.rename(f"{d}/l", f"{d}/m")
    assert os.readlink(f"{d}/m") == "t"
    os.mkdir(f"{d}/sub")
    os.symlink("../t", f"{d}/sub/up")
    assert get(f"{d}/sub/up") == b"target"


def attributes(d):
    f = f"{d}/f"
    put(f, b"x" * 1000)
    os.chmod(f, 0o640)
    assert stat.S_IMODE(os.stat(f).st_mode) == 0o640
    os.utime(f, ns=(1_000_000_000_123_456_789, 1_000_000_000_987_654_321))
    assert os.stat(f).st_mtime_ns == 1_000_000_000_987_654_321
    os.rename(f, f"{d}/g")
    assert os.stat(f"{d}/g").st_mtime_ns == 1_000_000_000_987_654_321, "a rename keeps the time"
    before = time.time_ns()
    with open(f"{d}/g", "ab") as g:
        g.write(b"y")
    assert abs(os.stat(f"{d}/g").st_mtime_ns - before) < 5_000_000_000, "a write sets the time"
    s = os.stat(f"{d}/g")
    assert s.st_size == 1001 and s.st_nlink == 1
    inode = s.st_ino
    os.rename(f"{d}/g", f)
    assert os.stat(f).st_ino == inode, "the inode number stays"
    fd = os.open(f, os.O_RDONLY)
    os.rename(f, f"{d}/h")
    os.fchmod(fd, 0o600)
    assert os.fstat(fd).st_ino == inode and stat.S_IMODE(os.stat(f"{d}/h").st_mode) == 0o600
    os.close(fd)
    old = os.umask(0o027)
    os.close(os.open(f"{d}/masked", os.O_CREAT | os.O_WRONLY, 0o777))
    os.mkdir(f"{d}/maskdir", 0o777)
    os.umask(old)
    assert stat.S_IMODE(os.stat(f"{d}/masked").st_mode) == 0o750
    assert stat.S_IMODE(os.stat(f"{d}/maskdir").st_mode) == 0o750
    if os.geteuid() == 0:
        os.chown(f"{d}/h", 12, 34)
        s = os.stat(f"{d}/h")
        assert (s.st_uid, s.st_gid) == (12, 34)
        os.chown(f"{d}/maskdir", 0, 34)
        os.chmod(f"{d}/maskdir", 0o2775)
        put(f"{d}/maskdir/child", b"")
        os.mkdir(f"{d}/maskdir/sub")
        assert os.stat(f"{d}/maskdir/child").st_gid == 34, "the group of a setgid directory is inherited"
        s = os.stat(f"{d}/maskdir/sub")
        assert s.st_gid == 34 and s.st_mode & stat.S_ISGID
    v = os.statvfs(d)
    assert v.f_bsize >= 512 and v.f_blocks > 0 and 0 < v.f_bfree <= v.f_blocks and v.f_namemax == 255


def xattrs(d):
    f = f"{d}/f"
    put(f, b"x")
    os.setxattr(f, "user.a", b"1")
    os.setxattr(f, "user.big", b"v" * 60000)
    os.setxattr(f, "user.empty", b"")
    assert sorted(os.listxattr(f)) == ["user.a", "user.big", "user.empty"]
    assert os.getxattr(f, "user.big") == b"v" * 60000 and os.getxattr(f, "user.empty") == b""
    fails(errno.EEXIST, os.setxattr, f, "user.a", b"2", os.XATTR_CREATE)
    fails(errno.ENODATA, os.setxattr, f, "user.none", b"2", os.XATTR_REPLACE)
    fails(errno.ENODATA, os.getxattr, f, "user.none")
    fails(errno.ENODATA, os.removexattr, f, "user.none")
    os.setxattr(f, "user.a", b"2", os.XATTR_REPLACE)
    os.removexattr(f, "user.empty")
    os.rename(f, f"{d}/g")
    assert os.getxattr(f"{d}/g", "user.a") == b"2" and sorted(os.listxattr(f"{d}/g")) == ["user.a", "user.big"]
    os.setxattr(d, "user.dir", b"d")
    assert os.getxattr(d, "user.dir") == b"d"
    fd = os.open(f"{d}/g", os.O_RDWR)
    os.setxattr(fd, "user.fd", b"fd")
    assert os.getxattr(fd, "user.fd") == b"fd"
    os.close(fd)


def sizes(d):
    f = f"{d}/f"
    put(f, b"abcdef" * 1000)
    os.truncate(f, 4000)
    assert get(f) == (b"abcdef" * 1000)[:4000]
    os.truncate(f, 9000)
    assert get(f) == (b"abcdef" * 1000)[:4000] + b"\0" * 5000
    os.truncate(f, 0)
    assert os.stat(f).st_size == 0 and get(f) == b""
    fd = os.open(f, os.O_RDWR)
    os.pwrite(fd, b"end", 5 << 20)  # a hole across chunks
    assert os.fstat(fd).st_size == (5 << 20) + 3
    assert os.pread(fd, 10, (5 << 20) - 4) == b"\0\0\0\0end"
    assert os.pread(fd, 100, 1 << 20) == b"\0" * 100
    assert os.pread(fd, 10, 6 << 20) == b""
    os.ftruncate(fd, (3 << 20) + 1)
    os.ftruncate(fd, 6 << 20)
    assert os.pread(fd, 3, 5 << 20) == b"\0\0\0", "what a truncation cut off does not come back"
    os.close(fd)
    fd = os.open(f, os.O_WRONLY | os.O_TRUNC)
    assert os.fstat(fd).st_size == 0
    os.close(fd)
    put(f, bytes(range(256)) * 4096)
    assert get(f) == bytes(range(256)) * 4096
    put(f, b"short")
    assert get(f) == b"short"


def holes(d):
    f = f"{d}/f"
    put(f, b"x" * (3 << 20))
    fd = os.open(f, os.O_RDWR)

    def punch(off, length):
        if libc.fallocate(fd, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, off, length) != 0:
            raise OSError(ctypes.get_errno(), "fallocate")

    punch(1000, 2_000_000)
    assert os.pread(fd, 3 << 20, 0) == b"x" * 1000 + b"\0" * 2_000_000 + b"x" * ((3 << 20) - 2_001_000)
    punch((3 << 20) - 10, 4096)  # over the end
    assert os.fstat(fd).st_size == 3 << 20
    assert os.pread(fd, 20, (3 << 20) - 20) == b"x" * 10 + b"\0" * 10
    punch((3 << 20) - 1, 1)
    punch(5 << 20, 100)  # beyond it: nothing
    assert os.fstat(fd).st_size == 3 << 20
    punch(0, 3 << 20)
    assert os.fstat(fd).st_size == 3 << 20 and os.pread(fd, 3 << 20, 0) == b"\0" * (3 << 20)
    os.close(fd)


def append(d):
    f = f"{d}/log"

    def writer(k):
        fd = os.open(f, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for n in range(50):
            line = f"{k:02d} {n:03d} {'.' * (k * 7)}\n".encode()
            assert os.write(fd, line) == len(line)
        os.close(fd)

    together([lambda k=k: writer(k) for k in range(8)])
    lines = get(f).decode().splitlines()
    assert len(lines) == 400, len(lines)
    for k in range(8):
        assert [x for x in lines if x.startswith(f"{k:02d} ")] == [f"{k:02d} {n:03d} {'.' * (k * 7)}" for n in range(50)]


def mapped(d):
    f = f"{d}/f"
    put(f, b"\0" * 1_000_000)
    with open(f, "r+b") as fh, mmap.mmap(fh.fileno(), 0) as m:
        m[5:10] = b"hello"
        m[900_000:900_003] = b"end"
        m.flush()
    data = get(f)
    assert data[5:10] == b"hello" and data[900_000:900_003] == b"end" and len(data) == 1_000_000
    with open(f, "rb") as fh, mmap.mmap(fh.fileno(), 0, prot=mmap.PROT_READ) as m:
        assert m[5:10] == b"hello" and m[:] == data


def mapped_private(d):
    f = f"{d}/f"
    put(f, b"abc" * 10000)
    with open(f, "rb") as fh, mmap.mmap(fh.fileno(), 0, flags=mmap.MAP_PRIVATE) as m:
        assert m[:] == b"abc" * 10000


def unlinked(d):
    f = f"{d}/f"
    fd = os.open(f, os.O_CREAT | os.O_RDWR, 0o644)
    os.write(fd, b"before")
    os.unlink(f)
    fails(errno.ENOENT, os.stat, f)
    os.write(fd, b" after")
    assert os.pread(fd, 100, 0) == b"before after"
    s = os.fstat(fd)
    assert s.st_nlink == 0 and s.st_size == 12
    os.ftruncate(fd, 3)
    assert os.pread(fd, 100, 0) == b"bef" and os.fstat(fd).st_size == 3
    os.fchmod(fd, 0o600)
    assert stat.S_IMODE(os.fstat(fd).st_mode) == 0o600
    os.fsync(fd)
    put(f, b"another")
    assert os.pread(fd, 100, 0) == b"bef" and get(f) == b"another"
    os.close(fd)
    assert get(f) == b"another"
    # replaced by a rename while it is open
    fd = os.open(f, os.O_RDWR)
    put(f"{d}/new", b"newer")
    os.rename(f"{d}/new", f)
    assert os.pread(fd, 100, 0) == b"another" and get(f) == b"newer"
    os.pwrite(fd, b"ANOTHER", 0)
    assert os.pread(fd, 100, 0) == b"ANOTHER" and get(f) == b"newer"
    os.close(fd)
    assert get(f) == b"newer" and os.listdir(d) == ["f"]
    # a directory somebody stands in
    os.mkdir(f"{d}/dir")
    dfd = os.open(f"{d}/dir", os.O_RDONLY | os.O_DIRECTORY)
    os.rmdir(f"{d}/dir")
    fails(errno.ENOENT, os.open, "x", os.O_CREAT | os.O_WRONLY, dir_fd=dfd)
    os.fstat(dfd)
    os.close(dfd)


def listing(d):
    want = {f"file-{n:05d}" for n in range(5000)}
    for name in want:
        os.close(os.open(f"{d}/{name}", os.O_CREAT | os.O_WRONLY, 0o644))
    got = os.listdir(d)
    assert len(got) == len(set(got)) == 5000 and set(got) == want
    with os.scandir(d) as it:
        inodes = {e.name: e.inode() for e in it}
    for name in random.sample(sorted(want), 200):
        assert inodes[name] == os.stat(f"{d}/{name}").st_ino, "d_ino is st_ino"
    # removing while reading, as rm -r does, leaves nothing behind
    shutil.rmtree(d)
    fails(errno.ENOENT, os.stat, d)
    os.mkdir(d)


def racing_removal(d):
    """One listing in progress, names removed as they are seen."""
    for n in range(700):
        os.close(os.open(f"{d}/a-rather-long-name-that-fills-the-buffer-{n}", os.O_CREAT | os.O_WRONLY))
    seen = 0
    with os.scandir(d) as it:
        for e in it:
            os.unlink(e.path)
            seen += 1
    assert seen == 700 and os.listdir(d) == [], (seen, len(os.listdir(d)))


def writers(d):
    """Many threads make, write, check and remove their own and shared files."""

    def one(k):
        rnd = random.Random(k)
        for n in range(25):
            data = rnd.randbytes(rnd.choice([0, 1, 100, 4096, 70_000]))
            put(f"{d}/t{k}-{n}", data)
            os.rename(f"{d}/t{k}-{n}", f"{d}/r{k}-{n}")
            assert get(f"{d}/r{k}-{n}") == data
            if n % 3 == 0:
                os.unlink(f"{d}/r{k}-{n}")

    together([lambda k=k: one(k) for k in range(8)])
    assert len(os.listdir(d)) == 8 * 16

    # parts of one file
    fd = os.open(f"{d}/shared", os.O_CREAT | os.O_RDWR)

    def part(k):
        for n in range(20):
            os.pwrite(fd, bytes([k + 1]) * 5000, (n * 8 + k) * 5000)

    together([lambda k=k: part(k) for k in range(8)])
    os.close(fd)
    data = get(f"{d}/shared")
    assert data == b"".join(bytes([k + 1]) * 5000 for _ in range(20) for k in range(8))


def renamers(d):
    """A file that is always renamed is always itself to those who hold it; a replaced name always has whole contents."""
    put(f"{d}/a", b"moving")
    fd = os.open(f"{d}/a", os.O_RDWR)
    inode = os.fstat(fd).st_ino
    stop = threading.Event()

    def move():
        try:
            for _ in range(100):
                os.rename(f"{d}/a", f"{d}/b")
                os.rename(f"{d}/b", f"{d}/a")
        finally:
            stop.set()

    def look():
        while not stop.is_set():
            assert os.fstat(fd).st_ino == inode
            os.fchmod(fd, random.choice([0o600, 0o640]))
            assert os.pread(fd, 10, 0) == b"moving"

    together([move, look, look])
    os.close(fd)
    put(f"{d}/config", b"0" * 1000)

    def replace(k):
        for n in range(30):
            put(f"{d}/tmp{k}", str(n % 10).encode() * 1000)
            os.rename(f"{d}/tmp{k}", f"{d}/config")

    def read():
        for _ in range(60):
            data = get(f"{d}/config")
            assert len(data) == 1000 and len(set(data)) == 1, (len(data), set(data))

    together([lambda: replace(1), lambda: replace(2), read, read])
    assert sorted(os.listdir(d)) == ["a", "config"]


def removers(d):
    """Whoever opened a file in time keeps it, whatever removes its name."""

    def hold():
        for _ in range(100):
            try:
                fd = os.open(f"{d}/f", os.O_RDONLY)
            except FileNotFoundError:
                continue
            data = os.read(fd, 100)
            assert data in (b"", b"contents"), data
            if data:
                assert os.pread(fd, 100, 0) == b"contents"
            os.close(fd)

    def churn():
        for n in range(60):
            put(f"{d}/f.new", b"contents")
            os.rename(f"{d}/f.new", f"{d}/f")
            if n % 2:
                os.unlink(f"{d}/f")

    together([hold, hold, hold, churn])


def database(d):
    """Pages written in place with a journal, as a small database does it."""
    page, pages, rnd = 4096, 200, random.Random(1)
    fd = os.open(f"{d}/db", os.O_CREAT | os.O_RDWR)
    os.ftruncate(fd, page * pages)
    model = bytearray(page * pages)
    for n in range(60):
        jfd = os.open(f"{d}/journal", os.O_CREAT | os.O_RDWR | os.O_TRUNC)
        picks = rnd.sample(range(pages), 4)
        for p in picks:
            os.write(jfd, os.pread(fd, page, p * page))
        os.fsync(jfd)
        for p in picks:
            data = rnd.randbytes(page)
            os.pwrite(fd, data, p * page)
            model[p * page:(p + 1) * page] = data
        os.fdatasync(fd)
        os.close(jfd)
        os.unlink(f"{d}/journal")
    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
    fcntl.lockf(fd, fcntl.LOCK_UN, 1, 0)
    assert os.pread(fd, page * pages, 0) == bytes(model)
    os.close(fd)
    assert get(f"{d}/db") == bytes(model)


def random_io(d):
    """Random writes, truncations, holes and reads against a copy in memory."""
    rnd = random.Random(7)
    fd = os.open(f"{d}/f", os.O_CREAT | os.O_RDWR)
    model = bytearray()
    top = 3_000_000
    for n in range(250):
        off, length = rnd.randrange(top), rnd.choice([1, 100, 4096, 50_000, 300_000])
        what = rnd.random()
        if what < 0.5:
            data = rnd.randbytes(length)
            if len(model) < off:
                model.extend(b"\0" * (off - len(model)))
            model[off:off + length] = data
            os.pwrite(fd, data, off)
        elif what < 0.6:
            if off < len(model):
                del model[off:]
            model.extend(b"\0" * (off - len(model)))
            os.ftruncate(fd, off)
        elif what < 0.7:
            end = min(off + length, len(model))
            if end > off:
                model[off:end] = b"\0" * (end - off)
            if libc.fallocate(fd, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, off, length) != 0:
                raise OSError(ctypes.get_errno(), "fallocate")
        else:
            assert os.pread(fd, length, off) == bytes(model[off:off + length]), n
        assert os.fstat(fd).st_size == len(model), n
    os.close(fd)
    assert get(f"{d}/f") == bytes(model)


def main():
    top = sys.argv[1]
    for case in sys.argv[2:]:
        d = f"{top}/case-{case}"
        os.mkdir(d)
        began = time.monotonic()
        try:
            globals()[case](d)
        except BaseException:
            print(f"case {case} failed:", flush=True)
            raise
        print(f"  case {case}: {time.monotonic() - began:.2f} s", flush=True)
        shutil.rmtree(d)


main()
