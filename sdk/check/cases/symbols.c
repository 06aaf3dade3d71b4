// SPDX-License-Identifier: MIT
#include "cases/symbols.h"

#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct image { // a file, mapped
    const char *bytes;
    size_t size;
};

// Every offset of the file is looked at here before it is used: NULL when it leads out of it.
static const void *at(const struct image *image, size_t offset, size_t count, size_t size) {
    if (offset > image->size || count > (image->size - offset) / size || offset % sizeof(ElfW(Addr)) != 0) {
        return NULL;
    }
    return image->bytes + offset;
}

static const char *text_at(const struct image *image, const ElfW(Shdr) * strings, size_t offset) {
    if (offset >= strings->sh_size || strings->sh_offset > image->size ||
        strings->sh_size > image->size - strings->sh_offset) {
        return NULL;
    }
    const char *text = image->bytes + strings->sh_offset + offset;
    return memchr(text, '\0', strings->sh_size - offset) ? text : NULL;
}

static const ElfW(Shdr) * find_section(const struct image *image, const ElfW(Ehdr) * head, uint32_t type) {
    const ElfW(Shdr) *sections = at(image, head->e_shoff, head->e_shnum, sizeof *sections);
    for (size_t i = 0; sections && i < head->e_shnum; i++) {
        if (sections[i].sh_type == type) {
            return &sections[i];
        }
    }
    return NULL;
}

// Older linkers put these into every shared object; sanitizers and coverage theirs.
static bool is_of_tools(const char *name) {
    static const char *const whole[] = {"_init", "_fini", "_edata", "_end", "__bss_start"};
    static const char *const begin[] = {"__odr_asan",   "__asan_",     "__ubsan_", "__tsan_",
                                        "__start_asan", "__stop_asan", "__gcov_"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        if (strcmp(name, whole[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof begin / sizeof *begin; i++) {
        if (strncmp(name, begin[i], strlen(begin[i])) == 0) {
            return true;
        }
    }
    return false;
}

// The binding and the visibility of both classes of ELF stand in the same bits. SHN_ABS is the name of a
// version, not a symbol.
static bool is_exported(const ElfW(Sym) * symbol) {
    unsigned binding = symbol->st_info >> 4, visibility = symbol->st_other & 3;
    return symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS && binding != STB_LOCAL &&
           (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

static bool add(struct symbols *symbols, const char *name) {
    char **names = realloc(symbols->names, (symbols->count + 1) * sizeof *names);
    if (!names) {
        return false;
    }
    symbols->names = names;
    names[symbols->count] = strdup(name);
    return names[symbols->count++] != NULL;
}

static const char *read_symbols(struct symbols *symbols, const struct image *image) {
    const ElfW(Ehdr) *head = at(image, 0, 1, sizeof *head);
    if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
        head->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)) {
        return "it is no ELF file of this machine";
    }
    const ElfW(Shdr) *sections = at(image, head->e_shoff, head->e_shnum, sizeof *sections);
    const ElfW(Shdr) *section = find_section(image, head, SHT_DYNSYM);
    if (!section || section->sh_link >= head->e_shnum) {
        return "its section headers were stripped";
    }
    size_t count = section->sh_size / sizeof(ElfW(Sym));
    const ElfW(Sym) *table = at(image, section->sh_offset, count, sizeof *table);
    for (size_t i = 0; table && i < count; i++) {
        const char *name = text_at(image, &sections[section->sh_link], table[i].st_name);
        if (name && is_exported(&table[i]) && !is_of_tools(name) && !add(symbols, name)) {
            return "there is no memory";
        }
    }
    return table ? NULL : "its table of symbols is damaged";
}

bool symbols_read(struct symbols *symbols, const char *path, const char **why) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct image image = {0};
    *symbols = (struct symbols){0};
    *why = "it cannot be read";
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0) {
        image.size = (size_t)status.st_size;
        void *bytes = mmap(NULL, image.size, PROT_READ, MAP_PRIVATE, fd, 0);
        image.bytes = bytes == MAP_FAILED ? NULL : bytes;
    }
    if (image.bytes) {
        *why = read_symbols(symbols, &image);
        munmap((void *)(uintptr_t)image.bytes, image.size);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (*why) {
        symbols_free(symbols);
    }
    return !*why;
}

void symbols_free(struct symbols *symbols) {
    for (size_t i = 0; i < symbols->count; i++) {
        free(symbols->names[i]);
    }
    free(symbols->names);
    *symbols = (struct symbols){0};
}
