// SPDX-License-Identifier: MIT
// The services of wshub/host.h, as a plugin and its threads use them. ThreadSanitizer runs this.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host_fixture.h"
#include "scarce_memory.h"

enum { TURNS = 2000 };

// ---- from the plugin's threads

struct sender {
    struct fixture *fixture;
    int index;
};

struct parcel {
    struct sender *sender;
    int number;
};

static void on_post(void *context) {
    struct parcel *parcel = context;
    struct fixture *f = parcel->sender->fixture;
    assert_hub_thread(f);
    assert_int_equal(parcel->number, f->posts[parcel->sender->index]); // in the order of its thread
    f->posts[parcel->sender->index]++;
    free(parcel);
}

static void *post_many(void *context) {
    struct sender *sender = context;
    const struct wshub_host *host = sender->fixture->host;
    for (int i = 0; i < TURNS; i++) {
        struct parcel *parcel = malloc(sizeof *parcel);
        *parcel = (struct parcel){sender, i};
        if (host->post(host->self, on_post, parcel) != WSHUB_OK) {
            free(parcel);
            return context;
        }
        host->log(host->self, WSHUB_LOG_DEBUG, "a line from another thread");
    }
    return NULL;
}

static bool has_all_posts(void *context) {
    struct fixture *f = context;
    int sum = 0;
    for (int i = 0; i < THREADS; i++) {
        sum += f->posts[i];
    }
    return sum == THREADS * TURNS;
}

static void posts_arrive_in_the_order_of_their_thread(void **state) {
    struct fixture f;
    struct sender senders[THREADS];
    pthread_t threads[THREADS];
    (void)state;
    set_up(&f);
    f.log.level = LOG_ERROR;
    for (int i = 0; i < THREADS; i++) {
        senders[i] = (struct sender){&f, i};
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &senders[i]), 0);
    }
    run_until(f.loop, has_all_posts, &f);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    tear_down(&f);
}

static void fill(struct wshub_message *message, char texts[6][TEXT_MAX]) {
    static const char *const words[6] = {"room", "payload", "sender", "user", "exclude", "epoch"};
    for (int i = 0; i < 6; i++) {
        snprintf(texts[i], TEXT_MAX, "%s", words[i]);
    }
    *message = (struct wshub_message){
        .struct_size = sizeof *message,
        .channel = bytes(texts[0]),
        .payload = bytes(texts[1]),
        .sender = bytes(texts[2]),
        .sender_user = bytes(texts[3]),
        .exclude = bytes(texts[4]),
        .epoch = bytes(texts[5]),
        .offset = 42,
    };
}

static void *deliver_and_overwrite(void *context) {
    struct fixture *f = context;
    struct wshub_message message;
    char texts[6][TEXT_MAX];
    fill(&message, texts);
    int status = f->host->deliver(f->host->self, &message);
    memset(texts, 'x', sizeof texts);
    memset(&message, 0xff, sizeof message);
    return status == WSHUB_OK ? NULL : context;
}

static void assert_heard_everything(const struct fixture *f) {
    assert_string_equal(f->heard.channel, "room");
    assert_string_equal(f->heard.payload, "payload");
    assert_string_equal(f->heard.sender, "sender");
    assert_string_equal(f->heard.user, "user");
    assert_string_equal(f->heard.exclude, "exclude");
    assert_string_equal(f->heard.epoch, "epoch");
    assert_int_equal(f->heard.offset, 42);
}

static void what_a_thread_delivers_is_copied(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    run_thread(deliver_and_overwrite, &f);
    assert_int_equal(f.deliveries, 0);
    run_rounds(f.loop);
    assert_int_equal(f.deliveries, 1);
    assert_heard_everything(&f);
    tear_down(&f);
}

static void what_the_hub_thread_delivers_is_lent(void **state) {
    struct fixture f;
    struct wshub_message message;
    char texts[6][TEXT_MAX];
    (void)state;
    set_up(&f);
    fill(&message, texts);
    assert_int_equal(f.host->deliver(f.host->self, &message), WSHUB_OK);
    assert_int_equal(f.deliveries, 1); // before it returned
    assert_heard_everything(&f);
    assert_ptr_equal(f.heard.where, texts[1]);
    tear_down(&f);
}

static void *deliver_it(void *context) {
    struct fixture *f = ((void **)context)[0];
    const struct wshub_message *message = ((void **)context)[1];
    ((void **)context)[2] = f->host->deliver(f->host->self, message) == WSHUB_OK ? NULL : context;
    return NULL;
}

