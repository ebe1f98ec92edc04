# tests.cmake - tests, examples, benches and fuzzers: each .c file is a program.
#
# tests/test_*.c     cmocka, static library, may include internal headers; tests/support/*.c is linked into each
# tests/python/*.py  round trips with NumPy and PyTorch; label "python"; so are bindings/python/tests/test_*.py, the package's own
# tests/cli/*.sh     run by tests/cli/run, output compared with the .out file beside it
# pages and headers  tools/snippets compiles and runs what they show; label "pages"
# examples/*.c       run in a folder of their own that has data/ in it; label "examples"
# bench/*.c          target bench; not in all; bench/all holds the cases of all of them
# fuzz/*.c           target fuzz; clang only

enable_testing()
set(taper_timeout 300)
if(TAPER_SANITIZE)
    set(taper_timeout 1200)
endif()

# ---- unit tests ----------------------------------------------------------------------------------------------------

if(TAPER_TESTS AND PkgConfig_FOUND)
    pkg_check_modules(CMOCKA QUIET IMPORTED_TARGET cmocka)
endif()
if(TAPER_TESTS AND NOT TAPER_TESTS STREQUAL "AUTO" AND NOT CMOCKA_FOUND)
    message(FATAL_ERROR "TAPER_TESTS=ON, but pkg-config does not find cmocka")
