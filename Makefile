# Makefile - a short front of CMake.  `make help` lists what there is.
#
# BUILD=dir, JOBS=n, CMAKE_FLAGS="-DTAPER_WITH_PNG=OFF ...", CC=clang, DESTDIR= and PREFIX= for install.

BUILD       ?= build
JOBS        ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
PREFIX      ?= /usr/local
CMAKE_FLAGS ?=
PYTHON      ?= python3
THREADS     ?= 2
BENCH       ?=

CONFIGURE := cmake -S . --log-level=NOTICE
COMPILE   := cmake --build
QUIET     := >/dev/null
CTEST     := ctest --output-on-failure --no-label-summary -j $(JOBS)

CLANG_FORMAT   ?= $(or $(shell command -v clang-format-14 clang-format 2>/dev/null | head -n 1),clang-format)
CLANG_TIDY     ?= $(or $(shell command -v clang-tidy-14 clang-tidy 2>/dev/null | head -n 1),clang-tidy)
FORMATTED       = $(shell find include src tests bench fuzz examples -name '*.[ch]' 2>/dev/null | sort)
VALGRIND_TESTS ?= test_base test_core test_autograd
NEON_TESTS     ?= test_kernels test_kernels_random test_golden_ops
FUZZ_SECONDS   ?= 60

.PHONY: all help demo test bench accuracy check check-format check-layers check-warnings check-tidy sanitize tsan neon mpi \
        valgrind fuzz install clean format golden docs python
.DEFAULT_GOAL := all
MAKEFLAGS += --no-print-directory

all: ## build the library, the program, the examples and the tests
	@tools/setup demo
	@$(CONFIGURE) -B $(BUILD) $(CMAKE_FLAGS) $(QUIET)
	@$(COMPILE) $(BUILD) -j $(JOBS)

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: ## install what is needed, build, train LeNet-5 on MNIST, say where to look
	@tools/setup demo
	@BUILD=$(BUILD) JOBS=$(JOBS) CMAKE_FLAGS="$(CMAKE_FLAGS)" examples/demo.sh

test: ## build and run every test
	@tools/setup test
	@$(CONFIGURE) -B $(BUILD) -DTAPER_TESTS=ON $(CMAKE_FLAGS) $(QUIET)
	@$(COMPILE) $(BUILD) -j $(JOBS)
	@$(CTEST) --test-dir $(BUILD)

bench: ## time Taper beside PyTorch and others, in turns (THREADS=2, BENCH_PYTHON=, BENCH="--only conv")
	@tools/setup bench
	@$(CONFIGURE) -B $(BUILD) $(CMAKE_FLAGS) $(QUIET)
	@$(COMPILE) $(BUILD) -j $(JOBS) --target bench taper $(QUIET)
	@python=$$(tools/bench-python) || exit 1; \
	if [ -n "$$python" ]; then BUILD=$(BUILD) THREADS=$(THREADS) $$python bench/run.py $(BENCH); \
	else OMP_NUM_THREADS=$(THREADS) $(BUILD)/bench/all; fi

accuracy: ## every f32 function on all 2^32 arguments, on every instruction set (an hour or more)
	@$(CONFIGURE) -B $(BUILD) $(CMAKE_FLAGS) $(QUIET)
	@$(COMPILE) $(BUILD) -j $(JOBS) --target accuracy $(QUIET)
	@$(BUILD)/tests/accuracy

# ---- check: format, layers, warnings, tidy ---------------------------------------------------------------------------

check: ## format, layers, warnings as errors under gcc and clang, clang-tidy
	@tools/setup check
	@$(MAKE) check-format check-layers
	@$(MAKE) check-warnings
	@$(MAKE) -j $(JOBS) -O check-tidy
	@echo "check: all well"

# Each major version of clang-format breaks lines its own way; 14 is the one that counts.
check-format:
	@if $(CLANG_FORMAT) --version | grep -q 'version 14\.'; then \
	    $(CLANG_FORMAT) --dry-run --Werror $(FORMATTED) || { echo "run: make format"; exit 1; }; \
	else \
	    echo "check-format: left out, it needs clang-format 14"; \
	fi

check-layers:
	@tools/layers

