# Needs make and Python 3.11 or later; everything else is fetched, or named if it cannot be.
.DEFAULT_GOAL := help
.PHONY: help kaftalk up down restart status logs environment test-environment lint fmt test-fast test test-web e2e bench images images-offline compose-test fresh-machine k8s-test test-all

PYTHON := .venv/bin/python
comma := ,
CODE := packages services tests bench
DOCKER ?= docker
IMAGES := rooms gateway delivery media dnd-batch lambda-host tools web
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' services/gateway/pyproject.toml)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: environment ## Start Kaftalk at http://127.0.0.1:8000 (KAFTALK_PORT, KAFTALK_BIND)
	@$(PYTHON) -m kaftalk_testing.local up

down: environment ## Stop what `make up` started
	@$(PYTHON) -m kaftalk_testing.local down

restart: down up ## Stop and start, to run changed code

status: environment ## Show what runs
	@$(PYTHON) -m kaftalk_testing.local status

logs: ## Follow all logs, or those of one program: make logs S=gateway-1
	@tail -n 50 -F $(if $(S),.kaftalk/logs/$(S).log,.kaftalk/logs/*.log)

kaftalk: environment ## Run the operator's command beside `make up`: make kaftalk ARGS="doctor"
	@$(PYTHON) -m kaftalk_testing.local kaftalk $(ARGS)

environment:
	@deploy/local/environment.sh --all-packages --no-dev

test-environment:
	@deploy/local/environment.sh --all-packages
	@$(PYTHON) -m kaftalk_testing.tools
	@$(PYTHON) -c 'from kaftalk_testing.versitygw import versitygw_binary; versitygw_binary()'

lint: test-environment ## Check style, types and the borders between packages
	@.venv/bin/ruff format --check $(CODE)
	@.venv/bin/ruff check $(CODE)
	@.venv/bin/mypy $(CODE)
	@.venv/bin/lint-imports
	@$(PYTHON) -m kaftalk_testing.web_build lint typecheck

fmt: test-environment ## Format the code
	@.venv/bin/ruff check --fix-only --quiet $(CODE)
	@.venv/bin/ruff format $(CODE)
	@$(PYTHON) -m kaftalk_testing.web_build format

test-fast: lint ## Lint, unit tests and the fast integration tests (about 2 minutes)
	@$(PYTHON) -m kaftalk_testing.web_build test
	@.venv/bin/pytest -q -m "not slow" tests/unit tests/integration

test: lint ## Run every test; KAFTALK_PYTEST adds options
	@$(PYTHON) -m kaftalk_testing.web_build test build
	@.venv/bin/pytest $(KAFTALK_PYTEST)

e2e: test-environment ## Run the tests in a real browser
	@$(PYTHON) -m kaftalk_testing.web_build build
	@.venv/bin/pytest tests/e2e

bench: test-environment ## Measure, and print the tables of docs/benchmarks.md
	@$(PYTHON) -m bench.run $(subst $(comma), ,$(ONLY))

images: $(IMAGES:%=image-%) ## Build the container images kaftalk/<service>:<version> (DOCKER, BUILD_OPTIONS)

image-%:
	@DOCKER="$(DOCKER)" tools/docker-build $(BUILD_OPTIONS) --tag kaftalk/$*:$(VERSION) --build-arg VERSION=$(VERSION) \
	  --build-arg COMMIT=$$(git rev-parse HEAD) --build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
	  --build-arg SERVICE=$* $(if $(filter tools,$*),--build-arg PACKAGE=kaftalk-cli --build-arg PROGRAM=kaftalk) --file deploy/docker/$(if $(filter web,$*),web,service).Dockerfile .

compose-test: test-environment ## Test compose.yaml with the images (needs dockerd; about 10 minutes)
	@KAFTALK_COMPOSE_TEST=1 .venv/bin/pytest -v -s tests/compose

k8s-test: test-environment ## Test deploy/k8s on the cluster that KUBECONFIG names, with the images (about 10 minutes)
	@KAFTALK_K8S_TEST=1 .venv/bin/pytest -v -s tests/k8s

test-all: test k8s-test compose-test fresh-machine ## Run every test there is; needs a cluster, dockerd and root

fresh-machine: ## Run the README's commands on a machine with nothing but Python, make and git (needs root)
	@tools/fresh-machine

images-offline: test-environment ## Make stand-ins for the base images first, where no registry is reachable
	@DOCKER="$(DOCKER)" tools/stand-in-images
