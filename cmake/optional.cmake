# optional.cmake - optional parts: a real file or a no_ file of the same interface, and no #ifdef.
#
# taper_optional(NAME PACKAGE REAL NONE) declares one: REAL is built where pkg-config knows PACKAGE, else NONE.
# -DTAPER_WITH_<NAME>=ON makes a missing package an error, OFF takes NONE; AUTO is the default.
#
# Left behind: taper_packages, the targets to link; taper_package_names and taper_package_prefixes, for
# taper.pc and the CMake package.

set(taper_packages "")
set(taper_package_names "")
set(taper_package_prefixes "")
set(taper_left_out "")
set(taper_no_files "")

function(taper_optional name package real none)
    string(TOUPPER ${name} upper)
    set(TAPER_WITH_${upper} AUTO CACHE STRING "${package}: ON, OFF or AUTO")
    set_property(CACHE TAPER_WITH_${upper} PROPERTY STRINGS AUTO ON OFF)
    set(wanted ${TAPER_WITH_${upper}})
    set(chosen FALSE)
    if(wanted STREQUAL "AUTO" OR wanted)
        if(PkgConfig_FOUND)
            pkg_check_modules(TAPER_${upper} QUIET IMPORTED_TARGET GLOBAL ${package})
        endif()
        if(TAPER_${upper}_FOUND AND EXISTS ${PROJECT_SOURCE_DIR}/${real})
            set(chosen TRUE)
        elseif(NOT TAPER_${upper}_FOUND AND NOT wanted STREQUAL "AUTO")
            message(FATAL_ERROR "TAPER_WITH_${upper}=ON, but pkg-config does not find ${package}")
        endif()
    endif()

    set(taper_no_files ${taper_no_files} ${none} PARENT_SCOPE)
    if(chosen)
        message(STATUS "${name}: ${package} ${TAPER_${upper}_VERSION}")
        set(taper_left_out ${taper_left_out} ${none} PARENT_SCOPE)
        set(taper_packages ${taper_packages} PkgConfig::TAPER_${upper} PARENT_SCOPE)
        set(taper_package_names ${taper_package_names} ${package} PARENT_SCOPE)
        set(taper_package_prefixes ${taper_package_prefixes} TAPER_${upper} PARENT_SCOPE)
    else()
        message(STATUS "${name}: built without ${package}")
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
