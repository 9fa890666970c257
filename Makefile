# Each goal is a thin front of a script in scripts/, which says what it does.
# Variables: PREFIX (where the private environment goes: /opt/pam-tfa), UNDO=1 and PURGE=1 (uninstall), PYTEST (arguments of pytest),
# BENCH (options of the bench, such as --logins 50).
export PREFIX UNDO PURGE

.PHONY: help install uninstall demo test campaign bench lint types format clean

help: ## show this list
	@echo "pam_tfa: a second factor for Linux logins. On a fresh Debian 12 each of these fetches what it needs."
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
	    while IFS='|' read -r goal text; do printf '  make %-12s %s\n' "$$goal" "$$text"; done

install: ## (sudo) install below PREFIX=/opt/pam-tfa, or upgrade in place; changes no PAM file
	@scripts/install.sh

uninstall: ## (sudo) remove it; refuses while a PAM file names it; UNDO=1 takes it out first; PURGE=1 drops records and key
	@scripts/uninstall.sh

demo: ## (sudo) a real sshd, a throw-away user, a login with password and code; the machine stays as it was
	@scripts/demo.sh

test: ## (sudo) every check: lint, types, oldest dependencies, and the tests against a private installation
	@scripts/test.sh $(if $(PYTEST),tests $(PYTEST))

campaign: ## (sudo) the long forms of the tests: races, kills, 100,000 failing system calls, a million steps; an hour
	@scripts/test.sh campaign $(PYTEST)

bench: ## (sudo) what a login costs, in time and memory, beside other modules: tables and plots in build/bench
	@scripts/test.sh bench $(BENCH)

lint: ## ruff, shellcheck, C with warnings as errors, translations
	@scripts/test.sh lint

types: ## mypy --strict
	@scripts/test.sh types

format: ## let ruff rewrite the Python files
	@scripts/test.sh format

clean: ## remove everything that was built here (build/)
	rm -rf build