static void deliver_from(struct fixture *f, bool other_thread, struct wshub_message *message) {
    f->heard = (struct heard){0};
    if (other_thread) {
        void *arguments[] = {f, message, f};
        run_thread(deliver_it, arguments);
        assert_null(arguments[2]);
        run_rounds(f->loop);
    } else {
        assert_int_equal(f->host->deliver(f->host->self, message), WSHUB_OK);
    }
}

// What an older plugin did not know is empty, whatever stands behind its message in memory.
static void a_shorter_message_is_one_of_an_older_plugin(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    for (int other_thread = 0; other_thread < 2; other_thread++) {
        struct wshub_message message;
        char texts[6][TEXT_MAX];
        fill(&message, texts);
        memset((char *)&message + offsetof(struct wshub_message, exclude), 0xff,
               sizeof message - offsetof(struct wshub_message, exclude));
        message.struct_size = offsetof(struct wshub_message, exclude);
        deliver_from(&f, other_thread, &message);
        assert_string_equal(f.heard.user, "user");
        assert_string_equal(f.heard.exclude, "");
        assert_string_equal(f.heard.epoch, "");
        assert_int_equal(f.heard.offset, 0);
    }
    assert_int_equal(f.deliveries, 2);
    tear_down(&f);
}

static void a_longer_message_is_one_of_a_newer_plugin(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    for (int other_thread = 0; other_thread < 2; other_thread++) {
        struct {
            struct wshub_message message;
            uint64_t unknown;
        } newer = {.unknown = UINT64_MAX};
        char texts[6][TEXT_MAX];
        fill(&newer.message, texts);
        newer.message.struct_size = sizeof newer;
        deliver_from(&f, other_thread, &newer.message);
        assert_heard_everything(&f);
    }
    tear_down(&f);
}

static void empty_parts_may_point_nowhere(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    for (int other_thread = 0; other_thread < 2; other_thread++) {
        struct wshub_message message = {.struct_size = sizeof message, .channel = {"room", 4}};
        deliver_from(&f, other_thread, &message);
        assert_string_equal(f.heard.channel, "room");
        assert_string_equal(f.heard.payload, "");
    }
    tear_down(&f);
}

static void a_delivery_that_is_refused_is_counted(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    f.deliver_status = WSHUB_TOO_LARGE;
    assert_int_equal(fake_deliver(f.fake, "room", "1"), WSHUB_TOO_LARGE);
    assert_int_equal(dropped(&f), 1);
    run_thread(deliver_and_overwrite, &f); // which does not hear of it
    run_rounds(f.loop);
    assert_int_equal(dropped(&f), 2);
    tear_down(&f);
}

static void hold_a_publish(struct fixture *f) {
    const struct wshub_message message = {
        .struct_size = sizeof message, .channel = {"room", 4}, .payload = {"1", 1}};
    fake_behave(f->fake, FAKE_PUBLISH, FAKE_HOLD, 0);
    broker_publish(f->broker, &message, NULL, (struct broker_reply){on_done, f, NULL});
    assert_int_equal(f->settled, 0);
}

static void on_last_post(void *context) {
    struct fixture *f = context;
    assert_hub_thread(f);
    note(f, 'p');
}

static void *deliver_complete_post(void *context) {
    struct fixture *f = context;
    void *failed = deliver_and_overwrite(f);
    f->host->complete(f->host->self, f->fake->held->token, WSHUB_OK);
    return f->host->post(f->host->self, on_last_post, f) == WSHUB_OK ? failed : context;
}

static void what_a_thread_says_keeps_its_order(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    hold_a_publish(&f);
    run_thread(deliver_complete_post, &f);
    assert_int_equal(f.ordered, 0);
    run_rounds(f.loop);
    assert_int_equal(f.ordered, 3);
    assert_memory_equal(f.order, ((int[]){'d', 'c', 'p'}), sizeof f.order);
    assert_int_equal(f.settled, 1);
    assert_int_equal(f.status, WSHUB_OK);
    tear_down(&f);
}

static void what_still_waits_at_the_close_does_not_arrive(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    hold_a_publish(&f);
    run_thread(deliver_complete_post, &f);
    tear_down(&f);
    assert_int_equal(f.deliveries, 0);
    assert_int_equal(f.ordered, 1); // the call, and nothing else
    assert_int_equal(f.settled, 1);
    assert_int_equal(f.status, WSHUB_CLOSED);
}

static struct fixture *closing;

static void deliver_and_close(void *self) {
    assert_int_equal(fake_deliver(self, "room", "1"), WSHUB_OK);
    fake_link(self, WSHUB_LINK_DOWN, "closing");
    closing->host->lose(closing->host->self, bytes("room"));
    fake_keeper()->broker->close(self);
}

