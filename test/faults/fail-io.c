/* A disk that fails on command, for programs started with LD_PRELOAD. The order stands in the file $FAIL_IO_ORDER,
 * which may be written and changed while the program runs:
 *
 *   CALLS PATH-PART NTH HOW TIMES
 *
 * CALLS: sync, write, read or name (rename, unlink, mkdir), one of their calls by its name (fsync), or change: sync,
 * write and name. PATH-PART: what the path of the file must contain, "$" at its end for "ends with"; of a rename it is the new one.
 * NTH: the so manieth matching call from when the order was given is the first that fails. HOW: eio, enospc,
 * short (half of it is written), kill, kill-after (the call is still made) or count (nothing fails). TIMES: how many calls
 * fail; 0 for all from then on. Each failed call, and each matching one after it, is a line "failed CALL PATH MS" or
 * "passed CALL PATH MS" in $FAIL_IO_ORDER.log; MS is the wall clock's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { PASS, EIO_NOW, ENOSPC_NOW, SHORT_NOW, KILL_AFTER };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char known[512];
static long seen, failed;

static void note(const char *what, const char *call, const char *path) {
  char name[600], line[900];
  snprintf(name, sizeof name, "%s.log", getenv("FAIL_IO_ORDER"));
  int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND, 0600);
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int length = snprintf(line, sizeof line, "%s %s %s %lld\n", what, call, path, (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
  if (fd >= 0 && syscall(SYS_write, fd, line, length) < 0) { /* the test will see that it is missing */ }
  if (fd >= 0) syscall(SYS_close, fd);
}

static int judge_path(const char *kind, const char *call, const char *given) {
  const char *file = getenv("FAIL_IO_ORDER");
  char order[512] = "", path[400], calls[16], part[256], how[16];
  long nth, times;
  if (!file) return PASS;
  int saved = errno;
  int in = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY);
  if (in < 0) { errno = saved; return PASS; }
  long got = syscall(SYS_read, in, order, sizeof order - 1);
  syscall(SYS_close, in);
  errno = saved;
  if (got <= 0 || sscanf(order, "%15s %255s %ld %15s %ld", calls, part, &nth, how, &times) != 5) return PASS;
  if (!strcmp(calls, "change") ? !strcmp(kind, "read") : strcmp(calls, kind) && strcmp(calls, call)) return PASS;
  snprintf(path, sizeof path, "%s", given);
  size_t length = strlen(path), wanted = strlen(part);
  if (part[wanted - 1] == '$') {
    part[--wanted] = 0;
    if (length < wanted || strcmp(path + length - wanted, part)) return PASS;
  } else if (!strstr(path, part)) return PASS;
  int only_counts = !strcmp(how, "count");
  pthread_mutex_lock(&lock);
  if (strcmp(known, order)) { strcpy(known, order); seen = failed = 0; }
  seen++;
  int fails = seen >= nth && (times == 0 || failed < times);
  if (fails) failed++;
  if (fails || failed) note(fails && !only_counts ? "failed" : "passed", call, path);
  if (fails && !strcmp(how, "kill")) kill(getpid(), SIGKILL); /* with the lock held: nobody else gets on meanwhile */
  pthread_mutex_unlock(&lock);
  errno = saved;
  if (!fails || only_counts) return PASS;
  return !strcmp(how, "enospc") ? ENOSPC_NOW : !strcmp(how, "short") ? SHORT_NOW : !strcmp(how, "kill-after") ? KILL_AFTER : EIO_NOW;
}

static int judge(const char *kind, const char *call, int fd) {
  char path[400] = "", link[64];
  if (!getenv("FAIL_IO_ORDER")) return PASS;
  int saved = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  long length = readlink(link, path, sizeof path - 1);
  errno = saved;
  return length <= 0 ? PASS : judge_path(kind, call, path);
}

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)
/* The call was made as it should be; what comes behind it is not. */
#define AFTER(verdict, type, expression) do { type done = (expression); if ((verdict) == KILL_AFTER) kill(getpid(), SIGKILL); return done; } while (0)
#define FAIL(verdict) do { if ((verdict) == EIO_NOW) { errno = EIO; return -1; } if ((verdict) == ENOSPC_NOW) { errno = ENOSPC; return -1; } } while (0)

int fsync(int fd) { REAL(int, "fsync", int); int v = judge("sync", "fsync", fd); FAIL(v); AFTER(v, int, real(fd)); }
int fdatasync(int fd) { REAL(int, "fdatasync", int); int v = judge("sync", "fdatasync", fd); FAIL(v); AFTER(v, int, real(fd)); }


ssize_t write(int fd, const void *from, size_t n) {
  REAL(ssize_t, "write", int, const void *, size_t);
  int v = judge("write", "write", fd); FAIL(v);
  AFTER(v, ssize_t, real(fd, from, v == SHORT_NOW ? n / 2 : n));
}
ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  int v = judge("write", "pwrite", fd); FAIL(v);
  AFTER(v, ssize_t, real(fd, from, v == SHORT_NOW ? n / 2 : n, at));
}
ssize_t pwrite(int fd, const void *from, size_t n, off_t at) { return pwrite64(fd, from, n, at); }
ssize_t writev(int fd, const struct iovec *parts, int n) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  int v = judge("write", "writev", fd); FAIL(v);
  if (v == SHORT_NOW) return write(fd, parts[0].iov_base, parts[0].iov_len / 2);
  AFTER(v, ssize_t, real(fd, parts, n));
}
ssize_t pwritev64(int fd, const struct iovec *parts, int n, off64_t at) {
  REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off64_t);
  int v = judge("write", "pwritev", fd); FAIL(v);
  if (v == SHORT_NOW) return pwrite64(fd, parts[0].iov_base, parts[0].iov_len / 2, at);
  AFTER(v, ssize_t, real(fd, parts, n, at));
}
ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t at) { return pwritev64(fd, parts, n, at); }

ssize_t read(int fd, void *into, size_t n) {
  REAL(ssize_t, "read", int, void *, size_t);
  int v = judge("read", "read", fd); FAIL(v);
  return real(fd, into, n);
}
ssize_t pread64(int fd, void *into, size_t n, off64_t at) {
  REAL(ssize_t, "pread64", int, void *, size_t, off64_t);
  int v = judge("read", "pread", fd); FAIL(v);
  return real(fd, into, n, at);
}
ssize_t pread(int fd, void *into, size_t n, off_t at) { return pread64(fd, into, n, at); }
ssize_t preadv64(int fd, const struct iovec *parts, int n, off64_t at) {
  REAL(ssize_t, "preadv64", int, const struct iovec *, int, off64_t);
  int v = judge("read", "preadv", fd); FAIL(v);
  return real(fd, parts, n, at);
}
ssize_t preadv(int fd, const struct iovec *parts, int n, off_t at) { return preadv64(fd, parts, n, at); }

int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  int v = judge_path("name", "rename", to); FAIL(v);
  AFTER(v, int, real(from, to));
}
int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  int v = judge_path("name", "unlink", path); FAIL(v);
  AFTER(v, int, real(path));
}
int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  int v = judge_path("name", "mkdir", path); FAIL(v);
  AFTER(v, int, real(path, mode));
}
