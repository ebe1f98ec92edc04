# isa.cmake - src/kernels/isa/*.c is compiled once per instruction set, with -DTP_ISA=<name>.
#
# To add one: a row here (its processor and flags), a row in src/kernels/isa.def.  The rows that this machine's
# compiler builds, weakest first, go into generated/kernels/isa_built.def as ISA(name), for dispatch.c.

string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" processor)
if(processor MATCHES "^(x86_64|amd64)$")
    set(taper_isas generic avx2 avx512)
elseif(processor MATCHES "^(aarch64|arm64)$")
    set(taper_isas generic neon)
else()
    set(taper_isas generic)
endif()

set(isa_flags_generic)
set(isa_flags_avx2 -mavx2 -mfma)
set(isa_flags_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512)
set(isa_flags_neon)

# Not -ffast-math: sums keep their order, NaN and infinity keep their meaning.
set(isa_flags_common $<$<NOT:$<CONFIG:Debug>>:-O3> -fno-math-errno -fno-trapping-math)
include(CheckCCompilerFlag)
check_c_compiler_flag(-fno-semantic-interposition TAPER_HAS_NO_SEMANTIC_INTERPOSITION)
if(TAPER_HAS_NO_SEMANTIC_INTERPOSITION)
    list(APPEND isa_flags_common -fno-semantic-interposition)
endif()

# Random numbers are the same bits on every instruction set: no fused multiply-add where another one has none.
set_source_files_properties(src/kernels/isa/random.c PROPERTIES COMPILE_OPTIONS "-ffp-contract=off")

file(GLOB isa_sources CONFIGURE_DEPENDS src/kernels/isa/*.c)
set(isa_rows "/* isa_built.def - the instruction sets of this build, weakest first; written by cmake/isa.cmake. */\n")
if(isa_sources)
    foreach(isa IN LISTS taper_isas)
        add_library(taper_isa_${isa} OBJECT ${isa_sources})
        target_compile_definitions(taper_isa_${isa} PRIVATE TP_ISA=${isa})
        target_compile_options(taper_isa_${isa} PRIVATE ${isa_flags_common} ${isa_flags_${isa}})
        target_link_libraries(taper_isa_${isa} PRIVATE taper_flags)
        list(APPEND taper_object_libraries taper_isa_${isa})
        string(APPEND isa_rows "ISA(${isa})\n")
    endforeach()
endif()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/kernels/isa_built.def CONTENT "${isa_rows}" @ONLY)
