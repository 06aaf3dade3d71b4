// SPDX-License-Identifier: MIT
// Names as topics: one to one, never a pattern, always what MQTT takes.
#include "mqtt_fixture.h"
#include "topic.h"

#include <mosquitto.h>

static const struct wshub_bytes prefix = {"app/one", 7};

static struct wshub_bytes bytes(const char *text) {
    return (struct wshub_bytes){text, strlen(text)};
}

static void assert_channel(const char *channel, const char *expected) {
    char topic[TOPIC_SIZE], name[TOPIC_CHANNEL_MOST];
    size_t length;
    assert_true(topic_of_channel(topic, prefix, bytes(channel)));
    assert_string_equal(topic, expected);
    assert_int_equal(mosquitto_pub_topic_check(topic), MOSQ_ERR_SUCCESS);
    assert_int_equal(mosquitto_validate_utf8(topic, (int)strlen(topic)), MOSQ_ERR_SUCCESS);
    assert_int_equal(topic_read(topic, prefix, name, &length), TOPIC_CHANNEL);
    assert_int_equal(length, strlen(channel));
    assert_memory_equal(name, channel, length);
}

static void channels_are_readable_where_they_can_be(void **state) {
    (void)state;
    assert_channel("chat:room:1", "app/one/chat:room:1");
    assert_channel("a b", "app/one/a b");
    assert_channel("Zoë", "app/one/Zoë");
    assert_channel("a/b/c", "app/one/a/b/c");
    assert_channel("/", "app/one/%2F");
    assert_channel("/a/", "app/one/%2Fa%2F");
    assert_channel("a//b", "app/one/a%2F%2Fb");
    assert_channel("a$b", "app/one/a$b");
    assert_channel("$a", "app/one/%24a");
    assert_channel("a/$b", "app/one/a/$b");
    assert_channel("+/#", "app/one/%2B/%23");
    assert_channel("100%", "app/one/100%25");
    assert_channel("\xEF\xBF\xBF", "app/one/%EF%BF%BF");
    assert_channel("\xEF\xB7\xAF", "app/one/%EF%B7%AF");
    assert_channel("\xEF\xBF\xBD", "app/one/\xEF\xBF\xBD");
    assert_channel("\xF0\x9F\xBF\xBE", "app/one/%F0%9F%BF%BE");
    assert_channel("\xF0\x9F\x98\x80", "app/one/\xF0\x9F\x98\x80");
}

// Each code point by itself, and between two letters.
static void every_code_point_makes_a_topic(void **state) {
    char channel[8], topic[TOPIC_SIZE], name[TOPIC_CHANNEL_MOST];
    size_t length;
    (void)state;
    for (uint32_t c = 0x20; c < 0x110000; c += c < 0x3000 ? 1 : 0xf) {
        size_t n = 0;
        if ((c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c < 0xe000)) {
            continue;
        }
        if (c < 0x80) {
            channel[n++] = (char)c;
        } else if (c < 0x800) {
            channel[n++] = (char)(0xC0 | c >> 6);
        } else if (c < 0x10000) {
            channel[n++] = (char)(0xE0 | c >> 12);
            channel[n++] = (char)(0x80 | (c >> 6 & 63));
        } else {
            channel[n++] = (char)(0xF0 | c >> 18);
            channel[n++] = (char)(0x80 | (c >> 12 & 63));
            channel[n++] = (char)(0x80 | (c >> 6 & 63));
        }
        if (c >= 0x80) {
            channel[n++] = (char)(0x80 | (c & 63));
        }
        assert_true(topic_of_channel(topic, prefix, (struct wshub_bytes){channel, n}));
        assert_int_equal(mosquitto_pub_topic_check(topic), MOSQ_ERR_SUCCESS);
        assert_int_equal(mosquitto_validate_utf8(topic, (int)strlen(topic)), MOSQ_ERR_SUCCESS);
        assert_int_equal(topic_read(topic, prefix, name, &length), TOPIC_CHANNEL);
        assert_int_equal(length, n);
        assert_memory_equal(name, channel, n);
    }
}

static void the_longest_fits(void **state) {
    char channel[TOPIC_CHANNEL_MOST + 1], topic[TOPIC_SIZE], longest[TOPIC_PREFIX_MOST];
    size_t length;
    (void)state;
    memset(channel, '%', sizeof channel);
    memset(longest, 'p', sizeof longest);
    const struct wshub_bytes most = {longest, sizeof longest};
    assert_true(topic_of_channel(topic, most, (struct wshub_bytes){channel, TOPIC_CHANNEL_MOST}));
    assert_int_equal(topic_read(topic, most, channel, &length), TOPIC_CHANNEL);
    assert_int_equal(length, TOPIC_CHANNEL_MOST);
    assert_false(topic_of_channel(topic, most, (struct wshub_bytes){channel, TOPIC_CHANNEL_MOST + 1}));
    assert_false(topic_of_channel(topic, most, (struct wshub_bytes){channel, 0}));
    assert_true(topic_of_key(topic, most, (struct wshub_bytes){channel, TOPIC_KEY_MOST}));
    assert_false(topic_of_key(topic, most, (struct wshub_bytes){channel, TOPIC_KEY_MOST + 1}));
    assert_true(topic_of_keys(topic, most, (struct wshub_bytes){channel, TOPIC_KEY_MOST}));
    assert_false(topic_of_keys(topic, most, (struct wshub_bytes){channel, TOPIC_KEY_MOST + 1}));
}

