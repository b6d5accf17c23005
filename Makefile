# The whole workflow. Needs Python >= 3.12 and make; everything else is set up here.
#   make demo    a real phone call with an agent: no key, no account    make demo KEEP=1   ... and stay up for a softphone
#   make test    set up, lint and run every test                         make bench         capacity and latency, against a bare floor
#   make bench-signalling  calls a second (needs SIPp)                    make bench-echo    the agent's own voice coming back
#   make bench-loss        speech quality over networks that lose packets
#   make matrix  every model in every way it may be used, over real sockets
#   make fuzz    look for input that breaks SIP, session descriptions or media (ARGS="sdp --minutes 60")
#   make conformance  SIPp against the server, case by case (needs sip-tester)        ... ARGS=--prove  shows that each can fail
#   make screens  pictures of the page in a real call (needs chromium and npm)
#   make serve   run the server from mediaserver.toml                    make lint / format / clean

VENV   ?= .venv
BIN    := $(VENV)/bin
PYTHON ?= $(shell for p in python3.13 python3.12 python3 python; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1 && echo "$$p" && break; done)
STAMP  := $(VENV)/.installed
EXTRAS := dev,local,picture,google-speech
ARGS   ?=
export HF_HUB_OFFLINE := 1

.PHONY: setup demo test lint format bench bench-signalling bench-loss bench-echo matrix conformance fuzz screens serve clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@"$(or $(PYTHON),python3)" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null || { \
		echo "This needs Python 3.12 or newer with its venv module; found $$($(or $(PYTHON),python3) --version 2>&1)."; \
		echo "Install one (on Debian and Ubuntu: python3 and python3-venv, where they are new enough), or name yours:"; \
		echo "    make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.13"; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON) (first time: about a gigabyte on disk, mostly speech models)"
	@"$(PYTHON)" -m venv --clear "$(VENV)"
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --progress-bar on -c constraints.txt -e ".[$(EXTRAS)]"
	@touch "$@"

demo: setup
	@"$(BIN)/python" -m mediaserver demo $(if $(KEEP),--keep) $(ARGS)

test: setup lint
	@"$(BIN)/python" -m pytest $(ARGS)

lint: setup
	@"$(BIN)/ruff" check .
	@"$(BIN)/ruff" format --check .
	@"$(BIN)/mypy"
	@"$(BIN)/lint-imports"

format: setup
	@"$(BIN)/ruff" check --fix .
	@"$(BIN)/ruff" format .

bench: setup
	@"$(BIN)/python" -m bench $(ARGS)

bench-echo: setup
	@"$(BIN)/python" -m bench.echo $(ARGS)

bench-signalling: setup
	@"$(BIN)/python" -m bench.signalling $(ARGS)

bench-loss: setup
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[quality]"
	@"$(BIN)/python" -m bench.loss $(ARGS)

matrix: setup
	@"$(BIN)/python" -m matrix $(ARGS)

conformance: setup
	@"$(BIN)/python" -m conformance $(ARGS)

fuzz: setup
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[fuzz]"
	@"$(BIN)/python" -m fuzz $(ARGS)

screens: setup
	@[ -d tests/browser/node_modules/axe-core ] || (cd tests/browser && npm ci --ignore-scripts --silent --no-audit --no-fund)
	@"$(BIN)/python" -m screens $(ARGS)

serve: setup
	@"$(BIN)/python" -m mediaserver serve $(ARGS)

clean:
	rm -rf "$(VENV)" build dist out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
