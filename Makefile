# Thin front of meson and ninja. `make help` lists what there is.
BUILD   ?= build
ASAN    ?= build-asan
TSAN    ?= build-tsan
FUZZ    ?= build-fuzz
MUTANTS ?= build-mutants
COVER   ?= build-coverage
SEEDS   ?= 1000
FIRST   ?= 1
MUTANT_SEEDS ?= 500
PREFIX  ?= /usr/local
DIR     ?= /usr/include
POOL    ?= ./tarn-pool
JOBS    ?= $(shell nproc)
TARGET  ?= all
SECONDS ?= 30
TYPE    ?= debugoptimized

.PHONY: help all deps bench-deps build run check check-long bench sim sim-mutants fuzz coverage asan tsan tsan-build fmt fmt-check tidy install clean

all: build ## build everything (default)

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

deps: ## install what is missing with apt-get (says what)
	@scripts/deps.sh

$(BUILD)/build.ninja: | deps
	@meson setup $(BUILD) . --buildtype=$(TYPE) --prefix=$(abspath $(PREFIX)) --libdir=lib >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }

$(ASAN)/build.ninja: | deps
	@meson setup $(ASAN) . --buildtype=debug -Doptimization=1 -Db_sanitize=address,undefined >$(ASAN).log 2>&1 || { cat $(ASAN).log; exit 1; }

$(TSAN)/build.ninja: | deps
	@meson setup $(TSAN) . --buildtype=debug -Doptimization=1 -Db_sanitize=thread >$(TSAN).log 2>&1 || { cat $(TSAN).log; exit 1; }

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD) -n 2>/dev/null | grep -q 'no work to do' || echo "building in $(BUILD)/ (the first time takes a minute or more) ..."
	@ninja -C $(BUILD) -j $(JOBS) --quiet

run: build ## the main job: a directory goes into a pool and comes back (DIR=, POOL=)
	@scripts/run-demo.sh $(BUILD) "$(POOL)" "$(DIR)"

check: ## build and pass every test, plain and under ASan+UBSan; ends with "N passed, N failed"
	@scripts/check.sh $(BUILD) $(ASAN) $(JOBS)

check-long: ## the slow tests: many seeds, a million files, larger models, threads under TSan
	@TARN_CHECK_LONG=1 scripts/check.sh $(BUILD) $(ASAN) $(JOBS) $(TSAN)

# Without its peers store_bench measures Tarn alone, and says so. A build folder from before they were installed looks again.
bench-deps: | $(BUILD)/build.ninja
	@scripts/deps.sh bench || echo "going on without them"
	@grep -q DBENCH_LMDB $(BUILD)/build.ninja && grep -q DBENCH_ROCKSDB $(BUILD)/build.ninja || \
	meson setup --reconfigure $(BUILD) . >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }

bench: bench-deps ## benchmarks, each a ratio against a named peer in the same run (installs liblmdb-dev and librocksdb-dev)
	@$(MAKE) --no-print-directory build
	@scripts/bench.sh $(BUILD)

sim: build ## seeds of the simulated cluster (SEEDS= and JOBS=, FIRST= the first, default 1; see docs/simulation.md)
	@$(BUILD)/tests/sim/tarn-sim --seed $(FIRST) --seeds $(SEEDS) --jobs $(JOBS) --keep-going

fuzz: ## fuzz the decoders with libFuzzer (needs clang): TARGET=wal SECONDS=60, default all for 30 s each
	@scripts/fuzz.sh $(FUZZ) $(JOBS) "$(TARGET)" $(SECONDS)
$(COVER)/build.ninja: | deps
	@meson setup $(COVER) . --buildtype=debug -Doptimization=1 -Db_coverage=true --libdir=lib >$(COVER).log 2>&1 || { cat $(COVER).log; exit 1; }

coverage: $(COVER)/build.ninja ## lines that unit tests and simulation run, by room (needs gcovr)
	@ninja -C $(COVER) -j $(JOBS) --quiet
	@scripts/coverage.sh $(COVER) $(JOBS)

$(MUTANTS)/build.ninja: | deps
	@meson setup $(MUTANTS) . --buildtype=$(TYPE) --libdir=lib -Dmutants=true >$(MUTANTS).log 2>&1 || { cat $(MUTANTS).log; exit 1; }

sim-mutants: $(MUTANTS)/build.ninja ## does the simulation find each planted defect? (MUTANT_SEEDS= each)
	@ninja -C $(MUTANTS) -j $(JOBS) --quiet
	@scripts/sim-mutants.sh $(MUTANTS) $(MUTANT_SEEDS)

asan: $(ASAN)/build.ninja ## build the sanitizer tree
	@ninja -C $(ASAN) -j $(JOBS) --quiet

tsan-build: $(TSAN)/build.ninja
	@ninja -C $(TSAN) -j $(JOBS) --quiet

tsan: tsan-build ## the tests with real threads under ThreadSanitizer
	@scripts/tsan.sh $(TSAN) $(JOBS)

fmt: ## format every source file
	@git ls-files '*.c' '*.h' | xargs clang-format -i

fmt-check: ## which files are not formatted
	@git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror 2>&1 | grep -oE '^[^:]+' | sort | uniq -c

tidy: build ## clang-tidy over the sources
	@git ls-files 'src/*.c' | xargs -P $(JOBS) -n 8 clang-tidy -p $(BUILD) --quiet

install: $(BUILD)/build.ninja ## install to PREFIX (DESTDIR honoured)
	@meson configure $(BUILD) --prefix=$(abspath $(PREFIX)) --libdir=lib
	@ninja -C $(BUILD) -j $(JOBS) --quiet >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@meson install -C $(BUILD) --no-rebuild --quiet
	@echo "installed to $(DESTDIR)$(abspath $(PREFIX)): commands in bin, the library in lib, the headers in include"
	@echo "for the shell: export PATH=$(abspath $(PREFIX))/bin:\$$PATH PKG_CONFIG_PATH=$(abspath $(PREFIX))/lib/pkgconfig"

clean: ## remove build folders
	@rm -rf $(foreach d,$(BUILD) $(ASAN) $(TSAN) $(FUZZ) $(MUTANTS) $(COVER),$(d) $(d).log)
