# SPDX-License-Identifier: Apache-2.0
# install.cmake - header, libraries, pkg-config file, CMake package. Whoever is linked to the
# shared library needs nothing else; the static one brings its libraries by "pkg-config --static"
# or find_package(pi0 COMPONENTS static). The client library is COMPONENTS client, or by pkg-config
# pi0_client.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pi0)

install(FILES include/pi0.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS pi0_shared EXPORT pi0Targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS pi0_static EXPORT pi0StaticTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT pi0Targets NAMESPACE pi0:: DESTINATION ${package_dir})
install(EXPORT pi0StaticTargets NAMESPACE pi0:: DESTINATION ${package_dir})

configure_package_config_file(cmake/pi0Config.cmake.in pi0Config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(pi0ConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/pi0Config.cmake ${PROJECT_BINARY_DIR}/pi0ConfigVersion.cmake
              cmake/FindSentencePiece.cmake DESTINATION ${package_dir})

# pi0.pc finds its prefix from where it lies, so that an installed tree may be moved
file(RELATIVE_PATH PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_LIBDIR BASE_DIRECTORY "\${prefix}"
           OUTPUT_VARIABLE PC_LIBDIR)
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_INCLUDEDIR BASE_DIRECTORY "\${prefix}"
           OUTPUT_VARIABLE PC_INCLUDEDIR)
set(PC_CXX_RUNTIME -lstdc++)
if("c++" IN_LIST CMAKE_CXX_IMPLICIT_LINK_LIBRARIES)
    set(PC_CXX_RUNTIME -lc++)
endif()
set(PC_ZSTD "")
if(PI0_ZSTD)
    set(PC_ZSTD -lzstd)
endif()
configure_file(cmake/pi0.pc.in pi0.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/pi0.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# to read, and to begin with
install(FILES README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE packaging/nginx.conf
              packaging/pi0-serve.service DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR}
        PATTERN __pycache__ EXCLUDE PATTERN "*.egg-info" EXCLUDE PATTERN build EXCLUDE)

if(PI0_CLIENT)
    install(FILES include/pi0_client.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    install(TARGETS pi0_client_shared EXPORT pi0ClientTargets
            LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(TARGETS pi0_client_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(EXPORT pi0ClientTargets NAMESPACE pi0:: DESTINATION ${package_dir})
    set(PC_CLIENT_LIBS ${PI0_WEBSOCKETS_LIBRARIES} ${PI0_MSGPACK_LIBRARIES} ${PI0_JANSSON_LIBRARIES})
    list(TRANSFORM PC_CLIENT_LIBS PREPEND "-l")
    list(JOIN PC_CLIENT_LIBS " " PC_CLIENT_LIBS)
    configure_file(cmake/pi0_client.pc.in pi0_client.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/pi0_client.pc
            DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
