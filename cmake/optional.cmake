# optional.cmake - optional parts: a real file or a no_ file of the same interface, and no #ifdef.
#
# taper_optional(NAME PACKAGE REAL NONE) declares one: REAL is built where pkg-config knows PACKAGE, else NONE.
# With a fifth word, PROGRAM, it is a part of the program alone: what it needs is not linked into the library.  With LATE it is not linked
# at all: the source opens it when it is first wanted.  PACKAGE and REAL may be lists.
# -DTAPER_WITH_<NAME>=ON makes a missing package an error, OFF takes NONE; AUTO is the default.
#
# Left behind: taper_packages and taper_program_packages, the targets to link; taper_late_includes, where the headers of those are that
# are not linked; taper_package_names and taper_package_prefixes, for taper.pc and the CMake package.

set(taper_packages "")
set(taper_program_packages "")
set(taper_late_includes "")
set(taper_package_names "")
set(taper_package_prefixes "")
set(taper_left_out "")
set(taper_no_files "")

function(taper_optional name package real none)
    string(TOUPPER ${name} upper)
    string(REPLACE ";" " and " packages "${package}")
    set(TAPER_WITH_${upper} AUTO CACHE STRING "${packages}: ON, OFF or AUTO")
    set_property(CACHE TAPER_WITH_${upper} PROPERTY STRINGS AUTO ON OFF)
    set(wanted ${TAPER_WITH_${upper}})
    set(chosen FALSE)
    if(wanted STREQUAL "AUTO" OR wanted)
        if(PkgConfig_FOUND)
            pkg_check_modules(TAPER_${upper} QUIET IMPORTED_TARGET GLOBAL ${package})
        endif()
        list(GET real 0 first)
        if(TAPER_${upper}_FOUND AND EXISTS ${PROJECT_SOURCE_DIR}/${first})
            set(chosen TRUE)
        elseif(NOT TAPER_${upper}_FOUND AND NOT wanted STREQUAL "AUTO")
            message(FATAL_ERROR "TAPER_WITH_${upper}=ON, but pkg-config does not find ${packages}")
        endif()
    endif()

    set(taper_no_files ${taper_no_files} ${none} PARENT_SCOPE)
    if(chosen)
        message(STATUS "${name}: ${packages} ${TAPER_${upper}_VERSION}")
        set(taper_left_out ${taper_left_out} ${none} PARENT_SCOPE)
        if("PROGRAM" IN_LIST ARGN)
            set(taper_program_packages ${taper_program_packages} PkgConfig::TAPER_${upper} PARENT_SCOPE)
            return()
        endif()
        if("LATE" IN_LIST ARGN)
            set(taper_late_includes ${taper_late_includes} ${TAPER_${upper}_INCLUDE_DIRS} PARENT_SCOPE)
            return()
        endif()
        set(taper_packages ${taper_packages} PkgConfig::TAPER_${upper} PARENT_SCOPE)
        set(taper_package_names ${taper_package_names} ${package} PARENT_SCOPE)
        set(taper_package_prefixes ${taper_package_prefixes} TAPER_${upper} PARENT_SCOPE)
    else()
        message(STATUS "${name}: built without ${packages}")
        set(taper_left_out ${taper_left_out} ${real} PARENT_SCOPE)
    endif()
endfunction()

# Takes out of the list what was not chosen; a no_ file that nobody declared would be built beside its twin.
function(taper_choose_optional list)
    set(sources ${${list}})
    list(REMOVE_ITEM sources ${taper_left_out})
    foreach(source IN LISTS sources)
        if(source MATCHES "/no_[^/]*$" AND NOT source IN_LIST taper_no_files)
            message(FATAL_ERROR "${source} has no taper_optional() row in CMakeLists.txt")
        endif()
    endforeach()
    set(${list} ${sources} PARENT_SCOPE)
endfunction()
