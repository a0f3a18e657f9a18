#!/usr/bin/env python3
"""Damages a device file in ways a test asks for. The layout is the one src/io/super_format.c draws.

  FILE version N     every superblock copy says format version N, with a right checksum
  FILE incompat F    ... has these incompatible feature flags
  FILE flip N        a bit in each of the first N superblock copies
  FILE meta|wal|data a bit in each block of 4 KiB that holds something, in the extents of this role
"""
import ctypes
import ctypes.util
import struct
import sys

COPY, BYTES, CSUM_AT = 16384, 8192, 16
ROLES = {"wal": 0, "meta": 1, "data": 2}


def xxh3(data):
    lib = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
    lib.XXH3_64bits.restype = ctypes.c_uint64
    lib.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return lib.XXH3_64bits(bytes(data), len(data))


def patch(f, at, fmt, value):
    for copy in range(4):
        f.seek(copy * COPY)
        block = bytearray(f.read(BYTES))
        struct.pack_into(fmt, block, at, value)
        struct.pack_into("<Q", block, CSUM_AT, 0)
        struct.pack_into("<Q", block, CSUM_AT, xxh3(block))
        f.seek(copy * COPY)
        f.write(block)


def extents(f, role):
    f.seek(0)
    block = f.read(BYTES)
    (nr,) = struct.unpack_from("<I", block, 112)
    for i in range(nr):
        off, length, r, _ = struct.unpack_from("<QQII", block, 128 + 24 * i)
        if r == role:
            yield off, length


def flip_role(f, role):
    flipped = 0
    for off, length in extents(f, role):
        for at in range(off, off + length, 4096):
            f.seek(at)
            block = bytearray(f.read(4096))
            if any(block):
                block[1000] ^= 0x10
                f.seek(at)
                f.write(block)
                flipped += 1
    assert flipped > 0


with open(sys.argv[1], "r+b") as f:
    what = sys.argv[2]
    if what == "version":
        patch(f, 8, "<I", int(sys.argv[3]))
    elif what == "incompat":
        patch(f, 48, "<Q", int(sys.argv[3]))
    elif what == "flip":
        for copy in range(int(sys.argv[3])):
            f.seek(copy * COPY + 100)
            byte = f.read(1)[0] ^ 1
            f.seek(copy * COPY + 100)
            f.write(bytes([byte]))
    else:
        flip_role(f, ROLES[what])
