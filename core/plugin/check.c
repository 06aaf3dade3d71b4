// SPDX-License-Identifier: MIT
#include "plugin/check.h"

#include "config/config.h"
#include "plugin/builtin.h"
#include "util/buf.h"

bool plugins_check(const struct config *config, const char *name, struct buf *errors) {
    bool ok = true;
    for (size_t i = 0; i < config->brokers.count; i++) {
        const struct config_broker *broker = &config->brokers.items[i];
        if (!builtin_find(broker->plugin)) {
            buf_printf(
                errors,
                "%s:%d:%d: brokers[%zu].plugin: found \"%s\", expected a broker that this version has: %s\n",
                name, broker->line, broker->column, i, broker->plugin, builtin_names());
            ok = false;
            continue;
        }
        for (size_t j = 0; j < broker->option_count; j++) {
            const struct config_option *option = &broker->options[j];
            buf_printf(errors,
                       "%s:%d:%d: brokers[%zu].options.%s: found an unknown option, expected none: plugin %s "
                       "has none\n",
                       name, option->line, option->column, i, option->key, broker->plugin);
            ok = false;
        }
    }
    return ok;
}
