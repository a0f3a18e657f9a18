#!/usr/bin/env bash
# Trees go in, come out, and are alike: names, content, modes, times, links, attributes; again, in part, and between pools.
. "$(dirname "$0")/lib.sh" "$1"

tree() { # a bit of everything
    mkdir -p "$1/deep/a/b/c/d/e" "$1/empty" "$1/many" "$1/modes"
    for i in $(seq 1 700); do printf '%s' "$i" >"$1/many/f$i"; done
    printf 'x' >"$1/deep/a/b/c/d/e/leaf"
    : >"$1/zero"
    head -c 4095 /dev/urandom >"$1/b4095"
    head -c 4096 /dev/urandom >"$1/b4096"
    head -c 1048576 /dev/urandom >"$1/exactly-1M"
    head -c 1048577 /dev/urandom >"$1/over-1M"
    head -c 20000000 /dev/urandom >"$1/large"
    truncate -s 8M "$1/sparse" && printf 'in the middle' | dd of="$1/sparse" bs=1 seek=4000000 conv=notrunc status=none
    truncate -s 3M "$1/all-hole"
    printf 'a' >"$1/with space"
    printf 'b' >"$1/$(printf 'new\nline')"
    printf 'c' >"$1/ünïcödé"
    printf 'd' >"$1/$(printf 'bad\377utf8')"
    printf 'e' >"$1/-dash"
    printf 'f' >"$1/$(printf 'n%.0s' $(seq 1 255))"
    ln -s large "$1/link"
    ln -s /nowhere/at/all "$1/dangling"
    ln -s deep "$1/link-to-dir"
    for m in 000 400 640 755 777 4755 2755 6711 1644; do printf '%s' $m >"$1/modes/$m"; chmod $m "$1/modes/$m"; done
    mkdir "$1/modes/dir-500" && printf 'y' >"$1/modes/dir-500/in" && chmod 500 "$1/modes/dir-500"
    for m in 1777 3775 4750; do mkdir "$1/modes/dir-$m" && printf 'z' >"$1/modes/dir-$m/in" && chmod $m "$1/modes/dir-$m"; done
    printf 'one of two' >"$1/hard-a" && ln "$1/hard-a" "$1/hard-b"
    touch -d '2001-02-03 04:05:06.789012345' "$1/zero" "$1/many/f7" "$1/deep/a"
    touch -d '1999-12-31 23:59:59.5' "$1/empty" "$1/many"
    touch -h -d '2010-10-10 10:10:10.1' "$1/link"
    command -v setfattr >/dev/null && setfattr -n user.colour -v blue "$1/zero" && setfattr -n user.kind -v dir "$1/deep"
    [ "$(id -u)" -eq 0 ] && chown 1234:5678 "$1/b4095"
    return 0
}

# names, types, modes, owners, times (ns), link targets
listing() { (cd "$1" && find . -printf '%P|%y|%m|%U:%G|%T@|%l\n' | LC_ALL=C sort); }

tree src
ok tarn pool create ./p
ok tarn fs copy --src src --dst daos://./p/c
says 'copied 73[0-9] files'
says '^2 files had other names too'
ok tarn fs diff src daos://./p/c
says 'all alike'
ok tarn fs copy --src daos://./p/c --dst out --verify
says 'all alike'
same src out
listing src >src.list
listing out >out.list
# the top directory counts as well
never_says 'other names' # in the pool they are files of their own
diff src.list out.list >diff.out || { bad "modes, owners or times differ"; head -5 diff.out; }
[ "$(stat -c %b out/all-hole)" -le 8192 ] || bad "a hole became data"
if command -v getfattr >/dev/null; then
    [ "$(getfattr -n user.colour --only-values out/zero 2>/dev/null)" = blue ] || bad "an extended attribute of a file is lost"
    [ "$(getfattr -n user.kind --only-values out/deep 2>/dev/null)" = dir ] || bad "an extended attribute of a directory is lost"
fi

# ---- a second time, over what is there: replaced, not doubled
ok tarn fs copy src daos://./p/c
ok tarn fs diff src daos://./p/c
says 'all alike'
ok tarn fs copy daos://./p/c out
same src out

# ---- some names are taken, one of them by a directory: the others come in all the same
mkdir few && for i in $(seq 1 70); do printf 'new %s' "$i" >"few/f$i"; done
ok tarn fs mkdir daos://./p/c/some
ok tarn fs mkdir daos://./p/c/some/f33
ok tarn fs copy src/zero daos://./p/c/some/f44
fails 4 DER_EXIST 'f33' tarn fs copy few daos://./p/c/some
ok tarn fs ls daos://./p/c/some
[ "$(wc -l <"$WORLD/.out")" -eq 70 ] || bad "files beside a name that is taken are missing"
for i in 32 34 44; do ok tarn fs cat daos://./p/c/some/f$i && says "^new $i"; done
ok tarn fs rm -r daos://./p/c/some

# ---- only what changed
printf 'changed' >src/many/f1
ok tarn fs copy --update src daos://./p/c
says 'copied 1 files'
ok tarn fs diff src daos://./p/c

# ---- differences are found, each by name
rm src/many/f2
printf 'zz' >src/many/f3
chmod 600 src/many/f4
touch src/many/f5
printf '6' >src/many/new
printf 'X' >src/many/f9; touch -r out/many/f9 src/many/f9
ln -snf elsewhere src/link
fails 11 DER_MISMATCH 'differ' tarn fs diff src daos://./p/c
says '^many/f2: only in daos://./p/c'
says '^many/f3: size: 2 and 1'
says '^many/f4: mode: 0600 and 0644'
says '^many/f5: modification time'
says '^many/new: only in src'
says '^many/f9: content differs from byte 0'
says '^link: link to elsewhere and to large'

# ---- a part, one file, into and out of
ok tarn fs copy daos://./p/c/deep part
same src/deep part
ok tarn fs copy src/b4096 daos://./p/c/one
ok tarn fs copy daos://./p/c/one one
same src/b4096 one
ok tarn fs copy daos://./p/c/b4095 part
same src/b4095 part/b4095
ok tarn fs copy src/deep daos://./p/c/new/place/deep
ok tarn fs diff src/deep daos://./p/c/new/place/deep

# ---- from pool to pool, and within one
ok tarn pool create ./q
ok tarn fs copy daos://./p/c/many daos://./q/copy/many
ok tarn fs diff daos://./p/c/many daos://./q/copy/many
says 'all alike'
ok tarn fs copy daos://./p/c/many daos://./p/c/many2
ok tarn fs diff daos://./p/c/many daos://./p/c/many2
says 'all alike'

# ---- what cannot be stored is said, and everything else is copied
mkfifo src/pipe
fails 16 DER_NOTSUPPORTED 'pipe' tarn fs copy src daos://./q/rest
ok tarn fs cat daos://./q/rest/zero
ok tarn fs copy --ignore-unsupported src daos://./q/rest
rm src/pipe

ok tarn check ./p
ok tarn check ./q
finish
