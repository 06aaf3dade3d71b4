// SPDX-License-Identifier: MIT
#include "auth/hostile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/peer.h"

enum { KIB = 1024, HUGE_TOKEN = 4096 * KIB };
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TOKEN(what, text) \
    { what, text, sizeof(text) - 1 }

static const struct {
    const char *what, *text;
    size_t length;
} tokens[] = {
    TOKEN("an empty token", ""),
    TOKEN("a token of one letter", "x"),
    TOKEN("a blank as the token", " "),
    TOKEN("a NUL as the token", "\0"),
    TOKEN("a token that begins with a NUL", "\0admin"),
    TOKEN("a token with a NUL in it", "admin\0rubbish"),
    TOKEN("the token \"null\"", "null"),
    TOKEN("the token \"undefined\"", "undefined"),
    TOKEN("the token \"true\"", "true"),
    TOKEN("the token \"0\"", "0"),
    TOKEN("the token \"admin\"", "admin"),
    TOKEN("the token \"anonymous\"", "anonymous"),
    TOKEN("a star as the token", "*"),
    TOKEN("a pattern as the token", "{user}"),
    TOKEN("a comment as the token", "#"),
    TOKEN("a line feed as the token", "\n"),
    TOKEN("a token of several lines", "admin\r\nauthorization: Bearer admin\r\n\r\n"),
    TOKEN("a token that is not UTF-8", "\xFF\xFE\xC0\x80\xED\xA0\x80"),
    TOKEN("a token of control characters", "\x01\x02\x1B[31m\x7F"),
    TOKEN("a token of wide letters", "\xE2\x80\xAE\xF0\x9F\x94\x91\xCC\x88"),
    TOKEN("a token that is a path", "../../../../etc/passwd"),
    TOKEN("a token that is a format", "%n%s%n%s%99999d"),
    TOKEN("a token that is SQL", "' OR '1'='1' --"),
    TOKEN("a token that is a command", "$(reboot);`reboot`|reboot"),
    TOKEN("a token that is JSON", "{\"user\":\"admin\",\"sub\":\"admin\"}"),
    TOKEN("a token that is a URL", "http://127.0.0.1:1/?a=b&c=d#e"),
    TOKEN("a token of a scheme", "Bearer admin"),
    TOKEN("a token of dots", ".."),
    TOKEN("a token of many dots", "........................................"),
    TOKEN("a JWT of no algorithm, and no signature", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."),
    TOKEN("a JWT of no algorithm in capitals", "eyJhbGciOiJOT05FIn0.eyJzdWIiOiJhZG1pbiJ9.AAAA"),
    TOKEN("a JWT without a signature", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9."),
    TOKEN("a JWT with two parts", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9"),
    TOKEN("a JWT with a signature of zeros", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9."
                                             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    TOKEN(
        "a JWT with an ECDSA signature of zeros",
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    TOKEN("a JWT whose kid is a path", "eyJhbGciOiJIUzI1NiIsImtpZCI6Ii4uLy4uL2Rldi9udWxsIn0."
                                       "eyJzdWIiOiJhZG1pbiJ9.AAAA"),
    TOKEN("a JWT that is no base64", "e30$.{}.!!!!"),
    TOKEN("a JWT with padding", "e30=.e30=.AA=="),
};

static const enum wshub_token_source sources[] = {
    WSHUB_TOKEN_HEADER, WSHUB_TOKEN_QUERY, WSHUB_TOKEN_COOKIE, WSHUB_TOKEN_SUBPROTOCOL, WSHUB_TOKEN_MESSAGE,
};

// ---- requests of every shape ----

static struct wshub_bytes fill(struct check *check, char letter, size_t length) {
    char *text = malloc(length + 1);
    if (!text) {
        check_fail(check, "the kit has no memory left");
    }
    memset(text, letter, length);
    struct wshub_bytes kept = inquiry_keep(check, text, length);
    free(text);
    return kept;
}

static void make_plain(struct check *check, struct inquiry *inquiry) {
    inquiry_make(check, inquiry, (struct wshub_bytes){0}, WSHUB_TOKEN_NONE);
}

static void make_rubbish(struct check *check, struct inquiry *inquiry) {
    inquiry_make(check, inquiry, bytes_of("rubbish-that-nobody-knows"), WSHUB_TOKEN_HEADER);
}

static void no_token(struct check *check, struct inquiry *inquiry) {
    make_plain(check, inquiry);
}

static void nothing(struct check *check, struct inquiry *inquiry) {
    make_plain(check, inquiry);
    inquiry->request = (struct wshub_request){.struct_size = sizeof inquiry->request};
}

static void nothing_but_token(struct check *check, struct inquiry *inquiry) {
    nothing(check, inquiry);
    inquiry->request.token = bytes_of("rubbish-that-nobody-knows");
    inquiry->request.token_source = WSHUB_TOKEN_MESSAGE;
}

static void unknown_source(struct check *check, struct inquiry *inquiry) {
    make_rubbish(check, inquiry);
    inquiry->request.token_source = 99;
}

static void source_without_token(struct check *check, struct inquiry *inquiry) {
    make_plain(check, inquiry);
    inquiry->request.token_source = WSHUB_TOKEN_HEADER;
}

// The hub has a reason not to show it as the token.
static void header_alone(struct check *check, struct inquiry *inquiry) {
    make_rubbish(check, inquiry);
    inquiry->request.token = (struct wshub_bytes){0};
    inquiry->request.token_source = WSHUB_TOKEN_NONE;
}

static void large(struct check *check, struct inquiry *inquiry) {
    inquiry_make(check, inquiry, fill(check, 'A', (size_t)64 * KIB), WSHUB_TOKEN_MESSAGE);
}

static void huge(struct check *check, struct inquiry *inquiry) {
    inquiry_make(check, inquiry, fill(check, 'A', HUGE_TOKEN), WSHUB_TOKEN_MESSAGE);
}

static void huge_of_dots(struct check *check, struct inquiry *inquiry) {
    inquiry_make(check, inquiry, fill(check, '.', HUGE_TOKEN), WSHUB_TOKEN_MESSAGE);
}

static void huge_nested(struct check *check, struct inquiry *inquiry) {
    inquiry_make(check, inquiry, fill(check, '[', (size_t)256 * KIB), WSHUB_TOKEN_MESSAGE);
}

static void each_byte(struct check *check, struct inquiry *inquiry) {
    char bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)i;
    }
    inquiry_make(check, inquiry, inquiry_keep(check, bytes, sizeof bytes), WSHUB_TOKEN_MESSAGE);
}

static void many_headers(struct check *check, struct inquiry *inquiry) {
    enum { MANY = 1000 };
    make_rubbish(check, inquiry);
    for (int i = 0; i < MANY; i++) {
        char name[24];
        snprintf(name, sizeof name, "x-header-%d", i);
        inquiry_add_header(check, inquiry, inquiry_keep(check, name, strlen(name)), bytes_of("value"));
    }
}

static void many_cookies(struct check *check, struct inquiry *inquiry) {
    enum { MANY = 1000 };
    make_rubbish(check, inquiry);
    for (int i = 0; i < MANY; i++) {
        inquiry_add_cookie(check, inquiry, bytes_of(i % 2 ? "session" : "sid"), bytes_of("rubbish"));
    }
}

static void doubled_headers(struct check *check, struct inquiry *inquiry) {
    make_rubbish(check, inquiry);
    inquiry_add_header(check, inquiry, bytes_of("authorization"), bytes_of("Bearer admin"));
    inquiry_add_header(check, inquiry, bytes_of("authorization"), bytes_of("Basic YWRtaW46YWRtaW4="));
    inquiry_add_header(check, inquiry, bytes_of("host"), bytes_of("another.example"));
    inquiry_add_header(check, inquiry, bytes_of("x-forwarded-for"), bytes_of("127.0.0.1"));
    inquiry_add_header(check, inquiry, bytes_of("x-user"), bytes_of("admin"));
}

static void doubled_cookies(struct check *check, struct inquiry *inquiry) {
    inquiry_make(check, inquiry, bytes_of("rubbish"), WSHUB_TOKEN_COOKIE);
    inquiry_add_cookie(check, inquiry, bytes_of("token"), bytes_of("admin"));
    inquiry_add_cookie(check, inquiry, bytes_of("session"), bytes_of("admin"));
    inquiry_add_cookie(check, inquiry, bytes_of("session"), bytes_of(""));
    inquiry_add_cookie(check, inquiry, bytes_of(""), bytes_of("admin"));
}

static void odd_headers(struct check *check, struct inquiry *inquiry) {
    make_rubbish(check, inquiry);
    inquiry_add_header(check, inquiry, bytes_of(""), bytes_of("a name that is empty"));
    inquiry_add_header(check, inquiry, bytes_of("x-empty"), (struct wshub_bytes){0});
    inquiry_add_header(check, inquiry, bytes_of("x-not-utf-8"), bytes_of("\xFF\xFE"));
    inquiry_add_header(check, inquiry, bytes_of("x-format"), bytes_of("%n%s"));
    inquiry_add_header(check, inquiry, fill(check, 'x', (size_t)16 * KIB),
                       fill(check, 'y', (size_t)48 * KIB));
}

static void long_path(struct check *check, struct inquiry *inquiry) {
    make_rubbish(check, inquiry);
    inquiry->request.path = fill(check, '/', (size_t)64 * KIB);
    inquiry->request.query = fill(check, '&', (size_t)64 * KIB);
}

static void odd_path(struct check *check, struct inquiry *inquiry) {
    make_rubbish(check, inquiry);
    inquiry->request.path = bytes_of("/%00/../%ff%fe%/%zz");
    inquiry->request.query = bytes_of("token=%00&token=admin&token&=&token[]=x&%zz=%");
}

static void odd_address(struct check *check, struct inquiry *inquiry) {
    make_rubbish(check, inquiry);
    inquiry->request.address = bytes_of("999.999.999.999, 127.0.0.1");
    inquiry->request.protocol = bytes_of("no.such.protocol");
    inquiry->request.method = bytes_of("BREW");
}

static void no_address(struct check *check, struct inquiry *inquiry) {
    make_rubbish(check, inquiry);
    inquiry->request.address = (struct wshub_bytes){0};
}

static void many_subprotocols(struct check *check, struct inquiry *inquiry) {
    enum { MANY = 1000 };
    struct wshub_bytes all[MANY];
    make_rubbish(check, inquiry);
    for (int i = 0; i < MANY; i++) {
        all[i] = bytes_of(i % 2 ? "wshub.token." : "wshub.token.admin");
    }
    inquiry->request.subprotocols = inquiry_keep(check, all, sizeof all).data;
    inquiry->request.subprotocol_count = MANY;
}

static const struct {
    const char *what;
    void (*make)(struct check *check, struct inquiry *inquiry);
} shapes[] = {
    {"a request without a token", no_token},
    {"a request with nothing in it", nothing},
    {"a request with nothing but a token", nothing_but_token},
    {"a token from a source that is not known yet", unknown_source},
    {"a source without a token", source_without_token},
    {"an Authorization header that is not the token", header_alone},
    {"a token of 64 KiB", large},
    {"a token of 4 MiB", huge},
    {"a token of 4 MiB of dots", huge_of_dots},
    {"a token of 256 KiB of brackets", huge_nested},
    {"a token of each of the 256 bytes", each_byte},
    {"a request with 1,000 headers", many_headers},
    {"a request with 1,000 cookies", many_cookies},
    {"a request with doubled headers", doubled_headers},
    {"a request with doubled cookies", doubled_cookies},
    {"a request with odd headers", odd_headers},
    {"a request with a path and a query of 64 KiB", long_path},
    {"a request with an odd path", odd_path},
    {"a request from an odd address", odd_address},
    {"a request from no address", no_address},
    {"a request with 1,000 subprotocols", many_subprotocols},
};

size_t hostile_count(void) {
    return COUNT(tokens) + COUNT(shapes);
}

void hostile_make(struct check *check, size_t index, struct inquiry *inquiry) {
    if (index < COUNT(shapes)) {
        shapes[index].make(check, inquiry);
        inquiry->what = shapes[index].what;
    } else {
        index -= COUNT(shapes);
        struct wshub_bytes token = {tokens[index].text, tokens[index].length};
        inquiry_make(check, inquiry, token, sources[index % COUNT(sources)]);
        inquiry->what = tokens[index].what;
    }
    inquiry->expect = EXPECT_NEVER_YES;
}

void hostile_make_stranger(struct check *check, struct inquiry *inquiry) {
    char token[64];
    snprintf(token, sizeof token, "%016" PRIx64 "%016" PRIx64, check_random(check), check_random(check));
    inquiry_make(check, inquiry, inquiry_keep(check, token, strlen(token)),
                 sources[check_random(check) % COUNT(sources)]);
    inquiry->what = "a random token";
}

// ---- nearly right ----

enum { CHANGED_MAX = 2 }; // times as long

static size_t cut_last(char *text, size_t length) {
    (void)text;
    return length - 1;
}

static size_t cut_first(char *text, size_t length) {
    memmove(text, text + 1, length - 1);
    return length - 1;
}

static size_t cut_half(char *text, size_t length) {
    (void)text;
    return length / 2;
}

static size_t cut_all_but_one(char *text, size_t length) {
    (void)text;
    (void)length;
    return 1;
}

static size_t add_letter(char *text, size_t length) {
    text[length] = 'A';
    return length + 1;
}

static size_t add_nul(char *text, size_t length) {
    text[length] = '\0';
    return length + 1;
}

static size_t add_nul_and_more(char *text, size_t length) {
    memcpy(text + length, "\0more", 5);
    return length + 5;
}

static size_t add_before(char *text, size_t length) {
    memmove(text + 1, text, length);
    text[0] = 'A';
    return length + 1;
}

static size_t double_it(char *text, size_t length) {
    memcpy(text + length, text, length);
    return 2 * length;
}

static size_t change_first(char *text, size_t length) {
    text[0] = (char)(text[0] == 'A' ? 'B' : 'A');
    return length;
}

static size_t change_middle(char *text, size_t length) {
    text[length / 2] = (char)(text[length / 2] == 'A' ? 'B' : 'A');
    return length;
}

// The last letter but two: of base64, the very last may have bits that mean nothing.
static size_t change_end(char *text, size_t length) {
    size_t at = length > 3 ? length - 3 : length - 1;
    text[at] = (char)(text[at] == 'A' ? 'B' : 'A');
    return length;
}

static size_t change_case(char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        bool letter = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z');
        text[i] = (char)(letter ? text[i] ^ 0x20 : text[i]);
    }
    return length;
}

static size_t reverse(char *text, size_t length) {
    for (size_t i = 0; i < length / 2; i++) {
        char c = text[i];
        text[i] = text[length - 1 - i];
        text[length - 1 - i] = c;
    }
    return length;
}

static const struct {
    const char *what;
    size_t (*change)(char *text, size_t length); // there is room for twice as much, and some
} changes[] = {
    {"without its last letter", cut_last},
    {"without its first letter", cut_first},
    {"of which half is there", cut_half},
    {"of which the first letter is there", cut_all_but_one},
    {"with a letter more", add_letter},
    {"with a NUL behind it", add_nul},
    {"with a NUL and more behind it", add_nul_and_more},
    {"with a letter before it", add_before},
    {"twice in a row", double_it},
    {"with another first letter", change_first},
    {"with another letter in the middle", change_middle},
    {"with another letter near its end", change_end},
    {"with capital letters small, and small ones capital", change_case},
    {"from its end to its beginning", reverse},
};

// "" where the change has changed nothing.
static struct wshub_bytes change(struct check *check, size_t index, struct wshub_bytes from) {
    char *text = malloc(CHANGED_MAX * from.length + 16);
    struct wshub_bytes changed = {0};
    if (!text) {
        check_fail(check, "the kit has no memory left");
    }
    if (from.length >= 4) {
        memcpy(text, from.data, from.length);
        size_t length = changes[index].change(text, from.length);
        if (length != from.length || memcmp(text, from.data, length) != 0) {
            changed = inquiry_keep(check, text, length);
        }
    }
    free(text);
    return changed;
}

size_t hostile_near_count(void) {
    return COUNT(changes);
}

// Each cookie and each header of the configuration's, where there is no token.
static bool change_pairs(struct check *check, size_t index, const struct inquiry *right,
                         struct inquiry *inquiry) {
    struct inquiry plain;
    const struct wshub_request *from = &right->request;
    bool any = false;
    inquiry_make(check, &plain, (struct wshub_bytes){0}, WSHUB_TOKEN_NONE);
    *inquiry = plain;
    inquiry->request.path = from->path;
    inquiry->request.address = from->address;
    for (uint64_t i = plain.request.header_count; i < from->header_count; i++) {
        struct wshub_bytes value = change(check, index, from->headers[i].value);
        any |= value.length > 0;
        inquiry_add_header(check, inquiry, from->headers[i].name, value);
    }
    for (uint64_t i = 0; i < from->cookie_count; i++) {
        struct wshub_bytes value = change(check, index, from->cookies[i].value);
        any |= value.length > 0;
        inquiry_add_cookie(check, inquiry, from->cookies[i].name, value);
    }
    return any;
}

static bool change_token(struct check *check, size_t index, const struct inquiry *right,
                         struct inquiry *inquiry) {
    struct wshub_bytes token = change(check, index, right->request.token);
    inquiry_make(check, inquiry, token, (enum wshub_token_source)right->request.token_source);
    inquiry->request.path = right->request.path;
    inquiry->request.address = right->request.address;
    return token.length > 0;
}

bool hostile_make_near(struct check *check, const struct inquiry *right, size_t index,
                       struct inquiry *inquiry) {
    char what[160];
    bool changed = right->request.token.length > 0 ? change_token(check, index, right, inquiry)
                                                   : change_pairs(check, index, right, inquiry);
    snprintf(what, sizeof what, "the %s of %s, %s", right->request.token.length > 0 ? "token" : "credentials",
             right->what, changes[index].what);
    inquiry->what = inquiry_keep(check, what, strlen(what)).data;
    return changed;
}

// ---- operations ----

static const struct {
    const char *what;
    uint32_t verb;
    const char *name, *data;
    bool is_known; // the verb
} operations[] = {
    {"a verb that is none", 0, "room:1", "", false},
    {"a verb that is not known yet", UINT32_C(1) << 31, "room:1", "", false},
    {"two verbs at once", WSHUB_VERB_SUBSCRIBE | WSHUB_VERB_PUBLISH, "room:1", "", true},
    {"a subscribe to nothing", WSHUB_VERB_SUBSCRIBE, "", "", true},
    {"a subscribe to a pattern", WSHUB_VERB_SUBSCRIBE, "*", "", true},
    {"a subscribe to a user's pattern", WSHUB_VERB_SUBSCRIBE, "{user}", "", true},
    {"a subscribe to what is the hub's", WSHUB_VERB_SUBSCRIBE, "$wshub:control", "", true},
    {"a subscribe to what is no UTF-8", WSHUB_VERB_SUBSCRIBE, "\xFF\xFE", "", true},
    {"a publish of what is no JSON", WSHUB_VERB_PUBLISH, "room:1", "{{{", true},
    {"a history of a path", WSHUB_VERB_HISTORY, "../../etc/passwd", "", true},
    {"a presence of a format", WSHUB_VERB_PRESENCE, "%n%s%n", "", true},
    {"a send to nobody", WSHUB_VERB_SEND, "", "{}", true},
};

size_t hostile_operation_count(void) {
    return COUNT(operations) + 1;
}

void hostile_make_operation(struct check *check, size_t index, struct inquiry *inquiry) {
    make_plain(check, inquiry);
    inquiry->slot = OPERATION_AUTHORIZE;
    inquiry->operation = (struct wshub_operation){
        .struct_size = sizeof inquiry->operation,
        .verb = WSHUB_VERB_PUBLISH,
        .name = bytes_of("room:1"),
        .user = bytes_of("somebody-that-nobody-knows"),
        .connection_id = inquiry->request.connection_id,
    };
    inquiry->expect = EXPECT_UNSAID; // there may be channels for everyone
    if (index == COUNT(operations)) {
        inquiry->what = "a publish of 4 MiB";
        inquiry->operation.data = fill(check, '1', HUGE_TOKEN);
        return;
    }
    inquiry->what = operations[index].what;
    inquiry->operation.verb = operations[index].verb;
    inquiry->operation.name = bytes_of(operations[index].name);
    inquiry->operation.data = bytes_of(operations[index].data);
    inquiry->expect = operations[index].is_known ? EXPECT_UNSAID : EXPECT_NEVER_YES;
}
