// What jq asks of threads, for a program that has one: preview 1 has no threads, and its C library no such header.

#ifndef SECURE_EXEC_PTHREAD_H
#define SECURE_EXEC_PTHREAD_H

#define PTHREAD_ONCE_INIT 0

typedef int pthread_once_t;
typedef void *pthread_key_t;

static inline int pthread_once(pthread_once_t *once, void (*init)(void)) {
  if (!*once) {
    *once = 1;
    init();
  }
  return 0;
}

// A key is the value itself. Destructors run when a thread other than the first ends, so never.
static inline int pthread_key_create(pthread_key_t *key, void (*destructor)(void *)) {
  (void)destructor;
  *key = 0;
  return 0;
}

#define pthread_getspecific(key) (key)
#define pthread_setspecific(key, value) ((key) = (value), 0)

#endif
