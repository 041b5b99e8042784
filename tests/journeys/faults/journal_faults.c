/* A file system that fails: loaded before libc (LD_PRELOAD), it lets the n-th write or sync of a journal fail, or tears
 * it, as EVENTWIRE_FAULT=n:mode says. Modes: error (EIO), full (ENOSPC), torn (half of it is written, and then the process
 * is killed), killed (all of it is written, and then). Where the n-th call never comes, nothing happens. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long step;

static int is_journal(int descriptor) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "journal.sqlite3") != NULL && strstr(path, "-shm") == NULL;
}

/* The mode, where this call is the one to fail; NULL otherwise. */
static const char *fault(int descriptor) {
    const char *wanted = getenv("EVENTWIRE_FAULT");
    if (wanted == NULL || !is_journal(descriptor)) return NULL;
    long now = __atomic_add_fetch(&step, 1, __ATOMIC_SEQ_CST);
    char *mode;
    return strtol(wanted, &mode, 10) == now && *mode == ':' ? mode + 1 : NULL;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    pause();
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (real == NULL) real = dlsym(RTLD_NEXT, "pwrite64");
    const char *mode = fault(descriptor);
    if (mode == NULL) return real(descriptor, bytes, count, offset);
    if (strcmp(mode, "error") == 0 || strcmp(mode, "full") == 0) {
        errno = strcmp(mode, "full") == 0 ? ENOSPC : EIO;
        return -1;
    }
    real(descriptor, bytes, strcmp(mode, "torn") == 0 ? count / 2 : count, offset);
    die();
    return -1;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    return pwrite64(descriptor, bytes, count, offset);
}

int fdatasync(int descriptor) {
    static int (*real)(int);
    if (real == NULL) real = dlsym(RTLD_NEXT, "fdatasync");
    const char *mode = fault(descriptor);
    if (mode == NULL) return real(descriptor);
    if (strcmp(mode, "error") == 0 || strcmp(mode, "full") == 0) {
        errno = EIO;
        return -1;
    }
    die();
    return -1;
}

int fsync(int descriptor) {
    return fdatasync(descriptor);
}
