# Static checks: formatting, warnings of both compilers, clang-tidy and cppcheck, include layers.
.PHONY: check
check: check-layers
check-layers:
	@tools/check-layers
