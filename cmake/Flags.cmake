# SPDX-License-Identifier: MIT
# wshub-flags carries every warning and sanitizer. WSHUB_PROFILE names the job; the presets set it.
# Assertions stay on in every profile, release too.
set(WSHUB_PROFILE release CACHE STRING "release, dev, asan, tsan, coverage or fuzz")
set_property(CACHE WSHUB_PROFILE PROPERTY STRINGS release dev asan tsan coverage fuzz)

set(_release -O2 -g -fno-plt -fstack-protector-strong -D_FORTIFY_SOURCE=2)
set(_dev -O0 -g)
set(_asan -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all)
set(_tsan -O1 -g -fsanitize=thread)
set(_coverage -O0 -g --coverage)
set(_fuzz ${_asan} -fsanitize=fuzzer-no-link)

if(NOT DEFINED _${WSHUB_PROFILE})
    message(FATAL_ERROR "WSHUB_PROFILE is '${WSHUB_PROFILE}': expected release, dev, asan, tsan, coverage or fuzz")
endif()

add_library(wshub-flags INTERFACE)
target_compile_options(wshub-flags INTERFACE ${_${WSHUB_PROFILE}} -Wall -Wextra -Werror -Wshadow -Wvla
    -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef
    -fvisibility=hidden)
target_compile_definitions(wshub-flags INTERFACE _GNU_SOURCE)
target_compile_features(wshub-flags INTERFACE c_std_11)
if(NOT WSHUB_PROFILE STREQUAL "release" AND NOT WSHUB_PROFILE STREQUAL "dev")
    target_link_options(wshub-flags INTERFACE ${_${WSHUB_PROFILE}})
endif()
