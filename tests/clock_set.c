/* LD_PRELOAD: the time of day is off by so many ms as stand, as a 64-bit number, in the file that CLOCK_SET_BY names; or it
   stands still at the µs since 1970 in the file that CLOCK_STANDS_AT names. The file is mapped, so that whoever writes it
   sets the clock of a process that runs. The monotonic clock is left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *set_by_ms, *stands_at_us;

static volatile int64_t *mapped(const char *variable) {
  const char *path = getenv(variable);
  int file = path ? open(path, O_RDONLY) : -1;
  if (file < 0) return NULL;
  void *found = mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return found == MAP_FAILED ? NULL : found;
}

__attribute__((constructor)) static void map(void) {
  set_by_ms = mapped("CLOCK_SET_BY");
  stands_at_us = mapped("CLOCK_STANDS_AT");
  if (stands_at_us) prctl(PR_SET_PDEATHSIG, SIGKILL); // nobody moves its clock any more, and its timers would be due for ever
}

static void stand(struct timespec *now, int64_t at_us) {
  now->tv_sec = at_us / 1000000;
  now->tv_nsec = at_us % 1000000 * 1000;
}

static void shift(time_t *seconds, long *fraction, long a_second) {
  if (!set_by_ms) return;
  int64_t by = *set_by_ms;
  *seconds += by / 1000;
  *fraction += by % 1000 * (a_second / 1000);
  if (*fraction < 0) *fraction += a_second, *seconds -= 1;
  if (*fraction >= a_second) *fraction -= a_second, *seconds += 1;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, now);
  if (stands_at_us) stand(now, stands_at_us[clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE]);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) shift(&now->tv_sec, &now->tv_nsec, 1000000000L);
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec told;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &told) != 0) return -1;
  now->tv_sec = told.tv_sec;
  now->tv_usec = told.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *into) {
  struct timespec told;
  if (clock_gettime(CLOCK_REALTIME, &told) != 0) return -1;
  if (into) *into = told.tv_sec;
  return told.tv_sec;
}

FILE *fopen(const char *path, const char *mode) {
  static FILE *(*real)(const char *, const char *);
  if (!real) real = dlsym(RTLD_NEXT, "fopen");
  return real(stands_at_us && strcmp(path, "/proc/cpuinfo") == 0 ? "/dev/null" : path, mode);
}

FILE *fopen64(const char *path, const char *mode) { return fopen(path, mode); }
