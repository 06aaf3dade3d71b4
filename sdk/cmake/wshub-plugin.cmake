# SPDX-License-Identifier: MIT
include_guard(GLOBAL)

set(WSHUB_PLUGIN_MAP ${CMAKE_CURRENT_LIST_DIR}/wshub-plugin.map CACHE INTERNAL "what a plugin exports")

# wshub_add_plugin(NAME name SOURCES file... [LIBRARIES library...] [NO_INSTALL])
#
# Makes the target `name`, which builds name.so: a module without a "lib" in front, with wshub_plugin_entry as its one
# symbol, every other one resolved when it is linked rather than when a hub loads it. `cmake --install` puts it where an
# installed hub of the same prefix looks for it; WSHUB_PLUGIN_INSTALL_DIR is another place.
function(wshub_add_plugin)
    cmake_parse_arguments(PARSE_ARGV 0 plugin "NO_INSTALL" "NAME" "SOURCES;LIBRARIES")
    if(NOT plugin_NAME MATCHES "^[a-z0-9_-]+$" OR NOT plugin_SOURCES OR plugin_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "wshub_add_plugin: got (${ARGV}), expected (NAME name SOURCES file..."
            " [LIBRARIES library...] [NO_INSTALL]) with a name of a-z 0-9 _ -")
    endif()

    add_library(${plugin_NAME} MODULE ${plugin_SOURCES})
    set_target_properties(${plugin_NAME} PROPERTIES
        PREFIX ""
        SUFFIX ".so"
        C_VISIBILITY_PRESET hidden
        CXX_VISIBILITY_PRESET hidden
        VISIBILITY_INLINES_HIDDEN ON
        LINK_DEPENDS ${WSHUB_PLUGIN_MAP})
    target_link_libraries(${plugin_NAME} PRIVATE wshub::sdk ${plugin_LIBRARIES})
    target_link_options(${plugin_NAME} PRIVATE LINKER:-z,defs LINKER:--version-script,${WSHUB_PLUGIN_MAP})
    if(CMAKE_C_COMPILER_LOADED)
        target_compile_features(${plugin_NAME} PRIVATE c_std_99) # or newer
    endif()

    if(plugin_NO_INSTALL)
        return()
    endif()
    include(GNUInstallDirs)
    if(NOT WSHUB_PLUGIN_INSTALL_DIR)
        set(WSHUB_PLUGIN_INSTALL_DIR ${CMAKE_INSTALL_LIBDIR}/wshub/plugins)
    endif()
    install(TARGETS ${plugin_NAME} LIBRARY DESTINATION ${WSHUB_PLUGIN_INSTALL_DIR} COMPONENT plugins)
endfunction()
