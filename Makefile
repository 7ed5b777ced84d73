# The front door: `make help` says what there is. Everything it makes lies in build/.
#
#   build/swm       the program: gcc -O2, link-time optimisation, hardened; its symbols in build/swm.debug
#   build/release   its objects; build/sim is linked from them without link-time optimisation
#   build/san       gcc with ASan and UBSan: unit, table, contract, torture and a checked swm
#   build/next      the program as a later version may be: it writes what this one does not know
#   build/clang     a second compiler's warnings, and plain objects for the purity check
#   build/lambda    the program for AWS Lambda, linked with no library of the system, for both
#                   architectures, and the libraries it is made of
#   build/fuzz      clang with libFuzzer, ASan and UBSan, one program for each test/fuzz/NAME.c
#
# Sources are found by wildcard: a new file needs no line here.

ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := help

CC := gcc
CLANG := clang
PREFIX := /usr/local
PYTHON := $(firstword $(wildcard build/test-venv/bin/python) python3)

# --- what there is -------------------------------------------------------------------------------

SRC := $(wildcard src/*/*.c)
MAIN := $(filter src/app/main.c,$(SRC))
LIB := $(filter-out src/app/main.c,$(SRC))
ASSETS := $(wildcard src/api/assets/* examples/*.yaml)
WEB := $(wildcard web/*.* web/src/*.* web/src/*/*.* web/src/*/*/*.*)
GENERATED := build/assets.c build/version.c build/template_schema.c
TESTS_C := $(wildcard test/*.c test/*/*.c)
FUZZERS := $(patsubst test/fuzz/%.c,%,$(wildcard test/fuzz/*.c))

objects = $(addprefix $(1)/,$(patsubst %.c,%.o,$(2)))
# The objects of one test program: those of its folder and those all tests share.
test_objects = $(call objects,$(1),$(wildcard test/$(2)/*.c test/*.c))
# The program made from a test folder, or nothing where the folder has no sources.
program_of = $(if $(wildcard test/$(2)/*.c),$(1)/$(2))

PROGRAM := $(if $(MAIN),build/swm)
CHECKED := $(if $(MAIN),build/san/swm)
UNIT := $(call program_of,build/san,unit)
TABLE := $(call program_of,build/san,table)
CONTRACT := $(call program_of,build/san,contract)
SIM := $(call program_of,build,sim)
NEXT := build/next/swm
FUZZ := $(FUZZERS:%=build/fuzz/%)

# --- how it is compiled --------------------------------------------------------------------------

PACKAGES := yyjson libfyaml libmicrohttpd libcurl sqlite3 libmongoc-1.0 libcrypto
# Asked for once, and only when something is compiled.
PACKAGE_CFLAGS = $(eval PACKAGE_CFLAGS := $$(shell pkg-config --cflags $(PACKAGES) | sed "s/-I/-isystem /g"))$(PACKAGE_CFLAGS)
PACKAGE_LIBS = $(eval PACKAGE_LIBS := $$(shell pkg-config --libs $(PACKAGES)))$(PACKAGE_LIBS)

# assert(!"what went wrong") is how a bug is named, so that one of clang's conversions is allowed.
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wvla -Wmissing-prototypes -Wno-string-conversion \
	-Werror
LANGUAGE := -std=c17 -D_GNU_SOURCE= -Isrc -Itest -I. $(WARNINGS) -g -pthread -MMD -MP
COMMON = $(LANGUAGE) $(PACKAGE_CFLAGS)
LIBS = $(PACKAGE_LIBS) -pthread -lm

# Assertions are part of the program: NDEBUG is never defined.
HARDENED := -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE \
	-ffunction-sections -fdata-sections
RELEASE := $(HARDENED) -flto=auto -ffat-lto-objects
RELEASE_LINK := -pie -Wl,--gc-sections -Wl,--as-needed -Wl,-z,relro,-z,now
SANITIZE := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZING := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

build/release/%.o: %.c
	@mkdir -p $(@D)
	$(call told,cc,$(CC) $(COMMON) $(RELEASE) -c $< -o $@)

build/san/%.o: %.c
	@mkdir -p $(@D)
	$(call told,cc san,$(CC) $(COMMON) $(SANITIZE) -c $< -o $@)

build/clang/%.o: %.c
	@mkdir -p $(@D)
	$(call told,clang,$(CLANG) $(COMMON) -O1 -fno-pic -c $< -o $@)

build/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call told,cc fuzz,$(CLANG) $(COMMON) $(FUZZING) -fsanitize=fuzzer-no-link -c $< -o $@)

# One word and the target, or with V=1 the whole command.
told = $(if $(V),,@printf '%-8s %s\n' '$(1)' '$@';) $(2)

-include $(shell find build/release build/san build/next build/clang build/fuzz/obj build/lambda/*/obj \
	-name '*.d' 2>/dev/null)

# --- generated sources ---------------------------------------------------------------------------

.PHONY: force
# Writes standard input to the target when that changes it, so that nothing is compiled in vain.
update = mkdir -p build; cat > $@.new; if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# The page: bundled into build/web, and embedded from there.
build/web-node/ready: web/package.json web/package-lock.json
	@rm -rf $(@D); mkdir -p $(@D); cp $^ $(@D)
	$(call told,npm,cd $(@D) && npm ci --silent --no-audit --no-fund --ignore-scripts </dev/null)
	@ln -sfn ../$(@D)/node_modules web/node_modules; touch $@

build/web/index.html: $(WEB) build/web-node/ready build/names
	$(call told,bundle,node web/build.mjs $(@D))

build/assets.c: tools/embed.sh $(ASSETS) build/web/index.html
	@tools/embed.sh $(ASSETS) $$(find build/web -type f ! -name '*.gz' | sort) > $@.new; mv $@.new $@

# The schema of templates has its one source in docs/; core hands out the same bytes.
build/template_schema.c: docs/template.schema.json
	@mkdir -p build; { echo '#include "core/template.h"'; echo 'static const char text[] = {'; \
	od -An -v -tx1 $< | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'; echo '};'; \
	echo 'struct slice template_schema_json(void)'; \
	echo '{ return (struct slice){text, sizeof(text)}; }'; } > $@.new; mv $@.new $@

build/version.c: force
	@version=$$(git describe --always --dirty 2>/dev/null || echo 0.1.0); { \
	echo '#include "base/version.h"'; \
	echo "const char version_text[] = \"$$version\";"; } | { $(update); }

# The names of all files that go in: a program is linked again when one comes or goes.
build/names: force
	@printf '%s\n' $(SRC) $(TESTS_C) $(ASSETS) $(WEB) | { $(update); }

# --- programs ------------------------------------------------------------------------------------

define archive_rule
$(1)/libswm.a: $(call objects,$(1),$(LIB) $(GENERATED)) build/names
	@rm -f $$@; ar rcs $$@ $$(filter %.o,$$^)
endef
$(foreach tree,build/release build/san build/fuzz/obj,$(eval $(call archive_rule,$(tree))))

build/swm: $(call objects,build/release,$(SRC) $(GENERATED)) build/names
	$(call told,link,$(CC) $(RELEASE) -g $(RELEASE_LINK) $(filter %.o,$^) $(LIBS) -o $@.whole)
	@objcopy --only-keep-debug $@.whole $@.debug
	@objcopy --strip-debug --add-gnu-debuglink=$@.debug $@.whole $@.new
	@rm $@.whole; mv $@.new $@

build/san/swm: $(call objects,build/san,$(MAIN)) build/san/libswm.a
	$(call told,link,$(CC) $(SANITIZE) -g $^ $(LIBS) -o $@)

define test_rule
build/san/$(1): $(call test_objects,build/san,$(1)) build/san/libswm.a
	$$(call told,link,$$(CC) $$(SANITIZE) -g $$^ $$(LIBS) -o $$@)
endef
$(foreach name,unit table contract torture,$(eval $(call test_rule,$(name))))

# Of all that goes in, only what writes and reads the format of records is not the same.
NEXT_SRC := src/core/record.c src/core/state.c
build/next/%.o: %.c
	@mkdir -p $(@D)
	$(call told,cc next,$(CC) $(COMMON) $(HARDENED) -DRECORD_FORMAT=2 -c $< -o $@)

build/next/swm: $(call objects,build/next,$(NEXT_SRC)) $(call objects,build/release,$(MAIN)) \
		build/release/libswm.a
	$(call told,link,$(CC) -O2 -g -fno-lto $(RELEASE_LINK) $^ $(LIBS) -o $@)

build/sim: $(call test_objects,build/release,sim) build/release/libswm.a
	$(call told,link,$(CC) -O2 -g -fno-lto $(RELEASE_LINK) $^ $(LIBS) -o $@)

$(FUZZ): build/fuzz/%: build/fuzz/obj/test/fuzz/%.o \
		$(call objects,build/fuzz/obj,$(wildcard test/*.c)) build/fuzz/obj/libswm.a
	$(call told,link,$(CLANG) $(FUZZING) -fsanitize=fuzzer -g $^ $(LIBS) -o $@)

# --- the program for AWS Lambda ------------------------------------------------------------------

# Each architecture has its compiler and a folder with all headers and libraries that go in.
# Without link-time optimisation: it makes this one larger.
LAMBDA_LINK := -static-pie -Wl,--gc-sections -Wl,-z,relro,-z,now
LAMBDA_LINK_x86_64 := -Wl,-z,pack-relative-relocs # the other linker can't
LAMBDA_LIBS := -lfyaml -lyyjson -lmicrohttpd -lcurl -lsqlite3 -lmongoc-static-1.0 \
	-lbson-static-1.0 -lssl -lcrypto -lresolv -lm

build/lambda/debian/ready: tools/lambda-fetch.sh
	@tools/lambda-fetch.sh

# The compiler's own folders come after these, or the system's libraries would go in.
lambda_root = --sysroot=build/lambda/$(1)/root -Bbuild/lambda/$(1)/root/usr/lib/$(1)-linux-gnu/ \
	-Lbuild/lambda/$(1)/root/usr/lib -Lbuild/lambda/$(1)/root/usr/lib/$(1)-linux-gnu
# The linker warns of names that are looked up by modules of the same libc: see standalone.c.
lambda_quiet = 2>&1 | { grep -v -e 'statically linked applications' -e ': in function `' >&2 || true; }

# For each architecture: its name, the package.
define lambda_rules
build/lambda/$(1)/root/ready: tools/lambda-libs.sh build/lambda/debian/ready
	$$(call told,libs,tools/lambda-libs.sh $(1))

build/lambda/$(1)/obj/%.o: %.c build/lambda/$(1)/root/ready
	@mkdir -p $$(@D)
	$$(call told,cc,$(1)-linux-gnu-gcc --sysroot=build/lambda/$(1)/root \
		$$(LANGUAGE) $$(HARDENED) -c $$< -o $$@)

build/lambda/$(1)/bootstrap: $$(call objects,build/lambda/$(1)/obj,$$(SRC) $$(GENERATED)) build/names
	$$(call told,link,$(1)-linux-gnu-gcc $$(call lambda_root,$(1)) $$(LAMBDA_LINK) \
		$$(LAMBDA_LINK_$(1)) $$(filter %.o,$$^) $$(LAMBDA_LIBS) -o $$@.debug $$(lambda_quiet))
	@$(1)-linux-gnu-strip -o $$@ $$@.debug

# The same program makes the same bytes: its time is fixed while it is packed. Afterwards both are new
# again, or the next make would link and pack once more.
$(2): build/lambda/$(1)/bootstrap
	@rm -f $$@; touch -d 2000-01-01T00:00:00Z $$<
	$$(call told,zip,TZ=UTC 7z a -bso0 -bsp0 -tzip -mx=9 -mtc=off $$@ ./$$<)
	@touch $$< $$@
endef
$(eval $(call lambda_rules,x86_64,build/lambda.zip))
$(eval $(call lambda_rules,aarch64,build/lambda-arm64.zip))

# --- targets -------------------------------------------------------------------------------------

CLANG_TREE := $(call objects,build/clang,$(SRC) $(GENERATED) $(TESTS_C))
# Files that begin with _ are parts of the others; $(2) is left out.
scripts = $(foreach f,$(filter-out test/$(1)/_% $(2),$(wildcard test/$(1)/*.py)),"$(PYTHON) $(f)") \
	$(foreach f,$(filter-out test/$(1)/_%,$(wildcard test/$(1)/*.mjs)),"node $(f)")
STYLE_RUN := "$(PYTHON) tools/style.py"
WEB_UNIT_RUN := "node web/unit/run.mjs"
CHECK_RUNS = $(STYLE_RUN) $(WEB_UNIT_RUN) $(UNIT) $(TABLE) $(TABLE:%="% --cluster") $(CONTRACT) \
	$(FUZZERS:%="tools/fuzz.sh replay %") \
	$(patsubst "%,"SWM_PROGRAM=$(CHECKED) %,$(call scripts,wire))
CHECK_NEEDS = $(CLANG_TREE) $(UNIT) $(TABLE) $(CONTRACT) $(FUZZ) $(PROGRAM) $(CHECKED)
# What needs servers that only `make test` installs.
TABLE_RUN := $(if $(TABLE),"$(PYTHON) test/table/mongo.py")
SIM_SECONDS := 120
SIM_RUN := $(if $(SIM),"$(SIM) --seconds $(SIM_SECONDS)")
MONGO_RUNS = $(call scripts,contract)
KILL := test/e2e/kill.py
MOVE := test/e2e/migrate_store.py
E2E_RUNS = $(call scripts,e2e)
# The simulator keeps one processor busy, the others mostly wait; who is killed has both to himself.
BESIDE_RUNS = $(patsubst "%,"&%,$(SIM_RUN) $(MONGO_RUNS) "$(PYTHON) $(MOVE)") $(TABLE_RUN) \
	$(PACKAGE_RUNS) $(call scripts,e2e,$(KILL) $(MOVE)) wait "$(PYTHON) $(KILL)"
# All of the page's tests over MongoDB, which is one program, beside those over SQLite.
PAGE_RUNS = $(patsubst "$(PYTHON),"&$(PYTHON),$(call scripts,page)) wait
CLUSTER_RUNS = $(call scripts,cluster)
LAMBDA_ZIPS := build/lambda.zip build/lambda-arm64.zip
PACKAGE_RUNS = $(call scripts,package)
LAMBDA_RUNS = $(call scripts,lambda)
FUZZ_SECONDS := 60

.PHONY: help build run test test-after-deps check style format sim torture fuzz bench e2e \
	e2e-after-deps page page-after-deps pictures cluster cluster-after-deps functions \
	functions-after-deps lambda package package-after-deps \
	install clean

help:
	@sed -n 's/^#? //p' Makefile

#? make build      the program: build/swm
build: $(call objects,build/release,$(SRC) $(GENERATED)) $(PROGRAM)

#? make run        installs what is needed, builds, and runs the demo
run:
	@tools/deps.sh build
	@$(MAKE) build
	@build/swm demo $(ARGS)

#? make check      in two to three minutes: style, unit, table, contract and wire tests, fuzz corpora
check: $(CHECK_NEEDS)
	@tools/run-tests.sh $(CHECK_RUNS)

#? make style      the style check alone (a part of check); make format lays the code out
style: $(CLANG_TREE)
	@tools/run-tests.sh $(STYLE_RUN)

format:
	@build/test-venv/bin/clang-format -i $(SRC) $(TESTS_C) $(wildcard src/*/*.h test/*.h test/*/*.h)

#? make test       everything: installs what tests need, then check, sim, package, e2e, page, cluster
#?                 and functions
test:
	@tools/deps.sh test
	@$(MAKE) test-after-deps

test-after-deps: $(CHECK_NEEDS) $(SIM) $(NEXT) $(LAMBDA_ZIPS)
	@tools/run-tests.sh $(CHECK_RUNS) $(BESIDE_RUNS) $(PAGE_RUNS) $(CLUSTER_RUNS) $(LAMBDA_RUNS)

#? make sim        the simulator for two minutes; SEED=n runs one seed and tells all, SEEDS=n runs n
sim: build/sim
	@build/sim $(if $(SEED),--seed $(SEED) --verbose,$(if $(SEEDS),--seeds $(SEEDS),--seconds $(SIM_SECONDS)))

#? make torture    makes the n-th allocation fail, for every n
torture: build/san/torture
	@tools/run-tests.sh build/san/torture

#? make fuzz       each fuzzer for FUZZ_SECONDS=60; NAME=x runs one
fuzz: $(FUZZ)
	@tools/run-tests.sh $(foreach f,$(or $(NAME),$(FUZZERS)),"tools/fuzz.sh run $(f) $(FUZZ_SECONDS)")

#? make e2e        the real program with real clients, kills and moves between stores
e2e:
	@tools/deps.sh test
	@$(MAKE) e2e-after-deps

e2e-after-deps: build
	@tools/run-tests.sh $(E2E_RUNS)

#? make page       the page in a real browser: every view and action
page:
	@tools/deps.sh test
	@$(MAKE) page-after-deps

page-after-deps: build
	@tools/run-tests.sh $(PAGE_RUNS)

#? make pictures   docs/pictures: every view of the page, wide and narrow
pictures: build
	@node tools/pictures.mjs

#? make cluster    three nodes over a real replica set and an SQS server, with every fault
cluster:
	@tools/deps.sh test
	@$(MAKE) cluster-after-deps

cluster-after-deps: build $(NEXT)
	@tools/run-tests.sh $(CLUSTER_RUNS)

#? make functions  the program in AWS Lambda: doubles of AWS, a real database, frozen and killed
functions:
	@tools/deps.sh test
	@$(MAKE) functions-after-deps

functions-after-deps: build
	@tools/run-tests.sh $(LAMBDA_RUNS)

#? make bench      what it costs, measured on this machine
bench: build
	@bench/run.sh

#? make lambda     the packages for AWS Lambda, build/lambda.zip (x86-64) and build/lambda-arm64.zip;
#?                 tells their sizes, and what a cold start takes of the one that runs here
lambda:
	@tools/deps.sh lambda
	@$(MAKE) $(LAMBDA_ZIPS)
	@$(PYTHON) tools/cold_start.py build/lambda.zip=x86_64 build/lambda-arm64.zip=aarch64

#? make package    runs what they hold, each where there is nothing else
package:
	@tools/deps.sh test
	@$(MAKE) package-after-deps

package-after-deps: build $(LAMBDA_ZIPS)
	@tools/run-tests.sh $(PACKAGE_RUNS)

#? make install    to PREFIX=/usr/local (DESTDIR is respected)
install: build
	install -D -m 755 build/swm $(DESTDIR)$(PREFIX)/bin/swm

#? make clean      removes build/
clean:
	rm -rf build