endif()
file(GLOB tests CONFIGURE_DEPENDS tests/test_*.c)
file(GLOB support CONFIGURE_DEPENDS tests/support/*.c)
if(tests AND CMOCKA_FOUND)
    if(support)
        add_library(taper_test_support OBJECT ${support})
        target_include_directories(taper_test_support PRIVATE include src tests ${PROJECT_BINARY_DIR}/generated)
        target_link_libraries(taper_test_support PRIVATE taper_plain PkgConfig::CMOCKA)
        set(support $<TARGET_OBJECTS:taper_test_support>)
    endif()
    foreach(test IN LISTS tests)
        get_filename_component(name ${test} NAME_WE)
        add_executable(${name} ${test} ${support})
        set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
        target_include_directories(${name} PRIVATE src tests ${PROJECT_BINARY_DIR}/generated)
        target_link_libraries(${name} PRIVATE taper_internal taper_plain PkgConfig::CMOCKA)
        add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        set_tests_properties(${name} PROPERTIES TIMEOUT ${taper_timeout})
    endforeach()

    if(TARGET test_dist AND TAPER_WITH_MPI)
        target_compile_definitions(test_dist PRIVATE TAPER_HAS_MPI)
    endif()
    if(TARGET test_export) # compiles what it exports
        target_compile_definitions(test_export PRIVATE TEST_COMPILER="${CMAKE_C_COMPILER}")
    endif()

    foreach(name test_serve test_serve_page test_watch) # they run the program
        if(TARGET ${name} AND TARGET taper_program)
            target_compile_definitions(${name} PRIVATE TEST_PROGRAM="$<TARGET_FILE:taper_program>")
            add_dependencies(${name} taper_program)
        endif()
    endforeach()

    # What computes, once more on each instruction set, with one thread and with three; one that is not there is skipped.
    foreach(name test_golden_ops test_ops test_optim_golden test_lenet_golden test_norm test_random test_recurrent
            test_recurrent_weights)
        if(NOT TARGET ${name})
            continue()
        endif()
        set(counts 1 3)
        if(name STREQUAL test_ops) # it compares the bits of 1, 2, 3 and 8 threads by itself
            set(counts 1)
        endif()
        foreach(isa ref ${taper_isas})
            foreach(threads IN LISTS counts)
                set(row ${name}_${isa}_${threads})
                add_test(NAME ${row} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
                set_tests_properties(${row} PROPERTIES TIMEOUT ${taper_timeout} SKIP_RETURN_CODE 77 LABELS isa
                                     ENVIRONMENT "TAPER_ISA=${isa};OMP_NUM_THREADS=${threads}")
            endforeach()
        endforeach()
    endforeach()
endif()

# ---- the accuracy of functions: all of f32 takes minutes, so it is no test; its table of bounds stands in docs/ ----------

add_executable(accuracy EXCLUDE_FROM_ALL tests/accuracy.c tests/support/accuracy.c)
set_target_properties(accuracy PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
target_include_directories(accuracy PRIVATE src tests ${PROJECT_BINARY_DIR}/generated)
target_link_libraries(accuracy PRIVATE taper_internal taper_plain)
if(TAPER_TESTS)
    set_target_properties(accuracy PROPERTIES EXCLUDE_FROM_ALL OFF)
    add_test(NAME page_accuracy WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
             COMMAND sh -c "'$<TARGET_FILE:accuracy>' --markdown | diff -u docs/accuracy.md -")
endif()

# ---- the library stays small -----------------------------------------------------------------------------------------

if(TAPER_TESTS AND CMAKE_STRIP AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT TAPER_SANITIZE AND NOT TAPER_FUZZ)
    add_test(NAME size COMMAND ${PROJECT_SOURCE_DIR}/cmake/test_size $<TARGET_FILE:taper> ${CMAKE_STRIP} 3000000)
endif()

# ---- the command line ----------------------------------------------------------------------------------------------

file(GLOB scripts CONFIGURE_DEPENDS tests/cli/*.sh)
if(TARGET taper_program AND TAPER_TESTS)
    foreach(script IN LISTS scripts)
        get_filename_component(name ${script} NAME_WE)
        add_test(NAME cli_${name} COMMAND ${PROJECT_SOURCE_DIR}/tests/cli/run ${name}
                 WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        set_tests_properties(cli_${name} PROPERTIES TIMEOUT ${taper_timeout} LABELS cli
                             SKIP_REGULAR_EXPRESSION "is unsupported: built without"
                             ENVIRONMENT "TAPER=$<TARGET_FILE:taper_program>")
    endforeach()
endif()

# ---- reports as pictures, light and dark, on a phone: build/screenshots; skipped (77) where there is no Chromium --------

if(TARGET taper_program AND TAPER_TESTS AND NOT TAPER_SANITIZE)
    add_test(NAME page_screenshots COMMAND ${PROJECT_SOURCE_DIR}/tests/page/screenshots $<TARGET_FILE:taper_program>
                                           ${PROJECT_BINARY_DIR}/screenshots)
    set_tests_properties(page_screenshots PROPERTIES TIMEOUT ${taper_timeout} SKIP_RETURN_CODE 77)
endif()

# ---- against NumPy and PyTorch: scripts that load the shared library or run the program, which is their argument; skipped
# ---- (77) where Python or NumPy is missing

file(GLOB scripts CONFIGURE_DEPENDS tests/python/*.py bindings/python/tests/test_*.py)
find_program(TAPER_PYTHON python3 DOC "Python of tests/python, best with NumPy and PyTorch")
if(TAPER_TESTS AND TARGET taper_program AND NOT TAPER_SANITIZE AND NOT TAPER_FUZZ)
    foreach(script IN LISTS scripts)
        get_filename_component(name ${script} NAME_WE)
        if(name STREQUAL "taper") # what the others import
            continue()
        endif()
        string(REPLACE "test_" "package_" name ${name})
        if(TAPER_PYTHON)
            add_test(NAME python_${name} COMMAND ${TAPER_PYTHON} -B ${script} $<TARGET_FILE:taper_program>)
        else()
            add_test(NAME python_${name} COMMAND sh -c "echo skipped: there is no python3; exit 77")
        endif()
        set_tests_properties(python_${name} PROPERTIES TIMEOUT ${taper_timeout} SKIP_RETURN_CODE 77 LABELS python
                             ENVIRONMENT "TAPER_LIBRARY=$<TARGET_FILE:taper>")
    endforeach()
endif()

# ---- what is installed works: pkg-config, --static, find_package ----------------------------------------------------

if(TAPER_TESTS AND TARGET taper_program AND NOT TAPER_SANITIZE AND PkgConfig_FOUND)
    add_test(NAME install COMMAND ${PROJECT_SOURCE_DIR}/cmake/test_install ${PROJECT_BINARY_DIR} ${CMAKE_C_COMPILER}
             WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
    set_tests_properties(install PROPERTIES TIMEOUT ${taper_timeout})
endif()

# ---- examples ------------------------------------------------------------------------------------------------------

file(GLOB examples CONFIGURE_DEPENDS examples/*.c)
foreach(example IN LISTS examples)
    get_filename_component(name ${example} NAME_WE)
    add_executable(example_${name} ${example})
    set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name}
                          RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
    target_link_libraries(example_${name} PRIVATE taper_static taper_plain)
    set(place ${PROJECT_BINARY_DIR}/examples/run/${name})
    file(MAKE_DIRECTORY ${place})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/data ${place}/data SYMBOLIC)
    add_test(NAME example_${name} COMMAND example_${name} WORKING_DIRECTORY ${place})
    set_tests_properties(example_${name} PROPERTIES TIMEOUT ${taper_timeout} LABELS examples
                         SKIP_REGULAR_EXPRESSION "is unsupported: built without")
endforeach()

# ---- benches and fuzzers -------------------------------------------------------------------------------------------

# bench/ops.c has a main of its own, and stands on the tests' examples; the others are lists of cases.
add_custom_target(bench)
file(GLOB benches CONFIGURE_DEPENDS bench/*.c)
list(REMOVE_ITEM benches ${PROJECT_SOURCE_DIR}/bench/ops.c)
file(GLOB bench_support CONFIGURE_DEPENDS bench/support/*.c)
add_library(bench_support STATIC EXCLUDE_FROM_ALL ${bench_support} tests/support/examples.c tests/support/compare.c)
target_include_directories(bench_support PUBLIC bench src tests ${PROJECT_BINARY_DIR}/generated)
target_link_libraries(bench_support PUBLIC taper_internal taper_flags)
function(taper_bench name)
    add_executable(bench_${name} EXCLUDE_FROM_ALL ${ARGN})
    set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME ${name}
                          RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
    target_link_libraries(bench_${name} PRIVATE bench_support)
    add_dependencies(bench bench_${name})
endfunction()
foreach(source IN LISTS benches)
    get_filename_component(name ${source} NAME_WE)
    taper_bench(${name} ${source})
endforeach()
taper_bench(all ${benches})
taper_bench(ops bench/ops.c)

file(GLOB fuzzers CONFIGURE_DEPENDS fuzz/*.c)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    add_custom_target(fuzz)
    foreach(source IN LISTS fuzzers)
        get_filename_component(name ${source} NAME_WE)
        add_executable(fuzz_${name} EXCLUDE_FROM_ALL ${source})
        set_target_properties(fuzz_${name} PROPERTIES OUTPUT_NAME ${name}
                              RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
        target_include_directories(fuzz_${name} PRIVATE src ${PROJECT_BINARY_DIR}/generated)
        target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        target_link_libraries(fuzz_${name} PRIVATE taper_internal taper_plain)
        add_dependencies(fuzz fuzz_${name})
    endforeach()
endif()

# ---- pages and headers: their code is compiled and run, their links lead somewhere ---------------------------------------------

if(TAPER_TESTS AND TARGET taper_program AND NOT TAPER_FUZZ)
    set(sanitize)
    if(TAPER_SANITIZE)
        set(sanitize "-fsanitize=${TAPER_SANITIZE}")
    endif()
    file(GLOB_RECURSE pages CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} README.md CHANGELOG.md CONTRIBUTING.md bench/README.md
         docs/*.md include/taper/*.h)
    foreach(page IN LISTS pages)
        file(STRINGS ${page} code REGEX "^```c|^```sh|^    (build/)?taper |`taper [a-z]|^ [*]     " LIMIT_COUNT 1) # only those that have any
        if(code STREQUAL "")
            continue()
        endif()
        string(REGEX REPLACE "^(docs|include/taper)/|\\.md$" "" name ${page})
        string(MAKE_C_IDENTIFIER ${name} name)
        add_test(NAME page_${name} COMMAND tools/snippets run ${page} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        set_tests_properties(page_${name} PROPERTIES TIMEOUT ${taper_timeout} LABELS pages
            SKIP_REGULAR_EXPRESSION "is unsupported: built without"
            ENVIRONMENT "CC=${CMAKE_C_COMPILER};CFLAGS=${sanitize};LIBRARY=$<TARGET_FILE:taper>;TAPER=$<TARGET_FILE:taper_program>")
    endforeach()
    add_test(NAME page_links COMMAND tools/links WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    add_test(NAME models_page COMMAND sh -c "tools/models-page '$<TARGET_FILE:taper_program>' | diff -u docs/models.md -"
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(page_links models_page PROPERTIES LABELS pages)

    find_program(TAPER_DOXYGEN doxygen DOC "Makes pages of the headers")
    if(TAPER_DOXYGEN) # a warning is an error
        add_test(NAME header_pages WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} COMMAND sh -c
                 "{ cat docs/Doxyfile; echo 'OUTPUT_DIRECTORY = ${PROJECT_BINARY_DIR}/docs'; } | '${TAPER_DOXYGEN}' -")
        set_tests_properties(header_pages PROPERTIES LABELS pages)
    endif()
endif()