check-warnings:
	@for cc in gcc clang; do \
	    command -v $$cc >/dev/null || continue; \
	    echo "== warnings: $$cc"; \
	    $(CONFIGURE) -B build-check-$$cc -DCMAKE_C_COMPILER=$$cc -DTAPER_WERROR=ON -DTAPER_TESTS=ON $(CMAKE_FLAGS) $(QUIET) && \
	    $(COMPILE) build-check-$$cc -j $(JOBS) $(QUIET) && \
	    $(COMPILE) build-check-$$cc -j $(JOBS) --target bench $(QUIET) || exit 1; \
	done

# A stamp a file: only what changed since is looked at again.
TIDY_BASE  = $(firstword $(wildcard build-check-clang build-check-gcc))
TIDY_FILES = $(shell find src examples -name '*.c' 2>/dev/null | sort)
TIDY_HEADS = $(shell find include src -name '*.h' -o -name '*.def' 2>/dev/null) .clang-tidy

check-tidy: $(TIDY_FILES:%=build-check-tidy/%.ok)

build-check-tidy/%.ok: % $(TIDY_HEADS)
	@if ! grep -qF '/$<"' $(TIDY_BASE)/compile_commands.json; then exit 0; fi; \
	echo "tidy $<"; mkdir -p $(@D); \
	$(CLANG_TIDY) --quiet --warnings-as-errors='*' -p $(TIDY_BASE) $< 2>$@.err || { cat $@.err; exit 1; }; \
	rm -f $@.err; touch $@

# ---- the suite under watch -------------------------------------------------------------------------------------------

# Not with detect_stack_use_after_return: gcc 12's fake stack frames do not keep the 64-byte alignment of vectors.
sanitize: ## the whole suite under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/setup test
	@$(CONFIGURE) -B build-sanitize -DTAPER_TESTS=ON -DTAPER_SANITIZE=address,undefined $(CMAKE_FLAGS) $(QUIET)
	@$(COMPILE) build-sanitize -j $(JOBS)
	@TAPER_CACHE=0 ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=0 \
	    UBSAN_OPTIONS=print_stacktrace=1 $(CTEST) --test-dir build-sanitize

# The tests of checkpoints kill forked children, which train: die_after_fork=0.
tsan: ## the whole suite under ThreadSanitizer (clang)
	@tools/setup tsan
	@$(CONFIGURE) -B build-tsan -DCMAKE_C_COMPILER=clang -DTAPER_TESTS=ON -DTAPER_SANITIZE=thread $(CMAKE_FLAGS) $(QUIET)
	@$(COMPILE) build-tsan -j $(JOBS)
	@TAPER_CACHE=0 TSAN_OPTIONS="ignore_noninstrumented_modules=1 halt_on_error=1 die_after_fork=0" \
	    $(CTEST) --test-dir build-tsan

# Debian: dpkg --add-architecture arm64, then gcc-aarch64-linux-gnu, qemu-user and libcmocka-dev:arm64 (tools/setup does it).
neon: ## the tests of the kernels on 64-bit ARM: cross compiler and qemu
	@tools/setup neon
	@PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig $(CONFIGURE) -B build-neon -DCMAKE_SYSTEM_NAME=Linux \
	    -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DTAPER_TESTS=ON $(CMAKE_FLAGS) $(QUIET)
	@$(COMPILE) build-neon -j $(JOBS) --target $(NEON_TESTS)
	@for t in $(NEON_TESTS); do echo "== $$t"; TAPER_ACCURACY_STEP=1000003 qemu-aarch64 -L /usr/aarch64-linux-gnu build-neon/tests/$$t || exit 1; done

# valgrind 3.19 does not know AVX-512.
valgrind: ## the memory core under valgrind
	@tools/setup valgrind
	@$(CONFIGURE) -B build-valgrind -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTAPER_TESTS=ON $(CMAKE_FLAGS) $(QUIET)
	@$(COMPILE) build-valgrind -j $(JOBS) --target $(VALGRIND_TESTS)
	@for t in $(VALGRIND_TESTS); do \
	    echo "== $$t"; \
	    TAPER_CACHE=0 TAPER_ISA=avx2 OMP_NUM_THREADS=1 valgrind -q --error-exitcode=1 --leak-check=full \
	        --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
	        build-valgrind/tests/$$t || exit 1; \
	done

