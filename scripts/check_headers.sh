#!/usr/bin/env bash
# Every public header and every room header compiles when it is the only one included, as C; the public ones as C++ too.
set -u
bad=0
for h in $(cd include && find . -name '*.h' | sort); do
    echo "#include <${h#./}>" | cc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c - || { echo "include/$h does not stand alone"; bad=1; }
    if command -v c++ >/dev/null; then
        echo "#include <${h#./}>" | c++ -std=c++17 -D_GNU_SOURCE -Wall -Iinclude -fsyntax-only -x c++ - || { echo "include/$h does not compile as C++"; bad=1; }
    fi
done
for h in src/*/*.h; do
    echo "#include \"${h#src/}\"" | cc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-parameter -Iinclude -Isrc $(pkg-config --cflags fuse3) -fsyntax-only -x c - || { echo "$h does not stand alone"; bad=1; }
done
exit $bad
