# What people do with this repository, by name. CI runs `make test` and nothing else.

.PHONY: demo test bench docs page needs-server needs-test

demo: needs-server
	cargo build --release --locked
	target/release/pgdossier demo --out demo

test: needs-test
	scripts/test

bench: needs-server
	scripts/install-servers
	scripts/bench

docs:
	cargo build --locked
	scripts/generate-docs target/debug/pgdossier .

page:
	scripts/build-page page/dist/verify.html

needs-server:
	scripts/install-server

needs-test: needs-server
	scripts/install-test-needs