mpi: ## several processes: a build with MPI, and what they learn beside one
	@tools/setup mpi
	@$(CONFIGURE) -B build-mpi -DTAPER_WITH_MPI=ON -DTAPER_TESTS=ON $(CMAKE_FLAGS) $(QUIET)
	@$(COMPILE) build-mpi -j $(JOBS) --target taper_program example_several_processes $(QUIET)
	@tests/mpi/run build-mpi

fuzz: ## every fuzzer for FUZZ_SECONDS, from fuzz/corpus/NAME
	@tools/setup fuzz
	@$(CONFIGURE) -B build-fuzz -DCMAKE_C_COMPILER=clang -DTAPER_FUZZ=ON -DTAPER_SANITIZE=address,undefined \
	    -DTAPER_TESTS=OFF $(CMAKE_FLAGS) $(QUIET)
	@$(COMPILE) build-fuzz -j $(JOBS) --target fuzz
	@for f in fuzz/*.c; do \
	    [ -e "$$f" ] || break; f=$$(basename $$f .c); echo "== $$f"; mkdir -p build-fuzz/corpus/$$f; \
	    seeds=; [ -d fuzz/corpus/$$f ] && seeds=fuzz/corpus/$$f; \
	    TAPER_CACHE=0 build-fuzz/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
	        -artifact_prefix=build-fuzz/$$f- build-fuzz/corpus/$$f $$seeds || exit 1; \
	done

.PHONY: pages
pages: ## reports as Chromium shows them, light and dark and on a phone: build/screenshots
	@tools/setup demo
	@$(CONFIGURE) -B $(BUILD) $(CMAKE_FLAGS) $(QUIET)
	@$(COMPILE) $(BUILD) -j $(JOBS) --target taper_program $(QUIET)
	@tests/page/screenshots $(BUILD)/taper $(BUILD)/screenshots

# ---- the rest --------------------------------------------------------------------------------------------------------

install: ## install under PREFIX (/usr/local), below DESTDIR
	@tools/setup demo
	@$(CONFIGURE) -B $(BUILD) -DCMAKE_INSTALL_PREFIX=$(PREFIX) $(CMAKE_FLAGS) $(QUIET)
	@$(COMPILE) $(BUILD) -j $(JOBS)
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD)

format: ## clang-format over every .c and .h
	@tools/setup check
	@$(CLANG_FORMAT) -i $(FORMATTED)

golden: ## make tests/golden again (needs Python with PyTorch; the tests do not)
	@for g in tools/golden/*.py; do [ -e "$$g" ] || break; echo "== $$g"; $(PYTHON) $$g || exit 1; done

docs: ## ops.md, accuracy.md and models.md from their tables; the headers as pages (Doxygen)
	@tools/setup docs
	@$(CONFIGURE) -B $(BUILD) $(CMAKE_FLAGS) $(QUIET)
	@$(COMPILE) $(BUILD) -j $(JOBS) --target taper_program --target accuracy $(QUIET)
	@$(BUILD)/taper op --list --markdown > docs/ops.md
	@$(BUILD)/tests/accuracy --markdown > docs/accuracy.md
	@tools/models-page $(BUILD)/taper > docs/models.md
	@mkdir -p $(BUILD)/docs && { cat docs/Doxyfile; echo "OUTPUT_DIRECTORY = $(BUILD)/docs"; } | doxygen -
	@echo "see $(BUILD)/docs/html/index.html"

python: ## make the Python package's tables and type hints again, from the headers and the library
	@tools/setup demo
	@$(CONFIGURE) -B $(BUILD) $(CMAKE_FLAGS) $(QUIET)
	@$(COMPILE) $(BUILD) -j $(JOBS) --target taper $(QUIET)
	@$(PYTHON) -B bindings/python/tools/abi.py
	@TAPER_LIBRARY=$(abspath $(BUILD))/libtaper.so $(PYTHON) -B bindings/python/tools/stubs.py

clean: ## take away everything that was built
	@rm -rf $(BUILD) build build-*
