# SPDX-License-Identifier: Apache-2.0
# The front door. CMake does the work; these are the commands that one needs.
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
ONLY ?=
TASK ?= place
MINUTES ?=
TIER ?=
OUT ?= out/$(TASK)

.PHONY: help setup build demo test mutants bench fuzz docs oracle train-demo format install package clean
.NOTPARALLEL:

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

setup: ## install the packages that are missing (Debian, Ubuntu)
	@sh scripts/setup.sh

build: setup ## the library and the command, in build/release
	@mkdir -p build
	@cmake --preset release >build/release.log 2>&1 || { cat build/release.log; exit 1; }
	@cmake --build build/release --target pi0 pi0_shared pi0_static \
	    pi0_client_shared pi0_client_static

demo: build ## a small policy at work: a plan, how often it succeeds, a page to watch it
	@sh scripts/demo.sh

test: ## all tests, a line per tier; TIER=unit (or more, "unit asan") runs those: scripts/test.sh
	@sh scripts/setup.sh tests
	@sh scripts/test.sh $(TIER)

mutants: ## break one thing at a time in a copy: a test must fail for each; ONLY=NAME
	@sh scripts/setup.sh tests
	@sh scripts/mutants.sh $(ONLY)

bench: build ## a checkpoint of the true size (6.5 GB, once), timed
	@mkdir -p build/bench
	@[ -f build/bench/pi0/model.safetensors ] || build/release/pi0 synth --size pi0 build/bench/pi0
	@build/release/pi0 bench --model build/bench/pi0
	@build/release/pi0 bench --model build/bench/pi0 --gemm --reps 3

fuzz: setup ## each fuzz target for FUZZ_SECONDS=60
	@sh scripts/fuzz.sh $(FUZZ_SECONDS)

docs: ## the reference of the public API, by Doxygen: build/docs/html
	@sh scripts/reference.sh

oracle: ## LeRobot's own code (5 GB of Python packages) makes its golden data again
	@sh tools/oracle/python.sh oracle.golden

train-demo: ## a policy for the demo's table: TASK=place (or reach) MINUTES= OUT=out/TASK
	@sh tools/oracle/python.sh train_demo.train $(OUT) --task $(TASK) \
	    $(if $(MINUTES),--minutes $(MINUTES))

format: ## clang-format over the sources
	@find include src demo tools examples tests bench \( -name '*.[ch]' -o -name '*.cc' -o -name '*.hpp' \) 2>/dev/null \
	    | xargs clang-format -i

install: build ## into PREFIX=/usr/local
	@cmake --install build/release --prefix "$(PREFIX)"

package: ## Debian packages and a tar.gz that runs anywhere, in build/package
	@sh scripts/setup.sh package
	@sh scripts/package.sh

clean: ## remove build/
	@rm -rf build
