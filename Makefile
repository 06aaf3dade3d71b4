# SPDX-License-Identifier: MIT
# A thin face over the CMake presets: `make run` and `make test` need nothing but this file on a fresh Debian 12 or 13.
.DEFAULT_GOAL := build
.PHONY: build run test quick deps test-deps bench format check-fences clean install

build: deps
	@cmake/build release

# The hub and its plugins alone: a new user waits for nothing else.
run: deps
	@cmake/build release hub
	@build/wshub serve

# Everything: units and integration as released, again under the sanitizers, and the fuzzers.
test: test-deps
	@tests/run

# What to run while working: the release build's tests alone.
quick: test-deps
	@cmake/build release && ctest --preset release --label-exclude page

bench: test-deps
	@cmake/build release && tests/bench/run --build build

deps:
	@cmake/packages build

test-deps: deps
	@cmake/packages test

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

check-fences:
	@tests/fences

install: build
	@cmake --install build

clean:
	@rm -rf build
