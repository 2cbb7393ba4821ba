# SPDX-License-Identifier: Apache-2.0
# client.cmake - libpi0_client, shared and static: it stands alone, without libpi0.
file(GLOB client_sources CONFIGURE_DEPENDS src/client/*.c)
set(client_libraries PkgConfig::PI0_WEBSOCKETS PkgConfig::PI0_MSGPACK PkgConfig::PI0_JANSSON Threads::Threads)

add_library(pi0_client_objects OBJECT ${client_sources} src/core/error.c)
set_target_properties(pi0_client_objects PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_link_libraries(pi0_client_objects PRIVATE pi0_flags ${client_libraries})
set(client_objects $<TARGET_OBJECTS:pi0_client_objects> $<TARGET_OBJECTS:pi0_wire_objects>)

add_library(pi0_client_static STATIC ${client_objects})
set_target_properties(pi0_client_static PROPERTIES OUTPUT_NAME pi0_client)
target_include_directories(pi0_client_static INTERFACE
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(pi0_client_static PRIVATE ${client_libraries} m)

add_library(pi0_client_shared SHARED ${client_objects})
set_target_properties(pi0_client_shared PROPERTIES OUTPUT_NAME pi0_client EXPORT_NAME client
                      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                      LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/client_exports.map)
target_include_directories(pi0_client_shared INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(pi0_client_shared PRIVATE ${client_libraries} m)
target_link_options(pi0_client_shared PRIVATE
    LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/client_exports.map)
if(NOT PI0_SANITIZE)
    target_link_options(pi0_client_shared PRIVATE LINKER:--no-undefined)
endif()
add_library(pi0::client ALIAS pi0_client_shared)
