# Static checks, included by the Makefile. CHECK chooses parts: make check CHECK="layers format"
.PHONY: check check-layers format

check: | setup
	+@MAKE='$(MAKE)' tools/check $(CHECK)

check-layers:
	@tools/check-layers

# Every C source and header as .clang-format says, and over-long comments broken.
format:
	@tools/format