// Whom it was for has gone before.
static void what_a_plugin_says_while_it_closes_is_not_heard(void **state) {
    struct wshub_broker table = *fake_keeper()->broker;
    struct wshub_plugin plugin = *fake_keeper();
    struct fixture f;
    (void)state;
    table.close = deliver_and_close;
    plugin.broker = &table;
    closing = &f;
    prepare(&f, &plugin);
    open_broker(&f);
    tear_down(&f);
    assert_int_equal(f.deliveries, 0);
    assert_int_equal(f.links, 1);
    assert_int_equal(f.losses, 0);
}

// ---- a plugin that is faster than the hub

enum { HUGE_PAYLOAD = 1024 * 1024, BOUND = 64 * HUGE_PAYLOAD };

struct flood {
    struct fixture *fixture;
    size_t taken;
    int status;
};

static void *flood(void *context) {
    static char payload[HUGE_PAYLOAD];
    struct flood *flood = context;
    const struct wshub_host *host = flood->fixture->host;
    const struct wshub_message message = {
        .struct_size = sizeof message, .channel = {"room", 4}, .payload = {payload, sizeof payload}};
    while (flood->taken < 2 * BOUND && (flood->status = host->deliver(host->self, &message)) == WSHUB_OK) {
        flood->taken += sizeof payload;
    }
    return NULL;
}

static void a_flood_is_bounded_and_its_loss_is_told(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    for (int times = 1; times <= 2; times++) { // there is room again when the hub has caught up
        struct flood one = {&f, 0, 0};
        f.deliveries = 0;
        run_thread(flood, &one);
        assert_int_equal(one.status, WSHUB_NO_MEMORY);
        assert_in_range(one.taken, BOUND - HUGE_PAYLOAD, BOUND);
        assert_int_equal(f.losses, times - 1);
        broker_expire(f.broker);
        broker_expire(f.broker);
        assert_int_equal(f.losses, times);
        assert_int_equal(dropped(&f), times);
        assert_int_equal(count_logged(&f, "messages were lost"), times);
        run_rounds(f.loop);
        assert_int_equal(f.deliveries, one.taken / HUGE_PAYLOAD);
    }
    tear_down(&f);
}

static void *lose_it(void *context) {
    struct fixture *f = context;
    char channel[] = "room";
    f->host->lose(f->host->self, bytes(channel));
    memset(channel, 'x', sizeof channel);
    return NULL;
}

static void *lose_any(void *context) {
    struct fixture *f = context;
    f->host->lose(f->host->self, (struct wshub_bytes){NULL, 0});
    return NULL;
}

static void *lose_without_memory(void *context) {
    memory_allowed = 0;
    lose_it(context);
    memory_allowed = SIZE_MAX;
    return NULL;
}

static void a_plugin_may_tell_of_a_loss(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    lose_it(&f);
    assert_int_equal(f.losses, 1); // before it returned
    assert_string_equal(f.heard.channel, "room");
    lose_any(&f);
    assert_int_equal(f.losses, 2);
    assert_string_equal(f.heard.channel, "");
    run_thread(lose_it, &f);
    assert_int_equal(f.losses, 2);
    run_rounds(f.loop);
    assert_int_equal(f.losses, 3);
    assert_string_equal(f.heard.channel, "room");
    run_thread(lose_any, &f);
    run_rounds(f.loop);
    assert_int_equal(f.losses, 4);
    assert_string_equal(f.heard.channel, "");
    assert_int_equal(dropped(&f), 4);
    run_thread(lose_it, &f);
    tear_down(&f);
    assert_int_equal(f.losses, 4); // after the close nobody hears
}

// Without memory for the word, it is told of all channels.
static void a_loss_is_told_without_memory_too(void **state) {
    struct fixture f;
    (void)state;
    if (!SCARCE_MEMORY) {
        skip();
    }
    set_up(&f);
    run_thread(lose_without_memory, &f);
    run_rounds(f.loop);
    assert_int_equal(f.losses, 0);
    broker_expire(f.broker);
    assert_int_equal(f.losses, 1);
    assert_string_equal(f.heard.channel, "");
    tear_down(&f);
}

// ---- the log

