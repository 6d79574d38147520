# Two commands on a fresh machine: `make studio` and `make test`. Each target does its own set-up in .venv.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(or $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c '$(SUPPORTED)' 2>/dev/null && { echo $$p; break; }; done),python3)
BIN := .venv/bin
READY := .venv/.ready
READY_DEV := .venv/.ready-dev
# one picture with everything in motion compiles the renderer's kernels, so that what comes first starts warm
warm = $(BIN)/python -m pipelines edit assets/portraits/mona_lisa.jpg --set yaw_deg=-8 --set jaw_open=0.5 --set blink=0.5 -o .venv/warm.png

.PHONY: studio test lint format bench system browser voices clean

studio: system $(READY)
	$(BIN)/python app.py --open

test: system browser voices $(READY_DEV)
	$(BIN)/python -m pytest -q --ignore=tests/browser -m "not browser" -n 2 --dist loadfile --no-loadscope-reorder
	@# each worker has a studio and a browser of its own; tests that measure what a visitor waits for run alone;
	@# one that fails is run once more, since a crowded machine may stall a browser, and the summary names it
	$(BIN)/python -m pytest -q tests/browser -m browser -n 2 --dist loadfile --no-loadscope-reorder --reruns 1 -r R

lint: $(READY_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(READY_DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: system browser $(READY_DEV)
	$(BIN)/python -m pipelines bench

$(BIN)/python:
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "Python 3.11 to 3.13 is needed. Run: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing. Run: sudo apt-get install -y python3-venv"; exit 1; }

$(READY): requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(warm)
	@touch $@

$(READY_DEV): requirements-dev.txt requirements-train.txt requirements-cluster.txt requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(warm)
	@touch $(READY) $@

# packages.txt lists what OpenCV and MediaPipe load from the system; install what is missing where we may.
system:
	@$(PYTHON) -c 'import ctypes, sys; [ctypes.CDLL(n) for n in ("libGL.so.1", "libglib-2.0.so.0", "libEGL.so.1", "libGLESv2.so.2")] if sys.platform == "linux" else None' 2>/dev/null \
	|| $(call apt_install,$(shell cat packages.txt))

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || $(call apt_install,chromium)

# The tests of typed text and of the trainer's own corpus; they skip where neither can be installed.
voices:
	-@command -v espeak-ng >/dev/null && command -v flite >/dev/null || { $(call apt_install,espeak-ng flite); }

define apt_install
if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) >/dev/null; \
elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) >/dev/null; \
else echo "System packages are missing. Run: sudo apt-get update && sudo apt-get install -y $(1)"; exit 1; fi
endef

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis
