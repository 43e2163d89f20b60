/* Fault injection by LD_PRELOAD: the n-th write point of a process fails, is torn, or is the last thing it does.
 *
 * A write point is a call that changes a file below a folder (write, rename, create, flush, cut, link, remove), and,
 * where asked for, a message to a server over TCP. Nothing is counted before chaos_arm. SLOW: each takes `fault` ms more. Calls that the C library makes
 * within itself are not seen, other than fwrite.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT, FAIL, KILL_BEFORE, KILL_TORN, KILL_AFTER, SLOW };

static char below[PATH_MAX];
static size_t below_length;
static long at;
static int how, fault, sockets, lasting;
static atomic_long points;

void chaos_arm(const char *folder, long nth, int what, int error, int with_sockets, int stays) {
    strncpy(below, folder, sizeof below - 1);
    at = nth, how = what, fault = error, sockets = with_sockets, lasting = stays;
    atomic_store(&points, 0);
    below_length = strlen(below);
}

long chaos_points(void) { return atomic_load(&points); }

static int is_below(const char *path) { return strncmp(path, below, below_length) == 0; }

static int path_counts(int folder, const char *path) {
    char base[PATH_MAX], link[64];
    if (!below_length || !path) return 0;
    if (path[0] == '/') return is_below(path);
    if (folder == AT_FDCWD) strcpy(link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t n = syscall(SYS_readlink, link, base, sizeof base - 1);
    if (n < 0) return 0;
    base[n] = 0;
    return is_below(base);
}

static int file_counts(int number) {
    char link[64], path[PATH_MAX];
    if (!below_length) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", number);
    ssize_t n = syscall(SYS_readlink, link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return is_below(path);
}

static int message_counts(int number) {
    struct sockaddr_storage to;
    socklen_t size = sizeof to;
    if (!below_length || !sockets || getpeername(number, (struct sockaddr *)&to, &size)) return 0;
    return to.ss_family == AF_INET || to.ss_family == AF_INET6;
}

static void die(void) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) syscall(SYS_pause);
}

/* What to do at this point: 0 as always; 1 fail; 2 do half and die; 3 do it and die. */
static int meet(int counts) {
    if (!counts) return 0;
    long number = atomic_fetch_add(&points, 1) + 1;
    if (how == SLOW) usleep(fault * 1000);
    if (how == FAIL && (number == at || (lasting && number > at))) return 1;
    if (number != at) return 0;
    if (how == KILL_BEFORE) die();
    return how == KILL_TORN ? 2 : how == KILL_AFTER ? 3 : 0;
}

#define REAL(name) static typeof(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define MEET(counts, half, all) \
    switch (meet(counts)) { \
    case 1: errno = fault; return -1; \
    case 2: half; die(); break; \
    case 3: all; die(); break; \
    default: break; }

ssize_t write(int number, const void *bytes, size_t size) {
    REAL(write);
    MEET(file_counts(number) || message_counts(number), real(number, bytes, size / 2), real(number, bytes, size))
    return real(number, bytes, size);
}
ssize_t pwrite64(int number, const void *bytes, size_t size, off64_t place) {
    REAL(pwrite64);
    MEET(file_counts(number), real(number, bytes, size / 2, place), real(number, bytes, size, place))
    return real(number, bytes, size, place);
}
ssize_t writev(int number, const struct iovec *parts, int count) {
    REAL(writev);
    MEET(file_counts(number), real(number, parts, count / 2), real(number, parts, count))
    return real(number, parts, count);
}
size_t fwrite(const void *bytes, size_t size, size_t count, FILE *file) {
    REAL(fwrite);
    switch (meet(file_counts(fileno(file)))) {
    case 1: errno = fault; return 0;
    case 2: real(bytes, size, count / 2, file); fflush(file); die(); break;
    case 3: real(bytes, size, count, file); fflush(file); die(); break;
    }
    return real(bytes, size, count, file);
}
ssize_t send(int number, const void *bytes, size_t size, int flags) {
    REAL(send);
    MEET(message_counts(number), real(number, bytes, size / 2, flags), real(number, bytes, size, flags))
    return real(number, bytes, size, flags);
}
ssize_t sendfile64(int out, int in, off64_t *place, size_t size) {
    REAL(sendfile64);
    MEET(file_counts(out), real(out, in, place, size / 2), real(out, in, place, size))
    return real(out, in, place, size);
}
int fsync(int number) {
    REAL(fsync);
    MEET(file_counts(number), (void)0, real(number))
    return real(number);
}
int ftruncate64(int number, off64_t size) {
    REAL(ftruncate64);
    MEET(file_counts(number), (void)0, real(number, size))
    return real(number, size);
}
int rename(const char *from, const char *to) {
    REAL(rename);
    MEET(path_counts(AT_FDCWD, to), (void)0, real(from, to))
    return real(from, to);
}
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    REAL(renameat);
    MEET(path_counts(to_folder, to), (void)0, real(from_folder, from, to_folder, to))
    return real(from_folder, from, to_folder, to);
}
int link(const char *from, const char *to) {
    REAL(link);
    MEET(path_counts(AT_FDCWD, to), (void)0, real(from, to))
    return real(from, to);
}
int unlink(const char *path) {
    REAL(unlink);
    MEET(path_counts(AT_FDCWD, path), (void)0, real(path))
    return real(path);
}
int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    MEET(path_counts(AT_FDCWD, path), (void)0, real(path, mode))
    return real(path, mode);
}

static int creates(int flags) { return (flags & O_CREAT) || (flags & O_ACCMODE) != O_RDONLY; }
#define MODE mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) {
    MODE
    REAL(open);
    MEET(creates(flags) && path_counts(AT_FDCWD, path), (void)0, real(path, flags, mode))
    return real(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE
    REAL(open64);
    MEET(creates(flags) && path_counts(AT_FDCWD, path), (void)0, real(path, flags, mode))
    return real(path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
    MODE
    REAL(openat);
    MEET(creates(flags) && path_counts(folder, path), (void)0, real(folder, path, flags, mode))
    return real(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
    MODE
    REAL(openat64);
    MEET(creates(flags) && path_counts(folder, path), (void)0, real(folder, path, flags, mode))
    return real(folder, path, flags, mode);
}
