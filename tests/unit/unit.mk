# Unit tests on the build host: cmocka under AddressSanitizer and UBSan.
#
# Every tests/unit/test_NAME.c is one program. It names what it is linked with, near its top:
#     // SOURCES: mm/pt.c lib/string.c tests/unit/stubs/arena.c
# and, where it needs to, extra linker arguments:
#     // LINK: -Wl,--wrap=frame_alloc
# Either line may be repeated. One with threads has ThreadSanitizer instead:
#     // SANITIZE: thread
#
#     make unit-tests             builds all
#     make unit-test              builds and runs all; fails at the end if any failed
#     make unit-test UNIT="pt heap"   only these
#
# Also works alone: make -f tests/unit/unit.mk unit-test

BUILD ?= build
UNIT_CC ?= gcc
UNIT_CFLAGS ?= -g -O1 -std=gnu11 -Wall -Wextra -Werror \
	-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
UNIT_TSAN_CFLAGS ?= -g -O1 -std=gnu11 -Wall -Wextra -Werror \
	-fsanitize=thread --param=tsan-distinguish-volatile=1 -fno-omit-frame-pointer
UNIT_INCLUDES := -iquote include -iquote .
UNIT_OUT := $(BUILD)/unit

UNIT_ALL := $(sort $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c)))
UNIT_CHOSEN := $(if $(UNIT),$(filter $(addprefix test_,$(UNIT)),$(UNIT_ALL)),$(UNIT_ALL))

# Words like test_pt/SOURCES=mm/pt.c, from one look at all tests.
UNIT_SPEC := $(if $(UNIT_ALL),$(shell awk ' \
	/^\/\/ (SOURCES|LINK|SANITIZE):/ { \
		n = FILENAME; sub(".*/", "", n); sub("[.]c$$", "", n); \
		k = $$2; sub(":", "", k); \
		for (i = 3; i <= NF; i++) print n "/" k "=" $$i }' \
	$(UNIT_ALL:%=tests/unit/%.c)))
# $(call unit_spec,test_pt,SOURCES)
unit_spec = $(patsubst $(1)/$(2)=%,%,$(filter $(1)/$(2)=%,$(UNIT_SPEC)))
# The folder of its objects, obj or tsan.
unit_folder = $(if $(call unit_spec,$(1),SANITIZE),tsan,obj)
unit_cflags = $(if $(call unit_spec,$(1),SANITIZE),$(UNIT_TSAN_CFLAGS),$(UNIT_CFLAGS))
unit_objects = $(sort $(patsubst %.c,$(UNIT_OUT)/$(call unit_folder,$(1))/%.o,tests/unit/$(1).c \
	$(call unit_spec,$(1),SOURCES)))

define unit_program
$(UNIT_OUT)/$(1): $(call unit_objects,$(1)) tests/unit/$(1).c
	@echo "  UNIT    $(1)"
	@$(UNIT_CC) $(call unit_cflags,$(1)) $(call unit_objects,$(1)) \
		$(call unit_spec,$(1),LINK) -lcmocka \
		-o $$@
endef
$(foreach t,$(UNIT_ALL),$(eval $(call unit_program,$(t))))

$(UNIT_OUT)/obj/%.o: %.c
	@mkdir -p $(@D)
	@$(UNIT_CC) $(UNIT_CFLAGS) $(UNIT_INCLUDES) -MMD -MP -c $< -o $@

$(UNIT_OUT)/tsan/%.o: %.c
	@mkdir -p $(@D)
	@$(UNIT_CC) $(UNIT_TSAN_CFLAGS) $(UNIT_INCLUDES) -MMD -MP -c $< -o $@

.PHONY: unit-tests unit-test
unit-tests: $(UNIT_CHOSEN:%=$(UNIT_OUT)/%)

UNIT_MAKE = $(MAKE) --no-print-directory $(if $(filter tests/unit/unit.mk,$(firstword \
	$(MAKEFILE_LIST))),-f tests/unit/unit.mk)

# A test that does not build counts as failed and does not keep the others from running.
unit-test:
	@$(UNIT_MAKE) -k unit-tests || true
	@passed=0; failed=; \
	for t in $(UNIT_CHOSEN); do \
		if $(UNIT_MAKE) -q $(UNIT_OUT)/$$t 2>/dev/null && timeout 120 $(UNIT_OUT)/$$t; \
		then passed=$$((passed + 1)); else failed="$$failed $$t"; fi; \
	done; \
	set -- $$failed; \
	echo "unit: $$passed programs passed, $$# failed$${failed:+:$$failed}"; \
	[ $$# = 0 ] && [ $$passed -gt 0 ]

-include $(shell find $(UNIT_OUT)/obj $(UNIT_OUT)/tsan -name '*.d' 2>/dev/null)