static void keys_have_levels(void **state) {
    static const char *const keys[][2] = {{"ws:conn:4f2c", "app/one/$registry/ws/conn/4f2c"},
                                          {"a/b:+#%", "app/one/$registry/a/%2F/b/%2B%23%25"},
                                          {"ws:user:4f2c/a", "app/one/$registry/ws/user/4f2c/%2F/a"},
                                          {"a/b/:/c", "app/one/$registry/a/%2F/b%2F/%2Fc"},
                                          {"/a:/:b", "app/one/$registry//%2F/a/%2F/b"},
                                          {":/:", "app/one/$registry///%2F//"},
                                          {"/", "app/one/$registry//%2F/"},
                                          {"::", "app/one/$registry///"},
                                          {"$x", "app/one/$registry/$x"}};
    char topic[TOPIC_SIZE], name[TOPIC_CHANNEL_MOST];
    size_t length;
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_true(topic_of_key(topic, prefix, bytes(keys[i][0])));
        assert_string_equal(topic, keys[i][1]);
        assert_int_equal(topic_read(topic, prefix, name, &length), TOPIC_KEY);
        assert_int_equal(length, strlen(keys[i][0]));
        assert_memory_equal(name, keys[i][0], length);
    }
}

static void filters_are_of_whole_levels(void **state) {
    static const char *const filters[][2] = {{"ws:conn:", "app/one/$registry/ws/conn/#"},
                                             {"ws:conn:4f", "app/one/$registry/ws/conn/#"},
                                             {"ws", "app/one/$registry/#"},
                                             {"", "app/one/$registry/#"},
                                             {"ws:user:4f2c/", "app/one/$registry/ws/user/4f2c/%2F/#"},
                                             {"ws:user:4f2c/a", "app/one/$registry/ws/user/4f2c/%2F/#"},
                                             {"ws/a:b", "app/one/$registry/ws/%2F/a/#"},
                                             {"a/b/", "app/one/$registry/a/%2F/#"},
                                             {"#:x", "app/one/$registry/%23/#"}};
    char topic[TOPIC_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        assert_true(topic_of_keys(topic, prefix, bytes(filters[i][0])));
        assert_string_equal(topic, filters[i][1]);
        assert_int_equal(mosquitto_sub_topic_check(topic), MOSQ_ERR_SUCCESS);
    }
}

static void what_is_not_ours_is_foreign(void **state) {
    static const char *const topics[] = {"app/one",
                                         "app/one/",
                                         "app/oneX/a",
                                         "app/on",
                                         "other/a",
                                         "app/one/%4",
                                         "app/one/%zz",
                                         "app/one/$other/x",
                                         "app/one/$registry/",
                                         "app/one/$registry/a%3Ab",
                                         "app/one/$registry/a%2Fb",
                                         "app/one/$registry/%61"};
    char name[TOPIC_CHANNEL_MOST];
    size_t length;
    (void)state;
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        if (topic_read(topics[i], prefix, name, &length) != TOPIC_FOREIGN) {
            fail_msg("%s is taken for ours", topics[i]);
        }
    }
    assert_int_equal(topic_read("app/one/$inbox/me", prefix, name, &length), TOPIC_INBOX);
}

static void texts_of_any_bytes_come_back(void **state) {
    char all[256], escaped[3 * sizeof all + 1];
    size_t length;
    (void)state;
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (char)i;
    }
    topic_escape_text(escaped, (struct wshub_bytes){all, sizeof all});
    assert_int_equal(mosquitto_validate_utf8(escaped, (int)strlen(escaped)), MOSQ_ERR_SUCCESS);
    assert_true(topic_unescape_text(escaped, &length));
    assert_int_equal(length, sizeof all);
    assert_memory_equal(escaped, all, sizeof all);
    char broken[] = "50%";
    assert_false(topic_unescape_text(broken, &length));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_are_readable_where_they_can_be),
        cmocka_unit_test(every_code_point_makes_a_topic),
        cmocka_unit_test(the_longest_fits),
        cmocka_unit_test(keys_have_levels),
        cmocka_unit_test(filters_are_of_whole_levels),
        cmocka_unit_test(what_is_not_ours_is_foreign),
        cmocka_unit_test(texts_of_any_bytes_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
