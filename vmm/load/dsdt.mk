# The partition's DSDT: compiled by iasl into the C array that vmm/load/vacpi.c includes. Works in
# any number of makes at once: everything is made under a name of its own, and moved into place
# when it is whole.
ifndef DSDT_MK
DSDT_MK := 1

BUILD ?= build
OBJ ?= $(BUILD)/obj
DSDT_HEADER := $(BUILD)/gen/dsdt.h

$(DSDT_HEADER): vmm/load/dsdt.asl
	@mkdir -p $(@D)
	@echo "  IASL    $<"
	@tmp=$$(mktemp -d $(@D)/dsdt.XXXXXX) && \
	if iasl -tc -p $$tmp/dsdt $< > $$tmp/log 2>&1; \
	then sed -e 's/^unsigned char/static const unsigned char/' $$tmp/dsdt.hex \
			> $$tmp/dsdt.h && \
		mv $$tmp/dsdt.h $@; status=$$?; \
	else cat $$tmp/log; status=1; fi; \
	rm -rf $$tmp; exit $$status

$(OBJ)/vmm/load/vacpi.o $(BUILD)/unit/obj/vmm/load/vacpi.o: $(DSDT_HEADER)
$(BUILD)/unit/obj/vmm/load/vacpi.o $(BUILD)/unit/obj/tests/unit/test_vacpi.o: \
	UNIT_INCLUDES += -iquote $(BUILD)/gen

endif
