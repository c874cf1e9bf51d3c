/* Loaded into a server by LD_PRELOAD, this notes in the folder POWER_NOTES what a power cut would leave of its files:
 *
 *   size.INODE   how long the file was when the last fsync or fdatasync that has returned was called
 *   names.INODE  the names and inodes that the directory had when its last fsync that has returned was called
 *   fsyncs       a byte for each that has returned
 *   kept.INODE   another link to a file that a rename or an unlink took the name of, for the names above
 *
 * sync_file_range notes nothing: it promises nothing. The server neither writes with O_DSYNC nor calls sync. What it
 * writes is appended, so that a length says all; where it shortens a file, the note is shortened with it. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, LIST_BYTES = 64 * 1024 };

/* The server's main thread, its background threads and its children's all come here. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void take_turn(void) { pthread_mutex_lock(&turn); }
static void end_turn(void) { pthread_mutex_unlock(&turn); }

/* A child that was forked while a thread had the turn would wait for it for ever. */
__attribute__((constructor)) static void begin(void) { pthread_atfork(take_turn, end_turn, end_turn); }

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

static int note_path(char *path, const char *kind, ino_t inode) {
    const char *folder = getenv("POWER_NOTES");
    return folder && snprintf(path, PATH_BYTES, "%s/%s.%lu", folder, kind, (unsigned long)inode) < PATH_BYTES;
}

static long long noted_size(int note) {
    char digits[32] = {0};
    return pread(note, digits, sizeof digits - 1, 0) > 0 ? atoll(digits) : 0;
}

/* `shorter` says which way the note may go: two fsyncs may return in another order than they were called. */
static void note_size(ino_t inode, long long size, int shorter) {
    char path[PATH_BYTES], digits[32];
    if (!note_path(path, "size", inode)) return;
    take_turn();
    int note = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (note >= 0) {
        long long before = noted_size(note);
        if (shorter ? size < before : size > before) {
            int length = snprintf(digits, sizeof digits, "%020lld", size);
            if (pwrite(note, digits, length, 0) != length) abort();
        }
        close(note);
    }
    end_turn();
}

static size_t list_names(int directory, char *list) {
    size_t length = 0;
    int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = again < 0 ? NULL : fdopendir(again);
    if (!names) return 0;
    for (struct dirent *entry; (entry = readdir(names));) {
        struct stat file;
        if (fstatat(directory, entry->d_name, &file, AT_SYMLINK_NOFOLLOW) || !S_ISREG(file.st_mode)) continue;
        length += snprintf(list + length, LIST_BYTES - length, "%lu %s\n", (unsigned long)file.st_ino, entry->d_name);
        if (length >= LIST_BYTES) abort();
    }
    closedir(names);
    return length;
}

static void note_names(ino_t inode, const char *list, size_t length) {
    char path[PATH_BYTES], half[PATH_BYTES + 8];
    if (!note_path(path, "names", inode)) return;
    int (*real_rename)(const char *, const char *) = next("rename");
    take_turn();
    snprintf(half, sizeof half, "%s.half", path);
    int note = open(half, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (note >= 0) {
        if (write(note, list, length) != (ssize_t)length) abort();
        close(note);
        real_rename(half, path);
    }
    end_turn();
}

static void count(void) {
    char path[PATH_BYTES];
    const char *folder = getenv("POWER_NOTES");
    if (!folder || snprintf(path, sizeof path, "%s/fsyncs", folder) >= PATH_BYTES) return;
    int note = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (note < 0) return;
    if (write(note, ".", 1) != 1) abort();
    close(note);
}

static int noting(const char *name, int fd) {
    int (*real)(int) = next(name);
    struct stat file;
    int known = fstat(fd, &file) == 0;
    char *list = NULL;
    size_t length = 0;
    if (known && S_ISDIR(file.st_mode) && (list = malloc(LIST_BYTES))) length = list_names(fd, list);
    int result = real(fd), error = errno;
    if (result == 0) count();
    if (result == 0 && known && S_ISREG(file.st_mode)) note_size(file.st_ino, file.st_size, 0);
    if (result == 0 && list) note_names(file.st_ino, list, length);
    free(list);
    errno = error;
    return result;
}

int fsync(int fd) { return noting("fsync", fd); }
int fdatasync(int fd) { return noting("fdatasync", fd); }

int ftruncate64(int fd, off64_t length) {
    int (*real)(int, off64_t) = next("ftruncate64");
    struct stat file;
    int result = real(fd, length), error = errno;
    if (result == 0 && fstat(fd, &file) == 0) note_size(file.st_ino, length, 1);
    errno = error;
    return result;
}

int truncate64(const char *path, off64_t length) {
    int (*real)(const char *, off64_t) = next("truncate64");
    struct stat file;
    int result = real(path, length), error = errno;
    if (result == 0 && stat(path, &file) == 0) note_size(file.st_ino, length, 1);
    errno = error;
    return result;
}

/* Also so that no inode is given to a new file, which would inherit the note. */
static void keep(const char *path) {
    char kept[PATH_BYTES];
    struct stat file;
    int error = errno;
    if (lstat(path, &file) == 0 && S_ISREG(file.st_mode) && note_path(kept, "kept", file.st_ino)) link(path, kept);
    errno = error;
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = next("rename");
    keep(from);
    keep(to);
    return real(from, to);
}

int unlink(const char *path) {
    int (*real)(const char *) = next("unlink");
    keep(path);
    return real(path);
}
