# install.cmake - headers, libraries, program, taper.pc, the CMake package, and what lies in build/share.
#
# build/share/ is laid out as share/ will be: man/man1/taper.1, bash-completion/completions/taper,
# zsh/site-functions/_taper, fish/vendor_completions.d/taper.fish.  Whoever makes them puts them there.

install(DIRECTORY include/taper DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(TARGETS taper taper_static EXPORT taper_targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET taper_program)
    install(TARGETS taper_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/taper)
install(DIRECTORY ${PROJECT_BINARY_DIR}/share/ DESTINATION ${CMAKE_INSTALL_DATADIR} OPTIONAL)

# ---- pkg-config ----------------------------------------------------------------------------------------------------

# The optional libraries by their own names, not by Requires.private: that would ask for what these are made of, too
# (libzip's says -lssl), which is not there where they are shared libraries.
set(pc_libs ${taper_system})
list(TRANSFORM pc_libs PREPEND -l)
foreach(prefix IN LISTS taper_package_prefixes)
    list(APPEND pc_libs ${${prefix}_LDFLAGS})
endforeach()
list(APPEND pc_libs ${CMAKE_THREAD_LIBS_INIT})
list(REMOVE_DUPLICATES pc_libs)
list(JOIN pc_libs " " pc_libs)
configure_file(cmake/taper.pc.in taper.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/taper.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# ---- find_package(taper): taper::taper (shared), taper::taper_static ------------------------------------------------

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/taper)
configure_package_config_file(cmake/taperConfig.cmake.in taperConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(taperConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT taper_targets NAMESPACE taper:: FILE taperTargets.cmake DESTINATION ${package_dir})
install(FILES ${PROJECT_BINARY_DIR}/taperConfig.cmake ${PROJECT_BINARY_DIR}/taperConfigVersion.cmake
        DESTINATION ${package_dir})
