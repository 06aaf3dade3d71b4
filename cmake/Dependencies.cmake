# SPDX-License-Identifier: MIT
# One imported target per library: wshub::uv, wshub::wslay, wshub::llhttp, wshub::yaml, wshub::crypto, ...
# `make deps` installs their Debian packages.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
add_library(wshub::crypto ALIAS OpenSSL::Crypto)

foreach(pair uv:libuv yaml:yaml-0.1 cmocka:cmocka)
    string(REPLACE ":" ";" pair ${pair})
    list(GET pair 0 name)
    list(GET pair 1 module)
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
    add_library(wshub::${name} ALIAS PkgConfig::${name})
endforeach()

# These ship no pkg-config file in Debian: header and library are looked for by name.
function(wshub_plain_library name header library)
    find_path(${name}_HEADER ${header} REQUIRED)
    find_library(${name}_LIBRARY ${library} REQUIRED)
    add_library(wshub::${name} INTERFACE IMPORTED GLOBAL)
    target_include_directories(wshub::${name} SYSTEM INTERFACE ${${name}_HEADER})
    target_link_libraries(wshub::${name} INTERFACE ${${name}_LIBRARY})
endfunction()
wshub_plain_library(wslay wslay/wslay.h wslay)
wshub_plain_library(unistring unistr.h unistring)
wshub_plain_library(yajl yajl/yajl_parse.h yajl)
find_path(XXHASH_HEADER xxhash.h REQUIRED)
find_path(UTHASH_HEADER uthash.h REQUIRED)

# llhttp: the library where it is packaged (Debian 13), else the generated C that Debian 12's node-llhttp ships.
find_library(LLHTTP_LIBRARY llhttp)
if(LLHTTP_LIBRARY)
    wshub_plain_library(llhttp llhttp.h llhttp)
else()
    set(LLHTTP_SOURCES /usr/share/llhttp CACHE PATH "folder of llhttp's generated C")
    find_path(LLHTTP_INCLUDE llhttp.h PATHS /usr/share/include/llhttp REQUIRED)
    add_library(llhttp-static STATIC ${LLHTTP_SOURCES}/api.c ${LLHTTP_SOURCES}/http.c ${LLHTTP_SOURCES}/llhttp.c)
    target_compile_options(llhttp-static PRIVATE -O2 -w)
    target_compile_definitions(llhttp-static PRIVATE LLHTTP_STRICT_MODE=1) # its default skips junk behind a chunk
    target_include_directories(llhttp-static SYSTEM PUBLIC ${LLHTTP_INCLUDE})
    add_library(wshub::llhttp ALIAS llhttp-static)
endif()