static void a_link_is_logged_when_it_changes(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f); // up
    fake_link(f.fake, WSHUB_LINK_UP, NULL);
    assert_int_equal(count_logged(&f, "broker up"), 1);
    fake_link(f.fake, WSHUB_LINK_DOWN, "connection reset");
    fake_link(f.fake, WSHUB_LINK_DOWN, NULL);
    assert_int_equal(count_logged(&f, "broker down"), 1);
    assert_int_equal(count_logged(&f, "connection reset"), 1);
    for (int i = 0; i < 100; i++) {
        fake_link(f.fake, WSHUB_LINK_DOWN, "connection refused");
    }
    assert_int_equal(count_logged(&f, "broker down"), 1);
    assert_in_range(count_logged(&f, "connection refused"), 1, 5); // an outage of days fills no disk
    fake_link(f.fake, WSHUB_LINK_RESUMED, NULL);
    assert_int_equal(count_logged(&f, "broker up"), 2);
    assert_int_equal(counter_get(&broker_stats(f.broker)->link_losses), 1);
    assert_int_equal(counter_get(&broker_stats(f.broker)->link_up), 1);
    tear_down(&f);
}

static void every_level_has_its_word(void **state) {
    struct fixture f;
    (void)state;
    set_up(&f);
    const enum wshub_log_level levels[] = {WSHUB_LOG_DEBUG, WSHUB_LOG_INFO, WSHUB_LOG_WARN, WSHUB_LOG_ERROR,
                                           (enum wshub_log_level)99};
    static const char *const words[] = {"debug", "info", "warn", "error", "error"};
    for (size_t i = 0; i < 5; i++) {
        char text[TEXT_MAX], line[64];
        snprintf(text, sizeof text, "line-%zu", i);
        snprintf(line, sizeof line, "level=%s event=%s broker=main", words[i], text);
        f.host->log(f.host->self, levels[i], text);
        assert_int_equal(count_logged(&f, line), 1);
    }
    tear_down(&f);
}

// ---- options

static const char *asked_text[3];
static uint64_t asked_number[3];
static bool refuses;

static int ask_and_open(const struct wshub_host *host, void **self) {
    static const char *const names[3] = {"url", "limit", "nothing"};
    for (int i = 0; i < 3; i++) {
        asked_text[i] = host->option_text(host->self, names[i]);
        asked_number[i] = host->option_number(host->self, names[i]);
    }
    if (refuses) {
        host->option_refuse(host->self, "url", "a URL that begins with fake://");
        return WSHUB_INVALID;
    }
    return fake_keeper()->broker->open(host, self);
}

static void options_can_be_asked_and_refused(void **state) {
    static const struct wshub_option options[] = {
        {.name = "url", .help = "where", .fallback = "redis://h", .type = WSHUB_OPTION_TEXT},
        {.name = "limit", .help = "how much", .fallback = "64KiB", .type = WSHUB_OPTION_SIZE},
    };
    struct wshub_broker table = *fake_keeper()->broker;
    struct wshub_plugin plugin = *fake_keeper();
    struct fixture f;
    (void)state;
    table.open = ask_and_open;
    plugin.broker = &table;
    plugin.options = options;
    plugin.option_count = 2;
    plugin.option_size = sizeof *options;
    for (int i = 0; i < 2; i++) {
        refuses = i == 1;
        prepare(&f, &plugin);
        open_broker(&f);
        assert_string_equal(asked_text[0], "redis://h");
        assert_string_equal(asked_text[1], "64KiB");
        assert_null(asked_text[2]); // not declared
        assert_int_equal(asked_number[0], 0);
        assert_int_equal(asked_number[1], 65536);
        assert_int_equal(asked_number[2], 0);
        assert_int_equal(f.broker == NULL, refuses);
        assert_int_equal(count_logged(&f, "a URL that begins with fake://"), refuses);
        assert_int_equal(count_logged(&f, "broker cannot be opened"), refuses);
        tear_down(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_arrive_in_the_order_of_their_thread),
        cmocka_unit_test(what_a_thread_delivers_is_copied),
        cmocka_unit_test(what_the_hub_thread_delivers_is_lent),
        cmocka_unit_test(a_shorter_message_is_one_of_an_older_plugin),
        cmocka_unit_test(a_longer_message_is_one_of_a_newer_plugin),
        cmocka_unit_test(empty_parts_may_point_nowhere),
        cmocka_unit_test(a_delivery_that_is_refused_is_counted),
        cmocka_unit_test(what_a_thread_says_keeps_its_order),
        cmocka_unit_test(what_still_waits_at_the_close_does_not_arrive),
        cmocka_unit_test(what_a_plugin_says_while_it_closes_is_not_heard),
        cmocka_unit_test(a_flood_is_bounded_and_its_loss_is_told),
        cmocka_unit_test(a_plugin_may_tell_of_a_loss),
        cmocka_unit_test(a_loss_is_told_without_memory_too),
        cmocka_unit_test(a_link_is_logged_when_it_changes),
        cmocka_unit_test(every_level_has_its_word),
        cmocka_unit_test(options_can_be_asked_and_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
