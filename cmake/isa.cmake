# isa.cmake - src/kernels/isa/*.c is compiled once per instruction set, with -DTP_ISA=<name>.
#
# isa/plain_*.c are loops that ref/ has too, and a compiler turns into vectors.  The first instruction set is what ref/ is
# compiled for: it takes them from there.  avx512 takes those of f64 and of integers from avx2: they wait for memory.
#
# To add one: a row here (its processor and flags), a row in src/kernels/isa.def.  The rows that this machine's
# compiler builds, weakest first, go into generated/kernels/isa_built.def as ISA(name), for dispatch.c, and as WITH_BF16(name)
# where isa/bf16.c belongs to them.

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

# What isa/bf16.c needs beyond its instruction set; sets without a row here have no products of bf16.
set(isa_flags_bf16_avx512 -mavx512bf16)

# Not -ffast-math: sums keep their order, NaN and infinity keep their meaning.
set(isa_flags_common -fno-math-errno -fno-trapping-math)
# The first instruction set is there for machines that lack the others: it is kept small.
set(isa_flags_hand $<$<NOT:$<CONFIG:Debug>>:$<IF:$<BOOL:$<TARGET_PROPERTY:TAPER_SMALL>>,-Os,-O3>>)
include(CheckCCompilerFlag)
check_c_compiler_flag(-fno-semantic-interposition TAPER_HAS_NO_SEMANTIC_INTERPOSITION)
if(TAPER_HAS_NO_SEMANTIC_INTERPOSITION)
    list(APPEND isa_flags_common -fno-semantic-interposition)
endif()

function(taper_add_flags list)
    set(CMAKE_REQUIRED_FLAGS -Werror) # clang takes what it does not know, and warns
    foreach(flag IN LISTS ARGN)
        string(MAKE_C_IDENTIFIER "TAPER_HAS${flag}" has)
        check_c_compiler_flag(${flag} ${has})
        if(${has})
            list(APPEND ${list} ${flag})
        endif()
    endforeach()
    set(${list} ${${list}} PARENT_SCOPE)
endfunction()
# Nobody unwinds through kernels.
taper_add_flags(isa_flags_common -fno-asynchronous-unwind-tables)

# -O3 unrolls the loops over what is left behind a loop of vectors, which doubles the size of products and plain loops and
# brings less than can be measured.  What has to be unrolled lies within these limits or asks for it.
taper_add_flags(isa_flags_products --param=max-completely-peeled-insns=60)
taper_add_flags(isa_flags_plain --param=max-completely-peeled-insns=80)

# Of the many plain loops a vector and a scalar form is enough, without forms for narrower vectors and for steps that turn
# out to be 1.
taper_add_flags(isa_flags_plain --param=vect-epilogues-nomask=0 -fno-version-loops-for-strides)

# So is what ref/ is compiled for, which is the first instruction set.
set(isa_flags_reference $<$<NOT:$<CONFIG:Debug>>:-O2> -ftree-vectorize)
taper_add_flags(isa_flags_reference -fvect-cost-model=dynamic --param=vect-epilogues-nomask=0)

file(GLOB isa_sources CONFIGURE_DEPENDS src/kernels/isa/*.c)
file(GLOB isa_plain CONFIGURE_DEPENDS src/kernels/isa/plain_*.c)
file(GLOB reference CONFIGURE_DEPENDS src/kernels/ref/*.c)
list(REMOVE_ITEM isa_sources ${isa_plain} ${PROJECT_SOURCE_DIR}/src/kernels/isa/bf16.c)
set_source_files_properties(${isa_plain} PROPERTIES COMPILE_OPTIONS "${isa_flags_common};${isa_flags_hand};${isa_flags_plain}")
set_source_files_properties(${reference} PROPERTIES COMPILE_OPTIONS "${isa_flags_common};${isa_flags_reference}")
set_source_files_properties(${isa_sources} PROPERTIES COMPILE_OPTIONS "${isa_flags_common};${isa_flags_hand}")
# What every wider set has for itself, and machines without one seldom need, is kept small.
list(LENGTH taper_isas isa_count)
if(isa_count GREATER 1)
    foreach(body f64 convert indexed)
        set_property(SOURCE ${PROJECT_SOURCE_DIR}/src/kernels/ref/${body}.c
                     APPEND PROPERTY COMPILE_OPTIONS $<$<NOT:$<CONFIG:Debug>>:-Os> -fno-tree-vectorize)
    endforeach()
endif()
# Plain loops of doubles, of integers and of what is seldom called, too: as fast, but for argmax, amax and cumsum (0.6 to 0.8), and 70 KB less.
set_source_files_properties(src/kernels/isa/plain_f64.c src/kernels/isa/plain_integers.c src/kernels/isa/plain_seldom.c PROPERTIES COMPILE_OPTIONS "${isa_flags_common};${isa_flags_reference}")
set_source_files_properties(src/kernels/isa/bf16.c PROPERTIES COMPILE_OPTIONS
                            "${isa_flags_common};${isa_flags_hand};${isa_flags_products}")
set_property(SOURCE ${PROJECT_SOURCE_DIR}/src/kernels/isa/f32.c ${PROJECT_SOURCE_DIR}/src/kernels/isa/f64.c
             APPEND PROPERTY COMPILE_OPTIONS ${isa_flags_products})
# Random numbers are the same bits on every instruction set: no fused multiply-add where another one has none.
set_property(SOURCE ${PROJECT_SOURCE_DIR}/src/kernels/isa/random.c APPEND PROPERTY COMPILE_OPTIONS -ffp-contract=off)

set(isa_rows "/* isa_built.def - the instruction sets of this build, weakest first; written by cmake/isa.cmake. */\n")
list(GET taper_isas 0 isa_of_reference)
list(GET taper_isas -1 isa_best)
foreach(isa IN LISTS taper_isas)
    add_library(taper_isa_${isa} OBJECT ${isa_sources})
    target_compile_definitions(taper_isa_${isa} PRIVATE TP_ISA=${isa})
    if(isa STREQUAL isa_of_reference)
        set(plain 0)
    elseif(isa STREQUAL avx512)
        set(plain 1)
        target_sources(taper_isa_${isa} PRIVATE src/kernels/isa/plain_f32.c)
    else()
        set(plain 2)
        target_sources(taper_isa_${isa} PRIVATE ${isa_plain})
    endif()
    target_compile_definitions(taper_isa_${isa} PRIVATE TP_PLAIN=${plain})
    target_compile_options(taper_isa_${isa} PRIVATE ${isa_flags_${isa}})
    if(isa STREQUAL isa_of_reference AND NOT isa STREQUAL isa_best)
        set_property(TARGET taper_isa_${isa} PROPERTY TAPER_SMALL ON)
    endif()
    target_link_libraries(taper_isa_${isa} PRIVATE taper_flags)
    list(APPEND taper_object_libraries taper_isa_${isa})
    string(APPEND isa_rows "ISA(${isa})\n")
    if(isa_flags_bf16_${isa})
        target_sources(taper_isa_${isa} PRIVATE src/kernels/isa/bf16.c)
        set_property(SOURCE src/kernels/isa/bf16.c APPEND PROPERTY COMPILE_OPTIONS ${isa_flags_bf16_${isa}})
        string(APPEND isa_rows "WITH_BF16(${isa})\n")
    endif()
endforeach()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/kernels/isa_built.def CONTENT "${isa_rows}" @ONLY)
